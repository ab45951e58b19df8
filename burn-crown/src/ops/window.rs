//! Parts of an operator's output, and what they are made of.

use std::sync::Arc;

use super::Operator;
use crate::tensor::AnyTensor;

/// A box of the elements of a tensor `[B, ...]`: a range `start..end` of each dim behind the batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    ranges: Vec<(usize, usize)>,
}

impl Window {
    /// The ranges of the dims behind the batch.
    pub(crate) fn new(ranges: Vec<(usize, usize)>) -> Self {
        Self { ranges }
    }

    /// All elements of a tensor of `shape`.
    pub(crate) fn whole(shape: &[usize]) -> Self {
        Self::new(shape.iter().skip(1).map(|&size| (0, size)).collect())
    }

    /// Whether it is all of a tensor of `shape`.
    pub(crate) fn is_whole(&self, shape: &[usize]) -> bool {
        *self == Self::whole(shape)
    }

    /// Whether it is all of a dim of that size.
    pub(super) fn has_all_of(&self, dim: usize, size: usize) -> bool {
        self.range(dim) == (0, size)
    }

    /// The range of a dim, counted with the batch.
    pub(super) fn range(&self, dim: usize) -> (usize, usize) {
        self.ranges[dim - 1]
    }

    /// The number of dims, with the batch.
    pub(super) fn rank(&self) -> usize {
        self.ranges.len() + 1
    }

    /// The same with another range of a dim, counted with the batch.
    pub(super) fn with(mut self, dim: usize, range: (usize, usize)) -> Self {
        self.ranges[dim - 1] = range;
        self
    }

    /// The places of its elements in the flattened features of a tensor of `shape`, in order.
    pub(crate) fn places(&self, shape: &[usize]) -> impl Iterator<Item = usize> {
        let sizes = &shape[1..];
        let mut places = vec![0];
        for (&(start, end), size) in self.ranges.iter().zip(sizes) {
            let of_dim = |place: usize| (start..end).map(move |at| place * size + at);
            places = places.into_iter().flat_map(of_dim).collect();
        }
        places.into_iter()
    }

    /// The smallest window of a tensor of `shape` that holds some places in its flattened features;
    /// none for no place.
    pub(super) fn around(places: &[usize], shape: &[usize]) -> Option<Self> {
        let point = |&place: &usize| Self::at(place, shape);
        places
            .iter()
            .map(point)
            .reduce(|hull, point| hull.hull(&point))
    }

    /// The window of one element, by its place in flattened features.
    fn at(mut place: usize, shape: &[usize]) -> Self {
        let mut ranges: Vec<_> = shape[1..]
            .iter()
            .rev()
            .map(|size| {
                let at = place % size;
                place /= size;
                (at, at + 1)
            })
            .collect();
        ranges.reverse();
        Self::new(ranges)
    }

    /// Where in the window's flattened features an element of it is, by its place in those of a
    /// tensor of `shape`.
    pub(crate) fn place(&self, place: usize, shape: &[usize]) -> usize {
        let point = Self::at(place, shape);
        let pairs = point.ranges.iter().zip(&self.ranges);
        pairs.fold(0, |sum, (point, own)| {
            sum * (own.1 - own.0) + point.0 - own.0
        })
    }

    /// The smallest window that holds both.
    pub(crate) fn hull(&self, other: &Self) -> Self {
        let pairs = self.ranges.iter().zip(&other.ranges);
        Self::new(
            pairs
                .map(|(own, other)| (own.0.min(other.0), own.1.max(other.1)))
                .collect(),
        )
    }

    /// The shape of the part, for so many images.
    pub(crate) fn shape(&self, images: usize) -> Vec<usize> {
        let sizes = self.ranges.iter().map(|(start, end)| end - start);
        std::iter::once(images).chain(sizes).collect()
    }

    /// The same elements as a window of the elements in `outer`, which holds them.
    pub(crate) fn inside(&self, outer: &Self) -> Self {
        let pairs = self.ranges.iter().zip(&outer.ranges);
        Self::new(
            pairs
                .map(|(own, outer)| (own.0 - outer.0, own.1 - outer.0))
                .collect(),
        )
    }

    /// The part of a tensor.
    pub(crate) fn of(&self, x: AnyTensor) -> AnyTensor {
        let shape = x.shape();
        if self.is_whole(&shape) {
            return x;
        }
        let ranges: Vec<_> = std::iter::once((0, shape[0]))
            .chain(self.ranges.iter().copied())
            .collect();
        x.slice(&ranges)
    }
}

/// What makes a part of an operator's output.
pub(crate) struct Windowed {
    /// The operator that makes the part; none where the same one does.
    pub(crate) operator: Option<Arc<dyn Operator>>,
    /// The part of each operand that it reads; none for one without a batch, which is read as it is.
    pub(crate) operands: Vec<Option<Window>>,
}

impl Windowed {
    /// Made by the same operator.
    pub(super) fn same(operands: Vec<Option<Window>>) -> Self {
        Self {
            operator: None,
            operands,
        }
    }

    /// Made by another operator.
    pub(super) fn by(operator: impl Operator + 'static, operands: Vec<Option<Window>>) -> Self {
        Self {
            operator: Some(Arc::new(operator)),
            operands,
        }
    }

    /// For an operator that works element by element on operands that broadcast: each is read at the
    /// same place.
    pub(super) fn element_wise(window: &Window, operands: &[&[usize]]) -> Option<Self> {
        let part = |shape: &&[usize]| {
            let rank = shape.len();
            let read = (1..rank).map(|dim| match shape[dim] {
                1 => (0, 1),
                _ => window.range(dim),
            });
            (rank == window.rank()).then(|| Some(Window::new(read.collect())))
        };
        Some(Self::same(
            operands.iter().map(part).collect::<Option<_>>()?,
        ))
    }

    /// For an operator that makes all of its output of all of its operands, with the batch first.
    pub(super) fn whole(window: &Window, output: &[usize], operands: &[&[usize]]) -> Option<Self> {
        let all = operands.iter().map(|shape| Some(Window::whole(shape)));
        window.is_whole(output).then(|| Self::same(all.collect()))
    }
}
