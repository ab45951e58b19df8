//! Cases: a module, a region and a request, drawn from a number.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use burn_crown::{BoundConfig, Bounded, LowerSlope, Method, Specification};
use burn_crown_tests::regions::{RandomRegion, RegionRecipe};
use burn_crown_tests::rows::identity_rows;
use burn_crown_tests::test_device;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::check::check;
use crate::draw;

/// The device. Burn's recurrent layers make their state in its default data type: `f64` here, in
/// which next to nothing is allowed for rounding.
pub(crate) static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    let mut device = test_device();
    device.configure(FloatDType::F64).unwrap();
    device
});

/// The settings of a module for inputs of rank `D`.
pub(crate) trait Recipe<const D: usize>: Debug {
    /// A module with an output `[B, O]`.
    type Module: Bounded;

    /// Random settings, for a batch of so many images.
    fn draw(random: &mut StdRng, batch: usize) -> Self;

    /// The shape of its input.
    fn dims(&self, batch: usize) -> [usize; D];

    /// The module, with random weights.
    fn module(&self, random: &mut StdRng) -> Self::Module;
}

/// A case, but for its weights and its input.
#[derive(Debug)]
pub(crate) struct Case<R> {
    /// What everything is drawn from.
    pub(crate) number: u64,
    recipe: R,
    pub(crate) batch: usize,
    region: RegionRecipe,
    /// Whether random linear functions are asked for, not the outputs themselves.
    linear: bool,
    slope: LowerSlope,
    all_neurons: bool,
}

impl<R> Case<R> {
    fn draw<const D: usize>(number: u64) -> (Self, R::Module, RandomRegion<D>)
    where
        R: Recipe<D>,
    {
        let mut random = StdRng::seed_from_u64(number);
        let batch = draw::small(&mut random, 3);
        let case = Self {
            number,
            recipe: R::draw(&mut random, batch),
            batch,
            region: draw::region(&mut random),
            linear: random.random_bool(0.3),
            slope: draw::slope(&mut random),
            all_neurons: random.random_bool(0.2),
        };
        let module = case.recipe.module(&mut random);
        let dims = case.recipe.dims(case.batch);
        let region = RandomRegion::new(&case.region, dims, number, DType::F64, &DEVICE);
        (case, module, region)
    }

    /// The methods, with this case's options.
    pub(crate) fn configs(&self) -> [BoundConfig; 3] {
        [Method::Interval, Method::CrownIbp, Method::Crown].map(|method| {
            let config = BoundConfig::new(method).with_slope(self.slope);
            config.with_all_neurons(self.all_neurons)
        })
    }

    /// Whether the region is a point.
    pub(crate) fn is_point(&self) -> bool {
        self.region.radius == 0.0
    }

    /// The rows `[B, S, O]` that are bounded, and the request for them.
    pub(crate) fn rows(&self, outputs: usize) -> (Vec<f64>, Specification) {
        if !self.linear {
            return (identity_rows(self.batch, outputs), Specification::Outputs);
        }
        let mut random = StdRng::seed_from_u64(self.number);
        let shape = [self.batch, 3, outputs];
        let rows: Vec<f64> = (0..shape.iter().product())
            .map(|_| random.random_range(-1.0..1.0))
            .collect();
        let data = TensorData::new(rows.clone(), shape);
        let tensor = Tensor::from_data(data, (&*DEVICE, DType::F64));
        (rows, Specification::Linear(tensor))
    }
}

/// Checks `BURN_CROWN_CASES` cases of a module, or the one case `BURN_CROWN_CASE`, and tells all
/// that fail.
pub(crate) fn assert_sound<R: Recipe<D>, const D: usize>() {
    let numbers = match number("BURN_CROWN_CASE") {
        Some(one) => one..one + 1,
        None => 0..number("BURN_CROWN_CASES").unwrap_or(256),
    };
    let failed: Vec<u64> = numbers.filter(|&number| !holds::<R, D>(number)).collect();
    assert!(failed.is_empty(), "cases that fail: {failed:?}");
}

fn holds<R: Recipe<D>, const D: usize>(number: u64) -> bool {
    let (case, module, region) = Case::<R>::draw(number);
    let checked = catch_unwind(AssertUnwindSafe(|| check(&case, &module, &region)));
    // The message of a panic is told by the panic hook.
    let result = checked.unwrap_or_else(|_| Err("it panicked".into()));
    if let Err(reason) = &result {
        eprintln!("BURN_CROWN_CASE={number} fails: {reason}\n{case:#?}");
    }
    result.is_ok()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let parsed = text.parse().ok();
    Some(parsed.unwrap_or_else(|| panic!("{variable}={text} is not a number")))
}
