//! What is asked of the output.

use burn::tensor::{Int, Tensor, TensorData};

use crate::error::BoundError;
use crate::tensor::AnyTensor;

/// The linear functions of the output that are bounded, `S` of them for each image.
///
/// They are merged into the last affine layer: the bound of a margin is that of the difference of
/// two outputs, not the difference of their bounds.
#[derive(Clone, Debug)]
pub enum Specification {
    /// The outputs themselves, flattened: `S` is their number.
    Outputs,
    /// The margins of the labels `[B]`: the output of the true class minus that of each other
    /// class, in increasing order of classes; `S = classes − 1`. The output must be
    /// `[B, classes]`. An image is certified when all of its margins are positive.
    Margins(Tensor<1, Int>),
    /// The rows of `C` `[B, S, outputs]`, or `[1, S, outputs]` for all images.
    Linear(Tensor<3>),
}

impl Specification {
    /// The rows as `[B, S, O]`, for an output of `shape` `[B, ...]`.
    pub(crate) fn rows(&self, shape: &[usize], like: &AnyTensor) -> Result<AnyTensor, BoundError> {
        let batch = shape[0];
        let outputs: usize = shape[1..].iter().product();
        match self {
            Self::Outputs => Ok(AnyTensor::from_data_like(identity(outputs), like)
                .expand(&[batch, outputs, outputs])),
            Self::Margins(labels) => {
                if shape.len() != 2 || outputs < 2 {
                    return Err(mismatch(format!(
                        "margins need an output [batch, classes] with two classes or more; the \
                         model gives {shape:?}"
                    )));
                }
                let labels = read_labels(labels, batch, outputs)?;
                Ok(AnyTensor::from_data_like(margins(&labels, outputs), like))
            }
            Self::Linear(rows) => {
                let given = rows.dims();
                if (given[0] != batch && given[0] != 1) || given[1] == 0 || given[2] != outputs {
                    return Err(mismatch(format!(
                        "rows of shape {given:?} for an output of shape {shape:?}; give [batch, \
                         rows, outputs]"
                    )));
                }
                let rows = AnyTensor::new(rows.clone());
                let (rows_are, input_is) = (rows.placement(), like.placement());
                if rows_are != input_is {
                    return Err(mismatch(format!(
                        "the rows are {rows_are}, the input {input_is}; convert one of them"
                    )));
                }
                Ok(rows.expand(&[batch, given[1], outputs]))
            }
        }
    }
}

fn identity(size: usize) -> TensorData {
    let mut values = vec![0.0_f64; size * size];
    values
        .iter_mut()
        .step_by(size + 1)
        .for_each(|value| *value = 1.0);
    TensorData::new(values, [1, size, size])
}

fn read_labels(
    labels: &Tensor<1, Int>,
    batch: usize,
    classes: usize,
) -> Result<Vec<usize>, BoundError> {
    let values: Vec<i64> = labels.clone().into_data().iter::<i64>().collect();
    if values.len() != batch {
        return Err(mismatch(format!(
            "{} labels for a batch of {batch}",
            values.len()
        )));
    }
    values
        .iter()
        .map(|&label| {
            usize::try_from(label)
                .ok()
                .filter(|&label| label < classes)
                .ok_or_else(|| mismatch(format!("label {label}, but there are {classes} classes")))
        })
        .collect()
}

fn margins(labels: &[usize], classes: usize) -> TensorData {
    let mut values = vec![0.0_f64; labels.len() * (classes - 1) * classes];
    let mut rows = values.chunks_exact_mut(classes);
    for &label in labels {
        for (other, row) in (0..classes).filter(|&other| other != label).zip(&mut rows) {
            row[label] = 1.0;
            row[other] = -1.0;
        }
    }
    TensorData::new(values, [labels.len(), classes - 1, classes])
}

fn mismatch(reason: String) -> BoundError {
    BoundError::Specification(reason)
}
