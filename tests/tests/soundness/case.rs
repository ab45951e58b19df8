//! Random networks with random regions and requests.

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::{BoundConfig, LowerSlope, Method, Specification};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::random_net::{RandomNet, Recipe, recipes};
use burn_crown_tests::regions::{RandomRegion, RegionRecipe, region_recipes};
use burn_crown_tests::rows::{apply, identity_rows, margin_rows};
use burn_crown_tests::test_device;
use proptest::prelude::*;

/// How far rounding may take a bound from a value, in units of the data type's epsilon times the
/// sum of the absolute values of all terms. A sum of 72 terms, the widest here, is off by 36 units
/// at worst; a value and a bound have one such error each, and the errors of the layers before
/// reach them with all signs.
pub(crate) const ROUNDING: f64 = 72.0;

/// What a bound may take a dual norm of zero for: a floor under the norm, relative to the largest
/// weight.
pub(crate) const NORM_FLOOR: f64 = 1e-13;

/// Every method that gives bounds, with every option.
pub(crate) fn configs() -> Vec<BoundConfig> {
    let slopes = [
        LowerSlope::Adaptive,
        LowerSlope::Same,
        LowerSlope::Zero,
        LowerSlope::One,
    ];
    let linear = slopes.into_iter().flat_map(|slope| {
        let config = move |method| BoundConfig::new(method).with_slope(slope);
        [
            config(Method::CrownIbp),
            config(Method::Crown),
            config(Method::Crown).with_all_neurons(true),
        ]
    });
    // The relaxations are those of the other methods: two slopes, and the options, are enough.
    let forward = [(LowerSlope::Adaptive, false), (LowerSlope::One, true)];
    let forward = forward.into_iter().flat_map(|(slope, textbook)| {
        let config = |method| BoundConfig::new(method).with_slope(slope);
        [Method::Forward, Method::ForwardBackward]
            .map(|method| config(method).with_all_neurons(textbook))
    });
    [Method::Interval, Method::ConvexAdversarial]
        .map(BoundConfig::new)
        .into_iter()
        .chain(linear)
        .chain(forward)
        .collect()
}

/// What is asked of the output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Outputs,
    Margins,
    Linear,
}

/// A random network, region and request.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) region: RegionRecipe,
    pub(crate) batch: usize,
    pub(crate) asked: Asked,
    pub(crate) seed: u64,
    pub(crate) dtype: DType,
}

/// Cases of networks from these recipes. Most are in `f64`, where next to nothing is allowed for
/// rounding.
pub(crate) fn cases(recipes: impl Strategy<Value = Vec<Recipe>>) -> impl Strategy<Value = Case> {
    let asked = prop::sample::select(vec![Asked::Outputs, Asked::Margins, Asked::Linear]);
    let dtype = prop::sample::select(vec![DType::F64, DType::F64, DType::F32]);
    let parts = (
        recipes,
        region_recipes(),
        1..=3usize,
        asked,
        any::<u64>(),
        dtype,
    );
    parts.prop_map(|(recipes, region, batch, asked, seed, dtype)| Case {
        recipes,
        region,
        batch,
        asked,
        seed,
        dtype,
    })
}

/// Cases of whole networks.
pub(crate) fn networks() -> impl Strategy<Value = Case> {
    cases(recipes(3))
}

impl Case {
    /// The network and the region for inputs `[1, features...]`.
    pub(crate) fn network_and_region<const D: usize>(
        &self,
        features: [usize; D],
    ) -> (RandomNet<D>, RandomRegion<D>) {
        let device = test_device();
        let mut dims = features;
        dims[0] = self.batch;
        let net = RandomNet::new(&self.recipes, features, self.seed, self.dtype, &device);
        let region = RandomRegion::new(&self.region, dims, self.seed, self.dtype, &device);
        (net, region)
    }

    /// The rows `[B, S, O]` of the request, and the request.
    pub(crate) fn specify(&self, outputs: usize) -> (Vec<f64>, Specification) {
        let batch = self.batch;
        match self.asked {
            Asked::Margins if outputs > 1 => {
                let labels: Vec<i64> = (0..batch).map(|image| (image % outputs) as i64).collect();
                let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &test_device());
                (margin_rows(batch, outputs), Specification::Margins(labels))
            }
            Asked::Linear => {
                let rows: Vec<f64> = (0..batch * 2 * outputs)
                    .map(|at| (at * 7 % 5) as f64 * 0.5 - 1.0)
                    .collect();
                let specification = self.linear(&rows, outputs);
                (rows, specification)
            }
            _ => (identity_rows(batch, outputs), Specification::Outputs),
        }
    }

    /// Rows `[B, S, O]` as a specification.
    pub(crate) fn linear(&self, rows: &[f64], outputs: usize) -> Specification {
        let shape = [self.batch, rows.len() / self.batch / outputs, outputs];
        let data = TensorData::new(rows.to_vec(), shape);
        Specification::Linear(Tensor::from_data(data, (&test_device(), self.dtype)))
    }

    /// What rounding may take from each bound, `[B, S]`.
    pub(crate) fn allowed<const D: usize>(
        &self,
        net: &RandomNet<D>,
        region: &RandomRegion<D>,
        rows: &[f64],
    ) -> Vec<f64> {
        let sizes = net.magnitude().forward(region.largest());
        let outputs = sizes.dims()[1];
        let absolute: Vec<f64> = rows.iter().map(|value| value.abs()).collect();
        let epsilon = match self.dtype {
            DType::F64 => f64::EPSILON,
            _ => f64::from(f32::EPSILON),
        };
        apply(&absolute, &to_vec(sizes), self.batch, outputs)
            .iter()
            .map(|size| ROUNDING * epsilon * size)
            .collect()
    }
}
