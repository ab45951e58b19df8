//! What the figures should be, on a CPU with one thread and with two.

use burn_crown::Method;

use crate::case::{Case, Loss, Network, Task};

/// How many times as long as libtorch flex may take.
pub const FLEX_TO_LIBTORCH: f64 = 1.5;

/// The throughput that two workers should have, in multiples of that of one.
pub const TWO_WORKERS: f64 = 1.6;

/// The limits of a case, where it has some.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    /// The time on libtorch, in multiples of PyTorch's natural step of the same network.
    pub times: Option<f64>,
    /// The largest memory of the process, in bytes.
    pub bytes: Option<u64>,
}

/// The limits of a case at its own size.
///
/// The memory of training is that of the CROWN-IBP reference program.
pub fn target(case: &Case) -> Target {
    use Network::{FourLayer, Large, TwoLayer};
    let (times, bytes) = match (case.task, case.network) {
        (Task::Train(Loss::Ibp), _) => (Some(1.6), None),
        (Task::Train(Loss::CrownIbp), TwoLayer) => (Some(10.0), Some(890_000_000)),
        (Task::Train(Loss::CrownIbp), FourLayer) => (Some(13.0), Some(1_640_000_000)),
        (Task::Train(Loss::CrownIbp), Large) => (Some(6.0), None),
        (Task::Train(Loss::Fused), TwoLayer | FourLayer) => (Some(4.0), None),
        (Task::Train(Loss::Fused), Large) => (Some(2.5), None),
        (Task::Verify(what), network) if what.method == Method::Crown => match network {
            TwoLayer => (Some(35.0), Some(500_000_000)),
            FourLayer => (Some(220.0), Some(1_000_000_000)),
            Large => (None, Some(8_000_000_000)),
        },
        (Task::Train(Loss::Natural) | Task::Workers(..) | Task::Verify(_), _) => (None, None),
    };
    Target { times, bytes }
}
