//! Every function's lines, range and pieces, against values of the function.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::*;
use crate::ops::lines::Line;

/// How many points of an interval are tried, ends included.
const POINTS: usize = 160;

/// All functions, with the interval of which theirs may be parts.
fn curves() -> Vec<(&'static str, Box<dyn Curve>, [f64; 2])> {
    fn entry<C: Curve + 'static>(
        name: &'static str,
        curve: C,
        domain: [f64; 2],
    ) -> (&'static str, Box<dyn Curve>, [f64; 2]) {
        (name, Box::new(curve), domain)
    }
    let all = [-60.0, 60.0];
    let positive = [1e-3, 60.0];
    vec![
        entry("exp", Exp, [-60.0, 8.0]),
        entry("log", Log, positive),
        entry("log1p", Log1p, [-0.99, 60.0]),
        entry("sqrt", Sqrt, [0.0, 60.0]),
        entry("1/x, x > 0", Recip, positive),
        entry("1/x, x < 0", Recip, [-60.0, -1e-3]),
        entry("log sigmoid", LogSigmoid, all),
        entry("abs", Abs, all),
        entry("square", Power(2.0), all),
        entry("cube", Power(3.0), all),
        entry("x^4", Power(4.0), [-9.0, 9.0]),
        entry("x^5", Power(5.0), [-9.0, 9.0]),
        entry("x^1.5", Power(1.5), [0.0, 60.0]),
        entry("x^0.3", Power(0.3), [1e-3, 60.0]),
        entry("x^-2, x > 0", Power(-2.0), [0.05, 60.0]),
        entry("x^-2, x < 0", Power(-2.0), [-60.0, -0.05]),
        entry("x^-3, x < 0", Power(-3.0), [-60.0, -0.05]),
        entry("x^-0.5", Power(-0.5), positive),
        entry("sigmoid", Sigmoid, all),
        entry("tanh", Tanh, all),
        entry("erf", Erf, all),
        entry("arctan", ArcTan, all),
        entry("asinh", ArcSinh, all),
        entry("sinh", Sinh, [-9.0, 9.0]),
        entry("cosh", Cosh, [-9.0, 9.0]),
        entry("atanh", ArcTanh, [-0.999, 0.999]),
        entry("tan", periodic::Branch, [-1.57, 1.57]),
        entry("clamp", Clamp::between(-1.0, 2.5), all),
        entry("at least", Clamp::between(0.5, f64::INFINITY), all),
        entry("at most", Clamp::between(f64::NEG_INFINITY, 0.5), all),
        entry(
            "hard sigmoid",
            Clamp {
                scale: 0.2,
                shift: 0.5,
                low: 0.0,
                high: 1.0,
            },
            all,
        ),
        entry("gelu", Gelu, all),
        entry("silu", Silu, all),
        entry("mish", Mish, all),
        entry("gelu, approximate", GeluApproximate, all),
        entry("softplus", Softplus::new(1.5, 20.0).unwrap(), all),
        entry("elu", Elu::new(1.0, 1.0, 1.0).unwrap(), all),
        entry("elu, flat", Elu::new(1.0, 0.3, 1.0).unwrap(), all),
        entry("elu, deep", Elu::new(1.0, 2.5, 1.0).unwrap(), all),
        entry("softsign", Softsign, all),
        entry("tanhshrink", Tanhshrink, all),
        entry("hard swish", HardSwish::new(1.0 / 6.0, 0.5).unwrap(), all),
        entry("sine", periodic::TwoTurns, [0.0, 12.5]),
    ]
}

fn tensor(values: &[f64]) -> AnyTensor {
    let data = TensorData::new(values.to_vec(), [1, values.len()]);
    AnyTensor::new(Tensor::<2>::from_data(
        data,
        (&Device::flex(), burn::tensor::DType::F64),
    ))
}

fn values(curve: &dyn Curve, points: &[f64]) -> Vec<f64> {
    curve.value(tensor(points)).values()
}

fn number(x: AnyTensor) -> f64 {
    x.values()[0]
}

/// Points of an interval, ends included.
fn points([lower, upper]: [f64; 2]) -> Vec<f64> {
    (0..POINTS)
        .map(|index| {
            let share = index as f64 / (POINTS - 1) as f64;
            lower * (1.0 - share) + upper * share
        })
        .collect()
}

/// The largest value at the middle of any line below the points: their convex hull there.
fn hull_at_middle(xs: &[f64], ys: &[f64], middle: f64) -> f64 {
    let mut lowest = f64::INFINITY;
    for (left, &x) in xs.iter().enumerate().take_while(|(_, x)| **x <= middle) {
        for (right, &z) in xs.iter().enumerate().skip_while(|(_, z)| **z < middle) {
            let share = if z > x { (middle - x) / (z - x) } else { 0.0 };
            lowest = lowest.min(ys[left] * (1.0 - share) + ys[right] * share);
        }
    }
    lowest
}

/// Intervals in a domain: wide, narrow, one-sided, single points.
fn interval() -> impl Strategy<Value = (f64, f64)> {
    (
        prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
        prop_oneof![
            Just(0.0),
            Just(1.0),
            0.0..1.0_f64,
            (-9.0..0.0_f64).prop_map(|power| 10_f64.powf(power)),
        ],
    )
}

fn place((start, width): (f64, f64), [from, to]: [f64; 2], center: f64) -> [f64; 2] {
    // Half of the cases lie around zero, where most functions bend.
    let reach = if center > 0.5 { 6.0 } else { to - from };
    let lower = if center > 0.5 {
        (-3.0 + 6.0 * start).clamp(from, to)
    } else {
        from + start * reach
    };
    [lower, (lower + width * reach).clamp(lower, to.max(lower))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lines_and_ranges_hold_and_are_tight(shape in interval(), center in 0.0..1.0_f64) {
        for (name, curve, domain) in curves() {
            let [lower, upper] = place(shape, domain, center);
            let interval = Interval { lower: tensor(&[lower]), upper: tensor(&[upper]) };
            let xs = points([lower, upper]);
            let ys = values(curve.as_ref(), &xs);
            let largest = ys.iter().fold(1e-3_f64, |most, y| most.max(y.abs()));
            let Lines { lower: below, upper: above } = support::lines(curve.as_ref(), &interval);
            let range = support::range(curve.as_ref(), &interval);
            let (least, most) = (number(range.lower), number(range.upper));
            let at = |line: &Line, x: f64| {
                number(line.slope.clone()) * x + number(line.intercept.clone())
            };
            let steep = number(below.slope.clone()).abs().max(number(above.slope.clone()).abs());
            let rounding = 1e-12 * (largest + steep * lower.abs().max(upper.abs()));
            for (&x, &y) in xs.iter().zip(&ys) {
                prop_assert!(at(&below, x) <= y + rounding, "{name} [{lower}, {upper}] at {x}");
                prop_assert!(at(&above, x) >= y - rounding, "{name} [{lower}, {upper}] at {x}");
                prop_assert!(least <= y + rounding && y - rounding <= most, "{name} [{lower}, {upper}] at {x}");
            }
            let extremes = ys.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], y| {
                [low.min(*y), high.max(*y)]
            });
            let step = (upper - lower) / POINTS as f64;
            let slopes = curve.slope(tensor(&xs)).values();
            let steepest = slopes.iter().filter(|s| s.is_finite()).fold(0.0_f64, |most, s| most.max(s.abs()));
            // What sampling can miss between two points.
            let missed = step * steepest + rounding;
            prop_assert!(extremes[0] - least <= missed, "{name} [{lower}, {upper}]: {least}");
            prop_assert!(most - extremes[1] <= missed, "{name} [{lower}, {upper}]: {most}");
            if ["exp", "square", "x^4"].contains(&name) {
                // Their tangents are kept where they are not negative.
                continue;
            }
            let middle = 0.5 * (lower + upper);
            let hull = hull_at_middle(&xs, &ys, middle);
            prop_assert!(
                hull - at(&below, middle) <= missed, "{name} [{lower}, {upper}]: below by {}",
                hull - at(&below, middle)
            );
            let mirrored: Vec<f64> = ys.iter().map(|y| -y).collect();
            let hull = -hull_at_middle(&xs, &mirrored, middle);
            prop_assert!(
                at(&above, middle) - hull <= missed, "{name} [{lower}, {upper}]: above by {}",
                at(&above, middle) - hull
            );
        }
    }
}

#[test]
fn slopes_are_derivatives_and_pieces_bend_as_they_say() {
    for (name, curve, domain) in curves() {
        let xs = points(domain);
        let step = 1e-6;
        let moved = |by: f64| -> Vec<f64> {
            values(
                curve.as_ref(),
                &xs.iter().map(|x| x + by).collect::<Vec<_>>(),
            )
        };
        let (ahead, behind) = (moved(step), moved(-step));
        let slopes = curve.slope(tensor(&xs)).values();
        for (index, &x) in xs
            .iter()
            .enumerate()
            .filter(|(_, x)| domain[0] < **x && **x < domain[1])
        {
            if curve
                .kinks()
                .iter()
                .chain(&[0.0])
                .any(|kink| (x - kink).abs() < 1e-3)
            {
                continue;
            }
            let found = (ahead[index] - behind[index]) / (2.0 * step);
            let allowed = 1e-5 * (1.0 + slopes[index].abs());
            assert!(
                (found - slopes[index]).abs() <= allowed,
                "{name} at {x}: {found} {}",
                slopes[index]
            );
        }
        for piece in curve.pieces() {
            let ends = [piece.from.max(domain[0]), piece.to.min(domain[1])];
            if ends[0] >= ends[1] {
                continue;
            }
            let slopes = curve.slope(tensor(&points(ends))).values();
            for two in slopes.windows(2) {
                let rise = two[1] - two[0];
                let allowed = 1e-12 * (1.0 + two[0].abs());
                let bends = match piece.bend {
                    Bend::Convex => rise >= -allowed,
                    Bend::Concave => rise <= allowed,
                };
                assert!(
                    bends,
                    "{name}: the slope goes from {} to {} in {piece:?}",
                    two[0], two[1]
                );
            }
        }
    }
}

#[test]
fn functions_bend_to_the_other_side_at_their_inflection_points() {
    for (name, curve, domain) in curves() {
        if !["gelu", "silu", "mish", "gelu, approximate"].contains(&name) {
            continue;
        }
        for piece in curve.pieces() {
            let [from, to] = [piece.from.max(domain[0]), piece.to.min(domain[1])];
            // Just beside the borders, where the second derivative is yet above rounding.
            let near = [from + 1e-6, to - 1e-6];
            let step = 1e-4;
            for (x, border) in near.into_iter().zip([piece.from, piece.to]) {
                if !border.is_finite() {
                    continue;
                }
                let slopes = curve.slope(tensor(&[x - step, x + step])).values();
                let bend = (slopes[1] - slopes[0]) / (2.0 * step);
                let right = match piece.bend {
                    Bend::Convex => bend > 1e-8,
                    Bend::Concave => bend < -1e-8,
                };
                assert!(right, "{name} bends by {bend} at {x}, in {piece:?}");
            }
        }
    }
}

#[test]
fn softplus_is_bounded_as_it_is_run_beyond_its_threshold() {
    let (threshold, beta) = (16.0, 2.0);
    let curve = Elementwise(Softplus::new(beta, threshold).unwrap());
    // Just beyond the threshold Burn returns `x` itself, which is less than the function.
    let lower = threshold / beta + 1e-9;
    let interval = Interval {
        lower: tensor(&[lower]),
        upper: tensor(&[lower + 0.5]),
    };
    assert!(number(curve.0.value(tensor(&[lower]))) > lower + 1e-8);
    let range = curve.interval(&[Region::Box(interval)]).interval();
    assert!(number(range.lower) <= lower);
    assert!(number(range.upper) >= lower + 0.5);
}
