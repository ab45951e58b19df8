//! Networks, intervals and CROWN in 256 bits: straight down the definitions, layer by layer, with
//! every affine layer a matrix.

use crate::number::{Number, max, min, number, tanh};

/// A layer on a vector.
pub(crate) enum Layer {
    /// `weight · x + bias`.
    Affine {
        weight: Vec<Vec<Number>>,
        bias: Vec<Number>,
    },
    Relu,
    Tanh,
}

/// A chain of layers.
pub(crate) struct Dense(pub(crate) Vec<Layer>);

/// Lower and upper bounds of each element.
#[derive(Clone)]
pub(crate) struct Box {
    pub(crate) lower: Vec<Number>,
    pub(crate) upper: Vec<Number>,
}

/// The line below a rectifier whose sign is open.
#[derive(Clone, Copy)]
pub(crate) enum Below {
    Zero,
    Chord,
}

fn dot(a: &[Number], b: &[Number]) -> Number {
    let products = a.iter().zip(b).map(|(a, b)| a * b);
    products.fold(number(0.0), |sum, product| sum + product)
}

fn is_negative(x: &Number) -> bool {
    *x < number(0.0)
}

impl Dense {
    /// The value at a point.
    pub(crate) fn value(&self, x: Vec<Number>) -> Vec<Number> {
        self.0.iter().fold(x, |x, layer| match layer {
            Layer::Affine { weight, bias } => {
                let rows = weight.iter().zip(bias);
                rows.map(|(row, bias)| dot(row, &x) + bias).collect()
            }
            Layer::Relu => x.into_iter().map(|x| max(x, number(0.0))).collect(),
            Layer::Tanh => x.iter().map(tanh).collect(),
        })
    }

    /// Interval bounds of the input of each layer, and of the output.
    pub(crate) fn intervals(&self, input: Box) -> Vec<Box> {
        let mut all = vec![input];
        for layer in &self.0 {
            let before = &all[all.len() - 1];
            let next = self.interval(layer, before);
            all.push(next);
        }
        all
    }

    fn interval(&self, layer: &Layer, x: &Box) -> Box {
        let each = |f: &dyn Fn(&Number) -> Number| Box {
            lower: x.lower.iter().map(f).collect(),
            upper: x.upper.iter().map(f).collect(),
        };
        match layer {
            Layer::Relu => each(&|x| max(x.clone(), number(0.0))),
            Layer::Tanh => each(&tanh),
            Layer::Affine { weight, bias } => {
                let end = |low: bool| {
                    let rows = weight.iter().zip(bias);
                    rows.map(|(row, bias)| least(row, x, low) + bias).collect()
                };
                Box {
                    lower: end(true),
                    upper: end(false),
                }
            }
        }
    }

    /// The lower bounds of `rows · y` for the value `y` before layer `at`, by linear bounds back to
    /// the input, where `known` bounds what layers read.
    pub(crate) fn crown(
        &self,
        at: usize,
        rows: &[Vec<Number>],
        known: &[Box],
        below: Below,
    ) -> Vec<Number> {
        rows.iter()
            .map(|row| {
                let (mut form, mut constant) = (row.clone(), number(0.0));
                for index in (0..at).rev() {
                    match &self.0[index] {
                        Layer::Affine { weight, bias } => {
                            constant += dot(&form, bias);
                            let column = |input: usize| -> Vec<Number> {
                                weight.iter().map(|row| row[input].clone()).collect()
                            };
                            let inputs = 0..weight[0].len();
                            form = inputs.map(|input| dot(&form, &column(input))).collect();
                        }
                        Layer::Relu => {
                            for (at, a) in form.iter_mut().enumerate() {
                                let (l, u) = (&known[index].lower[at], &known[index].upper[at]);
                                let (slope, intercept) = line(l, u, is_negative(a), below);
                                constant += &*a * intercept;
                                *a = &*a * slope;
                            }
                        }
                        Layer::Tanh => panic!("there are several good lines around it"),
                    }
                }
                least(&form, &known[0], true) + constant
            })
            .collect()
    }

    /// What CROWN knows of what each layer reads: a backward pass for every rectifier's input.
    pub(crate) fn tightened(&self, input: Box, below: Below) -> Vec<Box> {
        let mut known = self.intervals(input);
        for (at, layer) in self.0.iter().enumerate() {
            if matches!(layer, Layer::Relu) {
                let rows = |sign: f64| -> Vec<Vec<Number>> {
                    let count = known[at].lower.len();
                    let unit = |own: usize| {
                        let one = |at: usize| number(if at == own { sign } else { 0.0 });
                        (0..count).map(one).collect()
                    };
                    (0..count).map(unit).collect()
                };
                let upper = self.crown(at, &rows(-1.0), &known, below);
                let lower = self.crown(at, &rows(1.0), &known, below);
                let upper = upper.into_iter().map(|bound| -bound).collect();
                known[at] = Box { lower, upper };
            }
        }
        known
    }
}

/// The least value of `row · x` on a box, or the largest.
fn least(row: &[Number], x: &Box, low: bool) -> Number {
    let ends = row.iter().zip(x.lower.iter().zip(&x.upper));
    ends.map(|(a, (l, u))| if is_negative(a) == low { a * u } else { a * l })
        .fold(number(0.0), |sum, product| sum + product)
}

/// The line above a rectifier on `[l, u]`, or the one below.
fn line(l: &Number, u: &Number, above: bool, below: Below) -> (Number, Number) {
    let zero = || number(0.0);
    if *l >= zero() {
        return (number(1.0), zero());
    }
    if *u <= zero() {
        return (zero(), zero());
    }
    let chord = max(u.clone(), zero()) / (u - min(l.clone(), zero()));
    match (above, below) {
        (true, _) => (chord.clone(), -(chord * l)),
        (false, Below::Zero) => (zero(), zero()),
        (false, Below::Chord) => (chord, zero()),
    }
}
