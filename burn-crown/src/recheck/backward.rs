//! Bounds by the methods of the library, with plain loops.

use super::network::{Kind, Network};
use super::number::{Interval, Sum, rounding};
use super::region::{RecheckRegion, least_over_box};
use super::relax::{lines_around_rectifier, plane_above, surest};
use super::step::{Operator, Step};
use crate::bound::{LowerSlope, Method};

/// How margins are bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct By {
    pub(super) method: Method,
    pub(super) slope: LowerSlope,
    /// Whether CROWN bounds every pre-activation by a backward pass.
    pub(super) all_neurons: bool,
}

/// The lower bounds of linear forms on the output.
pub(super) fn lower_bounds(
    network: &Network,
    region: &RecheckRegion,
    by: By,
    rows: &[Vec<f64>],
) -> Vec<f64> {
    let mut pass = Pass {
        network,
        region,
        slope: by.slope,
        known: Vec::with_capacity(network.values.len()),
    };
    pass.bound_values(by);
    let to_inputs = by.method != Method::Interval;
    let bound = |row: &Vec<f64>| pass.least(network.output, row.clone(), to_inputs);
    rows.iter().map(bound).collect()
}

/// The bounds of one image.
struct Pass<'a> {
    network: &'a Network,
    region: &'a RecheckRegion,
    slope: LowerSlope,
    /// Intervals of all elements of the values so far.
    known: Vec<Vec<Interval>>,
}

impl Pass<'_> {
    /// Bounds all values, in the order of the forward pass; those that a relaxation stands on as
    /// tightly as the method says.
    fn bound_values(&mut self, by: By) {
        let network = self.network;
        let mut read = vec![false; network.values.len()];
        for (value, _) in network.values.iter().enumerate() {
            if let Kind::Step(step) = &network.values[value].kind
                && network.is_nonlinear(value)
            {
                read[step.operands[0]] = true;
            }
        }
        for (value, is_read) in read.into_iter().enumerate() {
            let next = match &network.values[value].kind {
                Kind::Input => self.region.hull().to_vec(),
                Kind::Fixed(values) => values.clone(),
                Kind::Step(step) => {
                    let size = network.values[value].size;
                    network.intervals(step, size, |value| &self.known[value])
                }
            };
            self.known.push(next);
            if is_read && matches!(network.values[value].kind, Kind::Step(_)) {
                self.tighten(value, by);
            }
        }
    }

    /// Backward passes for the elements of a value.
    fn tighten(&mut self, value: usize, by: By) {
        let crown = matches!(by.method, Method::Crown | Method::ConvexAdversarial);
        // What is affine in the image loses nothing but in the corners of a round region's box.
        let round = self.region.is_round() && self.network.is_affine_in_input(value);
        let elements: Vec<usize> = (0..self.known[value].len())
            .filter(|&element| {
                let known = self.known[value][element];
                round
                    || crown && (by.all_neurons || known.lower < 0.0 && known.upper > 0.0)
                    || crown && self.feeds_largest(value)
            })
            .collect();
        let replaces = by.all_neurons && crown && !round && !self.network.is_nonlinear(value);
        let mut tightened = self.known[value].clone();
        for element in elements {
            let one = |factor: f64| {
                let mut form = vec![0.0; tightened.len()];
                form[element] = factor;
                self.least(value, form, true)
            };
            let bounds = Interval {
                lower: one(1.0),
                upper: -one(-1.0),
            };
            tightened[element] = if replaces {
                bounds
            } else {
                bounds.and(tightened[element])
            };
        }
        self.known[value] = tightened;
    }

    /// Whether a maximum reads a value: of its elements, those that are sure of their sign count
    /// too.
    fn feeds_largest(&self, value: usize) -> bool {
        self.network.values.iter().any(|reader| {
            matches!(&reader.kind, Kind::Step(Step { operator: Operator::Largest { .. }, operands })
                if operands[0] == value)
        })
    }

    /// A number that a linear form on a value is nowhere in the region below: backward to the image,
    /// or to the nearest values that are not affine, whose intervals end it.
    ///
    /// At each moment, the forms on values plus the bias are nowhere above the form at the start.
    /// A coefficient that rounding has moved is paid for by the bias: how far it may have moved,
    /// times the largest absolute value of what it multiplies.
    fn least(&self, target: usize, form: Vec<f64>, to_inputs: bool) -> f64 {
        let mut forms: Vec<Option<Vec<f64>>> = vec![None; target + 1];
        forms[target] = Some(form);
        let mut bias = 0.0_f64;
        for value in (0..=target).rev() {
            let Some(form) = forms[value].take() else {
                continue;
            };
            let part = match &self.network.values[value].kind {
                Kind::Input => self.region.least(&form),
                Kind::Fixed(values) => least_over_box(&form, values),
                Kind::Step(_) if !to_inputs && self.network.is_nonlinear(value) => {
                    least_over_box(&form, &self.known[value])
                }
                Kind::Step(step) => {
                    let mut parts = Parts::default();
                    let constant = self.through(step, &form, &mut parts);
                    (constant - parts.add_to(&mut forms, &self.known)).next_down()
                }
            };
            bias = (bias + part).next_down();
        }
        bias
    }

    /// Takes a form on a step's result to forms on its operands and a constant.
    fn through(&self, step: &Step, form: &[f64], parts: &mut Parts) -> f64 {
        let operand = step.operands[0];
        let mut constant = Sum::default();
        for (element, &factor) in form.iter().enumerate() {
            if factor == 0.0 {
                continue;
            }
            let exactly = Interval::point(factor);
            match &step.operator {
                Operator::Rectifier { slope } => {
                    let input = self.known[operand][element];
                    let [below, above] = lines_around_rectifier(*slope, input, self.slope);
                    let line = if factor > 0.0 { below } else { above };
                    let size = self.known[operand].len();
                    parts.add(operand, size, element, factor, Interval::point(line.slope));
                    constant.add(exactly, Interval::point(line.intercept));
                }
                Operator::Largest { members } => {
                    let (input, members) = (&self.known[operand], &members[element]);
                    if factor > 0.0 {
                        let chosen = surest(members, input);
                        let one = Interval::point(1.0);
                        parts.add(operand, input.len(), chosen, factor, one);
                    } else {
                        let (slopes, intercept) = plane_above(members, input);
                        for (&member, slope) in members.iter().zip(slopes) {
                            let slope = Interval::point(slope);
                            parts.add(operand, input.len(), member, factor, slope);
                        }
                        constant.add(exactly, Interval::point(intercept));
                    }
                }
                _ => {
                    constant.add(exactly, self.network.constant(step, element));
                    self.network.terms(step, element, |value, at, weight| {
                        parts.add(value, self.network.values[value].size, at, factor, weight);
                    });
                }
            }
        }
        constant.interval().lower
    }
}

/// The coefficients that a backward step gives to its operands.
#[derive(Default)]
struct Parts {
    of: Vec<(usize, Vec<Coefficient>)>,
}

/// A sum of rounded products.
#[derive(Clone, Copy, Default)]
struct Coefficient {
    sum: f64,
    magnitude: f64,
    /// How far the sum of the real products may be, for factors that are not known exactly.
    spread: f64,
    terms: usize,
}

impl Parts {
    fn add(&mut self, value: usize, size: usize, at: usize, factor: f64, weight: Interval) {
        let part = match self.of.iter().position(|(known, _)| *known == value) {
            Some(part) => part,
            None => {
                self.of.push((value, vec![Coefficient::default(); size]));
                self.of.len() - 1
            }
        };
        let middle = if weight.lower == weight.upper {
            weight.lower
        } else {
            0.5 * weight.lower + 0.5 * weight.upper
        };
        let coefficient = &mut self.of[part].1[at];
        let product = factor * middle;
        coefficient.sum += product;
        coefficient.magnitude += product.abs();
        coefficient.terms += 1;
        if weight.lower != weight.upper {
            // Twice half the width covers the rounding of the middle.
            coefficient.spread += factor.abs() * (weight.upper - weight.lower);
        }
    }

    /// Adds the coefficients to the forms; gives what rounding may cost.
    fn add_to(self, forms: &mut [Option<Vec<f64>>], known: &[Vec<Interval>]) -> f64 {
        let (mut cost, mut costs) = (0.0_f64, 0);
        for (value, coefficients) in self.of {
            let form = forms[value].get_or_insert_with(|| vec![0.0; coefficients.len()]);
            let elements = form.iter_mut().zip(coefficients).zip(&known[value]);
            for ((form, coefficient), element) in elements {
                if coefficient.terms == 0 {
                    continue;
                }
                let magnitude = coefficient.magnitude + form.abs();
                let error = rounding(coefficient.terms + 1, magnitude) + 1.01 * coefficient.spread;
                *form += coefficient.sum;
                cost += error * element.magnitude();
                costs += 1;
            }
        }
        (cost + rounding(costs, cost)).next_up()
    }
}
