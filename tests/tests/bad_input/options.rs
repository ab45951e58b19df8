//! Options of a bound that make no sense, or do not go together.

use burn::tensor::DType;
use burn_crown::{
    Analysis, BoundConfig, GraphCache, Method, Perturbation, Projections, Rounding, Specification,
    Statement,
};
use burn_crown_tests::parameters::to_vec;

use crate::nets::{Net, images, images_with, sure};
use crate::outcome::{Outcome, Row, all, must_refuse};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`BoundConfig::with_memory_limit`",
        input: "0 bytes",
        run: || {
            for method in [Method::Crown, Method::ConvexAdversarial] {
                let config = BoundConfig::new(method);
                let bounds = |config: &BoundConfig| {
                    let bounds = analysis(1).bounds(&Specification::Outputs, config).unwrap();
                    [to_vec(bounds.lower), to_vec(bounds.upper)].concat()
                };
                let limited = bounds(&config.clone().with_memory_limit(Some(0)));
                for (limited, free) in limited.iter().zip(bounds(&config)) {
                    assert!((limited - free).abs() < 1e-3, "{limited} {free}");
                }
            }
            Outcome::Defined("the same bounds, one row after the other")
        },
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "where a bound or a certificate is asked for",
        run: || {
            all([Method::ConvexAdversarial, Method::Crown]
                .into_iter()
                .flat_map(|method| {
                    let config =
                        BoundConfig::new(method).with_projections(Some(Projections::new(5)));
                    [
                        must_refuse(analysis(1).bounds(&sure(), &config)),
                        must_refuse(analysis(1).lower(&sure(), &config)),
                    ]
                }))
        },
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "with another method",
        run: || estimate(Method::Crown, Projections::new(5), 1),
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "no projections",
        run: || estimate(Method::ConvexAdversarial, Projections::new(0), 1),
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "more projections than any memory holds",
        run: || estimate(Method::ConvexAdversarial, Projections::new(usize::MAX), 1),
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "a network with other activations than rectifiers",
        run: || estimate(Method::ConvexAdversarial, Projections::new(5), 5),
    },
    Row {
        entry: "`BoundConfig::with_projections`",
        input: "an image that is NaN",
        run: || {
            let net = Net::new(1, DType::F32);
            let images = images_with(f64::NAN, DType::F32);
            let analysis = GraphCache::new().analyse(&net, images, &Perturbation::linf(0.1));
            let config = BoundConfig::new(Method::ConvexAdversarial)
                .with_projections(Some(Projections::new(5)));
            let found = to_vec(analysis.unwrap().estimate(&sure(), &config).unwrap());
            assert!(found[0].is_nan() && found[1].is_finite(), "{found:?}");
            Outcome::Defined("its estimate is NaN")
        },
    },
    Row {
        entry: "`BoundConfig::with_rounding`",
        input: "sound bounds by a forward method",
        run: || {
            let config = BoundConfig::new(Method::Forward);
            must_refuse(analysis(1).bounds(&sure(), &config.with_rounding(SOUND)))
        },
    },
    Row {
        entry: "`BoundConfig::with_rounding`",
        input: "sound estimates",
        run: || {
            let config = BoundConfig::new(Method::ConvexAdversarial)
                .with_projections(Some(Projections::new(5)));
            must_refuse(analysis(1).estimate(&sure(), &config.with_rounding(SOUND)))
        },
    },
    Row {
        entry: "`BoundConfig::with_rounding`",
        input: "sound bounds in bf16",
        run: || {
            let net = Net::new(1, DType::BF16);
            let region = Perturbation::linf(0.1);
            let analysis = GraphCache::new().analyse(&net, images(DType::BF16), &region);
            let config = BoundConfig::new(Method::Crown).with_rounding(SOUND);
            must_refuse(analysis.unwrap().bounds(&sure(), &config))
        },
    },
];

const SOUND: Rounding = Rounding::Sound(Statement::RealNetwork);

fn analysis(between: usize) -> Analysis {
    let net = Net::new(between, DType::F32);
    let region = Perturbation::linf(0.1);
    GraphCache::new()
        .analyse(&net, images(DType::F32), &region)
        .unwrap()
}

fn estimate(method: Method, projections: Projections, between: usize) -> Outcome {
    let config = BoundConfig::new(method).with_projections(Some(projections));
    must_refuse(analysis(between).estimate(&sure(), &config))
}
