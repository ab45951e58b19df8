//! The fused loss against that of auto_LiRPA.

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, TensorData};
use burn::train::TrainStep;
use burn_crown::train::{EpsilonSchedule, RobustBatch, RobustLearner, RobustLoss, RobustObjective};
use burn_crown::{BoundConfig, Bounded, Method, Perturbation, Statistics};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::spec_net::SpecNet;
use burn_crown_tests::tensors::TensorFile;
use burn_crown_tests::test_device;
use serde_json::Value;

use crate::agreement::CHOICE;
use crate::record::{flat, folder, json};

/// A network whose outputs alone are trained: batch normalisation keeps its running statistics.
#[derive(Module, Bounded, Debug)]
struct Trained<const D: usize> {
    net: SpecNet<D>,
    /// 0 for all outputs.
    shift: Param<Tensor<1>>,
}

impl<const D: usize> Trained<D> {
    fn forward(&self, images: Tensor<D>) -> Tensor<2> {
        let outputs = self.net.forward(images);
        outputs + self.shift.val().unsqueeze()
    }
}

/// The fused losses of a record's images by a method alone, without a share of intervals.
fn losses<const D: usize>(record: &Value, method: Method) -> Vec<f64> {
    let device = test_device().autodiff();
    let (name, dtype_name) = (
        record["case"].as_str().unwrap(),
        record["dtype"].as_str().unwrap(),
    );
    let dtype = match dtype_name {
        "f32" => DType::F32,
        _ => DType::F64,
    };
    let folder = folder(name);
    let net = SpecNet::<D>::load(&folder, dtype, &device).freeze();
    let shift = Tensor::zeros([1], (&device, dtype));
    let net = Trained {
        net,
        shift: Param::from_tensor(shift),
    };
    let io = TensorFile::open(folder.join("io.safetensors"));
    let (values, shape) = io.values(&format!("input.{dtype_name}"));
    let images = Tensor::from_data(TensorData::new(values, shape), (&device, dtype));
    let labels: Vec<i64> = flat(&record["labels"])
        .iter()
        .map(|&label| label as i64)
        .collect();
    let labels = Tensor::from_data(labels.as_slice(), &device);

    let schedule = EpsilonSchedule::new(record["eps"].as_f64().unwrap());
    let objective = RobustObjective::new(Perturbation::linf(0.0), schedule)
        .with_bound(BoundConfig::new(method))
        .with_final_beta(1.0)
        .with_loss(RobustLoss::Fused);
    let learner = RobustLearner::<_, D>::new(net, objective).with_statistics(Statistics::Running);
    to_vec(
        TrainStep::step(&learner, RobustBatch::new(images, labels, 0))
            .item
            .loss,
    )
}

#[test]
fn fused_losses_equal_those_of_auto_lirpa() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/loss_fusion.json");
    let records = json(&path);
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 16);
    for record in records {
        let name = record["case"].as_str().unwrap();
        let tolerance = if record["dtype"] == "f32" {
            1e-6
        } else {
            1e-12
        };
        let attained = flat(&record["sampled_worst_ce"]);
        for (key, method) in [("IBP", Method::Interval), ("CROWN-IBP", Method::CrownIbp)] {
            let found = match name.starts_with("mlp") {
                true => losses::<2>(record, method),
                false => losses::<4>(record, method),
            };
            let theirs = flat(&record[format!("{key}.fused_robust_ce")]);
            assert_eq!(found.len(), theirs.len());
            for (image, (found, theirs)) in found.iter().zip(&theirs).enumerate() {
                let what = format!(
                    "{name} {} ε {} image {image}, {key}",
                    record["dtype"], record["eps"]
                );
                let off = found / theirs - 1.0;
                eprintln!("{what}: {found}, auto_LiRPA has {theirs}, off by {off:.1e}");
                // Two implementations choose other tangents of tanh.
                match (name, method) {
                    ("mlp_tanh", Method::CrownIbp) => assert!(off <= CHOICE, "{what}: {off:e}"),
                    _ => assert!(off.abs() <= tolerance, "{what}: {off:e}"),
                }
                assert!(*found >= attained[image] * (1.0 - tolerance), "{what}");
            }
        }
    }
}
