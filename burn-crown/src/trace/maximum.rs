//! Maxima and minima: over a dim, of two values, and over windows.

use burn::backend::ir::TensorIr;

use super::composite::{Binary, Composite, Makers, View};
use super::emit::{apply, plain};
use super::lower::{Layout, Lowering, Value};
use crate::ops::{Add, Maximum, Neg, Pick, Refusal, Relu, Sub};

/// Which end of several values.
pub(super) enum Extreme {
    Max,
    Min,
}

/// The maxima over a dim, or the minima: the negated maxima of the negated values.
pub(super) fn extreme(
    graph: &mut Lowering,
    which: Extreme,
    [input, out]: [&TensorIr; 2],
    dim: usize,
) -> Result<(), Refusal> {
    let node = plain(graph, input)?;
    match which {
        Extreme::Max => apply(graph, Maximum { dim }, vec![node], out),
        Extreme::Min => {
            let shape = graph.shape(node).to_vec();
            let negated = graph.apply(Neg, vec![node], shape)?;
            let largest = graph.apply(Maximum { dim }, vec![negated], out.shape.to_vec())?;
            apply(graph, Neg, vec![largest], out)
        }
    }
}

/// Refuses an operator whose second output, the places of the extremes, is read.
pub(super) fn without_places(graph: &Lowering, places: &TensorIr) -> Result<(), Refusal> {
    if graph.is_read(places) {
        return Err(Refusal::unsupported(
            "the places of its extremes are read, and they jump as the input moves",
        ));
    }
    Ok(())
}

/// The largest or smallest of all elements.
pub(super) fn of_everything(graph: &Lowering, input: &TensorIr) -> Refusal {
    if graph.is_perturbed(graph.value(input).node) {
        Refusal::mixes_batch("it takes an extreme over the batch")
    } else {
        Refusal::unsupported("only extremes over one dim are supported")
    }
}

/// The larger or the smaller of two values, which Burn makes of `Lower(a, b)` and
/// `MaskWhere(a, mask, b)` or `MaskWhere(b, mask, a)`.
pub(super) fn of_pair<'a>(makers: &Makers<'a>, out: &TensorIr) -> Option<Composite<'a>> {
    let View::MaskWhere {
        tensor,
        mask,
        value,
    } = makers.view(out)?
    else {
        return None;
    };
    let View::Binary(Binary::Lower, lower, than) = makers.view(mask)? else {
        return None;
    };
    let larger = (lower.id, than.id) == (tensor.id, value.id);
    let smaller = (lower.id, than.id) == (value.id, tensor.id);
    (larger || smaller).then(|| Composite {
        reads: vec![tensor, value],
        emit: Box::new(move |graph, out| pair(graph, [tensor, value], larger, out)),
    })
}

/// `b + max(a − b, 0)` or `b − max(b − a, 0)`.
fn pair(
    graph: &mut Lowering,
    [a, b]: [&TensorIr; 2],
    larger: bool,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let (a, b) = (graph.value(a), graph.value(b));
    let (shape, layout) = common(graph, [a, b], out)?;
    let terms = if larger { [a, b] } else { [b, a] };
    let terms = terms.map(|value| value.node).to_vec();
    let difference = graph.apply(Sub, terms, shape.clone())?;
    let excess = graph.apply(Relu, vec![difference], shape.clone())?;
    let node = if larger {
        graph.apply(Add, vec![b.node, excess], shape)?
    } else {
        graph.apply(Sub, vec![b.node, excess], shape)?
    };
    graph.define(out, node, layout);
    Ok(())
}

/// The shape and layout of a result of two values, element by element.
fn common(
    graph: &Lowering,
    [a, b]: [Value; 2],
    out: &TensorIr,
) -> Result<(Vec<usize>, Layout), Refusal> {
    if a.layout == Layout::Plain && b.layout == Layout::Plain {
        return Ok((out.shape.to_vec(), Layout::Plain));
    }
    let shape = graph.shape(a.node);
    if a.layout != b.layout || shape != graph.shape(b.node) {
        return Err(Refusal::mixes_batch(
            "its operands merge the batch with different dims",
        ));
    }
    Ok((shape.to_vec(), a.layout))
}

/// The windows of a pooling, along one dim.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Windows {
    /// Those along each dim.
    pub(super) fn of<const N: usize>(
        kernel: [usize; N],
        stride: [usize; N],
        padding: [usize; N],
        dilation: [usize; N],
    ) -> [Self; N] {
        std::array::from_fn(|dim| Self {
            kernel: kernel[dim],
            stride: stride[dim],
            padding: padding[dim],
            dilation: dilation[dim],
        })
    }

    /// The places of one window in a dim of `size`. A place in the padding, whose value is below all
    /// others, gives way to one inside the window.
    fn places(&self, window: usize, size: usize) -> Option<Vec<usize>> {
        let place = |tap: usize| {
            let place = (window * self.stride + tap * self.dilation).checked_sub(self.padding);
            place.filter(|&place| place < size)
        };
        let inside = (0..self.kernel).find_map(place)?;
        Some(
            (0..self.kernel)
                .map(|tap| place(tap).unwrap_or(inside))
                .collect(),
        )
    }
}

/// Max pooling of `[B, C, ...]` over as many dims as there are windows.
pub(super) fn max_pool(
    graph: &mut Lowering,
    windows: &[Windows],
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let node = plain(graph, input)?;
    let (size, pooled) = (input.shape.to_vec(), out.shape.to_vec());
    // The windows' places in one channel, one window after the other.
    let mut places = vec![vec![0]];
    for (dim, along) in windows.iter().enumerate() {
        let (size, count) = (size[dim + 2], pooled[dim + 2]);
        let each = (0..count).map(|window| along.places(window, size));
        let each: Vec<_> = each.collect::<Option<_>>().ok_or_else(|| {
            Refusal::unsupported("a window lies in the padding, where there is no maximum")
        })?;
        let inner = |outer: &Vec<usize>| {
            let outer = outer.clone();
            each.iter().map(move |along| {
                let rows = outer.iter().map(|row| row * size);
                rows.flat_map(|row| along.iter().map(move |place| row + place))
                    .collect::<Vec<_>>()
            })
        };
        places = places.iter().flat_map(inner).collect();
    }
    let area: usize = size[2..].iter().product();
    let channels = (0..size[1]).map(|channel| channel * area);
    let indices = channels
        .flat_map(|start| places.iter().flatten().map(move |place| start + place))
        .collect();
    let taps: usize = windows.iter().map(|along| along.kernel).product();
    let features = [&pooled[1..], &[taps]].concat();
    let with = |last: usize| [&pooled, &[last][..]].concat();
    let picked = graph.apply(Pick::new(vec![indices], features), vec![node], with(taps))?;
    let dim = pooled.len();
    let largest = graph.apply(Maximum { dim }, vec![picked], with(1))?;
    let node = graph.reshape(largest, pooled)?;
    graph.define(out, node, Layout::Plain);
    Ok(())
}
