//! Average pooling.

use burn::tensor::ops::ConvOptions;

use super::kernel::Movement;
use super::region::power_norm;
use super::{Contribution, Interval, Operator, Region, Step, Window, Windowed, homogeneous};
use crate::tensor::AnyTensor;

/// Average pooling over `[B, C, H, W]`, or over `[B, C, L]` as a pooling of height 1.
#[derive(Debug)]
pub(crate) struct AvgPool {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) count_include_pad: bool,
    pub(crate) ceil_mode: bool,
    pub(crate) one_dimensional: bool,
}

impl AvgPool {
    fn pool(&self, x: AnyTensor) -> AnyTensor {
        x.avg_pool2d(
            self.kernel,
            self.stride,
            self.padding,
            self.count_include_pad,
            self.ceil_mode,
        )
    }

    /// The channels as images of their own, `[B·C, 1, H, W]`: pooling treats them alike.
    fn split_channels(&self, x: AnyTensor) -> AnyTensor {
        let shape = x.shape();
        let height = if self.one_dimensional { 1 } else { shape[2] };
        x.reshape(&[shape[0] * shape[1], 1, height, shape[shape.len() - 1]])
    }

    /// The reverse, for `rows` images.
    fn join_channels(&self, x: AnyTensor, rows: usize) -> AnyTensor {
        let shape = x.shape();
        let channels = shape[0] / rows;
        if self.one_dimensional {
            x.reshape(&[rows, channels, shape[3]])
        } else {
            x.reshape(&[rows, channels, shape[2], shape[3]])
        }
    }

    /// Pooling as a sum over windows, times a weight an output position. The weights come from
    /// the backend's own pooling of ones, so that they follow its rules at the borders.
    fn windows(
        &self,
        size: [usize; 2],
        like: &AnyTensor,
    ) -> (ConvOptions<2>, AnyTensor, AnyTensor) {
        let ones = AnyTensor::full(&[1, 1, size[0], size[1]], 1.0, like);
        let kernel = AnyTensor::full(&[1, 1, self.kernel[0], self.kernel[1]], 1.0, like);
        let pooled = self.pool(ones.clone());
        let out = pooled.shape();
        let padding = [0, 1].map(|dim| {
            let reach = (out[2 + dim] - 1) * self.stride[dim] + self.kernel[dim];
            let end = reach.saturating_sub(size[dim] + self.padding[dim]);
            (self.padding[dim], end)
        });
        let geometry = ConvOptions::new_with_padding(self.stride, padding, [1, 1], 1);
        let counts = geometry.apply(ones, kernel.clone(), None);
        let counts = counts.slice(&[(0, 1), (0, 1), (0, out[2]), (0, out[3])]);
        (geometry, kernel, pooled.div(counts))
    }
}

impl Operator for AvgPool {
    fn window(&self, window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Windowed> {
        let first = 4 - window.rank();
        let mut read = window.clone();
        for dim in 2..window.rank() {
            let at = dim - 2 + first;
            let (start, end) = window.range(dim);
            // Places in the padded input.
            let [start, end] = [start, end - 1].map(|place| place * self.stride[at]);
            let (before, end) = (self.padding[at], end + self.kernel[at]);
            if start < before || end > before + operands[0][dim] {
                // What the border weighs depends on where it is.
                return Windowed::whole(window, output, operands);
            }
            read = read.with(dim, (start - before, end - before));
        }
        let pool = Self {
            padding: [0, 0],
            ceil_mode: false,
            ..*self
        };
        Some(Windowed::by(pool, vec![Some(read)]))
    }

    fn terms(&self, _shapes: &[&[usize]], _output: &[usize]) -> usize {
        // Twice: the weights of the windows are pooled as well.
        2 * self.kernel[0] * self.kernel[1] + 16
    }

    fn evaluate(&self, inputs: &[AnyTensor]) -> AnyTensor {
        let rows = inputs[0].shape()[0];
        self.join_channels(self.pool(self.split_channels(inputs[0].clone())), rows)
    }

    fn interval(&self, inputs: &[Region]) -> Region {
        inputs[0].affine(
            |x| self.evaluate(&[x]),
            |radius, q| {
                let rows = radius.shape()[0];
                if q == 1.0 {
                    return self.evaluate(&[radius]);
                }
                let radius = self.split_channels(radius);
                let shape = radius.shape();
                let (geometry, kernel, weight) = self.windows([shape[2], shape[3]], &radius);
                let norm = if q.is_finite() {
                    power_norm(kernel, radius, q, |kernel, radius| {
                        geometry.apply(radius, kernel, None)
                    })
                } else {
                    // The largest radius in the image bounds the one in each window.
                    let shape = geometry.apply(radius.clone(), kernel, None).shape();
                    radius.max_dim(2).max_dim(3).expand(&shape)
                };
                self.join_channels(norm.mul(weight), rows)
            },
        )
    }

    fn linear(&self, coefficients: &[Option<Interval>], _step: &Step) -> Option<Interval> {
        homogeneous(self, coefficients)
    }

    fn backward(&self, form: AnyTensor, step: &Step) -> Contribution {
        let rows = step.batch * step.rows;
        let input = step.shapes[0];
        let height = if self.one_dimensional { 1 } else { input[2] };
        let size = [height, input[input.len() - 1]];
        let (geometry, kernel, weight) = self.windows(size, &form);
        let form = self.split_channels(form).mul(weight);
        let (form, _) = geometry.adjoint(form, kernel, None, &size);
        Contribution::unary(self.join_channels(form, rows))
    }
}
