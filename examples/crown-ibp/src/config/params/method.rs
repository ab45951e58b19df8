//! `method_params`.

use burn_crown::{BoundConfig, LowerSlope, Norm, Projections};
use serde::Serialize;

use crate::config::choices::{BoundType, LossBound, TrainingMethod};
use crate::config::keys;
use crate::config::section::Section;

/// `method_params`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MethodParams {
    /// Whether the perturbed pixels are clipped to the valid range.
    pub bounded_input: bool,
    /// The bound method.
    pub bound_type: BoundType,
    /// How the robust loss is bounded. The reference program has no such key.
    pub loss: LossBound,
    /// The share β of CROWN-IBP in the bound at the end of the ramp, in `[0, 1]`.
    #[serde(rename = "final-beta")]
    pub final_beta: f64,
    /// The share κ of the natural loss at the end of the ramp, in `[0, 1]`.
    #[serde(rename = "final-kappa")]
    pub final_kappa: f64,
    /// Whether the CROWN-IBP bound is computed for the margin to the runner-up class only.
    pub runnerup_only: bool,
    /// The weight of the rectifiers' activity in the loss of the method `robust_activity`, not
    /// negative.
    pub activity_reg: f64,
    /// The weight of the sum of the absolute weights (not of the biases) in the loss, not
    /// negative.
    pub l1_reg: f64,
    /// The number of random projections that estimate the bound of `convex-adv`; the exact bound
    /// without.
    #[serde(rename = "convex-proj")]
    pub convex_proj: Option<usize>,
    /// How many batches make one step of the optimizer, at least 1.
    pub batch_multiplier: usize,
    /// Options of linear bounds.
    pub bound_opts: BoundOpts,
}

/// `bound_opts`: the lower slope of unstable rectifiers; adaptive if none is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BoundOpts {
    /// The slope of the upper line.
    pub same_slope: bool,
    /// Zero.
    pub zero_lb: bool,
    /// One.
    pub one_lb: bool,
}

impl MethodParams {
    /// The bound of the library.
    pub fn bound(&self) -> BoundConfig {
        let projections = match self.bound_type {
            BoundType::ConvexAdv => self.convex_proj.map(Projections::new),
            _ => None,
        };
        BoundConfig::new(self.bound_type.method())
            .with_slope(self.bound_opts.lower_slope())
            .with_projections(projections)
    }

    /// Reports what the fused loss cannot be trained with.
    pub(super) fn ensure_loss_fits(&self, section: &Section<'_>, method: TrainingMethod) {
        if self.loss == LossBound::Margins {
            return;
        }
        let contradictions = [
            (
                method == TrainingMethod::Natural,
                "must be \"margins\" where the method is \"natural\", which has no robust loss",
            ),
            (
                self.runnerup_only,
                "must be \"margins\" beside runnerup_only, which leaves out the classes that it \
                 sums over; choose one",
            ),
            (
                self.bound().is_estimate(),
                "must be \"margins\" with random projections, which bound nothing; or set \
                 convex-proj to null",
            ),
        ];
        for (found, words) in contradictions {
            section.ensure("loss", words, !found);
        }
    }

    /// Reads the section; without `bounded`, nothing is bounded and the bound need not be given.
    pub(super) fn read(section: &Section<'_>, norm: Option<Norm>, bounded: bool) -> Option<Self> {
        section.allow(keys::METHOD);
        let (bounded_input, bound_type) = match bounded {
            true => (section.get("bounded_input"), section.get("bound_type")),
            false => (
                section.get_or("bounded_input", false),
                section.get_or("bound_type", BoundType::Interval),
            ),
        };
        if let (Some(true), Some(norm)) = (bounded_input, norm) {
            let words = "must be false: clipping to the valid range is for norm \"inf\" only";
            section.ensure("bounded_input", words, norm == Norm::Linf);
        }
        let convex_proj = section.positive_or_null("convex-proj");
        if let (Some(BoundType::ConvexAdv), Some(norm), Some(Some(_))) =
            (bound_type, norm, convex_proj)
        {
            let words = "must be null: random projections are for the norms \"inf\" and \"2\"";
            let projected = matches!(norm, Norm::Linf | Norm::L2);
            section.ensure("convex-proj", words, projected);
        }
        let share = |key| {
            section.get_if(key, "must be in [0, 1]", |share: &f64| {
                (0.0..=1.0).contains(share)
            })
        };
        let (final_beta, final_kappa) = (share("final-beta"), share("final-kappa"));
        let loss = section.get_or("loss", LossBound::Margins);
        let runnerup_only = section.get_or("runnerup_only", false);
        let activity_reg = section.not_negative_or_zero("activity_reg");
        let l1_reg = section.not_negative_or_zero("l1_reg");
        let batch_multiplier = match section.raw("batch_multiplier") {
            Some(_) => section.positive("batch_multiplier"),
            None => Some(1),
        };
        let bound_opts = BoundOpts::read(&section.section("bound_opts"));
        Some(Self {
            bounded_input: bounded_input?,
            bound_type: bound_type?,
            loss: loss?,
            final_beta: final_beta?,
            final_kappa: final_kappa?,
            runnerup_only: runnerup_only?,
            activity_reg: activity_reg?,
            l1_reg: l1_reg?,
            convex_proj: convex_proj?,
            batch_multiplier: batch_multiplier?,
            bound_opts: bound_opts?,
        })
    }
}

impl BoundOpts {
    /// The lower slope of the library.
    pub fn lower_slope(self) -> LowerSlope {
        match self {
            Self {
                same_slope: true, ..
            } => LowerSlope::Same,
            Self { zero_lb: true, .. } => LowerSlope::Zero,
            Self { one_lb: true, .. } => LowerSlope::One,
            Self { .. } => LowerSlope::Adaptive,
        }
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        section.allow(keys::BOUND_OPTS);
        let [same_slope, zero_lb, one_lb] =
            ["same-slope", "zero-lb", "one-lb"].map(|key| (key, section.get_or(key, false)));
        let set: Vec<_> = [same_slope, zero_lb, one_lb]
            .into_iter()
            .filter(|(_, value)| *value == Some(true))
            .map(|(key, _)| key)
            .collect();
        if let [first, second, ..] = set[..] {
            section.problem(
                second,
                format!("cannot be set beside {first}; choose one slope"),
            );
            return None;
        }
        Some(Self {
            same_slope: same_slope.1?,
            zero_lb: zero_lb.1?,
            one_lb: one_lb.1?,
        })
    }
}
