//! Arithmetic: element by element, over dims, and linear.

use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{Dispatch, Scalar};

use super::AnyTensor;

impl AnyTensor {
    pub(crate) fn add(self, rhs: Self) -> Self {
        Self(Dispatch::float_add(self.0, rhs.0))
    }

    pub(crate) fn sub(self, rhs: Self) -> Self {
        Self(Dispatch::float_sub(self.0, rhs.0))
    }

    pub(crate) fn mul(self, rhs: Self) -> Self {
        Self(Dispatch::float_mul(self.0, rhs.0))
    }

    pub(crate) fn div(self, rhs: Self) -> Self {
        Self(Dispatch::float_div(self.0, rhs.0))
    }

    pub(crate) fn neg(self) -> Self {
        Self(Dispatch::float_neg(self.0))
    }

    pub(crate) fn abs(self) -> Self {
        Self(Dispatch::float_abs(self.0))
    }

    pub(crate) fn sqrt(self) -> Self {
        Self(Dispatch::float_sqrt(self.0))
    }

    pub(crate) fn powf(self, exponent: f64) -> Self {
        Self(Dispatch::float_powf_scalar(self.0, Scalar::Float(exponent)))
    }

    pub(crate) fn add_scalar(self, rhs: f64) -> Self {
        Self(Dispatch::float_add_scalar(self.0, Scalar::Float(rhs)))
    }

    pub(crate) fn mul_scalar(self, rhs: f64) -> Self {
        Self(Dispatch::float_mul_scalar(self.0, Scalar::Float(rhs)))
    }

    pub(crate) fn div_scalar(self, rhs: f64) -> Self {
        Self(Dispatch::float_div_scalar(self.0, Scalar::Float(rhs)))
    }

    /// Sums over the given dims, which stay with size 1.
    pub(crate) fn sum_dims(self, dims: &[usize]) -> Self {
        Self(
            dims.iter()
                .fold(self.0, |tensor, &dim| Dispatch::float_sum_dim(tensor, dim)),
        )
    }

    /// Sums over every dim but the first: `[B, …]` to `[B]`.
    pub(crate) fn sum_features(self) -> Self {
        let batch = self.shape()[0];
        self.flatten_features().sum_dims(&[1]).reshape(&[batch])
    }

    /// The largest element, as a tensor of one element and of the same rank.
    pub(crate) fn max_all(self) -> Self {
        (0..self.rank()).fold(self, Self::max_dim)
    }

    /// The maxima over a dim, which stays with size 1.
    pub(crate) fn max_dim(self, dim: usize) -> Self {
        Self(Dispatch::float_max_dim(self.0, dim))
    }

    /// The sum over the dims along which `shape` was broadcast to the shape of `self`; the
    /// adjoint of [`expand`](Self::expand).
    pub(crate) fn sum_to(self, shape: &[usize]) -> Self {
        let dims: Vec<usize> = self
            .shape()
            .iter()
            .zip(shape)
            .enumerate()
            .filter(|(_, (from, to))| from != to)
            .map(|(dim, _)| dim)
            .collect();
        self.sum_dims(&dims)
    }

    /// Adds the tensor to a sum, of which it may be the first.
    pub(crate) fn added_to(self, sum: &mut Option<Self>) {
        *sum = Some(match sum.take() {
            Some(sum) => sum.add(self),
            None => self,
        });
    }

    pub(crate) fn matmul(self, rhs: Self) -> Self {
        Self(Dispatch::float_matmul(self.0, rhs.0))
    }

    pub(crate) fn avg_pool2d(
        self,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        count_include_pad: bool,
        ceil_mode: bool,
    ) -> Self {
        Self(Dispatch::avg_pool2d(
            self.0,
            kernel,
            stride,
            padding,
            count_include_pad,
            ceil_mode,
        ))
    }
}
