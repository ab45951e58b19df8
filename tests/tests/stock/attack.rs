//! Points at which outputs are far from their value at the input.

use burn::tensor::{Tensor, TensorData};
use burn_crown::{AnyTensor, Bounded};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;

use crate::case::DEVICE;

/// Rows of an image that are attacked.
const ROWS: usize = 6;

/// How far each step goes, from the point at hand to the one that is furthest along the gradient.
const STEPS: [f64; 3] = [1.0, 0.5, 0.25];

/// The output `[N, O]`.
pub(crate) fn outputs<const D: usize>(module: &impl Bounded, x: Tensor<D>) -> Tensor<2> {
    module.forward_any(vec![AnyTensor::new(x)]).into_tensor()
}

/// Points `[N, ...]` of the region, of image `n mod B`, on the way of the Frank-Wolfe method to the
/// largest and the smallest value of some rows.
pub(crate) fn points<const D: usize>(
    module: &impl Bounded,
    region: &RandomRegion<D>,
    rows: &[f64],
    batch: usize,
) -> Vec<Tensor<D>> {
    // Frozen, or a batch norm on a tracked input takes the batch's statistics.
    let module = module.clone().freeze();
    let width = outputs(&module, region.input.clone()).dims()[1];
    let count = rows.len() / batch / width;
    let attacked: Vec<(usize, f64)> = (0..count)
        .step_by(count.div_ceil(ROWS))
        .flat_map(|row| [(row, 1.0), (row, -1.0)])
        .collect();
    let weights: Vec<f64> = attacked
        .iter()
        .flat_map(|&(row, sign)| {
            (0..batch).flat_map(move |image| {
                let row = &rows[(image * count + row) * width..][..width];
                row.iter().map(move |value| sign * value)
            })
        })
        .collect();
    let data = TensorData::new(weights, [attacked.len() * batch, width]);
    let weights = Tensor::<2>::from_data(data, (&*DEVICE, region.input.dtype()));
    let mut at = region.input.clone().repeat_dim(0, attacked.len());
    let mut points = Vec::new();
    for step in STEPS {
        let input = at.clone().autodiff().require_grad();
        let value = outputs(&module, input.clone()) * Tensor::from_inner(weights.clone());
        let gradients = value.sum().backward();
        let Some(gradient) = input.grad(&gradients) else {
            break;
        };
        let furthest = region.furthest(&to_vec(gradient));
        at = at.mul_scalar(1.0 - step) + furthest.mul_scalar(step);
        points.push(at.clone());
    }
    points
}
