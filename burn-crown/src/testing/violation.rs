//! A bound that does not hold.

use std::fmt;

use crate::error::BoundError;

/// Why a check of soundness did not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SoundnessError {
    /// There are no bounds to check.
    #[error(transparent)]
    Bound(#[from] BoundError),

    /// A bound does not hold.
    #[error("{0}")]
    Violation(Box<Violation>),
}

/// Which of the bounds of a node does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The interval, which comes of those of the nodes before it. Of an input it is the region.
    Interval,
    /// The bounds that CROWN's backward passes give for a pre-activation.
    PreActivation,
    /// The linear function below or above an operator's output, by which backward passes go
    /// through the operator.
    Relaxation,
    /// The linear functions around an operator's output, or what its linear part makes of linear
    /// bounds, by which forward bounds go through the operator.
    Forward,
    /// The bounds of the specification.
    Specification,
}

/// A point of the region at which a bound does not hold: the first in topological order.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The bound method.
    pub method: String,
    /// Which bound.
    pub claim: Claim,
    /// The node's place in the topological order of the recorded forward pass.
    pub node: usize,
    /// The operator that makes the node, or `input`.
    pub operator: String,
    /// Where in the user's module it is made.
    pub module: String,
    /// Which image of the batch.
    pub image: usize,
    /// Which element of the image's value, or which row of the specification. None for a linear
    /// function of several elements.
    pub element: Option<usize>,
    /// The value at the point.
    pub value: f64,
    /// The lower bound there.
    pub lower: f64,
    /// The upper bound there.
    pub upper: f64,
    /// The point: the image's elements of each input of the forward pass, and the elements of each
    /// perturbed parameter, in the order of the module.
    pub point: Vec<Vec<f64>>,
}

/// How many elements of a point a message has.
const SHOWN: usize = 12;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = match self.claim {
            Claim::Interval => "interval",
            Claim::PreActivation => "pre-activation bound",
            Claim::Relaxation => "relaxation",
            Claim::Forward => "forward relaxation",
            Claim::Specification => "bound of the specification",
        };
        let element = match (self.element, self.claim) {
            (Some(row), Claim::Specification) => format!("row {row}"),
            (Some(element), _) => format!("element {element}"),
            (None, _) => "a linear function".into(),
        };
        write!(
            f,
            "{}: the {claim} of node {}, operator `{}` in {}, does not hold: {element} of image {} \
             is {:e}, its bounds are {:e} and {:e}, at the point",
            self.method,
            self.node,
            self.operator,
            self.module,
            self.image,
            self.value,
            self.lower,
            self.upper
        )?;
        for (index, input) in self.point.iter().enumerate() {
            let more = if input.len() > SHOWN { ", …" } else { "" };
            let shown: Vec<String> = input.iter().take(SHOWN).map(f64::to_string).collect();
            let and = if index > 0 { " and" } else { "" };
            write!(f, "{and} [{}{more}]", shown.join(", "))?;
        }
        Ok(())
    }
}
