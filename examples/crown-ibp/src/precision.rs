//! The floating-point type in which models are evaluated, and what is done about its rounding.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor};
use burn_crown::{Rounding, Statement};
use clap::ValueEnum;

/// The floating-point type in which a model is evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Single precision, in which models are trained and stored
    #[default]
    F32,
    /// Double precision: the same weights and images, with a rounding that is 5e8 times smaller
    F64,
}

/// What bounds do about the rounding of their own computation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RoundingMode {
    /// Nothing: a bound may be wrong by as much as rounding changes it
    #[default]
    Plain,
    /// Bounds hold for the network in real arithmetic; best with `--precision f64`
    Sound,
    /// Bounds hold for the network as it computes in single precision
    AsRun,
}

impl From<RoundingMode> for Rounding {
    fn from(mode: RoundingMode) -> Self {
        match mode {
            RoundingMode::Plain => Self::Plain,
            RoundingMode::Sound => Self::Sound(Statement::RealNetwork),
            RoundingMode::AsRun => Self::Sound(Statement::AsRun),
        }
    }
}

impl Precision {
    /// That of a model's parameters.
    pub fn of<M: Module>(model: &M) -> Self {
        struct Visitor(Precision);

        impl ModuleVisitor for Visitor {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if param.val().dtype() == DType::F64 {
                    self.0 = Precision::F64;
                }
            }
        }

        let mut visitor = Visitor(Self::F32);
        model.visit(&mut visitor);
        visitor.0
    }

    /// A model with its parameters in this type.
    pub fn model<M: Module>(self, model: M) -> M {
        struct Mapper(DType);

        impl ModuleMapper for Mapper {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|tensor| tensor.cast(self.0))
            }
        }

        match self {
            Self::F32 => model,
            Self::F64 => model.map(&mut Mapper(DType::F64)),
        }
    }

    /// A tensor in this type.
    pub fn tensor<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Self::F32 => tensor,
            Self::F64 => tensor.cast(DType::F64),
        }
    }
}
