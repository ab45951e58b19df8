//! Points that bring nodes close to their bounds.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::points::RegionPoints;
use crate::bound::Probe;
use crate::tensor::AnyTensor;

/// How many gradient steps an attack takes.
const STEPS: usize = 3;

/// How many nodes below the output are attacked.
const INNER_ATTACKS: usize = 2;

/// How often a line is searched for a point at a kink.
const LINES: usize = 6;

/// Steps of a line search.
const LINE_STEPS: usize = 2;

/// The points that were tried, with the values of the nodes there.
pub(super) struct Search<'a> {
    probe: &'a Probe,
    /// Those of the forward pass, and behind them the perturbed parameters.
    inputs: &'a [RegionPoints],
    /// The positions of the parameters.
    parameters: &'a [usize],
    random: StdRng,
    /// For each point the elements of each input.
    points: Vec<Vec<Vec<f64>>>,
    /// For each point the values of the perturbed nodes.
    values: Vec<Vec<Option<AnyTensor>>>,
    /// For each node its values at all points.
    stacks: Vec<OnceCell<AnyTensor>>,
}

impl<'a> Search<'a> {
    /// Tries `count` points without aim, and then some that are found from them.
    pub(super) fn new(
        probe: &'a Probe,
        inputs: &'a [RegionPoints],
        parameters: &'a [usize],
        count: usize,
        seed: u64,
    ) -> Self {
        let mut search = Self {
            probe,
            inputs,
            parameters,
            random: StdRng::seed_from_u64(seed),
            points: Vec::new(),
            values: Vec::new(),
            stacks: vec![OnceCell::new(); probe.target() + 1],
        };
        for kind in 0..count {
            let point = search.draw(kind);
            search.try_point(point);
        }
        let pre_activations = probe.graph().pre_activations(probe.target());
        let inner: Vec<usize> = pre_activations
            .into_iter()
            .filter(|&index| !probe.graph().inputs(index).is_empty())
            .collect();
        search.attack(probe.target(), 1.0);
        search.attack(probe.target(), -1.0);
        if !inner.is_empty() {
            for _ in 0..INNER_ATTACKS {
                let node = inner[search.random.random_range(0..inner.len())];
                let sign = if search.random.random() { 1.0 } else { -1.0 };
                search.attack(node, sign);
            }
            for _ in 0..LINES {
                let node = inner[search.random.random_range(0..inner.len())];
                search.cross(node);
            }
        }
        search
    }

    /// The number of points.
    pub(super) fn count(&self) -> usize {
        self.points.len()
    }

    /// The inputs `[B, ...]` at a point, and the parameters `[1, ...]` with their positions.
    pub(super) fn tensors(&self, point: usize) -> (Vec<AnyTensor>, Vec<(usize, AnyTensor)>) {
        self.apart(self.tensors_of(&self.points[point]))
    }

    /// Inputs of the forward pass, and parameters.
    fn apart(&self, mut tensors: Vec<AnyTensor>) -> (Vec<AnyTensor>, Vec<(usize, AnyTensor)>) {
        let parameters = tensors.split_off(self.inputs.len() - self.parameters.len());
        let positions = self.parameters.iter().copied();
        (tensors, positions.zip(parameters).collect())
    }

    fn evaluate(&self, tensors: Vec<AnyTensor>) -> Vec<Option<AnyTensor>> {
        let (inputs, parameters) = self.apart(tensors);
        self.probe.evaluate(&inputs, &parameters)
    }

    /// The elements of one image's inputs at a point; a fixed input may be one for all images.
    pub(super) fn image(&self, point: usize, image: usize) -> Vec<Vec<f64>> {
        let inputs = self.inputs.iter().zip(&self.points[point]);
        inputs
            .map(|(input, values)| {
                let size = input.image_size();
                let images: Vec<&[f64]> = values.chunks(size).collect();
                images[image % images.len()].to_vec()
            })
            .collect()
    }

    /// The values of a perturbed node at all points, once they are found: `[P, B, N]`.
    pub(super) fn values(&self, node: usize) -> AnyTensor {
        self.stacks[node].get_or_init(|| self.stack(node)).clone()
    }

    fn stack(&self, node: usize) -> AnyTensor {
        let graph = self.probe.graph();
        let shape = [self.count(), graph.batch, graph.features(node)];
        let values = self.values.iter().filter_map(|values| values[node].clone());
        AnyTensor::cat(values.collect(), 0).reshape(&shape)
    }

    fn tensors_of(&self, point: &[Vec<f64>]) -> Vec<AnyTensor> {
        let inputs = self.inputs.iter().zip(point);
        inputs
            .map(|(input, values)| input.tensor(values.clone()))
            .collect()
    }

    fn draw(&mut self, kind: usize) -> Vec<Vec<f64>> {
        let inputs = self.inputs.iter();
        inputs
            .map(|input| input.point(kind, &mut self.random))
            .collect()
    }

    fn try_point(&mut self, point: Vec<Vec<f64>>) {
        self.values.push(self.evaluate(self.tensors_of(&point)));
        self.points.push(point);
    }

    /// Takes one element of a node for each image as far as gradients lead: sign-gradient steps
    /// (Madry et al. 2018, arXiv 1706.06083) for an L∞ region, for others steps to where the
    /// linearised value is largest, which is the same there. Where there is no gradient, points are
    /// drawn without aim.
    fn attack(&mut self, node: usize, sign: f64) {
        let (batch, size) = {
            let graph = self.probe.graph();
            (graph.batch, graph.features(node))
        };
        let mut picked = vec![0.0; batch * size];
        for image in picked.chunks_mut(size) {
            image[self.random.random_range(0..size)] = sign;
        }
        let mut point = self.draw(1);
        for step in 0..STEPS {
            let blind = self.draw(step + 2);
            let gradients = self.gradients(node, &picked, &point);
            // The first step goes all the way, the others half of it.
            let share = if step == 0 { 1.0 } else { 0.5 };
            point = self
                .inputs
                .iter()
                .zip(&point)
                .zip(gradients.into_iter().zip(blind))
                .map(|((input, from), (gradient, blind))| match gradient {
                    Some(gradient) => input.between(from, &input.furthest_point(&gradient), share),
                    None => blind,
                })
                .collect();
            self.try_point(point.clone());
        }
    }

    /// The gradients of a linear function of a node with respect to the inputs; none where the
    /// backend has no gradient of an operator, at which Burn panics.
    fn gradients(&self, node: usize, weights: &[f64], point: &[Vec<f64>]) -> Vec<Option<Vec<f64>>> {
        let leaves: Vec<Tensor<1>> = self
            .inputs
            .iter()
            .zip(self.tensors_of(point))
            .map(|(input, value)| {
                let flat = value.reshape(&[point_size(input)]).into_tensor::<1>();
                match input.is_fixed() {
                    true => flat,
                    false => flat.autodiff().require_grad(),
                }
            })
            .collect();
        let inputs: Vec<AnyTensor> = leaves
            .iter()
            .zip(self.inputs)
            .map(|(leaf, input)| AnyTensor::new(leaf.clone()).reshape(input.shape().as_slice()))
            .collect();
        let values = self.evaluate(inputs);
        let Some(value) = &values[node] else {
            return vec![None; self.inputs.len()];
        };
        let weights = TensorData::new(weights.to_vec(), value.shape());
        let weights = AnyTensor::from_data_like(weights, value);
        let count: usize = value.shape().iter().product();
        let weighted = value.clone().mul(weights).reshape(&[count]);
        let objective = weighted.sum_dims(&[0]).into_tensor::<1>();
        // A node need not have a gradient, as a comparison has none; this term always has one.
        let objective = leaves
            .iter()
            .zip(self.inputs)
            .filter(|(_, input)| !input.is_fixed())
            .fold(objective, |sum, (leaf, _)| {
                leaf.clone().sum().mul_scalar(0.0) + sum
            });
        let Ok(gradients) = catch_unwind(AssertUnwindSafe(|| objective.backward())) else {
            return vec![None; self.inputs.len()];
        };
        leaves
            .iter()
            .zip(self.inputs)
            .map(|(leaf, input)| {
                let gradient = if input.is_fixed() {
                    None
                } else {
                    leaf.grad(&gradients)
                };
                gradient.map(|gradient| AnyTensor::new(gradient).values())
            })
            .collect()
    }

    /// Between two points that are far apart in an element of a node: where it is 0, at which
    /// relaxations have their kinks, or in the middle of what was seen.
    fn cross(&mut self, node: usize) {
        let (batch, size) = {
            let graph = self.probe.graph();
            (graph.batch, graph.features(node))
        };
        let element = self.random.random_range(0..size);
        let mut ends = Vec::new();
        // Point by point, and in each image by image.
        let seen = element_of(&self.stack(node), element);
        for image in 0..batch {
            let values: Vec<f64> = seen[image..]
                .iter()
                .step_by(batch)
                .map(|&value| if value.is_finite() { value } else { 0.0 })
                .collect();
            let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
            let low = (0..values.len()).min_by(by_value).unwrap_or(0);
            let high = (0..values.len()).max_by(by_value).unwrap_or(0);
            let goal = if values[low] < 0.0 && values[high] > 0.0 {
                0.0
            } else {
                (values[low] + values[high]) / 2.0
            };
            ends.push(Ends {
                from: low,
                to: high,
                low: (0.0, values[low]),
                high: (1.0, values[high]),
                goal,
            });
        }
        for _ in 0..LINE_STEPS {
            let shares: Vec<f64> = ends.iter().map(Ends::share).collect();
            let point = self.on_lines(&ends, &shares);
            self.try_point(point);
            let Some(value) = self.values.last().and_then(|values| values[node].clone()) else {
                return;
            };
            let found = element_of(&value.reshape(&[1, batch, size]), element);
            for ((ends, share), value) in ends.iter_mut().zip(shares).zip(found) {
                ends.narrow(share, value);
            }
        }
    }

    fn on_lines(&self, ends: &[Ends], shares: &[f64]) -> Vec<Vec<f64>> {
        let points = |input: usize| {
            let set = &self.inputs[input];
            let size = set.image_size();
            let total = self.points[0][input].len();
            if set.is_fixed() {
                return self.points[0][input].clone();
            }
            (0..total / size)
                .flat_map(|image| {
                    let at =
                        |point: usize| &self.points[point][input][image * size..(image + 1) * size];
                    set.between(at(ends[image].from), at(ends[image].to), shares[image])
                })
                .collect()
        };
        (0..self.inputs.len()).map(points).collect()
    }
}

/// Two points of an image, and the share of the way between them at which an element has a value.
struct Ends {
    from: usize,
    to: usize,
    low: (f64, f64),
    high: (f64, f64),
    goal: f64,
}

impl Ends {
    /// By the secant between what is known.
    fn share(&self) -> f64 {
        let (width, rise) = (self.high.0 - self.low.0, self.high.1 - self.low.1);
        if rise > 0.0 {
            self.low.0 + width * (self.goal - self.low.1) / rise
        } else {
            self.low.0
        }
    }

    fn narrow(&mut self, share: f64, value: f64) {
        if value < self.goal {
            self.low = (share, value);
        } else {
            self.high = (share, value);
        }
    }
}

/// An element of values `[P, B, N]`, for each point and image.
fn element_of(values: &AnyTensor, element: usize) -> Vec<f64> {
    let shape = values.shape();
    let range = (element, element + 1);
    values
        .clone()
        .slice(&[(0, shape[0]), (0, shape[1]), range])
        .values()
}

fn point_size(input: &RegionPoints) -> usize {
    input.shape().iter().product()
}
