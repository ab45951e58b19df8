//! `SUPPORTED.md`: what can be bounded, found out by bounding it.
//!
//! `BURN_CROWN_WRITE=1 cargo test -p burn-crown-tests --test supported` writes the file anew.

mod modules;
mod operators;

use std::fmt::Write as _;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use burn_crown::{
    AnyTensor, BoundConfig, BoundError, Bounded, GraphCache, Method, Perturbation, Signature,
    Specification,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

const METHODS: [Method; 6] = [
    Method::Interval,
    Method::CrownIbp,
    Method::Crown,
    Method::ConvexAdversarial,
    Method::Forward,
    Method::ForwardBackward,
];

/// A stock module or an operator, on an input of a shape.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static [usize],
    pub(crate) run: fn(AnyTensor) -> AnyTensor,
}

/// The forward pass of one row, on an input of rank `D`.
#[derive(Module, Debug)]
struct Probe<const D: usize> {
    row: usize,
    table: usize,
}

const TABLES: [(&str, &[Row]); 2] = [
    ("Burn's modules", modules::ROWS),
    ("Operators of tensors", operators::ROWS),
];

impl<const D: usize> Bounded for Probe<D> {
    fn signature() -> Signature {
        Signature {
            inputs: vec![D],
            outputs: vec![D],
        }
    }

    fn forward_all(&self, inputs: Vec<AnyTensor>) -> Vec<AnyTensor> {
        let [input] = <[AnyTensor; 1]>::try_from(inputs).expect("one input");
        let row = &TABLES[self.table].1[self.row];
        vec![(row.run)(input)]
    }
}

/// Bounds of a row by a method, around an input of 1.
fn bound(table: usize, row: usize, method: Method) -> Result<bool, BoundError> {
    let shape = TABLES[table].1[row].shape;
    let config = BoundConfig::new(method);
    let bounds = match *shape {
        [a, b] => around([a, b], &Probe { row, table }, &config),
        [a, b, c] => around([a, b, c], &Probe { row, table }, &config),
        [a, b, c, d] => around([a, b, c, d], &Probe { row, table }, &config),
        [a, b, c, d, e] => around([a, b, c, d, e], &Probe { row, table }, &config),
        _ => panic!("an input of shape {shape:?}"),
    }?;
    Ok(bounds.iter().all(|bound| bound.is_finite()))
}

fn around<const D: usize>(
    shape: [usize; D],
    probe: &Probe<D>,
    config: &BoundConfig,
) -> Result<Vec<f64>, BoundError> {
    let input = Tensor::<D>::ones(shape, (&test_device(), DType::F32));
    let analysis = GraphCache::new().analyse(probe, input, &Perturbation::linf(0.1))?;
    let bounds = analysis.bounds(&Specification::Outputs, config)?;
    Ok([to_vec(bounds.lower), to_vec(bounds.upper)].concat())
}

/// What the file says of a row.
fn verdict(table: usize, row: usize) -> String {
    let mut cells = Vec::new();
    for method in METHODS {
        match bound(table, row, method) {
            Ok(true) => cells.push("yes".to_string()),
            Ok(false) => cells.push("not finite".to_string()),
            Err(error) => {
                let text = error.to_string();
                let reason = text.split(". ").next().unwrap_or_default();
                let refused = ["refused"; METHODS.len()].join(" | ");
                return format!("{refused} | {}", reason.replace('|', "/"));
            }
        }
    }
    format!("{} | ", cells.join(" | "))
}

fn document() -> String {
    let mut text = String::from(
        "# What can be bounded\n\nWritten by `tests/tests/supported`, which bounds each row around \
         an input of ones: a row says what the test found. What is not listed is refused with an \
         error that names the operator and the layer, unless it is computed from constants alone.\n",
    );
    for (table, (title, rows)) in TABLES.iter().enumerate() {
        let names = METHODS.map(|method| method.to_string()).join(" | ");
        let rule = "--- | ".repeat(METHODS.len());
        let _ = write!(
            text,
            "\n## {title}\n\n| | {names} | |\n| --- | {rule}--- |\n"
        );
        for (row, probe) in rows.iter().enumerate() {
            let _ = writeln!(text, "| `{}` | {} |", probe.name, verdict(table, row));
        }
    }
    text
}

#[test]
fn the_table_of_what_is_supported_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../SUPPORTED.md");
    let found = document();
    if std::env::var_os("BURN_CROWN_WRITE").is_some() {
        std::fs::write(&path, &found).expect("the repository can be written");
    }
    let stated = std::fs::read_to_string(&path).expect("SUPPORTED.md is in the repository");
    for (stated, found) in stated.lines().zip(found.lines()) {
        assert_eq!(stated, found, "SUPPORTED.md is out of date");
    }
    assert_eq!(
        stated.lines().count(),
        found.lines().count(),
        "rows of SUPPORTED.md"
    );
}
