//! Element-by-element layers with parameters and constants, and rank-free helpers.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData};
use burn_crown::AnyTensor;

/// Runs the same code on a tensor of rank 2, 3 or 4; `D` is the rank.
macro_rules! at_rank {
    ($any:expr, |$tensor:ident| $body:expr) => {{
        let any: AnyTensor = $any;
        match any.rank() {
            2 => at_rank!(@ 2, any, $tensor, $body),
            3 => at_rank!(@ 3, any, $tensor, $body),
            4 => at_rank!(@ 4, any, $tensor, $body),
            rank => panic!("random networks hold no tensor of rank {rank}"),
        }
    }};
    (@ $rank:literal, $any:ident, $tensor:ident, $body:expr) => {{
        #[allow(dead_code)]
        const D: usize = $rank;
        let $tensor = $any.into_tensor::<D>();
        AnyTensor::new($body)
    }};
}
pub(super) use at_rank;

/// `[B, ...]` to `[B, features]`.
pub(super) fn flat(x: AnyTensor) -> Tensor<2> {
    let shape = x.shape();
    let flat = [shape[0], shape[1..].iter().product::<usize>()];
    let x = at_rank!(x, |x| x.reshape(flat));
    x.into_tensor()
}

/// How a value and an operand are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Combine {
    /// `x + c`.
    Add,
    /// `x − c`.
    Sub,
    /// `c − x`.
    SubFrom,
    /// `x · c`.
    Mul,
    /// `x / c`.
    Div,
}

/// A parameter or constant that broadcasts against the value.
#[derive(Module, Debug)]
pub struct Operand {
    /// The values, flat. A name of its own keeps them away from zero, where they divide.
    factor: Param<Tensor<1>>,
    /// The shape that the values take, the batch dim 1.
    shape: Vec<usize>,
    /// Whether `forward` makes the values itself, as constants, instead of reading the parameter.
    constant: bool,
    #[module(skip)]
    combine: Combine,
}

impl Operand {
    /// An operand of a shape.
    pub fn new(
        shape: Vec<usize>,
        constant: bool,
        combine: Combine,
        device: &burn::tensor::Device,
    ) -> Self {
        let count = shape.iter().product::<usize>();
        let factor = Param::from_tensor(Tensor::ones([count], device));
        Self {
            factor,
            shape,
            constant,
            combine,
        }
    }

    /// Puts the value and the operand together; without signs, `x` and `c` are positive.
    pub(super) fn forward(&self, x: AnyTensor, signs: bool) -> AnyTensor {
        at_rank!(x, |x| {
            let shape: [usize; D] = self
                .shape
                .as_slice()
                .try_into()
                .expect("the rank of the value");
            let c: Tensor<D> = if self.constant {
                let values: Vec<f64> = (0..shape.iter().product::<usize>())
                    .map(|index| {
                        let value = 0.4 + (index % 3) as f64 * 0.5;
                        if signs && index % 2 == 1 {
                            -value
                        } else {
                            value
                        }
                    })
                    .collect();
                Tensor::from_data(TensorData::new(values, shape), (&x.device(), x.dtype()))
            } else {
                self.factor.val().reshape(shape)
            };
            match self.combine {
                Combine::Add => x + c,
                Combine::Mul => x * c,
                Combine::Div => x / c,
                Combine::Sub | Combine::SubFrom if !signs => x + c,
                Combine::Sub => x - c,
                Combine::SubFrom => c - x,
            }
        })
    }
}
