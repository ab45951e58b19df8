//! Which places of a convolution's input and output meet.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions};

/// One dim of a convolution's places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dim {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// At the beginning; how much there is at the end shows in the sizes.
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

/// A convolution or a transposed one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Geometry {
    pub(super) dims: Vec<Dim>,
    pub(super) input_channels: usize,
    pub(super) output_channels: usize,
    pub(super) groups: usize,
    /// The weights are `[O, C / groups, ...]` of a convolution and `[C, O / groups, ...]` of a
    /// transposed one.
    pub(super) transposed: bool,
}

/// The places of several dims as one, and where they meet.
#[derive(Clone, Debug)]
pub(super) struct Meets {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    /// For each place of the output, which taps of the kernel meet which places of the input.
    pub(super) of_outputs: Vec<Vec<Meet>>,
}

/// Where a place of the output meets the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meet {
    pub(super) tap: usize,
    pub(super) input: usize,
}

impl Dim {
    /// The place of the input that a place of the output meets at a tap of the kernel, in a
    /// convolution.
    fn meets(self, output: usize, tap: usize) -> Option<usize> {
        let padded = output * self.stride + tap * self.dilation;
        let input = padded.checked_sub(self.padding)?;
        (input < self.input).then_some(input)
    }

    /// The same in a transposed convolution.
    fn meets_transposed(self, output: usize, tap: usize) -> Option<usize> {
        let padded = (output + self.padding).checked_sub(tap * self.dilation)?;
        let input = padded / self.stride;
        (padded % self.stride == 0 && input < self.input).then_some(input)
    }
}

impl Geometry {
    /// For an input `[B, C, ...]` and weights `[O, C / groups, ...]`.
    pub(super) fn of_conv<const N: usize>(
        input: &[usize],
        weight: &[usize],
        options: &ConvOptions<N>,
    ) -> Self {
        let dim = |at: usize| {
            let (begin, end) = options.padding[at];
            let (input, kernel) = (input[2 + at], weight[2 + at]);
            let [stride, dilation] = [options.stride[at], options.dilation[at]];
            Dim {
                input,
                output: (input + begin + end - dilation * (kernel - 1) - 1) / stride + 1,
                kernel,
                stride,
                padding: begin,
                dilation,
            }
        };
        Self {
            dims: (0..N).map(dim).collect(),
            input_channels: input[1],
            output_channels: weight[0],
            groups: options.groups,
            transposed: false,
        }
    }

    /// For an input `[B, C, ...]` and weights `[C, O / groups, ...]`.
    pub(super) fn of_transposed<const N: usize>(
        input: &[usize],
        weight: &[usize],
        options: &ConvTransposeOptions<N>,
    ) -> Self {
        let dim = |at: usize| {
            let [stride, dilation] = [options.stride[at], options.dilation[at]];
            let (input, kernel, padding) = (input[2 + at], weight[2 + at], options.padding[at]);
            let full = (input - 1) * stride + dilation * (kernel - 1) + 1;
            Dim {
                input,
                output: full + options.padding_out[at] - 2 * padding,
                kernel,
                stride,
                padding,
                dilation,
            }
        };
        Self {
            dims: (0..N).map(dim).collect(),
            input_channels: input[1],
            output_channels: weight[1] * options.groups,
            groups: options.groups,
            transposed: true,
        }
    }

    /// The map whose matrix is the transpose, with the same weights.
    pub(super) fn adjoint(&self) -> Self {
        let swap = |dim: &Dim| Dim {
            input: dim.output,
            output: dim.input,
            ..*dim
        };
        Self {
            dims: self.dims.iter().map(swap).collect(),
            input_channels: self.output_channels,
            output_channels: self.input_channels,
            transposed: !self.transposed,
            ..*self
        }
    }

    /// The output for so many rows: `[rows, O, ...]`.
    pub(super) fn output_shape(&self, rows: usize) -> Vec<usize> {
        let places = self.dims.iter().map(|dim| dim.output);
        [rows, self.output_channels]
            .into_iter()
            .chain(places)
            .collect()
    }

    /// The elements of a row of the input.
    pub(super) fn inputs(&self) -> usize {
        let places = self.dims.iter().map(|dim| dim.input);
        self.input_channels * places.product::<usize>()
    }

    /// The elements of a row of the output.
    pub(super) fn outputs(&self) -> usize {
        let places = self.dims.iter().map(|dim| dim.output);
        self.output_channels * places.product::<usize>()
    }

    /// The taps of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.dims.iter().map(|dim| dim.kernel).product()
    }

    /// Where a weight lies, by its channels (of the input counted in their group) and its tap.
    pub(super) fn weight(&self, input: usize, output: usize, tap: usize) -> usize {
        let [inputs, outputs] =
            [self.input_channels, self.output_channels].map(|all| all / self.groups);
        let channels = if self.transposed {
            let group = output / outputs;
            (group * inputs + input) * outputs + output % outputs
        } else {
            output * inputs + input
        };
        channels * self.taps() + tap
    }

    /// Where all dims but the last meet, and where the last does.
    pub(super) fn meets(&self) -> [Meets; 2] {
        let of_dim = |&dim: &Dim| {
            let meet = |output| {
                move |tap| {
                    let input = if self.transposed {
                        dim.meets_transposed(output, tap)
                    } else {
                        dim.meets(output, tap)
                    };
                    input.map(|input| Meet { tap, input })
                }
            };
            Meets {
                inputs: dim.input,
                outputs: dim.output,
                taps: dim.kernel,
                of_outputs: (0..dim.output)
                    .map(|output| (0..dim.kernel).filter_map(meet(output)).collect())
                    .collect(),
            }
        };
        let [outer, inner] = {
            let (last, first) = self.dims.split_last().expect("images have a dim");
            let outer = first.iter().map(of_dim).fold(Meets::point(), Meets::around);
            [outer, of_dim(last)]
        };
        [outer, inner]
    }
}

impl Meets {
    /// A single place.
    fn point() -> Self {
        Self {
            inputs: 1,
            outputs: 1,
            taps: 1,
            of_outputs: vec![vec![Meet { tap: 0, input: 0 }]],
        }
    }

    /// The places of these dims with those of further ones in each.
    pub(super) fn around(self, inner: Self) -> Self {
        let both = |(own, within): (&Vec<Meet>, &Vec<Meet>)| {
            let pair = |own: &Meet, within: &Meet| Meet {
                tap: own.tap * inner.taps + within.tap,
                input: own.input * inner.inputs + within.input,
            };
            let pairs = own
                .iter()
                .flat_map(|own| within.iter().map(move |within| pair(own, within)));
            pairs.collect()
        };
        let outputs = self.of_outputs.iter();
        let outputs =
            outputs.flat_map(|own| inner.of_outputs.iter().map(move |within| (own, within)));
        Self {
            of_outputs: outputs.map(both).collect(),
            inputs: self.inputs * inner.inputs,
            outputs: self.outputs * inner.outputs,
            taps: self.taps * inner.taps,
        }
    }

    /// For each tap, which of the given places of the output meet which places of the input.
    pub(super) fn by_tap(&self, outputs: std::ops::Range<usize>) -> Vec<Vec<Pair>> {
        let mut pairs = vec![Vec::new(); self.taps];
        for output in outputs {
            for meet in &self.of_outputs[output] {
                let input = meet.input;
                pairs[meet.tap].push(Pair { output, input });
            }
        }
        pairs
    }
}

/// Two places that meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) output: usize,
    pub(super) input: usize,
}
