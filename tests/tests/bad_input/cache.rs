//! Recordings of one input, asked for with another one.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Bool, DType, Int, Tensor};
use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::nets::{Net, images};
use crate::outcome::{Outcome, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`GraphCache`",
        input: "another batch than the recorded one",
        run: || {
            let (cache, net) = (GraphCache::new(), Net::new(1, DType::F32));
            for count in [2, 1, 2] {
                let x = images(DType::F32).narrow(0, 0, count);
                same_as_new(&cache, &net, x);
            }
            RECORDED
        },
    },
    Row {
        entry: "`GraphCache`",
        input: "another data type than the recorded one",
        run: || {
            let cache = GraphCache::new();
            for dtype in [DType::F32, DType::F64, DType::F32] {
                same_as_new(&cache, &Net::new(1, dtype), images(dtype));
            }
            RECORDED
        },
    },
    Row {
        entry: "`GraphCache`",
        input: "another module than the recorded one",
        run: || {
            let cache = GraphCache::new();
            same_as_new(&cache, &Net::new(1, DType::F32), images(DType::F32));
            same_as_new(&cache, &Net::new(2, DType::F32), images(DType::F32));
            RECORDED
        },
    },
    Row {
        entry: "`GraphCache`",
        input: "other numbers in a parameter of whole numbers",
        run: || {
            let cache = GraphCache::new();
            let net = Choosing::new();
            same_as_new(&cache, &net, images(DType::F32));
            let order = net.order.clone().map(|order| order.flip([0]));
            same_as_new(&cache, &Choosing { order, ..net }, images(DType::F32));
            RECORDED
        },
    },
    Row {
        entry: "`GraphCache`",
        input: "other values in a parameter of booleans",
        run: || {
            let cache = GraphCache::new();
            let net = Choosing::new();
            same_as_new(&cache, &net, images(DType::F32));
            let hidden = net.hidden.clone().map(Tensor::bool_not);
            same_as_new(&cache, &Choosing { hidden, ..net }, images(DType::F32));
            RECORDED
        },
    },
];

const RECORDED: Outcome = Outcome::Defined("is recorded anew");

/// Asserts that the bounds from a cache are those of a new one.
fn same_as_new(cache: &GraphCache, net: &impl Bounded, x: Tensor<2>) {
    let bounds = |cache: &GraphCache| {
        let analysis = cache.analyse(net, x.clone(), &Perturbation::linf(0.1));
        let crown = BoundConfig::new(Method::Crown);
        let bounds = analysis.unwrap().bounds(&Specification::Outputs, &crown);
        to_vec(bounds.unwrap().lower)
    };
    assert_eq!(bounds(cache), bounds(&GraphCache::new()));
}

/// A layer on elements in an order, some of them hidden.
#[derive(Module, Bounded, Debug)]
struct Choosing {
    order: Param<Tensor<1, Int>>,
    hidden: Param<Tensor<1, Bool>>,
    layer: Linear,
}

impl Choosing {
    fn new() -> Self {
        let device = test_device();
        let order = Tensor::from_ints([0, 1, 2], &device);
        let hidden = Tensor::from_data([false, true, false], &device);
        Self {
            order: Param::initialized(burn::module::ParamId::new(), order),
            hidden: Param::initialized(burn::module::ParamId::new(), hidden),
            layer: LinearConfig::new(3, 2).init(&device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = x.select(1, self.order.val());
        let hidden = self.hidden.val().unsqueeze::<2>().expand(x.dims());
        self.layer.forward(x.mask_fill(hidden, 0.0))
    }
}
