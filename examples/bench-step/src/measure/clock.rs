//! Repeating and timing.

use std::time::{Duration, Instant};

use crate::arguments::Settings;

/// The seconds of each repetition of a piece of work, after those that warm up.
///
/// At least one repetition is timed; none begins when [`Settings::at_most`] is over.
pub(super) fn times<E>(
    settings: &Settings,
    mut work: impl FnMut() -> Result<(), E>,
) -> Result<Vec<f64>, E> {
    for _ in 0..settings.warmup {
        work()?;
    }
    let deadline = Deadline::start(settings);
    let mut times = Vec::new();
    while times.len() < settings.repeats && (times.is_empty() || !deadline.is_over()) {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// The moment after which no repetition begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    start: Instant,
    allowed: Duration,
}

impl Deadline {
    /// Counts from now.
    pub(super) fn start(settings: &Settings) -> Self {
        Self {
            start: Instant::now(),
            allowed: Duration::from_secs(settings.at_most),
        }
    }

    pub(super) fn is_over(self) -> bool {
        self.start.elapsed() >= self.allowed
    }
}
