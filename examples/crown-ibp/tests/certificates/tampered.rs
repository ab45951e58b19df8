//! Certificates that were changed are refused, with the reason.

use burn_crown::Method;
use burn_crown::certificate::Certificate;
use crown_ibp::certificates::read;

use crate::support::assert_says;
use crate::workspace::{certificates, confirmed, line, rejected};

/// Certificates by CROWN-IBP, changed; what the check prints has the words.
fn assert_rejected(name: &str, change: impl Fn(&mut Certificate), words: &[&str]) {
    let text = certificates(name, &["--method", "crown-ibp", "--precision", "f64"]);
    let mut certificate = read(line(&text, true).as_bytes()).unwrap();
    change(&mut certificate);
    let changed = serde_json::to_string(&certificate).unwrap();
    assert_says(&rejected(name, changed.as_bytes(), &[]), words);
}

#[test]
fn a_larger_radius_is_refuted() {
    let words = ["refuted: it says that the image is certified, but a margin is only shown to be"];
    assert_rejected("radius", |c| c.region.epsilon = 0.3, &words);
    let words = ["weaker: certified, but a margin is lower than claimed by"];
    assert_rejected("radius_bit", |c| c.region.epsilon *= 1.0001, &words);
}

#[test]
fn another_label_is_refuted() {
    let change = |c: &mut Certificate| c.image.label = (c.image.label + 1) % 10;
    assert_rejected("label", change, &["refuted: the label of image", " is "]);
}

#[test]
fn a_raised_margin_is_weaker() {
    let raise = |by: f64| move |c: &mut Certificate| c.margins[3] = c.margins[3].map(|m| m + by);
    let words = [
        "weaker: certified, but a margin is lower than claimed by",
        "1 weaker",
    ];
    assert_rejected("margin", raise(0.5), &words);
    assert_rejected("margin_bit", raise(1e-6), &words);
}

#[test]
fn an_image_that_is_not_certified_cannot_be_said_to_be() {
    let text = certificates("verdict", &[]);
    let mut certificate = read(line(&text, false).as_bytes()).unwrap();
    certificate.certified = true;
    let changed = serde_json::to_string(&certificate).unwrap();
    let words = ["damaged: it says `certified: true`, which its margins do not give"];
    assert_says(&rejected("verdict", changed.as_bytes(), &[]), &words);
    for margin in &mut certificate.margins {
        *margin = margin.map(f64::abs);
    }
    let changed = serde_json::to_string(&certificate).unwrap();
    let words = ["refuted: it says that the image is certified"];
    assert_says(&rejected("verdict", changed.as_bytes(), &[]), &words);
    certificate = read(line(&text, false).as_bytes()).unwrap();
    for margin in certificate.margins.iter_mut().flatten() {
        *margin += 0.01;
    }
    certificate.certified = Certificate::certifies(&certificate.margins);
    let changed = serde_json::to_string(&certificate).unwrap();
    assert_says(
        &rejected("verdict", changed.as_bytes(), &[]),
        &["refuted: it says"],
    );
}

#[test]
fn another_model_is_refuted() {
    let name = |c: &mut Certificate| c.model.name = "other".into();
    assert_rejected(
        "other",
        name,
        &["refuted: it is for a model with other parameters"],
    );
    let name = |c: &mut Certificate| c.model.name = "neither".into();
    assert_rejected(
        "neither",
        name,
        &["refuted: the experiment has no model \"neither\""],
    );
    let operators = |c: &mut Certificate| c.model.operators = "0".repeat(64);
    let words = ["refuted: it is for a model that computes something else"];
    assert_rejected("operators", operators, &words);
}

#[test]
fn another_image_is_refuted() {
    let index = |c: &mut Certificate| c.image.index += 1;
    assert_rejected(
        "index",
        index,
        &["refuted: image", "is another one", "SHA-256"],
    );
    let index = |c: &mut Certificate| c.image.index = usize::MAX;
    assert_rejected("no_index", index, &["refuted: there is no image"]);
    let dataset = |c: &mut Certificate| c.image.dataset = "mnist".into();
    assert_rejected("dataset", dataset, &["refuted: it is for test of mnist"]);
    let split = |c: &mut Certificate| c.image.split = "train".into();
    assert_rejected("split", split, &["not for test of digits"]);
}

#[test]
fn another_method_does_not_give_the_bounds() {
    let method = |c: &mut Certificate| c.bound.method = Method::Interval;
    assert_rejected("method", method, &["line 1: cnn", "0 confirmed"]);
    let method = |c: &mut Certificate| c.bound.method = Method::Forward;
    assert_rejected("forward", method, &["refuted: the method is forward"]);
}

#[test]
fn a_region_that_is_not_that_of_the_pixels_is_refuted() {
    let scale = |c: &mut Certificate| c.region.applied.scale = vec![0.5];
    let words = ["refuted: the region of the network's input"];
    assert_rejected("scale", scale, &words);
    let channels = |c: &mut Certificate| c.region.applied.scale = vec![];
    assert_rejected("channels", channels, &words);
    let range = |c: &mut Certificate| c.region.range = Some([0.2, 0.8]);
    assert_rejected(
        "range",
        range,
        &["refuted: the range of pixels is not 0 to 1"],
    );
}

#[test]
fn margins_of_other_classes_are_refuted() {
    let fewer = |c: &mut Certificate| c.margins.truncate(3);
    assert_rejected("fewer", fewer, &["refuted: it has 3 margins, the model 9"]);
}

#[test]
fn an_image_is_not_counted_twice() {
    let text = certificates("twice", &[]);
    let first = text.lines().next().unwrap();
    let printed = rejected("twice", format!("{first}\n{first}\n").as_bytes(), &[]);
    assert_says(
        &printed,
        &["line 2", "refuted: the image has such a certificate above"],
    );
    assert_says(
        &printed,
        &["1 confirmed", "1 refuted", "1 of 12 test images"],
    );
}

#[test]
fn images_are_counted_for_each_region() {
    let wide = certificates("wide", &["eval_params:epsilon=0.01"]);
    let text = [certificates("narrow", &[]), wide].concat();
    let printed = confirmed("both", &text, &[]);
    let count = |epsilon: f64| {
        let certified = text.lines().map(|line| read(line.as_bytes()).unwrap());
        let certified = certified.filter(|c| c.certified && c.region.epsilon == epsilon);
        format!(
            "cnn, IBP, L∞ ε {epsilon} in [0, 1], f32 plain: 12 of 12 test images have a \
             certificate, 12 confirmed ({} certified images), 0 weaker, 0 refuted",
            certified.count()
        )
    };
    assert_ne!(count(0.01), count(0.02));
    assert_says(
        &printed,
        &[
            "line 1: cnn, image 0, IBP, L∞ ε 0.02 in [0, 1], f32 plain, ",
            "line 13: cnn, image 0, IBP, L∞ ε 0.01 in [0, 1], f32 plain, ",
            &count(0.01),
            &count(0.02),
            "24 lines: 24 confirmed, 0 weaker, 0 refuted, 0 damaged",
        ],
    );
}
