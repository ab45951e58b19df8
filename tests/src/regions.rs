//! Random regions, and points inside them.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_crown::testing::RegionPoints;
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

    /// Points `[count · B, ...]` of the region, of every kind.
    pub fn points(&self, count: usize, seed: u64) -> Tensor<D> {
        self.drawn().points(count, seed)
    }

    /// The points `[N·B, ...]` at which the linear functions with these gradients `[N·B, ...]` are
    /// largest over the ball, cut with the range.
    pub fn furthest(&self, gradients: &[f64]) -> Tensor<D> {
        let drawn = self.drawn();
        let batches = gradients.chunks(self.center.len());
        Tensor::cat(
            batches.map(|gradients| drawn.furthest(gradients)).collect(),
            0,
        )
    }

    fn drawn(&self) -> RegionPoints {
        RegionPoints::new(self.input.clone(), &self.perturbation).expect("it is a region")
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
}

fn exponent(norm: Norm) -> f64 {
    match norm {
        Norm::Linf => f64::INFINITY,
        Norm::L2 => 2.0,
        Norm::L1 => 1.0,
        Norm::Lp(p) => p,
    }
}
