//! Where the elements of row-major tensors are.

/// The places of a tensor's elements.
pub(super) struct Places {
    shape: Vec<usize>,
}

impl Places {
    pub(super) fn new(shape: Vec<usize>) -> Self {
        Self { shape }
    }

    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    pub(super) fn size(&self, dim: usize) -> usize {
        self.shape[dim]
    }

    pub(super) fn coordinates(&self, element: usize) -> Vec<usize> {
        let mut rest = element;
        let mut coordinates = vec![0; self.shape.len()];
        for (coordinate, &size) in coordinates.iter_mut().zip(&self.shape).rev() {
            *coordinate = rest % size;
            rest /= size;
        }
        coordinates
    }

    pub(super) fn element(&self, coordinates: &[usize]) -> usize {
        let dims = self.shape.iter().zip(coordinates);
        dims.fold(0, |element, (&size, &at)| element * size + at)
    }

    /// The element that is broadcast to a place of a larger tensor, whose last dims it meets.
    pub(super) fn broadcast(&self, coordinates: &[usize]) -> usize {
        let skipped = coordinates.len() - self.shape.len();
        let dims = self.shape.iter().zip(&coordinates[skipped..]);
        let own: Vec<usize> = dims
            .map(|(&size, &at)| if size == 1 { 0 } else { at })
            .collect();
        self.element(&own)
    }
}

/// For each element of `out`, those of two tensors that are broadcast to it.
pub(super) fn meets(left: &[usize], right: &[usize], out: &[usize]) -> Vec<[usize; 2]> {
    let [left, right, out] = [left, right, out].map(|shape| Places::new(shape.to_vec()));
    (0..out.count())
        .map(|element| {
            let at = out.coordinates(element);
            [left.broadcast(&at), right.broadcast(&at)]
        })
        .collect()
}

/// For each element that is left when dims are reduced to 1, the elements that it is made of.
pub(super) fn along(shape: &[usize], dims: &[usize]) -> Vec<Vec<usize>> {
    let input = Places::new(shape.to_vec());
    let mut reduced = shape.to_vec();
    for &dim in dims {
        reduced[dim] = 1;
    }
    let reduced = Places::new(reduced);
    let mut members = vec![Vec::new(); reduced.count()];
    for element in 0..input.count() {
        members[reduced.broadcast(&input.coordinates(element))].push(element);
    }
    members
}

/// How a window of pooling moves along a dim.
pub(super) struct Window {
    size: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Window {
    pub(super) fn new(size: usize, stride: usize, padding: usize, dilation: usize) -> Self {
        Self {
            size,
            stride,
            padding,
            dilation,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What the window at a position holds of a dim of `length`.
    fn holds(&self, position: usize, length: usize) -> Vec<usize> {
        (0..self.size)
            .filter_map(|at| {
                (position * self.stride + at * self.dilation).checked_sub(self.padding)
            })
            .filter(|&at| at < length)
            .collect()
    }
}

/// For each element of `out`, the elements of `input` in its window over the dims after the
/// channels, `[1, C, ...]`.
pub(super) fn windows(input: &[usize], out: &[usize], windows: &[Window]) -> Vec<Vec<usize>> {
    let [from, to] = [input, out].map(|shape| Places::new(shape.to_vec()));
    (0..to.count())
        .map(|element| {
            let at = to.coordinates(element);
            let mut members = vec![at[..2].to_vec()];
            for (dim, window) in windows.iter().enumerate() {
                let held = window.holds(at[2 + dim], input[2 + dim]);
                members = members
                    .iter()
                    .flat_map(|head| {
                        held.iter()
                            .map(move |&at| [head.as_slice(), &[at]].concat())
                    })
                    .collect();
            }
            members.iter().map(|at| from.element(at)).collect()
        })
        .collect()
}
