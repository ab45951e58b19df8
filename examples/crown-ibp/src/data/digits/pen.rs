//! Drawing strokes of a round pen, with soft edges.

/// Ink on a square of paper, one coverage in `[0, 1]` a pixel.
pub(super) struct Canvas {
    coverage: Vec<f32>,
}

impl Canvas {
    /// Height and width in pixels.
    pub(super) const SIDE: usize = 28;
    /// The straight pieces between two points of a smooth curve.
    const PIECES: usize = 6;

    /// Blank paper.
    pub(super) fn new() -> Self {
        Self {
            coverage: vec![0.0; Self::SIDE * Self::SIDE],
        }
    }

    /// Draws a line through points in pixels, with a pen of a radius in pixels.
    ///
    /// A smooth line is a Catmull-Rom spline; it closes smoothly if it ends where it starts.
    pub(super) fn draw(&mut self, points: &[[f32; 2]], smooth: bool, radius: f32) {
        if !smooth {
            for pair in points.windows(2) {
                self.segment(pair[0], pair[1], radius);
            }
            return;
        }
        let last = points.len() - 1;
        for start in 0..last {
            let corners = [
                points[start.saturating_sub(1)],
                points[start],
                points[start + 1],
                points[(start + 2).min(last)],
            ];
            let mut from = corners[1];
            for piece in 1..=Self::PIECES {
                let to = catmull_rom(&corners, piece as f32 / Self::PIECES as f32);
                self.segment(from, to, radius);
                from = to;
            }
        }
    }

    /// Draws one straight piece.
    fn segment(&mut self, from: [f32; 2], to: [f32; 2], radius: f32) {
        let reach = radius + 0.5;
        // Only the pixels within reach: most of the paper is far from any piece.
        let range = |axis: usize| {
            let low = (from[axis].min(to[axis]) - reach).ceil().max(0.0) as usize;
            let high = (from[axis].max(to[axis]) + reach).floor();
            low..(high + 1.0).clamp(0.0, Self::SIDE as f32) as usize
        };
        for y in range(1) {
            for x in range(0) {
                let distance = distance_to_segment([x as f32, y as f32], from, to);
                let coverage = &mut self.coverage[y * Self::SIDE + x];
                *coverage = coverage.max((reach - distance).clamp(0.0, 1.0));
            }
        }
    }

    /// Spreads ink to the four neighbours; `strength` 0 leaves the picture as it is.
    pub(super) fn blur(&mut self, strength: f32) {
        let sharp = self.coverage.clone();
        let at = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) if x < Self::SIDE && y < Self::SIDE => sharp[y * Self::SIDE + x],
            _ => 0.0,
        };
        for (index, coverage) in self.coverage.iter_mut().enumerate() {
            let (x, y) = (index % Self::SIDE, index / Self::SIDE);
            let neighbours = at(x.checked_sub(1), Some(y))
                + at(Some(x + 1), Some(y))
                + at(Some(x), y.checked_sub(1))
                + at(Some(x), Some(y + 1));
            *coverage = (*coverage + strength * neighbours / 4.0) / (1.0 + strength);
        }
    }

    /// The bytes of the picture; `tone` gives the brightness of a pixel that holds ink from its
    /// coverage, and blank paper stays black.
    pub(super) fn into_pixels(self, mut tone: impl FnMut(f32) -> f32) -> Vec<u8> {
        self.coverage
            .into_iter()
            .map(|coverage| match coverage > 0.0 {
                true => (255.0 * tone(coverage)).round().clamp(0.0, 255.0) as u8,
                false => 0,
            })
            .collect()
    }
}

/// The point at `t` in `[0, 1]` of the curve from the second to the third corner.
fn catmull_rom(corners: &[[f32; 2]; 4], t: f32) -> [f32; 2] {
    std::array::from_fn(|axis| {
        let [a, b, c, d] = corners.map(|corner| corner[axis]);
        let (slope_b, slope_c) = ((c - a) / 2.0, (d - b) / 2.0);
        let cubic = 2.0 * (b - c) + slope_b + slope_c;
        let square = 3.0 * (c - b) - 2.0 * slope_b - slope_c;
        ((cubic * t + square) * t + slope_b) * t + b
    })
}

fn distance_to_segment(point: [f32; 2], from: [f32; 2], to: [f32; 2]) -> f32 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let offset = [point[0] - from[0], point[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let t = match length > 0.0 {
        true => ((offset[0] * along[0] + offset[1] * along[1]) / length).clamp(0.0, 1.0),
        false => 0.0,
    };
    (offset[0] - t * along[0]).hypot(offset[1] - t * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_from_the_nearest_point() {
        let (from, to) = ([1.0, 1.0], [5.0, 1.0]);
        assert_eq!(distance_to_segment([3.0, 3.0], from, to), 2.0);
        assert_eq!(distance_to_segment([8.0, 5.0], from, to), 5.0);
        assert_eq!(distance_to_segment([1.0, 1.0], from, from), 0.0);
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        let corners = [[0.0, 0.0], [1.0, 2.0], [4.0, 3.0], [6.0, 0.0]];
        assert_eq!(catmull_rom(&corners, 0.0), corners[1]);
        assert_eq!(catmull_rom(&corners, 1.0), corners[2]);
    }

    #[test]
    fn a_line_covers_the_pixels_within_the_pen() {
        let mut canvas = Canvas::new();
        canvas.draw(&[[5.0, 10.0], [15.0, 10.0]], false, 1.0);
        let at = |x: usize, y: usize| canvas.coverage[y * Canvas::SIDE + x];
        assert_eq!((at(10, 10), at(10, 11), at(10, 12)), (1.0, 0.5, 0.0));
        assert_eq!((at(4, 10), at(3, 10)), (0.5, 0.0));
    }

    #[test]
    fn a_line_outside_the_paper_is_cut_off() {
        let mut canvas = Canvas::new();
        canvas.draw(&[[-20.0, -20.0], [-5.0, 3.0]], false, 1.0);
        canvas.draw(&[[40.0, 5.0], [60.0, 70.0], [90.0, 2.0]], true, 2.0);
        assert!(canvas.coverage.iter().all(|&coverage| coverage == 0.0));
    }

    #[test]
    fn blur_spreads_ink_and_keeps_blank_paper_black() {
        let mut canvas = Canvas::new();
        canvas.coverage[10 * Canvas::SIDE + 10] = 1.0;
        canvas.blur(0.5);
        let at = |x: usize, y: usize| canvas.coverage[y * Canvas::SIDE + x];
        assert!((at(10, 10) - 1.0 / 1.5).abs() < 1e-6);
        assert!((at(9, 10) - 0.125 / 1.5).abs() < 1e-6);
        assert_eq!(at(9, 9), 0.0);
        let pixels = canvas.into_pixels(|_| 1.0);
        assert_eq!(pixels.iter().filter(|&&pixel| pixel == 255).count(), 5);
        assert_eq!(pixels.iter().filter(|&&pixel| pixel == 0).count(), 784 - 5);
    }
}
