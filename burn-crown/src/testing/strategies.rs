//! Strategies of proptest, and its assertion.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::{NewTree, ValueTree};
use proptest::test_runner::TestRunner;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::bounded::Bounded;
use crate::perturbation::{Norm, Perturbation};
use crate::trace::parameters;

/// An input with the region around it.
#[derive(Clone)]
pub struct TestRegion<const D: usize> {
    /// The input `[B, ...]`.
    pub input: Tensor<D>,
    /// The region around it.
    pub perturbation: Perturbation,
}

impl<const D: usize> Debug for TestRegion<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestRegion")
            .field("dims", &self.input.dims())
            .field("input", &self.input.to_data())
            .field("perturbation", &self.perturbation)
            .finish()
    }
}

/// A strategy for inputs with a norm ball around them.
///
/// A failure shrinks to fewer images, then to the norm that comes first and to the smallest radius
/// that fails.
///
/// ```
/// use burn::tensor::Device;
/// use burn_crown::{Norm, testing::Regions};
///
/// // One to three inputs of four elements between 0 and 1, and regions of at most 0.2 around them.
/// let regions = Regions::new([3, 4], 0.2, &Device::flex())
///     .with_norms(vec![Norm::Linf, Norm::L1])
///     .with_range(0.0, 1.0);
/// # fn strategy(_: impl proptest::strategy::Strategy) {}
/// # strategy(regions.strategy());
/// ```
#[derive(Clone, Debug)]
pub struct Regions<const D: usize> {
    source: Source<D>,
    radius: RangeInclusive<f64>,
    norms: Vec<Norm>,
    /// The valid range, and where elements are drawn from.
    range: Option<(f64, f64)>,
    dtype: DType,
}

#[derive(Clone, Debug)]
enum Source<const D: usize> {
    /// Random inputs of these dims, up to so many images.
    Random([usize; D], Device),
    /// Images of given ones.
    Data(Tensor<D>),
}

/// The most images of a region around data.
const IMAGES: usize = 4;

impl<const D: usize> Regions<D> {
    /// Regions in the norms L∞, L2 and L1 with a radius up to `radius`, around up to `dims[0]`
    /// random images with elements from −1 to 1.
    pub fn new(dims: [usize; D], radius: f64, device: &Device) -> Self {
        Self::of(Source::Random(dims, device.clone()), radius, DType::F32)
    }

    /// Regions around up to four images of `data` `[B, ...]`.
    pub fn around(data: Tensor<D>, radius: f64) -> Self {
        let dtype = data.dtype();
        Self::of(Source::Data(data), radius, dtype)
    }

    fn of(source: Source<D>, radius: f64, dtype: DType) -> Self {
        Self {
            source,
            radius: 0.0..=radius,
            norms: vec![Norm::Linf, Norm::L2, Norm::L1],
            range: None,
            dtype,
        }
    }

    /// Other norms.
    pub fn with_norms(mut self, norms: Vec<Norm>) -> Self {
        self.norms = norms;
        self
    }

    /// A valid range, of which random inputs are drawn.
    pub fn with_range(mut self, lower: f64, upper: f64) -> Self {
        self.range = Some((lower, upper));
        self
    }

    /// Random inputs in another data type than `f32`: the module's.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// The strategy.
    ///
    /// # Panics
    ///
    /// If there is no norm; and when a region is drawn, if the radius is negative or not a number,
    /// the range's ends are not in order, or there are no images.
    pub fn strategy(self) -> impl Strategy<Value = TestRegion<D>> {
        let images = match &self.source {
            Source::Random(dims, _) => dims[0],
            Source::Data(data) => data.dims()[0].min(IMAGES),
        };
        // An image is its seed: another number of images leaves the others as they are.
        let seeds = vec(any::<u64>().no_shrink(), 1..=images.max(1));
        let norms = select(self.norms.clone());
        (seeds, norms, self.radius.clone()).prop_map(move |(seeds, norm, radius)| {
            let perturbation = Perturbation::ball(norm, radius);
            TestRegion {
                input: self.input(&seeds),
                perturbation: match self.range {
                    Some((lower, upper)) => perturbation.with_range(lower, upper),
                    None => perturbation,
                },
            }
        })
    }

    fn input(&self, seeds: &[u64]) -> Tensor<D> {
        match &self.source {
            Source::Random(dims, device) => {
                let (lower, upper) = self.range.unwrap_or((-1.0, 1.0));
                let size: usize = dims[1..].iter().product();
                let values: Vec<f64> = seeds
                    .iter()
                    .flat_map(|&seed| {
                        let mut random = StdRng::seed_from_u64(seed);
                        let draw = move |_| random.random_range(lower..=upper);
                        (0..size).map(draw)
                    })
                    .collect();
                let mut dims = *dims;
                dims[0] = seeds.len();
                Tensor::from_data(TensorData::new(values, dims), (device, self.dtype))
            }
            Source::Data(data) => {
                let count = data.dims()[0] as u64;
                let places: Vec<i64> = seeds.iter().map(|seed| (seed % count) as i64).collect();
                let places = Tensor::<1, Int>::from_ints(places.as_slice(), &data.device());
                data.clone().select(0, places)
            }
        }
    }
}

/// A strategy for modules; made by [`models`].
#[derive(Clone)]
pub struct Models<F> {
    device: Device,
    init: F,
}

impl<F> Debug for Models<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Models")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// A strategy for modules with random parameters, as `init` makes them. The device's random numbers
/// are seeded by proptest; a module does not shrink. For one that is trained, take proptest's
/// `Just`.
///
/// ```
/// use burn::{nn::LinearConfig, tensor::Device};
/// use burn_crown::testing::models;
///
/// let strategy = models(&Device::flex(), |device| LinearConfig::new(4, 2).init(device));
/// # let _ = strategy;
/// ```
pub fn models<M, F: Fn(&Device) -> M>(device: &Device, init: F) -> Models<F> {
    Models {
        device: device.clone(),
        init,
    }
}

/// A device has one state of random numbers for all threads.
static RANDOM: Mutex<()> = Mutex::new(());

impl<M: Bounded, F: Fn(&Device) -> M> Strategy for Models<F> {
    type Tree = Just<M>;
    type Value = M;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let _guard = RANDOM.lock().unwrap_or_else(PoisonError::into_inner);
        self.device.seed(seed);
        let module = (self.init)(&self.device);
        // Burn draws a parameter when it is first read.
        parameters(&module);
        Ok(Just(module))
    }
}

/// Checks the bounds of a module inside `proptest!`: `assert_sound!(module, region, method)`, with a
/// [`TestRegion`](crate::testing::TestRegion) and what
/// [`check_soundness`](crate::testing::check_soundness) takes for a method. The test case fails with
/// the message of the [`Violation`](crate::testing::Violation).
///
/// ```
/// use burn::{nn::LinearConfig, tensor::Device};
/// # use burn::{module::Module, nn::Linear, tensor::Tensor};
/// use burn_crown::testing::{Regions, models};
/// # use burn_crown::Bounded;
/// use burn_crown::{Method, assert_sound};
/// use proptest::prelude::*;
/// # #[derive(Module, Bounded, Debug)]
/// # struct Net { layer: Linear }
/// # impl Net {
/// #     fn forward(&self, x: Tensor<2>) -> Tensor<2> { self.layer.forward(x).tanh() }
/// # }
/// # let net = |device: &Device| Net { layer: LinearConfig::new(4, 2).init(device) };
///
/// let device = Device::flex();
/// proptest!(|(
///     net in models(&device, net),
///     region in Regions::new([3, 4], 0.5, &device).strategy(),
/// )| {
///     assert_sound!(net, region, Method::Crown);
/// });
/// ```
#[macro_export]
macro_rules! assert_sound {
    ($module:expr, $region:expr, $method:expr $(,)?) => {{
        let region = &$region;
        let checked = $crate::testing::check_soundness(
            &$module,
            region.input.clone(),
            &region.perturbation,
            $method,
        );
        if let ::std::result::Result::Err(error) = checked {
            return ::std::result::Result::Err($crate::__private::TestCaseError::fail(
                ::std::string::ToString::to_string(&error),
            ));
        }
    }};
}
