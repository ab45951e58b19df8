//! Random changes of items, such as crops and flips of images.

use std::fmt;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;

type Change<I> = dyn Fn(I, &mut ItemRng) -> I + Send + Sync;

/// The random generator of one item: that of `rand` 0.10.
pub type ItemRng = StdRng;

/// A change of items, each with random numbers of its own.
pub(super) struct Transform<I> {
    seed: u64,
    change: Arc<Change<I>>,
}

impl<I> Transform<I> {
    pub(super) fn new(
        seed: u64,
        change: impl Fn(I, &mut ItemRng) -> I + Send + Sync + 'static,
    ) -> Self {
        Self {
            seed,
            change: Arc::new(change),
        }
    }

    /// The item of this index in the data set, as it is in an epoch.
    pub(super) fn apply(&self, epoch: usize, index: usize, item: I) -> I {
        (self.change)(item, &mut random_of(self.seed, epoch, Some(index)))
    }
}

impl<I> Clone for Transform<I> {
    fn clone(&self) -> Self {
        Self {
            seed: self.seed,
            change: self.change.clone(),
        }
    }
}

impl<I> fmt::Debug for Transform<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transform")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// The random numbers of an epoch, for its order, or of one of its items.
///
/// They are a function of the arguments alone, and different arguments give unrelated numbers.
pub(super) fn random_of(seed: u64, epoch: usize, item: Option<usize>) -> StdRng {
    let mut state = [0; 32];
    state[..8].copy_from_slice(&seed.to_le_bytes());
    state[8..16].copy_from_slice(&(epoch as u64).to_le_bytes());
    if let Some(index) = item {
        state[16..24].copy_from_slice(&(index as u64).to_le_bytes());
        state[24] = 1;
    }
    StdRng::from_seed(state)
}
