//! `eval_params`.

use burn_crown::Norm;
use serde::Serialize;

use super::{LoaderParams, MethodParams};
use crate::config::choices::{BoundType, LossBound, TrainingMethod};
use crate::config::keys;
use crate::config::section::Section;
use crate::data::DatasetName;

/// `eval_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalParams {
    /// With `natural`, only the clean error is evaluated, unless `verbose`. The other words mean
    /// the same here: nothing is minimised.
    pub method: TrainingMethod,
    /// The radius, in pixel units.
    pub epsilon: f64,
    /// The norm of the perturbation.
    pub norm: Norm,
    /// Whether bounds are computed with the method `natural` too.
    pub verbose: bool,
    /// Batches and images.
    pub loader_params: LoaderParams,
    /// Options of the bound. What belongs to a loss has no effect here.
    pub method_params: MethodParams,
}

impl EvalParams {
    pub(in crate::config) fn read(
        section: &Section<'_>,
        dataset: Option<DatasetName>,
    ) -> Option<Self> {
        section.allow(keys::EVAL);
        let method = section.get("method");
        let epsilon = section.not_negative("epsilon");
        let norm = section.get("norm");
        let verbose = section.get("verbose");
        let loader_params = LoaderParams::read(&section.section("loader_params"), dataset);
        let method_section = section.section("method_params");
        let method_params = MethodParams::read(&method_section, norm, true);
        if let Some(params) = &method_params
            && params.bound_type == BoundType::ConvexAdv
        {
            let words = "must be null: random projections estimate the bound, and an estimate \
                         certifies nothing";
            method_section.ensure("convex-proj", words, params.convex_proj.is_none());
        }
        if let Some(params) = &method_params {
            let words = "must be \"margins\": the fused loss bounds no margin by itself, so it \
                         certifies nothing";
            method_section.ensure("loss", words, params.loss == LossBound::Margins);
        }
        Some(Self {
            method: method?,
            epsilon: epsilon?,
            norm: norm?,
            verbose: verbose?,
            loader_params: loader_params?,
            method_params: method_params?,
        })
    }
}
