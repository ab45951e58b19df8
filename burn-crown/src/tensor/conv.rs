//! Convolutions, whatever the number of dims.

use burn::backend::Dispatch;
use burn::backend::ops::{ConvOptions, ConvTransposeOptions, ModuleOps};

use super::AnyTensor;

/// Images of `N` dims.
pub(crate) struct Dims<const N: usize>;

/// The convolutions of Burn over `N` dims.
pub(crate) trait Convolve<const N: usize> {
    fn conv(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvOptions<N>,
    ) -> AnyTensor;

    fn conv_transpose(
        x: AnyTensor,
        weight: AnyTensor,
        bias: Option<AnyTensor>,
        options: ConvTransposeOptions<N>,
    ) -> AnyTensor;
}

macro_rules! convolve {
    ($($dims:literal: $conv:ident, $conv_transpose:ident;)*) => {$(
        impl Convolve<$dims> for Dims<$dims> {
            fn conv(
                x: AnyTensor,
                weight: AnyTensor,
                bias: Option<AnyTensor>,
                options: ConvOptions<$dims>,
            ) -> AnyTensor {
                let bias = bias.map(|bias| bias.0);
                AnyTensor(Dispatch::$conv(x.0, weight.0, bias, options))
            }

            fn conv_transpose(
                x: AnyTensor,
                weight: AnyTensor,
                bias: Option<AnyTensor>,
                options: ConvTransposeOptions<$dims>,
            ) -> AnyTensor {
                let bias = bias.map(|bias| bias.0);
                AnyTensor(Dispatch::$conv_transpose(x.0, weight.0, bias, options))
            }
        }
    )*};
}

convolve! {
    1: conv1d, conv_transpose1d;
    2: conv2d, conv_transpose2d;
    3: conv3d, conv_transpose3d;
}
