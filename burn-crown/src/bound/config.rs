//! Which method bounds the network, and how.

use std::sync::LazyLock;

use burn::config::Config;
use serde::{Deserialize, Serialize};

use super::Rounding;

/// How bounds are computed.
///
/// Products of two values that both depend on the input, matrix products among them, lie between
/// planes that can be chosen in several ways; which is tightest depends on the network. Where a
/// network has such products, the last backward pass of linear bounds is made with each of three
/// choices, and of every row the best bound is given, unless [`BoundConfig::all_planes`] is false.
/// Networks without them take one pass.
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
    /// The convex adversarial polytope (Wong & Kolter 2018, arXiv 1711.00851), or Fast-Lin (Weng
    /// et al. 2018, arXiv 1804.09699): the dual network is CROWN's backward pass with
    /// [`LowerSlope::Same`], for every neuron. [`BoundConfig::slope`] and
    /// [`BoundConfig::all_neurons`] do not count for it.
    ///
    /// With [`BoundConfig::projections`] it gives estimates, which certify nothing.
    ConvexAdversarial,
    /// Forward-mode linear bounds (Xu et al. 2020, arXiv 2002.12920, section 3.2): each node lies
    /// between two linear functions of the perturbed inputs, made from those of its operands in one
    /// pass through the network.
    ///
    /// With `D` elements of the perturbed inputs (and parameters) of an image, it takes the time and
    /// the memory of about `4 D` forward passes, however many outputs and pre-activations there
    /// are, where [`Method::Crown`] takes two rows of a backward pass for each of those: the method
    /// for few inputs and many outputs. It is looser than CROWN, in wide regions also than
    /// CROWN-IBP.
    Forward,
    /// Forward-mode linear bounds for the pre-activations, then one backward pass from the
    /// specification (Xu et al. 2020): the cost of [`Method::Forward`] and of
    /// [`Method::CrownIbp`]'s backward pass, for bounds that are often close to CROWN's.
    ForwardBackward,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Interval => "IBP",
            Self::CrownIbp => "CROWN-IBP",
            Self::Crown => "CROWN",
            Self::ConvexAdversarial => "convex adversarial polytope",
            Self::Forward => "forward",
            Self::ForwardBackward => "forward+backward",
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

/// Random projections: estimates of the pre-activations' bounds at a cost that does not grow with
/// their number (Wong et al. 2018, arXiv 1805.12514).
///
/// The deviation of a neuron is a norm of its coefficients. It is estimated from `count` random
/// combinations of them: an L1 norm, which an L∞ region and the rectifiers' relaxations have, by the
/// median of Cauchy combinations; an L2 norm by the root mean square of normal ones. The relative
/// standard error is `π / (2 √count)` and `1 / √(2 count)`: 22 % and 10 % for 50 projections.
///
/// The estimate is above or below the bound with about equal probability. It is no bound.
///
/// The combinations take the memory and the time of `count` forward passes, which
/// [`BoundConfig::memory_limit`] does not hold down.
///
/// There are estimates for boxes and for L2 balls, of which the valid range is left out of account,
/// and for networks whose nonlinear operators are rectifiers.
///
/// ```
/// use burn_crown::{BoundConfig, Method, Projections};
///
/// let exact = BoundConfig::new(Method::ConvexAdversarial);
/// let estimate = exact.clone().with_projections(Some(Projections::new(50)));
/// assert!(estimate.is_estimate() && !exact.is_estimate());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projections {
    /// How many random combinations of each norm are drawn: 1 to [`MOST`](Self::MOST).
    pub count: usize,
    /// What they are drawn from. The same seed gives the same combinations, on every device and
    /// whatever else draws random numbers.
    pub seed: u64,
}

impl Projections {
    /// The most projections: with them the relative standard error is 0.6 % and 0.3 %.
    pub const MOST: usize = 1 << 16;

    /// `count` projections with the seed 0.
    pub fn new(count: usize) -> Self {
        Self { count, seed: 0 }
    }

    /// Drawn from another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// As many projections, drawn for a training step of their own, so that a run is not trained
    /// on the luck of one draw.
    pub fn at_step(self, step: usize) -> Self {
        // The golden ratio's bits keep the steps of one seed apart from those of the next seeds.
        let offset = (step as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.with_seed(self.seed.wrapping_add(offset))
    }
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
    /// interval: fewer rows, and bounds of inner nodes that are never looser. The forward methods
    /// have linear bounds of every neuron anyway, and by default take the intervals where these are
    /// better.
    #[config(default = "false")]
    pub all_neurons: bool,
    /// Whether the last backward pass is made with every choice of planes around products of two
    /// perturbed values, and the best bound taken (see [`Method`]). With `false` it is made with the
    /// planes that fall least, in one pass instead of three: for training recurrent networks and
    /// attention.
    #[config(default = "true")]
    pub all_planes: bool,
    /// The memory, in bytes, that the rows in flight of [`Method::Crown`] and
    /// [`Method::ConvexAdversarial`] may take, with the planes of matrix products; they are processed
    /// in chunks that fit. Default: a quarter of the machine's free memory, at most 2 GiB. The limit
    /// cannot hold while gradients are recorded, nor for what the forward methods hold of every node:
    /// `D` coefficients for each of its elements.
    pub memory_limit: Option<usize>,
    /// Whether bounds hold in spite of floating-point rounding.
    #[config(default = "Rounding::Plain")]
    pub rounding: Rounding,
    /// For [`Method::ConvexAdversarial`]: estimate the pre-activations' bounds by random
    /// projections. The result is for training: it is no bound, so
    /// [`Analysis::estimate`](crate::Analysis::estimate) alone gives it, and whatever gives bounds
    /// or certificates refuses this option.
    pub projections: Option<Projections>,
}

impl BoundConfig {
    /// Whether what comes of it are estimates, which certify nothing.
    pub fn is_estimate(&self) -> bool {
        self.projections.is_some()
    }

    /// The lower slope that counts.
    pub(crate) fn lower_slope(&self) -> LowerSlope {
        match self.method {
            Method::ConvexAdversarial => LowerSlope::Same,
            _ => self.slope,
        }
    }

    /// Whether the neurons that intervals leave no choice are bounded by backward passes too.
    pub(crate) fn bounds_all_neurons(&self) -> bool {
        self.all_neurons || self.method == Method::ConvexAdversarial
    }

    pub(crate) fn memory_limit_or_default(&self) -> usize {
        self.memory_limit.unwrap_or(*DEFAULT_LIMIT)
    }
}

impl From<Method> for BoundConfig {
    fn from(method: Method) -> Self {
        Self::new(method)
    }
}

static DEFAULT_LIMIT: LazyLock<usize> = LazyLock::new(|| {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let quarter = usize::try_from(system.available_memory() / 4).unwrap_or(usize::MAX);
    quarter.clamp(1 << 26, 2 << 30)
});
