//! The table of targets and the regression check, on records that are written here.
#![allow(clippy::unwrap_used)]

mod support;

use bench_step::arguments::Figure;
use bench_step::check::{Expected, Ratios};
use bench_step::error::BenchError;
use bench_step::record::{Record, Seconds, read};
use bench_step::table::{Compared, With, rows, table};
use support::record;

const NATURAL: &str = "train/cnn_2layer_width_1/natural";
const IBP: &str = "train/cnn_2layer_width_1/ibp";
const CROWN_IBP: &str = "train/cnn_2layer_width_1/crown-ibp";
const FUSED: &str = "train/cnn_2layer_width_1/fused";
const FULL: &str = "verify/cnn_2layer_width_1/crown";

/// What a case on a backend is compared with.
fn comparisons(records: &[Record], case: &str, backend: &str) -> Vec<Compared> {
    rows(records, Figure::Median)
        .into_iter()
        .filter(|row| row.case == case && row.backend == backend)
        .flat_map(|row| row.figures)
        .collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12 * b.abs()
}

#[test]
fn times_are_multiples_of_the_yardstick_beside_their_targets() {
    let records = [
        record(NATURAL, "pytorch", 0.02),
        record(IBP, "libtorch", 0.032),
        record(IBP, "flex", 0.05),
        record(CROWN_IBP, "libtorch", 0.3),
        record(FUSED, "libtorch", 0.06),
    ];
    let [ibp] = comparisons(&records, IBP, "libtorch")[..] else {
        panic!("one figure")
    };
    assert_eq!((ibp.with, ibp.limit), (With::Yardstick, Some(1.6)));
    assert!(close(ibp.value, 1.6), "{}", ibp.value);
    let [crown_ibp] = comparisons(&records, CROWN_IBP, "libtorch")[..] else {
        panic!("one figure")
    };
    assert!(close(crown_ibp.value, 15.0));
    assert_eq!(crown_ibp.is_met(), Some(false));
    let [fused] = comparisons(&records, FUSED, "libtorch")[..] else {
        panic!("one figure")
    };
    assert_eq!((fused.limit, fused.is_met()), (Some(4.0), Some(true)));
    // Flex is held against libtorch, not against the yardstick.
    let [yardstick, libtorch] = comparisons(&records, IBP, "flex")[..] else {
        panic!("two figures")
    };
    assert!(close(yardstick.value, 2.5));
    assert_eq!(yardstick.is_met(), None);
    assert_eq!(libtorch.with, With::Libtorch);
    assert!(close(libtorch.value, 0.05 / 0.032));
    assert_eq!(libtorch.is_met(), Some(false));
    // The yardstick itself has no target.
    let [itself] = comparisons(&records, NATURAL, "pytorch")[..] else {
        panic!("one figure")
    };
    assert_eq!((itself.value, itself.limit), (1.0, None));
}

#[test]
fn only_what_ran_alike_is_compared() {
    let other_threads = Record {
        threads: 2,
        ..record(NATURAL, "pytorch", 0.02)
    };
    let other_batch = Record {
        batch: 128,
        ..record(NATURAL, "pytorch", 0.02)
    };
    let other_network = record("train/dm-large/natural", "pytorch", 0.02);
    for natural in [other_threads, other_batch, other_network] {
        let records = [natural, record(IBP, "libtorch", 0.03)];
        assert_eq!(comparisons(&records, IBP, "libtorch"), []);
        // It has a row all the same.
        let rows = rows(&records, Figure::Median);
        assert!(rows.iter().any(|row| row.case == IBP));
    }
}

#[test]
fn verification_is_a_multiple_of_a_training_step_and_memory_has_a_limit() {
    let verified = Record {
        peak_bytes: Some(600_000_000),
        weights: Some("trained.safetensors".into()),
        ..record(FULL, "libtorch", 0.6)
    };
    let records = [record(NATURAL, "pytorch", 0.02), verified.clone()];
    let [time, memory] = comparisons(&records, FULL, "libtorch")[..] else {
        panic!("two figures")
    };
    assert!(close(time.value, 30.0));
    assert_eq!(time.is_met(), Some(true));
    assert_eq!((memory.with, memory.limit), (With::Memory, Some(5e8)));
    assert_eq!(memory.is_met(), Some(false));
    // Random weights, or another number of images, are not what the target is about.
    let untrained = Record {
        weights: None,
        ..verified.clone()
    };
    let fewer = Record {
        batch: 10,
        ..verified
    };
    for other in [untrained, fewer] {
        let records = [record(NATURAL, "pytorch", 0.02), other];
        let found = comparisons(&records, FULL, "libtorch");
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|figure| figure.limit.is_none()));
    }
}

#[test]
fn two_workers_have_a_throughput() {
    let case = |workers| format!("workers/cnn_2layer_width_1/ibp/{workers}");
    for (seconds, met) in [(0.1, true), (0.13, false)] {
        let one = record(&case(1), "flex", 0.2);
        let two = record(&case(2), "flex", seconds);
        let [throughput] = comparisons(&[one, two], &case(2), "flex")[..] else {
            panic!("one figure")
        };
        assert_eq!(
            (throughput.with, throughput.limit),
            (With::OneWorker, Some(1.6))
        );
        assert!(close(throughput.value, 0.2 / seconds));
        assert_eq!(throughput.is_met(), Some(met));
    }
}

#[test]
fn the_table_shows_figures_with_their_units() {
    let crown_ibp = Record {
        peak_bytes: Some(1_000_000_000),
        ..record(CROWN_IBP, "libtorch", 1.8)
    };
    let records = [record(NATURAL, "pytorch", 0.02), crown_ibp];
    let text = table(&rows(&records, Figure::Median)).to_string();
    let cells: Vec<Vec<&str>> = text
        .lines()
        .map(|line| {
            line.split('|')
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let yardstick = vec![NATURAL, "pytorch", "1", "20.0 ms", "1.00"];
    let ours = ["90.00 (≤ 10.00)", "1000 MB (≤ 890 MB)", "no"];
    let ours = [&[CROWN_IBP, "libtorch", "1", "1.80 s"], &ours[..]].concat();
    for expected in [yardstick, ours] {
        assert!(cells.contains(&expected), "{expected:?} in\n{text}");
    }
}

/// A run in which IBP takes twice and CROWN-IBP twelve times the natural step.
fn run(slower: f64) -> Vec<Record> {
    vec![
        record(NATURAL, "flex", 0.1 * slower),
        record(IBP, "flex", 0.2 * slower),
        record(CROWN_IBP, "flex", 1.2 * slower),
    ]
}

fn written_down() -> Ratios {
    Ratios::default().with(&run(1.0), Figure::Median).unwrap()
}

#[test]
fn ratios_are_those_to_the_natural_step() {
    let Ratios { factor, ratios } = written_down();
    assert_eq!(factor, 1.5);
    let found: Vec<(&str, f64)> = ratios
        .iter()
        .map(|expected| (expected.case.as_str(), expected.ratio))
        .collect();
    assert_eq!(found, [(IBP, 2.0), (CROWN_IBP, 12.0)]);
}

#[test]
fn a_slower_machine_is_no_regression_but_a_slower_step_is() {
    let ratios = written_down();
    let failures = |records: &[Record]| {
        let findings = ratios.compare(records, Figure::Median).unwrap();
        let failed = findings.iter().filter(|finding| finding.is_failure());
        failed
            .map(|finding| finding.expected.case.clone())
            .collect::<Vec<_>>()
    };
    assert!(failures(&run(1.0)).is_empty());
    assert!(failures(&run(7.0)).is_empty());
    let mut records = run(7.0);
    records[2].seconds.median *= 1.4;
    assert!(failures(&records).is_empty());
    records[2].seconds.median *= 1.2;
    assert_eq!(failures(&records), [CROWN_IBP]);
    records[2].seconds.median = f64::NAN;
    assert_eq!(failures(&records), [CROWN_IBP]);
    // Without the natural step, there is no ratio at all.
    assert_eq!(failures(&run(1.0)[1..]), [IBP, CROWN_IBP]);
}

#[test]
fn what_has_become_faster_is_told() {
    let mut records = run(1.0);
    records[2].seconds.median = 0.5;
    let findings = written_down().compare(&records, Figure::Median).unwrap();
    let better: Vec<bool> = findings.iter().map(|finding| finding.is_better()).collect();
    assert_eq!(better, [false, true]);
    let text = findings[1].to_string();
    assert!(
        text.contains("better") && text.contains("--write"),
        "{text}"
    );
    assert!(text.contains("5.000, expected 12.000"), "{text}");
}

#[test]
fn the_figure_that_counts_is_chosen() {
    let mut records = run(1.0);
    records[2].seconds.min = 100.0;
    let ratios = written_down();
    let fails = |by| {
        let findings = ratios.compare(&records, by).unwrap();
        findings.iter().any(|finding| finding.is_failure())
    };
    assert!(!fails(Figure::Median));
    assert!(fails(Figure::Min));
}

#[test]
fn several_workers_are_held_against_one() {
    let case = |workers| format!("workers/cnn_2layer_width_1/ibp/{workers}");
    let records = [
        record(&case(1), "flex", 0.2),
        record(&case(2), "flex", 0.12),
    ];
    let ratios = Ratios::default().with(&records, Figure::Median).unwrap();
    let [
        Expected {
            case: found, ratio, ..
        },
    ] = &ratios.ratios[..]
    else {
        panic!("one ratio")
    };
    assert_eq!((found, *ratio), (&case(2), 0.6));
}

#[test]
fn verification_has_a_ratio_on_known_weights_and_images_alone() {
    let verified = record(FULL, "flex", 3.0);
    let ratio = |verified: &Record| {
        let records = [record(NATURAL, "flex", 0.1), verified.clone()];
        let ratios = Ratios::default().with(&records, Figure::Median);
        ratios.map(|ratios| ratios.ratios[0].ratio).ok()
    };
    assert_eq!(ratio(&verified), Some(30.0));
    let trained = Record {
        weights: Some("trained.safetensors".into()),
        ..verified.clone()
    };
    let elsewhere = Record {
        images: Some("mnist".into()),
        ..verified
    };
    assert_eq!([ratio(&trained), ratio(&elsewhere)], [None, None]);
}

#[test]
fn nothing_to_compare_is_an_error() {
    let nothing = |result: Result<_, BenchError>| {
        assert!(matches!(result, Err(BenchError::NothingCompared)));
    };
    let ratios = written_down();
    // Another backend, another batch, the yardstick's records.
    let batch = Record {
        batch: 8,
        ..record(IBP, "flex", 0.2)
    };
    for records in [vec![record(IBP, "libtorch", 0.2)], vec![batch], vec![]] {
        nothing(ratios.compare(&records, Figure::Median).map(drop));
    }
    let yardstick = [record(NATURAL, "pytorch", 0.1), record(IBP, "pytorch", 0.2)];
    nothing(Ratios::default().with(&yardstick, Figure::Median).map(drop));
}

#[test]
fn new_ratios_take_the_place_of_their_own_and_survive_the_file() {
    let mut faster = run(1.0);
    faster.remove(1);
    faster[1].seconds.median = 0.6;
    let ratios = written_down().with(&faster, Figure::Median).unwrap();
    let found: Vec<f64> = ratios
        .ratios
        .iter()
        .map(|expected| expected.ratio)
        .collect();
    assert_eq!(found, [2.0, 6.0]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ratios.json");
    ratios.write(&file).unwrap();
    assert_eq!(Ratios::read(&file).unwrap(), ratios);
    std::fs::write(&file, "[]").unwrap();
    let message = Ratios::read(&file).unwrap_err().to_string();
    assert!(
        message.contains("ratios.json") && message.contains("--write"),
        "{message}"
    );
}

#[test]
fn a_later_record_takes_the_place_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.jsonl", "second.jsonl"].map(|name| folder.path().join(name));
    let lines = |records: &[Record]| -> String {
        let lines = records
            .iter()
            .map(|one| serde_json::to_string(one).unwrap() + "\n");
        lines.collect()
    };
    let records = [record(IBP, "flex", 0.1), record(IBP, "libtorch", 0.2)];
    std::fs::write(&first, lines(&records) + "\n").unwrap();
    let later = record(IBP, "flex", 0.3);
    std::fs::write(&second, lines(std::slice::from_ref(&later))).unwrap();
    let found = read(&[&first, &second]).unwrap();
    assert_eq!(found, [records[1].clone(), later]);
    std::fs::write(&second, "{}\n").unwrap();
    let message = read(&[&first, &second]).unwrap_err().to_string();
    assert!(message.contains("second.jsonl, line 1"), "{message}");
}

#[test]
fn the_median_lies_in_the_middle() {
    assert_eq!(Seconds::of(vec![]), None);
    let of = |times: &[f64]| Seconds::of(times.to_vec()).unwrap();
    let figures = |median, min| Seconds { median, min };
    assert_eq!(of(&[3.0]), figures(3.0, 3.0));
    assert_eq!(of(&[3.0, 1.0]), figures(2.0, 1.0));
    assert_eq!(of(&[9.0, 1.0, 2.0]), figures(2.0, 1.0));
    assert_eq!(of(&[9.0, 1.0, 2.0, 4.0]), figures(3.0, 1.0));
}

/// The committed expectations can be read, and each is of a case that there is.
#[test]
fn the_ratios_of_the_repository_are_of_cases() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/ratios.json");
    let Ratios { factor, ratios } = Ratios::read(file.as_ref()).unwrap();
    assert!(factor > 1.0 && !ratios.is_empty());
    for Expected {
        case, batch, ratio, ..
    } in ratios
    {
        let case: bench_step::case::Case = case.parse().unwrap();
        assert_eq!(batch, case.batch());
        assert!(ratio > 0.0);
    }
}
