//! The program as a user runs it, in small.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output};

use bench_step::arguments::{Command as Wanted, CommandLine};
use bench_step::case::Case;
use bench_step::record::{Record, read};
use clap::Parser;

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench-step"))
        .args(arguments)
        .output()
        .unwrap()
}

/// What a command that has to succeed prints.
fn accepted(arguments: &[&str]) -> String {
    let output = program(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that has to fail says.
fn refused(arguments: &[&str]) -> String {
    let output = program(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

/// The records of a run of cases in small, and the file with them.
fn run(folder: &Path, cases: &[&str]) -> Vec<Record> {
    let small = [
        "--batch",
        "3",
        "--images",
        "1",
        "--repeats",
        "2",
        "--warmup",
        "1",
    ];
    let arguments = [&["run", "--seed", "7", "--case"], cases, &small].concat();
    let file = folder.join("ours.jsonl");
    std::fs::write(&file, accepted(&arguments)).unwrap();
    read(&[file]).unwrap()
}

#[test]
fn a_run_gives_records_that_can_be_tabulated_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let records = run(
        folder.path(),
        &[
            "train/cnn_2layer_width_1",
            "workers/cnn_2layer_width_1/ibp",
            "verify/cnn_2layer_width_1/crown",
        ],
    );
    let found: Vec<(&str, usize, usize)> = records
        .iter()
        .map(|record| (record.case.as_str(), record.batch, record.workers))
        .collect();
    let expected = [
        ("train/cnn_2layer_width_1/natural", 3, 1),
        ("train/cnn_2layer_width_1/ibp", 3, 1),
        ("train/cnn_2layer_width_1/fused", 3, 1),
        ("train/cnn_2layer_width_1/crown-ibp", 3, 1),
        ("workers/cnn_2layer_width_1/ibp/1", 3, 1),
        ("workers/cnn_2layer_width_1/ibp/2", 3, 2),
        ("verify/cnn_2layer_width_1/crown", 1, 1),
    ];
    assert_eq!(found, expected);
    for record in &records {
        let Record { seconds, case, .. } = record;
        assert!(0.0 < seconds.min && seconds.min <= seconds.median, "{case}");
        assert_eq!(
            (record.repeats, record.threads, record.seed),
            (2, 1, 7),
            "{case}"
        );
        if cfg!(target_os = "linux") {
            assert!(record.peak_bytes.unwrap() > 1_000_000, "{case}");
        }
        let bounded = record.method != "natural";
        assert_eq!(record.epsilon.is_some(), bounded, "{case}");
    }
    // Half-way of the schedule, for the bare step and in the training loop.
    for record in &records[1..6] {
        let epsilon = record.epsilon.unwrap();
        assert!((epsilon - 0.15).abs() < 1e-9, "{}: {epsilon}", record.case);
        assert_eq!(
            (record.kappa, record.clean_outputs),
            (Some(0.0), Some(false))
        );
    }
    assert_eq!(
        [1, 2, 3].map(|at| records[at].beta),
        [None, Some(0.5), Some(0.5)]
    );
    assert!(records[6].certified.unwrap() <= 1);

    let file = folder.path().join("ours.jsonl");
    let [file, ratios] = [file, folder.path().join("ratios.json")];
    let [file, ratios] = [&file, &ratios].map(|path| path.to_str().unwrap());
    let table = accepted(&["table", file]);
    assert!(
        expected.iter().all(|(case, ..)| table.contains(case)),
        "{table}"
    );
    accepted(&["check", file, "--against", ratios, "--write"]);
    let report = accepted(&["check", file, "--against", ratios]);
    // Three robust steps and two workers; verification has a natural step of the usual batch.
    assert_eq!(report.matches("ok ").count(), 4, "{report}");

    let text = std::fs::read_to_string(ratios).unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ratio = expected["ratios"][0]["ratio"].as_f64().unwrap();
    expected["ratios"][0]["ratio"] = (0.1 * ratio).into();
    std::fs::write(ratios, expected.to_string()).unwrap();
    let error = refused(&["check", file, "--against", ratios]);
    assert!(error.contains("1 of the ratios"), "{error}");
}

#[test]
fn the_natural_pass_is_made_on_demand() {
    let case = "train/cnn_2layer_width_1/ibp";
    let small = ["--batch", "2", "--repeats", "1", "--warmup", "0"];
    for (flag, kappa) in [("--mixed", 0.5), ("--clean-outputs", 0.0)] {
        let line = accepted(&[&["run", "--case", case, flag], &small[..]].concat());
        let record: Record = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (record.kappa, record.clean_outputs),
            (Some(kappa), Some(true))
        );
    }
}

#[test]
fn the_list_has_every_case_once() {
    let list = accepted(&["run", "--list"]);
    let names: Vec<&str> = list
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    let distinct: HashSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len());
    let all: Vec<String> = Case::all().iter().map(Case::to_string).collect();
    assert_eq!(names, all);
    for name in names {
        assert_eq!(name.parse::<Case>().unwrap().to_string(), name);
    }
    let usual = Case::usual();
    assert!(usual.len() < all.len() && usual.iter().all(|case| !case.takes_long()));
}

#[test]
fn cases_are_chosen_by_the_parts_of_their_names() {
    let count = |name: &str| Case::named(name).unwrap().len();
    assert_eq!(count("train"), 12);
    assert_eq!(count("train/dm-large/"), 4);
    assert_eq!(count("train/dm-large/ibp"), 1);
    for name in ["train/dm", "ibp", "", "verify/dm-large/crown/1"] {
        assert!(Case::named(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_process_for_a_case_is_told_all_that_the_run_was() {
    for options in [
        "",
        "--backend flex --threads 2 --batch 5 --images 6 --repeats 7 --warmup 0 --at-most 9",
        "--clean-outputs --mixed --weights w.safetensors --data-dir mnist --memory-limit 100 --seed 3",
    ] {
        let line = format!("bench-step measure workers/cnn_2layer_width_1/ibp/2 {options}");
        let Wanted::Measure(job) = CommandLine::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        let name = std::ffi::OsString::from("bench-step");
        let again = CommandLine::parse_from(std::iter::once(name).chain(job.arguments())).command;
        let Wanted::Measure(again) = again else {
            panic!("{again:?}")
        };
        assert_eq!(again, job);
        let pool = (2 * job.threads).to_string();
        assert_eq!(job.environment()[1], ("RAYON_NUM_THREADS", pool));
    }
}

#[test]
fn help_teaches() {
    for (arguments, words) in [
        (
            &["--help"][..],
            &["torch_step.py", "run", "table", "check"][..],
        ),
        (
            &["run", "--help"],
            &[
                "--threads 1,2",
                "--list",
                "ε 0.15",
                "--clean-outputs",
                "peak memory",
            ],
        ),
        (
            &["check", "--help"],
            &["benches/ratios.json", "--write", "exit code"],
        ),
        (&["measure", "--help"], &["RAYON_NUM_THREADS"]),
    ] {
        let help = accepted(arguments);
        for word in words {
            assert!(help.contains(word), "{word:?} is missing in:\n{help}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let case = "train/cnn_2layer_width_1/natural";
    let measure = |variables: [(&str, &str); 2]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bench-step"))
            .args(["measure", case])
            .envs(variables)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = measure([("OMP_NUM_THREADS", "1"), ("RAYON_NUM_THREADS", "2")]);
    assert!(error.contains("RAYON_NUM_THREADS is 2"), "{error}");
    let full = "verify/cnn_2layer_width_1/crown";
    for (arguments, words) in [
        (
            &["run", "--case", "train/other"][..],
            &["train/other", "--list"][..],
        ),
        (
            &["run", "--case", case, "--backend", "abacus"],
            &["abacus", "flex"],
        ),
        (&["run", "--threads", "0"], &["at least 1"]),
        (
            &["run", "--case", full, "--images", "2000"],
            &["1000", "fewer", "failed: verify/"],
        ),
        (
            &["run", "--case", full, "--weights", "none.bpk"],
            &["none.bpk"],
        ),
        (&["table", "none.jsonl"], &["none.jsonl"]),
    ] {
        let error = refused(arguments);
        for word in words {
            assert!(error.contains(word), "{word:?} is missing in:\n{error}");
        }
    }
}
