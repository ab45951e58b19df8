//! [`AnyTensor`]: a float tensor whose rank is known at run time.
//!
//! A recorded graph holds nodes of every rank, so the interpreter works on Burn's rank-erased
//! [`DispatchTensor`], through Burn's own dispatch over backends. Every operation here is
//! differentiable where Burn's is, and a tensor without autodiff counts as a constant beside one
//! with it.

use burn::backend::ir::TensorId;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{
    BackendTensor, Dispatch, DispatchTensor, DispatchTensorKind, Scalar, TensorMetadata,
};
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};

use crate::error::BoundError;

mod arithmetic;
mod around;
mod boxes;
mod choice;
mod conv;
mod finite;
mod functions;
mod linear;
mod mask;
mod measure;
#[cfg(any(feature = "flex", feature = "tch"))]
mod native;
mod rectifier;
mod shape;
mod signed;

pub(crate) use around::{Surrounds, widened};
pub(crate) use boxes::Boxes;
pub(crate) use conv::{Convolve, Dims};
pub(crate) use mask::AnyMask;
pub(crate) use measure::Measure;
pub(crate) use rectifier::{Chord, Steep};
pub(crate) use signed::Factors;

/// A float tensor of any rank.
///
/// The methods panic on shapes that do not fit, as Burn's do; the graph checks shapes when it is
/// built.
#[derive(Clone, Debug)]
pub struct AnyTensor(DispatchTensor);

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

    /// Whether the values are in the machine's memory, for its processor to compute with.
    pub(crate) fn lies_in_memory(&self) -> bool {
        #[cfg(any(feature = "flex", feature = "tch"))]
        {
            native::in_memory(&self.0.kind)
        }
        #[cfg(not(any(feature = "flex", feature = "tch")))]
        false
    }

    pub(crate) fn full(shape: &[usize], value: f64, like: &Self) -> Self {
        Self(Dispatch::float_full(
            Shape::from(shape.to_vec()),
            Scalar::Float(value),
            like.device().inner().as_dispatch(),
            like.dtype().into(),
        ))
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

    /// Refuses a tensor that cannot be computed with, and types in which bounds are not computed.
    pub(crate) fn check_compatible(&self, other: &Self) -> Result<(), BoundError> {
        if !matches!(self.dtype(), DType::F32 | DType::F64 | DType::BF16) {
            return Err(BoundError::Precision(self.dtype()));
        }
        if self.dtype() != other.dtype() {
            return Err(BoundError::DataType {
                input: self.dtype(),
                parameter: other.dtype(),
            });
        }
        let (input, parameter) = (self.device().inner(), other.device().inner());
        if input != parameter {
            return Err(BoundError::Device {
                input: format!("{input:?}"),
                parameter: format!("{parameter:?}"),
            });
        }
        Ok(())
    }

    /// The type of the values and where they are, for comparisons and messages.
    pub(crate) fn placement(&self) -> String {
        format!("{:?} on {:?}", self.dtype(), self.device().inner())
    }

    /// All elements, read back.
    pub(crate) fn values(self) -> Vec<f64> {
        let count = self.shape().iter().product();
        let flat = self.reshape(&[count]).into_tensor::<1>();
        flat.into_data().iter::<f64>().collect()
    }

    /// The largest element, read back; NaN if there is one.
    pub(crate) fn largest(self) -> f64 {
        self.values()
            .into_iter()
            .fold(f64::NEG_INFINITY, |largest, value| {
                if largest.is_nan() || value.is_nan() {
                    f64::NAN
                } else {
                    largest.max(value)
                }
            })
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

    /// The values without gradient, off the autodiff device: for searches that no gradient goes
    /// through.
    pub(crate) fn without_autodiff(self) -> Self {
        let shape = self.shape();
        let flat = self.reshape(&[shape.iter().product()]);
        Self::new(flat.into_tensor::<1>().without_autodiff()).reshape(&shape)
    }
}
