//! Rearrangements and selections of elements.

use burn::backend::ops::{FloatTensorOps, PadMode};
use burn::backend::tensor::IndexingUpdateOp;
use burn::backend::{Dispatch, Slice};
use burn::tensor::{Int, Shape, Tensor};

use super::AnyTensor;

impl AnyTensor {
    pub(crate) fn reshape(self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self;
        }
        Self(Dispatch::float_reshape(self.0, Shape::from(shape.to_vec())))
    }

    /// `[B, …]` to `[B, N]`.
    pub(crate) fn flatten_features(self) -> Self {
        let shape = self.shape();
        self.reshape(&[shape[0], shape[1..].iter().product()])
    }

    pub(crate) fn permute(self, axes: &[usize]) -> Self {
        Self(Dispatch::float_permute(self.0, axes))
    }

    pub(crate) fn swap_dims(self, dim1: usize, dim2: usize) -> Self {
        Self(Dispatch::float_swap_dims(self.0, dim1, dim2))
    }

    pub(crate) fn expand(self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self;
        }
        Self(Dispatch::float_expand(self.0, Shape::from(shape.to_vec())))
    }

    /// The tensor `count` times over, in a dim of its own: `[…]` to `[count, …]`.
    pub(crate) fn copies(self, count: usize) -> Self {
        let shape = self.shape();
        let with = |first: usize| [&[first], shape.as_slice()].concat();
        let one = self.reshape(&with(1));
        one.expand(&with(count))
    }

    /// Each row of the first dim `times` times over: `[B, …]` to `[B · times, …]`.
    pub(crate) fn repeat_rows(self, times: usize) -> Self {
        if times == 1 {
            return self;
        }
        let shape = self.shape();
        let (batch, rest) = (shape[0], &shape[1..]);
        let with = |head: &[usize]| [head, rest].concat();
        self.reshape(&with(&[batch, 1]))
            .expand(&with(&[batch, times]))
            .reshape(&with(&[batch * times]))
    }

    /// The range `start..end` of each dim.
    pub(crate) fn slice(self, ranges: &[(usize, usize)]) -> Self {
        let slices: Vec<Slice> = ranges
            .iter()
            .map(|&(start, end)| Slice::new(start as isize, Some(end as isize), 1))
            .collect();
        self.slice_by(&slices)
    }

    /// A range of each dim, with its step.
    pub(crate) fn slice_by(self, slices: &[Slice]) -> Self {
        Self(Dispatch::float_slice(self.0, slices))
    }

    /// The tensor with `values` in place of what [`slice_by`](Self::slice_by) takes.
    pub(crate) fn slice_assign(self, slices: &[Slice], values: Self) -> Self {
        // On libtorch, Burn 0.22.1 panics for a step other than 1 and values that are not one after
        // the other in memory; flat, they are.
        let shape = values.shape();
        let values = values.reshape(&[shape.iter().product()]).reshape(&shape);
        Self(Dispatch::float_slice_assign(self.0, slices, values.0))
    }

    pub(crate) fn cat(tensors: Vec<Self>, dim: usize) -> Self {
        Self(Dispatch::float_cat(
            tensors.into_iter().map(|tensor| tensor.0).collect(),
            dim,
        ))
    }

    /// Pads each dim with `(before, after)` copies of a constant.
    pub(crate) fn pad(self, padding: &[(usize, usize)], value: f64) -> Self {
        Self(Dispatch::float_pad(
            self.0,
            padding,
            PadMode::Constant(value as f32),
        ))
    }

    /// The parts at `indices` of a dim, one after the other.
    pub(crate) fn select(self, dim: usize, indices: Tensor<1, Int>) -> Self {
        Self(Dispatch::float_select(self.0, dim, indices.into_dispatch()))
    }

    /// Adds the parts of `values` to those at `indices` of a dim; the adjoint of
    /// [`select`](Self::select).
    pub(crate) fn select_add(self, dim: usize, indices: Tensor<1, Int>, values: Self) -> Self {
        Self(Dispatch::float_select_assign(
            self.0,
            dim,
            indices.into_dispatch(),
            values.0,
            IndexingUpdateOp::Add,
        ))
    }

    /// The columns `indices` `[B, K]` of `self` `[B, N]`.
    pub(crate) fn gather(self, indices: Tensor<2, Int>) -> Self {
        Self(Dispatch::float_gather(1, self.0, indices.into_dispatch()))
    }

    /// Adds `values` `[B, K]` to the columns `indices` `[B, K]` of `self` `[B, N]`.
    pub(crate) fn scatter_add(self, indices: Tensor<2, Int>, values: Self) -> Self {
        Self(Dispatch::float_scatter(
            1,
            self.0,
            indices.into_dispatch(),
            values.0,
            IndexingUpdateOp::Add,
        ))
    }
}
