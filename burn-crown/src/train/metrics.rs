//! Metrics of certified training for Burn's dashboard.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::tensor::{Bool, Tensor, TensorReadError};
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes,
    NumericEntry, SerializedEntry,
};

use super::{Coefficients, RobustOutput, classified};

/// The share of samples that the model classifies wrongly, in %.
///
/// NaN for a step without [outputs](RobustOutput::logits), and for an epoch with such a step.
pub type CleanErrorMetric = RobustMetric<CleanError>;

/// The share of samples that are not verified, in %.
///
/// Training counts at the step's ε and by the bound that is trained; validation counts at the
/// evaluation's. Give the metric a name that says which, with [`RobustMetric::with_name`].
pub type VerifiedErrorMetric = RobustMetric<VerifiedError>;

/// The natural cross-entropy, whatever the loss is.
///
/// NaN for a step without [outputs](RobustOutput::logits), and for an epoch with such a step.
pub type NaturalLossMetric = RobustMetric<NaturalLoss>;

/// The perturbation radius ε.
pub type EpsilonMetric = RobustMetric<Epsilon>;

/// The share κ of the natural loss.
pub type KappaMetric = RobustMetric<Kappa>;

/// The share β of the CROWN bound.
pub type BetaMetric = RobustMetric<Beta>;

/// The share of ReLU inputs whose sign is open under interval bounds, in %.
pub type UnstableMetric = RobustMetric<Unstable>;

/// A quantity that each batch has, and of which an epoch has the mean.
pub trait Quantity: Send + Sync + 'static {
    /// The metric's name on the dashboard.
    const NAME: &'static str;
    /// What the metric says.
    const DESCRIPTION: &'static str;
    /// The unit, if there is one.
    const UNIT: Option<&'static str>;

    /// The quantity of a batch.
    fn measure(output: &RobustOutput) -> Measurement;
}

/// The value of a [`Quantity`] for one batch.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each metric of a batch"
)]
pub enum Measurement {
    /// A number that is known on the host.
    Number(f64),
    /// A tensor `[1]` that is read when the metric is updated.
    Tensor(Tensor<1>),
}

/// Of what a batch does not have.
const NOTHING: Measurement = Measurement::Number(f64::NAN);

/// What a [`RobustMetric`] is updated with.
#[derive(Clone, Debug)]
pub struct RobustMetricInput<Q> {
    measurement: Measurement,
    /// The samples that the measurement is a mean of.
    samples: usize,
    quantity: PhantomData<Q>,
}

/// A metric of one [`Quantity`].
pub struct RobustMetric<Q> {
    name: MetricName,
    state: NumericMetricState,
    quantity: PhantomData<Q>,
}

impl<Q: Quantity> RobustMetric<Q> {
    /// The metric under its own name.
    pub fn new() -> Self {
        Self {
            name: Arc::new(Q::NAME.to_string()),
            state: NumericMetricState::new(),
            quantity: PhantomData,
        }
    }

    /// The metric under another name.
    ///
    /// Burn's loggers make a file name of it.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Arc::new(name.into());
        self
    }

    fn format(&self) -> FormatOptions {
        let format = FormatOptions::new(self.name.clone()).precision(3);
        match Q::UNIT {
            Some(unit) => format.unit(unit),
            None => format,
        }
    }
}

impl<Q: Quantity> Default for RobustMetric<Q> {
    fn default() -> Self {
        Self::new()
    }
}

// Not derived: a derive would ask the same of the quantity, which is only a name.
impl<Q> Clone for RobustMetric<Q> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            state: self.state.clone(),
            quantity: PhantomData,
        }
    }
}

impl<Q: Quantity> Metric for RobustMetric<Q> {
    type Input = RobustMetricInput<Q>;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn description(&self) -> Option<String> {
        Some(Q::DESCRIPTION.to_string())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Q::UNIT.map(str::to_string),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        input: &Self::Input,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let value = match &input.measurement {
            Measurement::Number(value) => *value,
            Measurement::Tensor(tensor) => tensor.clone().try_into_scalar::<f64>()?,
        };
        self.state.update(value, input.samples);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl<Q: Quantity> Numeric for RobustMetric<Q> {
    fn value(&self) -> Option<NumericEntry> {
        Some(self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        Some(self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}

impl<Q: Quantity> Adaptor<RobustMetricInput<Q>> for RobustOutput {
    fn adapt(&self) -> RobustMetricInput<Q> {
        let [samples] = self.labels.dims();
        RobustMetricInput {
            measurement: Q::measure(self),
            samples,
            quantity: PhantomData,
        }
    }
}

/// Which quantity a [`CleanErrorMetric`] measures.
#[derive(Clone, Copy, Debug)]
pub struct CleanError;

impl Quantity for CleanError {
    const NAME: &'static str = "Clean Error";
    const DESCRIPTION: &'static str = "Share of samples that are classified wrongly";
    const UNIT: Option<&'static str> = Some("%");

    fn measure(output: &RobustOutput) -> Measurement {
        let wrong = |logits| percentage_without(classified(logits, output.labels.clone()));
        output.logits.clone().map_or(NOTHING, wrong)
    }
}

/// Which quantity a [`VerifiedErrorMetric`] measures.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedError;

impl Quantity for VerifiedError {
    const NAME: &'static str = "Verified Error";
    const DESCRIPTION: &'static str = "Share of samples that are not verified";
    const UNIT: Option<&'static str> = Some("%");

    fn measure(output: &RobustOutput) -> Measurement {
        percentage_without(output.verified.clone())
    }
}

/// Which quantity a [`NaturalLossMetric`] measures.
#[derive(Clone, Copy, Debug)]
pub struct NaturalLoss;

impl Quantity for NaturalLoss {
    const NAME: &'static str = "Natural Loss";
    const DESCRIPTION: &'static str = "Cross-entropy of the outputs, without bounds";
    const UNIT: Option<&'static str> = None;

    fn measure(output: &RobustOutput) -> Measurement {
        let mean = |loss: Tensor<1>| Measurement::Tensor(loss.mean());
        output.natural_loss().map_or(NOTHING, mean)
    }
}

/// Which quantity an [`UnstableMetric`] measures.
#[derive(Clone, Copy, Debug)]
pub struct Unstable;

impl Quantity for Unstable {
    const NAME: &'static str = "Unstable Neurons";
    const DESCRIPTION: &'static str =
        "Share of ReLU inputs whose sign is open under interval bounds";
    const UNIT: Option<&'static str> = Some("%");

    fn measure(output: &RobustOutput) -> Measurement {
        Measurement::Tensor(output.unstable_share.clone().mul_scalar(100))
    }
}

fn percentage_without(samples: Tensor<1, Bool>) -> Measurement {
    Measurement::Tensor(samples.bool_not().float().mean().mul_scalar(100))
}

/// Declares the metric of one coefficient of the loss.
macro_rules! coefficient {
    ($quantity:ident, $metric:ident, $field:ident, $name:literal, $description:literal) => {
        #[doc = concat!("Which quantity a [`", stringify!($metric), "`] measures.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $quantity;

        impl Quantity for $quantity {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const UNIT: Option<&'static str> = None;

            fn measure(output: &RobustOutput) -> Measurement {
                let Coefficients { $field, .. } = output.coefficients;
                Measurement::Number($field)
            }
        }
    };
}

coefficient!(
    Epsilon,
    EpsilonMetric,
    epsilon,
    "Epsilon",
    "Perturbation radius"
);
coefficient!(
    Kappa,
    KappaMetric,
    kappa,
    "Kappa",
    "Share of the natural loss"
);
coefficient!(Beta, BetaMetric, beta, "Beta", "Share of the CROWN bound");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use burn::data::dataloader::Progress;
    use burn::tensor::{Device, Int};
    use burn::train::metric::ItemLazy;

    /// Four samples, of which two are classified wrongly and three are not verified.
    fn output() -> RobustOutput {
        let device = Device::flex();
        RobustOutput {
            loss: Tensor::from_floats([1.0, 2.0, 3.0, 4.0], &device),
            logits: Some(Tensor::from_floats(
                [[2.0, 1.0], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]],
                &device,
            )),
            labels: Tensor::<1, Int>::from_ints([0, 1, 1, 0], &device),
            verified: Tensor::from_data([true, false, false, false], &device),
            unstable_share: Tensor::from_floats([0.125], &device),
            coefficients: Coefficients {
                epsilon: 0.3,
                kappa: 0.75,
                beta: 0.5,
            },
        }
    }

    fn metadata() -> MetricMetadata {
        MetricMetadata {
            progress: Progress::new(1, 1, None),
            iteration: Some(0),
            lr: None,
        }
    }

    fn value<Q: Quantity>(output: &RobustOutput) -> f64 {
        let mut metric = RobustMetric::<Q>::new();
        metric.update(&output.adapt(), &metadata()).unwrap();
        metric.value().unwrap().current()
    }

    #[test]
    fn each_metric_measures_its_quantity() {
        let output = output().sync().unwrap();
        assert_eq!(value::<CleanError>(&output), 50.0);
        assert_eq!(value::<VerifiedError>(&output), 75.0);
        assert_eq!(value::<Unstable>(&output), 12.5);
        // Each sample's outputs differ by 1; that of the label is larger in two of four.
        let (right, wrong) = ((-1.0_f64).exp().ln_1p(), 1.0_f64.exp().ln_1p());
        let expected = 0.5 * (right + wrong);
        assert!((value::<NaturalLoss>(&output) - expected).abs() < 1e-6);
        assert_eq!(value::<Epsilon>(&output), 0.3);
        assert_eq!(value::<Kappa>(&output), 0.75);
        assert_eq!(value::<Beta>(&output), 0.5);
    }

    #[test]
    fn what_is_of_the_outputs_is_not_a_number_without_them() {
        let without = RobustOutput {
            logits: None,
            ..output()
        };
        assert!(value::<CleanError>(&without).is_nan() && value::<NaturalLoss>(&without).is_nan());
        assert_eq!(value::<VerifiedError>(&without), 75.0);
        // Nor has an epoch a mean with such a batch in it.
        let mut metric = CleanErrorMetric::new();
        metric.update(&output().adapt(), &metadata()).unwrap();
        metric.update(&without.adapt(), &metadata()).unwrap();
        assert!(metric.final_value().current().is_nan());
    }

    #[test]
    fn an_epoch_weighs_batches_by_their_samples() {
        let device = Device::flex();
        let mut metric = VerifiedErrorMetric::new();
        let mut small = output();
        small.logits = small.logits.map(|logits| logits.narrow(0, 0, 1));
        small.labels = small.labels.narrow(0, 0, 1);
        small.verified = Tensor::from_data([true], &device);
        metric.update(&output().adapt(), &metadata()).unwrap();
        metric.update(&small.adapt(), &metadata()).unwrap();
        assert_eq!(metric.value().unwrap().current(), 0.0);
        assert_eq!(metric.running_value().unwrap().current(), 60.0);
        assert_eq!(metric.final_value().current(), 60.0);
        assert!(metric.compute().unwrap().formatted.contains('%'));
        metric.clear();
        metric.update(&small.adapt(), &metadata()).unwrap();
        assert_eq!(metric.final_value().current(), 0.0);
    }

    #[test]
    fn smaller_is_better_and_names_can_be_chosen() {
        let metric = VerifiedErrorMetric::new();
        assert_eq!(metric.name().as_str(), "Verified Error");
        assert_eq!(metric.with_name("Other").name().as_str(), "Other");
        let MetricAttributes::Numeric(attributes) = CleanErrorMetric::new().attributes() else {
            panic!("the metric is numeric");
        };
        assert!(!attributes.higher_is_better);
        assert_eq!(attributes.unit.as_deref(), Some("%"));
    }
}
