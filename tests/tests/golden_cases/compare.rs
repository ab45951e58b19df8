//! Our bounds beside a record.

use burn::tensor::{Int, Tensor};
use burn_crown::{BoundConfig, Bounds, Method, Specification, Verifier};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::test_device;

use crate::agreement::{Agreement, CHOICE, agreement, is_forward};
use crate::record::{Golden, Record};

/// Sampled points of each image.
const POINTS: usize = 200;

impl<const D: usize> Golden<D> {
    /// Bounds of what a record bounds, by a method.
    fn bounds(&self, record: &Record, method: Method, all_neurons: bool) -> Bounds {
        let config = BoundConfig::new(method).with_all_neurons(all_neurons);
        let specification = if record.margins {
            Specification::Margins(Tensor::<1, Int>::from_data(
                self.labels.as_slice(),
                &test_device(),
            ))
        } else {
            Specification::Outputs
        };
        let region = self.region(record);
        let verifier = Verifier::new(self.net.clone()).with_config(config);
        verifier
            .bounds(self.input.clone(), &region.perturbation, &specification)
            .unwrap()
    }

    fn region(&self, record: &Record) -> RandomRegion<D> {
        RandomRegion::ball(self.input.clone(), record.norm, record.epsilon)
    }

    /// The values `[points · B, S]` of what the record bounds.
    fn sample(&self, record: &Record) -> Vec<f64> {
        let outputs = self.net.forward(self.region(record).points(POINTS, 7));
        let (width, batch) = (outputs.dims()[1], self.input.dims()[0]);
        let outputs = to_vec(outputs);
        if !record.margins {
            return outputs;
        }
        let margins = |(point, y): (usize, &[f64])| -> Vec<f64> {
            let label = self.labels[point % batch] as usize;
            let others = (0..width).filter(|&other| other != label);
            others.map(|other| y[label] - y[other]).collect()
        };
        outputs
            .chunks(width)
            .enumerate()
            .flat_map(margins)
            .collect()
    }

    pub(crate) fn check(&self) {
        for record in &self.records {
            let what = format!("{} {}", describe(self.name, record), record.method);
            let slack = self.tolerance * largest(&[&record.lower[..], &record.upper].concat());
            // The reference bounds every neuron of these networks by a backward pass.
            let textbook = self.bounds(record, record.method, true);
            let gains = Gains::new(&textbook, record);
            let agreement = agreement(self.name, record.norm, record.method);
            assert!(
                gains.least >= -slack || agreement == Agreement::NoWider,
                "{what}: looser by {:e}",
                -gains.least
            );
            match agreement {
                Agreement::Equal => {
                    assert!(gains.most <= slack, "{what}: tighter by {:e}", gains.most);
                }
                Agreement::Tighter => assert!(gains.most > 1e-4, "{what}: not tighter"),
                Agreement::NoWider => {
                    let (ours, theirs) = (
                        mean_width(
                            &to_vec(textbook.lower.clone()),
                            &to_vec(textbook.upper.clone()),
                        ),
                        mean_width(&record.lower, &record.upper),
                    );
                    eprintln!("{what}: mean width {ours:.6}, reference {theirs:.6}");
                    assert!(
                        ours <= theirs * (1.0 + CHOICE) + slack,
                        "{what}: {ours} wide, not {theirs}"
                    );
                }
            }
            let values = self.sample(record);
            self.check_sound(&textbook, &values, slack, &what);
            if record.method == Method::Crown || is_forward(record.method) {
                // Theory gives no order between the default and the textbook form.
                let default = self.bounds(record, record.method, false);
                self.check_sound(&default, &values, slack, &format!("{what}, default"));
            }
            if record.method == Method::Crown {
                for method in [Method::Forward, Method::ForwardBackward] {
                    self.check_without_figures(record, method, &values);
                }
            }
        }
    }

    /// Checks that a method is sound where the reference has CROWN's figures, but none or wrong ones
    /// of this method.
    fn check_without_figures(&self, record: &Record, method: Method, values: &[f64]) {
        if self.records.iter().any(|record| record.method == method) {
            return;
        }
        for all_neurons in [true, false] {
            let bounds = self.bounds(record, method, all_neurons);
            let (lower, upper) = (to_vec(bounds.lower.clone()), to_vec(bounds.upper.clone()));
            let slack = self.tolerance * largest(&[&lower[..], &upper].concat());
            let what = format!("{} {method}", describe(self.name, record));
            eprintln!("{what}: mean width {:.6}", mean_width(&lower, &upper));
            self.check_sound(&bounds, values, slack, &what);
        }
    }

    fn check_sound(&self, bounds: &Bounds, values: &[f64], slack: f64, what: &str) {
        let (lower, upper) = (to_vec(bounds.lower.clone()), to_vec(bounds.upper.clone()));
        for (at, value) in values.iter().enumerate() {
            let (lower, upper) = (lower[at % lower.len()], upper[at % upper.len()]);
            let inside = lower - slack <= *value && *value <= upper + slack;
            assert!(inside, "{what}: {value} is not in [{lower}, {upper}]");
        }
    }
}

/// By how much our bounds are tighter than the reference's.
struct Gains {
    least: f64,
    most: f64,
}

impl Gains {
    fn new(ours: &Bounds, theirs: &Record) -> Self {
        let (lower, upper) = (to_vec(ours.lower.clone()), to_vec(ours.upper.clone()));
        assert_eq!(
            (lower.len(), upper.len()),
            (theirs.lower.len(), theirs.upper.len())
        );
        let gains: Vec<f64> = lower
            .iter()
            .zip(&theirs.lower)
            .map(|(ours, theirs)| ours - theirs)
            .chain(
                upper
                    .iter()
                    .zip(&theirs.upper)
                    .map(|(ours, theirs)| theirs - ours),
            )
            .collect();
        assert!(gains.iter().all(|gain| gain.is_finite()));
        Self {
            least: gains.iter().copied().fold(f64::INFINITY, f64::min),
            most: gains.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

pub(crate) fn describe(case: &str, record: &Record) -> String {
    let what = if record.margins { "margins" } else { "outputs" };
    format!("{case} {:?} {} {what}", record.norm, record.epsilon)
}

fn mean_width(lower: &[f64], upper: &[f64]) -> f64 {
    let widths = upper.iter().zip(lower).map(|(upper, lower)| upper - lower);
    widths.sum::<f64>() / lower.len() as f64
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}
