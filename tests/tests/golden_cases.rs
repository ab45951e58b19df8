//! Bounds of small networks against those of auto_LiRPA 0.7.1, in `f32` and `f64`.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::{BoundConfig, Bounds, Method, Norm, Specification, Verifier};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::spec_net::SpecNet;
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::test_device;
use serde_json::Value;

/// Sampled points of each image.
const POINTS: usize = 200;

/// By how much intervals may be wider on average where two implementations choose other tangents, as
/// a share of their width: what is tightest at each node need not be tightest in the end.
const CHOICE: f64 = 1e-4;

/// How our bounds compare to the reference's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Agreement {
    Equal,
    /// Nowhere looser, and somewhere tighter.
    Tighter,
    /// Another relaxation, which is no looser on average.
    NoWider,
}

/// The reference takes for the interval of a convolution on an L2 ball the norm of its whole
/// kernel, also where part of the kernel lies on the padding; ours leaves that part out. It takes
/// the same interval in its CROWN for a rectifier that follows the convolution at once.
fn agreement(case: &str, norm: Norm, method: Method) -> Agreement {
    match (case, norm, method) {
        ("cnn_stride_pad" | "resnet_small", Norm::L2, _) => Agreement::Tighter,
        ("cnn_batchnorm", Norm::L2, Method::Interval | Method::CrownIbp) => Agreement::Tighter,
        // It takes the ends of an interval and the minimum of GELU for its range, ours is exact.
        ("mlp_gelu", _, Method::Interval) => Agreement::Tighter,
        ("mlp_leaky_relu", ..) | (_, _, Method::Interval) => Agreement::Equal,
        (case, ..) if case.starts_with("elt_") || CHOOSING.contains(&case) => Agreement::NoWider,
        _ => Agreement::Equal,
    }
}

/// Networks with operators of which there are several good relaxations.
const CHOOSING: &[&str] = &[
    "mlp_tanh",
    "mlp_gelu",
    "lstm_4step",
    "lstm_4step_meanpool",
    "cnn_maxpool",
    "attention_only",
    "transformer_lnfull",
];

/// A case of `tests/fixtures/cases`, in one data type.
struct Golden<const D: usize> {
    name: &'static str,
    net: SpecNet<D>,
    input: Tensor<D>,
    labels: Vec<i64>,
    /// The largest difference that rounding explains, relative to the largest bound of a record.
    tolerance: f64,
    /// Those of the data type that are compared here.
    records: Vec<Record>,
}

struct Record {
    norm: Norm,
    epsilon: f64,
    method: Method,
    margins: bool,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cases")
        .join(case)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The numbers of nested lists.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        Value::Null => Vec::new(),
        value => vec![value.as_f64().unwrap()],
    }
}

impl Record {
    /// The record, if it is one of a method that this version has.
    fn read(value: &Value, dtype: &str) -> Option<Self> {
        let of_dtype = value["dtype"] == dtype && value["opts"] == "";
        if !of_dtype || !value["error"].is_null() || !value["suspect"].is_null() {
            return None;
        }
        Some(Self {
            norm: match &value["norm"] {
                norm if norm == "inf" => Norm::Linf,
                norm if *norm == 2 => Norm::L2,
                norm if *norm == 1 => Norm::L1,
                norm => panic!("norm {norm}"),
            },
            epsilon: value["eps"].as_f64().unwrap(),
            method: match value["method"].as_str().unwrap() {
                "IBP" => Method::Interval,
                "CROWN-IBP" => Method::CrownIbp,
                "CROWN" => Method::Crown,
                _ => return None,
            },
            margins: value["spec"] == "C",
            lower: flat(&value["lb"]),
            upper: flat(&value["ub"]),
        })
    }
}

impl<const D: usize> Golden<D> {
    fn load(name: &'static str, dtype_name: &str, dtype: DType, tolerance: f64) -> Self {
        let (folder, device) = (folder(name), test_device());
        let net = SpecNet::<D>::load(&folder, dtype, &device);
        let io = TensorFile::open(folder.join("io.safetensors"));
        let (values, shape) = io.values(&format!("input.{dtype_name}"));
        let input = Tensor::from_data(TensorData::new(values, shape), (&device, dtype));
        let (outputs, _) = io.values(&format!("output.{dtype_name}"));
        let largest = largest(&outputs);
        for (ours, theirs) in to_vec(net.forward(input.clone())).iter().zip(&outputs) {
            assert!(
                (ours - theirs).abs() <= tolerance * largest,
                "output {ours}, not {theirs}"
            );
        }
        let labels = flat(&json(&folder.join("spec.json"))["labels_for_C"]);
        let bounds = json(&folder.join("bounds.json"));
        let records = bounds["results"].as_array().unwrap();
        Self {
            name,
            net,
            input,
            labels: labels.iter().map(|&label| label as i64).collect(),
            tolerance,
            records: records
                .iter()
                .filter_map(|record| Record::read(record, dtype_name))
                .collect(),
        }
    }

    fn bounds(&self, record: &Record, all_neurons: bool) -> Bounds {
        let config = BoundConfig::new(record.method).with_all_neurons(all_neurons);
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

    fn check(&self) {
        for record in &self.records {
            let what = format!(
                "{} {} {:?} {} {}",
                self.name,
                record.method,
                record.norm,
                record.epsilon,
                if record.margins { "margins" } else { "outputs" }
            );
            let slack = self.tolerance * largest(&[&record.lower[..], &record.upper].concat());
            // The reference bounds every neuron of these networks by a backward pass.
            let textbook = self.bounds(record, true);
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
            if record.method == Method::Crown {
                // Theory gives no order between the default and the textbook form.
                let default = self.bounds(record, false);
                self.check_sound(&default, &values, slack, &format!("{what}, default"));
            }
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

fn mean_width(lower: &[f64], upper: &[f64]) -> f64 {
    let widths = upper.iter().zip(lower).map(|(upper, lower)| upper - lower);
    widths.sum::<f64>() / lower.len() as f64
}

fn largest(values: &[f64]) -> f64 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Compares a case in both data types, which must hold `records` figures each.
fn check<const D: usize>(name: &'static str, records: usize) {
    // A division by a small deviation makes rounding larger.
    let amplified = if name == "transformer_lnfull" {
        30.0
    } else {
        1.0
    };
    for (dtype_name, dtype, tolerance) in [("f32", DType::F32, 1e-5), ("f64", DType::F64, 1e-12)] {
        let tolerance = tolerance * amplified;
        let golden = Golden::<D>::load(name, dtype_name, dtype, tolerance);
        assert_eq!(
            golden.records.len(),
            records,
            "figures of {name} in {dtype_name}"
        );
        golden.check();
    }
}

#[test]
fn multilayer_perceptron() {
    check::<2>("mlp_relu", 42);
}

#[test]
fn convolutions_with_stride_and_padding() {
    check::<4>("cnn_stride_pad", 12);
}

#[test]
fn convolutions_with_batch_norm() {
    check::<4>("cnn_batchnorm", 12);
}

#[test]
fn convolutions_with_average_pooling() {
    check::<4>("cnn_avgpool", 9);
}

#[test]
fn residual_network() {
    check::<4>("resnet_small", 12);
}

#[test]
fn leaky_rectifiers() {
    check::<2>("mlp_leaky_relu", 12);
}

#[test]
fn hyperbolic_tangents() {
    check::<2>("mlp_tanh", 12);
}

#[test]
fn gaussian_error_linear_units() {
    check::<2>("mlp_gelu", 9);
}

#[test]
fn functions_of_one_element() {
    check::<2>("elt_exp", 12);
    check::<2>("elt_log", 9);
    check::<2>("elt_sqrt", 9);
    check::<2>("elt_reciprocal", 9);
    check::<2>("elt_pow2", 12);
}

#[test]
fn products_and_quotients() {
    check::<2>("elt_mul", 12);
    check::<2>("elt_div", 9);
    check::<3>("elt_matmul", 9);
}

#[test]
fn recurrent_networks() {
    check::<3>("lstm_4step", 10);
    check::<3>("lstm_4step_meanpool", 6);
}

#[test]
fn softmax() {
    check::<2>("elt_softmax", 9);
}

#[test]
fn max_pooling() {
    check::<4>("cnn_maxpool", 9);
}

#[test]
fn attention() {
    check::<3>("attention_only", 12);
}

#[test]
fn transformer_block() {
    check::<3>("transformer_lnfull", 9);
}
