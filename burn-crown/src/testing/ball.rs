//! Points of the unit ball of a norm.

use rand::RngExt;
use rand::rngs::StdRng;

/// A point of the unit ball of the norm with this exponent, of one of several kinds in turn.
pub(super) fn direction(kind: usize, size: usize, exponent: f64, random: &mut StdRng) -> Vec<f64> {
    if kind == 0 {
        return vec![0.0; size];
    }
    let keep = if kind % 4 == 3 {
        random.random_range(1..=size.min(3))
    } else {
        size
    };
    let mut direction: Vec<f64> = (0..size).map(|_| random.random_range(-1.0..1.0)).collect();
    if kind % 4 != 1 {
        // A corner, or as far as the norm lets all coordinates go alike.
        direction.iter_mut().for_each(|step| *step = step.signum());
    }
    if kind % 8 == 6 {
        // Far along coordinates of different weight: the surface between the corners.
        direction
            .iter_mut()
            .for_each(|step| *step *= random.random_range(0.0..1.0));
    }
    if keep < size {
        let kept: Vec<usize> = (0..keep).map(|_| random.random_range(0..size)).collect();
        for (index, step) in direction.iter_mut().enumerate() {
            *step *= f64::from(u8::from(kept.contains(&index)));
        }
    }
    let mut direction = on_surface(direction, exponent);
    if exponent.is_finite() && kind % 4 == 1 {
        let length: f64 = random.random_range(0.0..1.0);
        direction.iter_mut().for_each(|step| *step *= length);
    }
    direction
}

/// The point of the unit ball where the linear function with these gains is largest.
pub(super) fn dual_direction(gains: &[f64], exponent: f64) -> Vec<f64> {
    let mut direction: Vec<f64> = gains.iter().map(|gain| gain.signum()).collect();
    if exponent == 1.0 {
        let by_size = |a: &usize, b: &usize| gains[*a].abs().total_cmp(&gains[*b].abs());
        let best = (0..gains.len()).max_by(by_size).unwrap_or(0);
        direction.iter_mut().enumerate().for_each(|(index, step)| {
            *step *= f64::from(u8::from(index == best));
        });
    } else if exponent.is_finite() {
        // Scaled by the largest gain so that powers stay finite.
        let largest = gains
            .iter()
            .fold(0.0_f64, |most, gain| most.max(gain.abs()));
        let power = 1.0 / (exponent - 1.0);
        for (step, gain) in direction.iter_mut().zip(gains) {
            *step *= (gain.abs() / largest.max(f64::MIN_POSITIVE)).powf(power);
        }
    }
    on_surface(direction, exponent)
}

fn on_surface(mut direction: Vec<f64>, exponent: f64) -> Vec<f64> {
    if exponent.is_finite() {
        let sum: f64 = direction.iter().map(|step| step.abs().powf(exponent)).sum();
        let norm = sum.powf(1.0 / exponent).max(f64::MIN_POSITIVE);
        direction.iter_mut().for_each(|step| *step /= norm);
    }
    direction
}
