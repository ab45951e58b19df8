//! A module and a region, ready to be bounded.

use std::cell::{RefCell, RefMut};
use std::sync::Arc;

use burn::tensor::Tensor;

use super::bounds::Bounds;
use super::forward::Forward;
use super::ground::Ground;
use super::intervals::Intervals;
use super::rounding::{Rounding, Soundness};
use super::{BoundConfig, Method, computed, crown, projections};
use crate::error::{BoundError, TraceError};
use crate::graph::{Graph, Node, Source};
use crate::ops::{Interval, Region};
use crate::perturbation::Input;
use crate::spec::Specification;
use crate::tensor::AnyTensor;
use crate::trace::Parameter;

/// A module's forward pass with its parameters and input region bound, made by
/// [`GraphCache`](crate::GraphCache) or [`Verifier`](crate::Verifier).
///
/// Intervals are computed once, whatever is asked, and so are the bounds that full CROWN has for
/// inner nodes, as long as it is asked with the same config. All bounds are differentiable with
/// respect to the parameters when the module is on an autodiff device: take one gradient of all
/// that comes of one analysis, for Burn uses up what a backward pass has gone through.
#[derive(Debug)]
pub struct Analysis {
    /// Which of the forward pass's outputs is bounded.
    output: usize,
    /// The leaves alone: what full CROWN starts from.
    pub(super) leaves: Intervals,
    /// Intervals of the nodes that were asked for.
    pub(super) intervals: RefCell<Intervals>,
    /// The same with an account of rounding, as it was asked for last.
    rounded: RefCell<Option<(Rounding, Intervals)>>,
    /// What full CROWN knew at last, and by which config.
    tightened: RefCell<Option<(BoundConfig, Intervals)>>,
}

impl Analysis {
    /// `parameters` are those of the module, in its order, `weights` the regions `[B, ...]` of those
    /// that are perturbed.
    pub(crate) fn new(
        graph: Arc<Graph>,
        parameters: &[Parameter],
        weights: &[Option<Region>],
        inputs: &[Input],
    ) -> Result<Self, BoundError> {
        let first = inputs[0].value();
        let leaf = |node: &Node| {
            Ok(Some(match &node.source {
                Source::Input(index) if node.perturbed => inputs[*index].region()?,
                Source::Input(index) => Region::Fixed(inputs[*index].value().clone()),
                Source::Parameter(position) => match &weights[*position] {
                    Some(region) if node.perturbed => region.clone(),
                    _ => Region::Fixed(parameters[*position].for_node(&node.shape)),
                },
                Source::Constant(data) => {
                    Region::Fixed(AnyTensor::from_data_like(data.clone(), first))
                }
                Source::Operator { .. } | Source::Known => return Ok(None),
            }))
        };
        let regions = graph
            .nodes
            .iter()
            .map(leaf)
            .collect::<Result<Vec<_>, BoundError>>()?;
        let leaves = Intervals::new(graph, first.clone(), regions);
        Ok(Self {
            output: 0,
            intervals: RefCell::new(leaves.clone()),
            rounded: RefCell::new(None),
            tightened: RefCell::new(None),
            leaves,
        })
    }

    /// Bounds another output of the forward pass than the first, by its position from 0. What is
    /// known of inner nodes is kept.
    ///
    /// ```
    /// use burn::{module::Module, nn, tensor::{Device, Tensor}};
    /// use burn_crown::{BoundConfig, Bounded, GraphCache, Method, Perturbation, Specification};
    ///
    /// #[derive(Module, Bounded, Debug)]
    /// struct Net {
    ///     body: nn::Linear,
    ///     class: nn::Linear,
    ///     place: nn::Linear,
    /// }
    ///
    /// impl Net {
    ///     fn forward(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    ///         let x = self.body.forward(x).tanh();
    ///         (self.class.forward(x.clone()), self.place.forward(x))
    ///     }
    /// }
    ///
    /// # let device = Device::flex();
    /// # let linear = |inputs, outputs| nn::LinearConfig::new(inputs, outputs).init(&device);
    /// # let net = Net { body: linear(3, 4), class: linear(4, 2), place: linear(4, 5) };
    /// # let x = Tensor::<2>::ones([1, 3], &device);
    /// let crown = BoundConfig::new(Method::Crown);
    /// let analysis = GraphCache::new().analyse(&net, x, &Perturbation::linf(0.1))?;
    /// let class = analysis.bounds(&Specification::Outputs, &crown)?;
    /// let place = analysis.with_output(1)?.bounds(&Specification::Outputs, &crown)?;
    /// assert_eq!((class.lower.dims(), place.lower.dims()), ([1, 2], [1, 5]));
    /// # Ok::<(), burn_crown::BoundError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the forward pass has no such output.
    pub fn with_output(mut self, output: usize) -> Result<Self, BoundError> {
        let outputs = self.leaves.graph.outputs.len();
        if output >= outputs {
            return Err(BoundError::Output { output, outputs });
        }
        self.output = output;
        Ok(self)
    }

    /// Lower and upper bounds of a specification.
    ///
    /// # Errors
    ///
    /// If the specification does not fit the output, the output does not depend on a perturbed
    /// input, or the config asks for an estimate.
    pub fn bounds(
        &self,
        specification: &Specification,
        config: &BoundConfig,
    ) -> Result<Bounds, BoundError> {
        refuse_estimate(config)?;
        let target = self.target()?;
        if config.method == Method::Interval && matches!(specification, Specification::Outputs) {
            let mut intervals = self.intervals_for(target, config)?;
            let output = intervals
                .ensure(target)
                .interval()
                .map(AnyTensor::flatten_features);
            return Ok(Bounds {
                lower: guarded(output.lower, &intervals, target),
                upper: guarded(output.upper, &intervals, target),
            });
        }
        if config.method == Method::Forward && matches!(specification, Specification::Outputs) {
            let mut known = self.start(target, config)?;
            let forward = Forward::new(&mut known, target, &[target], config);
            let output = forward.range(&known, target);
            return Ok(Bounds {
                lower: guarded(output.lower, &known, target),
                upper: guarded(output.upper, &known, target),
            });
        }
        let rows = self.rows(specification)?;
        let ground = self.ground(target, config)?;
        let bound = |rows| ground.lower(target, rows, config);
        Ok(Bounds {
            lower: guarded(bound(rows.clone()), &ground.known, target),
            upper: guarded(bound(rows.neg()).neg(), &ground.known, target),
        })
    }

    /// Lower bounds `[B, S]` alone, at half the cost: all that margins need.
    ///
    /// # Errors
    ///
    /// As for [`bounds`](Self::bounds).
    pub fn lower(
        &self,
        specification: &Specification,
        config: &BoundConfig,
    ) -> Result<Tensor<2>, BoundError> {
        refuse_estimate(config)?;
        self.estimate(specification, config)
    }

    /// What [`lower`](Self::lower) gives, `[B, S]`, or an estimate of it where the config has
    /// [`projections`](BoundConfig::projections): something to train with. An estimate may lie
    /// above the specification's values, so it certifies nothing.
    ///
    /// # Errors
    ///
    /// If the specification does not fit the output, or the region and the operators have no such
    /// estimate.
    pub fn estimate(
        &self,
        specification: &Specification,
        config: &BoundConfig,
    ) -> Result<Tensor<2>, BoundError> {
        if config.method == Method::Forward && matches!(specification, Specification::Outputs) {
            return Ok(self.bounds(specification, config)?.lower);
        }
        self.lower_from(self.rows(specification)?, config)
    }

    /// [`lower`](Self::lower) by two methods, with the specification's rows made once.
    pub(crate) fn lower_by_both(
        &self,
        specification: &Specification,
        configs: [&BoundConfig; 2],
    ) -> Result<[Tensor<2>; 2], BoundError> {
        let rows = self.rows(specification)?;
        let [first, second] = configs;
        Ok([
            self.lower_from(rows.clone(), first)?,
            self.lower_from(rows, second)?,
        ])
    }

    fn lower_from(&self, rows: AnyTensor, config: &BoundConfig) -> Result<Tensor<2>, BoundError> {
        let target = self.target()?;
        let ground = self.ground(target, config)?;
        let lower = ground.lower(target, rows, config);
        Ok(guarded(lower, &ground.known, target))
    }

    /// The share of the inputs of nonlinear operators on which intervals leave the relaxation
    /// inexact, `[1]`: for rectifiers, of the neurons whose sign is open. Without gradient.
    pub fn unstable_share(&self) -> Tensor<1> {
        let graph = &self.leaves.graph;
        let neurons: usize = graph
            .pre_activations(graph.outputs[self.output])
            .into_iter()
            .map(|index| graph.features(index))
            .sum();
        self.open_neurons().mean().div_scalar(neurons.max(1) as f64)
    }

    /// The number of inputs of nonlinear operators, for each image, on which intervals leave the
    /// relaxation inexact, `[B]`: for rectifiers, of the neurons whose sign is open. Without
    /// gradient.
    pub fn open_neurons(&self) -> Tensor<1> {
        let mut intervals = self.intervals.borrow_mut();
        let graph = intervals.graph.clone();
        let mut open = AnyTensor::zeros(&[graph.batch], intervals.like());
        for index in graph.pre_activations(graph.outputs[self.output]) {
            let interval = intervals.ensure(index).interval();
            let interval = interval.map(|end| end.detach().without_autodiff());
            if let Some(count) = crown::count_open(&graph, index, &interval) {
                open = open.add(count);
            }
        }
        open.into_tensor()
    }

    /// Interval bounds of the inputs of nonlinear operators (of rectifiers, the pre-activations),
    /// in the order of the forward pass, each `[B, N]` for the `N` elements of an image.
    pub(crate) fn pre_activations(&self) -> Vec<Bounds> {
        let mut intervals = self.intervals.borrow_mut();
        let graph = intervals.graph.clone();
        let mut bounds = |index| {
            let interval = intervals.ensure(index).interval();
            let Interval { lower, upper } = interval.map(AnyTensor::flatten_features);
            Bounds {
                lower: lower.into_tensor(),
                upper: upper.into_tensor(),
            }
        };
        let nodes = graph.pre_activations(graph.outputs[self.output]);
        nodes.into_iter().map(&mut bounds).collect()
    }

    /// The same with other operators in its graph.
    #[cfg(test)]
    pub(crate) fn with_operators(mut self, change: impl FnOnce(&mut Graph)) -> Self {
        let mut graph = Graph::clone(&self.leaves.graph);
        change(&mut graph);
        self.leaves.graph = Arc::new(graph);
        self.intervals = RefCell::new(self.leaves.clone());
        self.rounded = RefCell::new(None);
        self.tightened = RefCell::new(None);
        self
    }

    /// The node that is bounded.
    pub(super) fn target(&self) -> Result<usize, BoundError> {
        let graph = &self.leaves.graph;
        let target = graph.outputs[self.output];
        if graph.nodes[target].perturbed {
            Ok(target)
        } else {
            Err(TraceError::IndependentOutput.into())
        }
    }

    pub(crate) fn rows(&self, specification: &Specification) -> Result<AnyTensor, BoundError> {
        let shape = &self.leaves.graph.nodes[self.target()?].shape;
        specification.rows(shape, self.leaves.like())
    }

    /// The leaves alone, with an account of rounding where the config asks for it.
    fn start(&self, target: usize, config: &BoundConfig) -> Result<Intervals, BoundError> {
        let leaves = self.leaves.clone();
        match Soundness::new(config, &leaves.graph, target, leaves.like())? {
            Some(soundness) => computed::account(leaves, soundness, target),
            None => Ok(leaves),
        }
    }

    /// The intervals that are known, with an account of rounding where the config asks for it.
    fn intervals_for(
        &self,
        target: usize,
        config: &BoundConfig,
    ) -> Result<RefMut<'_, Intervals>, BoundError> {
        if config.rounding == Rounding::Plain {
            return Ok(self.intervals.borrow_mut());
        }
        let start = self.start(target, config)?;
        Ok(RefMut::map(self.rounded.borrow_mut(), |rounded| {
            let known = rounded.take();
            let known = known.filter(|(by, known)| *by == config.rounding && known.shares(&start));
            &mut rounded.insert(known.unwrap_or((config.rounding, start))).1
        }))
    }

    /// What the last step of the method stands on.
    pub(super) fn ground(&self, target: usize, config: &BoundConfig) -> Result<Ground, BoundError> {
        let graph = &self.leaves.graph;
        let mut known = self.start(target, config)?;
        if config.is_estimate() {
            projections::estimate(&mut known, target, config)?;
            return Ok(Ground::of(known));
        }
        let nodes = match config.method {
            Method::Crown | Method::ConvexAdversarial => {
                let mut tightened = self.tightened.borrow_mut();
                let kept = tightened.take();
                if let Some((_, kept)) =
                    kept.filter(|(by, kept)| by == config && kept.shares(&known))
                {
                    known = kept;
                }
                crown::tighten(&mut known, target, config);
                known.ensure_for_rounding(target);
                // What autodiff tracks serves one backward pass.
                if !known.like().device().is_autodiff() {
                    *tightened = Some((config.clone(), known.clone()));
                }
                return Ok(Ground::of(known));
            }
            Method::Forward => {
                let ends = graph.affine_frontier(target);
                let forward = Forward::new(&mut known, target, &ends, config);
                return Ok(Ground::of(known).with_forward(forward));
            }
            Method::ForwardBackward => {
                Forward::new(&mut known, target, &[], config);
                return Ok(Ground::of(known));
            }
            Method::Interval => graph.affine_frontier(target),
            Method::CrownIbp => graph.pre_activations(target),
        };
        let mut intervals = self.intervals_for(target, config)?;
        intervals.ensure_fixed_operands(target);
        intervals.ensure_for_rounding(target);
        for index in nodes {
            intervals.ensure(index);
        }
        Ok(Ground::of(intervals.clone()))
    }
}

pub(super) fn refuse_estimate(config: &BoundConfig) -> Result<(), BoundError> {
    if config.is_estimate() {
        return Err(BoundError::Estimate);
    }
    Ok(())
}

/// A bound `[B, S]` that is NaN where one that it stands on is not finite.
fn guarded(bound: AnyTensor, known: &Intervals, target: usize) -> Tensor<2> {
    let guard = known.guard(target);
    guard
        .map_or(bound.clone(), |guard| bound.add(guard))
        .into_tensor()
}
