//! A network as lists of numbers: what each value is, in the order of the forward pass.

use std::collections::{HashMap, HashSet};

use burn::backend::ir::{OperationIr, TensorId, TensorIr};

use super::RecheckError;
use super::number::{Interval, Sum};
use super::read::operator;
use super::region::RecheckRegion;
use super::step::{Operator, Step};
use crate::trace::{Record, operator_name};

/// A forward pass for one image, with its parameters.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) values: Vec<Value>,
    /// The number of the first output.
    pub(super) output: usize,
}

/// A value of the forward pass.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// How many elements it has.
    pub(super) size: usize,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The image.
    Input,
    /// It does not depend on the image.
    Fixed(Vec<Interval>),
    /// An operator on earlier values.
    Step(Step),
}

impl Network {
    /// Reads Burn's own record of a forward pass, with the parameters' values by their position.
    pub(super) fn read(record: &Record, parameters: &[Vec<f64>]) -> Result<Self, RecheckError> {
        let operations = &record.captured.graph.operations;
        let first = record.outputs[0];
        let needed = needed(operations, first);
        let mut network = Self {
            values: Vec::new(),
            output: 0,
        };
        let mut places: HashMap<TensorId, usize> = HashMap::new();
        for operation in operations {
            let Some(out) = operation.outputs().find(|out| needed.contains(&out.id)) else {
                continue;
            };
            if matches!(operation, OperationIr::Init(_)) {
                continue;
            }
            let mut operands = Vec::new();
            for input in operation.inputs() {
                let place = match places.get(&input.id) {
                    Some(&place) => place,
                    None => {
                        let place = network.leaf(record, parameters, input)?;
                        places.insert(input.id, place);
                        place
                    }
                };
                operands.push(place);
            }
            let operator = operator(operation, out).map_err(|reason| RecheckError::Operator {
                operator: operator_name(operation),
                reason,
            })?;
            let place = network.step(Step { operator, operands }, size(out), operation)?;
            places.insert(out.id, place);
        }
        network.output = places
            .get(&first)
            .copied()
            .ok_or_else(|| RecheckError::Unreadable("its output is no operator's result".into()))?;
        Ok(network)
    }

    /// A value that no operator made.
    fn leaf(
        &mut self,
        record: &Record,
        parameters: &[Vec<f64>],
        ir: &TensorIr,
    ) -> Result<usize, RecheckError> {
        let kind = if record.inputs.contains(&ir.id) {
            Kind::Input
        } else {
            let values = match record.parameters.get(&ir.id) {
                Some(&(position, _)) => parameters[position].clone(),
                None => {
                    let data = record.captured.values.get(&ir.id).ok_or_else(|| {
                        RecheckError::Unreadable(format!("the value {} is not recorded", ir.id))
                    })?;
                    data.iter::<f64>().collect()
                }
            };
            Kind::Fixed(values.into_iter().map(Interval::point).collect())
        };
        let size = size(ir);
        if let Kind::Fixed(values) = &kind
            && values.len() != size
        {
            return Err(RecheckError::Unreadable(format!(
                "{} numbers for a value of {size} elements",
                values.len()
            )));
        }
        Ok(self.push(kind, size))
    }

    /// An operator's result; its value, where no operand depends on the image.
    fn step(
        &mut self,
        step: Step,
        size: usize,
        operation: &OperationIr,
    ) -> Result<usize, RecheckError> {
        let varying: Vec<bool> = step
            .operands
            .iter()
            .map(|&operand| !self.is_fixed(operand))
            .collect();
        if !varying.contains(&true) {
            let values = self.intervals(&step, size, |_| unreachable!("no operand varies"));
            return Ok(self.push(Kind::Fixed(values), size));
        }
        let allowed = match &step.operator {
            Operator::Multiply { .. } | Operator::Matrix { .. } => {
                varying.iter().filter(|varies| **varies).count() == 1
            }
            Operator::Divide { .. } | Operator::Convolution(_) | Operator::Normalise { .. } => {
                !varying[1..].contains(&true)
            }
            _ => true,
        };
        if !allowed {
            return Err(RecheckError::Operator {
                operator: operator_name(operation),
                reason: "an operand that the checker takes for fixed depends on the input".into(),
            });
        }
        Ok(self.push(Kind::Step(step), size))
    }

    fn push(&mut self, kind: Kind, size: usize) -> usize {
        self.values.push(Value { kind, size });
        self.values.len() - 1
    }

    pub(super) fn is_fixed(&self, value: usize) -> bool {
        matches!(self.values[value].kind, Kind::Fixed(_))
    }

    /// Whether a value is no affine function of earlier ones.
    pub(super) fn is_nonlinear(&self, value: usize) -> bool {
        matches!(&self.values[value].kind, Kind::Step(step) if !step.operator.is_affine())
    }

    /// Whether a value is an affine function of the image.
    pub(super) fn is_affine_in_input(&self, value: usize) -> bool {
        match &self.values[value].kind {
            Kind::Input | Kind::Fixed(_) => true,
            Kind::Step(step) => {
                step.operator.is_affine()
                    && step
                        .operands
                        .iter()
                        .all(|&operand| self.is_affine_in_input(operand))
            }
        }
    }

    /// The elements of a value that does not depend on the image.
    pub(super) fn fixed(&self, value: usize) -> &[Interval] {
        match &self.values[value].kind {
            Kind::Fixed(values) => values,
            Kind::Input | Kind::Step(_) => unreachable!("the value was taken for a fixed one"),
        }
    }

    /// The terms of an element of an affine step: value, element, factor.
    pub(super) fn terms(
        &self,
        step: &Step,
        element: usize,
        mut term: impl FnMut(usize, usize, Interval),
    ) {
        let place = |operand: usize| step.operands[operand];
        step.operator.terms(
            element,
            |operand| self.is_fixed(place(operand)),
            |operand, at| self.fixed(place(operand))[at],
            |operand, at, factor| term(place(operand), at, factor),
        );
    }

    /// What is added to the terms of an element.
    pub(super) fn constant(&self, step: &Step, element: usize) -> Interval {
        step.operator.constant(element, |operand, at| {
            self.fixed(step.operands[operand])[at]
        })
    }

    /// The intervals of a step's elements, from those of the values that are not fixed.
    pub(super) fn intervals<'a>(
        &'a self,
        step: &Step,
        size: usize,
        known: impl Fn(usize) -> &'a [Interval],
    ) -> Vec<Interval> {
        let of = |value: usize| match &self.values[value].kind {
            Kind::Fixed(values) => values.as_slice(),
            Kind::Input | Kind::Step(_) => known(value),
        };
        let element = |element: usize| match &step.operator {
            Operator::Rectifier { slope } => {
                super::relax::rectify(*slope, of(step.operands[0])[element])
            }
            Operator::Largest { members } => {
                super::relax::largest_of(&members[element], of(step.operands[0]))
            }
            _ => {
                let mut sum = Sum::default();
                sum.add(Interval::point(1.0), self.constant(step, element));
                self.terms(step, element, |value, at, factor| {
                    sum.add(factor, of(value)[at]);
                });
                sum.interval()
            }
        };
        (0..size).map(element).collect()
    }

    /// The intervals of all values over a region, forward.
    pub(super) fn evaluate(&self, region: &RecheckRegion) -> Vec<Vec<Interval>> {
        let mut known: Vec<Vec<Interval>> = Vec::with_capacity(self.values.len());
        for value in &self.values {
            let next = match &value.kind {
                Kind::Input => region.hull().to_vec(),
                Kind::Fixed(values) => values.clone(),
                Kind::Step(step) => self.intervals(step, value.size, |value| &known[value]),
            };
            known.push(next);
        }
        known
    }
}

/// The values that an output depends on.
fn needed(operations: &[OperationIr], output: TensorId) -> HashSet<TensorId> {
    let mut needed = HashSet::from([output]);
    for operation in operations.iter().rev() {
        if operation.outputs().any(|out| needed.contains(&out.id)) {
            needed.extend(operation.inputs().map(|input| input.id));
        }
    }
    needed
}

fn size(ir: &TensorIr) -> usize {
    ir.shape.iter().product()
}
