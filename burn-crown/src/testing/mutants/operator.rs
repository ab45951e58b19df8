//! Operators with the right value and wrong bounds.

use std::cell::RefCell;
use std::sync::Arc;

use burn::tensor::ops::ConvOptions;

use crate::graph::{Graph, Source};
use crate::ops::{Ball, BatchNorm, Contribution, Interval, Kernel, Lines, Operator, Region, Step};
use crate::tensor::{AnyMask, AnyTensor};

/// What is wrong with the bounds of an operator.
#[derive(Clone, Debug)]
pub(super) enum Wrong {
    /// Nothing.
    Nothing,
    /// The slopes of the backward step are 1 % too large.
    Slope,
    /// The constants of the backward step have the other sign.
    InterceptSign,
    /// The backward step has no constants.
    NoBias,
    /// A positive coefficient takes the line above in place of the one below.
    LowerSide,
    /// A negative coefficient takes the line below in place of the one above.
    UpperSide,
    /// The lines stand on the interval `[−upper, −lower]`.
    Reflected,
    /// The lines stand on the interval of another image.
    OtherImage,
    /// The rows of the forms are moved by one.
    RowsMixed,
    /// The interval is by the largest term alone in place of the dual norm.
    DualNorm,
    /// The interval is 1 % too narrow.
    Narrow,
    /// The lines around the operator have slopes that are 1 % too large.
    ForwardSlope,
    /// The linear part is applied to the bounds with their ends swapped.
    LinearSwapped,
    /// The bounds are those of another operator.
    Another(Arc<dyn Operator>),
}

impl Wrong {
    /// The bounds of a convolution of height and width 3 whose padding of 1 lies at one end.
    pub(super) fn padding() -> Self {
        let padding = [(0, 2), (0, 2)];
        let options = ConvOptions::<2>::new_with_padding([1, 1], padding, [1, 1], 1);
        Self::Another(Arc::new(Kernel(options)))
    }

    /// The bounds of batch normalisation without ε.
    pub(super) fn no_epsilon() -> Self {
        Self::Another(Arc::new(BatchNorm {
            channels: 1,
            epsilon: 0.0,
        }))
    }

    /// Puts it into the first operator of this name.
    ///
    /// # Panics
    ///
    /// If the graph has no such operator.
    pub(super) fn put_into(self, graph: &mut Graph, name: &str) {
        let operator = graph
            .nodes
            .iter_mut()
            .find_map(|node| match &mut node.source {
                Source::Operator { operator, .. } if format!("{operator:?}").starts_with(name) => {
                    Some(operator)
                }
                _ => None,
            });
        let operator = operator.expect("the graph has the operator");
        let right = operator.clone();
        *operator = Arc::new(Mutant { right, wrong: self });
    }
}

#[derive(Debug)]
struct Mutant {
    right: Arc<dyn Operator>,
    wrong: Wrong,
}

impl Mutant {
    /// The backward step on other intervals of the operand.
    fn backward_on(
        &self,
        form: AnyTensor,
        step: &Step,
        change: impl Fn(Interval) -> Interval,
    ) -> Contribution {
        let region = Region::Box(change(step.interval(0)));
        let regions = [Some(&region)];
        let step = Step {
            regions: &regions,
            lines: &RefCell::new(None),
            ..*step
        };
        self.right.backward(form, &step)
    }
}

impl Operator for Mutant {
    fn is_affine(&self) -> bool {
        self.right.is_affine()
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        self.right.evaluate(inputs)
    }

    fn open(&self, input: &Interval) -> AnyMask {
        self.right.open(input)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        match (&self.wrong, inputs) {
            (Wrong::Another(other), _) => other.interval(inputs),
            (Wrong::DualNorm, [Region::Ball(ball), rest @ ..]) => {
                let ball = Ball {
                    dual: f64::INFINITY,
                    ..ball.clone()
                };
                let inputs = [&[Region::Ball(ball)], rest].concat();
                self.right.interval(&inputs)
            }
            (Wrong::Narrow, _) => {
                let right = self.right.interval(inputs).interval();
                let radius = right.radius().mul_scalar(0.99);
                Region::Box(Interval::around(right.center(), radius))
            }
            _ => self.right.interval(inputs),
        }
    }

    fn linear(&self, coefficients: &[Option<Interval>], step: &Step) -> Option<Interval> {
        if !matches!(self.wrong, Wrong::LinearSwapped) {
            return self.right.linear(coefficients, step);
        }
        let swapped = |interval: Interval| Interval {
            lower: interval.upper,
            upper: interval.lower,
        };
        let coefficients: Vec<_> = coefficients
            .iter()
            .map(|pair| pair.clone().map(swapped))
            .collect();
        self.right.linear(&coefficients, step)
    }

    fn lines(&self, step: &Step) -> Option<Lines> {
        let mut lines = self.right.lines(step)?;
        if matches!(self.wrong, Wrong::ForwardSlope) {
            for line in [&mut lines.lower, &mut lines.upper] {
                line.slope = line.slope.clone().mul_scalar(1.01);
            }
        }
        Some(lines)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        // The lines of the other sides.
        let flipped = |form: AnyTensor| negated(self.right.backward(form.neg(), step));
        let positive = form.clone().clamp_min(0.0);
        let negative = form.clone().clamp_max(0.0);
        let right = || self.right.backward(form.clone(), step);
        match &self.wrong {
            Wrong::Slope => mapped(right(), |form| form.mul_scalar(1.01)),
            Wrong::InterceptSign => Contribution {
                forms: right().forms,
                bias: right().bias.map(AnyTensor::neg),
            },
            Wrong::NoBias => Contribution {
                forms: right().forms,
                bias: None,
            },
            Wrong::LowerSide => sum(flipped(positive), self.right.backward(negative, step)),
            Wrong::UpperSide => sum(self.right.backward(positive, step), flipped(negative)),
            Wrong::Reflected => self.backward_on(form, step, |interval| Interval {
                lower: interval.upper.neg(),
                upper: interval.lower.neg(),
            }),
            Wrong::OtherImage => self.backward_on(form, step, |interval| interval.map(rolled)),
            Wrong::RowsMixed => mapped(right(), rolled),
            Wrong::Another(other) => other.backward(form, step),
            Wrong::Nothing
            | Wrong::DualNorm
            | Wrong::Narrow
            | Wrong::ForwardSlope
            | Wrong::LinearSwapped => right(),
        }
    }
}

fn mapped(contribution: Contribution, f: impl Fn(AnyTensor) -> AnyTensor) -> Contribution {
    let forms = contribution.forms.into_iter();
    Contribution {
        forms: forms.map(|form| form.map(&f)).collect(),
        bias: contribution.bias,
    }
}

fn negated(contribution: Contribution) -> Contribution {
    let bias = contribution.bias.clone().map(AnyTensor::neg);
    Contribution {
        bias,
        ..mapped(contribution, AnyTensor::neg)
    }
}

fn sum(left: Contribution, right: Contribution) -> Contribution {
    let add = |(left, right): (Option<AnyTensor>, Option<AnyTensor>)| Some(left?.add(right?));
    Contribution {
        forms: left.forms.into_iter().zip(right.forms).map(add).collect(),
        bias: add((left.bias, right.bias)),
    }
}

/// The rows of the first dim moved by one.
fn rolled(x: AnyTensor) -> AnyTensor {
    let shape = x.shape();
    let part = |from: usize, to: usize| {
        let mut ranges: Vec<(usize, usize)> = shape.iter().map(|&size| (0, size)).collect();
        ranges[0] = (from, to);
        x.clone().slice(&ranges)
    };
    if shape[0] == 1 {
        return x;
    }
    AnyTensor::cat(vec![part(1, shape[0]), part(0, 1)], 0)
}
