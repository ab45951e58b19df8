//! In which arithmetic bounds were computed, and what they are bounds of.

use burn::tensor::DType;
use serde::{Deserialize, Serialize};

use crate::bound::{BoundConfig, Rounding, Statement};
use crate::error::BoundError;

/// In which arithmetic bounds were computed, and which network the statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arithmetic {
    /// The type of all numbers.
    pub precision: Precision,
    /// What is done about the rounding of the bounds' own computation.
    pub rounding: RoundingMode,
    /// What is certified.
    pub statement: CertifiedStatement,
}

/// A type of floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// The upper half of single precision.
    Bf16,
}

/// What is done about the rounding of the bounds' own computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundingMode {
    /// Nothing: a bound may be wrong by as much as rounding changes it.
    Plain,
    /// Every rounding is accounted for, see [`Rounding::Sound`].
    Sound,
}

/// What a certificate is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertifiedStatement {
    /// The network in real arithmetic, as far as the rounding of the bounds' own computation does
    /// not change the verdict.
    RealNetworkUpToRounding,
    /// The network in real arithmetic, with the parameters as they are.
    RealNetwork,
    /// The network as it computes in its own precision, in any order of summation.
    NetworkAsRun,
}

impl Arithmetic {
    /// The arithmetic of bounds in a data type by a config.
    ///
    /// # Errors
    ///
    /// For a type in which bounds are not computed.
    pub fn of(dtype: DType, config: &BoundConfig) -> Result<Self, BoundError> {
        let precision = match dtype {
            DType::F32 => Precision::F32,
            DType::F64 => Precision::F64,
            DType::BF16 => Precision::Bf16,
            other => return Err(BoundError::Precision(other)),
        };
        let (rounding, statement) = match config.rounding {
            Rounding::Plain => (
                RoundingMode::Plain,
                CertifiedStatement::RealNetworkUpToRounding,
            ),
            Rounding::Sound(Statement::RealNetwork) => {
                (RoundingMode::Sound, CertifiedStatement::RealNetwork)
            }
            Rounding::Sound(Statement::AsRun) => {
                (RoundingMode::Sound, CertifiedStatement::NetworkAsRun)
            }
        };
        Ok(Self {
            precision,
            rounding,
            statement,
        })
    }

    /// How far a margin may be above one that is bounded anew in another way without being called
    /// wrong, relative to it or to 1: the [precision's](Precision::tolerance), or 1e-9 where every
    /// rounding is accounted for.
    pub fn tolerance(self) -> f64 {
        match self.rounding {
            RoundingMode::Plain => self.precision.tolerance(),
            RoundingMode::Sound => Precision::F64.tolerance(),
        }
    }

    /// Whether the statement follows from the arithmetic.
    pub(super) fn check(self) -> Result<(), String> {
        let plain = self.rounding == RoundingMode::Plain;
        if plain != (self.statement == CertifiedStatement::RealNetworkUpToRounding) {
            return Err("its statement does not follow from its arithmetic".into());
        }
        Ok(())
    }
}

impl Precision {
    /// How far a bound in this precision may be from one in real arithmetic without being called
    /// wrong: 1e-4 in `f32`, 1e-9 in `f64`, 0.05 in `bf16`, relative to the bound or to 1.
    pub fn tolerance(self) -> f64 {
        match self {
            Self::F32 => 1e-4,
            Self::F64 => 1e-9,
            Self::Bf16 => 0.05,
        }
    }
}
