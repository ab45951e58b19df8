//! Burn's recurrent layers, attention, transformers and normalisations with an account of
//! rounding: the values in `f64` lie within the bounds in `f32`, and both data types' bounds are
//! hardly wider than plain ones.

use burn::module::Module;
use burn::nn::attention::{MhaInput, MultiHeadAttention, MultiHeadAttentionConfig};
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::nn::{
    GroupNorm, GroupNormConfig, InstanceNorm, InstanceNormConfig, Linear, Lstm, LstmConfig, SwiGlu,
    SwiGluConfig,
};
use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    Analysis, BoundConfig, Bounded, GraphCache, Method, Perturbation, Rounding, Specification,
    Statement,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::exact::data_types;
use crate::nets::linear;

const POSITIONS: usize = 3;
const WIDTH: usize = 4;
const METHODS: [Method; 3] = [Method::Interval, Method::CrownIbp, Method::Crown];

/// A module of Burn on sequences, and a linear layer.
trait Stock: Bounded {
    fn new() -> Self;

    fn forward(&self, x: Tensor<3>) -> Tensor<3>;
}

macro_rules! stock {
    ($name:ident, $module:ty, $new:expr, |$layer:ident, $x:ident| $forward:expr) => {
        #[derive(Module, Bounded, Debug)]
        struct $name {
            layer: $module,
            output: Linear,
        }

        impl $name {
            fn forward(&self, $x: Tensor<3>) -> Tensor<3> {
                let $layer = &self.layer;
                self.output.forward($forward)
            }
        }

        impl Stock for $name {
            fn new() -> Self {
                Self {
                    layer: $new,
                    output: linear(WIDTH, 2),
                }
            }

            fn forward(&self, x: Tensor<3>) -> Tensor<3> {
                $name::forward(self, x)
            }
        }
    };
}

stock!(
    LongShort,
    Lstm,
    LstmConfig::new(WIDTH, WIDTH, true).init(&test_device()),
    |layer, x| layer.forward(x, None).0
);
stock!(
    Gates,
    Gru,
    GruConfig::new(WIDTH, WIDTH, true).init(&test_device()),
    |layer, x| layer.forward(x, None)
);
stock!(
    Attention,
    MultiHeadAttention,
    MultiHeadAttentionConfig::new(WIDTH, 2).init(&test_device()),
    |layer, x| layer.forward(MhaInput::self_attn(x)).context
);
stock!(
    Transformer,
    TransformerEncoder,
    TransformerEncoderConfig::new(WIDTH, 8, 2, 1)
        .with_norm_first(true)
        .init(&test_device()),
    |layer, x| layer.forward(TransformerEncoderInput::new(x))
);
stock!(
    Groups,
    GroupNorm,
    GroupNormConfig::new(1, POSITIONS).init(&test_device()),
    |layer, x| layer.forward(x)
);
stock!(
    Instance,
    InstanceNorm,
    InstanceNormConfig::new(POSITIONS).init(&test_device()),
    |layer, x| layer.forward(x)
);
stock!(
    Swish,
    SwiGlu,
    SwiGluConfig::new(WIDTH, WIDTH).init(&test_device()),
    |layer, x| layer.forward(x)
);

/// The same network and input, whose numbers both data types hold.
fn made<M: Stock>(seed: u64, dtype: DType) -> (M, Tensor<3>) {
    let mut random = StdRng::seed_from_u64(seed);
    let net = map_parameters(M::new(), dtype, |path, _, values| {
        for value in values {
            let around = if path.ends_with("gamma") { 1.0 } else { 0.0 };
            *value = f64::from((around + random.random_range(-0.6..0.6)) as f32);
        }
    });
    let count = POSITIONS * WIDTH;
    let x: Vec<f32> = (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
    let x = TensorData::new(x, [1, POSITIONS, WIDTH]);
    (net, Tensor::from_data(x, (&test_device(), dtype)))
}

fn bounds(analysis: &Analysis, method: Method, rounding: Rounding) -> [Vec<f64>; 2] {
    let config = BoundConfig::new(method).with_rounding(rounding);
    let bounds = analysis.bounds(&Specification::Outputs, &config).unwrap();
    [to_vec(bounds.lower), to_vec(bounds.upper)]
}

/// The data types to bound in, what the bounds are about, and the data type of the values that
/// they have to hold.
struct Asked {
    dtypes: Vec<DType>,
    statement: Statement,
    reference: DType,
}

impl Asked {
    fn real() -> Self {
        Self {
            dtypes: data_types(),
            statement: Statement::RealNetwork,
            reference: DType::F64,
        }
    }

    /// In `f32` alone, in which Burn's recurrent layers collect their outputs.
    fn as_run() -> Self {
        let dtypes = data_types().into_iter();
        Self {
            dtypes: dtypes.filter(|&dtype| dtype == DType::F32).collect(),
            statement: Statement::AsRun,
            reference: DType::F32,
        }
    }
}

fn check<M: Stock>(name: &str, asked: &Asked) {
    let sound = Rounding::Sound(asked.statement);
    for &dtype in &asked.dtypes {
        let mut most = [0.0_f64; METHODS.len()];
        for seed in 0..4 {
            let radius = [0.0, 1e-6, 0.01, 0.1][seed as usize];
            let (net, input) = made::<M>(seed, dtype);
            let region = Perturbation::linf(radius);
            let analysis = GraphCache::new()
                .analyse(&net, input.clone(), &region)
                .unwrap();
            // Points of `f32`, whatever the data type.
            let (reference, center) = made::<M>(seed, asked.reference);
            let mut draw = StdRng::seed_from_u64(seed);
            let mut values = Vec::new();
            for _ in 0..16 {
                let near = |x: f64| {
                    let point = f64::from((x + draw.random_range(-1.0..=1.0) * radius) as f32);
                    if (point - x).abs() <= radius {
                        point
                    } else {
                        x
                    }
                };
                let point: Vec<f64> = to_vec(center.clone()).into_iter().map(near).collect();
                let point = TensorData::new(point, [1, POSITIONS, WIDTH]);
                let point = Tensor::<3>::from_data(point, (&test_device(), asked.reference));
                values.push(to_vec(reference.forward(point)));
            }
            for (at, method) in METHODS.into_iter().enumerate() {
                let [lower, upper] = bounds(&analysis, method, sound);
                let [plain_lower, plain_upper] = bounds(&analysis, method, Rounding::Plain);
                let what = format!("{name}, {method} in {dtype:?}, radius {radius}");
                for row in 0..lower.len() {
                    let (low, high) = (lower[row], upper[row]);
                    // In `f64` the reference rounds as well.
                    let known = values.iter().filter(|_| dtype == DType::F32);
                    for value in known.map(|values| values[row]) {
                        assert!(
                            low <= value && value <= high,
                            "{what}: {value} is not in [{low}, {high}]"
                        );
                    }
                    let width = (plain_upper[row] - plain_lower[row]).max(1.0);
                    let wider = (plain_lower[row] - low) + (high - plain_upper[row]);
                    assert!(wider.is_finite(), "{what}: [{low}, {high}]");
                    most[at] = most[at].max(wider / width);
                }
            }
        }
        let figures = most.map(|most| format!("{most:.1e}")).join(", ");
        eprintln!("{name} in {dtype:?}: wider by {figures} (IBP, CROWN-IBP, CROWN)");
        let allowed = if dtype == DType::F32 { 0.5 } else { 1e-8 };
        assert!(most.iter().all(|&most| most < allowed), "{name}: {most:?}");
    }
}

#[test]
fn recurrent_layers_are_accounted_for() {
    check::<LongShort>("LSTM", &Asked::as_run());
    check::<Gates>("GRU", &Asked::as_run());
}

#[test]
fn attention_is_accounted_for() {
    check::<Attention>("multi-head attention", &Asked::real());
    check::<Transformer>("transformer encoder", &Asked::real());
}

#[test]
fn normalisations_are_accounted_for() {
    check::<Groups>("group normalisation", &Asked::real());
    check::<Instance>("instance normalisation", &Asked::real());
    check::<Swish>("SwiGLU", &Asked::real());
}
