//! `crown-ibp eval`.

use std::path::{Path, PathBuf};

use burn_crown::{Method, Norm};
use clap::Args;

use super::ProgramError;
use super::arguments::{BoundMethod, Experiment};
use super::session::Session;
use super::weights::weights_file;
use crate::config::{EvalParams, ModelEntry};
use crate::evaluation::{Errors, evaluate};
use crate::models::Architecture;
use crate::report::{Row, report};
use crate::storage::write_bytes;
use crate::terminal::{complain, say};
use crate::training::{prepared, verification};
use crate::weights::{Choice, load_weights};

/// What `eval` takes.
#[derive(Debug, Args)]
pub(super) struct EvalArguments {
    #[command(flatten)]
    pub(super) experiment: Experiment,
    /// Verify by this method instead of the file's, naturally trained models too
    #[arg(long, value_enum)]
    method: Option<BoundMethod>,
    /// Evaluate the models after the last epoch, not the best ones
    #[arg(long)]
    last: bool,
    /// A file of weights, or a folder with a file of each model: PyTorch's (.pth, the reference
    /// program's too), safetensors, or this program's; without it, those that `train` left
    #[arg(long, value_name = "FILE|FOLDER")]
    weights: Option<PathBuf>,
}

impl<A: Architecture> Session<A> {
    /// Prints the errors of the trained models.
    ///
    /// A model that fails does not keep the others from being evaluated.
    pub(super) fn evaluate(&self, arguments: &EvalArguments) -> Result<(), ProgramError> {
        let choice = match arguments.last {
            true => Choice::Last,
            false => Choice::Best,
        };
        let mut rows = Vec::new();
        let mut failures = Vec::new();
        for entry in &self.experiment.models {
            let weights = arguments.weights.as_deref();
            let row = weights_file(&self.experiment, entry, choice, weights)
                .and_then(|file| self.evaluate_one(entry, &file, arguments.method.map(Into::into)));
            match row {
                Ok(row) => rows.push(row),
                // What is wrong with the command line is wrong for every model.
                Err(failure @ ProgramError::OneFile { .. }) => return Err(failure),
                Err(failure) => failures.push(failure),
            }
        }
        if !rows.is_empty() {
            say(report(&rows));
        }
        ProgramError::all(failures, self.experiment.models.len())
    }

    /// The errors of a model with the weights in a file; they are written to its log too.
    pub(super) fn evaluate_one(
        &self,
        entry: &ModelEntry<A>,
        file: &Path,
        method: Option<Method>,
    ) -> Result<Row, ProgramError> {
        let model = load_weights(&entry.model, &self.device, file)?;
        let row = self.row(entry, &model, file.into(), method)?;
        let log = self.experiment.files(entry).eval_log;
        // The figures are there, whether or not they can be written down.
        if let Err(error) = write_bytes(log, row.to_log().as_bytes()) {
            complain(format!("note: {error}"));
        }
        Ok(row)
    }

    /// The errors of a model, for the table.
    fn row(
        &self,
        entry: &ModelEntry<A>,
        model: &A::Model,
        file: PathBuf,
        method: Option<Method>,
    ) -> Result<Row, ProgramError> {
        let eval = EvalParams {
            // Who names a method wants the bound.
            verbose: entry.eval_params.verbose || method.is_some(),
            ..entry.eval_params.clone()
        };
        let test = prepared(&self.images.test, &eval.loader_params);
        let mut verification = verification(&eval, &test.normalization());
        if let (Some(verification), Some(method)) = (&mut verification, method) {
            verification.config.method = method;
        }
        let errors: Errors = evaluate(
            model,
            &test,
            eval.loader_params.test_batch_size,
            &self.device,
            verification.as_ref(),
            &entry.model_id,
        )
        .map_err(|source| ProgramError::Bound {
            model: entry.model_id.clone(),
            source,
        })?;
        let method = verification.map_or_else(
            || "—".into(),
            |verification| {
                let norm = norm_before_radius(eval.norm);
                format!("{}, {norm}ε {}", verification.config.method, eval.epsilon)
            },
        );
        Ok(Row {
            model: entry.model_id.clone(),
            file,
            method,
            errors,
        })
    }
}

/// A norm's name where a radius follows; L∞, of which ε alone is understood, has none.
fn norm_before_radius(norm: Norm) -> String {
    match norm {
        Norm::Linf => String::new(),
        Norm::L2 => "L2 ".into(),
        Norm::L1 => "L1 ".into(),
        Norm::Lp(exponent) => format!("L{exponent} "),
    }
}
