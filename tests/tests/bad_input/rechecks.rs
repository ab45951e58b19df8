//! What the independent check of certificates is asked for.

use burn::tensor::{DType, Tensor};
use burn_crown::recheck::{Recheck, RecheckError, RecheckRegion};
use burn_crown::{LowerSlope, Method, Norm};
use burn_crown_tests::test_device;

use crate::nets::{Net, images, images_with};
use crate::outcome::{Outcome, Row, must_refuse, same_kind};

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`Recheck::new`",
        input: "an image that is NaN or infinite",
        run: || {
            same_kind([f64::NAN, f64::INFINITY].map(|value| {
                let image = images_with(value, DType::F32).narrow(0, 0, 1);
                must_refuse(Recheck::new(&net(), image))
            }))
        },
    },
    Row {
        entry: "`Recheck::new`",
        input: "a weight that is NaN or infinite",
        run: || {
            same_kind([f64::NAN, f64::INFINITY].map(|value| {
                must_refuse(Recheck::new(
                    &net().with("second.weight", 1, value),
                    image(),
                ))
            }))
        },
    },
    Row {
        entry: "`Recheck::new`",
        input: "several images",
        run: || must_refuse(Recheck::new(&net(), images(DType::F32))),
    },
    Row {
        entry: "`Recheck::new`",
        input: "no image",
        run: || {
            must_refuse(Recheck::new(
                &net(),
                Tensor::<2>::empty([0, 3], &test_device()),
            ))
        },
    },
    Row {
        entry: "`Recheck::new`",
        input: "an image of another rank or size",
        run: || {
            same_kind([
                must_refuse(Recheck::new(
                    &net(),
                    Tensor::<3>::zeros([1, 3, 1], &test_device()),
                )),
                must_refuse(Recheck::new(
                    &net(),
                    Tensor::<2>::zeros([1, 4], &test_device()),
                )),
            ])
        },
    },
    Row {
        entry: "`Recheck::new`",
        input: "an image of another data type than the model's",
        run: || must_refuse(Recheck::new(&net(), image().cast(DType::F64))),
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "a radius that is NaN, infinite or negative",
        run: || {
            let refuses = |radius| must_refuse(region(&[0.5; 3], Norm::L2, radius, &[1.0], None));
            same_kind([-0.1, f64::NAN, f64::INFINITY].map(refuses))
        },
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "an image that is NaN or infinite",
        run: || {
            let refuses = |value| must_refuse(region(&[value; 3], Norm::L2, 0.1, &[1.0], None));
            same_kind([f64::NAN, f64::INFINITY].map(refuses))
        },
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "a shape that is not the image's",
        run: || {
            let refuses = |shape| {
                must_refuse(RecheckRegion::new(
                    &[0.5; 3],
                    shape,
                    Norm::L2,
                    0.1,
                    &[1.0],
                    None,
                ))
            };
            same_kind([[1, 1, 4], [0, 1, 3], [usize::MAX, 2, 3]].map(refuses))
        },
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "a scale that is NaN, infinite, negative or of other channels",
        run: || {
            let refuses =
                |scale: &[f64]| must_refuse(region(&[0.5; 3], Norm::L2, 0.1, scale, None));
            same_kind([&[-1.0][..], &[f64::NAN], &[f64::INFINITY], &[], &[1.0; 2]].map(refuses))
        },
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "a valid range that is none, or that does not hold the image",
        run: || {
            let refuses =
                |range| must_refuse(region(&[0.5; 3], Norm::L2, 0.1, &[1.0], Some(range)));
            same_kind([[1.0, 0.0], [f64::NAN, 1.0], [0.6, 1.0]].map(refuses))
        },
    },
    Row {
        entry: "`RecheckRegion::new`",
        input: "a norm that the check has not",
        run: || must_refuse(region(&[0.5; 3], Norm::Lp(3.0), 0.1, &[1.0], None)),
    },
    Row {
        entry: "`Recheck::margins`",
        input: "a label that is no class",
        run: || margins(&[0.5; 3], 2, Method::Crown),
    },
    Row {
        entry: "`Recheck::margins`",
        input: "a region of images of another size",
        run: || margins(&[0.5; 4], 0, Method::Crown),
    },
    Row {
        entry: "`Recheck::margins`",
        input: "a forward method",
        run: || margins(&[0.5; 3], 0, Method::Forward),
    },
    Row {
        entry: "`Recheck::margins`",
        input: "weights of 1e30, and of 1e300 in f64",
        run: || {
            for (value, dtype) in [(1e30, DType::F32), (1e300, DType::F64)] {
                let net = Net::new(1, dtype).with_all("first.weight", value);
                let net = net.with_all("second.weight", 1.0);
                let image = images(dtype).narrow(0, 0, 1);
                let checker = Recheck::new(&net, image).unwrap();
                let around = region(&[0.5, 0.25, 0.75], Norm::Linf, 1e-3, &[1.0], None).unwrap();
                for method in [Method::Interval, Method::CrownIbp, Method::Crown] {
                    let found = checker.margins(&around, 0, method, LowerSlope::Adaptive, false);
                    let found = found.unwrap();
                    // The second class wins: the weights of the first outweigh its bias.
                    let shown = found[0] > 0.0;
                    assert!(!shown, "{method}: {found:?}");
                }
            }
            Outcome::Defined("bounds that show nothing")
        },
    },
];

fn net() -> Net {
    Net::new(1, DType::F32)
}

fn image() -> Tensor<2> {
    images(DType::F32).narrow(0, 0, 1)
}

fn region(
    image: &[f64],
    norm: Norm,
    radius: f64,
    scale: &[f64],
    range: Option<[f64; 2]>,
) -> Result<RecheckRegion, RecheckError> {
    let [lower, upper] = range.unwrap_or_default();
    let ends = ([lower], [upper]);
    let range = range.map(|_| (&ends.0[..], &ends.1[..]));
    RecheckRegion::new(image, [1, 1, image.len()], norm, radius, scale, range)
}

fn margins(image_of: &[f64], label: usize, method: Method) -> Outcome {
    let checker = Recheck::new(&net(), image()).unwrap();
    let around = region(image_of, Norm::Linf, 0.1, &[1.0], None).unwrap();
    must_refuse(checker.margins(&around, label, method, LowerSlope::Adaptive, false))
}
