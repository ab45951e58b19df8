//! Networks with random weights.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use crown_ibp::models::Model;

use crate::arguments::Settings;
use crate::case::Network;

/// A network with the weights of the seed. Where Burn's `flex` is there it draws them, so that they
/// are the same for all backends: how many neurons are open, and with it the time of full CROWN,
/// depends on them.
pub(super) fn drawn(network: Network, settings: &Settings, device: &Device) -> Model {
    #[cfg(feature = "flex")]
    let source = Device::flex();
    #[cfg(not(feature = "flex"))]
    let source = device.clone().inner();
    let source = if device.is_autodiff() {
        source.autodiff()
    } else {
        source
    };
    source.seed(settings.seed);
    let model: Model = network.config().init(&source);
    // Parameters are drawn when they are asked for, and then where the model is.
    model.visit(&mut Drawing);
    model.fork(device)
}

struct Drawing;

impl ModuleVisitor for Drawing {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}
