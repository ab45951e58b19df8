#![allow(clippy::unwrap_used)]
use std::path::{Path, PathBuf};
use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_crown::{BoundConfig, Method, Norm, Perturbation, Specification, Verifier};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::spec_net::SpecNet;
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::test_device;
use serde_json::Value;

fn floats(v: &Value) -> Vec<f64> {
    match v { Value::Array(a) => a.iter().flat_map(floats).collect(), v => vec![v.as_f64().unwrap()] }
}
fn explore<const D: usize>(case: &str) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases").join(case);
    let bounds: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("bounds.json")).unwrap()).unwrap();
    let spec: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("spec.json")).unwrap()).unwrap();
    let io = TensorFile::open(folder.join("io.safetensors"));
    let device = test_device();
    for (name, dtype) in [("f32", DType::F32), ("f64", DType::F64)] {
        let net = SpecNet::<D>::load(&folder, dtype, &device);
        let (v, s) = io.values(&format!("input.{name}"));
        let x = Tensor::<D>::from_data(TensorData::new(v, s), (&device, dtype));
        let y = to_vec(net.forward(x.clone()));
        let d = y.iter().zip(&io.values(&format!("output.{name}")).0).map(|(a,b)| (a-b).abs()).fold(0.0, f64::max);
        println!("{case} {name} output diff {d:.2e}");
        for r in bounds["results"].as_array().unwrap() {
            if r["dtype"] != name || !r["error"].is_null() { continue; }
            let method = match r["method"].as_str().unwrap() { "IBP" => Method::Interval, "CROWN-IBP" => Method::CrownIbp, "CROWN" => Method::Crown, _ => continue };
            let norm = match r["norm"].to_string().trim_matches('"') { "inf" => Norm::Linf, "2" => Norm::L2, "1" => Norm::L1, o => panic!("{o}") };
            let s = if r["spec"] == "I" { Specification::Outputs } else {
                let l: Vec<i64> = floats(&spec["labels_for_C"]).iter().map(|&v| v as i64).collect();
                Specification::Margins(Tensor::<1, Int>::from_data(l.as_slice(), &device)) };
            for all in [false, true] {
                if all && method != Method::Crown { continue; }
                let b = Verifier::new(net.clone()).with_config(BoundConfig::new(method).with_all_neurons(all)).bounds(x.clone(), &Perturbation::ball(norm, r["eps"].as_f64().unwrap()), &s).unwrap();
                let (lo, up) = (to_vec(b.lower), to_vec(b.upper));
                let scale = floats(&r["ub"]).iter().chain(&floats(&r["lb"])).fold(0.0f64, |a, b| a.max(b.abs()));
                let dl: Vec<f64> = lo.iter().zip(floats(&r["lb"])).map(|(a, b)| (a - b)/scale).collect();
                let du: Vec<f64> = up.iter().zip(floats(&r["ub"])).map(|(a, b)| (a - b)/scale).collect();
                let mm = |d: &[f64]| format!("{:.1e}..{:.1e}", d.iter().cloned().fold(f64::INFINITY, f64::min), d.iter().cloned().fold(f64::NEG_INFINITY, f64::max));
                println!("{case} {name} {norm:?} {} {method} all={all} {} lower {:?} upper {:?} scale {scale:.2}", r["eps"], r["spec"], mm(&dl), mm(&du));
            }
        }
    }
}
#[test] fn mlp_relu() { explore::<2>("mlp_relu") }
#[test] fn cnn_stride_pad() { explore::<4>("cnn_stride_pad") }
#[test] fn cnn_batchnorm() { explore::<4>("cnn_batchnorm") }
#[test] fn cnn_avgpool() { explore::<4>("cnn_avgpool") }
#[test] fn resnet_small() { explore::<4>("resnet_small") }
