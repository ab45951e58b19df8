//! Reading the safetensors files of reference figures.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

/// The tensors of a file, by name.
pub struct TensorFile(Vec<u8>);

impl TensorFile {
    /// Reads a file.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// The values of a tensor, float or int, as `f64`, and its shape.
    ///
    /// # Panics
    ///
    /// If the file has no such tensor, or one of another type.
    pub fn values(&self, name: &str) -> (Vec<f64>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        let view = file
            .tensor(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F32 => read(bytes, |b| f64::from(f32::from_le_bytes(b))),
            Dtype::F64 => read(bytes, f64::from_le_bytes),
            Dtype::I32 => read(bytes, |b| f64::from(i32::from_le_bytes(b))),
            Dtype::I64 => read(bytes, |b| i64::from_le_bytes(b) as f64),
            other => panic!("{name}: {other:?} is no type of the reference figures"),
        };
        (values, view.shape().to_vec())
    }

    /// Whether the file has a tensor.
    ///
    /// # Panics
    ///
    /// If the file is damaged.
    pub fn has(&self, name: &str) -> bool {
        let file = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        file.tensor(name).is_ok()
    }

    /// A tensor on a device.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (values, shape) = self.values(name);
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

fn read<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|&chunk| value(chunk)).collect()
}

/// The largest difference between a tensor and reference values, where it lies, relative to the
/// larger of 1 and the reference.
///
/// # Panics
///
/// If the numbers of values differ.
pub fn largest_difference<const D: usize>(ours: Tensor<D>, reference: &[f64]) -> (f64, usize) {
    let ours: Vec<f64> = ours.into_data().iter::<f64>().collect();
    assert_eq!(ours.len(), reference.len(), "the number of values");
    ours.iter()
        .zip(reference)
        .map(|(ours, theirs)| {
            let difference = (ours - theirs).abs() / theirs.abs().max(1.0);
            if difference.is_nan() {
                f64::INFINITY
            } else {
                difference
            }
        })
        .enumerate()
        .map(|(index, difference)| (difference, index))
        .fold(
            (0.0, 0),
            |worst, next| if next.0 > worst.0 { next } else { worst },
        )
}
