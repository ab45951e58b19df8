//! From Burn's record to the graph: values, order, provenance and checks.

mod clean;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use burn::backend::ir::{OperationIr, TensorId, TensorIr};
use burn::tensor::TensorData;

use super::composite::{self, Composite};
use super::record::Record;
use super::{emit, operators};
use crate::error::TraceError;
use crate::graph::{Graph, Node, Origin, Source, place};
use crate::ops::{Operand, Operator, Refusal, Reshape};

/// Builds the graph of a record. `perturbed` says which inputs are, `weights` which parameters; the
/// layers of batch normalisation at the paths `by_batch` get the statistics of the clean batch.
pub(super) fn lower(
    record: &Record,
    perturbed: &[bool],
    weights: &[bool],
    batch: usize,
    by_batch: &[String],
) -> Result<Graph, TraceError> {
    let mut lowering = Lowering {
        record,
        perturbed,
        weights,
        batch,
        by_batch,
        nodes: Vec::new(),
        images: Vec::new(),
        values: HashMap::new(),
        clean: HashMap::new(),
        rewrites: false,
    };
    let operations = &record.captured.graph.operations;
    let composites = composite::find(operations);
    let needed = needed_values(operations, &composites, &record.outputs);
    for operation in operations {
        if operation.outputs().any(|out| needed.contains(&out.id)) {
            let composite = composite_of(operation, &composites);
            lowering.lower(operation, composite)?;
        }
    }
    lowering.finish()
}

/// The values that the outputs depend on. What else the forward pass computes is no concern of
/// its bounds; neither is what only serves an expression that is lowered as one operator.
fn needed_values(
    operations: &[OperationIr],
    composites: &HashMap<TensorId, Composite>,
    outputs: &[TensorId],
) -> HashSet<TensorId> {
    let mut needed: HashSet<TensorId> = outputs.iter().copied().collect();
    for operation in operations.iter().rev() {
        if operation.outputs().any(|out| needed.contains(&out.id)) {
            let reads = reads(operation, composite_of(operation, composites));
            needed.extend(reads.iter().map(|input| input.id));
        }
    }
    needed
}

/// The expression whose last operator this is.
fn composite_of<'a, 'b>(
    operation: &OperationIr,
    composites: &'b HashMap<TensorId, Composite<'a>>,
) -> Option<&'b Composite<'a>> {
    operation.outputs().find_map(|out| composites.get(&out.id))
}

/// What is read to lower an operator, or the expression that it completes.
fn reads<'a>(operation: &'a OperationIr, composite: Option<&Composite<'a>>) -> Vec<&'a TensorIr> {
    match composite {
        Some(composite) => composite.reads.clone(),
        None => operation.inputs().collect(),
    }
}

/// A recorded value in the graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) node: usize,
    pub(super) layout: Layout,
}

/// How a value was recorded, where the node `[B, T, F]` keeps the batch first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layout {
    /// As the node is.
    Plain,
    /// With the first two dims merged, `[B·T, F]`: Burn does so before a product with a matrix.
    Merged,
    /// With the first two dims swapped, `[1, B, F]` for a node `[B, 1, F]`: Burn does so before a
    /// product of single rows with a matrix.
    Swapped,
    /// Without the batch, `[I, O]` for a node `[B, I, O]`: all images share the value, which is a
    /// perturbed parameter or computed from one, and each has a copy of it.
    Shared,
}

/// A graph under construction.
pub(super) struct Lowering<'a> {
    record: &'a Record,
    perturbed: &'a [bool],
    weights: &'a [bool],
    batch: usize,
    by_batch: &'a [String],
    nodes: Vec<Node>,
    /// For each node, whether it depends on an input.
    images: Vec<bool>,
    values: HashMap<TensorId, Value>,
    /// For perturbed nodes, the node of their clean value, where there is one.
    clean: HashMap<usize, usize>,
    /// Whether the operator that is lowered is computed in another way than backends do.
    rewrites: bool,
}

impl Lowering<'_> {
    fn finish(mut self) -> Result<Graph, TraceError> {
        let outputs = self
            .record
            .outputs
            .iter()
            .map(|&output| self.output(output))
            .collect::<Result<Vec<_>, _>>()?;
        if !outputs.iter().any(|&node| self.nodes[node].perturbed) {
            return Err(TraceError::IndependentOutput);
        }
        Ok(Graph {
            nodes: self.nodes,
            outputs,
            batch: self.batch,
        })
    }

    /// The node of an output.
    fn output(&mut self, id: TensorId) -> Result<usize, TraceError> {
        let output = match self.values.get(&id) {
            Some(&value) => value,
            // The forward pass returned its input, a parameter or a constant.
            None => self.leaf(id, None)?,
        };
        emit::plain_node(self, output).map_err(|_| {
            self.mixes_batch(
                "forward",
                output.node,
                "the output merges it with another dim, moves it, or has none",
            )
        })
    }

    fn lower<'a>(
        &mut self,
        operation: &'a OperationIr,
        composite: Option<&Composite<'a>>,
    ) -> Result<(), TraceError> {
        if matches!(operation, OperationIr::Init(_)) {
            return Ok(());
        }
        let reads = reads(operation, composite);
        for input in &reads {
            if !self.values.contains_key(&input.id) {
                self.leaf(input.id, Some(input))?;
            }
        }
        let first = self.nodes.len();
        self.rewrites = false;
        let lowered = match composite {
            Some(composite) => operation
                .outputs()
                .try_for_each(|out| (composite.emit)(self, out)),
            None => operators::lower(operation, self),
        };
        let operator = operators::name(operation);
        let read = reads.iter().filter_map(|input| self.values.get(&input.id));
        let nodes: Vec<usize> = read.map(|value| value.node).collect();
        let module = self.provenance(&nodes);
        let module = place(module.as_deref());
        let origin = Arc::new(Origin {
            operator: operator.clone(),
            module: module.clone(),
            rewritten: self.rewrites,
            interpolates: operators::interpolates(operation),
        });
        for node in &mut self.nodes[first..] {
            node.origin.get_or_insert_with(|| origin.clone());
        }
        lowered.map_err(|refusal| match refusal {
            Refusal::Unsupported(reason) => TraceError::Unsupported {
                operator,
                module,
                reason,
            },
            Refusal::MixesBatch(reason) => TraceError::MixesBatch {
                operator,
                module,
                reason,
            },
        })
    }

    /// A value that no operator made.
    fn leaf(&mut self, id: TensorId, ir: Option<&TensorIr>) -> Result<Value, TraceError> {
        let record = self.record;
        let data = record.captured.values.get(&id).ok_or_else(|| {
            TraceError::Capture(format!(
                "{id} has neither a value nor an operator that makes it"
            ))
        })?;
        let shape = ir.map_or_else(|| data.shape().to_vec(), |ir| ir.shape.to_vec());
        let input = record.inputs.iter().position(|&input| input == id);
        let (source, module) = match (input, record.parameters.get(&id)) {
            (Some(index), _) => (Source::Input(index), None),
            (None, Some((param, owner))) => (Source::Parameter(*param), Some(owner.clone())),
            (None, None) => (Source::Constant(data.clone()), None),
        };
        let (perturbed, layout, shape) = match source {
            Source::Input(index) => (self.perturbed[index], Layout::Plain, shape),
            Source::Parameter(position) if self.weights[position] => {
                let shape = [&[self.batch], shape.as_slice()].concat();
                (true, Layout::Shared, shape)
            }
            _ => (false, Layout::Plain, shape),
        };
        let value = Value {
            node: self.push(source, shape, perturbed, module),
            layout,
        };
        self.values.insert(id, value);
        Ok(value)
    }

    fn push(
        &mut self,
        source: Source,
        shape: Vec<usize>,
        perturbed: bool,
        module: Option<String>,
    ) -> usize {
        self.images.push(match &source {
            Source::Input(_) => true,
            Source::Parameter(_) | Source::Constant(_) | Source::Known => false,
            Source::Operator { inputs, .. } => inputs.iter().any(|&input| self.images[input]),
        });
        self.nodes.push(Node {
            source,
            shape,
            perturbed,
            module,
            origin: None,
        });
        self.nodes.len() - 1
    }

    fn mixes_batch(&self, operator: &str, node: usize, reason: &str) -> TraceError {
        TraceError::MixesBatch {
            operator: operator.into(),
            module: place(self.nodes[node].module.as_deref()),
            reason: reason.into(),
        }
    }

    // ---- what the lowering of an operator works with ------------------------------------------

    /// The value of an operand.
    pub(super) fn value(&self, ir: &TensorIr) -> Value {
        self.values[&ir.id]
    }

    pub(super) fn shape(&self, node: usize) -> &[usize] {
        &self.nodes[node].shape
    }

    pub(super) fn is_perturbed(&self, node: usize) -> bool {
        self.nodes[node].perturbed
    }

    /// Whether a node depends on an input, perturbed or fixed.
    pub(super) fn depends_on_images(&self, node: usize) -> bool {
        self.images[node]
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Whether any operator reads a recorded value.
    pub(super) fn is_read(&self, ir: &TensorIr) -> bool {
        let operations = self.record.captured.graph.operations.iter();
        operations
            .filter(|operation| !matches!(operation, OperationIr::Drop(_)))
            .any(|operation| operation.inputs().any(|input| input.id == ir.id))
    }

    /// Says that the operator is lowered to others that compute its function in another way than
    /// backends do: their roundings are not those of the operator as it runs.
    pub(super) fn rewrites(&mut self) {
        self.rewrites = true;
    }

    /// Adds a constant.
    pub(super) fn add_constant(&mut self, data: TensorData) -> usize {
        let shape = data.shape().to_vec();
        self.push(Source::Constant(data), shape, false, None)
    }

    /// A recorded value that depends on neither the inputs nor the parameters.
    pub(super) fn recorded_constant(&self, id: TensorId) -> Option<&TensorData> {
        let record = self.record;
        let variable = record.inputs.contains(&id) || record.parameters.contains_key(&id);
        record.captured.values.get(&id).filter(|_| !variable)
    }

    /// Whether these are the statistics of a layer that gets those of the clean batch instead.
    pub(super) fn is_by_batch(&self, statistics: &TensorIr) -> bool {
        let owner = self.record.parameters.get(&statistics.id);
        owner.is_some_and(|(_, owner)| self.by_batch.contains(owner))
    }

    /// Adds an operator on nodes; the result has `shape`.
    pub(super) fn apply(
        &mut self,
        operator: impl Operator + 'static,
        inputs: Vec<usize>,
        shape: Vec<usize>,
    ) -> Result<usize, Refusal> {
        let operands: Vec<Operand> = inputs
            .iter()
            .map(|&node| Operand {
                shape: self.nodes[node].shape.clone(),
                perturbed: self.nodes[node].perturbed,
            })
            .collect();
        let perturbed = operands.iter().any(|operand| operand.perturbed);
        if perturbed {
            if let Some(refusal) = operator.refuse(&operands) {
                return Err(refusal);
            }
            if shape.first() != Some(&self.batch) {
                return Err(Refusal::MixesBatch(format!(
                    "its result has shape {shape:?}, for a batch of {}",
                    self.batch
                )));
            }
        }
        let module = self.provenance(&inputs);
        let source = Source::Operator {
            operator: Arc::new(operator),
            inputs,
        };
        Ok(self.push(source, shape, perturbed, module))
    }

    /// The owner of a parameter that the operator reads, else the module of its first input.
    fn provenance(&self, inputs: &[usize]) -> Option<String> {
        let of = |images: bool| {
            inputs
                .iter()
                .filter(move |&&node| self.images[node] == images)
                .find_map(|&node| self.nodes[node].module.clone())
        };
        of(false).or_else(|| of(true))
    }

    /// Says which node holds a recorded value.
    pub(super) fn define(&mut self, out: &TensorIr, node: usize, layout: Layout) {
        self.values.insert(out.id, Value { node, layout });
    }

    /// A node under another shape, the same node where the shape is its own.
    pub(super) fn reshape(&mut self, node: usize, shape: Vec<usize>) -> Result<usize, Refusal> {
        if self.shape(node) == shape {
            return Ok(node);
        }
        self.apply(
            Reshape {
                shape: shape.clone(),
            },
            vec![node],
            shape,
        )
    }
}
