//! Graphs by input shape.

use std::any::type_name;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::ParamId;
use burn::tensor::{DType, Tensor, TensorData};

use super::parameters::discrete_parameters;
use super::{Statistics, batch_norms, check, fold, lower, parameters, record};
use crate::bound::{Analysis, Input};
use crate::bounded::Bounded;
use crate::error::{BoundError, TraceError};
use crate::graph::Graph;
use crate::perturbation::Perturbation;
use crate::tensor::AnyTensor;
use crate::weights::WeightPerturbation;

/// The recorded forward passes of one module, one for each input shape; clones share them.
///
/// A cache belongs to one module: its graphs follow the values of the parameters, and are recorded
/// anew for other parameters (a loaded record brings its own identities) and for other values of
/// parameters that are whole numbers or booleans, but they do not follow a change of anything else in
/// the module, such as a stride. [`Verifier`](crate::Verifier) and
/// [`RobustLearner`](crate::train::RobustLearner) own their module and keep a cache for it.
#[derive(Clone, Debug, Default)]
pub struct GraphCache {
    entries: Arc<Mutex<Entries>>,
    statistics: Statistics,
}

/// The most recently used first.
type Entries = VecDeque<(Key, Arc<Graph>)>;

#[derive(Clone, Debug, PartialEq)]
struct Key {
    module: &'static str,
    shapes: Vec<Vec<usize>>,
    batch: usize,
    /// Which inputs are.
    perturbed: Vec<bool>,
    /// Which parameters are perturbed.
    weights: Vec<bool>,
    dtype: DType,
    identities: Vec<ParamId>,
    /// The parameters that a graph has as constants.
    discrete: Vec<TensorData>,
    /// The paths of the layers of batch normalisation with the statistics of the clean batch.
    by_batch: Vec<String>,
}

/// How many input shapes are kept; the one that was not used for longest goes first.
const CAPACITY: usize = 16;

impl GraphCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same recordings, for bounds with these statistics of batch normalisation. Defaults to
    /// [`Statistics::Running`].
    pub fn with_statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// Binds the module's parameters as they are now, and the region of its one input.
    ///
    /// `input` is `[B, ...]`, as the module's forward pass takes it.
    ///
    /// # Errors
    ///
    /// If the forward pass cannot be bounded or takes another number of inputs, or if the
    /// perturbation describes no region around the input.
    pub fn analyse<M: Bounded, const D: usize>(
        &self,
        module: &M,
        input: Tensor<D>,
        perturbation: &Perturbation,
    ) -> Result<Analysis, BoundError> {
        self.analyse_inputs(module, vec![Input::perturbed(input, perturbation.clone())])
    }

    /// [`analyse`](Self::analyse) for a forward pass with several inputs, perturbed or fixed.
    ///
    /// # Errors
    ///
    /// As for [`analyse`](Self::analyse).
    pub fn analyse_inputs<M: Bounded>(
        &self,
        module: &M,
        inputs: Vec<Input>,
    ) -> Result<Analysis, BoundError> {
        self.analyse_weights(module, inputs, &WeightPerturbation::new())
    }

    /// [`analyse_inputs`](Self::analyse_inputs) for a module whose parameters may change too. The
    /// inputs may all be fixed; then the first says how large the batch is.
    ///
    /// # Errors
    ///
    /// As for [`analyse`](Self::analyse), and if a path names no parameter or a perturbation
    /// describes no region around the parameter.
    pub fn analyse_weights<M: Bounded>(
        &self,
        module: &M,
        inputs: Vec<Input>,
        weights: &WeightPerturbation,
    ) -> Result<Analysis, BoundError> {
        let Shapes {
            shapes,
            perturbed,
            batch,
        } = check_inputs::<M>(&inputs, weights)?;
        // Brings pending updates of running statistics up to date, as `valid` does for the
        // forward pass that is recorded.
        let _ = module.valid();
        let parameters = parameters(module);
        let values: Vec<AnyTensor> = inputs.iter().map(|input| input.value().clone()).collect();
        let others = parameters.iter().map(|parameter| &parameter.value);
        for other in values.iter().chain(others) {
            values[0].check_compatible(other)?;
        }
        let regions = weights.regions(&parameters, batch)?;
        let key = Key {
            module: type_name::<M>(),
            shapes,
            batch,
            perturbed,
            weights: regions.iter().map(Option::is_some).collect(),
            dtype: values[0].dtype(),
            identities: parameters.iter().map(|parameter| parameter.id).collect(),
            discrete: discrete_parameters(module),
            by_batch: self.by_batch(module),
        };
        let graph = self.graph(module, key, &values)?;
        Analysis::new(graph, &parameters, &regions, &inputs)
    }

    fn by_batch<M: Bounded>(&self, module: &M) -> Vec<String> {
        match self.statistics {
            Statistics::Running => Vec::new(),
            Statistics::Batch => batch_norms(module)
                .into_iter()
                .filter(|layer| layer.training)
                .map(|layer| layer.path)
                .collect(),
        }
    }

    fn graph<M: Bounded>(
        &self,
        module: &M,
        key: Key,
        inputs: &[AnyTensor],
    ) -> Result<Arc<Graph>, TraceError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = entries.iter().position(|(known, _)| *known == key)
            && let Some(entry) = entries.remove(position)
        {
            let graph = entry.1.clone();
            entries.push_front(entry);
            return Ok(graph);
        }
        let mut record = record::record(module, inputs)?;
        fold::fold_constants(&mut record);
        let lower = |by_batch| {
            let Key {
                perturbed, weights, ..
            } = &key;
            lower::lower(&record, perturbed, weights, key.batch, by_batch)
        };
        let mut graph = lower(&[])?;
        // In inference, as it was recorded: in training a forward pass may draw random numbers,
        // and changes the running statistics.
        check::reproduces(&graph, module, inputs)?;
        if !key.by_batch.is_empty() {
            graph = lower(&key.by_batch)?;
        }
        let graph = Arc::new(graph);
        entries.push_front((key, graph.clone()));
        entries.truncate(CAPACITY);
        Ok(graph)
    }
}

/// What a recording depends on of the inputs.
struct Shapes {
    shapes: Vec<Vec<usize>>,
    /// Which inputs are.
    perturbed: Vec<bool>,
    batch: usize,
}

/// The shapes of the inputs, if they fit the forward pass.
fn check_inputs<M: Bounded>(
    inputs: &[Input],
    weights: &WeightPerturbation,
) -> Result<Shapes, BoundError> {
    let signature = M::signature();
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.value().shape()).collect();
    let perturbed: Vec<bool> = inputs.iter().map(Input::is_perturbed).collect();
    if signature.inputs.len() != inputs.len() {
        let (expected, given) = (signature.inputs.len(), inputs.len());
        return Err(TraceError::InputCount { expected, given }.into());
    }
    let mut batch = None;
    for (index, (shape, &expected)) in shapes.iter().zip(&signature.inputs).enumerate() {
        let shape = shape.clone();
        if shape.len() != expected {
            return Err(TraceError::InputRank {
                index,
                expected,
                shape,
            }
            .into());
        }
        if shape.contains(&0) {
            return Err(TraceError::EmptyBatch { index, shape }.into());
        }
        if perturbed[index] {
            let expected = *batch.get_or_insert(shape[0]);
            if shape[0] != expected {
                let given = shape[0];
                return Err(TraceError::BatchMismatch {
                    index,
                    expected,
                    given,
                }
                .into());
            }
        }
    }
    // Beside perturbed parameters, all inputs may be fixed.
    let fixed = shapes.first().map(|shape| shape[0]);
    let batch = batch.or_else(|| fixed.filter(|_| !weights.is_empty()));
    match batch {
        Some(batch) => Ok(Shapes {
            shapes,
            perturbed,
            batch,
        }),
        None => Err(TraceError::IndependentOutput.into()),
    }
}
