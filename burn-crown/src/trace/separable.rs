//! Operators that are a product with a constant matrix along one dim after another.

use burn::backend::ir::{InterpolateModeIr, InterpolateOpIr, TensorIr};
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::tensor::{TensorData, read_sync};
use burn_flex::{Flex, FlexDevice, FlexTensor};

use super::emit::plain;
use super::lower::{Layout, Lowering};
use crate::ops::{Matmul, Permute, Refusal};

/// A matrix `[from, to]`, by rows.
struct Matrix {
    values: Vec<f64>,
    from: usize,
    to: usize,
}

impl Matrix {
    /// What an operator on images does along their height, from its result on `from` images that
    /// are one wide, each with a single 1.
    fn of_images(from: usize, to: usize, operator: impl Fn(FlexTensor) -> FlexTensor) -> Self {
        let unit = |at: usize| f64::from(u8::from(at / from == at % from));
        let images: Vec<f64> = (0..from * from).map(unit).collect();
        let images = TensorData::new(images, [from, 1, from, 1]);
        let result = operator(Flex::float_from_data(images, &FlexDevice));
        let result = read_sync(Flex::float_into_data(result));
        let values = result.expect("a value in memory can be read");
        Self {
            values: values.iter::<f64>().collect(),
            from,
            to,
        }
    }

    /// Sums of all elements up to each.
    fn cumulative(size: usize) -> Self {
        let entry = |at: usize| f64::from(u8::from(at / size <= at % size));
        Self {
            values: (0..size * size).map(entry).collect(),
            from: size,
            to: size,
        }
    }
}

/// The product with a matrix along a dim.
fn product_along(
    graph: &mut Lowering,
    node: usize,
    dim: usize,
    matrix: Matrix,
) -> Result<usize, Refusal> {
    let mut shape = graph.shape(node).to_vec();
    let rank = shape.len();
    if rank < 2 {
        return Err(Refusal::unsupported(
            "it needs a tensor of two dims or more",
        ));
    }
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(dim, rank - 1);
    let is_last = dim + 1 == rank;
    shape.swap(dim, rank - 1);
    let mut node = node;
    if !is_last {
        let axes = axes.clone();
        node = graph.apply(Permute { axes }, vec![node], shape.clone())?;
    }
    let mut matrix_shape = vec![1; rank - 2];
    matrix_shape.extend([matrix.from, matrix.to]);
    let right = graph.add_constant(TensorData::new(matrix.values, matrix_shape));
    shape[rank - 1] = matrix.to;
    node = graph.apply(Matmul, vec![node, right], shape.clone())?;
    if !is_last {
        shape.swap(dim, rank - 1);
        node = graph.apply(Permute { axes }, vec![node], shape)?;
    }
    Ok(node)
}

pub(super) fn cumulative_sum(
    graph: &mut Lowering,
    input: &TensorIr,
    dim: usize,
    out: &TensorIr,
) -> Result<(), Refusal> {
    let node = plain(graph, input)?;
    if dim == 0 && graph.is_perturbed(node) {
        return Err(Refusal::mixes_batch("it sums over the batch"));
    }
    let matrix = Matrix::cumulative(input.shape[dim]);
    let node = product_along(graph, node, dim, matrix)?;
    graph.define(out, node, Layout::Plain);
    Ok(())
}

/// Average pooling to a given size, over all dims after the channels.
pub(super) fn adaptive_avg_pool(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
) -> Result<(), Refusal> {
    resize(graph, input, out, Flex::adaptive_avg_pool2d)
}

/// A linear or cubic interpolation.
pub(super) fn interpolate(graph: &mut Lowering, op: &InterpolateOpIr) -> Result<(), Refusal> {
    if !matches!(
        op.options.mode,
        InterpolateModeIr::Bilinear | InterpolateModeIr::Bicubic
    ) {
        return Err(Refusal::unsupported(
            "only bilinear and bicubic interpolation are supported",
        ));
    }
    resize(graph, &op.x, &op.out, |images, size| {
        Flex::interpolate(images, size, op.options.clone().into())
    })
}

fn resize(
    graph: &mut Lowering,
    input: &TensorIr,
    out: &TensorIr,
    resized: impl Fn(FlexTensor, [usize; 2]) -> FlexTensor,
) -> Result<(), Refusal> {
    graph.rewrites();
    let mut node = plain(graph, input)?;
    for dim in 2..input.shape.num_dims() {
        let (from, to) = (input.shape[dim], out.shape[dim]);
        let matrix = Matrix::of_images(from, to, |images| resized(images, [to, 1]));
        node = product_along(graph, node, dim, matrix)?;
    }
    graph.define(out, node, Layout::Plain);
    Ok(())
}
