//! What bounds must be.

use burn::tensor::Tensor;
use burn_crown::{Bounded, GraphCache, Method};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::rows::apply;

use crate::attack;
use crate::case::Case;

/// Sampled points of each image.
const POINTS: usize = 32;

/// How far rounding in `f64` may take a value past a bound, relative to the largest of values and
/// bounds.
const ROUNDING: f64 = 1e-9;

/// How far apart the bounds of a point may be, relative to the largest value.
const POINT: f64 = 1e-6;

/// Checks that every method's bounds are finite and ordered, that no sampled or searched point of
/// the region is outside them, and that those of a point are its value.
pub(crate) fn check<R, const D: usize>(
    case: &Case<R>,
    module: &impl Bounded,
    region: &RandomRegion<D>,
) -> Result<(), String> {
    let width = attack::outputs(module, region.input.clone()).dims()[1];
    let (rows, specification) = case.rows(width);
    let mut points = vec![region.points(POINTS, case.number)];
    points.extend(attack::points(module, region, &rows, case.batch));
    let outputs = to_vec(attack::outputs(module, Tensor::cat(points, 0)));
    let values = apply(&rows, &outputs, case.batch, width);
    let largest = values
        .iter()
        .fold(1.0_f64, |most, value| most.max(value.abs()));
    if !largest.is_finite() {
        return Err(format!("the module itself gives {largest}"));
    }
    let analysis = GraphCache::new()
        .analyse(module, region.input.clone(), &region.perturbation)
        .map_err(|error| error.to_string())?;
    for config in case.configs() {
        let bounds = analysis
            .bounds(&specification, &config)
            .map_err(|error| error.to_string())?;
        let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
        let count = rows.len() / width;
        if lower.len() != count || upper.len() != count {
            return Err(format!("{} bounds of {count} rows", lower.len()));
        }
        for row in 0..count {
            let (low, high) = (lower[row], upper[row]);
            let told = format!(
                "{}: row {row} has the bounds {low} and {high}",
                config.method
            );
            if !low.is_finite() || !high.is_finite() {
                return Err(told);
            }
            let slack = ROUNDING * (largest + low.abs() + high.abs());
            if low > high + slack {
                return Err(format!("{told}, which are the wrong way round"));
            }
            let beyond = |value: f64| (low - value).max(value - high);
            let worst = values.iter().skip(row).step_by(count).copied();
            let worst = worst.max_by(|a, b| beyond(*a).total_cmp(&beyond(*b)));
            if let Some(value) = worst
                && beyond(value) > slack
            {
                let past = beyond(value) / slack;
                return Err(format!(
                    "{told}, but the value {value}: {past:e} times the slack"
                ));
            }
            if case.is_point() && config.method != Method::Interval {
                let allowed = POINT * largest;
                if high - low > allowed {
                    return Err(format!("{told} in a region of one point"));
                }
            }
        }
    }
    Ok(())
}
