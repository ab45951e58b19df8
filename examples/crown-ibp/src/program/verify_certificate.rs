//! `crown-ibp verify-certificate`.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use burn_crown::certificate::Certificate;
use clap::Args;

use super::ProgramError;
use super::arguments::Experiment;
use super::session::Session;
use super::weights::weights_file;
use crate::certificates::{Checker, Tally, Verdict, lines, read};
use crate::models::Architecture;
use crate::storage::StorageError;
use crate::terminal::say;
use crate::training::prepared;
use crate::weights::{Choice, load_weights};

/// What `verify-certificate` takes.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The file of certificates, one line of JSON an image
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    pub(super) experiment: Experiment,
    /// Check against the models after the last epoch, not the best ones
    #[arg(long)]
    last: bool,
    /// A file of weights, or a folder with a file of each model; without it, those that `train`
    /// left
    #[arg(long, value_name = "FILE|FOLDER")]
    weights: Option<PathBuf>,
    /// How far bounds may be below those of the certificates and count as equal, relative to them
    /// or to 1; by default 1e-4 for certificates computed in f32, 1e-9 in f64
    #[arg(long, value_name = "NUMBER", value_parser = tolerance)]
    tolerance: Option<f64>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "give a number".to_string())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("give a number that is not negative".into())
    }
}

impl<A: Architecture> Session<A> {
    /// Checks a file of certificates line by line, and says what it finds.
    ///
    /// # Errors
    ///
    /// [`ProgramError::NotConfirmed`], unless all are confirmed.
    pub(super) fn verify_certificates(
        &self,
        arguments: &VerifyArguments,
    ) -> Result<(), ProgramError> {
        let file = &arguments.file;
        let bytes = std::fs::read(file).map_err(|source| StorageError::Read {
            path: file.clone(),
            source,
        })?;
        let lines = lines(&bytes);
        if lines.is_empty() {
            return Err(ProgramError::NoCertificates { file: file.clone() });
        }
        let read: Vec<(usize, Result<Certificate, String>)> = lines
            .into_iter()
            .map(|(number, line)| (number, read(line)))
            .collect();
        let checkers = self.checkers(arguments, &read)?;
        let tally = check_all(&read, &checkers, arguments.tolerance);
        for line in tally.lines(|model| checkers.get(model).map(Checker::images)) {
            say(line);
        }
        let wrong = read.len() - tally.confirmed();
        if wrong > 0 {
            return Err(ProgramError::NotConfirmed {
                file: file.clone(),
                wrong,
                lines: read.len(),
            });
        }
        Ok(())
    }

    /// The checkers of the models that certificates name, as far as the experiment has them.
    fn checkers(
        &self,
        arguments: &VerifyArguments,
        read: &[(usize, Result<Certificate, String>)],
    ) -> Result<BTreeMap<String, Checker>, ProgramError> {
        let choice = match arguments.last {
            true => Choice::Last,
            false => Choice::Best,
        };
        let named: BTreeSet<&str> = read
            .iter()
            .filter_map(|(_, line)| Some(line.as_ref().ok()?.model.name.as_str()))
            .collect();
        let mut checkers = BTreeMap::new();
        for entry in &self.experiment.models {
            let name = &entry.model_id;
            if !named.contains(name.as_str()) {
                continue;
            }
            let weights = arguments.weights.as_deref();
            let file = weights_file(&self.experiment, entry, choice, weights)?;
            let model = load_weights(&entry.model, &self.device, file)?;
            let images = prepared(&self.images.test, &entry.eval_params.loader_params);
            let dataset = self.experiment.dataset;
            let checker = Checker::new(name, &model, dataset, images, &self.device);
            let checker = checker.map_err(|source| ProgramError::Recheck {
                model: name.clone(),
                source,
            })?;
            checkers.insert(name.clone(), checker);
        }
        Ok(checkers)
    }
}

/// Checks all lines, on all cores, and says what is found in their order.
fn check_all(
    read: &[(usize, Result<Certificate, String>)],
    checkers: &BTreeMap<String, Checker>,
    tolerance: Option<f64>,
) -> Tally {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut tally = Tally::default();
    for lines in read.chunks(cores) {
        let verdicts: Vec<Option<Verdict>> = thread::scope(|scope| {
            let check = |line: &Result<Certificate, String>| {
                let certificate = line.as_ref().ok()?;
                let checker = checkers.get(&certificate.model.name)?;
                Some(checker.check(certificate, tolerance))
            };
            let running: Vec<_> = lines
                .iter()
                .map(|(_, line)| scope.spawn(move || check(line)))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        for ((number, line), verdict) in lines.iter().zip(verdicts) {
            let said = match line {
                Ok(certificate) => tally.add(certificate, verdict),
                Err(reason) => tally.add_damaged(reason),
            };
            say(format!("line {number}: {said}"));
        }
    }
    tally
}
