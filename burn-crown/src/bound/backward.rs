//! Linear bounds, backward through the graph.

use super::LowerSlope;
use super::account::Account;
use super::intervals::Intervals;
use super::step::Operands;
use crate::graph::Source;
use crate::ops::{Contribution, Interval, Region, power_norm_scaled};
use crate::tensor::{AnyTensor, Factors};

/// Where a backward pass ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stop {
    /// At the perturbed inputs: CROWN.
    Inputs,
    /// At the first nodes that are no affine function of others: the specification is merged into
    /// the trailing affine layers, and intervals do the rest.
    Nonlinear,
    /// At the operands of the first operator.
    Operands,
}

/// Forms `[B·S, ...]` on the nodes where a backward pass ended, and a bias `[B, S]`: together they
/// are nowhere above the forms that it began with.
pub(super) struct Ending {
    pub(super) forms: Vec<(usize, AnyTensor)>,
    pub(super) bias: Option<AnyTensor>,
    /// What rounding has cost so far, where it is accounted for.
    account: Option<Account>,
}

/// A lower bound `[B, S]` of the linear forms `rows` `[B, S, N]` on node `target`, whose value has
/// `N` elements an image.
///
/// `known` holds what the pass reads: fixed operands, the bounds of pre-activations (for
/// [`Stop::Inputs`]), and the regions where it ends. A pass is made with each of the first
/// `alternatives` relaxations that operators have; of every row, the best bound is given.
pub(super) fn lower_bound(
    known: &Intervals,
    target: usize,
    rows: AnyTensor,
    slope: LowerSlope,
    stop: Stop,
    alternatives: usize,
) -> AnyTensor {
    let count = rows.shape()[1];
    let bound = |alternative| {
        let Ending {
            forms,
            bias,
            mut account,
        } = pass(known, target, rows.clone(), slope, stop, alternative);
        let smallest = |(index, form)| concretize(form, known.get(index), known.graph.batch, count);
        if let Some(account) = &mut account {
            for (index, form) in &forms {
                account.concretize(form, known.get(*index));
            }
        }
        let bound = forms.into_iter().map(smallest).chain(bias);
        let bound = bound.reduce(|sum, part| {
            let sum = sum.add(part);
            if let Some(account) = &mut account {
                account.add(&sum);
            }
            sum
        });
        let bound = bound.expect("a backward pass ends at a region");
        match account {
            Some(account) => account.lower(bound),
            None => bound,
        }
    };
    (1..alternatives).fold(bound(0), |best, alternative| best.max(bound(alternative)))
}

/// Takes the linear forms `rows` `[B, S, N]` on node `target` back to where the pass ends, by one of
/// the relaxations that operators have.
pub(super) fn pass(
    known: &Intervals,
    target: usize,
    rows: AnyTensor,
    slope: LowerSlope,
    stop: Stop,
    alternative: usize,
) -> Ending {
    observed_pass(
        known,
        target,
        rows,
        slope,
        stop,
        alternative,
        &mut |_, _| {},
    )
}

/// [`pass`], which shows what each node's operator makes on its way: the forms on its operands, and
/// what it adds to the bias.
pub(super) fn observed_pass(
    known: &Intervals,
    target: usize,
    rows: AnyTensor,
    slope: LowerSlope,
    stop: Stop,
    alternative: usize,
    observe: &mut dyn FnMut(usize, &AnyTensor),
) -> Ending {
    let graph = &known.graph;
    let (batch, count) = (graph.batch, rows.shape()[1]);
    let mut forms: Vec<Option<AnyTensor>> = vec![None; target + 1];
    let mut shape = graph.nodes[target].shape.clone();
    shape[0] = batch * count;
    forms[target] = Some(rows.reshape(&shape));
    let mut ending = Ending {
        forms: Vec::new(),
        bias: None,
        account: known
            .soundness()
            .map(|soundness| Account::new(soundness, batch, count, known.like())),
    };
    for index in (0..=target).rev() {
        let Some(form) = forms[index].take() else {
            continue;
        };
        let ends = match stop {
            Stop::Inputs => false,
            Stop::Nonlinear => graph.nonlinear(index).is_some(),
            Stop::Operands => index != target,
        };
        match &graph.nodes[index].source {
            Source::Operator { operator, inputs } if !ends => {
                let operands = Operands::new(known, index, slope);
                let step = operands.step(count, alternative % operator.alternatives());
                if let Some(account) = &mut ending.account {
                    account.step(&form, known.roundings(index));
                }
                let Contribution { forms: parts, bias } = operator.backward(form, &step);
                for made in parts.iter().flatten().chain(&bias) {
                    observe(index, made);
                }
                for (&input, part) in inputs.iter().zip(parts) {
                    let Some(part) = part else { continue };
                    let meets = forms[input].is_some();
                    part.added_to(&mut forms[input]);
                    if let (true, Some(account), Some(sum)) =
                        (meets, &mut ending.account, &forms[input])
                    {
                        account.merge(sum, known.get(input));
                    }
                }
                if let Some(bias) = bias {
                    bias.added_to(&mut ending.bias);
                    if let (Some(account), Some(sum)) = (&mut ending.account, &ending.bias) {
                        account.add(sum);
                    }
                }
            }
            _ => ending.forms.push((index, form)),
        }
    }
    ending
}

/// The smallest values `[B, S]` of forms `[B·S, ...]` over a region.
pub(super) fn concretize(form: AnyTensor, region: &Region, batch: usize, rows: usize) -> AnyTensor {
    let features: usize = form.shape()[1..].iter().product();
    let form = form.reshape(&[batch, rows, features]);
    let column = |x: AnyTensor| x.reshape(&[batch, features, 1]);
    let dot = |form: AnyTensor, x: AnyTensor| form.matmul(column(x)).reshape(&[batch, rows]);
    let over_box = |interval: &Interval| {
        let Interval { lower, upper } = interval.clone();
        form.clone().signed_sum(Factors::new(lower, upper))
    };
    match region {
        Region::Fixed(value) => dot(form, value.clone()),
        Region::Box(_) | Region::Rectified(_) => over_box(&region.interval()),
        Region::Ball(ball) => {
            let deviation = if ball.dual.is_finite() {
                let radius = column(ball.radius.clone());
                let largest = || form.clone().detach().abs().max_dim(2);
                power_norm_scaled(form.clone(), largest, radius, ball.dual, AnyTensor::matmul)
            } else {
                let radius = ball.radius.clone().reshape(&[batch, 1, features]);
                form.clone().abs().mul(radius).max_dim(2)
            };
            let over_ball =
                dot(form.clone(), ball.center.clone()).sub(deviation.reshape(&[batch, rows]));
            // The region lies in the ball and in its box: the better bound holds.
            match &ball.range {
                Some(_) => over_ball.max(over_box(&ball.hull())),
                None => over_ball,
            }
        }
        Region::Substitution(rows) => {
            dot(form.clone(), rows.original.clone()).add(rows.least_gain(form))
        }
    }
}
