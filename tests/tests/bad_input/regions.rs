//! Perturbations that describe no region, or one out of all proportion.

use burn::tensor::{DType, Tensor};
use burn_crown::{BoundConfig, GraphCache, Input, Method, Norm, Perturbation};
use burn_crown_tests::parameters::to_vec;
use burn_crown_tests::test_device;

use crate::nets::{Net, assert_certified, images, images_with, sure};
use crate::outcome::{Outcome, Row, all, must_refuse, same_kind};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Perturbation::linf`, `l2`, `l1`, `ball`",
        input: "a radius that is NaN",
        run: || radius(f64::NAN),
    },
    Row {
        entry: "`Perturbation::linf`, `l2`, `l1`, `ball`",
        input: "a radius that is infinite",
        run: || radius(f64::INFINITY),
    },
    Row {
        entry: "`Perturbation::linf`, `l2`, `l1`, `ball`",
        input: "a negative radius",
        run: || radius(-0.1),
    },
    Row {
        entry: "`Perturbation::linf`, `l2`, `l1`, `ball`",
        input: "a radius that is infinite in the input's data type",
        run: || {
            for norm in NORMS {
                certifies_nothing(&Perturbation::ball(norm, 1e300));
                certifies_nothing(&Perturbation::ball(norm, 1e38).with_channel_scale(vec![1e3]));
            }
            Outcome::Defined("bounds that certify nothing")
        },
    },
    Row {
        entry: "`Perturbation::linf`, `l2`, `l1`, `ball`",
        input: "such a radius and a valid range",
        run: || {
            // All images of the range: what the first layers make of them, the last bias outweighs.
            let region = Perturbation::linf(1e300).with_range(0.0, 1.0);
            assert_eq!(
                bounds(&region),
                bounds(&Perturbation::linf(1.0).with_range(0.0, 1.0))
            );
            Outcome::Defined("the bounds of the whole range")
        },
    },
    Row {
        entry: "`Perturbation::ball`",
        input: "a norm `Lp` with p = 0.5, −1, NaN or ∞",
        run: || {
            let refuses = |p| refuses(&Perturbation::ball(Norm::Lp(p), 0.1));
            same_kind([0.5, -1.0, f64::NAN, f64::INFINITY].map(refuses))
        },
    },
    Row {
        entry: "`Perturbation::with_radius`",
        input: "NaN, for a ball that was valid",
        run: || refuses(&Perturbation::l2(0.1).with_radius(f64::NAN)),
    },
    Row {
        entry: "`Perturbation::with_radius`",
        input: "NaN, for a box, which has no radius",
        run: || {
            let region = Perturbation::between(images(F32), images(F32));
            assert_eq!(
                bounds(&region.clone().with_radius(f64::NAN)),
                bounds(&region)
            );
            Outcome::Defined("the box as it was")
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "a lower end above the upper one",
        run: || refuses(&Perturbation::between(images(F32) + 0.1, images(F32))),
    },
    Row {
        entry: "`Perturbation::between`",
        input: "an end that is NaN",
        run: || {
            all([
                refuses(&Perturbation::between(
                    images_with(f64::NAN, F32),
                    images(F32),
                )),
                refuses(&Perturbation::between(
                    images(F32),
                    images_with(f64::NAN, F32),
                )),
            ])
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "ends that are both infinite with one sign",
        run: || {
            all([f64::INFINITY, f64::NEG_INFINITY].map(|end| {
                refuses(&Perturbation::between(
                    images_with(end, F32),
                    images_with(end, F32),
                ))
            }))
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "from −∞ to ∞",
        run: || {
            let (below, above) = (f64::NEG_INFINITY, f64::INFINITY);
            let region = Perturbation::between(images_with(below, F32), images_with(above, F32));
            assert_certified(&Net::new(1, F32), images(F32), &region, [false, true]);
            Outcome::Defined("bounds that certify nothing")
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "tensors of another batch",
        run: || {
            let single = images(F32).narrow(0, 0, 1);
            refuses(&Perturbation::between(single.clone(), single))
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "tensors of another rank",
        run: || {
            let flat: Tensor<1> = images(F32).flatten(0, 1);
            refuses(&Perturbation::between(flat.clone(), flat))
        },
    },
    Row {
        entry: "`Perturbation::between`",
        input: "tensors of another data type",
        run: || {
            refuses(&Perturbation::between(
                images(DType::F64),
                images(DType::F64),
            ))
        },
    },
    Row {
        entry: "`Perturbation::between`, `with_channel_scale`",
        input: "a box with a scale",
        run: || {
            let region = Perturbation::between(images(F32), images(F32));
            refuses(&region.with_channel_scale(vec![1.0]))
        },
    },
    Row {
        entry: "`Perturbation::between`, `with_range`",
        input: "a box outside the valid range",
        run: || {
            let (lower, upper) = (images(F32) + 2.0, images(F32) + 3.0);
            refuses(&Perturbation::between(lower, upper).with_range(0.0, 1.0))
        },
    },
    Row {
        entry: "`Perturbation::with_range`",
        input: "a lower end above the upper one",
        run: || refuses(&Perturbation::linf(0.1).with_range(1.0, 0.0)),
    },
    Row {
        entry: "`Perturbation::with_range`",
        input: "an end that is NaN",
        run: || refuses(&Perturbation::linf(0.1).with_range(f64::NAN, 1.0)),
    },
    Row {
        entry: "`Perturbation::with_range`",
        input: "from −∞ to ∞, or to ends that are infinite in the data type",
        run: || {
            let expected = bounds(&Perturbation::linf(0.1));
            for end in [f64::INFINITY, 1e300] {
                assert_eq!(
                    bounds(&Perturbation::linf(0.1).with_range(-end, end)),
                    expected
                );
            }
            Outcome::Defined("the bounds without a range")
        },
    },
    Row {
        entry: "`Perturbation::with_range`",
        input: "an image that is NaN, infinite or outside the range",
        run: || {
            let region = Perturbation::linf(0.1).with_range(0.0, 1.0);
            all([f64::NAN, f64::INFINITY, -0.1, 1.1].map(|value| {
                let images = images_with(value, F32);
                must_refuse(GraphCache::new().analyse(&Net::new(1, F32), images, &region))
            }))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_range`",
        input: "another number of channels than the image has",
        run: || {
            let region = Perturbation::linf(0.1);
            refuses(&region.with_channel_range(vec![0.0; 2], vec![1.0; 2]))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_range`",
        input: "no channels",
        run: || refuses(&Perturbation::linf(0.1).with_channel_range(Vec::new(), Vec::new())),
    },
    Row {
        entry: "`Perturbation::with_channel_range`",
        input: "lists of different lengths",
        run: || {
            let region = Perturbation::linf(0.1);
            refuses(&region.with_channel_range(vec![0.0; 3], vec![1.0; 2]))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_scale`",
        input: "a factor that is NaN, infinite or negative",
        run: || {
            let scaled = |scale| vec![1.0, scale, 1.0];
            let region = |scale| Perturbation::linf(0.1).with_channel_scale(scaled(scale));
            same_kind([-1.0, f64::NAN, f64::INFINITY].map(|scale| refuses(&region(scale))))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_scale`",
        input: "no factor, or another number than the image has channels",
        run: || {
            let region = |count| Perturbation::linf(0.1).with_channel_scale(vec![1.0; count]);
            same_kind([2, 0, 4].map(|count| refuses(&region(count))))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_scale`",
        input: "for an input without channels, `[B]`",
        run: || {
            let input = Input::perturbed(
                Tensor::<1>::ones([2], &test_device()),
                Perturbation::linf(0.1).with_channel_scale(vec![1.0, 2.0]),
            );
            must_refuse(GraphCache::new().analyse_inputs(&crate::shapes::Flat::new(), vec![input]))
        },
    },
    Row {
        entry: "`Perturbation::with_channel_scale`",
        input: "a factor 0",
        run: || {
            let region = Perturbation::linf(0.1).with_channel_scale(vec![0.0]);
            assert_eq!(bounds(&region), bounds(&Perturbation::linf(0.0)));
            Outcome::Defined("the channel does not change")
        },
    },
];

const F32: DType = DType::F32;
const NORMS: [Norm; 4] = [Norm::Linf, Norm::L2, Norm::L1, Norm::Lp(3.0)];

fn refuses(region: &Perturbation) -> Outcome {
    must_refuse(GraphCache::new().analyse(&Net::new(1, F32), images(F32), region))
}

fn radius(radius: f64) -> Outcome {
    all(NORMS.map(|norm| refuses(&Perturbation::ball(norm, radius))))
}

fn certifies_nothing(region: &Perturbation) {
    assert_certified(&Net::new(1, F32), images(F32), region, [false, false]);
}

/// The bounds of the margins by CROWN.
fn bounds(region: &Perturbation) -> Vec<f64> {
    let analysis = GraphCache::new().analyse(&Net::new(1, F32), images(F32), region);
    let crown = BoundConfig::new(Method::Crown);
    let margins = analysis.unwrap().bounds(&sure(), &crown).unwrap();
    let bounds = [to_vec(margins.lower), to_vec(margins.upper)].concat();
    assert!(bounds.iter().all(|bound| bound.is_finite()), "{bounds:?}");
    bounds
}
