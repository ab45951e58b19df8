//! Windows for full CROWN: the neurons at one place of an image depend on a small part of each
//! earlier one, so they are bounded in a graph of these parts.
//!
//! Convolutions, pooling and what works element by element say themselves which part they read, see
//! [`Operator::window`](crate::ops::Operator::window). A form is zero outside its windows: the bounds
//! are those of a pass over the whole graph, but for rounding.

mod crop;
mod lanes;
#[cfg(test)]
mod tests;
mod tiles;

use burn::tensor::{Int, Tensor, TensorData};

use super::BoundConfig;
use super::crown::{bound_elements, rows_of_pass};
use super::intervals::Intervals;
use super::open::Open;
use crate::ops::{Interval, Window};
use crate::tensor::AnyTensor;
use crop::Crop;
use lanes::Lanes;
use tiles::Tiles;

/// What a pass costs beside its rows, in elements of a row.
const PASS: usize = 1 << 14;

/// Bounds `[B, N]` of the open elements of a node, zero elsewhere; none where the node has no
/// windows.
pub(super) fn bound_open(
    known: &Intervals,
    index: usize,
    open: &Open,
    config: &BoundConfig,
) -> Option<Interval> {
    if known.soundness().is_some() {
        return None;
    }
    let tiles = cheapest(known, index, open)?;
    bound_tiles(known, index, &tiles, open, config)
}

/// The tiles whose passes cost least.
fn cheapest(known: &Intervals, index: usize, open: &Open) -> Option<Tiles> {
    let shape = &known.graph.nodes[index].shape;
    let costs = Tiles::sides(shape).into_iter().filter_map(|side| {
        let tiles = Tiles::new(shape, side);
        let elements = Crop::new(known, index, &tiles.middle())?.elements();
        let numbers = tiles.numbers(open);
        let cost = |open: &Vec<usize>| match Lanes::best(open.iter().copied(), usize::MAX) {
            (_, 0) => 0,
            (_, rows) => rows * elements + PASS,
        };
        let cost: usize = numbers.iter().map(cost).sum();
        Some((tiles, cost))
    });
    costs.min_by_key(|(_, cost)| *cost).map(|(tiles, _)| tiles)
}

/// [`bound_open`] by these tiles.
fn bound_tiles(
    known: &Intervals,
    index: usize,
    tiles: &Tiles,
    open: &Open,
    config: &BoundConfig,
) -> Option<Interval> {
    let mut found = Found::default();
    for (tile, places) in tiles.places(open).into_iter().enumerate() {
        if places.iter().all(Vec::is_empty) {
            continue;
        }
        let window = tiles.window(tile);
        let crop = Crop::new(known, index, &window)?;
        found.tile(known, index, &crop, &window, places, config);
    }
    Some(found.bounds(known, open))
}

/// The bounds of rows, pass by pass.
#[derive(Default)]
struct Found {
    /// `[1, K]` each.
    passes: Vec<Interval>,
    /// How many rows there are.
    count: usize,
    /// Which of the rows are for an element.
    rows: Vec<i64>,
    /// The elements, by their places in the features of all images.
    places: Vec<i64>,
}

impl Found {
    /// Bounds the open elements of each image in a tile, `places` in the node's features.
    fn tile(
        &mut self,
        known: &Intervals,
        index: usize,
        crop: &Crop,
        window: &Window,
        places: Vec<Vec<usize>>,
        config: &BoundConfig,
    ) {
        let shape = &known.graph.nodes[index].shape;
        let inside: Vec<Vec<usize>> = (places.iter())
            .map(|places| places.iter().map(|&at| window.place(at, shape)).collect())
            .collect();
        // Each row twice, for both bounds.
        let most = rows_of_pass(crop.graph(), crop.target(), config, known.like()) / 2;
        let most = most.max(1);
        let (rows, _) = Lanes::best(places.iter().map(Vec::len), most);
        let features = known.graph.features(index);
        let all: Vec<usize> = window.places(shape).collect();
        for lanes in Lanes::new(&inside, rows).chunks((most / rows).max(1)) {
            let cropped = crop.known(known, &lanes);
            let picked = lanes.picked(all.len(), known.like());
            let bounds = bound_elements(&cropped, crop.target(), picked, config);
            let bounds = bounds.map(|bound| {
                let count = bound.shape().iter().product();
                bound.reshape(&[1, count])
            });
            for (row, image, place) in lanes.rows() {
                self.rows.push((self.count + row) as i64);
                self.places.push((image * features + all[place]) as i64);
            }
            self.count += bounds.lower.shape()[1];
            self.passes.push(bounds);
        }
    }

    /// The bounds at their elements `[B, N]`.
    fn bounds(self, known: &Intervals, open: &Open) -> Interval {
        let device = known.like().device().inner();
        let count = self.rows.len();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(self.rows, [count]), &device);
        let places = TensorData::new(self.places, [1, count]);
        let places = Tensor::<2, Int>::from_data(places, &device);
        let shape = [open.images.len(), open.features];
        let zeros = AnyTensor::zeros(&[1, shape[0] * shape[1]], known.like());
        let (lower, upper) = (self.passes.into_iter())
            .map(|bounds| (bounds.lower, bounds.upper))
            .unzip();
        let join = |passes: Vec<AnyTensor>| {
            let bounds = AnyTensor::cat(passes, 1).select(1, rows.clone());
            let placed = zeros.clone().scatter_add(places.clone(), bounds);
            placed.reshape(&shape)
        };
        Interval {
            lower: join(lower),
            upper: join(upper),
        }
    }
}
