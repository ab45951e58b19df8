//! The trait of modules that can be bounded, and what its derive stands on.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::tensor::AnyTensor;

/// A Burn module whose output can be bounded over a region of inputs.
///
/// Derive it beside [`Module`]; the derive records the type's own `forward`, so the bounds are
/// those of the function that runs:
///
/// ```
/// use burn::{module::Module, nn, tensor::{Device, Tensor}};
/// use burn_crown::Bounded;
///
/// #[derive(Module, Bounded, Debug)]
/// struct Classifier {
///     hidden: nn::Linear,
///     output: nn::Linear,
/// }
///
/// impl Classifier {
///     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
///         self.output.forward(burn::tensor::activation::relu(self.hidden.forward(x)))
///     }
/// }
/// # let device = Device::flex();
/// # let model = Classifier {
/// #     hidden: nn::LinearConfig::new(2, 3).init(&device),
/// #     output: nn::LinearConfig::new(3, 2).init(&device),
/// # };
/// assert_eq!(Classifier::signature().inputs, [2]);
/// ```
///
/// Another method is named by `#[bounded(forward = "name")]`. A forward pass takes one tensor or
/// several (at most four); [`Input`](crate::Input) says which of several are perturbed and which
/// are fixed. It gives one tensor or a tuple of several (at most four); bounds are those of the
/// first, or of the one that [`Verifier::with_output`](crate::Verifier::with_output) names. The
/// first dim of every tensor is the batch. Control flow may depend on shapes and on the module's
/// own settings, not on values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no forward pass that can be bounded",
    label = "does not implement `Bounded`",
    note = "derive it beside `Module`: `#[derive(Module, Bounded, Debug)]`"
)]
// The compiler quotes this line where `Module` is missing; so it says there what to do.
pub trait Bounded: Module /* derive both: `#[derive(Module, Bounded, Debug)]` */ {
    /// The ranks of the inputs and of the outputs.
    fn signature() -> Signature
    where
        Self: Sized;

    /// Runs the forward pass on tensors whose ranks fit the [`signature`](Self::signature).
    ///
    /// # Panics
    ///
    /// If number or ranks of the inputs do not fit, or if the forward pass itself does.
    fn forward_all(&self, inputs: Vec<AnyTensor>) -> Vec<AnyTensor>;

    /// The first output of the forward pass; see [`forward_all`](Self::forward_all).
    ///
    /// # Panics
    ///
    /// As [`forward_all`](Self::forward_all).
    fn forward_any(&self, inputs: Vec<AnyTensor>) -> AnyTensor {
        self.forward_all(inputs).swap_remove(0)
    }
}

/// The ranks of a forward pass's inputs and of its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The rank of each input tensor.
    pub inputs: Vec<usize>,
    /// The rank of each output tensor.
    pub outputs: Vec<usize>,
}

/// A method that can be recorded: `fn(&M, Tensor<D>, …) -> Tensor<O>`, or with a tuple of outputs.
///
/// `Args` is the tuple of input tensors; the compiler infers it from the method, so that the derive
/// needs to repeat nothing.
#[diagnostic::on_unimplemented(
    message = "`#[derive(Bounded)]` cannot record this forward pass of `{M}`",
    label = "its method has not the form `fn(&self, Tensor<D>, …) -> Tensor<O>`",
    note = "a forward pass that can be bounded takes `&self` and one to four float tensors, and \
            returns one, or a tuple of them; name such a method with `#[bounded(forward = \"name\")]`"
)]
pub trait Forward<M, Args> {
    #[doc(hidden)]
    fn signature(&self) -> Signature;
    #[doc(hidden)]
    fn call(&self, module: &M, inputs: Vec<AnyTensor>) -> Vec<AnyTensor>;
}

/// What a forward pass can return: a float tensor, or a tuple of two to four.
pub trait Outputs {
    #[doc(hidden)]
    fn ranks() -> Vec<usize>;
    #[doc(hidden)]
    fn into_any(self) -> Vec<AnyTensor>;
}

impl<const D: usize> Outputs for Tensor<D> {
    fn ranks() -> Vec<usize> {
        vec![D]
    }

    fn into_any(self) -> Vec<AnyTensor> {
        vec![AnyTensor::new(self)]
    }
}

macro_rules! impl_outputs {
    ($($rank:ident $name:ident),+) => {
        impl<$(const $rank: usize),+> Outputs for ($(Tensor<$rank>),+) {
            fn ranks() -> Vec<usize> {
                vec![$($rank),+]
            }

            fn into_any(self) -> Vec<AnyTensor> {
                let ($($name),+) = self;
                vec![$(AnyTensor::new($name)),+]
            }
        }
    };
}

impl_outputs!(D1 a, D2 b);
impl_outputs!(D1 a, D2 b, D3 c);
impl_outputs!(D1 a, D2 b, D3 c, D4 d);

macro_rules! impl_forward {
    ($($rank:ident),+) => {
        impl<M, F, R, $(const $rank: usize),+> Forward<M, ($(Tensor<$rank>,)+)> for F
        where
            F: Fn(&M, $(Tensor<$rank>),+) -> R,
            R: Outputs,
        {
            fn signature(&self) -> Signature {
                Signature { inputs: vec![$($rank),+], outputs: R::ranks() }
            }

            fn call(&self, module: &M, inputs: Vec<AnyTensor>) -> Vec<AnyTensor> {
                let count = inputs.len();
                let expected = [$($rank),+].len();
                assert_eq!(count, expected, "the forward pass takes {expected} tensors, not {count}");
                let mut inputs = inputs.into_iter();
                let mut next = || inputs.next().expect("the number of inputs was checked");
                self(module, $(next().into_tensor::<$rank>()),+).into_any()
            }
        }
    };
}

impl_forward!(D1);
impl_forward!(D1, D2);
impl_forward!(D1, D2, D3);
impl_forward!(D1, D2, D3, D4);
