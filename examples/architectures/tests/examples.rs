//! Each example in small: what its tables show holds, and its seed fixes them.
#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use architectures::experiment::{Example, Report, Settings};
use architectures::program::command;
use architectures::{lstm, mixture, resnet, transformer};
use burn::tensor::Device;
use burn_crown::Method;
use clap::FromArgMatches;

/// The tests of this program share a device, and with it the random numbers of the weights: an
/// example has it to itself.
static DEVICE: Mutex<()> = Mutex::new(());

fn run(example: &Example, settings: &Settings) -> Report {
    let _alone = DEVICE.lock().unwrap_or_else(PoisonError::into_inner);
    (example.run)(settings, &Device::flex()).unwrap()
}

/// What the tables show, without the time that it took.
fn figures(report: &Report) -> Vec<(String, Method, usize, f64, f64)> {
    let row = |row: &architectures::certificate::Row| {
        let (region, method) = (row.region.clone(), row.method);
        (
            region,
            method,
            row.images,
            row.clean_error,
            row.verified_error,
        )
    };
    report.rows.iter().map(row).collect()
}

/// The verified error of each row of one method.
fn verified(report: &Report, method: Method) -> Vec<f64> {
    let rows = report.rows.iter().filter(|row| row.method == method);
    rows.map(|row| row.verified_error).collect()
}

/// Runs an example in small, and asserts what every one of them shows. `regions` is their number.
fn check(example: &Example, settings: &Settings, regions: usize) {
    let report = run(example, settings);
    assert_eq!(report.rows.len(), 3 * regions);
    let training = report.training;
    assert!(
        training.loss_after < training.loss_before,
        "the robust loss went from {} to {}",
        training.loss_before,
        training.loss_after
    );
    for row in &report.rows {
        assert_eq!(row.images, settings.images(row.method));
        assert!(row.clean_error <= row.verified_error, "{row:?}");
    }
    let [interval, crown] = [Method::Interval, Method::Crown].map(|by| verified(&report, by));
    for (interval, crown) in interval.iter().zip(&crown) {
        assert!(crown <= interval, "{:?}", report.rows);
    }
    for output in &report.outputs {
        assert!(output.lower <= output.output, "{output:?}");
        assert!(output.output <= output.upper, "{output:?}");
    }
    // Without CROWN, which takes the longest and draws no random numbers.
    let again = run(
        example,
        &Settings {
            crown_images: 0,
            ..*settings
        },
    );
    let mut expected = figures(&report);
    expected.retain(|(_, method, ..)| *method != Method::Crown);
    assert_eq!(figures(&again), expected);
    assert_eq!(again.outputs, report.outputs);
    assert_eq!(again.training.loss_after, training.loss_after);
}

/// An easier radius, few images, and all of those certified by every method.
fn small(example: &Example, images: usize) -> Settings {
    Settings {
        epsilon: example.settings.epsilon / 4.0,
        epochs: 4,
        train_images: 320,
        test_images: images,
        crown_images: images,
        seed: 3,
    }
}

#[test]
fn a_residual_network_is_trained_and_certified() {
    check(&resnet::EXAMPLE, &small(&resnet::EXAMPLE, 8), 2);
}

#[test]
fn a_recurrent_network_is_trained_and_certified() {
    check(&lstm::EXAMPLE, &small(&lstm::EXAMPLE, 2), 2);
}

#[test]
fn an_encoder_is_trained_and_certified() {
    check(&transformer::EXAMPLE, &small(&transformer::EXAMPLE, 4), 3);
}

#[test]
fn a_mixture_is_trained_and_certified() {
    check(&mixture::EXAMPLE, &small(&mixture::EXAMPLE, 2), 3);
}

#[test]
fn the_command_line_has_the_settings_of_the_example() {
    for example in [
        resnet::EXAMPLE,
        lstm::EXAMPLE,
        transformer::EXAMPLE,
        mixture::EXAMPLE,
    ] {
        let parse = |words: &[&str]| {
            let words = [example.name].into_iter().chain(words.iter().copied());
            let matches = command(&example).try_get_matches_from(words);
            matches.map(|matches| Settings::from_arg_matches(&matches).unwrap())
        };
        assert_eq!(parse(&[]).unwrap(), example.settings);
        let changed = parse(&["--epsilon", "0.25", "--test-images", "7"]).unwrap();
        let expected = Settings {
            epsilon: 0.25,
            test_images: 7,
            ..example.settings
        };
        assert_eq!(changed, expected);
        for wrong in ["0", "-1", "nan", "1.5", "much"] {
            let error = parse(&[&format!("--epsilon={wrong}")])
                .unwrap_err()
                .to_string();
            assert!(error.contains("--epsilon"), "{error}");
        }
        assert!(parse(&["--train-images", "6001"]).is_err());
        assert!(parse(&["--test-images", "0"]).is_err());
        // The width of the terminal decides where lines break.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = words(&command(&example).render_help().to_string());
        assert!(help.starts_with(&words(example.about)), "{help}");
        assert!(help.contains(&words(example.lesson)), "{help}");
    }
}
