//! Boolean masks: comparisons, and their use.

use burn::backend::ops::{BoolTensorOps, FloatTensorOps};
use burn::backend::{
    BoolDType, Dispatch, DispatchTensor, Scalar, TensorMetadata, get_device_settings,
};
use burn::tensor::{Bool, Shape, Tensor};

use super::AnyTensor;

/// A boolean mask of any rank.
#[derive(Clone, Debug)]
pub(crate) struct AnyMask(DispatchTensor);

impl AnyTensor {
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

    pub(crate) fn lower(self, rhs: Self) -> AnyMask {
        rhs.greater(self)
    }

    pub(crate) fn lower_scalar(self, rhs: f64) -> AnyMask {
        let dtype = self.bool_dtype();
        AnyMask(Dispatch::float_lower_elem(
            self.0,
            Scalar::Float(rhs),
            dtype,
        ))
    }

    pub(crate) fn lower_equal_scalar(self, rhs: f64) -> AnyMask {
        let dtype = self.bool_dtype();
        AnyMask(Dispatch::float_lower_equal_elem(
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
}

impl AnyMask {
    pub(crate) fn or(self, rhs: Self) -> Self {
        Self(Dispatch::bool_or(self.0, rhs.0))
    }

    pub(crate) fn and(self, rhs: Self) -> Self {
        Self(Dispatch::bool_and(self.0, rhs.0))
    }

    pub(crate) fn not(self) -> Self {
        Self(Dispatch::bool_not(self.0))
    }

    /// 1 where the mask holds, 0 elsewhere, in the data type of `like`.
    pub(crate) fn ones(self, like: &AnyTensor) -> AnyTensor {
        AnyTensor(Dispatch::bool_into_float(self.0, like.dtype().into()))
    }

    /// Whether any element is set, read back.
    pub(crate) fn any(self) -> bool {
        let count = self.0.shape().num_elements();
        let flat = self.reshape(&[count]).into_tensor::<1>();
        flat.any().into_data().iter::<bool>().any(|set| set)
    }

    pub(crate) fn reshape(self, shape: &[usize]) -> Self {
        Self(Dispatch::bool_reshape(self.0, Shape::from(shape.to_vec())))
    }

    pub(crate) fn into_tensor<const D: usize>(self) -> Tensor<D, Bool> {
        Tensor::from_dispatch(self.0)
    }
}
