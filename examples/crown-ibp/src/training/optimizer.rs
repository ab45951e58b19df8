//! The optimizers of the reference program.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};

use crate::config::{Optimizer, TrainingParams};

/// The optimizer that the parameters name.
pub(super) fn optimizer(params: &TrainingParams) -> ModuleOptimizer {
    let decay =
        (params.weight_decay > 0.0).then(|| WeightDecayConfig::new(params.weight_decay as f32));
    match params.optimizer {
        // PyTorch's default, which the reference program uses; Burn's is larger.
        Optimizer::Adam => AdamConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(decay)
            .init(),
        Optimizer::Sgd => {
            let momentum = MomentumConfig::new().with_momentum(0.9).with_nesterov(true);
            let momentum = momentum.with_dampening(0.0);
            SgdConfig::new()
                .with_weight_decay(decay)
                .with_momentum(Some(momentum))
                .init()
        }
    }
}
