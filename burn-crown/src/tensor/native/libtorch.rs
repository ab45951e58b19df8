//! Tensors of libtorch on the CPU.
#![allow(unsafe_code, reason = "libtorch's memory is reached by pointers")]
#![allow(
    deprecated,
    reason = "Burn will give up libtorch; until then it is supported here"
)]

use std::mem::MaybeUninit;

use burn::backend::LibTorch;
use burn::backend::TensorMetadata;
use burn::backend::libtorch::TchTensor;

use burn::tensor::DType;

use super::{Number, Slices, Space, Work};

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
