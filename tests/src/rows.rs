//! Linear functions of outputs, as lists of coefficients.

/// Each image's outputs themselves, `[B, O, O]`.
pub fn identity_rows(batch: usize, outputs: usize) -> Vec<f64> {
    let identity = |at: usize| f64::from(u8::from(at.is_multiple_of(outputs + 1)));
    (0..batch)
        .flat_map(|_| (0..outputs * outputs).map(identity))
        .collect()
}

/// The margins of label `image mod O`, `[B, O − 1, O]`.
pub fn margin_rows(batch: usize, outputs: usize) -> Vec<f64> {
    let mut rows = Vec::new();
    for label in (0..batch).map(|image| image % outputs) {
        for other in (0..outputs).filter(|&other| other != label) {
            rows.extend((0..outputs).map(|output| {
                f64::from(u8::from(output == label)) - f64::from(u8::from(output == other))
            }));
        }
    }
    rows
}

/// `rows · y` `[N, S]` for rows `[B, S, O]` and outputs `[N, O]`, point `n` being one of image
/// `n mod B`.
pub fn apply(rows: &[f64], outputs: &[f64], batch: usize, width: usize) -> Vec<f64> {
    let per_image = rows.len() / batch;
    let value = |row: &[f64], y: &[f64]| row.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
    outputs
        .chunks(width)
        .enumerate()
        .flat_map(|(point, y)| {
            let image = point % batch;
            rows[image * per_image..(image + 1) * per_image]
                .chunks(width)
                .map(move |row| value(row, y))
        })
        .collect()
}
