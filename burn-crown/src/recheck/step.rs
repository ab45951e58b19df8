//! What the checker knows of operators: the terms of those that are affine, and which are not.

use super::number::Interval;

/// An operator with its operands, by number among the values of the network.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) operator: Operator,
    pub(super) operands: Vec<usize>,
}

/// An operator on values that are lists of numbers, in the order of a row-major tensor.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    /// Each element is one of an operand: its number there.
    Copy(Vec<(usize, usize)>),
    /// `x + sign · y`, with the elements of both that meet.
    Add { sign: f64, meets: Vec<[usize; 2]> },
    /// `x · y`, of which at most one depends on the input.
    Multiply { meets: Vec<[usize; 2]> },
    /// `x / y` for a `y` that does not depend on the input.
    Divide { meets: Vec<[usize; 2]> },
    /// `factor · x + shift`.
    Scalar { factor: Interval, shift: f64 },
    /// `factor · Σ x` over the elements named, with the factor of each.
    Total {
        factors: Vec<Interval>,
        members: Vec<Vec<usize>>,
    },
    /// `x · y` of matrices `[n, k]` and `[k, m]`, one after the other: for each, where it begins in
    /// the operands. At most one of `x` and `y` depends on the input.
    Matrix {
        begins: Vec<[usize; 2]>,
        size: [usize; 3],
    },
    /// A convolution, operands `x`, weight and perhaps bias.
    Convolution(Convolution),
    /// Batch normalisation, operands `x, γ, β, mean, variance`: the channel of each element.
    Normalise { epsilon: f64, channels: Vec<usize> },
    /// `max(x, slope · x)` for a slope of at most 1.
    Rectifier { slope: f64 },
    /// The largest of the elements named.
    Largest { members: Vec<Vec<usize>> },
}

/// A convolution of one image `[C, H, W]` by a weight `[O, C / groups, kH, kW]`.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    /// Before the first row and column.
    pub(super) padding: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) groups: usize,
    pub(super) biased: bool,
}

impl Operator {
    /// Whether an element is a sum of [`terms`](Self::terms).
    pub(super) fn is_affine(&self) -> bool {
        !matches!(self, Self::Rectifier { .. } | Self::Largest { .. })
    }

    /// The terms of an element of an affine operator: operand, element of the operand, factor. The
    /// element is their sum plus the [`constant`](Self::constant).
    ///
    /// `fixed` says whether an operand does not depend on the input, and `value` gives the elements
    /// of one that does not.
    pub(super) fn terms(
        &self,
        element: usize,
        fixed: impl Fn(usize) -> bool,
        value: impl Fn(usize, usize) -> Interval,
        mut term: impl FnMut(usize, usize, Interval),
    ) {
        match self {
            Self::Copy(sources) => {
                let (operand, at) = sources[element];
                term(operand, at, ONE);
            }
            Self::Add { sign, meets } => {
                let [left, right] = meets[element];
                term(0, left, ONE);
                term(1, right, Interval::point(*sign));
            }
            Self::Multiply { meets } => {
                let [left, right] = meets[element];
                if fixed(1) {
                    term(0, left, value(1, right));
                } else {
                    term(1, right, value(0, left));
                }
            }
            Self::Divide { meets } => {
                let [left, right] = meets[element];
                term(0, left, value(1, right).reciprocal());
            }
            Self::Scalar { factor, .. } => term(0, element, *factor),
            Self::Total { factors, members } => {
                for &at in &members[element] {
                    term(0, at, factors[element]);
                }
            }
            Self::Matrix {
                begins,
                size: [rows, inner, columns],
            } => {
                let [left, right] = begins[element / (rows * columns)];
                let (row, column) = (element / columns % rows, element % columns);
                for k in 0..*inner {
                    let at = [left + row * inner + k, right + k * columns + column];
                    if fixed(1) {
                        term(0, at[0], value(1, at[1]));
                    } else {
                        term(1, at[1], value(0, at[0]));
                    }
                }
            }
            Self::Convolution(convolution) => convolution.terms(element, value, term),
            Self::Normalise { epsilon, channels } => {
                let channel = channels[element];
                let scale = normalising(*epsilon, channel, &value);
                term(0, element, scale);
            }
            Self::Rectifier { .. } | Self::Largest { .. } => {
                unreachable!("only affine operators have terms")
            }
        }
    }

    /// What is added to the terms of an element.
    pub(super) fn constant(
        &self,
        element: usize,
        value: impl Fn(usize, usize) -> Interval,
    ) -> Interval {
        match self {
            Self::Scalar { shift, .. } => Interval::point(*shift),
            Self::Normalise { epsilon, channels } => {
                let channel = channels[element];
                let scale = normalising(*epsilon, channel, &value);
                value(2, channel).minus(value(3, channel).times(scale))
            }
            _ => Interval::point(0.0),
        }
    }
}

const ONE: Interval = Interval::point(1.0);

/// `γ / √(variance + ε)`.
fn normalising(
    epsilon: f64,
    channel: usize,
    value: &impl Fn(usize, usize) -> Interval,
) -> Interval {
    let deviation = value(4, channel)
        .plus(Interval::point(epsilon))
        .square_root();
    value(1, channel).times(deviation.reciprocal())
}

impl Convolution {
    fn terms(
        &self,
        element: usize,
        value: impl Fn(usize, usize) -> Interval,
        mut term: impl FnMut(usize, usize, Interval),
    ) {
        let [channels, height, width] = self.input;
        let [outputs, out_height, out_width] = self.output;
        let [kernel_height, kernel_width] = self.kernel;
        let output = element / (out_height * out_width);
        let (row, column) = (element / out_width % out_height, element % out_width);
        let in_group = channels / self.groups;
        let first = output / (outputs / self.groups) * in_group;
        for channel in 0..in_group {
            for y in 0..kernel_height {
                let Some(from_y) = self.source(0, row, y).filter(|&at| at < height) else {
                    continue;
                };
                for x in 0..kernel_width {
                    let Some(from_x) = self.source(1, column, x).filter(|&at| at < width) else {
                        continue;
                    };
                    let from = ((first + channel) * height + from_y) * width + from_x;
                    let weight =
                        ((output * in_group + channel) * kernel_height + y) * kernel_width + x;
                    term(0, from, value(1, weight));
                }
            }
        }
        if self.biased {
            term(2, output, ONE);
        }
    }

    /// The input's position under a position of the kernel; none in the padding before it.
    fn source(&self, dim: usize, output: usize, kernel: usize) -> Option<usize> {
        (output * self.stride[dim] + kernel * self.dilation[dim]).checked_sub(self.padding[dim])
    }
}
