//! `crown-ibp eval`.

use std::path::{Path, PathBuf};

use burn::tensor::Tensor;
use burn_crown::certificate::{Certificate, ModelIdentity};
use burn_crown::{Method, Norm};
use clap::Args;

use super::ProgramError;
use super::arguments::{BoundMethod, Experiment};
use super::session::Session;
use super::weights::weights_file;
use crate::certificates::{self, Issuer};
use crate::config::{EvalParams, ModelEntry};
use crate::data::ImageDataset;
use crate::evaluation::{Errors, Verification, evaluate_each};
use crate::models::Architecture;
use crate::precision::{Precision, RoundingMode};
use crate::region::certified_region;
use crate::report::{Row, norm_name, report};
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
    /// The floating-point type in which models are evaluated
    #[arg(long, value_enum, default_value_t)]
    precision: Precision,
    /// Whether bounds account for floating-point rounding
    #[arg(long, value_enum, default_value_t)]
    rounding: RoundingMode,
    /// Write a certificate of each test image to this file, one line of JSON an image, with those
    /// that are not certified; `verify-certificate` checks it
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
}

/// How models are evaluated, other than their parameters say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Otherwise {
    method: Option<Method>,
    precision: Precision,
    rounding: RoundingMode,
}

impl<A: Architecture> Session<A> {
    /// Prints the errors of the trained models.
    ///
    /// A model that fails does not keep the others from being evaluated.
    pub(super) fn evaluate(&self, arguments: &EvalArguments) -> Result<(), ProgramError> {
        if (arguments.precision, arguments.rounding) == (Precision::F64, RoundingMode::AsRun) {
            return Err(ProgramError::RunsInSinglePrecision);
        }
        let choice = match arguments.last {
            true => Choice::Last,
            false => Choice::Best,
        };
        let otherwise = Otherwise {
            method: arguments.method.map(Into::into),
            precision: arguments.precision,
            rounding: arguments.rounding,
        };
        let mut rows = Vec::new();
        let mut failures = Vec::new();
        let mut issued = arguments.certificates.as_ref().map(|_| Vec::new());
        for entry in &self.experiment.models {
            let weights = arguments.weights.as_deref();
            let row = weights_file(&self.experiment, entry, choice, weights)
                .and_then(|file| self.evaluate_one(entry, &file, otherwise, issued.as_mut()));
            match row {
                Ok(row) => rows.push(row),
                // What is wrong with the command line is wrong for every model.
                Err(failure @ (ProgramError::OneFile { .. } | ProgramError::LastOfFile { .. })) => {
                    return Err(failure);
                }
                Err(failure) => failures.push(failure),
            }
        }
        if !rows.is_empty() {
            say(report(&rows));
            if let (Some(file), Some(issued)) = (&arguments.certificates, &issued) {
                certificates::write(file, issued)?;
            }
        }
        ProgramError::all(failures, self.experiment.models.len())
    }

    /// The errors of a model with the weights in a file; they are written to its log too. The
    /// certificates of its images are added to `issued`, if they are wanted.
    pub(super) fn evaluate_one(
        &self,
        entry: &ModelEntry<A>,
        file: &Path,
        otherwise: Otherwise,
        issued: Option<&mut Vec<Certificate>>,
    ) -> Result<Row, ProgramError> {
        let model = load_weights(&entry.model, &self.device, file)?;
        let row = self.row(entry, model, file.into(), otherwise, issued)?;
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
        model: A::Model,
        file: PathBuf,
        otherwise: Otherwise,
        issued: Option<&mut Vec<Certificate>>,
    ) -> Result<Row, ProgramError> {
        let eval = EvalParams {
            // Who names a method wants the bound.
            verbose: entry.eval_params.verbose || otherwise.method.is_some(),
            ..entry.eval_params.clone()
        };
        let test = prepared(&self.images.test, &eval.loader_params);
        let mut verification = verification(&eval, &test.normalization());
        if let (Some(verification), Some(method)) = (&mut verification, otherwise.method) {
            verification.config.method = method;
        }
        match &mut verification {
            Some(verification) => verification.config.rounding = otherwise.rounding.into(),
            None if otherwise.rounding != RoundingMode::Plain => complain(format!(
                "note: {}: nothing is bounded, so --rounding changes nothing; name a --method",
                entry.model_id
            )),
            None => {}
        }
        let issuer = match (&issued, &verification) {
            (Some(_), Some(verification)) => Some(self.issuer(
                entry,
                &eval,
                &model,
                &test,
                verification,
                otherwise.precision,
            )?),
            (Some(_), None) => {
                return Err(ProgramError::NothingBounded {
                    model: entry.model_id.clone(),
                });
            }
            (None, _) => None,
        };
        let model = otherwise.precision.model(model);
        let mut certificates = Vec::new();
        let errors: Errors = evaluate_each(
            &model,
            &test,
            eval.loader_params.test_batch_size,
            &self.device,
            verification.as_ref(),
            &entry.model_id,
            |index, margins| {
                certificates.extend(issuer.as_ref().map(|by| by.certificate(index, margins)));
            },
        )
        .map_err(|source| match otherwise.precision {
            Precision::F32 => ProgramError::bound(entry, source),
            Precision::F64 => ProgramError::Precision {
                model: entry.model_id.clone(),
                source,
            },
        })?;
        if let Some(issued) = issued {
            issued.append(&mut certificates);
        }
        let method = verification.map_or_else(
            || "—".into(),
            |verification| {
                // Of L∞, ε alone is understood.
                let norm = match eval.norm {
                    Norm::Linf => String::new(),
                    norm => format!("{} ", norm_name(norm)),
                };
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

impl<A: Architecture> Session<A> {
    /// What issues the certificates of a model.
    fn issuer(
        &self,
        entry: &ModelEntry<A>,
        eval: &EvalParams,
        model: &A::Model,
        test: &ImageDataset,
        verification: &Verification,
        precision: Precision,
    ) -> Result<Issuer, ProgramError> {
        let [channels, height, width] = test.shape();
        let input = Tensor::<4>::zeros([1, channels, height, width], &self.device);
        let region = certified_region(
            eval.norm,
            eval.epsilon,
            eval.method_params.bounded_input,
            &test.normalization(),
        );
        let dataset = self.experiment.dataset;
        ModelIdentity::of(&entry.model_id, model, input)
            .map_err(Into::into)
            .and_then(|identity| {
                let (test, config) = (test.clone(), &verification.config);
                Issuer::new(identity, dataset, test, region, config, precision)
            })
            .map_err(|source| ProgramError::bound(entry, source))
    }
}
