//! Functions of one variable against arithmetic with 256 bits, without allowance: at the ends of
//! intervals, in them, and where the lines around the function touch it.
//!
//! A row `f(x) − s x` with `s` near the slope of a line leaves nothing of the line but its height,
//! so that what the region is moved out by hides no error of it.

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, Method, Perturbation, Rounding, Specification, Statement,
};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::exact::data_types;
use crate::number::{Number, arctan, number, power};

/// A function, by its name or its exponent, beside its argument: `[f(x), x]`.
#[derive(Module, Bounded, Debug)]
struct Beside {
    function: usize,
}

/// Where a function is defined, for the choice of intervals.
#[derive(Clone, Copy, PartialEq)]
enum Domain {
    Line,
    Positive,
    NotZero,
}

/// The functions and where they are defined. A number is an exponent.
const FUNCTIONS: &[(&str, Domain)] = &[
    ("exp", Domain::Line),
    ("log", Domain::Positive),
    ("log1p", Domain::Positive),
    ("sqrt", Domain::Positive),
    ("recip", Domain::NotZero),
    ("sinh", Domain::Line),
    ("cosh", Domain::Line),
    ("atan", Domain::Line),
    ("2", Domain::Line),
    ("3", Domain::Line),
    ("6", Domain::Line),
    ("-2", Domain::NotZero),
    ("-3", Domain::NotZero),
    ("0.5", Domain::Positive),
    ("-0.5", Domain::Positive),
    ("1.5", Domain::Positive),
    ("0.3", Domain::Positive),
    ("-0.7", Domain::Positive),
    ("5.3", Domain::Positive),
];

impl Beside {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = match FUNCTIONS[self.function].0 {
            "exp" => x.clone().exp(),
            "log" => x.clone().log(),
            "log1p" => x.clone().log1p(),
            "sqrt" => x.clone().sqrt(),
            "recip" => x.clone().recip(),
            "sinh" => x.clone().sinh(),
            "cosh" => x.clone().cosh(),
            "atan" => x.clone().atan(),
            exponent => x.clone().powf_scalar(exponent.parse::<f64>().unwrap()),
        };
        Tensor::cat(vec![y, x], 1)
    }

    fn exact(&self, x: &Number) -> Number {
        let half = |x: Number| x * number(0.5);
        match FUNCTIONS[self.function].0 {
            "exp" => x.exp(),
            "log" => x.ln(),
            "log1p" => x.ln_1p(),
            "sqrt" => x.sqrt(),
            "recip" => number(1.0) / x,
            "sinh" => half(x.exp() - (-x).exp()),
            "cosh" => half(x.exp() + (-x).exp()),
            "atan" => arctan(x),
            exponent => power(x, exponent.parse().unwrap()),
        }
    }
}

/// Intervals of a data type's numbers: points, neighbours, narrow ones far from zero, wide ones.
fn intervals(domain: Domain, dtype: DType) -> Vec<[f64; 2]> {
    let single = dtype == DType::F32;
    let rounded = |x: f64| if single { f64::from(x as f32) } else { x };
    let up = |x: f64| {
        if single {
            f64::from((x as f32).next_up())
        } else {
            x.next_up()
        }
    };
    let far = if single { 80.0 } else { 600.0 };
    let centers: &[f64] = match domain {
        Domain::Line => &[
            0.0, 1e-30, -1e-12, 0.3, -0.7, 1.0, 2.5, -9.0, 30.0, far, -far,
        ],
        _ if single => &[
            1e-42, 2e-38, 1e-20, 1e-6, 0.01, 0.9, 1.0, 1.000_001, 3.0, 700.0, 1e12,
        ],
        _ => &[
            1e-310, 1e-300, 1e-39, 1e-20, 1e-6, 0.9, 1.0, 1.000_001, 3.0, 700.0, 1e100,
        ],
    };
    let mut found = Vec::new();
    for &center in centers {
        let center = rounded(center);
        found.push([center, center]);
        found.push([center, up(center)]);
        for share in [1e-6, 0.3, 0.9] {
            let radius = share * if domain == Domain::Line { 4.0 } else { center };
            found.push([rounded(center - radius), rounded(center + radius)]);
        }
        if domain != Domain::Line {
            found.push([center, rounded(1e4 * center)]);
        }
    }
    if domain == Domain::NotZero {
        let mirrored: Vec<_> = found.iter().map(|[low, high]| [-high, -low]).collect();
        found.extend(mirrored);
    }
    if domain == Domain::Positive {
        found.push([0.0, 1.0]);
        found.push([0.0, rounded(1e-39)]);
    }
    found
}

/// How many bounds there were, how many of them were finite, and how many plain ones were wrong.
#[derive(Default)]
struct Count {
    all: usize,
    finite: usize,
    plain_wrong: usize,
}

fn check(function: usize, dtype: DType, count: &mut Count) {
    let net = Beside { function };
    let (name, domain) = FUNCTIONS[function];
    let intervals = intervals(domain, dtype);
    let batch = intervals.len();
    let mut random = StdRng::seed_from_u64(function as u64);
    let rounded = |x: f64| {
        if dtype == DType::F32 {
            f64::from(x as f32)
        } else {
            x
        }
    };
    let undefined = |x: f64| x == 0.0 && name == "log";
    let slope = |[low, high]: [f64; 2], [from, to]: [f64; 2]| {
        let value = |x: f64| {
            if undefined(x) {
                return f64::NAN;
            }
            net.exact(&number(x)).to_f64().value()
        };
        let (from, to) = (from.clamp(low, high), to.clamp(low, high));
        rounded((value(to) - value(from)) / (to - from))
    };
    let mut rows = Vec::new();
    let mut points = Vec::new();
    for &[low, high] in &intervals {
        let middle = rounded(0.5 * low + 0.5 * high);
        let near = 1e-4 * middle.abs().max(1e-30);
        // Chords, and tangents in the middle and near the ends.
        let runs = [
            [low, high],
            [middle - near, middle + near],
            [low, low + near],
            [high - near, high],
        ];
        let mut slopes: Vec<f64> = runs.map(|run| slope([low, high], run)).to_vec();
        slopes.push(0.0);
        for slope in &mut slopes {
            if !slope.is_finite() {
                *slope = 1.0;
            }
        }
        let both = |slope: &f64| [[1.0, -slope], [-1.0, *slope]];
        rows.push(slopes.iter().flat_map(both).collect::<Vec<_>>());
        let mut inside = vec![low, high, middle];
        inside.extend((0..3).map(|_| {
            let share: f64 = random.random();
            rounded(low + share * (high - low)).clamp(low, high)
        }));
        let defined = inside.into_iter().filter(|&x| !undefined(x)).map(number);
        points.push(
            defined
                .map(|x| (x.clone(), net.exact(&x)))
                .collect::<Vec<_>>(),
        );
    }
    let count_of_rows = rows[0].len();
    let flat: Vec<f64> = rows.iter().flatten().flatten().copied().collect();
    let shape = [batch, count_of_rows, 2];
    let device = test_device();
    let specification = Tensor::<3>::from_data(TensorData::new(flat, shape), (&device, dtype));
    let specification = Specification::Linear(specification);
    let end = |at: usize| {
        let values: Vec<f64> = intervals.iter().map(|interval| interval[at]).collect();
        Tensor::<2>::from_data(TensorData::new(values, [batch, 1]), (&device, dtype))
    };
    let region = Perturbation::between(end(0), end(1));
    let analysis = GraphCache::new().analyse(&net, end(0), &region).unwrap();
    for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
        let sound = Rounding::Sound(Statement::RealNetwork);
        let config = BoundConfig::new(method).with_rounding(sound);
        let lower = to_vec(analysis.lower(&specification, &config).unwrap());
        let plain = BoundConfig::new(method);
        let plain = to_vec(analysis.lower(&specification, &plain).unwrap());
        for image in 0..batch {
            for (at, [coefficient, on_x]) in rows[image].iter().enumerate() {
                let bound = lower[image * count_of_rows + at];
                count.all += 1;
                if !bound.is_finite() {
                    assert!(bound.is_nan() || bound < 0.0, "{name}: {bound}");
                    continue;
                }
                count.finite += 1;
                let plain = plain[image * count_of_rows + at];
                let mut wrong = false;
                for (x, y) in &points[image] {
                    let value = y * number(*coefficient) + x * number(*on_x);
                    assert!(
                        number(bound) <= value,
                        "{method} in {dtype:?}: {name} on {:?}, row {at} at {}: {} < {bound}",
                        intervals[image],
                        x.to_f64().value(),
                        value.to_f64().value(),
                    );
                    wrong |= plain.is_finite() && number(plain) > value;
                }
                count.plain_wrong += usize::from(wrong);
            }
        }
    }
}

#[test]
fn bounds_of_functions_hold() {
    for dtype in data_types() {
        for (function, (name, _)) in FUNCTIONS.iter().enumerate() {
            let mut count = Count::default();
            check(function, dtype, &mut count);
            let Count {
                all,
                finite,
                plain_wrong,
            } = count;
            eprintln!(
                "{name} in {dtype:?}: {finite} of {all} bounds are finite, {plain_wrong} plain ones \
                 are wrong"
            );
            assert!(
                3 * finite > 2 * all,
                "{name} in {dtype:?}: {finite} of {all}"
            );
            assert!(plain_wrong > 0, "{name} in {dtype:?}: a test of nothing");
        }
    }
}
