//! Experiment files and certificates that say what cannot be.

use burn::tensor::Device;
use burn_crown::certificate::ModelIdentity;
use burn_crown::{BoundConfig, Method, Norm};
use crown_ibp::certificates::{Checker, Issuer, Verdict, read};
use crown_ibp::config::ExperimentConfig;
use crown_ibp::data::{DatasetName, Digits};
use crown_ibp::device::{parse, parse_devices};
use crown_ibp::models::{MlpAnyConfig, ModelConfig};
use crown_ibp::precision::Precision;
use crown_ibp::region::certified_region;
use serde_json::{Value, json};

use crate::outcome::{Outcome, Row, must_refuse, same_kind};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`ExperimentConfig`",
        input: "a text that is no JSON, also a NaN in it",
        run: || {
            let text = experiment("/dataset", json!("digits")).replace("0.1", "NaN");
            same_kind(["", "[", "[1]", &text].map(refuses))
        },
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a number that no f64 holds",
        run: || refuses(&experiment("/dataset", json!("digits")).replace("0.1", "1e999")),
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a negative radius, of training or of evaluation",
        run: || {
            refuses(&experiment("/training_params/epsilon", json!(-0.1)));
            refuses(&experiment("/eval_params/epsilon", json!(-0.1)))
        },
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a batch size of 0",
        run: || {
            refuses(&experiment(
                "/training_params/loader_params/batch_size",
                json!(0),
            ))
        },
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a text in place of a number",
        run: || refuses(&experiment("/training_params/epsilon", json!("large"))),
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a model of fewer classes than the dataset has",
        run: || refuses(&experiment("/models/0/model_params/out_dim", json!(1))),
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a share outside 0 to 1",
        run: || {
            refuses(&experiment(
                "/training_params/method_params/final-kappa",
                json!(2.0),
            ))
        },
    },
    Row {
        entry: "`ExperimentConfig`",
        input: "a key that is not known",
        run: || refuses(&experiment("/training_params/epsilom", json!(0.1))),
    },
    Row {
        entry: "`device::parse`, `parse_devices`",
        input: "a device that there is not",
        run: || {
            same_kind([
                must_refuse(parse(Some("abacus"))),
                must_refuse(parse_devices("flex,abacus")),
            ])
        },
    },
    Row {
        entry: "`device::parse_devices`",
        input: "no list of devices",
        run: || same_kind(["", ",", "0"].map(|text| must_refuse(parse_devices(text)))),
    },
    Row {
        entry: "`certificates::read`",
        input: "a line that is cut off, or no certificate",
        run: || {
            let line = certificate(&[Some(1.0); 9]);
            let cut = &line.as_bytes()[..line.len() / 2];
            damaged([&b""[..], b"{}", b"\xff\xfe", cut].map(<[u8]>::to_vec));
            Outcome::Defined("an error that says what is wrong")
        },
    },
    Row {
        entry: "`certificates::read`",
        input: "a certificate whose margins do not certify, or are NaN",
        run: || {
            let line = certificate(&[Some(1.0); 9]);
            let with = |number: &str| line.replacen("1.0,", &format!("{number},"), 1).into_bytes();
            damaged(["-1.0", "0.0", "null", "NaN", "1e999"].map(with));
            Outcome::Defined("an error that says what is wrong")
        },
    },
    Row {
        entry: "`certificates::read`",
        input: "a certificate with a radius that is negative, NaN or infinite",
        run: || {
            let line = certificate(&[Some(1.0); 9]);
            assert!(line.contains("\"epsilon\":0.1"), "{line}");
            let with = |number: &str| {
                line.replace("\"epsilon\":0.1", &format!("\"epsilon\":{number}"))
                    .into_bytes()
            };
            damaged(["-0.1", "NaN", "1e999"].map(with));
            Outcome::Defined("an error that says what is wrong")
        },
    },
    Row {
        entry: "`Issuer::certificate`",
        input: "margins that are NaN or infinite, or none",
        run: || {
            for margins in [
                &[f64::NAN][..],
                &[f64::INFINITY],
                &[1.0, f64::NEG_INFINITY],
                &[],
            ] {
                let certificate = issuer().certificate(0, margins);
                assert!(!certificate.certified, "{margins:?}");
                certificate.check().unwrap();
            }
            Outcome::Defined("a certificate that says: not certified")
        },
    },
    Row {
        entry: "`Checker::check`",
        input: "a tolerance that is NaN",
        run: || {
            let device = Device::flex();
            let (model, images) = (model().init(&device), Digits::new(1, 2).draw());
            let checker = Checker::new("m", &model, DatasetName::Digits, images, &device).unwrap();
            // Margins that nothing shows, in a certificate that claims nothing else.
            let line = certificate(&[Some(1e6), None]);
            let claimed = read(line.as_bytes()).unwrap();
            let mut claimed = claimed;
            claimed.margins.resize(9, None);
            claimed.certified = false;
            let verdict = checker.check(&claimed, Some(f64::NAN));
            assert!(matches!(verdict, Verdict::Refuted(_)), "{verdict}");
            Outcome::Defined("refuted: what is not shown exactly does not count")
        },
    },
];

fn model() -> ModelConfig {
    ModelConfig::MlpAny(MlpAnyConfig::new(784, vec![2]))
}

/// An experiment file with one value changed, or added.
fn experiment(pointer: &str, value: Value) -> String {
    let mut file = json!({
        "dataset": "digits",
        "models_path": "m",
        "training_params": {
            "method": "robust", "epochs": 1, "lr": 1e-3, "lr_decay_step": 10,
            "lr_decay_factor": 0.5, "optimizer": "adam", "starting_epsilon": 0.0, "epsilon": 0.1,
            "schedule_start": 0, "schedule_length": 1,
            "loader_params": {"batch_size": 32, "test_batch_size": 50},
            "method_params": {"bounded_input": true, "bound_type": "interval"}
        },
        "eval_params": {
            "method": "robust", "epsilon": 0.1,
            "loader_params": {"batch_size": 50, "test_batch_size": 50},
            "method_params": {"bounded_input": true, "bound_type": "interval"}
        },
        "models": [{
            "model_id": "m", "model_class": "model_mlp_any",
            "model_params": {"in_dim": 784, "neurons": [2]}
        }]
    });
    let valid = ExperimentConfig::<ModelConfig>::parse(&file.to_string(), "m.json", &[]);
    valid.expect("the file without the change is valid");
    let (section, key) = pointer.rsplit_once('/').expect("a path");
    let section = file.pointer_mut(section).expect("a section");
    section[key] = value;
    file.to_string()
}

fn refuses(text: &str) -> Outcome {
    must_refuse(ExperimentConfig::<ModelConfig>::parse(text, "m.json", &[]))
}

fn issuer() -> Issuer {
    let device = Device::flex();
    let (model, images) = (model().init(&device), Digits::new(1, 2).draw());
    let (example, _) = images.tensors(0..1, &device);
    let identity = ModelIdentity::of("m", &model, example).unwrap();
    let region = certified_region(Norm::Linf, 0.1, true, &images.normalization());
    let config = BoundConfig::new(Method::Interval);
    let dataset = DatasetName::Digits;
    Issuer::new(identity, dataset, images, region, &config, Precision::F32).unwrap()
}

/// A line of a file of certificates, for margins.
fn certificate(margins: &[Option<f64>]) -> String {
    let margins: Vec<f64> = margins
        .iter()
        .map(|margin| margin.unwrap_or(f64::NAN))
        .collect();
    serde_json::to_string(&issuer().certificate(0, &margins)).unwrap()
}

fn damaged(lines: impl IntoIterator<Item = Vec<u8>>) {
    for line in lines {
        let error = read(&line).expect_err("accepted");
        assert!(!error.is_empty());
    }
}
