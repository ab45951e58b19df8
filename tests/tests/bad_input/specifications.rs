//! Questions that do not fit the output.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Bool, DType, Int, Tensor};
use burn_crown::train::classified;
use burn_crown::{Bounded, GraphCache, Perturbation, Specification, Verifier, certified};
use burn_crown_tests::test_device;

use crate::nets::{BETWEEN, Net, configs, images};
use crate::outcome::{Outcome, Row, all, must_refuse};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Specification::Margins`",
        input: "a label that is no class: as many as there are classes",
        run: || refuses(&labels(&[0, 2])),
    },
    Row {
        entry: "`Specification::Margins`",
        input: "a negative label",
        run: || refuses(&labels(&[0, -1])),
    },
    Row {
        entry: "`Specification::Margins`",
        input: "labels of another batch",
        run: || refuses(&labels(&[0])),
    },
    Row {
        entry: "`Specification::Margins`",
        input: "a model of one class",
        run: || {
            let verifier = Verifier::new(Narrow::new());
            must_refuse(verifier.bounds(images(DType::F32), &ball(), &labels(&[0, 0])))
        },
    },
    Row {
        entry: "`Specification::Margins`",
        input: "an output that is no `[B, classes]`",
        run: || {
            let x = images(DType::F32).unsqueeze_dim::<3>(1);
            let verifier = Verifier::new(crate::shapes::Deep::new());
            must_refuse(verifier.bounds(x, &ball(), &labels(&[0, 0])))
        },
    },
    Row {
        entry: "`Specification::Linear`",
        input: "rows of another batch",
        run: || refuses(&rows([3, 1, 2])),
    },
    Row {
        entry: "`Specification::Linear`",
        input: "rows for another number of outputs",
        run: || refuses(&rows([2, 1, 3])),
    },
    Row {
        entry: "`Specification::Linear`",
        input: "no rows",
        run: || refuses(&rows([2, 0, 2])),
    },
    Row {
        entry: "`Specification::Linear`",
        input: "rows of another data type",
        run: || {
            let rows = Tensor::<3>::zeros([2, 1, 2], (&test_device(), DType::F64));
            refuses(&Specification::Linear(rows))
        },
    },
    Row {
        entry: "`Specification::Linear`",
        input: "rows that are NaN or infinite",
        run: || {
            for number in [f64::NAN, f64::INFINITY] {
                for (between, place) in (0..BETWEEN.len()).zip([0, 1].into_iter().cycle()) {
                    let rows = Tensor::<3>::ones([2, 1, 2], &test_device());
                    let bad = Tensor::<3>::full([1, 1, 1], number, &test_device());
                    let rows = rows.slice_assign([0..1, 0..1, place..place + 1], bad);
                    assert_certified(between, &Specification::Linear(rows), [false, true]);
                }
            }
            Outcome::Defined(
                "their bounds certify nothing; other images are bounded as without them",
            )
        },
    },
    Row {
        entry: "`Specification::Linear`",
        input: "rows of 1e38, whose bounds overflow",
        run: || {
            for between in 0..BETWEEN.len() {
                let rows = Tensor::<3>::full([2, 1, 2], 1e38, &test_device());
                assert_certified(between, &Specification::Linear(rows), [false, false]);
            }
            Outcome::Defined("bounds that certify nothing")
        },
    },
    Row {
        entry: "`Verifier::with_output`",
        input: "an output that the forward pass does not have",
        run: || {
            let verifier = Verifier::new(Two::new()).with_output(2);
            must_refuse(verifier.bounds(images(DType::F32), &ball(), &Specification::Outputs))
        },
    },
    Row {
        entry: "`Verifier::with_output`",
        input: "an output that does not depend on the input",
        run: || {
            let verifier = Verifier::new(Two::new()).with_output(1);
            must_refuse(verifier.bounds(images(DType::F32), &ball(), &Specification::Outputs))
        },
    },
    Row {
        entry: "`certified`, `Bounds::certified`",
        input: "bounds that are NaN, infinite or zero",
        run: || {
            let bounds = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, 1.0];
            let lower = Tensor::<1>::from_floats(bounds, &test_device()).reshape([5, 1]);
            assert_eq!(bools(certified(lower)), [false, false, false, false, true]);
            Outcome::Defined("not certified")
        },
    },
    Row {
        entry: "`certified`, `Bounds::certified`",
        input: "no margins",
        run: || {
            let lower = Tensor::<2>::empty([2, 0], &test_device());
            assert_eq!(bools(certified(lower)), [false, false]);
            Outcome::Defined("not certified")
        },
    },
    Row {
        entry: "`train::classified`",
        input: "outputs that are NaN or infinite",
        run: || {
            let outputs = [[f32::NAN, 0.0], [0.0, f32::NAN], [f32::INFINITY; 2]];
            let logits = Tensor::<2>::from_floats(outputs, &test_device());
            let labels = Tensor::<1, Int>::from_ints([0, 0, 0], &test_device());
            assert_eq!(bools(classified(logits, labels)), [false, false, false]);
            Outcome::Defined("not classified rightly")
        },
    },
];

fn ball() -> Perturbation {
    Perturbation::linf(0.01)
}

fn labels(labels: &[i64]) -> Specification {
    Specification::Margins(Tensor::<1, Int>::from_data(labels, &test_device()))
}

fn rows(shape: [usize; 3]) -> Specification {
    Specification::Linear(Tensor::zeros(shape, &test_device()))
}

fn bools(tensor: Tensor<1, Bool>) -> Vec<bool> {
    tensor.into_data().iter().collect()
}

/// The error, the same by every method.
fn refuses(specification: &Specification) -> Outcome {
    let analysis = GraphCache::new().analyse(&Net::new(1, DType::F32), images(DType::F32), &ball());
    let analysis = analysis.unwrap();
    all(configs().iter().flat_map(|config| {
        [
            must_refuse(analysis.bounds(specification, config)),
            must_refuse(analysis.lower(specification, config)),
            must_refuse(analysis.estimate(specification, config)),
        ]
    }))
}

fn assert_certified(between: usize, specification: &Specification, expected: [bool; 2]) {
    let net = Net::new(between, DType::F32);
    let found = crate::nets::certified(&net, images(DType::F32), &ball(), specification);
    for (config, found) in found.unwrap() {
        assert_eq!(found, expected, "{between}: {config:?}");
    }
}

#[derive(Module, Bounded, Debug)]
struct Narrow {
    layer: Linear,
}

impl Narrow {
    fn new() -> Self {
        Self {
            layer: LinearConfig::new(3, 1).init(&test_device()),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.layer.forward(x)
    }
}

/// A forward pass whose second output is a constant.
#[derive(Module, Bounded, Debug)]
struct Two {
    layer: Linear,
}

impl Two {
    fn new() -> Self {
        let Narrow { layer } = Narrow::new();
        Self { layer }
    }

    fn forward(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let ones = Tensor::ones([x.dims()[0], 2], &x.device());
        (self.layer.forward(x), ones)
    }
}
