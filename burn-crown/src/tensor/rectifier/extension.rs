//! The operation of [`loops`](super::loops) as an extension of Burn's backends, with its gradient for
//! Burn's autodiff.
#![cfg_attr(
    feature = "tch",
    allow(
        deprecated,
        reason = "Burn will give up libtorch; until then it is supported here"
    )
)]

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, TensorMetadata, backend_extension,
};

use super::loops::{ChordGradient, Chords};
use super::{AnyTensor, Chord, Steep};
use crate::tensor::native::{Slices, record};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait ChordOps: Backend {
    /// The ends of intervals, of one shape: slopes, intercepts, and ones for steep chords or nothing.
    fn chord(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        steep: Option<Steep>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn chord(lower: AnyTensor, upper: AnyTensor, steep: Option<Steep>) -> Chord {
    let (slope, intercept, marks) = Dispatch::chord(lower.0, upper.0, steep);
    Chord {
        slope: AnyTensor(slope),
        intercept: AnyTensor(intercept),
        steep: steep.map(|_| AnyTensor(marks)),
    }
}

macro_rules! chord_ops {
    ($backend:ty) => {
        impl ChordOps for $backend {
            fn chord(
                lower: FloatTensor<Self>,
                upper: FloatTensor<Self>,
                steep: Option<Steep>,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let shape = lower.shape().to_vec();
                let marks = steep.map_or(vec![0], |_| shape.clone());
                let shapes = [shape.clone(), shape, marks];
                let [slope, intercept, marks] =
                    Self::compute([lower, upper], shapes, Chords(steep));
                (slope, intercept, marks)
            }
        }
    };
}

#[cfg(feature = "flex")]
chord_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
chord_ops!(burn::backend::LibTorch);

impl<B: ChordOps + Slices, C: CheckpointStrategy> ChordOps for Autodiff<B, C> {
    fn chord(
        lower: FloatTensor<Self>,
        upper: FloatTensor<Self>,
        steep: Option<Steep>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&lower, &upper];
        let [l, u] = inputs.map(|input| input.primitive().clone());
        let (slope, intercept, marks) = B::chord(l, u, steep);
        let outputs = [slope, intercept];
        let [slope, intercept] = record::<B, C, _, 2, 2, 4>(inputs, outputs, ChordGradient);
        (slope, intercept, Self::from_inner(marks))
    }
}
