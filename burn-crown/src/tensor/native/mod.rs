//! Loops over the numbers of tensors that lie in the machine's memory, for what Burn's operations
//! would do in many passes.

#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "tch")]
mod libtorch;
mod record;

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::{Add, AddAssign, Div, Mul, Sub};
use std::sync::OnceLock;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, DispatchTensorKind};
use burn::tensor::DType;
use macerator::{ReduceAdd, VAbs, VMulAdd};

pub(super) use record::record;

use super::AnyTensor;

/// The numbers that the loops are made for.
pub(super) trait Number:
    'static
    + Copy
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Mul<Output = Self>
    + Sub<Output = Self>
    + Div<Output = Self>
    + VAbs
    + VMulAdd
    + ReduceAdd
{
    const ZERO: Self;
    const ONE: Self;
    const HALF: Self;

    /// The nearest number of this type.
    fn of(number: f64) -> Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const HALF: Self = 0.5;

    fn of(number: f64) -> Self {
        number as f32
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const HALF: Self = 0.5;

    fn of(number: f64) -> Self {
        number
    }
}

/// Space for results.
pub(super) type Space<'a, E> = &'a mut [MaybeUninit<E>];

/// What is to be computed of contiguous inputs.
pub(super) trait Work<const I: usize, const O: usize> {
    /// Writes every element of the outputs.
    ///
    /// # Panics
    ///
    /// If the lengths do not fit: what a loop leaves out would stay unwritten.
    fn run<E: Number>(self, inputs: [&[E]; I], outputs: [Space<'_, E>; O]);
}

/// The gradient of an output of so many elements; zeros if nothing was made of it.
pub(super) fn or_zeros<E: Number>(gradient: &[E], count: usize) -> Cow<'_, [E]> {
    if gradient.is_empty() {
        return vec![E::ZERO; count].into();
    }
    assert_eq!(gradient.len(), count);
    gradient.into()
}

/// The positive parts of numbers; what is no number stays.
#[inline(always)]
pub(super) fn rectify<E: Number>(numbers: &mut [E]) {
    for number in numbers {
        if *number <= E::ZERO {
            *number = E::ZERO;
        }
    }
}

/// Clears the gradients of the positive parts of `numbers` where these are constant.
#[inline(always)]
pub(super) fn clear_where_rectified<E: Number>(numbers: &[E], gradient: Space<'_, E>) {
    for (number, gradient) in numbers.iter().zip(gradient) {
        if *number <= E::ZERO {
            gradient.write(E::ZERO);
        }
    }
}

/// A backend whose tensors can be read and made as slices.
pub(super) trait Slices: Backend {
    /// Computes tensors of the given shapes.
    fn compute<const I: usize, const O: usize>(
        inputs: [FloatTensor<Self>; I],
        shapes: [Vec<usize>; O],
        work: impl Work<I, O>,
    ) -> [FloatTensor<Self>; O];
}

/// The environment variable that, with the value `composed`, has everything computed by Burn's
/// operations: for tests, and for whoever doubts a loop.
const KERNELS: &str = "BURN_CROWN_KERNELS";

/// Whether all tensors are of one type and device that the loops are made for, and the first is not
/// empty.
pub(super) fn has_loops(tensors: &[&AnyTensor]) -> bool {
    static COMPOSED: OnceLock<bool> = OnceLock::new();
    if *COMPOSED.get_or_init(|| std::env::var(KERNELS).is_ok_and(|kernels| kernels == "composed")) {
        return false;
    }
    let first = tensors[0];
    let (device, dtype) = (first.device().inner(), first.dtype());
    first.shape().iter().all(|&size| size > 0)
        && matches!(dtype, DType::F32 | DType::F64)
        && in_memory(&first.0.kind)
        && tensors[1..]
            .iter()
            .all(|tensor| tensor.dtype() == dtype && tensor.device().inner() == device)
}

#[cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]
pub(super) fn in_memory(kind: &DispatchTensorKind) -> bool {
    match kind {
        DispatchTensorKind::Autodiff(inner) => in_memory(inner),
        #[cfg(feature = "flex")]
        DispatchTensorKind::Flex(_) => true,
        #[cfg(feature = "tch")]
        DispatchTensorKind::LibTorch(tensor) => {
            use burn::backend::TensorMetadata;
            use burn::backend::libtorch::LibTorchDevice;
            tensor.device() == LibTorchDevice::Cpu
        }
        _ => false,
    }
}

/// The devices whose backends have loops, for tests.
#[cfg(test)]
#[allow(
    deprecated,
    reason = "Burn will give up libtorch; until then it is supported here"
)]
pub(super) fn devices() -> Vec<burn::tensor::Device> {
    vec![
        #[cfg(feature = "flex")]
        burn::tensor::Device::flex(),
        #[cfg(feature = "tch")]
        burn::tensor::Device::libtorch(),
    ]
}
