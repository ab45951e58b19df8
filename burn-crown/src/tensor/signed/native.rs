//! Backends that have loops of their own: those whose tensors lie in the machine's memory.
#![allow(
    unsafe_code,
    reason = "libtorch's memory is reached by pointers, and results are written where nothing was"
)]
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchTensorKind, backend_extension};
use burn::tensor::DType;

use super::loops::{Number, Relaxed, Signed, SignedSum, Sizes, Work};
use super::{AnyTensor, Factors};

/// The operations, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait SignedOps: Backend {
    /// `[B, S, N]`, and `[B, N]` twice: `[B, S, N]`.
    fn signed(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `[B, S, N]`, and `[B, N]` twice: `[B, S]`.
    fn signed_sum(
        form: FloatTensor<Self>,
        positive: FloatTensor<Self>,
        negative: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `[B, S, N]`, and `[B, N]` four times, slopes first: `[B, S, N]` and `[B, S]`.
    fn relaxed(
        form: FloatTensor<Self>,
        up: FloatTensor<Self>,
        down: FloatTensor<Self>,
        above: FloatTensor<Self>,
        below: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Whether all tensors are of one type and device that the loops are made for, and none is empty.
pub(super) fn has_loops(tensors: &[&AnyTensor]) -> bool {
    let first = tensors[0];
    let (device, dtype) = (first.device().inner(), first.dtype());
    first.shape().iter().all(|&size| size > 0)
        && matches!(dtype, DType::F32 | DType::F64)
        && in_memory(&first.0.kind)
        && tensors[1..]
            .iter()
            .all(|tensor| tensor.dtype() == dtype && tensor.device().inner() == device)
}

fn in_memory(kind: &DispatchTensorKind) -> bool {
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

pub(super) fn signed(form: AnyTensor, factors: Factors) -> AnyTensor {
    let Factors { positive, negative } = factors;
    AnyTensor(Dispatch::signed(form.0, positive.0, negative.0))
}

pub(super) fn signed_sum(form: AnyTensor, factors: Factors) -> AnyTensor {
    let Factors { positive, negative } = factors;
    AnyTensor(Dispatch::signed_sum(form.0, positive.0, negative.0))
}

pub(super) fn relaxed(form: AnyTensor, slopes: Factors, intercepts: Factors) -> [AnyTensor; 2] {
    let (form, sums) = Dispatch::relaxed(
        form.0,
        slopes.positive.0,
        slopes.negative.0,
        intercepts.positive.0,
        intercepts.negative.0,
    );
    [form, sums].map(AnyTensor)
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

/// The sizes of coefficients by their shape.
pub(super) fn sizes(shape: &[usize]) -> Sizes {
    Sizes {
        rows: shape[1],
        features: shape[2],
    }
}

macro_rules! signed_ops {
    ($backend:ty) => {
        impl SignedOps for $backend {
            fn signed(
                form: FloatTensor<Self>,
                positive: FloatTensor<Self>,
                negative: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let work = Signed(sizes(&shape));
                let [form] = Self::compute([form, positive, negative], [shape], work);
                form
            }

            fn signed_sum(
                form: FloatTensor<Self>,
                positive: FloatTensor<Self>,
                negative: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let (work, sums) = (SignedSum(sizes(&shape)), shape[..2].to_vec());
                let [sums] = Self::compute([form, positive, negative], [sums], work);
                sums
            }

            fn relaxed(
                form: FloatTensor<Self>,
                up: FloatTensor<Self>,
                down: FloatTensor<Self>,
                above: FloatTensor<Self>,
                below: FloatTensor<Self>,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let shape = burn::backend::TensorMetadata::shape(&form).to_vec();
                let (work, sums) = (Relaxed(sizes(&shape)), shape[..2].to_vec());
                let inputs = [form, up, down, above, below];
                let [form, sums] = Self::compute(inputs, [shape, sums], work);
                (form, sums)
            }
        }
    };
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::Flex;
    use burn::tensor::{Bytes, Shape};
    use burn_flex::{FlexTensor, Layout};

    use super::*;

    signed_ops!(Flex);

    impl Slices for Flex {
        fn compute<const I: usize, const O: usize>(
            inputs: [FlexTensor; I],
            shapes: [Vec<usize>; O],
            work: impl Work<I, O>,
        ) -> [FlexTensor; O] {
            let inputs = inputs.map(|input| input.to_contiguous());
            match inputs[0].dtype() {
                DType::F64 => run::<f64, I, O>(&inputs, shapes, work),
                _ => run::<f32, I, O>(&inputs, shapes, work),
            }
        }
    }

    fn run<E: FlexNumber, const I: usize, const O: usize>(
        inputs: &[FlexTensor; I],
        shapes: [Vec<usize>; O],
        work: impl Work<I, O>,
    ) -> [FlexTensor; O] {
        let mut vectors = shapes.each_ref().map(|shape| {
            let count = shape.iter().product();
            Vec::<E>::with_capacity(count)
        });
        {
            let mut spaces = vectors.each_mut().into_iter().zip(&shapes);
            let spaces = std::array::from_fn(|_| {
                let (vector, shape) = spaces.next().expect("a vector for each shape");
                &mut vector.spare_capacity_mut()[..shape.iter().product()]
            });
            work.run(inputs.each_ref().map(E::read), spaces);
        }
        let mut made = vectors.into_iter().zip(shapes);
        std::array::from_fn(|_| {
            let (mut vector, shape) = made.next().expect("a shape for each vector");
            // SAFETY: the work has written every element of the space that it was given.
            unsafe { vector.set_len(shape.iter().product()) };
            E::make(vector, Shape::from(shape))
        })
    }

    /// How numbers lie in a tensor of flex.
    trait FlexNumber: Number {
        fn read(tensor: &FlexTensor) -> &[Self];
        fn make(values: Vec<Self>, shape: Shape) -> FlexTensor;
    }

    macro_rules! flex_number {
        ($($number:ty: $dtype:expr;)*) => {$(
            impl FlexNumber for $number {
                fn read(tensor: &FlexTensor) -> &[Self] {
                    tensor.as_slice().expect("a contiguous tensor of this type")
                }

                fn make(values: Vec<Self>, shape: Shape) -> FlexTensor {
                    let layout = Layout::contiguous(shape);
                    FlexTensor::new(Bytes::from_elems(values), layout, $dtype)
                }
            }
        )*};
    }

    flex_number! {
        f32: DType::F32;
        f64: DType::F64;
    }
}

#[cfg(feature = "tch")]
mod libtorch {
    use std::mem::MaybeUninit;

    use burn::backend::LibTorch;
    use burn::backend::TensorMetadata;
    use burn::backend::libtorch::TchTensor;

    use super::super::loops::Space;
    use super::*;

    signed_ops!(LibTorch);

    impl Slices for LibTorch {
        fn compute<const I: usize, const O: usize>(
            inputs: [TchTensor; I],
            shapes: [Vec<usize>; O],
            work: impl Work<I, O>,
        ) -> [TchTensor; O] {
            match inputs[0].dtype() {
                DType::F64 => run::<f64, I, O>(inputs, shapes, work),
                _ => run::<f32, I, O>(inputs, shapes, work),
            }
        }
    }

    fn run<E: Number, const I: usize, const O: usize>(
        inputs: [TchTensor; I],
        shapes: [Vec<usize>; O],
        work: impl Work<I, O>,
    ) -> [TchTensor; O] {
        let inputs = inputs.map(|input| input.tensor.contiguous());
        let options = (inputs[0].kind(), inputs[0].device());
        let outputs = shapes.each_ref().map(|shape| {
            let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
            inputs[0].new_empty(shape, options)
        });
        let read = inputs.each_ref().map(|input| {
            // SAFETY: the tensor is contiguous, on the CPU, of this type, and alive; nothing writes
            // to it meanwhile.
            unsafe { slice(input.data_ptr().cast::<E>(), input.numel()) }
        });
        let spaces = outputs.each_ref().map(|output| {
            // SAFETY: as above, and the tensor was made here: nothing else knows of it.
            unsafe { space(output.data_ptr().cast::<MaybeUninit<E>>(), output.numel()) }
        });
        work.run(read, spaces);
        outputs.map(TchTensor::new)
    }

    /// An empty tensor has no address.
    unsafe fn slice<'a, E>(start: *const E, count: usize) -> &'a [E] {
        if count == 0 {
            return &[];
        }
        // SAFETY: what the caller promises.
        unsafe { std::slice::from_raw_parts(start, count) }
    }

    /// An empty tensor has no address.
    unsafe fn space<'a, E>(start: *mut MaybeUninit<E>, count: usize) -> Space<'a, E> {
        if count == 0 {
            return &mut [];
        }
        // SAFETY: what the caller promises.
        unsafe { std::slice::from_raw_parts_mut(start, count) }
    }
}
