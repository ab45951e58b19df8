//! A stated number of inputs for a target, each with limits of time and of memory.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use crate::mutator::Mutator;
use crate::targets::{Outcome, put};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Lets one test run at a time: memory is that of the process, with what a test prepares.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Far more than any input takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The number of inputs of each target in place of the stated one.
const CASES: &str = "BURN_CROWN_FUZZ_CASES";
/// The folder in which each target's valid inputs are put, for a fuzzer to begin from.
const CORPUS: &str = "BURN_CROWN_FUZZ_CORPUS";
/// The seed in place of 1.
const SEED: &str = "BURN_CROWN_FUZZ_SEED";

/// A target with valid inputs to begin from.
pub(crate) struct Bounded {
    name: &'static str,
    target: fn(&[u8]) -> Outcome,
    valid: Vec<Vec<u8>>,
    memory: Memory,
}

/// How many bytes of memory an input may take.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Whatever its length is.
    pub(crate) least: usize,
    /// For each of its bytes.
    pub(crate) per_byte: usize,
}

/// What came of an input.
struct Case {
    outcome: Outcome,
    memory: usize,
}

impl Bounded {
    /// A target by its name.
    pub(crate) fn new(name: &'static str, target: fn(&[u8]) -> Outcome, memory: Memory) -> Self {
        let valid = Vec::new();
        Self {
            name,
            target,
            valid,
            memory,
        }
    }

    /// Runs the valid inputs, which have to be accepted, and a number of changed ones, of which
    /// some have to be refused.
    pub(crate) fn run(self, cases: usize, valid: impl FnOnce() -> Vec<Vec<u8>>) {
        self.changed(cases, valid, true);
    }

    /// [`run`](Self::run) with inputs that are refused even unchanged.
    pub(crate) fn run_refused(self, cases: usize, invalid: impl FnOnce() -> Vec<Vec<u8>>) {
        self.changed(cases, invalid, false);
    }

    fn changed(mut self, cases: usize, valid: impl FnOnce() -> Vec<Vec<u8>>, accepted: bool) {
        self.valid = valid();
        if let Some(folder) = std::env::var_os(CORPUS) {
            let folder = PathBuf::from(folder).join(self.name);
            for (index, valid) in self.valid.iter().enumerate() {
                put(folder.join(index.to_string()), valid);
            }
        }
        let cases = number(CASES).map_or(cases, |cases| cases as usize);
        let mut mutator = Mutator::new(&self.valid, number(SEED).unwrap_or(1));
        let (started, mut refused, mut largest) = (Instant::now(), 0, 0);
        self.each(|index, target| {
            let (name, unchanged) = (self.name, self.valid.get(index));
            let case = match unchanged {
                Some(valid) => target(valid.clone()),
                None if index < self.valid.len() + cases => target(mutator.input()),
                None => return ControlFlow::Break(()),
            };
            largest = largest.max(case.memory);
            match (case.outcome, unchanged) {
                (Err(words), Some(_)) if accepted => {
                    panic!("{name}: valid input {index} is refused: {words}")
                }
                (Ok(()), Some(_)) if !accepted => panic!("{name}: input {index} is accepted"),
                (Err(words), _) if words.is_empty() => panic!("{name}: refused without words"),
                (Err(_), None) => refused += 1,
                _ => {}
            }
            ControlFlow::Continue(())
        });
        eprintln!(
            "fuzz {}: {cases} inputs, {refused} refused, {} accepted; {:.1} s, at most {:.1} MiB",
            self.name,
            cases - refused,
            started.elapsed().as_secs_f64(),
            largest as f64 / (1 << 20) as f64,
        );
        assert!(refused > cases / 20, "{}: {refused} are refused", self.name);
    }

    /// Runs inputs, each of which has to be refused, and gives what the user is told.
    pub(crate) fn refusals(&self, inputs: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
        let (mut inputs, mut told) = (inputs.into_iter(), Vec::new());
        self.each(|index, target| {
            let Some(input) = inputs.next() else {
                return ControlFlow::Break(());
            };
            match target(input).outcome {
                Ok(()) => panic!("{}: input {index} is accepted", self.name),
                Err(words) => told.push(words),
            }
            ControlFlow::Continue(())
        });
        told
    }

    /// Gives `body` what runs the target, on a thread that may hang.
    fn each(&self, mut body: impl FnMut(usize, &dyn Fn(Vec<u8>) -> Case) -> ControlFlow<()>) {
        let (inputs, to_do) = channel::<Vec<u8>>();
        let (done, outcomes) = channel();
        let target = self.target;
        let worker = thread::spawn(move || {
            for input in to_do {
                MEMORY.reset_peak_usage();
                let before = MEMORY.current_usage();
                let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
                let memory = MEMORY.peak_usage().saturating_sub(before);
                if done.send((outcome, memory)).is_err() {
                    break;
                }
            }
        });
        // Here lies the input under way: that of a crash too, which no test survives.
        let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "fuzz-{}-{}",
            self.name,
            std::process::id()
        ));
        let run = |input: Vec<u8>| {
            put(&kept, &input);
            let limit = self.memory.least + self.memory.per_byte * input.len();
            let what = format!("{}: the input in {}", self.name, kept.display());
            inputs.send(input).unwrap();
            match outcomes.recv_timeout(PATIENCE) {
                Ok((Ok(outcome), memory)) => {
                    assert!(memory <= limit, "{what} takes {memory} bytes");
                    Case { outcome, memory }
                }
                Ok((Err(_), _)) => panic!("{what} makes it panic"),
                Err(RecvTimeoutError::Timeout) => panic!("{what} takes over {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("{what} ends the thread"),
            }
        };
        for index in 0.. {
            if body(index, &run).is_break() {
                break;
            }
        }
        drop(inputs);
        worker.join().unwrap();
        std::fs::remove_file(&kept).ok();
    }
}

/// The number that an environment variable names.
fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={value} is no number")),
    )
}
