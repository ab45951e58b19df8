//! The cases, and the records of auto_LiRPA's bounds.

use std::path::{Path, PathBuf};

use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{Method, Norm};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::spec_net::SpecNet;
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::test_device;
use serde_json::Value;

use crate::compare::largest;

/// A case of `tests/fixtures/cases`, in one data type.
pub(crate) struct Golden<const D: usize> {
    pub(crate) name: &'static str,
    pub(crate) net: SpecNet<D>,
    pub(crate) input: Tensor<D>,
    pub(crate) labels: Vec<i64>,
    /// The largest difference that rounding explains, relative to the largest bound of a record.
    pub(crate) tolerance: f64,
    /// Those of the data type that are compared here.
    pub(crate) records: Vec<Record>,
}

pub(crate) struct Record {
    pub(crate) norm: Norm,
    pub(crate) epsilon: f64,
    pub(crate) method: Method,
    pub(crate) margins: bool,
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
}

pub(crate) fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/cases")
        .join(case)
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The numbers of nested lists.
pub(crate) fn flat(value: &Value) -> Vec<f64> {
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
                "Forward" => Method::Forward,
                "Forward+Backward" => Method::ForwardBackward,
                _ => return None,
            },
            margins: value["spec"] == "C",
            lower: flat(&value["lb"]),
            upper: flat(&value["ub"]),
        })
    }
}

impl<const D: usize> Golden<D> {
    pub(crate) fn load(name: &'static str, dtype_name: &str, dtype: DType, tolerance: f64) -> Self {
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
}
