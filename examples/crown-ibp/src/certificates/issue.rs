//! The certificates of a model.

use burn::data::dataset::Dataset;
use burn::tensor::DType;
use burn_crown::certificate::{
    Arithmetic, Certificate, CertifiedBound, CertifiedRegion, ImageIdentity, ModelIdentity, sha256,
};
use burn_crown::{BoundConfig, BoundError};

use crate::data::{DatasetName, ImageDataset, Split};
use crate::precision::Precision;

/// What the certificates of a model on a dataset have in common.
#[derive(Clone, Debug)]
pub struct Issuer {
    model: ModelIdentity,
    dataset: DatasetName,
    images: ImageDataset,
    region: CertifiedRegion,
    bound: CertifiedBound,
    arithmetic: Arithmetic,
}

impl Issuer {
    /// For the test images of a dataset, bounded by a config in a precision.
    ///
    /// # Errors
    ///
    /// For a precision in which bounds are not computed.
    pub fn new(
        model: ModelIdentity,
        dataset: DatasetName,
        images: ImageDataset,
        region: CertifiedRegion,
        config: &BoundConfig,
        precision: Precision,
    ) -> Result<Self, BoundError> {
        let dtype = match precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        Ok(Self {
            model,
            dataset,
            images,
            region,
            bound: config.into(),
            arithmetic: Arithmetic::of(dtype, config)?,
        })
    }

    /// The certificate of an image, from the lower bounds of its margins.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn certificate(&self, index: usize, margins: &[f64]) -> Certificate {
        let margins: Vec<Option<f64>> = margins
            .iter()
            .map(|&margin| margin.is_finite().then_some(margin))
            .collect();
        Certificate {
            form: Certificate::FORM,
            computed_by: concat!("crown-ibp ", env!("CARGO_PKG_VERSION")).into(),
            model: self.model.clone(),
            image: image_identity(self.dataset, &self.images, index),
            region: self.region.clone(),
            bound: self.bound,
            arithmetic: self.arithmetic,
            certified: Certificate::certifies(&margins),
            margins,
        }
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.images.len()
    }
}

/// The identity of a test image.
pub(super) fn image_identity(
    dataset: DatasetName,
    images: &ImageDataset,
    index: usize,
) -> ImageIdentity {
    ImageIdentity {
        dataset: dataset.to_string(),
        split: Split::Test.to_string(),
        index,
        pixels: sha256(images.image(index)),
        label: images.labels()[index].into(),
    }
}
