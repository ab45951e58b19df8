//! What a check of certificates found, counted.

use std::collections::BTreeSet;

use burn_crown::Method;
use burn_crown::certificate::{Certificate, CertifiedStatement, Precision};

use super::Verdict;
use crate::report::norm_name;

/// What was found, for each claim: of one model, by one method, over one kind of region, in one
/// arithmetic. Images that are certified at different radii are not counted together.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    claims: Vec<Claim>,
    damaged: usize,
}

#[derive(Clone, Debug)]
struct Claim {
    model: String,
    text: String,
    images: BTreeSet<usize>,
    confirmed: usize,
    certified: usize,
    weaker: usize,
    refuted: usize,
}

impl Tally {
    /// Counts a certificate, and gives what there is to say of it. `verdict` is none where the
    /// experiment has not its model. Of certificates of the same claim and image, the first counts,
    /// and the others are refuted.
    pub fn add(&mut self, certificate: &Certificate, verdict: Option<Verdict>) -> String {
        let (model, index) = (&certificate.model.name, certificate.image.index);
        let text = claim(certificate);
        let same = |claim: &Claim| claim.model == *model && claim.text == text;
        let at = match self.claims.iter().position(same) {
            Some(at) => at,
            None => {
                self.claims.push(Claim::new(model, &text));
                self.claims.len() - 1
            }
        };
        let claim = &mut self.claims[at];
        let verdict = match (claim.images.insert(index), verdict) {
            (false, _) => Verdict::Refuted("the image has such a certificate above".into()),
            (true, Some(verdict)) => verdict,
            (true, None) => Verdict::Refuted(format!("the experiment has no model {model:?}")),
        };
        match verdict {
            Verdict::Confirmed { .. } => {
                claim.confirmed += 1;
                claim.certified += usize::from(certificate.certified);
            }
            Verdict::Weaker { .. } => claim.weaker += 1,
            Verdict::Refuted(_) => claim.refuted += 1,
        }
        let kind = match certificate.certified {
            true => "certified",
            false => "not certified",
        };
        format!("{model}, image {index}, {text}, {kind}: {verdict}")
    }

    /// Counts a line that is no certificate, and gives what there is to say of it.
    pub fn add_damaged(&mut self, reason: &str) -> String {
        self.damaged += 1;
        format!("damaged: {reason}")
    }

    /// How many certificates were confirmed.
    pub fn confirmed(&self) -> usize {
        self.claims.iter().map(|claim| claim.confirmed).sum()
    }

    /// A line for each claim and one for all, where `images` gives the number of a model's test
    /// images, if the experiment has it.
    pub fn lines(&self, images: impl Fn(&str) -> Option<usize>) -> Vec<String> {
        let sum = |count: fn(&Claim) -> usize| self.claims.iter().map(count).sum::<usize>();
        let [confirmed, weaker, refuted] =
            [sum(|c| c.confirmed), sum(|c| c.weaker), sum(|c| c.refuted)];
        let all = format!(
            "{} lines: {confirmed} confirmed, {weaker} weaker, {refuted} refuted, {} damaged",
            confirmed + weaker + refuted + self.damaged,
            self.damaged
        );
        let claims = self.claims.iter();
        let lines = claims.map(|claim| claim.line(images(&claim.model)));
        lines.chain([all]).collect()
    }
}

impl Claim {
    fn new(model: &str, text: &str) -> Self {
        Self {
            model: model.into(),
            text: text.into(),
            images: BTreeSet::new(),
            confirmed: 0,
            certified: 0,
            weaker: 0,
            refuted: 0,
        }
    }

    fn line(&self, images: Option<usize>) -> String {
        let of_all = images.map_or_else(String::new, |images| format!(" of {images}"));
        format!(
            "{}, {}: {}{of_all} test images have a certificate, {} confirmed ({} certified images), \
             {} weaker, {} refuted",
            self.model,
            self.text,
            self.images.len(),
            self.confirmed,
            self.certified,
            self.weaker,
            self.refuted,
        )
    }
}

/// What is claimed of an image, but for its margins: method, region and arithmetic. All that counts
/// for the claim shows.
fn claim(certificate: &Certificate) -> String {
    let Certificate {
        bound,
        region,
        arithmetic,
        ..
    } = certificate;
    let slope = match bound.method {
        Method::Interval | Method::ConvexAdversarial => String::new(),
        _ => format!(" with slopes {:?}", bound.slope),
    };
    let neurons = match (bound.method, bound.all_neurons) {
        (Method::Crown, true) => " of all neurons",
        _ => "",
    };
    let range = match region.range {
        Some([lower, upper]) => format!(" in [{lower}, {upper}]"),
        None => String::new(),
    };
    let precision = match arithmetic.precision {
        Precision::F32 => "f32",
        Precision::F64 => "f64",
        Precision::Bf16 => "bf16",
    };
    let rounding = match arithmetic.statement {
        CertifiedStatement::RealNetworkUpToRounding => "plain",
        CertifiedStatement::RealNetwork => "sound",
        CertifiedStatement::NetworkAsRun => "as-run",
    };
    format!(
        "{}{slope}{neurons}, {} ε {}{range}, {precision} {rounding}",
        bound.method,
        norm_name(region.norm),
        region.epsilon,
    )
}
