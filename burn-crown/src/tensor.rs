//! [`AnyTensor`]: a float tensor whose rank is known at run time.
//!
//! A recorded graph holds nodes of every rank, so the interpreter works on Burn's rank-erased
//! [`DispatchTensor`], through Burn's own dispatch over backends. Every operation here is
//! differentiable where Burn's is, and a tensor without autodiff counts as a constant beside one
//! with it.

use burn::backend::ir::TensorId;
use burn::backend::ops::{
    ActivationOps, BoolTensorOps, ConvOptions, ConvTransposeOptions, FloatTensorOps, ModuleOps,
    PadMode,
};
use burn::backend::tensor::IndexingUpdateOp;
use burn::backend::{
    BackendTensor, BoolDType, Dispatch, DispatchTensor, DispatchTensorKind, Scalar, Slice,
    TensorMetadata, get_device_settings,
};
use burn::tensor::{Bool, DType, Device, Int, Shape, Tensor, TensorData};

/// A float tensor of any rank.
///
/// The methods panic on shapes that do not fit, as Burn's do; the graph checks shapes when it is
/// built.
#[derive(Clone, Debug)]
pub struct AnyTensor(DispatchTensor);

/// A boolean mask of any rank.
#[derive(Clone, Debug)]
pub(crate) struct AnyMask(DispatchTensor);

impl AnyTensor {
    /// Wraps a tensor.
    pub fn new<const D: usize>(tensor: Tensor<D>) -> Self {
        Self(tensor.into_dispatch())
    }

    /// The tensor at rank `D`.
    ///
    /// # Panics
    ///
    /// If the rank is not `D`.
    pub fn into_tensor<const D: usize>(self) -> Tensor<D> {
        let shape = self.shape();
        assert_eq!(
            shape.len(),
            D,
            "a tensor of shape {shape:?} has not rank {D}"
        );
        Tensor::from_dispatch(self.0)
    }

    /// The values on the device, without gradient.
    pub fn from_data(data: TensorData, device: &Device) -> Self {
        Self(Dispatch::float_from_data(data, device.as_dispatch()))
    }

    /// The shape.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// The rank.
    pub fn rank(&self) -> usize {
        self.0.shape().num_dims()
    }

    /// The data type.
    pub fn dtype(&self) -> DType {
        self.0.dtype()
    }

    /// The device, with its autodiff decoration.
    pub fn device(&self) -> Device {
        Device::new(self.0.device())
    }

    pub(crate) fn full(shape: &[usize], value: f64, like: &Self) -> Self {
        Self::from_data_like(
            TensorData::full_dtype(Shape::from(shape.to_vec()), value, DType::F64),
            like,
        )
    }

    pub(crate) fn zeros(shape: &[usize], like: &Self) -> Self {
        Self(Dispatch::float_zeros(
            Shape::from(shape.to_vec()),
            like.device().inner().as_dispatch(),
            like.dtype().into(),
        ))
    }

    /// Values as a constant beside `like`: its device without autodiff, its data type.
    pub(crate) fn from_data_like(data: TensorData, like: &Self) -> Self {
        Self::from_data(data.convert_dtype(like.dtype()), &like.device().inner())
    }

    /// The identity of a value on the capture device.
    pub(crate) fn capture_id(&self) -> Option<TensorId> {
        match &self.0.kind {
            DispatchTensorKind::Capture(BackendTensor::Float(tensor)) => Some(tensor.id()),
            _ => None,
        }
    }

    /// The same values in the data type of `like`.
    pub(crate) fn cast_like(self, like: &Self) -> Self {
        if self.dtype() == like.dtype() {
            return self;
        }
        Self(Dispatch::float_cast(self.0, like.dtype().into()))
    }

    pub(crate) fn detach(self) -> Self {
        Self(Dispatch::float_detach(self.0))
    }

    // ---- element by element -----------------------------------------------------------------

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

    pub(crate) fn relu(self) -> Self {
        Self(Dispatch::relu(self.0))
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

    pub(crate) fn clamp_min(self, min: f64) -> Self {
        Self(Dispatch::float_clamp_min(self.0, Scalar::Float(min)))
    }

    pub(crate) fn clamp_max(self, max: f64) -> Self {
        Self(Dispatch::float_clamp_max(self.0, Scalar::Float(max)))
    }

    /// The larger of two tensors of one shape.
    pub(crate) fn max(self, rhs: Self) -> Self {
        let take_rhs = rhs.clone().greater(self.clone());
        self.mask_where(take_rhs, rhs)
    }

    /// The smaller of two tensors of one shape.
    pub(crate) fn min(self, rhs: Self) -> Self {
        let take_rhs = self.clone().greater(rhs.clone());
        self.mask_where(take_rhs, rhs)
    }

    // ---- masks ------------------------------------------------------------------------------

    pub(crate) fn greater(self, rhs: Self) -> AnyMask {
        let dtype = self.bool_dtype();
        AnyMask(Dispatch::float_greater(self.0, rhs.0, dtype))
    }

    pub(crate) fn greater_scalar(self, rhs: f64) -> AnyMask {
        let dtype = self.bool_dtype();
        AnyMask(Dispatch::float_greater_elem(
            self.0,
            Scalar::Float(rhs),
            dtype,
        ))
    }

    pub(crate) fn greater_equal_scalar(self, rhs: f64) -> AnyMask {
        let dtype = self.bool_dtype();
        AnyMask(Dispatch::float_greater_equal_elem(
            self.0,
            Scalar::Float(rhs),
            dtype,
        ))
    }

    /// `value` where the mask holds, `self` elsewhere.
    pub(crate) fn mask_where(self, mask: AnyMask, value: Self) -> Self {
        Self(Dispatch::float_mask_where(self.0, mask.0, value.0))
    }

    /// `value` where the mask holds, `self` elsewhere.
    pub(crate) fn mask_fill(self, mask: AnyMask, value: f64) -> Self {
        Self(Dispatch::float_mask_fill(
            self.0,
            mask.0,
            Scalar::Float(value),
        ))
    }

    fn bool_dtype(&self) -> BoolDType {
        get_device_settings::<Dispatch>(&self.0.device()).bool_dtype
    }

    // ---- reductions -------------------------------------------------------------------------

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

    /// The largest element, read back; NaN if there is one.
    pub(crate) fn largest(self) -> f64 {
        let count = self.shape().iter().product();
        let values = self.reshape(&[count]).into_tensor::<1>();
        values
            .into_data()
            .iter::<f64>()
            .fold(f64::NEG_INFINITY, |largest, value| {
                if largest.is_nan() || value.is_nan() {
                    f64::NAN
                } else {
                    largest.max(value)
                }
            })
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

    // ---- shape ------------------------------------------------------------------------------

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
        Self(Dispatch::float_slice(self.0, &slices))
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

    // ---- linear algebra ---------------------------------------------------------------------

    pub(crate) fn matmul(self, rhs: Self) -> Self {
        Self(Dispatch::float_matmul(self.0, rhs.0))
    }

    pub(crate) fn conv2d(self, weight: Self, bias: Option<Self>, options: ConvOptions<2>) -> Self {
        Self(Dispatch::conv2d(
            self.0,
            weight.0,
            bias.map(|bias| bias.0),
            options,
        ))
    }

    pub(crate) fn conv_transpose2d(self, weight: Self, options: ConvTransposeOptions<2>) -> Self {
        Self(Dispatch::conv_transpose2d(self.0, weight.0, None, options))
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

impl AnyMask {
    pub(crate) fn or(self, rhs: Self) -> Self {
        Self(Dispatch::bool_or(self.0, rhs.0))
    }

    pub(crate) fn reshape(self, shape: &[usize]) -> Self {
        Self(Dispatch::bool_reshape(self.0, Shape::from(shape.to_vec())))
    }

    pub(crate) fn into_tensor<const D: usize>(self) -> Tensor<D, Bool> {
        Tensor::from_dispatch(self.0)
    }
}
