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
//! their own `M`. Rearrangements are exact.
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
//! the recorded operators: those that are lowered to others (layer normalisation, adaptive
//! pooling, interpolation) are refused.
//!
//! # The region
//!
//! A radius, a scale and a valid range are rounded to the data type, and so are `x − ε` and
//! `x + ε`: regions are moved out by that. Input, parameters, specification rows and whatever
//! `forward` computes from constants alone are taken as the numbers that they are in the model's
//! data type. Values that `forward` computes from parameters (weight normalisation) or from fixed
//! inputs are not: they are refused.

use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use super::{BoundConfig, Method};
use crate::error::BoundError;
use crate::graph::{Graph, Source};
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
    /// On the flex backend, and on libtorch's CPU in `f64`. Elsewhere, for `bf16`, by the forward
    /// methods, and for operators whose rounding is not accounted for, bounds are refused with
    /// [`BoundError::Rounding`].
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
    statement: Statement,
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
            Region::Box(interval) => {
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
    let place = origin.map_or("the forward pass", |origin| origin.place.as_str());
    let refused = |reason: &str| Err(BoundError::Rounding(format!("{place} {reason}")));
    if !node.perturbed {
        if operator.is_exact() {
            return Ok(());
        }
        return refused(
            "computes a value from parameters or fixed inputs, with a rounding of its own; compute \
             it beforehand and make the result the parameter or the input",
        );
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

/// The errors of one backward pass, `[B, S]`.
pub(super) struct Account {
    soundness: Soundness,
    batch: usize,
    rows: usize,
    error: AnyTensor,
}

impl Account {
    pub(super) fn new(soundness: Soundness, batch: usize, rows: usize, like: &AnyTensor) -> Self {
        Self {
            soundness,
            batch,
            rows,
            error: AnyTensor::zeros(&[batch, rows], like),
        }
    }

    /// Adds `Σ |A| · error` for errors `[B, ...]` of the elements that a form is on.
    fn charge(&mut self, form: &AnyTensor, error: AnyTensor) {
        let precision = &self.soundness.precision;
        let (batch, rows) = (self.batch, self.rows);
        let features: usize = form.shape()[1..].iter().product();
        let sum = form
            .clone()
            .abs()
            .reshape(&[batch, rows, features])
            .matmul(error.reshape(&[batch, features, 1]))
            .reshape(&[batch, rows])
            .mul_scalar(precision.outward(features))
            .add_scalar(precision.tiny * (features + 8) as f64);
        self.error = self.error.clone().add(sum);
    }

    /// A backward step from a form through an operator.
    pub(super) fn step(&mut self, form: &AnyTensor, roundings: Roundings) {
        let features: usize = form.shape()[1..].iter().product();
        let as_run = match self.soundness.statement {
            Statement::RealNetwork => None,
            Statement::AsRun => roundings.value.map(|ends| {
                // The product with zero keeps what is not a number, which a maximum can lose.
                let undefined = ends.upper.clone().mul_scalar(0.0);
                ends.lower.max(ends.upper).add(undefined)
            }),
        };
        let gamma = self.soundness.precision.gamma(features + 8);
        let bias = roundings
            .constant
            .map(|constant| constant.mul_scalar(gamma));
        for error in [roundings.step, as_run, bias].into_iter().flatten() {
            let shape = [&[self.batch], &form.shape()[1..]].concat();
            self.charge(form, error.expand(&shape));
        }
        let underflow = roundings.underflow.expand(&[self.batch, self.rows]);
        self.error = self.error.clone().add(underflow);
    }

    /// Two forms on a node added to one.
    pub(super) fn merge(&mut self, sum: &AnyTensor, region: &Region) {
        let precision = self.soundness.precision;
        let magnitude = precision.magnitude(region);
        let features: usize = sum.shape()[1..].iter().product();
        let total = magnitude.clone().sum_features().reshape(&[self.batch, 1]);
        let underflow = total.mul_scalar(precision.tiny * precision.outward(features));
        self.error = self.error.clone().add(underflow).add_scalar(precision.tiny);
        self.charge(sum, magnitude.mul_scalar(precision.gamma(4)));
    }

    /// Something added to the bound.
    pub(super) fn add(&mut self, bound: &AnyTensor) {
        let precision = self.soundness.precision;
        let error = bound.clone().abs().mul_scalar(precision.gamma(4));
        self.error = self.error.clone().add(error).add_scalar(precision.tiny);
    }

    /// The smallest value of a form over a region.
    pub(super) fn concretize(&mut self, form: &AnyTensor, region: &Region) {
        let precision = self.soundness.precision;
        let features: usize = form.shape()[1..].iter().product();
        let terms = features + Precision::norm_terms(region) + 16;
        // A substitution's steps are differences of two elements, on top of the original.
        let parts = match region {
            Region::Substitution(_) => 4.0,
            _ => 1.0,
        };
        let magnitude = precision.magnitude(region);
        let error = magnitude.mul_scalar(parts * precision.gamma(terms));
        self.charge(form, error);
    }

    /// The bound without what it may be wrong by.
    ///
    /// The errors were added one after the other, fewer than a few thousand: a sixty-fourth is more
    /// than that lost.
    pub(super) fn lower(self, bound: AnyTensor) -> AnyTensor {
        let precision = self.soundness.precision;
        let own = bound.clone().abs().mul_scalar(precision.gamma(4));
        let total = self.error.add(own).add_scalar(4.0 * precision.tiny);
        bound.sub(total.mul_scalar(1.0 + 1.0 / 64.0))
    }
}
