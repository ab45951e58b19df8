//! Attention with masks that `forward` makes, or that are a fixed input.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::attention::{
    MhaInput, MultiHeadAttention, MultiHeadAttentionConfig, generate_autoregressive_mask,
};
use burn::nn::transformer::{
    TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput,
};
use burn::tensor::{Bool, DType, Int, Tensor, TensorData};
use burn_crown::{
    AnyTensor, BoundError, Bounded, GraphCache, Input, Norm, Perturbation, TraceError,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::test_device;

use crate::holds::{ROUNDING, ROUNDING_F32, assert_holds, bounds_of};
use crate::layers::{linear, shaken};
use crate::words::Words;

const LENGTH: usize = 3;
const POINTS: usize = 40;

/// Which positions may not be looked at.
#[derive(Clone, Copy, Debug)]
struct Masks {
    /// Those that come later.
    causal: bool,
    /// Those from here on.
    padded_from: usize,
}

const MASKS: [Masks; 4] = [
    Masks {
        causal: true,
        padded_from: LENGTH,
    },
    Masks {
        causal: false,
        padded_from: 2,
    },
    Masks {
        causal: true,
        padded_from: 2,
    },
    Masks {
        causal: false,
        padded_from: 1,
    },
];

fn padding(words: &Tensor<3>, from: usize) -> Tensor<2, Bool> {
    let [batch, length, _] = words.dims();
    let places = Tensor::<1, Int>::arange(0..length as i64, &words.device());
    places
        .greater_equal_elem(from as i64)
        .unsqueeze::<2>()
        .expand([batch, length])
}

#[derive(Module, Bounded, Debug)]
struct Attentive {
    attention: MultiHeadAttention,
    output: Linear,
    causal: bool,
    padded_from: usize,
}

impl Attentive {
    fn new(masks: Masks, seed: u64) -> Self {
        let config = MultiHeadAttentionConfig::new(4, 1 + seed as usize % 2).with_dropout(0.0);
        Self {
            attention: shaken(config.init(&test_device()), DType::F64, 1.5, seed),
            output: linear(4 * LENGTH, 2, seed),
            causal: masks.causal,
            padded_from: masks.padded_from,
        }
    }

    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = words.dims();
        let device = words.device();
        let mut input = MhaInput::self_attn(words.clone());
        if self.padded_from < length {
            input = input.mask_pad(padding(&words, self.padded_from));
        }
        if self.causal {
            input = input.mask_attn(generate_autoregressive_mask(batch, length, &device));
        }
        self.output
            .forward(self.attention.forward(input).context.flatten(1, 2))
    }
}

#[derive(Module, Bounded, Debug)]
struct Encoded {
    encoder: TransformerEncoder,
    output: Linear,
    padded_from: usize,
}

impl Encoded {
    fn forward(&self, words: Tensor<3>) -> Tensor<2> {
        let [batch, length, _] = words.dims();
        let mask = generate_autoregressive_mask(batch, length, &words.device());
        let input = TransformerEncoderInput::new(words.clone())
            .mask_pad(padding(&words, self.padded_from))
            .mask_attn(mask);
        self.output
            .forward(self.encoder.forward(input).flatten(1, 2))
    }
}

/// Checks a module over balls around words, and over substitutions of them.
fn check<M: Bounded>(module: &M, seed: u64, what: &str) {
    let words = Words::new([2, LENGTH, 2, 4], 1 + seed as usize % 2, DType::F64, seed);
    let points = vec![AnyTensor::new(words.all())];
    assert_holds(module, &[words.input()], points, ROUNDING, what);
    for (norm, radius) in [(Norm::Linf, 0.1), (Norm::L2, 0.5), (Norm::L1, 1.0)] {
        let region = RandomRegion::ball(words.original(), norm, radius);
        let points = vec![AnyTensor::new(region.points(POINTS, seed))];
        let inputs = [Input::perturbed(region.input, region.perturbation)];
        assert_holds(
            module,
            &inputs,
            points,
            ROUNDING,
            &format!("{what}, {norm:?}"),
        );
    }
}

#[test]
fn attention_with_masks_made_in_the_forward_pass_is_sound() {
    for masks in MASKS {
        for seed in 0..3 {
            check(
                &Attentive::new(masks, seed),
                seed,
                &format!("{masks:?}, seed {seed}"),
            );
        }
    }
}

#[test]
fn transformer_with_masks_made_in_the_forward_pass_is_sound() {
    for seed in 0..3 {
        let config = TransformerEncoderConfig::new(4, 6, 2, 1)
            .with_dropout(0.0)
            .with_norm_first(seed % 2 == 1);
        let net = Encoded {
            encoder: shaken(config.init(&test_device()), DType::F64, 1.0, seed),
            output: linear(4 * LENGTH, 2, seed),
            padded_from: 2,
        };
        check(&net, seed, &format!("seed {seed}"));
    }
}

/// The first word's context does not see the others through a causal mask.
#[test]
fn what_is_masked_out_has_no_part_in_the_bounds() {
    let causal = MASKS[0];
    let mut net = Attentive::new(causal, 1);
    // The output reads the first position alone.
    let dims = [4 * LENGTH, 2];
    let values = (0..24).map(|at| if at < 8 { 0.3 + 0.1 * at as f64 } else { 0.0 });
    let data = TensorData::new(values.collect::<Vec<_>>(), dims);
    let weight = Tensor::from_data(data, (&test_device(), DType::F64));
    net.output.weight = Param::from_tensor(weight);
    let words = Words::new([1, LENGTH, 2, 4], 1, DType::F64, 4);
    // The candidates of the first word are the word itself.
    let first = words.original().narrow(1, 0, 1).unsqueeze_dim::<4>(2);
    let others = words.candidates().narrow(1, 1, LENGTH - 1);
    let candidates = Tensor::cat(vec![first.repeat_dim(2, 2), others], 1);
    let perturbation = Perturbation::substitution(candidates, 2);
    let inputs = [Input::perturbed(words.original(), perturbation)];
    for bounds in bounds_of(&net, &inputs, "the first word") {
        for width in to_vec(bounds.upper - bounds.lower) {
            assert!(width.abs() < 1e-9, "a point has the width {width}");
        }
    }
}

/// The mask of each sentence is an input of its own: 1 for padding.
#[derive(Module, Bounded, Debug)]
struct Padded {
    attention: MultiHeadAttention,
    output: Linear,
}

impl Padded {
    fn forward(&self, words: Tensor<3>, padding: Tensor<2>) -> Tensor<2> {
        let mask = padding.clone().greater_elem(0.5);
        let context = self
            .attention
            .forward(MhaInput::self_attn(words).mask_pad(mask))
            .context;
        // The mean over the words that are there.
        let weight = padding * -1.0 + 1.0;
        let count = weight.clone().sum_dim(1);
        let mean = (context * weight.unsqueeze_dim::<3>(2))
            .sum_dim(1)
            .squeeze_dim::<2>(1)
            / count;
        self.output.forward(mean)
    }
}

#[test]
fn a_padding_mask_may_be_a_fixed_input() {
    for seed in 0..4 {
        let config = MultiHeadAttentionConfig::new(4, 2).with_dropout(0.0);
        let net = Padded {
            attention: shaken(config.init(&test_device()), DType::F64, 1.5, seed),
            output: linear(4, 2, seed),
        };
        let values = vec![0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
        let mask = Tensor::<2>::from_data(
            TensorData::new(values, [2, LENGTH]),
            (&test_device(), DType::F64),
        );
        let words = Words::new([2, LENGTH, 2, 4], 2, DType::F64, seed);
        let all = words.all();
        let count = all.dims()[0] / 2;
        let points = vec![
            AnyTensor::new(all),
            AnyTensor::new(mask.clone().repeat_dim(0, count)),
        ];
        let inputs = [words.input(), Input::fixed(mask)];
        assert_holds(&net, &inputs, points, ROUNDING, &format!("seed {seed}"));
    }
}

/// Fixed numbers compared in every way, as masks and as factors.
#[derive(Module, Bounded, Debug)]
struct Compared {
    layer: Linear,
    kind: usize,
}

impl Compared {
    fn forward(&self, x: Tensor<2>, numbers: Tensor<2>) -> Tensor<2> {
        let mask = match self.kind {
            0 => numbers.greater_elem(0.5),
            1 => numbers.greater_equal_elem(0.5),
            2 => numbers.lower_elem(0.5),
            3 => numbers.lower_equal_elem(0.5),
            4 => numbers.equal_elem(0.5),
            5 => numbers.not_equal_elem(0.5),
            _ => numbers.bool().bool_not(),
        };
        let filled = self.layer.forward(x.clone()).mask_fill(mask.clone(), -3.0);
        filled.tanh() + x * mask.float()
    }
}

#[test]
fn fixed_inputs_are_compared_as_burn_does() {
    let numbers = vec![0.25, 0.5, 0.75, 0.5, 0.0, -0.5];
    let numbers = Tensor::<2>::from_data(
        TensorData::new(numbers, [2, 3]),
        (&test_device(), DType::F32),
    );
    for kind in 0..7 {
        let net = Compared {
            layer: shaken(linear(3, 3, 1), DType::F32, 1.0, 1),
            kind,
        };
        let x = Tensor::<2>::ones([2, 3], (&test_device(), DType::F32)) * 0.7;
        let region = RandomRegion::ball(x.clone(), Norm::L2, 0.5);
        let points = vec![
            AnyTensor::new(region.points(POINTS, 3)),
            AnyTensor::new(numbers.clone().repeat_dim(0, POINTS)),
        ];
        let inputs = |region| {
            let fixed = Input::fixed(numbers.clone());
            [Input::perturbed(x.clone(), region), fixed]
        };
        let what = format!("comparison {kind}");
        assert_holds(
            &net,
            &inputs(region.perturbation.clone()),
            points,
            ROUNDING_F32,
            &what,
        );
        let value = to_vec(net.forward(x.clone(), numbers.clone()));
        for bounds in bounds_of(&net, &inputs(Perturbation::linf(0.0)), &what) {
            for (bound, value) in to_vec(bounds.lower).iter().zip(&value) {
                assert!((bound - value).abs() < 1e-5, "{what}: {bound} for {value}");
            }
        }
        // The mask of a perturbed value is refused.
        let swapped = [
            Input::fixed(x.clone()),
            Input::perturbed(numbers.clone(), Perturbation::linf(0.1)),
        ];
        match GraphCache::new().analyse_inputs(&net, swapped.to_vec()) {
            Err(BoundError::Trace(TraceError::Unsupported { reason, .. })) => {
                assert!(reason.contains("it compares a value"), "{reason}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}
