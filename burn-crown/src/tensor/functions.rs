//! Functions of one variable, element by element.

use burn::backend::Dispatch;
use burn::backend::ops::{ActivationOps, FloatTensorOps};

use super::AnyTensor;

impl AnyTensor {
    pub(crate) fn exp(self) -> Self {
        Self(Dispatch::float_exp(self.0))
    }

    pub(crate) fn log(self) -> Self {
        Self(Dispatch::float_log(self.0))
    }

    pub(crate) fn log1p(self) -> Self {
        Self(Dispatch::float_log1p(self.0))
    }

    pub(crate) fn recip(self) -> Self {
        Self(Dispatch::float_recip(self.0))
    }

    pub(crate) fn erf(self) -> Self {
        Self(Dispatch::float_erf(self.0))
    }

    pub(crate) fn tanh(self) -> Self {
        Self(Dispatch::float_tanh(self.0))
    }

    pub(crate) fn sin(self) -> Self {
        Self(Dispatch::float_sin(self.0))
    }

    pub(crate) fn cos(self) -> Self {
        Self(Dispatch::float_cos(self.0))
    }

    pub(crate) fn tan(self) -> Self {
        Self(Dispatch::float_tan(self.0))
    }

    pub(crate) fn atan(self) -> Self {
        Self(Dispatch::float_atan(self.0))
    }

    pub(crate) fn sinh(self) -> Self {
        Self(Dispatch::float_sinh(self.0))
    }

    pub(crate) fn cosh(self) -> Self {
        Self(Dispatch::float_cosh(self.0))
    }

    pub(crate) fn asinh(self) -> Self {
        Self(Dispatch::float_asinh(self.0))
    }

    pub(crate) fn atanh(self) -> Self {
        Self(Dispatch::float_atanh(self.0))
    }

    pub(crate) fn round(self) -> Self {
        Self(Dispatch::float_round(self.0))
    }

    pub(crate) fn floor(self) -> Self {
        Self(Dispatch::float_floor(self.0))
    }

    pub(crate) fn sigmoid(self) -> Self {
        Self(Dispatch::sigmoid(self.0))
    }

    pub(crate) fn log_sigmoid(self) -> Self {
        Self(Dispatch::log_sigmoid(self.0))
    }

    pub(crate) fn gelu(self) -> Self {
        Self(Dispatch::gelu(self.0))
    }
}
