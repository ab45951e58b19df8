//! What is timed.

use std::fmt;
use std::str::FromStr;

use burn_crown::train::{EpsilonSchedule, RobustLoss, RobustObjective, TrainingMethod};
use burn_crown::{BoundConfig, Method, Perturbation};
use crown_ibp::models::{Cnn2LayerConfig, Cnn4LayerConfig, IbpLargeConfig, ModelConfig};

use crate::arguments::Settings;
use crate::error::BenchError;

/// The radius at the end of the schedule, in pixels that go from 0 to 1.
const MAX_EPSILON: f64 = 0.3;

/// A network of the reference program, for images of 28 × 28 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Two convolutions and two linear layers.
    TwoLayer,
    /// Four convolutions and three linear layers.
    FourLayer,
    /// The "large" network of Gowal et al. 2018, arXiv 1810.12715.
    Large,
}

impl Network {
    /// All networks, from the smallest on.
    pub const ALL: [Self; 3] = [Self::TwoLayer, Self::FourLayer, Self::Large];

    /// Its name in experiment files and in the names of cases.
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoLayer => "cnn_2layer_width_1",
            Self::FourLayer => "cnn_4layer_linear_256_width_2",
            Self::Large => "dm-large",
        }
    }

    /// Its architecture.
    pub fn config(self) -> ModelConfig {
        match self {
            Self::TwoLayer => ModelConfig::Cnn2Layer(Cnn2LayerConfig::new(1, 28, 1)),
            Self::FourLayer => ModelConfig::Cnn4Layer(Cnn4LayerConfig::new(1, 28, 2, 256)),
            Self::Large => ModelConfig::IbpLarge(IbpLargeConfig::new(1, 28)),
        }
    }

    /// The images of a training step, where none are asked for.
    pub fn batch(self) -> usize {
        match self {
            Self::TwoLayer | Self::FourLayer => 256,
            Self::Large => 32,
        }
    }
}

/// What a training step minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The cross-entropy of the outputs.
    Natural,
    /// The robust cross-entropy of interval bounds.
    Ibp,
    /// The robust cross-entropy of CROWN-IBP mixed with interval bounds.
    CrownIbp,
    /// The same by one bound of the sum of exponentials: loss fusion.
    Fused,
}

impl Loss {
    /// All losses, from the cheapest on.
    pub const ALL: [Self; 4] = [Self::Natural, Self::Ibp, Self::Fused, Self::CrownIbp];

    fn name(self) -> &'static str {
        match self {
            Self::Natural => "natural",
            Self::Ibp => "ibp",
            Self::CrownIbp => "crown-ibp",
            Self::Fused => "fused",
        }
    }

    /// The objective whose schedule is half-way at `step`: ε 0.15 of 0.3, and β 0.5.
    ///
    /// κ is 0 there: the robust loss alone, as the reference program's experiments on MNIST have
    /// it, and no pass of the images themselves unless the settings ask for it. Mixed settings add
    /// the natural loss, with κ 0.5.
    pub fn objective(self, settings: &Settings, step: usize) -> RobustObjective {
        let schedule = EpsilonSchedule::new(MAX_EPSILON).with_end_step(2 * step);
        let region = Perturbation::linf(MAX_EPSILON).with_range(0.0, 1.0);
        let objective = RobustObjective::new(region, schedule);
        let method = match (self, settings.mixed) {
            (Self::Natural, _) => TrainingMethod::Natural,
            (_, false) => TrainingMethod::Robust,
            (_, true) => TrainingMethod::RobustNatural,
        };
        let bound = match self {
            Self::Natural | Self::Ibp => Method::Interval,
            Self::CrownIbp | Self::Fused => Method::CrownIbp,
        };
        let loss = match self {
            Self::Natural | Self::Ibp | Self::CrownIbp => RobustLoss::Margins,
            Self::Fused => RobustLoss::Fused,
        };
        objective
            .with_method(method)
            .with_loss(loss)
            .with_bound(BoundConfig::new(bound))
            .with_clean_outputs(settings.clean_outputs)
    }
}

/// What is done with a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// A whole optimizer step: forward pass, backward pass and update, with the batch on the
    /// device.
    Train(Loss),
    /// The step of Burn's training loop on this many data-parallel workers, which share the batch.
    Workers(Loss, usize),
    /// Lower bounds of all margins of images.
    Verify(Verification),
}

/// How images are verified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verification {
    /// The bound method.
    pub method: Method,
    /// The radius, in pixels that go from 0 to 1.
    pub epsilon: f64,
    /// The number of images, where no other is asked for.
    pub images: usize,
    /// Whether the network is meant to have trained weights, which the user gives.
    pub trained: bool,
}

/// One thing to be timed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// The network.
    pub network: Network,
    /// What is done with it.
    pub task: Task,
}

impl Case {
    /// All cases.
    pub fn all() -> Vec<Self> {
        let training = Network::ALL.into_iter().flat_map(|network| {
            Loss::ALL.map(|loss| Self {
                network,
                task: Task::Train(loss),
            })
        });
        let shared = [
            (Network::TwoLayer, Loss::Ibp),
            (Network::TwoLayer, Loss::CrownIbp),
            (Network::FourLayer, Loss::CrownIbp),
        ];
        let workers = shared.into_iter().flat_map(|(network, loss)| {
            [1, 2].map(|workers| Self {
                network,
                task: Task::Workers(loss, workers),
            })
        });
        let verified = [
            (Network::TwoLayer, Method::Crown, 0.1, 100, true),
            (Network::TwoLayer, Method::ConvexAdversarial, 0.1, 100, true),
            (Network::FourLayer, Method::Crown, 0.02, 100, false),
            (Network::Large, Method::Crown, 0.02, 10, false),
        ];
        let verification = verified.map(|(network, method, epsilon, images, trained)| Self {
            network,
            task: Task::Verify(Verification {
                method,
                epsilon,
                images,
                trained,
            }),
        });
        training.chain(workers).chain(verification).collect()
    }

    /// The cases that are timed where none are named: all but those that take an hour.
    pub fn usual() -> Vec<Self> {
        let mut cases = Self::all();
        cases.retain(|case| !case.takes_long());
        cases
    }

    /// Whether the case is timed only if it is named.
    pub fn takes_long(&self) -> bool {
        self.network == Network::Large && matches!(self.task, Task::Verify(_))
    }

    /// The cases whose name is `text`, or begins with `text` and a slash.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn named(text: &str) -> Result<Vec<Self>, BenchError> {
        let mut cases = Self::all();
        cases.retain(|case| {
            let name = case.to_string();
            let rest = name.strip_prefix(text.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        match cases.is_empty() {
            true => Err(BenchError::NoCase { name: text.into() }),
            false => Ok(cases),
        }
    }

    /// The natural training step of the same network, in whose multiples the case is measured.
    pub fn natural_step(&self) -> Self {
        Self {
            network: self.network,
            task: Task::Train(Loss::Natural),
        }
    }

    /// The method as records name it.
    pub fn method(&self) -> &'static str {
        match self.task {
            Task::Train(loss) | Task::Workers(loss, _) => loss.name(),
            Task::Verify(verification) => match verification.method {
                Method::Interval => "ibp",
                Method::CrownIbp => "crown-ibp",
                Method::Crown => "crown",
                Method::ConvexAdversarial => "convex-adv",
                Method::Forward => "forward",
                Method::ForwardBackward => "forward-backward",
            },
        }
    }

    /// The data-parallel workers; 1 without any.
    pub fn workers(&self) -> usize {
        match self.task {
            Task::Workers(_, workers) => workers,
            Task::Train(_) | Task::Verify(_) => 1,
        }
    }

    /// The images of a step, or those that are verified, where no other number is asked for.
    pub fn batch(&self) -> usize {
        match self.task {
            Task::Train(_) | Task::Workers(..) => self.network.batch(),
            Task::Verify(verification) => verification.images,
        }
    }

    /// One line about the case.
    pub fn description(&self) -> String {
        let batch = self.batch();
        match self.task {
            Task::Train(_) => format!("an optimizer step, batch {batch}"),
            Task::Workers(_, workers) => {
                format!("a step of the training loop, batch {batch}, workers {workers}")
            }
            Task::Verify(Verification {
                epsilon, trained, ..
            }) => {
                let weights = match trained {
                    true => "the weights of --weights",
                    false => "at initialisation",
                };
                format!("margins of {batch} images at ε {epsilon}, {weights}")
            }
        }
    }
}

/// The name: `train/MODEL/LOSS`, `workers/MODEL/LOSS/NUMBER` or `verify/MODEL/METHOD`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (network, method) = (self.network.name(), self.method());
        match self.task {
            Task::Train(_) => write!(f, "train/{network}/{method}"),
            Task::Workers(_, workers) => write!(f, "workers/{network}/{method}/{workers}"),
            Task::Verify(_) => write!(f, "verify/{network}/{method}"),
        }
    }
}

/// Reads a whole name.
impl FromStr for Case {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut cases = Self::all().into_iter();
        let found = cases.find(|case| case.to_string() == text);
        found.ok_or_else(|| BenchError::NoCase { name: text.into() })
    }
}
