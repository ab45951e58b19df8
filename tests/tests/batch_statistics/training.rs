//! Certified training of a network with batch normalisation.

use burn::module::Module;
use burn::optim::AdamConfig;
use burn::train::InferenceStep;
use burn_crown::train::RobustLearner;
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::steps::{ConvNet, objective, stripes};

#[test]
fn crown_ibp_lowers_the_loss_and_verifies() {
    let device = test_device().autodiff();
    let learner = RobustLearner::<_, 4>::new(ConvNet::new(&device), objective());
    let mut learner = learner.learner(AdamConfig::new().init(), 0.01);
    let mut losses = Vec::new();
    for step in 0..60 {
        let output = learner.train_step(stripes(16, step, &device));
        if output.item.coefficients.epsilon == objective().schedule().target {
            losses.push(output.item.loss.mean().into_scalar::<f64>());
        }
        learner.lr_step();
        learner.optimizer_step(output.grads);
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.5 * first, "the loss went from {first} to {last}");
    let output = InferenceStep::step(&learner.model().valid(), stripes(32, 0, &test_device()));
    let verified = to_vec(output.verified.float());
    let share = verified.iter().sum::<f64>() / verified.len() as f64;
    assert!(share > 0.9, "{share} of the images are verified");
}
