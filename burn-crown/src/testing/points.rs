//! The points of an input's region, by the definition of its perturbation.

use burn::tensor::{Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::ball::{direction, dual_direction};
use crate::bound::Input;
use crate::error::BoundError;
use crate::perturbation::{Norm, Perturbation, RegionShape};
use crate::tensor::AnyTensor;

/// Draws points of the region around an input.
///
/// It goes by the definition of the [`Perturbation`] alone, and not by what the bound methods make
/// of it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_crown::{Perturbation, testing::RegionPoints};
///
/// let x = Tensor::<2>::ones([3, 4], &Device::flex());
/// let region = RegionPoints::new(x, &Perturbation::l2(0.5))?;
/// let points: Tensor<2> = region.points(10, 7);
/// assert_eq!(points.dims(), [30, 4]);
/// # Ok::<(), burn_crown::BoundError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RegionPoints {
    /// Of the type, the shape and on the device of the input.
    like: AnyTensor,
    center: Vec<f64>,
    set: Set,
}

#[derive(Clone, Debug)]
enum Set {
    /// The input alone.
    Fixed,
    /// `lower ≤ x ≤ upper` and `‖(x − center) / radius‖_p ≤ 1`; for an infinite `p` the box alone.
    Ball {
        exponent: f64,
        radius: Vec<f64>,
        lower: Vec<f64>,
        upper: Vec<f64>,
    },
    /// At most `changes` rows of `width` replaced by one of `count` candidates `[B, T, count, width]`.
    Substitution {
        candidates: Vec<f64>,
        count: usize,
        width: usize,
        changes: usize,
    },
}

impl RegionPoints {
    /// The points around `input` `[B, ...]`.
    ///
    /// # Errors
    ///
    /// If the perturbation describes no region around the input, or one without finite ends.
    pub fn new<const D: usize>(
        input: Tensor<D>,
        perturbation: &Perturbation,
    ) -> Result<Self, BoundError> {
        Self::of(&Input::perturbed(input, perturbation.clone()))
    }

    pub(super) fn of(input: &Input) -> Result<Self, BoundError> {
        input.region()?;
        let like = input.value().clone().without_autodiff();
        let center = like.clone().values();
        let set = match input.perturbation() {
            Some(perturbation) => Set::new(perturbation, &like.shape(), &center),
            None => Set::Fixed,
        };
        if !(set.is_finite() && (matches!(set, Set::Fixed) || center.iter().all(|x| x.is_finite())))
        {
            return Err(BoundError::Perturbation(
                "the input or an end of its region is infinite or not a number, so there are no \
                 points to draw; give a region of finite numbers"
                    .into(),
            ));
        }
        Ok(Self { like, center, set })
    }

    /// The points `[1, ...]` around a parameter, which all images share.
    pub(super) fn of_parameter(value: &AnyTensor, perturbation: &Perturbation) -> Self {
        let shape = value.shape();
        let like = value.clone().without_autodiff();
        let center = like.clone().values();
        Self {
            like: like.reshape(&[&[1], shape.as_slice()].concat()),
            set: Set::new(perturbation, &shape, &center),
            center,
        }
    }

    /// Points `[count · B, ...]`: of each image the input itself, as far as it lies in the region,
    /// and then, in turn, random points, corners, points on the surface, and points that differ
    /// from the input in few elements.
    ///
    /// # Panics
    ///
    /// If the input has another rank than `D`.
    pub fn points<const D: usize>(&self, count: usize, seed: u64) -> Tensor<D> {
        let mut random = StdRng::seed_from_u64(seed);
        let points = (0..count).map(|kind| self.tensor(self.point(kind, &mut random)));
        AnyTensor::cat(points.collect(), 0).into_tensor()
    }

    /// The points `[B, ...]` at which the linear functions with these gradients `[B, ...]` are
    /// largest, up to the cut of a ball with a valid range.
    ///
    /// # Panics
    ///
    /// If the input has another rank than `D`, or the number of gradients differs from its
    /// elements.
    pub fn furthest<const D: usize>(&self, gradients: &[f64]) -> Tensor<D> {
        assert_eq!(
            gradients.len(),
            self.center.len(),
            "a gradient for each element"
        );
        self.tensor(self.furthest_point(gradients)).into_tensor()
    }

    pub(super) fn tensor(&self, point: Vec<f64>) -> AnyTensor {
        AnyTensor::from_data_like(TensorData::new(point, self.like.shape()), &self.like)
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.like.shape()
    }

    /// The elements of one image.
    pub(super) fn image_size(&self) -> usize {
        self.like.shape()[1..].iter().product()
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.set, Set::Fixed)
    }

    /// The point of each image with `share` of the way from `from` to `to`: one of the region where
    /// it is convex, else one of the two.
    pub(super) fn between(&self, from: &[f64], to: &[f64], share: f64) -> Vec<f64> {
        let share = match self.set {
            Set::Substitution { .. } => share.round(),
            Set::Fixed | Set::Ball { .. } => share,
        };
        let ends = from.iter().zip(to);
        ends.map(|(from, to)| from * (1.0 - share) + to * share)
            .collect()
    }

    /// A point of each image, of one of several kinds in turn.
    pub(super) fn point(&self, kind: usize, random: &mut StdRng) -> Vec<f64> {
        let size = self.image_size();
        match &self.set {
            Set::Fixed => self.center.clone(),
            Set::Ball { exponent, .. } => {
                let images = self.center.len() / size;
                let steps = (0..images).flat_map(|_| direction(kind, size, *exponent, random));
                let steps: Vec<f64> = steps.collect();
                steps
                    .into_iter()
                    .enumerate()
                    .map(|(at, step)| self.at(at, step))
                    .collect()
            }
            Set::Substitution {
                count,
                width,
                changes,
                ..
            } => {
                let rows = size / width;
                let limit = (*changes).min(rows);
                let mut point = self.center.clone();
                for image in 0..self.center.len() / size {
                    let changed = match kind {
                        0 => 0,
                        _ if kind % 2 == 1 => limit,
                        _ => random.random_range(0..=limit),
                    };
                    for _ in 0..changed {
                        let row = image * rows + random.random_range(0..rows);
                        self.replace(&mut point, row, random.random_range(0..*count));
                    }
                }
                point
            }
        }
    }

    /// See [`furthest`](Self::furthest).
    pub(super) fn furthest_point(&self, gradients: &[f64]) -> Vec<f64> {
        let size = self.image_size();
        match &self.set {
            Set::Fixed => self.center.clone(),
            Set::Ball { exponent, .. } => {
                let mut point = Vec::with_capacity(self.center.len());
                for (image, gradient) in gradients.chunks(size).enumerate() {
                    let gains: Vec<f64> = (image * size..)
                        .zip(gradient)
                        .map(|(at, gradient)| gradient * self.reach(at))
                        .collect();
                    let steps = dual_direction(&gains, *exponent);
                    let places = image * size..;
                    point.extend(places.zip(steps).map(|(at, step)| self.at(at, step)));
                }
                point
            }
            Set::Substitution {
                candidates,
                count,
                width,
                changes,
            } => {
                let rows = size / width;
                let mut point = self.center.clone();
                for image in 0..self.center.len() / size {
                    let mut best: Vec<(f64, usize, usize)> = (image * rows..(image + 1) * rows)
                        .map(|row| {
                            let gain = |candidate: usize| -> f64 {
                                let from = (row * count + candidate) * width;
                                let here = row * width..(row + 1) * width;
                                here.zip(&candidates[from..])
                                    .map(|(at, value)| gradients[at] * (value - self.center[at]))
                                    .sum()
                            };
                            let gains =
                                (0..*count).map(|candidate| (gain(candidate), row, candidate));
                            gains.fold(
                                (0.0, row, 0),
                                |best, next| {
                                    if next.0 > best.0 { next } else { best }
                                },
                            )
                        })
                        .filter(|(gain, ..)| *gain > 0.0)
                        .collect();
                    best.sort_by(|left, right| right.0.total_cmp(&left.0));
                    for &(_, row, candidate) in best.iter().take(*changes) {
                        self.replace(&mut point, row, candidate);
                    }
                }
                point
            }
        }
    }

    fn replace(&self, point: &mut [f64], row: usize, candidate: usize) {
        if let Set::Substitution {
            candidates,
            count,
            width,
            ..
        } = &self.set
        {
            let from = (row * count + candidate) * width;
            point[row * width..(row + 1) * width].copy_from_slice(&candidates[from..from + width]);
        }
    }

    /// The value of an element at a step of −1 to 1 of its reach.
    fn at(&self, index: usize, step: f64) -> f64 {
        let Set::Ball {
            exponent,
            lower,
            upper,
            ..
        } = &self.set
        else {
            return self.center[index];
        };
        let middle = match exponent.is_infinite() {
            true => (lower[index] + upper[index]) / 2.0,
            false => self.center[index],
        };
        (middle + self.reach(index) * step).clamp(lower[index], upper[index])
    }

    fn reach(&self, index: usize) -> f64 {
        match &self.set {
            Set::Ball {
                exponent,
                lower,
                upper,
                ..
            } if exponent.is_infinite() => (upper[index] - lower[index]) / 2.0,
            Set::Ball { radius, .. } => radius[index],
            Set::Fixed | Set::Substitution { .. } => 0.0,
        }
    }
}

impl Set {
    /// Whether its ends are finite; candidates always are.
    fn is_finite(&self) -> bool {
        match self {
            Self::Ball { lower, upper, .. } => lower.iter().chain(upper).all(|end| end.is_finite()),
            Self::Fixed | Self::Substitution { .. } => true,
        }
    }

    fn new(perturbation: &Perturbation, shape: &[usize], center: &[f64]) -> Self {
        let inner: usize = shape.iter().skip(2).product();
        // One value for all, or one a channel.
        let of_channel = |values: &[f64], index: usize| match values {
            [value] => *value,
            _ => values[index / inner % values.len()],
        };
        let (mut set_lower, mut set_upper): (Vec<f64>, Vec<f64>);
        let (exponent, radius);
        match &perturbation.shape {
            RegionShape::Substitution {
                candidates,
                changes,
            } => {
                let given = candidates.shape();
                return Self::Substitution {
                    candidates: candidates.as_ref().clone().values(),
                    count: given[2],
                    width: given[3],
                    changes: *changes,
                };
            }
            RegionShape::Between(interval) => {
                (set_lower, set_upper) = (
                    interval.lower.clone().values(),
                    interval.upper.clone().values(),
                );
                (exponent, radius) = (f64::INFINITY, vec![0.0; center.len()]);
            }
            RegionShape::Ball { norm, radius: size } => {
                let scale = |index| match &perturbation.scale {
                    Some(scale) => of_channel(scale, index),
                    None => 1.0,
                };
                radius = (0..center.len()).map(|index| size * scale(index)).collect();
                let ends = center.iter().zip(&radius);
                (set_lower, set_upper) = ends
                    .map(|(center, radius): (&f64, &f64)| (center - radius, center + radius))
                    .unzip();
                exponent = match norm {
                    Norm::Linf => f64::INFINITY,
                    Norm::L2 => 2.0,
                    Norm::L1 => 1.0,
                    Norm::Lp(p) => *p,
                };
            }
        }
        if let Some((lower, upper)) = &perturbation.range {
            let is_ball = matches!(perturbation.shape, RegionShape::Ball { .. });
            for index in 0..center.len() {
                let (mut low, mut high) = (of_channel(lower, index), of_channel(upper, index));
                if is_ball {
                    // Rounding may have put the input just outside its range.
                    (low, high) = (low.min(center[index]), high.max(center[index]));
                }
                set_lower[index] = set_lower[index].max(low);
                set_upper[index] = set_upper[index].min(high);
            }
        }
        Self::Ball {
            exponent,
            radius,
            lower: set_lower,
            upper: set_upper,
        }
    }
}
