//! Which method bounds the network, and how.

use std::sync::LazyLock;

use burn::config::Config;
use serde::{Deserialize, Serialize};

/// How bounds are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Interval bound propagation (Gowal et al. 2018, arXiv 1810.12715): the cheapest, and the
    /// loosest on networks that were not trained for it.
    Interval,
    /// CROWN-IBP (Zhang et al. 2020, arXiv 1906.06316): intervals for the inner nodes, then one
    /// backward pass of linear bounds from the specification.
    CrownIbp,
    /// CROWN (Zhang et al. 2018, arXiv 1811.00866): backward passes for every pre-activation.
    Crown,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Interval => "IBP",
            Self::CrownIbp => "CROWN-IBP",
            Self::Crown => "CROWN",
        })
    }
}

/// The slope of the line below a rectifier whose sign is open. Each is sound; which is tightest
/// depends on the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LowerSlope {
    /// 1 where the interval lies more above zero than below, else 0: the smaller area.
    #[default]
    Adaptive,
    /// The slope of the line above (Fast-Lin, Weng et al. 2018).
    Same,
    /// Always 0.
    Zero,
    /// Always 1.
    One,
}

/// How bounds are computed: the method and its options.
///
/// ```
/// use burn_crown::{BoundConfig, LowerSlope, Method};
///
/// let config = BoundConfig::new(Method::CrownIbp).with_slope(LowerSlope::Zero);
/// # let _ = config;
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct BoundConfig {
    /// The bound method.
    pub method: Method,
    /// The lower slope of rectifiers in linear bounds.
    #[config(default = "LowerSlope::Adaptive")]
    pub slope: LowerSlope,
    /// Whether [`Method::Crown`] bounds every neuron by a backward pass, as the literature states
    /// it. By default only neurons that intervals leave open are, and the others keep their
    /// interval: fewer rows, and bounds of inner nodes that are never looser.
    #[config(default = "false")]
    pub all_neurons: bool,
    /// The memory, in bytes, that the rows in flight of [`Method::Crown`] may take; they are
    /// processed in chunks that fit. Default: a quarter of the machine's free memory, at most
    /// 2 GiB. The limit cannot hold while gradients are recorded.
    pub memory_limit: Option<usize>,
}

impl BoundConfig {
    pub(crate) fn memory_limit_or_default(&self) -> usize {
        self.memory_limit.unwrap_or(*DEFAULT_LIMIT)
    }
}

static DEFAULT_LIMIT: LazyLock<usize> = LazyLock::new(|| {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let quarter = usize::try_from(system.available_memory() / 4).unwrap_or(usize::MAX);
    quarter.clamp(1 << 26, 2 << 30)
});
