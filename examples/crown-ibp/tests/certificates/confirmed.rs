//! Certificates of a trained model are confirmed.

use burn_crown::certificate::{Certificate, CertifiedStatement, Precision, RoundingMode};
use crown_ibp::certificates::{lines, read};

use crate::support::{Workspace, accepted, assert_says, refused};
use crate::workspace::{certificates, confirmed, folder, rejected};

fn parsed(text: &str) -> Vec<Certificate> {
    let lines = lines(text.as_bytes());
    lines
        .into_iter()
        .map(|(_, line)| read(line).unwrap())
        .collect()
}

#[test]
fn every_image_has_a_certificate_that_is_confirmed() {
    let text = certificates("all", &[]);
    let certificates = parsed(&text);
    assert_eq!(certificates.len(), 12);
    for (index, certificate) in certificates.iter().enumerate() {
        assert_eq!(certificate.image.index, index);
        assert_eq!(certificate.image.dataset, "digits");
        assert_eq!(certificate.margins.len(), 9);
        assert_eq!(certificate.region.epsilon, 0.02);
        assert_eq!(certificate.arithmetic.precision, Precision::F32);
    }
    let certified = certificates.iter().filter(|c| c.certified).count();
    assert!(certified > 0 && certified < 12, "{certified}");
    let printed = confirmed("all", &text, &[]);
    assert_says(
        &printed,
        &[
            "line 1: cnn, image 0",
            "12 of 12 test images",
            &format!("12 confirmed ({certified} certified images), 0 weaker, 0 refuted"),
            "12 lines: 12 confirmed, 0 weaker, 0 refuted, 0 damaged",
        ],
    );
}

#[test]
fn every_method_is_confirmed_and_double_precision_nearly_without_tolerance() {
    for (method, images) in [("crown-ibp", 12), ("crown", 4), ("convex-adv", 1)] {
        let images = format!("eval_params:loader_params:num_examples={images}");
        let eval = ["--method", method, "--precision", "f64", &images];
        let text = certificates(method, &eval);
        let certificates = parsed(&text);
        assert_eq!(certificates[0].arithmetic.precision, Precision::F64);
        confirmed(method, &text, &["--tolerance", "1e-10", &images]);
    }
}

#[test]
fn round_regions_are_confirmed() {
    let overrides = [
        "eval_params:norm=2",
        "eval_params:epsilon=0.2",
        "eval_params:method_params:bounded_input=false",
    ];
    let eval = [&["--method", "crown-ibp"][..], &overrides].concat();
    let text = certificates("round", &eval);
    assert!(text.contains("\"norm\":\"L2\""), "{text}");
    confirmed("round", &text, &overrides);
}

#[test]
fn both_precisions_name_the_same_model() {
    let single = parsed(&certificates("single", &[]));
    let double = parsed(&certificates("double", &["--precision", "f64"]));
    for (single, double) in single.iter().zip(&double) {
        assert_eq!(single.model, double.model);
        for (single, double) in single.margins.iter().zip(&double.margins) {
            let distance = (single.unwrap() - double.unwrap()).abs();
            assert!(distance < 1e-4, "{distance}");
        }
    }
}

#[test]
fn help_teaches_certificates() {
    let workspace = Workspace::with("none", "");
    let help = accepted(&mut workspace.command(&["verify-certificate", "--help"]));
    assert_says(
        &help,
        &[
            "confirmed",
            "weaker",
            "refuted",
            "damaged",
            "--tolerance",
            "--rounding as-run",
        ],
    );
    let help = accepted(&mut workspace.command(&["eval", "--help"]));
    assert_says(&help, &["--certificates", "--precision"]);
}

#[test]
fn what_cannot_be_certified_is_said() {
    let workspace = &folder().join("digits.json");
    let config = workspace.to_str().unwrap();
    let elsewhere = Workspace::with("none", "");
    let prefix = folder().to_str().unwrap();
    let eval = ["eval", "--config", config, "--path-prefix", prefix];
    let natural = ["--certificates", "a.jsonl", "eval_params:method=natural"];
    let mut command = elsewhere.command(&[&eval[..], &natural].concat());
    assert_says(&refused(&mut command), &["nothing to certify", "--method"]);
    let as_run = ["--precision", "f64", "--rounding", "as-run"];
    let mut command = elsewhere.command(&[&eval[..], &as_run].concat());
    assert_says(&refused(&mut command), &["leave out --precision f64"]);
    let missing = ["verify-certificate", "a.jsonl", "--config", config];
    assert_says(&refused(&mut elsewhere.command(&missing)), &["a.jsonl"]);
    std::fs::write(elsewhere.path().join("a.jsonl"), "\n\n").unwrap();
    assert_says(
        &refused(&mut elsewhere.command(&missing)),
        &["no certificates"],
    );
}

#[test]
fn what_is_certified_is_in_the_certificate() {
    for (mode, rounding, statement) in [
        (
            "plain",
            RoundingMode::Plain,
            CertifiedStatement::RealNetworkUpToRounding,
        ),
        (
            "sound",
            RoundingMode::Sound,
            CertifiedStatement::RealNetwork,
        ),
    ] {
        let text = certificates(mode, &["--precision", "f64", "--rounding", mode]);
        for certificate in parsed(&text) {
            assert_eq!(certificate.arithmetic.rounding, rounding);
            assert_eq!(certificate.arithmetic.statement, statement);
        }
        confirmed(mode, &text, &[]);
    }
}

#[test]
fn a_statement_about_the_network_as_it_runs_is_not_confirmed() {
    // In `f32`, which libtorch may round in ways of its own.
    let text = certificates("as-run", &["--rounding", "as-run", "--device", "flex"]);
    for certificate in parsed(&text) {
        assert_eq!(
            certificate.arithmetic.statement,
            CertifiedStatement::NetworkAsRun
        );
    }
    let printed = rejected("as-run", text.as_bytes(), &[]);
    assert_says(&printed, &["it is about the network as it runs"]);
}
