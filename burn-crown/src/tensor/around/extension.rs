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

use super::loops::{Boxes, BoxesGradient, Places};
use super::{AnyTensor, Surrounds};
use crate::tensor::native::{Slices, record};

/// The operation, for backends and for Burn's autodiff around them.
#[backend_extension(Flex: cfg(feature = "flex"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub(crate) trait AroundOps: Backend {
    /// Points `[B, ...]`, and one number or one for each channel three times, of which the last two
    /// may be none: the ends of boxes `[B, ...]`, and whether a point is outside, `[1]`.
    fn surround(
        x: FloatTensor<Self>,
        radius: FloatTensor<Self>,
        low: FloatTensor<Self>,
        high: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

pub(super) fn surround(x: &AnyTensor, surrounds: &Surrounds) -> Option<[AnyTensor; 2]> {
    let nothing = || AnyTensor::zeros(&[0], x);
    let [low, high] = match surrounds.range.clone() {
        Some(range) => range,
        None => [nothing(), nothing()],
    };
    let radius = surrounds.radius.clone();
    let (lower, upper, outside) = Dispatch::surround(x.0.clone(), radius.0, low.0, high.0);
    let [lower, upper, outside] = [lower, upper, outside].map(AnyTensor);
    (outside.largest() == 0.0).then_some([lower, upper])
}

/// Where the channels lie, of points of this shape that so many numbers belong to.
fn places(shape: &[usize], numbers: [usize; 3]) -> Places {
    let all = shape.iter().product();
    match shape.get(1) {
        Some(&channels) if numbers.iter().any(|&numbers| numbers > 1) => Places {
            channels,
            run: shape[2..].iter().product(),
        },
        _ => Places {
            channels: 1,
            run: all,
        },
    }
}

macro_rules! around_ops {
    ($backend:ty) => {
        impl AroundOps for $backend {
            fn surround(
                x: FloatTensor<Self>,
                radius: FloatTensor<Self>,
                low: FloatTensor<Self>,
                high: FloatTensor<Self>,
            ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
                let shape = x.shape().to_vec();
                let numbers = [&radius, &low, &high].map(|each| each.shape().num_elements());
                let work = Boxes(places(&shape, numbers));
                let shapes = [shape.clone(), shape, vec![1]];
                let [lower, upper, outside] = Self::compute([x, radius, low, high], shapes, work);
                (lower, upper, outside)
            }
        }
    };
}

#[cfg(feature = "flex")]
around_ops!(burn::backend::Flex);
#[cfg(feature = "tch")]
around_ops!(burn::backend::LibTorch);

impl<B: AroundOps + Slices, C: CheckpointStrategy> AroundOps for Autodiff<B, C> {
    fn surround(
        x: FloatTensor<Self>,
        radius: FloatTensor<Self>,
        low: FloatTensor<Self>,
        high: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [&x, &radius, &low, &high];
        let [p, r, l, h] = inputs.map(|input| input.primitive().clone());
        let numbers = [&r, &l, &h].map(|each| each.shape().num_elements());
        let gradient = BoxesGradient(places(&p.shape(), numbers));
        let (lower, upper, outside) = B::surround(p, r, l, h);
        let [lower, upper] = record::<B, C, _, 4, 2, 6>(inputs, [lower, upper], gradient);
        (lower, upper, Self::from_inner(outside))
    }
}
