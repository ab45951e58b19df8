//! Recording forward passes: what is refused, and what a recording must not change.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::nn;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{DType, Device, Tensor};
use burn_crown::{
    BoundError, Bounded, Bounds, GraphCache, Input, Perturbation, Specification, TraceError,
    Verifier,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

/// A layer with fixed weights whose outputs are positive for inputs as small as [`input`], so that
/// rectifiers behind it pass them on.
fn linear(inputs: usize, outputs: usize) -> nn::Linear {
    let layer = nn::LinearConfig::new(inputs, outputs).init(&test_device());
    map_parameters(layer, DType::F32, |path, _, values| {
        for (at, value) in values.iter_mut().enumerate() {
            *value = if path == "bias" { 3.0 } else { (at as f64 * 1.7 + 0.4).sin() };
        }
    })
}

fn input() -> Tensor<2> {
    Tensor::from_floats([[0.3, -0.2, 0.5], [-0.4, 0.1, 0.2]], &test_device())
}

fn bounds<M: Bounded>(module: &M) -> Result<Bounds, BoundError> {
    Verifier::new(module.clone()).bounds(
        input(),
        &Perturbation::linf(0.1),
        &Specification::Outputs,
    )
}

/// The reason why a module cannot be recorded.
fn refusal<M: Bounded>(module: &M) -> TraceError {
    match bounds(module).map(|bounds| to_vec(bounds.lower)) {
        Err(BoundError::Trace(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Whether bounds hold the outputs at the input, and are wider than a point.
fn assert_holds<M: Bounded>(module: &M, outputs: Tensor<2>) {
    let bounds = bounds(module).unwrap();
    for ((lower, upper), value) in
        to_vec(bounds.lower).iter().zip(to_vec(bounds.upper)).zip(to_vec(outputs))
    {
        assert!(*lower < value && value < upper, "{value} is not in ({lower}, {upper})");
    }
}

/// A module around one or two linear layers.
macro_rules! module {
    ($name:ident($($layer:ident),*), |$this:ident, $x:ident| $forward:expr) => {
        #[derive(Module, Bounded, Debug)]
        struct $name {
            $($layer: nn::Linear),*
        }

        impl $name {
            fn forward(&self, $x: Tensor<2>) -> Tensor<2> {
                let $this = self;
                $forward
            }
        }
    };
}

// ---- what is refused ----------------------------------------------------------------------------

#[test]
fn control_flow_that_depends_on_values() {
    module!(Branch(first), |this, x| {
        let y = this.first.forward(x);
        if y.clone().sum().into_scalar::<f32>() > 0.0 { y } else { y.neg() }
    });
    let error = refusal(&Branch { first: linear(3, 2) });
    assert!(matches!(error, TraceError::ForwardPanicked { .. }), "{error:?}");
    assert!(error.to_string().contains("must not read a value"), "{error}");

    // The recording device is free again.
    module!(Plain(first), |this, x| this.first.forward(x));
    let plain = Plain { first: linear(3, 2) };
    assert_holds(&plain, plain.forward(input()));
}

#[test]
fn a_panic_of_the_forward_pass_keeps_its_message() {
    module!(Broken(first), |this, x| {
        assert!(x.dims()[0] > 5, "batches of six or more");
        this.first.forward(x)
    });
    let error = refusal(&Broken { first: linear(3, 2) });
    let TraceError::ForwardPanicked { message } = error else { panic!("{error:?}") };
    assert!(message.contains("batches of six or more"), "{message}");
}

#[test]
fn an_unsupported_operator_is_named_with_its_module() {
    #[derive(Module, Debug)]
    struct Block {
        inner: nn::Linear,
    }

    #[derive(Module, Bounded, Debug)]
    struct Outer {
        blocks: Vec<Block>,
        last: nn::Linear,
    }

    impl Outer {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            let hidden = self.blocks.iter().fold(x, |x, block| relu(block.inner.forward(x)));
            self.last.forward(sigmoid(hidden))
        }
    }

    let block = || Block { inner: linear(3, 3) };
    let error = refusal(&Outer { blocks: vec![block(), block()], last: linear(3, 2) });
    let TraceError::Unsupported { operator, module, reason } = error else { panic!("{error:?}") };
    assert_eq!(operator, "Sigmoid");
    assert!(module.contains("`blocks.1.inner`"), "{module}");
    assert!(reason.contains("README"), "{reason}");
}

#[test]
fn an_unsupported_operator_that_the_output_does_not_need_is_no_matter() {
    module!(Unused(first), |this, x| {
        let _ = sigmoid(x.clone());
        this.first.forward(x)
    });
    let module = Unused { first: linear(3, 2) };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_product_of_two_perturbed_values() {
    module!(Square(first), |this, x| {
        let y = this.first.forward(x);
        y.clone() * y
    });
    let error = refusal(&Square { first: linear(3, 2) });
    assert!(matches!(&error, TraceError::Unsupported { operator, .. } if operator == "Mul"), "{error}");

    module!(Quotient(first), |this, x| Tensor::ones_like(&x) / this.first.forward(x));
    let error = refusal(&Quotient { first: linear(3, 3) });
    assert!(matches!(&error, TraceError::Unsupported { operator, .. } if operator == "Div"), "{error}");
}

#[test]
fn outputs_that_do_not_depend_on_the_input() {
    module!(Constant(first), |this, x| {
        let _ = &this.first;
        Tensor::ones([x.dims()[0], 2], &x.device())
    });
    assert_eq!(refusal(&Constant { first: linear(3, 2) }), TraceError::IndependentOutput);

    module!(Weight(first), |this, x| {
        let _ = x;
        this.first.weight.val()
    });
    assert_eq!(refusal(&Weight { first: linear(3, 2) }), TraceError::IndependentOutput);
}

/// That a module is refused for mixing the images of the batch.
macro_rules! assert_mixes {
    (|$x:ident| $mixed:expr) => {{
        module!(Mixes(first), |this, $x| this.first.forward($mixed));
        let error = refusal(&Mixes { first: linear(3, 2) });
        assert!(matches!(error, TraceError::MixesBatch { .. }), "{error:?}");
        assert!(error.to_string().contains("mixes the images"), "{error}");
    }};
}

#[test]
fn batches_that_are_mixed() {
    assert_mixes!(|x| x.clone() - x.mean_dim(0));
    assert_mixes!(|x| x.clone() + x.sum_dim(0));
    assert_mixes!(|x| x.clone() - x.mean().unsqueeze::<2>());
    assert_mixes!(|x| x.reshape([3, 2]).swap_dims(0, 1));
    assert_mixes!(|x| x.flatten::<1>(0, 1).reshape([2, 3]));
    assert_mixes!(|x| Tensor::<2>::ones([2, 2], &x.device()).matmul(x));
}

#[test]
fn batches_that_are_mixed_behind_a_folded_layer() {
    #[derive(Module, Bounded, Debug)]
    struct Folded {
        first: nn::Linear,
    }

    impl Folded {
        fn forward(&self, x: Tensor<3>) -> Tensor<2> {
            // [B, T, F] to [B·T, F], whose rows are summed.
            let [batch, time, features] = x.dims();
            let rows = self.first.forward(x.reshape([batch * time, features]));
            rows.clone() + rows.sum_dim(0)
        }
    }

    let x = Tensor::<3>::zeros([2, 4, 3], &test_device());
    let error = Verifier::new(Folded { first: linear(3, 3) })
        .bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
        .unwrap_err();
    assert!(matches!(error, BoundError::Trace(TraceError::MixesBatch { .. })), "{error:?}");
}

#[test]
fn an_output_whose_rows_are_not_the_images() {
    #[derive(Module, Bounded, Debug)]
    struct Rows {
        first: nn::Linear,
    }

    impl Rows {
        fn forward(&self, x: Tensor<3>) -> Tensor<2> {
            let [batch, time, features] = x.dims();
            self.first.forward(x.reshape([batch * time, features]))
        }
    }

    let x = Tensor::<3>::zeros([2, 4, 3], &test_device());
    let error = Verifier::new(Rows { first: linear(3, 3) })
        .bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
        .unwrap_err();
    assert!(matches!(error, BoundError::Trace(TraceError::MixesBatch { .. })), "{error:?}");
}

// ---- several inputs -----------------------------------------------------------------------------

#[derive(Module, Bounded, Debug)]
struct TwoInputs {
    first: nn::Linear,
    second: nn::Linear,
}

impl TwoInputs {
    fn forward(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
        relu(self.first.forward(x)) - self.second.forward(y)
    }
}

#[test]
fn a_second_input_fixed_or_perturbed() {
    let module = TwoInputs { first: linear(3, 2), second: linear(4, 2) };
    let device = test_device();
    let second = Tensor::<2>::from_floats([[1., 2., -1., 0.5], [0.3, 0.1, 0.2, -2.0]], &device);
    let small = Perturbation::linf(0.1);
    let widths = |inputs: Vec<Input>| {
        let verifier = Verifier::new(module.clone());
        let bounds = verifier.bounds_of(inputs, &Specification::Outputs).unwrap();
        to_vec(bounds.upper - bounds.lower)
    };
    let (perturbed, fixed) = (Input::perturbed::<2>, Input::fixed::<2>);
    let both = widths(vec![
        perturbed(input(), small.clone()),
        perturbed(second.clone(), small.clone()),
    ]);
    let first = widths(vec![perturbed(input(), small.clone()), fixed(second.clone())]);
    let last = widths(vec![fixed(input()), perturbed(second.clone(), small.clone())]);
    for ((both, first), last) in both.iter().zip(first).zip(last) {
        assert!(first > 1e-3 && last > 1e-3, "{first} {last}");
        assert!((both - first - last).abs() < 1e-5, "{both} is not {first} + {last}");
    }

    // A fixed input of one row serves all images, and its values count.
    let row = second.clone().slice([0..1]);
    let one = Verifier::new(module.clone())
        .bounds_of(
            vec![perturbed(input(), small.clone()), fixed(row.clone())],
            &Specification::Outputs,
        )
        .unwrap();
    let output = to_vec(module.forward(input(), row.repeat_dim(0, 2)));
    for ((lower, upper), value) in to_vec(one.lower).iter().zip(to_vec(one.upper)).zip(output) {
        assert!(*lower <= value && value <= upper, "{value} is not in [{lower}, {upper}]");
    }

    let verifier = Verifier::new(module);
    let error = |inputs| verifier.bounds_of(inputs, &Specification::Outputs).unwrap_err();
    assert_eq!(
        error(vec![fixed(input()), fixed(second.clone())]),
        BoundError::Trace(TraceError::IndependentOutput)
    );
    assert_eq!(
        error(vec![perturbed(input(), small.clone())]),
        BoundError::Trace(TraceError::InputCount { expected: 2, given: 1 })
    );
    assert_eq!(
        error(vec![
            perturbed(input(), small.clone()),
            perturbed(second.slice([0..1]), small),
        ]),
        BoundError::Trace(TraceError::BatchMismatch { index: 1, expected: 2, given: 1 })
    );
}

// ---- what recordings are made of ----------------------------------------------------------------

#[test]
fn constants_that_the_forward_pass_makes() {
    module!(Constants(first), |this, x| {
        let [batch, features] = x.dims();
        let device = x.device();
        let ones = Tensor::<2>::ones([batch, features], &device);
        let zeros = Tensor::<2>::zeros([1, features], &device);
        let twos = Tensor::<2>::full([1, 1], 2.0, &device);
        let data = Tensor::<2>::from_data([[1.0, -2.0, 3.0]], &device);
        this.first.forward((x * data + ones) / twos - zeros)
    });
    let module = Constants { first: linear(3, 2) };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn a_constant_in_the_module_itself() {
    #[derive(Module, Bounded, Debug)]
    struct Normalised {
        mean: Tensor<2>,
        first: nn::Linear,
    }

    impl Normalised {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            self.first.forward(x - self.mean.clone())
        }
    }

    let mean = Tensor::from_floats([[5.0, -3.0, 2.0]], &test_device());
    let module = Normalised { mean, first: linear(3, 2) };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn tied_weights_get_the_gradients_of_both_uses() {
    module!(Tied(first), |this, x| {
        let weight = this.first.weight.val();
        relu(x.matmul(weight.clone())).matmul(weight.transpose())
    });
    let module = Tied { first: linear(3, 4) };
    assert_holds(&module, module.forward(input()));

    let lower = |module: &Tied| {
        let analysis =
            GraphCache::new().analyse(module, input(), &Perturbation::linf(0.1)).unwrap();
        let config = burn_crown::BoundConfig::new(burn_crown::Method::CrownIbp);
        analysis.lower(&Specification::Outputs, &config).unwrap().sum()
    };
    let trained = module.clone().train();
    let gradients = lower(&trained).backward();
    let gradient = to_vec(trained.first.weight.val().grad(&gradients).unwrap());
    let step = 1e-2;
    let at = |step: f64| {
        let moved = map_parameters(module.clone(), DType::F32, |path, _, values| {
            if path.ends_with("weight") {
                values[5] += step;
            }
        });
        to_vec(lower(&moved))[0]
    };
    let difference = (at(step) - at(-step)) / (2.0 * step);
    assert!((gradient[5] - difference).abs() < 1e-2, "{} {difference}", gradient[5]);
}

#[test]
fn enum_modules() {
    #[derive(Module, Bounded, Debug)]
    enum Choice {
        Shallow(nn::Linear),
        Deep(Vec<nn::Linear>),
    }

    impl Choice {
        fn forward(&self, x: Tensor<2>) -> Tensor<2> {
            match self {
                Self::Shallow(layer) => layer.forward(x),
                Self::Deep(layers) => layers.iter().fold(x, |x, layer| relu(layer.forward(x))),
            }
        }
    }

    let shallow = Choice::Shallow(linear(3, 2));
    assert_holds(&shallow, shallow.forward(input()));
    let deep = Choice::Deep(vec![linear(3, 4), linear(4, 2)]);
    assert_holds(&deep, deep.forward(input()));
}

// ---- the cache ----------------------------------------------------------------------------------

fn lower<M: Bounded>(cache: &GraphCache, module: &M, x: Tensor<2>) -> Vec<f64> {
    let analysis = cache.analyse(module, x, &Perturbation::linf(0.1)).unwrap();
    let config = burn_crown::BoundConfig::new(burn_crown::Method::Crown);
    to_vec(analysis.lower(&Specification::Outputs, &config).unwrap())
}

#[test]
fn parameters_are_read_anew_without_a_new_recording() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    module!(Counted(first), |this, x| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        relu(this.first.forward(x))
    });

    let (cache, mut module) = (GraphCache::new(), Counted { first: linear(3, 2) });
    let before = lower(&cache, &module, input());
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    module.first.bias = module.first.bias.map(|bias| bias.map(|bias| bias.add_scalar(5.0)));
    let after = lower(&cache, &module, input());
    assert_eq!(RUNS.load(Ordering::SeqCst), 1, "the graph was recorded again");
    assert_eq!(after, lower(&GraphCache::new(), &module, input()));
    for (before, after) in before.iter().zip(after) {
        assert!(after > before + 1.0, "{before} {after}");
    }

    // Another batch size is another recording, and the first one is kept.
    let runs = RUNS.load(Ordering::SeqCst);
    let single = lower(&cache, &module, input().slice([0..1]));
    assert_eq!(RUNS.load(Ordering::SeqCst), runs + 1);
    let both = lower(&cache, &module, input());
    assert_eq!(RUNS.load(Ordering::SeqCst), runs + 1);
    for (single, both) in single.iter().zip(&both) {
        assert!((single - both).abs() < 1e-5, "{single} {both}");
    }
}

#[test]
fn a_cache_of_another_module_is_refused() {
    module!(Plain(first), |this, x| this.first.forward(x));
    let cache = GraphCache::new();
    lower(&cache, &Plain { first: linear(3, 2) }, input());
    let error = cache
        .analyse(&Plain { first: linear(3, 2) }, input(), &Perturbation::linf(0.1))
        .unwrap_err();
    assert_eq!(error, BoundError::Trace(TraceError::ForeignModule));
}

#[test]
fn threads_share_a_cache() {
    let recipes = [
        Recipe::Linear { outputs: 5, bias: true },
        Recipe::Relu { function: true },
        Recipe::Linear { outputs: 3, bias: true },
    ];
    let nets: Vec<RandomNet<2>> = (0..3)
        .map(|seed| RandomNet::new(&recipes, [1, 3], seed, DType::F32, &test_device()))
        .collect();
    let caches: Vec<GraphCache> = nets.iter().map(|_| GraphCache::new()).collect();
    let rows = |rows: usize| input().slice([0..1]).repeat_dim(0, rows);
    let expected: Vec<Vec<Vec<f64>>> = nets
        .iter()
        .map(|net| (1..6).map(|count| lower(&GraphCache::new(), net, rows(count))).collect())
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (nets, caches, expected) = (&nets, &caches, &expected);
            scope.spawn(move || {
                for round in 0..30 {
                    let (net, count) = ((thread + round) % 3, 1 + (thread * 7 + round) % 5);
                    let bounds = lower(&caches[net], &nets[net], rows(count));
                    assert_eq!(bounds, expected[net][count - 1]);
                }
            });
        }
    });
}

// ---- what a recording must leave alone ----------------------------------------------------------

fn statistics(net: &RandomNet<2>) -> Vec<(String, Vec<f64>)> {
    let mut found = Vec::new();
    map_parameters(net.valid(), DType::F32, |path, _, values| {
        if path.contains("running") {
            found.push((path.to_string(), values.to_vec()));
        }
    });
    assert_eq!(found.len(), 2);
    found
}

#[test]
fn running_statistics_survive_a_recording() {
    let recipes = [
        Recipe::Linear { outputs: 4, bias: true },
        Recipe::BatchNorm,
        Recipe::Relu { function: true },
        Recipe::Linear { outputs: 2, bias: true },
    ];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 9, DType::F32, &test_device());
    for net in [net.clone(), net.train()] {
        let (devices, before) = (net.devices(), statistics(&net));
        let bounds = lower(&GraphCache::new(), &net, input());
        assert_eq!(net.devices(), devices, "the module was moved");
        assert_eq!(statistics(&net), before, "the running statistics changed");
        assert_eq!(lower(&GraphCache::new(), &net, input()), bounds);
        // The module still runs where it was.
        let outputs = to_vec(net.valid().forward(input()));
        for (lower, value) in bounds.iter().zip(outputs) {
            assert!(*lower <= value, "{value} is below {lower}");
        }
    }
}

#[test]
fn bounds_follow_the_running_statistics() {
    let recipes =
        [Recipe::Linear { outputs: 4, bias: true }, Recipe::BatchNorm];
    let net = RandomNet::<2>::new(&recipes, [1, 3], 9, DType::F32, &test_device());
    let cache = GraphCache::new();
    let before = lower(&cache, &net, input());
    // A training step's forward pass moves the statistics, on the autodiff device.
    let trained = net.train();
    let old = statistics(&trained);
    trained.forward(input().autodiff());
    let after = lower(&cache, &trained, input());
    assert_ne!(statistics(&trained), old);
    assert_ne!(after, before);
    assert_eq!(after, lower(&GraphCache::new(), &trained.valid(), input()));
}

#[test]
fn a_module_on_an_autodiff_device_is_bounded_with_gradients() {
    module!(Plain(first), |this, x| relu(this.first.forward(x)));
    let device: Device = test_device().autodiff();
    let module = Plain { first: nn::LinearConfig::new(3, 2).init(&device) };
    let verifier = Verifier::new(module.clone());
    let bounds =
        verifier.bounds(input(), &Perturbation::linf(0.1), &Specification::Outputs).unwrap();
    let gradients = bounds.upper.sum().backward();
    let bias = module.first.bias.unwrap().val().grad(&gradients).unwrap();
    assert!(to_vec(bias).iter().all(|value| *value >= 0.0));
}
