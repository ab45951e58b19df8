//! Soundness of each operator on its own, inside a small module that a user could write.
#![allow(clippy::unwrap_used)]

/// A module that applies a function, on a tensor of one rank, with a result of another.
macro_rules! module_of {
    ($name:ident, $from:literal, $to:literal, $function:expr) => {
        #[derive(burn::module::Module, burn_crown::Bounded, Debug)]
        struct $name {
            unused: usize,
        }

        impl $name {
            fn forward(&self, x: burn::tensor::Tensor<$from>) -> burn::tensor::Tensor<$to> {
                let function: fn(burn::tensor::Tensor<$from>) -> burn::tensor::Tensor<$to> =
                    $function;
                function(x)
            }
        }
    };
}

/// A module around a layer of Burn's, on tensors of a rank.
macro_rules! layer_of {
    ($name:ident, $layer:ty, $rank:literal) => {
        #[derive(burn::module::Module, burn_crown::Bounded, Debug)]
        struct $name {
            layer: $layer,
        }

        impl $name {
            fn forward(&self, x: burn::tensor::Tensor<$rank>) -> burn::tensor::Tensor<$rank> {
                self.layer.forward(x)
            }
        }
    };
}

/// A module for each function of rank 2, and a test that its bounds hold, within rounding.
macro_rules! sound {
    ($($module:ident, $test:ident $(within $rounding:expr,)?: $function:expr;)*) => {$(
        module_of!($module, 2, 2, $function);

        #[test]
        fn $test() {
            let rounding = [$($rounding,)? burn_crown_tests::sound::ROUNDING][0];
            let check = |dims: [usize; 2], center: f64, radii: &[f64], cases: u64| {
                let module = |_| $module { unused: 0 };
                burn_crown_tests::sound::assert_sound_within(
                    rounding, dims, center, radii, cases, module,
                );
            };
            check([2, 5], 0.0, &[0.05, 1.0, 8.0], 4);
            check([1, 3], 2.5, &[0.05, 1.0], 2);
            check([1, 3], -2.5, &[0.05, 1.0], 2);
        }
    )*};
}

mod bilinear;
mod composite;
mod curves;
mod linear;
mod maximum;
mod norms;
mod products;
mod rearrange;
mod softmax;
mod steps;
mod stock;
