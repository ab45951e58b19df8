//! The forms of a file of weights, known by content.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use burn::module::Module;
use burn::store::burn_pack::Tensor as StoredTensor;
use burn::store::{
    ApplyResult, BurnToPyTorchAdapter, BurnpackStore, ModuleSnapshot, ModuleStore,
    PyTorchToBurnAdapter, PytorchStore, SafetensorsStore,
};

use burn::tensor::Bytes;

use super::{WeightsError, unpacked};

/// The form of a file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsForm {
    /// What `torch.save` writes, in any version: a state dict, or a checkpoint around one.
    Pytorch,
    /// Safetensors, with PyTorch's layouts.
    Safetensors,
    /// A model file of this program: Burn's own record, burnpack.
    Burnpack,
}

impl fmt::Display for WeightsForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pytorch => "a PyTorch file",
            Self::Safetensors => "a safetensors file",
            Self::Burnpack => "a model file of Burn",
        })
    }
}

/// As much of a file as its form can be known from: the mark of a TAR archive is the last, at 257.
const START: u64 = 262;

impl WeightsForm {
    /// The form of a file, by its first bytes; the name does not matter.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Open`] for a missing file, [`WeightsError::Unknown`] for one that begins
    /// like none of the forms.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let start = start_of(path).map_err(|source| WeightsError::Open {
            path: path.into(),
            source,
        })?;
        Self::of_start(&start).map_err(|found| WeightsError::Unknown {
            path: path.into(),
            found,
        })
    }

    /// The form of a file that begins so; else what the file begins with, in words.
    fn of_start(start: &[u8]) -> Result<Self, &'static str> {
        // The mark is a number in little-endian order: "BURN" backwards.
        if start.starts_with(b"NRUB") {
            return Ok(Self::Burnpack);
        }
        // The length of the JSON header, then the header. Its first byte may be the pickle mark,
        // so this comes before PyTorch's forms.
        if start.get(8) == Some(&b'{') && start[4..8] == [0; 4] {
            return Ok(Self::Safetensors);
        }
        let zip = start.starts_with(b"PK\x03\x04");
        let pickle = start.first() == Some(&0x80);
        let tar = start.get(257..262) == Some(b"ustar");
        if zip || pickle || tar {
            return Ok(Self::Pytorch);
        }
        Err(match start {
            [] => "it is empty",
            start if is_text(start) => "it is a text",
            _ => "it begins like none of the known files",
        })
    }

    /// All tensors of a file by key, not yet read from disk.
    pub(super) fn tensors(self, path: &Path) -> Result<BTreeMap<String, StoredTensor>, String> {
        fn all<S: ModuleStore>(mut store: S) -> Result<BTreeMap<String, StoredTensor>, String> {
            let tensors = store.get_all_tensors().map_err(|error| error.to_string())?;
            Ok(tensors.clone())
        }
        match self {
            // The numbers of a `Sequential` have gaps on purpose: they tell the layers apart.
            Self::Pytorch => {
                unpacked::check(path)?;
                all(PytorchStore::from_file(path).map_indices_contiguous(false))
            }
            Self::Safetensors => all(SafetensorsStore::from_file(path)),
            // From memory: of a file, Burn reserves what the header asks for before it reads.
            Self::Burnpack => {
                let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
                all(BurnpackStore::from_bytes(Some(Bytes::from_bytes_vec(
                    bytes,
                ))))
            }
        }
    }

    /// The parameters of a module with the names and shapes that a file of this form has.
    pub(super) fn parameters<M: Module>(self, module: &M) -> Vec<StoredTensor> {
        match self {
            Self::Pytorch | Self::Safetensors => {
                module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true)
            }
            Self::Burnpack => module.collect(None, None, false),
        }
    }

    /// Puts tensors of this form, named as its [`parameters`](Self::parameters), into a module.
    pub(super) fn apply<M: Module>(
        self,
        module: &mut M,
        tensors: Vec<StoredTensor>,
    ) -> ApplyResult {
        match self {
            Self::Pytorch | Self::Safetensors => {
                module.apply(tensors, None, Some(Box::new(PyTorchToBurnAdapter)), true)
            }
            Self::Burnpack => module.apply(tensors, None, None, false),
        }
    }
}

fn is_text(start: &[u8]) -> bool {
    start
        .iter()
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a folder; name the file in it",
        ));
    }
    let mut start = Vec::new();
    file.take(START).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_known_by_its_first_bytes() {
        let form = WeightsForm::of_start;
        assert_eq!(form(b"NRUB\x01\x00"), Ok(WeightsForm::Burnpack));
        assert_eq!(form(b"PK\x03\x04\x00"), Ok(WeightsForm::Pytorch));
        assert_eq!(form(b"\x80\x02\x8a\x0a"), Ok(WeightsForm::Pytorch));
        assert_eq!(
            form(b"\x70\0\0\0\0\0\0\0{\"a"),
            Ok(WeightsForm::Safetensors)
        );
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar");
        assert_eq!(form(&tar), Ok(WeightsForm::Pytorch));
    }

    #[test]
    fn a_header_of_128_bytes_is_not_taken_for_a_pickle() {
        let start = b"\x80\0\0\0\0\0\0\0{\"a";
        assert_eq!(WeightsForm::of_start(start), Ok(WeightsForm::Safetensors));
    }

    #[test]
    fn what_is_none_of_the_forms_is_described() {
        let form = WeightsForm::of_start;
        assert_eq!(form(b""), Err("it is empty"));
        assert_eq!(form(b"<!DOCTYPE html>"), Err("it is a text"));
        assert_eq!(form(b"{\"model\": 1}"), Err("it is a text"));
        for start in [&b"\x7fELF\x02\xff"[..], &[0; 16]] {
            assert_eq!(form(start), Err("it begins like none of the known files"));
        }
    }
}
