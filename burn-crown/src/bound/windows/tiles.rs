//! A node cut into tiles.

use crate::bound::open::Open;
use crate::ops::Window;

/// The image dims of a node `[B, C, ...]` cut into tiles of one side, with all channels.
pub(super) struct Tiles {
    /// The channels; none for a node without features.
    channels: Option<usize>,
    /// The size of each image dim, and how many tiles there are along it.
    dims: Vec<(usize, usize)>,
    side: usize,
}

impl Tiles {
    pub(super) fn new(shape: &[usize], side: usize) -> Self {
        let sizes = shape.iter().skip(2);
        Self {
            channels: shape.get(1).copied(),
            dims: sizes.map(|&size| (size, size.div_ceil(side))).collect(),
            side,
        }
    }

    /// The sides that tiles of a node may have, up to that of a tile of all of it.
    pub(super) fn sides(shape: &[usize]) -> Vec<usize> {
        let longest = shape.iter().skip(2).copied().max().unwrap_or(1);
        let powers = std::iter::successors(Some(1), |side| Some(side * 2));
        let mut sides: Vec<usize> = powers.take_while(|&side| side < longest).collect();
        sides.push(longest);
        sides
    }

    pub(super) fn count(&self) -> usize {
        self.dims.iter().map(|(_, count)| count).product()
    }

    /// The window of a tile.
    pub(super) fn window(&self, tile: usize) -> Window {
        let mut left = tile;
        let dims = self.dims.iter().rev();
        let mut ranges: Vec<(usize, usize)> = dims
            .map(|&(size, count)| {
                let start = left % count * self.side;
                left /= count;
                (start, (start + self.side).min(size))
            })
            .collect();
        ranges.extend(self.channels.map(|channels| (0, channels)));
        ranges.reverse();
        Window::new(ranges)
    }

    /// The tile in the middle, none of which is larger.
    pub(super) fn middle(&self) -> Window {
        let dims = self.dims.iter();
        let middle = dims.fold(0, |tile, (_, count)| tile * count + count / 2);
        self.window(middle)
    }

    /// The tile of an element, by its place in the node's flattened features.
    fn tile_of(&self, mut place: usize) -> usize {
        let mut tile = 0;
        let mut stride = 1;
        for &(size, count) in self.dims.iter().rev() {
            tile += place % size / self.side * stride;
            stride *= count;
            place /= size;
        }
        tile
    }

    /// How many open elements each image has in each tile, tile by tile.
    pub(super) fn numbers(&self, open: &Open) -> Vec<Vec<usize>> {
        let mut numbers = vec![vec![0; open.images.len()]; self.count()];
        for (image, places) in open.images.iter().enumerate() {
            for &place in places {
                numbers[self.tile_of(place)][image] += 1;
            }
        }
        numbers
    }

    /// The places of each image's open elements, tile by tile.
    pub(super) fn places(&self, open: &Open) -> Vec<Vec<Vec<usize>>> {
        let mut tiles = vec![vec![Vec::new(); open.images.len()]; self.count()];
        for (image, places) in open.images.iter().enumerate() {
            for &place in places {
                tiles[self.tile_of(place)][image].push(place);
            }
        }
        tiles
    }
}
