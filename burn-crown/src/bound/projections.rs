//! Random projections: estimates of the pre-activations' bounds, in one forward pass.
//!
//! Where rectifiers lie between parallel lines, a pre-activation is `c + A δ + Σ Aᵢ eᵢ`: affine in
//! the input's change `δ`, and in how far each rectifier `i` is from the middle of its lines. Its
//! bounds are `c ± (‖A‖ + Σ ‖Aᵢ‖₁)`, with the region's dual norm for `A` and all coefficients
//! scaled by the radii. Those coefficients are never made. Random points around each centre go
//! through the network instead: what they are off by, at a pre-activation, are random combinations
//! of its coefficients, and the spread of these estimates the norm (Wong et al. 2018, arXiv
//! 1805.12514, section 3.2).
//!
//! Combinations with Cauchy weights add up to a Cauchy variable that is as wide as the L1 norm of
//! all coefficients together, so one set of points serves a box and every rectifier above it.

use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;

use burn::tensor::{Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::intervals::Intervals;
use super::{BoundConfig, Method, Projections};
use crate::error::BoundError;
use crate::graph::Source;
use crate::ops::{Band, Interval, Operator, Region};
use crate::tensor::AnyTensor;

/// Estimates every pre-activation's bounds below `target`, each standing on the ones before it.
pub(super) fn estimate(
    known: &mut Intervals,
    target: usize,
    config: &BoundConfig,
) -> Result<(), BoundError> {
    let Some(projections) = config.projections else {
        return Ok(());
    };
    if config.method != Method::ConvexAdversarial {
        return Err(invalid(format!(
            "{} has none, they belong to `Method::ConvexAdversarial`",
            config.method
        )));
    }
    if !(1..=Projections::MOST).contains(&projections.count) {
        return Err(invalid(format!(
            "their number is {}, give 1 to {}",
            projections.count,
            Projections::MOST
        )));
    }
    known.ensure_fixed_operands(target);
    let graph = known.graph.clone();
    let wanted = graph.pre_activations(target);
    let Some(&last) = wanted.last() else {
        return Ok(());
    };
    let reached = graph.ancestors(target);
    let nodes = || (0..=last).filter(|&index| reached[index] && graph.nodes[index].perturbed);
    // Points take memory, so they go after their last use.
    let mut last_use = vec![0; last + 1];
    for index in nodes() {
        for &input in graph.inputs(index) {
            last_use[input] = index;
        }
    }
    let mut rng = StdRng::seed_from_u64(projections.seed);
    let mut draw = Draw {
        rng: &mut rng,
        count: projections.count,
    };
    let mut clouds: BTreeMap<usize, Cloud> = BTreeMap::new();
    for index in nodes() {
        let cloud = match &graph.nodes[index].source {
            Source::Operator { operator, inputs } if operator.is_affine() => {
                let operand = |input: &usize| match clouds.get(input) {
                    Some(cloud) => Operand::Perturbed(cloud),
                    None => Operand::Fixed(known.get(*input).fixed()),
                };
                let operands: Vec<Operand> = inputs.iter().map(operand).collect();
                Cloud::affine(operator.as_ref(), &operands, projections.count)
            }
            Source::Operator { operator, inputs } => {
                let interval = known.get(inputs[0]).interval();
                let band = operator.band(&interval).ok_or_else(|| {
                    invalid(format!(
                        "they cannot pass {operator:?}, which has no relaxation by parallel lines"
                    ))
                })?;
                clouds[&inputs[0]].between_lines(&band, &mut draw)
            }
            _ => Cloud::leaf(index, known.get(index), &mut draw)?,
        };
        for input in graph.inputs(index) {
            if last_use[*input] == index {
                clouds.remove(input);
            }
        }
        if wanted.contains(&index) && !graph.inputs(index).is_empty() {
            known.set(index, cloud.interval());
        }
        clouds.insert(index, cloud);
    }
    Ok(())
}

fn invalid(reason: String) -> BoundError {
    BoundError::Projections(reason)
}

/// The norm that the spread of points estimates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Law {
    /// The L1 norm of all coefficients on boxes and rectifiers.
    Cauchy,
    /// The L2 norm of the coefficients on the ball of one input.
    Normal(usize),
}

/// The random numbers of one estimate.
struct Draw<'a> {
    rng: &'a mut StdRng,
    count: usize,
}

impl Draw<'_> {
    /// Points around the centres in turn, `radius` scaling each element. All images have the same
    /// numbers, so the estimate of one does not depend on the others of its batch.
    fn around(&mut self, law: Law, centers: &[AnyTensor], radius: &AnyTensor) -> Vec<AnyTensor> {
        let mut shape = radius.shape();
        shape[0] = 1;
        (0..self.count)
            .map(|point| {
                let center = &centers[point % centers.len()];
                let noise = AnyTensor::from_data_like(self.numbers(law, &shape), radius);
                center.clone().add(radius.clone().mul(noise))
            })
            .collect()
    }

    fn numbers(&mut self, law: Law, shape: &[usize]) -> TensorData {
        let size = shape.iter().product();
        let numbers: Vec<f64> = (0..size).map(|_| self.number(law)).collect();
        TensorData::new(numbers, shape.to_vec())
    }

    fn number(&mut self, law: Law) -> f64 {
        match law {
            Law::Cauchy => (PI * (self.rng.random::<f64>() - 0.5)).tan(),
            Law::Normal(_) => {
                // Box and Muller; `1 − u` is never 0.
                let distance = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
                distance * (2.0 * PI * self.rng.random::<f64>()).cos()
            }
        }
    }
}

/// An operand of an affine operator.
enum Operand<'a> {
    Perturbed(&'a Cloud),
    Fixed(AnyTensor),
}

impl Operand<'_> {
    fn center(&self) -> AnyTensor {
        match self {
            Self::Perturbed(cloud) => cloud.center.clone(),
            Self::Fixed(value) => value.clone(),
        }
    }

    fn laws(&self) -> Vec<Law> {
        match self {
            Self::Perturbed(cloud) => cloud.points.keys().copied().collect(),
            Self::Fixed(_) => Vec::new(),
        }
    }

    fn point(&self, law: Law, at: usize) -> AnyTensor {
        match self {
            Self::Perturbed(cloud) => cloud
                .points
                .get(&law)
                .map_or_else(|| self.center(), |points| points[at].clone()),
            Self::Fixed(value) => value.clone(),
        }
    }
}

/// A node's centre, and the random points around it, all `[B, ...]`.
struct Cloud {
    center: AnyTensor,
    points: BTreeMap<Law, Vec<AnyTensor>>,
}

impl Cloud {
    /// The points of a perturbed input.
    fn leaf(index: usize, region: &Region, draw: &mut Draw) -> Result<Self, BoundError> {
        let (law, center, radius) = match region {
            Region::Ball(ball) if ball.dual == 2.0 => {
                (Law::Normal(index), ball.center.clone(), ball.radius.clone())
            }
            Region::Ball(_) | Region::Substitution(_) => {
                return Err(invalid(
                    "they estimate L∞ and L2 regions; take them out for other norms and for substitutions".into(),
                ));
            }
            Region::Box(_) | Region::Rectified(_) => {
                let interval = region.interval();
                (Law::Cauchy, interval.center(), interval.radius())
            }
            Region::Fixed(_) => unreachable!("a fixed input is not perturbed"),
        };
        let points = draw.around(law, std::slice::from_ref(&center), &radius);
        Ok(Self {
            center,
            points: BTreeMap::from([(law, points)]),
        })
    }

    /// Every point goes through an affine operator.
    fn affine(operator: &dyn Operator, operands: &[Operand], count: usize) -> Self {
        let laws: BTreeSet<Law> = operands.iter().flat_map(Operand::laws).collect();
        let through = |values: Vec<AnyTensor>| operator.evaluate(&values);
        let points = laws
            .into_iter()
            .map(|law| {
                let at = |at| operands.iter().map(move |operand| operand.point(law, at));
                let points = (0..count).map(|point| through(at(point).collect()));
                (law, points.collect())
            })
            .collect();
        let center = through(operands.iter().map(Operand::center).collect());
        Self { center, points }
    }

    /// Between the parallel lines around a nonlinear operator: every point scaled by their slope,
    /// and scattered by half their distance.
    fn between_lines(&self, band: &Band, draw: &mut Draw) -> Self {
        let (middle, radius) = (band.intercept.center(), band.intercept.radius());
        let image = |x: &AnyTensor| x.clone().mul(band.slope.clone()).add(middle.clone());
        let center = image(&self.center);
        let mut points: BTreeMap<Law, Vec<AnyTensor>> = self
            .points
            .iter()
            .map(|(&law, points)| (law, points.iter().map(image).collect()))
            .collect();
        let around = points
            .remove(&Law::Cauchy)
            .unwrap_or_else(|| vec![center.clone()]);
        let scattered = draw.around(Law::Cauchy, &around, &radius);
        points.insert(Law::Cauchy, scattered);
        Self { center, points }
    }

    /// The estimated bounds.
    fn interval(&self) -> Interval {
        let shape = self.center.shape();
        let radius = self
            .points
            .iter()
            .map(|(&law, points)| {
                let deviations = points
                    .iter()
                    .map(|point| {
                        point
                            .clone()
                            .sub(self.center.clone())
                            .reshape(&flat(&shape))
                    })
                    .collect();
                spread(law, AnyTensor::cat(deviations, 0)).reshape(&shape)
            })
            .reduce(AnyTensor::add);
        match radius {
            Some(radius) => Interval::around(self.center.clone(), radius),
            None => unreachable!("a perturbed node depends on a perturbed input"),
        }
    }
}

fn flat(shape: &[usize]) -> [usize; 2] {
    [1, shape.iter().product()]
}

/// Keeps the root's derivative finite where all deviations are 0.
const SQUARE_FLOOR: f64 = 1e-30;

/// The estimated norms `[1, N]` from random combinations `[K, N]`.
fn spread(law: Law, combinations: AnyTensor) -> AnyTensor {
    let count = combinations.shape()[0];
    match law {
        Law::Cauchy => median(combinations.abs()),
        Law::Normal(_) => combinations
            .clone()
            .mul(combinations)
            .sum_dims(&[0])
            .div_scalar(count as f64)
            .add_scalar(SQUARE_FLOOR)
            .sqrt(),
    }
}

/// The medians `[1, N]` of the columns of `[K, N]`; of an even number, the mean of the middle two.
fn median(x: AnyTensor) -> AnyTensor {
    let x: Tensor<2> = x.into_tensor();
    let [count, _] = x.dims();
    // By their places, so that a backward pass keeps these alone and not the sorted columns.
    let order = x.clone().detach().argsort(0);
    let places = order.slice_dim(0, (count - 1) / 2..count / 2 + 1);
    AnyTensor::new(x.gather(0, places).mean_dim(0))
}
