//! `crown-ibp export`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clap::Args;

use super::ProgramError;
use super::arguments::Selection;
use super::weights::weights_file;
use crate::config::ModelEntry;
use crate::data::CustomDataset;
use crate::models::Architecture;
use crate::terminal::say;
use crate::weights::{Choice, load_weights, save_weights};

/// What `export` takes.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    selection: Selection,
    /// The file of weights, or the folder with a file of each model; without it, those that
    /// `train` left
    #[arg(long, value_name = "FILE|FOLDER")]
    weights: Option<PathBuf>,
    /// Export the models after the last epoch, not the best ones
    #[arg(long)]
    last: bool,
    /// A file that ends in .safetensors, or a folder for NAME.safetensors of each model
    #[arg(long, value_name = "FILE|FOLDER", value_parser = output)]
    output: PathBuf,
}

/// The file or folder of `--output`: a name of another form of weights is a slip, and no folder.
fn output(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("pth" | "pt" | "bin" | "bpk" | "onnx") => Err(format!(
            "only .{EXTENSION} files are written; name one, or a folder"
        )),
        _ => Ok(path),
    }
}

impl ExportArguments {
    /// Writes the models in PyTorch's layouts, under the keys of the reference program.
    ///
    /// Nothing is written unless all weights are there.
    pub(super) fn run<A: Architecture>(
        &self,
        datasets: &'static [CustomDataset],
    ) -> Result<(), ProgramError> {
        let experiment = self.selection.load::<A>(datasets)?;
        let models = experiment.models.len();
        if is_file(&self.output) && models > 1 {
            return Err(ProgramError::OneFile {
                file: self.output.clone(),
                models,
            });
        }
        let choice = match self.last {
            true => Choice::Last,
            false => Choice::Best,
        };
        let files: Vec<_> = experiment
            .models
            .iter()
            .map(|entry| weights_file(&experiment, entry, choice, self.weights.as_deref()))
            .collect::<Result<_, _>>()?;
        for (entry, file) in experiment.models.iter().zip(files) {
            let model = load_weights(&entry.model, &Device::default(), &file)?;
            let output = self.output_of(entry);
            save_weights::<A>(&model, &output)?;
            say(format!(
                "{}: {} saved as {}",
                entry.model_id,
                file.display(),
                output.display()
            ));
        }
        Ok(())
    }

    fn output_of<A>(&self, entry: &ModelEntry<A>) -> PathBuf {
        if is_file(&self.output) {
            self.output.clone()
        } else {
            self.output.join(format!("{}.{EXTENSION}", entry.model_id))
        }
    }
}

const EXTENSION: &str = "safetensors";

/// Whether the destination is one file, by its name.
fn is_file(output: &Path) -> bool {
    output.extension().is_some_and(|ending| ending == EXTENSION)
}
