//! Networks whose layers multiply and divide what they compute, in Burn and in 256 bits.

use burn::module::{Module, Param};
use burn::nn::{GateController, LayerNorm, LayerNormConfig, Linear, Lstm, LstmConfig};
use burn::tensor::Tensor;
use burn::tensor::activation::{log_softmax, softmax, tanh as tanh_of};
use burn_crown::Bounded;
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::nets::{Twin, linear};
use crate::number::{Number, number, numbers, tanh};

/// The image of a vector under a layer.
fn through(linear: &Linear, x: &[Number]) -> Vec<Number> {
    let [inputs, outputs] = linear.weight.dims();
    assert_eq!(x.len(), inputs);
    let weight = to_vec(linear.weight.val());
    let bias = to_vec(linear.bias.as_ref().map(Param::val).unwrap());
    let sum = |out: usize| {
        let products = (0..inputs).map(|input| &x[input] * number(weight[input * outputs + out]));
        products.fold(number(bias[out]), |sum, product| sum + product)
    };
    (0..outputs).map(sum).collect()
}

fn total<'a>(values: impl IntoIterator<Item = &'a Number>) -> Number {
    values
        .into_iter()
        .fold(number(0.0), |sum, value| sum + value)
}

/// `exp(x)` over its sum, and the logarithm of the sum.
fn exponentials(x: &[Number]) -> (Vec<Number>, Number) {
    let powers: Vec<Number> = x.iter().map(Number::exp).collect();
    let sum = total(&powers);
    (powers.iter().map(|power| power / &sum).collect(), sum.ln())
}

/// `a · tanh(b) / (b² + ¾)` of two layers, and a product with a sum.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Gated {
    value: Linear,
    gate: Linear,
    output: Linear,
}

impl Gated {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (value, gate) = (self.value.forward(x.clone()), self.gate.forward(x));
        let divisor = gate.clone() * gate.clone() + 0.75;
        let sum = value.clone().sum_dim(1);
        let gated = value * tanh_of(gate) / divisor;
        self.output.forward(gated.clone() * sum + gated)
    }
}

impl Twin<2> for Gated {
    const INPUT: [usize; 2] = [1, 5];

    fn new() -> Self {
        Self {
            value: linear(5, 4),
            gate: linear(5, 4),
            output: linear(4, 3),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let (value, gate) = (through(&self.value, &x), through(&self.gate, &x));
        let sum = total(&value);
        let pairs = value.iter().zip(&gate);
        let gated = pairs.map(|(value, gate)| {
            let gated = value * tanh(gate) / (gate * gate + number(0.75));
            &gated * &sum + &gated
        });
        through(&self.output, &gated.collect::<Vec<_>>())
    }
}

/// A layer's output normalised.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Normed {
    first: Linear,
    norm: LayerNorm,
    output: Linear,
}

const EPSILON: f64 = 1e-5;

impl Normed {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = tanh_of(self.norm.forward(self.first.forward(x)));
        self.output.forward(x)
    }
}

impl Twin<2> for Normed {
    const INPUT: [usize; 2] = [1, 5];

    fn new() -> Self {
        Self {
            first: linear(5, 6),
            norm: LayerNormConfig::new(6)
                .with_epsilon(EPSILON)
                .init(&test_device()),
            output: linear(6, 3),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let x = through(&self.first, &x);
        let count = number(x.len() as f64);
        let mean = total(&x) / &count;
        let deviations: Vec<Number> = x.iter().map(|x| x - &mean).collect();
        let squares: Vec<Number> = deviations.iter().map(|x| x * x).collect();
        let variance = total(&squares) / count + number(EPSILON);
        let gamma = numbers(&to_vec(self.norm.gamma.val()));
        let beta = numbers(&to_vec(self.norm.beta.as_ref().map(Param::val).unwrap()));
        let scale = number(1.0) / variance.sqrt();
        let normal = deviations.iter().zip(gamma.iter().zip(&beta));
        let normal = normal.map(|(x, (gamma, beta))| tanh(&(x * &scale * gamma + beta)));
        through(&self.output, &normal.collect::<Vec<_>>())
    }
}

/// Three positions that attend to one another.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Attentive {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
}

const POSITIONS: usize = 3;
const WIDTH: usize = 4;

impl Attentive {
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let query = self.query.forward(x.clone());
        let key = self.key.forward(x.clone());
        let scores = query.matmul(key.swap_dims(1, 2)) * 0.5;
        let attended = softmax(scores, 2).matmul(self.value.forward(x.clone()));
        self.output.forward(attended + x)
    }
}

impl Twin<3> for Attentive {
    const INPUT: [usize; 3] = [1, POSITIONS, WIDTH];

    fn new() -> Self {
        let square = || linear(WIDTH, WIDTH);
        Self {
            query: square(),
            key: square(),
            value: square(),
            output: linear(WIDTH, 2),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let rows: Vec<&[Number]> = x.chunks(WIDTH).collect();
        let each = |linear: &Linear| -> Vec<Vec<Number>> {
            rows.iter().map(|row| through(linear, row)).collect()
        };
        let [queries, keys, values] = [&self.query, &self.key, &self.value].map(each);
        let mut outputs = Vec::new();
        for (query, row) in queries.iter().zip(&rows) {
            let score = |key: &Vec<Number>| {
                let products: Vec<Number> = query.iter().zip(key).map(|(a, b)| a * b).collect();
                total(&products) * number(0.5)
            };
            let scores: Vec<Number> = keys.iter().map(score).collect();
            let (weights, _) = exponentials(&scores);
            let attended = |at: usize| {
                let pairs = weights.iter().zip(&values);
                let products: Vec<Number> =
                    pairs.map(|(weight, value)| weight * &value[at]).collect();
                total(&products) + &row[at]
            };
            let attended: Vec<Number> = (0..WIDTH).map(attended).collect();
            outputs.extend(through(&self.output, &attended));
        }
        outputs
    }
}

/// The logarithm of a softmax, and of the sum itself.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Logarithmic {
    first: Linear,
    second: Linear,
}

impl Logarithmic {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let hidden = self.first.forward(x);
        let sum = hidden.clone().exp().sum_dim(1).log();
        let again = self.second.forward(log_softmax(hidden, 1));
        Tensor::cat(
            vec![sum, log_softmax(again.clone(), 1), softmax(again, 1)],
            1,
        )
    }
}

impl Twin<2> for Logarithmic {
    const INPUT: [usize; 2] = [1, 5];

    fn new() -> Self {
        Self {
            first: linear(5, 6),
            second: linear(6, 4),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let hidden = through(&self.first, &x);
        let (_, sum) = exponentials(&hidden);
        let logarithms: Vec<Number> = hidden.iter().map(|x| x - &sum).collect();
        let again = through(&self.second, &logarithms);
        let (shares, second) = exponentials(&again);
        let logarithms = again.iter().map(|x| x - &second);
        [sum].into_iter().chain(logarithms).chain(shares).collect()
    }
}

/// Burn's LSTM: the states of all positions.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Recurrent {
    layer: Lstm,
}

impl Recurrent {
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.layer.forward(x, None).0
    }
}

impl Twin<3> for Recurrent {
    const INPUT: [usize; 3] = [1, 2, WIDTH];

    /// It collects its outputs in the default data type.
    const DOUBLE: bool = false;

    fn new() -> Self {
        let layer = LstmConfig::new(WIDTH, WIDTH, true).init(&test_device());
        Self { layer }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let logistic = |x: &Number| number(1.0) / (number(1.0) + (-x).exp());
        let zeros = || vec![number(0.0); WIDTH];
        let (mut cell, mut hidden, mut outputs) = (zeros(), zeros(), Vec::new());
        for row in x.chunks(WIDTH) {
            let sums = |gate: &GateController| -> Vec<Number> {
                let from_input = through(&gate.input_transform, row);
                let from_hidden = through(&gate.hidden_transform, &hidden);
                let pairs = from_input.iter().zip(&from_hidden);
                pairs.map(|(a, b)| a + b).collect()
            };
            let layer = &self.layer;
            let input = sums(&layer.input_gate);
            let forget = sums(layer.forget_gate.as_ref().unwrap());
            let output = sums(&layer.output_gate);
            let candidate = sums(&layer.cell_gate);
            let next = |at: usize| {
                let kept = logistic(&forget[at]) * &cell[at];
                kept + logistic(&input[at]) * tanh(&candidate[at])
            };
            cell = (0..WIDTH).map(next).collect();
            let pairs = output.iter().zip(&cell);
            hidden = pairs
                .map(|(gate, cell)| logistic(gate) * tanh(cell))
                .collect();
            outputs.extend(hidden.iter().cloned());
        }
        outputs
    }
}

/// A parameter behind layers of its own, which scales the input and is added to it.
#[derive(Module, Bounded, Debug)]
pub(crate) struct Stateful {
    state: Param<Tensor<2>>,
    inner: Linear,
    output: Linear,
}

impl Stateful {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let state = tanh_of(self.inner.forward(self.state.val()));
        let scale = state.clone() * state.clone() + 0.5;
        self.output.forward(x * scale.clone() + state * scale)
    }
}

impl Twin<2> for Stateful {
    const INPUT: [usize; 2] = [1, 5];

    fn new() -> Self {
        Self {
            state: Param::from_tensor(Tensor::ones([1, 5], &test_device())),
            inner: linear(5, 5),
            output: linear(5, 3),
        }
    }

    fn value(&self, x: Vec<Number>) -> Vec<Number> {
        let state = through(&self.inner, &numbers(&to_vec(self.state.val())));
        let states = state.iter().map(tanh);
        let sums = states.zip(&x).map(|(state, x)| {
            let scale = &state * &state + number(0.5);
            x * &scale + state * scale
        });
        through(&self.output, &sums.collect::<Vec<_>>())
    }
}
