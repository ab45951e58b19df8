//! Random regions, and points inside them.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_crown::{Norm, Perturbation};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::parameters::to_vec;

/// The set that the input may change in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A norm ball.
    Ball(Norm),
    /// A box between two tensors that are not centred on the input.
    Between,
}

/// A region, but for the input.
#[derive(Clone, Debug)]
pub struct RegionRecipe {
    /// The set.
    pub shape: Shape,
    /// The radius.
    pub radius: f64,
    /// Whether there is a valid range.
    pub ranged: bool,
    /// Whether range and radius differ from channel to channel.
    pub per_channel: bool,
    /// Whether some coordinates cannot change at all.
    pub frozen: bool,
}

/// Regions of every shape.
pub fn region_recipes() -> impl Strategy<Value = RegionRecipe> {
    let shapes = prop::sample::select(vec![
        Shape::Ball(Norm::Linf),
        Shape::Ball(Norm::L2),
        Shape::Ball(Norm::L1),
        Shape::Ball(Norm::Lp(1.5)),
        Shape::Ball(Norm::Lp(3.0)),
        Shape::Between,
    ]);
    let radius = prop_oneof![1 => Just(0.0), 4 => 0.01..0.3f64, 4 => 0.3..2.0f64];
    (
        shapes,
        radius,
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(shape, radius, ranged, per_channel, frozen)| RegionRecipe {
                shape,
                radius,
                ranged,
                per_channel,
                frozen,
            },
        )
}

/// A region around an input `[B, C, ...]`, with what is needed to draw points from it.
#[derive(Debug)]
pub struct RandomRegion<const D: usize> {
    /// The input, on the device.
    pub input: Tensor<D>,
    /// What the library is told.
    pub perturbation: Perturbation,
    dims: [usize; D],
    exponent: f64,
    center: Vec<f64>,
    /// For each element.
    radius: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// Rounded to what both data types hold.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

impl<const D: usize> RandomRegion<D> {
    /// A region with a random input.
    pub fn new(
        recipe: &RegionRecipe,
        dims: [usize; D],
        seed: u64,
        dtype: DType,
        device: &Device,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let (count, channels) = (dims.iter().product::<usize>(), dims[1]);
        let inner: usize = dims[2..].iter().product();
        let channel = |index: usize| {
            if recipe.per_channel {
                index / inner % channels
            } else {
                0
            }
        };
        let given = if recipe.per_channel { channels } else { 1 };
        let ends: Vec<(f64, f64)> = (0..given)
            .map(|channel| {
                let lower: f64 = rounded(random.random_range(-1.0..0.0));
                // The last channel of a frozen region has one valid value.
                let fixed = recipe.frozen && recipe.per_channel && channel + 1 == given;
                (
                    lower,
                    if fixed {
                        lower
                    } else {
                        rounded(lower + random.random_range(0.5..1.5))
                    },
                )
            })
            .collect();
        let scales: Vec<f64> = (0..given)
            .map(|channel| match recipe.frozen && channel == 0 && given > 1 {
                true => 0.0,
                false => rounded(random.random_range(0.3..1.5)),
            })
            .collect();
        let range = |index: usize| match recipe.ranged {
            true => ends[channel(index)],
            false => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let center: Vec<f64> = (0..count)
            .map(|index| {
                let (lower, upper) = range(index);
                // Some pixels lie at the edge of the range.
                let at: f64 = random.random_range(-1.2..1.2);
                rounded(at).clamp(lower, upper)
            })
            .collect();
        let make = |values: &[f64]| {
            let data = TensorData::new(values.to_vec(), dims);
            Tensor::<D>::from_data(data, (device, dtype))
        };
        let mut region = Self {
            input: make(&center),
            perturbation: Perturbation::linf(recipe.radius),
            dims,
            exponent: f64::INFINITY,
            radius: vec![recipe.radius; count],
            lower: Vec::new(),
            upper: Vec::new(),
            center,
        };
        match recipe.shape {
            Shape::Between => {
                let mut edge = |sign: f64| -> Vec<f64> {
                    (0..count)
                        .map(|index| {
                            let frozen = recipe.frozen && index % 3 == 0;
                            let size = if frozen {
                                0.0
                            } else {
                                random.random_range(0.0..1.0)
                            };
                            rounded(region.center[index] + sign * recipe.radius * size)
                        })
                        .collect()
                };
                (region.lower, region.upper) = (edge(-1.0), edge(1.0));
                region.perturbation =
                    Perturbation::between(make(&region.lower), make(&region.upper));
            }
            Shape::Ball(norm) => {
                region.perturbation = Perturbation::ball(norm, recipe.radius);
                region.exponent = exponent(norm);
                if recipe.per_channel {
                    region.perturbation = region.perturbation.with_channel_scale(scales.clone());
                    region.radius = (0..count)
                        .map(|index| recipe.radius * scales[channel(index)])
                        .collect();
                }
                let ends = region.center.iter().zip(&region.radius);
                (region.lower, region.upper) = ends
                    .map(|(center, radius)| (center - radius, center + radius))
                    .unzip();
            }
        }
        if recipe.ranged {
            let (lower, upper) = ends.iter().copied().unzip();
            region.perturbation = region.perturbation.with_channel_range(lower, upper);
            for index in 0..count {
                let (lower, upper) = range(index);
                region.lower[index] = region.lower[index].clamp(lower, upper);
                region.upper[index] = region.upper[index].clamp(lower, upper);
            }
        }
        region
    }

    /// A norm ball around a given input.
    pub fn ball(input: Tensor<D>, norm: Norm, radius: f64) -> Self {
        let (dims, center) = (input.dims(), to_vec(input.clone()));
        Self {
            input,
            perturbation: Perturbation::ball(norm, radius),
            dims,
            exponent: exponent(norm),
            radius: vec![radius; center.len()],
            lower: center.iter().map(|value| value - radius).collect(),
            upper: center.iter().map(|value| value + radius).collect(),
            center,
        }
    }

    /// Points `[count · B, ...]` of the region: of each image its centre and then, in turn, random
    /// points, corners, points on the surface, and points on few coordinates.
    pub fn points(&self, count: usize, seed: u64) -> Tensor<D> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut dims = self.dims;
        dims[0] *= count;
        let images = self.dims[0];
        let size = self.center.len() / images;
        let mut values = Vec::with_capacity(self.center.len() * count);
        for point in 0..count {
            for image in 0..images {
                let direction = self.direction(point, size, &mut random);
                values.extend(
                    (image * size..)
                        .zip(direction)
                        .map(|(at, step)| self.at(at, step)),
                );
            }
        }
        self.tensor(values, dims)
    }

    /// The points `[N, ...]` at which the linear functions with these gradients `[N, ...]` are
    /// largest over the ball, cut with the range. Point `n` is one of image `n mod B`.
    pub fn furthest(&self, gradients: &[f64]) -> Tensor<D> {
        let images = self.dims[0];
        let size = self.center.len() / images;
        let mut dims = self.dims;
        dims[0] = gradients.len() / size;
        let mut values = Vec::with_capacity(gradients.len());
        for (point, gradient) in gradients.chunks(size).enumerate() {
            let image = point % images;
            let gain = |index: usize| gradient[index] * self.reach(image * size + index);
            let mut direction: Vec<f64> = (0..size).map(|index| gain(index).signum()).collect();
            if self.exponent == 1.0 {
                let by_size = |a: &usize, b: &usize| gain(*a).abs().total_cmp(&gain(*b).abs());
                let best = (0..size).max_by(by_size).unwrap_or(0);
                direction.iter_mut().enumerate().for_each(|(index, step)| {
                    *step *= f64::from(u8::from(index == best));
                });
            } else if self.exponent.is_finite() {
                // The dual direction, scaled by the largest gain so that powers stay finite.
                let largest = (0..size).map(|index| gain(index).abs()).fold(0.0, f64::max);
                let power = 1.0 / (self.exponent - 1.0);
                for (index, step) in direction.iter_mut().enumerate() {
                    *step *= (gain(index).abs() / largest.max(f64::MIN_POSITIVE)).powf(power);
                }
            }
            let direction = self.on_surface(direction);
            values.extend(
                (image * size..)
                    .zip(direction)
                    .map(|(at, step)| self.at(at, step)),
            );
        }
        self.tensor(values, dims)
    }

    /// The value of element `index` at a step of −1 to 1 of its reach.
    fn at(&self, index: usize, step: f64) -> f64 {
        let middle = match self.exponent.is_infinite() {
            true => (self.lower[index] + self.upper[index]) / 2.0,
            false => self.center[index],
        };
        (middle + self.reach(index) * step).clamp(self.lower[index], self.upper[index])
    }

    fn reach(&self, index: usize) -> f64 {
        match self.exponent.is_infinite() {
            true => (self.upper[index] - self.lower[index]) / 2.0,
            false => self.radius[index],
        }
    }

    fn on_surface(&self, mut direction: Vec<f64>) -> Vec<f64> {
        if self.exponent.is_finite() {
            let sum: f64 = direction
                .iter()
                .map(|step| step.abs().powf(self.exponent))
                .sum();
            let norm = sum.powf(1.0 / self.exponent).max(f64::MIN_POSITIVE);
            direction.iter_mut().for_each(|step| *step /= norm);
        }
        direction
    }

    fn tensor(&self, values: Vec<f64>, dims: [usize; D]) -> Tensor<D> {
        let options = (&self.input.device(), self.input.dtype());
        Tensor::from_data(TensorData::new(values, dims), options)
    }

    /// Whether [`furthest`](Self::furthest) gives the very maximum: not for a ball that is cut.
    pub fn is_whole(&self) -> bool {
        let cut = |index: usize| {
            self.lower[index] > self.center[index] - self.radius[index]
                || self.upper[index] < self.center[index] + self.radius[index]
        };
        self.exponent.is_infinite() || !(0..self.center.len()).any(cut)
    }

    /// `max |x|` of each element over the region, `[B, ...]` in `f64`.
    pub fn largest(&self) -> Tensor<D> {
        let ends = self.lower.iter().zip(&self.upper);
        let values: Vec<f64> = ends
            .map(|(lower, upper)| lower.abs().max(upper.abs()))
            .collect();
        let options = (&self.input.device(), DType::F64);
        Tensor::from_data(TensorData::new(values, self.dims), options)
    }

    /// A point of the unit ball of the norm.
    fn direction(&self, kind: usize, size: usize, random: &mut StdRng) -> Vec<f64> {
        if kind == 0 {
            return vec![0.0; size];
        }
        let keep = if kind % 4 == 3 {
            random.random_range(1..=size.min(3))
        } else {
            size
        };
        let mut direction: Vec<f64> = (0..size).map(|_| random.random_range(-1.0..1.0)).collect();
        if kind % 4 != 1 {
            // A corner, or as far as the norm lets all coordinates go alike.
            direction.iter_mut().for_each(|step| *step = step.signum());
        }
        if kind % 8 == 6 {
            // Far along coordinates of different weight: the surface between the corners.
            direction
                .iter_mut()
                .for_each(|step| *step *= random.random_range(0.0..1.0f64));
        }
        if keep < size {
            let kept: Vec<usize> = (0..keep).map(|_| random.random_range(0..size)).collect();
            for (index, step) in direction.iter_mut().enumerate() {
                *step *= f64::from(u8::from(kept.contains(&index)));
            }
        }
        let mut direction = self.on_surface(direction);
        if self.exponent.is_finite() && kind % 4 == 1 {
            let length: f64 = random.random_range(0.0..1.0);
            direction.iter_mut().for_each(|step| *step *= length);
        }
        direction
    }
}

fn exponent(norm: Norm) -> f64 {
    match norm {
        Norm::Linf => f64::INFINITY,
        Norm::L2 => 2.0,
        Norm::L1 => 1.0,
        Norm::Lp(p) => p,
    }
}
