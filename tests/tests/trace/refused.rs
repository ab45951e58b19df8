//! Forward passes that cannot be bounded.

use burn::module::Module;
use burn::nn;
use burn::tensor::activation::relu;
use burn::tensor::{Distribution, Tensor};
use burn_crown::{BoundError, Bounded, Perturbation, Specification, TraceError, Verifier};
use burn_crown_tests::test_device;

use crate::{assert_holds, input, linear, module, refusal};

#[test]
fn control_flow_that_depends_on_values() {
    module!(Branch(first), |this, x| {
        let y = this.first.forward(x);
        if y.clone().sum().into_scalar::<f32>() > 0.0 {
            y
        } else {
            y.neg()
        }
    });
    let error = refusal(&Branch {
        first: linear(3, 2),
    });
    assert!(
        matches!(error, TraceError::ForwardPanicked { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("must not read a value"),
        "{error}"
    );

    // The recording device is free again.
    module!(Plain(first), |this, x| this.first.forward(x));
    let plain = Plain {
        first: linear(3, 2),
    };
    assert_holds(&plain, plain.forward(input()));
}

#[test]
fn a_panic_of_the_forward_pass_keeps_its_message() {
    module!(Broken(first), |this, x| {
        assert!(x.dims()[0] > 5, "batches of six or more");
        this.first.forward(x)
    });
    let error = refusal(&Broken {
        first: linear(3, 2),
    });
    let TraceError::ForwardPanicked { message } = error else {
        panic!("{error:?}")
    };
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
            let hidden = self
                .blocks
                .iter()
                .fold(x, |x, block| relu(block.inner.forward(x)));
            self.last.forward(hidden.sort(1))
        }
    }

    let block = || Block {
        inner: linear(3, 3),
    };
    let error = refusal(&Outer {
        blocks: vec![block(), block()],
        last: linear(3, 2),
    });
    let TraceError::Unsupported {
        operator,
        module,
        reason,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(operator, "Sort");
    assert!(module.contains("`blocks.1.inner`"), "{module}");
    assert!(reason.contains("SUPPORTED.md"), "{reason}");
}

#[test]
fn an_unsupported_operator_that_the_output_does_not_need_is_no_matter() {
    module!(Unused(first), |this, x| {
        let _ = x.clone().sort(1);
        this.first.forward(x)
    });
    let module = Unused {
        first: linear(3, 2),
    };
    assert_holds(&module, module.forward(input()));
}

#[test]
fn random_values_are_no_constants() {
    module!(Noisy(first), |this, x| {
        let noise = Tensor::random(x.dims(), Distribution::Default, &x.device());
        this.first.forward(x + noise)
    });
    let error = refusal(&Noisy {
        first: linear(3, 2),
    });
    let TraceError::Unsupported { operator, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(operator, "Random");
}

#[test]
fn a_part_of_the_batch() {
    module!(Part(first), |this, x| {
        let rows = x.dims()[0];
        this.first.forward(x.narrow(0, rows - 1, 1))
    });
    let error = refusal(&Part {
        first: linear(3, 2),
    });
    assert!(matches!(error, TraceError::MixesBatch { .. }), "{error:?}");
}

#[test]
fn outputs_that_do_not_depend_on_the_input() {
    module!(Constant(first), |this, x| {
        let _ = &this.first;
        Tensor::ones([x.dims()[0], 2], &x.device())
    });
    assert_eq!(
        refusal(&Constant {
            first: linear(3, 2)
        }),
        TraceError::IndependentOutput
    );

    module!(Weight(first), |this, x| {
        let _ = x;
        this.first.weight.val()
    });
    assert_eq!(
        refusal(&Weight {
            first: linear(3, 2)
        }),
        TraceError::IndependentOutput
    );
}

/// That a module is refused for mixing the images of the batch.
macro_rules! assert_mixes {
    (|$x:ident| $mixed:expr) => {{
        module!(Mixes(first), |this, $x| this.first.forward($mixed));
        let error = refusal(&Mixes {
            first: linear(3, 2),
        });
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
    let error = Verifier::new(Folded {
        first: linear(3, 3),
    })
    .bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
    .unwrap_err();
    assert!(
        matches!(error, BoundError::Trace(TraceError::MixesBatch { .. })),
        "{error:?}"
    );
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
    let error = Verifier::new(Rows {
        first: linear(3, 3),
    })
    .bounds(x, &Perturbation::linf(0.1), &Specification::Outputs)
    .unwrap_err();
    assert!(
        matches!(error, BoundError::Trace(TraceError::MixesBatch { .. })),
        "{error:?}"
    );
}
