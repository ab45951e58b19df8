//! Tensors of flex.
#![allow(unsafe_code, reason = "results are written where nothing was")]

use burn::backend::Flex;
use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};

use super::{Number, Slices, Work};

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
