//! What the parameters of an experiment minimise, and by what they verify.

use burn_crown::train::{
    ActivityMeasure, EpsilonSchedule, RampShape, RobustObjective, TrainingMethod as Loss,
};

use crate::config::{EvalParams, ScheduleType, TrainingMethod, TrainingParams};
use crate::data::Normalization;
use crate::evaluation::Verification;
use crate::region::perturbation;

/// What the parameters minimise, and by what they validate.
pub fn objective(
    params: &TrainingParams,
    eval: &EvalParams,
    normalization: &Normalization,
    steps_per_epoch: usize,
) -> RobustObjective {
    let shape = match params.schedule_type {
        ScheduleType::Linear => RampShape::Linear,
        ScheduleType::Smoothed => RampShape::Smoothed,
    };
    let schedule = EpsilonSchedule::new(params.epsilon)
        .with_starting(params.starting_epsilon)
        .with_shape(shape)
        .over_epochs(
            params.schedule_start,
            params.schedule_length,
            steps_per_epoch,
        );
    let loss = match params.method {
        TrainingMethod::Natural => Loss::Natural,
        TrainingMethod::Robust | TrainingMethod::RobustActivity => Loss::Robust,
        TrainingMethod::RobustNatural => Loss::RobustNatural,
    };
    let trained = perturbation(
        params.norm,
        params.epsilon,
        params.method_params.bounded_input,
        normalization,
    );
    let evaluated = perturbation(
        eval.norm,
        eval.epsilon,
        eval.method_params.bounded_input,
        normalization,
    );
    RobustObjective::new(trained, schedule)
        .with_method(loss)
        .with_bound(params.method_params.bound())
        .with_loss(params.method_params.loss.loss())
        .with_final_beta(params.method_params.final_beta)
        .with_final_kappa(params.method_params.final_kappa)
        .with_runner_up_only(params.method_params.runnerup_only)
        .with_l1_penalty(params.method_params.l1_reg)
        .with_activity_penalty(ActivityMeasure::OpenNeurons, activity_weight(params))
        .with_reported_bounds(params.verbose)
        .with_clean_outputs(params.clean_outputs)
        .with_evaluation_perturbation(evaluated)
        // Without a radius nothing is bounded.
        .with_evaluation_epsilon(if verifies(eval) { eval.epsilon } else { 0.0 })
        .with_evaluation_bound(eval.method_params.bound())
}

/// The weight of the activity's mean over a batch; the experiment file has that of the sum.
fn activity_weight(params: &TrainingParams) -> f64 {
    match params.method {
        TrainingMethod::RobustActivity => {
            params.method_params.activity_reg * params.loader_params.batch_size as f64
        }
        _ => 0.0,
    }
}

/// Whether models are verified: not by natural evaluation, unless it asks for it.
pub(super) fn verifies(eval: &EvalParams) -> bool {
    eval.method != TrainingMethod::Natural || eval.verbose
}

/// How the parameters verify a model, if they do.
pub fn verification(eval: &EvalParams, normalization: &Normalization) -> Option<Verification> {
    verifies(eval).then(|| Verification {
        config: eval.method_params.bound(),
        perturbation: perturbation(
            eval.norm,
            eval.epsilon,
            eval.method_params.bounded_input,
            normalization,
        ),
    })
}
