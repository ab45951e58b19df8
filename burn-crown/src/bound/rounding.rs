//! Bounds that hold in spite of floating-point rounding.
//!
//! A bound is computed in the data type of the model, and claims something about real numbers.
//! With [`Rounding::Sound`] every rounding on the way is accounted for, so that the claim holds.
//!
//! # The model of rounding
//!
//! `fl(a ∘ b) = (a ∘ b)(1 + δ) + η` for the four operations and the root, with `|δ| ≤ u`, the unit
//! roundoff (2⁻²⁴ for `f32`, 2⁻⁵³ for `f64`), and `|η| ≤ τ`, the smallest normal number: results
//! below it may be flushed to zero. Functions of the mathematics library are off by at most 16
//! units in the last place. A sum of `n` products is then off by at most
//! `γ_n Σ |aᵢ| |bᵢ| + n τ` with `γ_n = n u / (1 − n u)`, in any order of summation and with fused
//! multiplications (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, section 3.1).
//! The flex backend computes so, and libtorch on the CPU in `f64`. Not so: products of matrices in
//! TF32 or with half-precision accumulators on GPUs, and convolutions by Winograd's algorithm,
//! which libtorch may choose in `f32`. On such devices sound bounds are refused.
//!
//! # Intervals
//!
//! Let `m` be the largest absolute value of each operand in its region. An affine operator adds up
//! terms whose absolute values sum to `M = |W| m + |b|`, which it gives itself as its interval on
//! the box `[−m, m]`. Its interval, of centres and radii with `|c| + r = m`, is a sum of the same
//! size: both ends are off by at most `γ_n M`, and are moved out by that. Other operators state
//! their own error, many for each end by itself: products, powers and exponentials are off by a
//! share of what they are, so that small positive numbers stay positive. Rearrangements are exact.
//! What is never negative in exact arithmetic nor as it is computed, an exponential, a square or a
//! sum of such, is not moved below zero.
//!
//! # Linear bounds
//!
//! A backward step takes a form `A` on `y = op(x)` to computed coefficients that are off by at
//! most `γ_n |A| |W|`. They are kept, and since `|x| ≤ m` on the region, what the form may be off
//! by is taken from the bias: `γ_n |A| M`, a product for each node and row. The bias itself is a
//! sum `A · b` over the `N` elements of `y` and is off by `γ_N |A| |b|`; adding forms that meet at
//! a node by `u |A| m`, adding biases by `u |bias|`; the minimum over the region, a sum of
//! `N` products with the centre and a dual norm of products with the radius, by `γ_N |A| m`. A
//! relaxation's slope is a number like any other; what counts is that its line with the computed
//! slope, moved out by a stated error, is on its side of the function on the whole interval. Each
//! nonlinear operator derives that error beside its code.
//!
//! All errors are computed in the same floats, as sums of positive terms, which are off by a factor
//! `1 − γ_n` at most. Each is enlarged by more than that
//! ([`Precision::gamma`](crate::ops::Precision::gamma)); where `n u` is 0.1 or more, bounds are
//! refused.
//!
//! # The network as it runs
//!
//! The value that the network computes at a node, from computed values, is off from the node's
//! function by the same `γ_n M`. For [`Statement::AsRun`] intervals are moved out by it once more,
//! and so is each backward step. By induction over the nodes, every interval holds the computed
//! values. The network may sum in any order and fuse operations of one node, but it must compute
//! the recorded operators: those that are lowered to others (softmax, the logarithm of a sum of
//! exponentials, layer normalisation, adaptive pooling, interpolation) are refused.
//!
//! # The region
//!
//! A radius, a scale and a valid range are rounded to the data type, and so are `x − ε` and
//! `x + ε`: regions are moved out by that. Input, parameters, specification rows and whatever
//! `forward` computes from constants alone are taken as the numbers that they are in the model's
//! data type. Values that `forward` computes from parameters or fixed inputs are known by the
//! intervals that rounding leaves open, and enter as perturbed ones do (`bound::computed`). That
//! needs a value for each image and an operator for two perturbed operands: others (weight
//! normalisation) are refused.

use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use super::{BoundConfig, Method};
use crate::error::BoundError;
use crate::graph::{Graph, Origin, Source};
use crate::ops::{Ball, Interval, Precision, Region, Roundings};
use crate::tensor::AnyTensor;

/// Whether bounds account for floating-point rounding.
///
/// ```
/// use burn_crown::{BoundConfig, Method, Rounding, Statement};
///
/// let config = BoundConfig::new(Method::Crown)
///     .with_rounding(Rounding::Sound(Statement::RealNetwork));
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rounding {
    /// They do not: bounds are those of real arithmetic, computed in the model's data type. For
    /// training, and wherever a bound may be wrong by rounding.
    #[default]
    Plain,
    /// They do, by adding up an upper bound of every rounding error on the way: a certificate then
    /// holds as the statement says. In `f64` they are hardly wider than plain ones, in `f32`
    /// somewhat, the more the larger the layers. They take about twice the time, and are meant for
    /// evaluation.
    ///
    /// On the flex backend, and on libtorch's CPU in `f64`. Refused with [`BoundError::Rounding`]
    /// are: other devices; `bf16`; the forward methods and random projections; functions that jump
    /// (sign, rounding to whole numbers, thresholds) and the hard and soft shrink; `tan`, `asinh`
    /// and `atanh`; powers whose exponent is beyond ±64; linear and cubic interpolation; what
    /// `forward` computes from parameters or fixed inputs, unless its first dim is the batch and it
    /// is added to, subtracted from, multiplied or joined with a perturbed value; and for
    /// [`Statement::AsRun`] softmax, log-sum-exp, layer normalisation, adaptive pooling, and batch
    /// normalisation by perturbed numbers.
    Sound(Statement),
}

/// What a sound bound is a statement about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Statement {
    /// The network in real arithmetic, with the parameters as they are.
    RealNetwork,
    /// The network as it computes in the data type of the model, in any order of summation, on any
    /// input of that data type in the region. What a specification makes of the outputs, such as
    /// the difference of two, is taken in real arithmetic.
    AsRun,
}

/// How a sound mode accounts for roundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soundness {
    pub(super) precision: Precision,
    pub(super) statement: Statement,
}

impl Soundness {
    /// What a config asks for, if bounds of `target` can be so.
    pub(super) fn new(
        config: &BoundConfig,
        graph: &Graph,
        target: usize,
        like: &AnyTensor,
    ) -> Result<Option<Self>, BoundError> {
        let Rounding::Sound(statement) = config.rounding else {
            return Ok(None);
        };
        let refused = |reason: String| Err(BoundError::Rounding(reason));
        if matches!(config.method, Method::Forward | Method::ForwardBackward) {
            return refused(format!(
                "{} has no account of rounding; bound by IBP, CROWN-IBP, CROWN or the convex \
                 adversarial polytope",
                config.method
            ));
        }
        if config.is_estimate() {
            return refused("random projections estimate, take them out of the config".into());
        }
        let dtype = like.dtype();
        let Some(precision) = Precision::of(dtype) else {
            return refused(format!(
                "bounds in {dtype:?} are plain ones; convert the model and the input to f32 or f64"
            ));
        };
        refuse_device(&like.device().inner(), dtype)?;
        let reached = graph.ancestors(target);
        for index in (0..=target).filter(|&index| reached[index]) {
            refuse_node(graph, index, statement, precision)?;
        }
        Ok(Some(Self {
            precision,
            statement,
        }))
    }

    /// A region that holds what a leaf's region stands for in real numbers.
    ///
    /// Of `x − ε` with `ε` the product of a scale and a radius, six numbers are rounded, none of
    /// them larger than three times the larger end: where the valid range cuts an end, it is a
    /// rounded number itself.
    pub(super) fn leaf(&self, region: Region) -> Region {
        let precision = &self.precision;
        let unit = precision.unit;
        let outward = |size: AnyTensor| size.mul_scalar(32.0 * unit).add_scalar(precision.tiny);
        match region {
            Region::Fixed(_) | Region::Substitution(_) => region,
            Region::Box(_) | Region::Rectified(_) => {
                let interval = region.interval();
                let lower = interval.lower.clone().abs();
                let error = outward(lower.max(interval.upper.clone().abs()));
                Region::Box(precision.widen(interval, &Interval::of(error)))
            }
            Region::Ball(ball) => {
                let size = ball.center.clone().abs().add(ball.radius.clone());
                let range = ball.range.map(|range| {
                    let zeros = AnyTensor::zeros(&range.lower.shape(), &range.lower);
                    precision.widen(range, &Interval::of(zeros))
                });
                Region::Ball(Ball {
                    // Its hull is computed from the two, so the centre's size counts as well.
                    radius: ball.radius.add(outward(size)),
                    range,
                    ..ball
                })
            }
        }
    }

    /// The region of a node from what its operator computed.
    pub(super) fn node(&self, region: Region, roundings: &Roundings) -> Region {
        let Some(errors) = roundings.value.clone() else {
            return region;
        };
        let errors = match self.statement {
            Statement::RealNetwork => errors,
            Statement::AsRun => errors.map(|error| error.mul_scalar(2.0)),
        };
        let mut interval = self.precision.widen(region.interval(), &errors);
        if let Some(floor) = &roundings.floor {
            interval.lower = interval.lower.max(floor.clone());
        }
        Region::Box(interval)
    }
}

fn refuse_device(device: &Device, dtype: DType) -> Result<(), BoundError> {
    #[cfg(feature = "flex")]
    if *device == Device::flex() {
        return Ok(());
    }
    #[cfg(feature = "tch")]
    #[expect(
        deprecated,
        reason = "Burn deprecates its libtorch backend, but still has it"
    )]
    if *device == Device::libtorch() {
        if dtype == DType::F64 {
            return Ok(());
        }
        return Err(BoundError::Rounding(
            "libtorch may compute convolutions in f32 by Winograd's algorithm, which rounds more; \
             convert the model and the input to f64, or move them to `Device::flex()`"
                .into(),
        ));
    }
    Err(BoundError::Rounding(format!(
        "it is not known how {device:?} rounds in {dtype:?} (GPUs may compute in TF32); move the \
         model and the input to `Device::flex()`"
    )))
}

/// The refusal of an operator, by its name and its place.
pub(super) fn refused_at(graph: &Graph, index: usize, reason: &str) -> BoundError {
    let origin = graph.nodes[index].origin.as_deref();
    let place = origin.map_or_else(|| "the forward pass".into(), Origin::place);
    BoundError::Rounding(format!("{place} {reason}"))
}

fn refuse_node(
    graph: &Graph,
    index: usize,
    statement: Statement,
    precision: Precision,
) -> Result<(), BoundError> {
    let node = &graph.nodes[index];
    let Source::Operator { operator, inputs } = &node.source else {
        return Ok(());
    };
    let origin = node.origin.as_deref();
    let refused = |reason: &str| Err(refused_at(graph, index, reason));
    if !node.perturbed && operator.is_exact() {
        return Ok(());
    }
    if !operator.accounts_for_rounding() {
        return refused("has no account of its rounding; use `Rounding::Plain`");
    }
    if origin.is_some_and(|origin| origin.interpolates) && !operator.is_exact() {
        return refused(
            "weighs its inputs by numbers whose rounding has no account; use `Rounding::Plain`, or \
             interpolate by the nearest element",
        );
    }
    if statement == Statement::AsRun && origin.is_some_and(|origin| origin.rewritten) {
        return refused(
            "is bounded as a chain of other operators, so nothing is known of how it rounds as it \
             runs; ask for `Statement::RealNetwork`",
        );
    }
    let shapes: Vec<&[usize]> = inputs
        .iter()
        .map(|&input| graph.nodes[input].shape.as_slice())
        .collect();
    let longest = operator
        .terms(&shapes, &node.shape)
        .max(graph.features(index))
        .max(
            inputs
                .iter()
                .map(|&input| graph.nodes[input].shape[1..].iter().product())
                .max()
                .unwrap_or(0),
        );
    if !precision.allows(longest + RESERVE) {
        return refused(&format!(
            "adds up {longest} terms, too many for the precision; convert the model and the input \
             to f64"
        ));
    }
    Ok(())
}

/// More roundings than a norm or a sum takes beside its terms.
const RESERVE: usize = 4096;
