//! The modules of `burn::nn`, with constant weights.

use burn::nn::{self, Initializer};
use burn::tensor::{Int, Tensor};
use burn_crown::AnyTensor;

use crate::Row;

const WEIGHTS: Initializer = Initializer::Constant { value: 0.1 };

macro_rules! rows {
    ($($name:literal, $rank:literal, $shape:expr, |$x:ident, $device:ident| $body:expr;)*) => {
        &[$(Row {
            name: $name,
            shape: &$shape,
            run: |x| {
                let $x = x.into_tensor::<$rank>();
                let $device = &$x.device();
                AnyTensor::new($body)
            },
        }),*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "Linear", 2, [2, 4], |x, device| nn::LinearConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "Linear on sequences", 3, [2, 3, 4], |x, device| nn::LinearConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv1d", 3, [2, 2, 5], |x, device| nn::conv::Conv1dConfig::new(2, 3, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv2d", 4, [2, 2, 5, 5], |x, device| nn::conv::Conv2dConfig::new([2, 3], [3, 3]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::Conv3d", 5, [2, 2, 4, 4, 4], |x, device| nn::conv::Conv3dConfig::new([2, 3], [2, 2, 2]).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::ConvTranspose1d", 3, [2, 2, 5], |x, device| nn::conv::ConvTranspose1dConfig::new([2, 3], 3).with_initializer(WEIGHTS).init(device).forward(x);
    "conv::ConvTranspose2d", 4, [2, 2, 4, 4], |x, device| nn::conv::ConvTranspose2dConfig::new([2, 3], [2, 2]).with_initializer(WEIGHTS).init(device).forward(x);
    "BatchNorm (inference)", 4, [2, 3, 4, 4], |x, device| nn::BatchNormConfig::new(3).init(device).forward(x);
    "LayerNorm", 3, [2, 3, 4], |x, device| nn::LayerNormConfig::new(4).init(device).forward(x);
    "GroupNorm", 3, [2, 4, 3], |x, device| nn::GroupNormConfig::new(2, 4).init(device).forward(x);
    "InstanceNorm", 4, [2, 2, 3, 3], |x, device| nn::InstanceNormConfig::new(2).init(device).forward(x);
    "RmsNorm", 3, [2, 3, 4], |x, device| nn::RmsNormConfig::new(4).init(device).forward(x);
    "LocalResponseNorm", 4, [2, 4, 3, 3], |x, device| { let _ = device; nn::LocalResponseNormConfig::new(3).init().forward(x) };
    "Dropout (inference)", 2, [2, 4], |x, device| { let _ = device; nn::DropoutConfig::new(0.5).init().forward(x) };
    "pool::AvgPool1d", 3, [2, 2, 6], |x, device| { let _ = device; nn::pool::AvgPool1dConfig::new(2).init().forward(x) };
    "pool::AvgPool2d", 4, [2, 2, 4, 4], |x, device| { let _ = device; nn::pool::AvgPool2dConfig::new([2, 2]).init().forward(x) };
    "pool::MaxPool1d", 3, [2, 2, 6], |x, device| { let _ = device; nn::pool::MaxPool1dConfig::new(3).with_stride(2).init().forward(x) };
    "pool::MaxPool2d", 4, [2, 2, 5, 5], |x, device| { let _ = device; nn::pool::MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).init().forward(x) };
    "pool::AdaptiveAvgPool1d", 3, [2, 2, 5], |x, device| { let _ = device; nn::pool::AdaptiveAvgPool1dConfig::new(3).init().forward(x) };
    "pool::AdaptiveAvgPool2d", 4, [2, 2, 5, 5], |x, device| { let _ = device; nn::pool::AdaptiveAvgPool2dConfig::new([3, 2]).init().forward(x) };
    "interpolate::Interpolate2d (nearest)", 4, [2, 2, 3, 3], |x, device| {
        let _ = device;
        nn::interpolate::Interpolate2dConfig::new().with_output_size(Some([5, 4])).init().forward(x)
    };
    "interpolate::Interpolate2d (linear)", 4, [2, 2, 3, 3], |x, device| {
        let _ = device;
        let config = nn::interpolate::Interpolate2dConfig::new().with_output_size(Some([5, 4]));
        config.with_mode(nn::interpolate::InterpolateMode::Linear).init().forward(x)
    };
    "Unfold4d", 4, [2, 1, 4, 4], |x, device| { let _ = device; nn::Unfold4dConfig::new([2, 2]).init().forward(x) };
    "PixelShuffle", 4, [2, 4, 2, 2], |x, device| { let _ = device; nn::PixelShuffleConfig::new(2).init().forward(x) };
    "Embedding (constant indices)", 3, [2, 3, 4], |x, device| {
        let embedding = nn::EmbeddingConfig::new(5, 4).with_initializer(WEIGHTS).init(device);
        let places = Tensor::<1, Int>::arange(0..3, device).unsqueeze();
        x + embedding.forward(places)
    };
    "PositionalEncoding", 3, [2, 3, 4], |x, device| nn::PositionalEncodingConfig::new(4).init(device).forward(x);
    "SwiGlu", 2, [2, 4], |x, device| nn::SwiGluConfig::new(4, 3).with_initializer(WEIGHTS).init(device).forward(x);
    "Lstm", 3, [2, 3, 4], |x, device| nn::LstmConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "BiLstm", 3, [2, 3, 4], |x, device| nn::BiLstmConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None).0;
    "gru::Gru", 3, [2, 3, 4], |x, device| nn::gru::GruConfig::new(4, 3, true).with_initializer(WEIGHTS).init(device).forward(x, None);
    "attention::MultiHeadAttention", 3, [2, 3, 4], |x, device| {
        let config = nn::attention::MultiHeadAttentionConfig::new(4, 2).with_initializer(WEIGHTS);
        config.init(device).forward(nn::attention::MhaInput::self_attn(x)).context
    };
    "transformer::PositionWiseFeedForward", 3, [2, 3, 4], |x, device| {
        let config = nn::transformer::PositionWiseFeedForwardConfig::new(4, 5);
        config.with_initializer(WEIGHTS).init(device).forward(x)
    };
    "transformer::TransformerEncoder", 3, [2, 3, 4], |x, device| {
        let config = nn::transformer::TransformerEncoderConfig::new(4, 5, 2, 1);
        let encoder = config.with_initializer(WEIGHTS).init(device);
        encoder.forward(nn::transformer::TransformerEncoderInput::new(x))
    };
};
