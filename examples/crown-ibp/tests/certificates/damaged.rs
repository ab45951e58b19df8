//! Lines that are no certificates are refused, whatever they are.

use burn::tensor::Device;
use burn_crown::certificate::ModelIdentity;
use burn_crown::{BoundConfig, Method, Norm};
use crown_ibp::certificates::{Checker, Issuer, lines, read};
use crown_ibp::data::{DatasetName, Digits};
use crown_ibp::evaluation::{Verification, evaluate_each};
use crown_ibp::models::MlpAnyConfig;
use crown_ibp::precision::Precision;
use crown_ibp::region::{certified_region, perturbation};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::assert_says;
use crate::workspace::{certificates, line, rejected};

#[test]
fn damaged_lines_are_named_and_the_others_are_checked() {
    let text = certificates("damaged", &[]);
    let good = line(&text, true);
    let with = |old: &str, new: &str| {
        assert!(good.contains(old), "{old} in {good}");
        good.replacen(old, new, 1)
    };
    let wrong = [
        ("", "{}".to_string()),
        ("missing field", "{\"form\":1}".into()),
        ("expected", "nonsense".into()),
        ("EOF", good[..good.len() / 2].into()),
        ("of form 2", with("\"form\":1", "\"form\":2")),
        (
            "unknown field `only_if`",
            with("{", "{\"only_if\":\"it rains\","),
        ),
        ("expected", with("\"epsilon\":0.02", "\"epsilon\":NaN")),
        (
            "out of range",
            with("\"epsilon\":0.02", "\"epsilon\":1e999"),
        ),
        (
            "the radius is -1",
            with("\"epsilon\":0.02", "\"epsilon\":-1"),
        ),
        (
            "invalid",
            with("\"index\":", "\"index\":99999999999999999999"),
        ),
        ("unknown variant", with("\"Interval\"", "\"Wishful\"")),
        ("unknown variant", with("\"plain\"", "\"other\"")),
        ("have not both a range", with("[0.0,1.0]", "null")),
        ("expected u32", "[".repeat(100_000)),
    ];
    let bytes: Vec<u8> = wrong
        .iter()
        .flat_map(|(_, line)| [line.as_bytes(), b"\n"].concat())
        .chain(*b"\xff\xfe\x00\n")
        .chain(good.bytes())
        .collect();
    let printed = rejected("damaged", &bytes, &[]);
    for (number, (words, _)) in (1..).zip(&wrong) {
        let said = format!("line {number}: damaged: ");
        let line = printed.lines().find(|line| line.starts_with(&said));
        let line = line.unwrap_or_else(|| panic!("{said} in {printed}"));
        assert!(line.contains(words), "{words} in {line}");
    }
    assert_says(&printed, &["1 confirmed", "15 damaged"]);
}

/// What a byte is replaced by: what JSON is made of, and what it is not.
const BYTES: &[u8] = b"0123456789eE+-.,:[]{}\"ntf \\u\xff\x00";

#[test]
fn no_change_of_a_line_makes_the_check_panic() {
    let device = Device::default();
    let (images, dataset) = (Digits::new(1, 3).draw(), DatasetName::Digits);
    let model = MlpAnyConfig::new(784, vec![2]).init(&device);
    let (first, _) = images.tensors(0..1, &device);
    let identity = ModelIdentity::of("mlp", &model, first).unwrap();
    let (normalization, config) = (images.normalization(), BoundConfig::new(Method::Crown));
    let region = certified_region(Norm::Linf, 0.01, true, &normalization);
    let verification = Verification {
        perturbation: perturbation(Norm::Linf, 0.01, true, &normalization),
        config: config.clone(),
    };
    let (of_images, single) = (images.clone(), Precision::F32);
    let issuer = Issuer::new(identity, dataset, of_images, region, &config, single).unwrap();
    let mut issued = Vec::new();
    let by = Some(&verification);
    evaluate_each(&model, &images, 3, &device, by, "", |index, margins| {
        issued.push(issuer.certificate(index, margins));
    })
    .unwrap();
    let checker = Checker::new("mlp", &model, dataset, images, &device).unwrap();
    assert!(checker.check(&issued[0], None).is_confirmed());

    let good = serde_json::to_vec(&issued[0]).unwrap();
    let random = &mut StdRng::seed_from_u64(1);
    let (mut read_well, mut confirmed) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            let byte = BYTES[random.random_range(0..BYTES.len())];
            match random.random_range(0..4) {
                0 => bytes.insert(at, byte),
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at + 1),
                _ => bytes[at] = byte,
            }
        }
        for (_, line) in lines(&bytes) {
            let Ok(changed) = read(line) else { continue };
            read_well += 1;
            let verdict = checker.check(&changed, None);
            confirmed += usize::from(verdict.is_confirmed());
        }
    }
    // A change can leave a certificate true: a digit of a margin's end, the program's name.
    assert!(
        confirmed > 0 && confirmed < read_well,
        "{confirmed} of {read_well}"
    );
}
