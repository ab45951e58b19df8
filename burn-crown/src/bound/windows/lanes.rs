//! Which rows a pass over windows has for which image.

use burn::tensor::{Int, Tensor, TensorData};

use crate::tensor::AnyTensor;

/// The images of a cropped graph, each with the same number of rows. An image of the whole graph with
/// many open elements has several lanes, one with none has no lane.
pub(super) struct Lanes {
    /// The image of each lane.
    images: Vec<usize>,
    /// The places in the window of the elements that the rows are for, lane by lane; none for a row
    /// that is left over.
    elements: Vec<Option<usize>>,
    /// Whether lanes and images of the whole graph are the same.
    are_images: bool,
}

/// What a lane costs beside its rows, in rows: its windows of what is known.
const LANE: usize = 4;

impl Lanes {
    /// Lanes of `rows` rows for the places in the window of each image's open elements.
    pub(super) fn new(open: &[Vec<usize>], rows: usize) -> Self {
        let mut images = Vec::new();
        let mut elements = Vec::new();
        for (image, places) in open.iter().enumerate() {
            for lane in places.chunks(rows) {
                images.push(image);
                elements.extend((0..rows).map(|row| lane.get(row).copied()));
            }
        }
        Self {
            are_images: images.iter().copied().eq(0..open.len()),
            images,
            elements,
        }
    }

    /// How many rows lanes best have for so many open elements of the images, at most `most`, and
    /// what the pass then costs, in rows.
    pub(super) fn best(open: impl Iterator<Item = usize> + Clone, most: usize) -> (usize, usize) {
        let widest = open.clone().max().unwrap_or(0).max(1);
        let cost = |rows: usize| {
            let lanes: usize = open.clone().map(|count| count.div_ceil(rows)).sum();
            // Each row twice, for both bounds.
            lanes * (2 * rows + LANE)
        };
        (1..=widest.min(PARTS))
            .map(|parts| widest.div_ceil(parts).min(most))
            .map(|rows| (rows, cost(rows)))
            .min_by_key(|&(_, cost)| cost)
            .unwrap_or((1, cost(1)))
    }

    /// Cut into so many lanes at once.
    pub(super) fn chunks(self, lanes: usize) -> impl Iterator<Item = Self> {
        let rows = self.elements.len() / self.images.len().max(1);
        let are_images = self.are_images && self.images.len() <= lanes;
        let images: Vec<Vec<usize>> = self.images.chunks(lanes).map(<[_]>::to_vec).collect();
        let elements: Vec<Vec<_>> = self
            .elements
            .chunks((lanes * rows).max(1))
            .map(<[_]>::to_vec)
            .collect();
        let pairs = images.into_iter().zip(elements);
        pairs.map(move |(images, elements)| Self {
            images,
            elements,
            are_images,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.images.len()
    }

    /// The places `[L, K]` that rows pick in a window of so many elements: for rows that are left
    /// over, one past the last.
    pub(super) fn picked(&self, features: usize, like: &AnyTensor) -> Tensor<2, Int> {
        let elements = self.elements.iter();
        let picked = elements.map(|element| element.unwrap_or(features) as i64);
        let shape = [self.count(), self.elements.len() / self.count()];
        let data = TensorData::new(picked.collect::<Vec<i64>>(), shape);
        Tensor::from_data(data, &like.device().inner())
    }

    /// The rows that are for an element: which row it is, its image, and its place in the window.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let each = self.elements.len() / self.count();
        let rows = self.elements.iter().enumerate();
        rows.filter_map(move |(row, element)| Some((row, self.images[row / each], (*element)?)))
    }

    /// How values of the whole graph become those of the lanes.
    pub(super) fn images(&self, like: &AnyTensor) -> Images {
        let images: Vec<i64> = self.images.iter().map(|&image| image as i64).collect();
        let data = TensorData::new(images, [self.count()]);
        Images((!self.are_images).then(|| Tensor::from_data(data, &like.device().inner())))
    }
}

/// Into how many parts the longest list of open elements may be cut.
const PARTS: usize = 32;

/// The images of lanes; none where they are those of the whole graph.
pub(super) struct Images(Option<Tensor<1, Int>>);

impl Images {
    /// `[B, ...]` to `[L, ...]`.
    pub(super) fn of(&self, x: AnyTensor) -> AnyTensor {
        match &self.0 {
            None => x,
            Some(images) => x.select(0, images.clone()),
        }
    }
}
