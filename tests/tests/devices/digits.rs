//! A convolutional network in double precision: what is left of the difference is rounding.

use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::optim::SgdConfig;
use burn::optim::momentum::MomentumConfig;
use burn::tensor::{DType, Device, Int, Tensor};
use burn::train::{InferenceStep, SupervisedTraining};
use burn_crown::Perturbation;
use burn_crown::train::{
    DataParallel, EpsilonSchedule, RobustBatch, RobustDataLoader, RobustLearner, RobustMetrics,
    RobustObjective,
};
use burn_crown_tests::parameters::{map_parameters, to_vec};
use burn_crown_tests::test_device;
use crown_ibp::data::{Digits, ImageBatcher, ImageDataset, ImageItem};
use crown_ibp::models::{Cnn2Layer, Cnn2LayerConfig};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::run::{EXCHANGES, devices};
use crown_ibp::quiet::Quiet;

const EPSILON: f64 = 0.05;
const IMAGES: usize = 199;

/// Makes the images of a batch numbers of 64 bits.
#[derive(Clone)]
struct Double(ImageBatcher);

impl Batcher<ImageItem, (Tensor<4>, Tensor<1, Int>)> for Double {
    fn batch(&self, items: Vec<ImageItem>, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let (images, labels) = self.0.batch(items, device);
        (images.cast(DType::F64), labels)
    }
}

type Learner = RobustLearner<Cnn2Layer, 4>;

fn loader(data: &Arc<ImageDataset>, batch_size: usize) -> RobustDataLoader<ImageItem, 4> {
    let batcher = Double(data.batcher());
    RobustDataLoader::new(data.clone(), batcher, batch_size)
        .unwrap()
        .with_shuffle(1)
}

/// The network, with weights that are a function of nothing else.
fn model(device: &Device) -> Cnn2Layer {
    let mut rng = StdRng::seed_from_u64(7);
    let model = Cnn2LayerConfig::new(1, 28, 1)
        .with_linear_size(16)
        .init(device);
    map_parameters(model, DType::F64, |_, _, values| {
        values.fill_with(|| rng.random_range(-0.15..0.15));
    })
}

fn train(parallel: &DataParallel, train: RobustDataLoader<ImageItem, 4>) -> Learner {
    let schedule = EpsilonSchedule::new(EPSILON)
        .with_start_step(2)
        .with_end_step(10);
    let perturbation = Perturbation::linf(EPSILON).with_range(0.0, 1.0);
    let objective = RobustObjective::new(perturbation, schedule);
    let metrics = RobustMetrics::new(&objective);
    let device = test_device().autodiff();
    let learner = RobustLearner::new(model(&device), objective);
    let momentum = MomentumConfig::new().with_momentum(0.9).with_nesterov(true);
    let optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();

    let folder = tempfile::tempdir().unwrap();
    let valid = Arc::new(Digits::new(3, 40).draw());
    let train = Arc::new(parallel.deal(train));
    let training = SupervisedTraining::new(folder.path(), train, Arc::new(loader(&valid, 40)))
        .metrics(metrics)
        .renderer(Box::new(Quiet))
        .with_application_logger(None)
        .num_epochs(2);
    let result = parallel
        .set_up(training)
        .launch(learner.learner(optimizer, 0.02));
    assert!(result.error.is_none(), "{:?}", result.error);
    result.model
}

/// All parameters.
fn values(learner: &Learner) -> Vec<f64> {
    let mut all = Vec::new();
    map_parameters(learner.model().clone(), DType::F64, |_, _, values| {
        all.extend_from_slice(values);
    });
    all
}

/// The robust loss of other digits, each by itself.
fn losses(learner: &Learner) -> Vec<f64> {
    let (images, labels) = Digits::new(2, 100).draw().tensors(0..100, &test_device());
    let batch = RobustBatch::new(images.cast(DType::F64), labels, 0);
    to_vec(InferenceStep::step(learner, batch).loss)
}

#[test]
fn a_convolutional_network_is_the_same_up_to_rounding() {
    let data = Arc::new(Digits::new(1, IMAGES).draw());
    let start = RobustLearner::<_, 4>::new(
        model(&test_device()),
        RobustObjective::new(Perturbation::linf(EPSILON), EpsilonSchedule::new(EPSILON)),
    );
    let one = train(&DataParallel::new([test_device()]), loader(&data, 32));
    let expected = values(&one);
    let distance = |other: &Learner| {
        let pairs = expected.iter().zip(values(other));
        pairs.fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()))
    };
    let moved = distance(&start);
    assert!(moved > 1e-2, "nothing is learned: {moved:e}");

    for exchange in EXCHANGES {
        let parallel = DataParallel::new(devices(2))
            .with_exchange(exchange)
            .with_accumulation(2);
        let found = train(&parallel, loader(&data, 8));
        let off = distance(&found);
        eprintln!("{exchange:?}: parameters off by {off:e}, moved by {moved:e}");
        // A sum of 32 terms of 53 bits is off by some 1e-15; 14 steps with momentum amplify it.
        assert!(off <= 1e-12 * moved, "{exchange:?}: {off:e} of {moved:e}");
        for (expected, found) in losses(&one).into_iter().zip(losses(&found)) {
            let off = (expected - found).abs();
            assert!(
                off <= 1e-12 * expected,
                "{exchange:?}: loss {found}, not {expected}"
            );
        }
    }
}
