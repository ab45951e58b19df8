//! Loaders, and what spreads their batches over devices.

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::data::dataset::InMemDataset;
use burn::optim::SgdConfig;
use burn::train::SupervisedTraining;
use burn_crown::train::{DataParallel, RobustDataLoader, RobustLearner};
use burn_crown_tests::test_device;

use crate::outcome::{Outcome, Row, must_refuse, refused};
use crate::plane::{Mlp, Point, PointBatcher, objective, points, training_device};
use crown_ibp::quiet::Quiet;

pub(crate) const ROWS: &[Row] = &[
    Row {
        entry: "`RobustDataLoader::new`",
        input: "a batch size of 0",
        run: || must_refuse(RobustDataLoader::<_, 2>::new(dataset(8), PointBatcher, 0)),
    },
    Row {
        entry: "`RobustDataLoader::new`",
        input: "a batch size above the size of the data set",
        run: || {
            let batches: Vec<_> = loader(8, usize::MAX).epoch(0).collect();
            assert_eq!(batches.len(), 1);
            assert_eq!(batches[0].as_ref().unwrap().images.dims(), [8, 2]);
            Outcome::Defined("one batch of all")
        },
    },
    Row {
        entry: "`RobustDataLoader::new`",
        input: "an empty data set",
        run: || {
            let loader = loader(0, 4);
            assert_eq!((loader.epoch(0).count(), loader.steps_per_epoch()), (0, 0));
            Outcome::Defined("no batches")
        },
    },
    Row {
        entry: "`RobustDataLoader::with_devices`, `with_accumulation`",
        input: "0",
        run: || {
            let loader = loader(8, 4).with_devices(0).with_accumulation(0);
            assert_eq!(loader.steps_per_epoch(), 2);
            Outcome::Defined("counts as 1")
        },
    },
    Row {
        entry: "`RobustDataLoader::with_accumulation`",
        input: "more batches than an epoch has",
        run: || {
            let loader = loader(8, 4).with_accumulation(usize::MAX);
            assert_eq!((loader.steps_per_epoch(), loader.epoch(0).count()), (1, 2));
            Outcome::Defined("one step of all batches")
        },
    },
    Row {
        entry: "`RobustDataLoader::epoch`, `with_start_epoch`",
        input: "the largest number",
        run: || {
            let loader = loader(8, 4).with_start_epoch(usize::MAX);
            for batch in loader.epoch(usize::MAX).chain(loader.epoch(usize::MAX)) {
                assert_eq!(batch.unwrap().step, usize::MAX);
            }
            assert_eq!(loader.iter().count(), 2);
            Outcome::Defined("batches of the last step that there is")
        },
    },
    Row {
        entry: "`RobustDataLoader::slice`",
        input: "a part that is none of its devices'",
        run: || {
            let mut batches = DataLoader::slice(&loader(8, 4).with_devices(2), 0, 3);
            let part = Arc::get_mut(&mut batches).expect("the part is new");
            let first = part.iter().next().expect("an error").map(|_| ());
            must_refuse(first)
        },
    },
    Row {
        entry: "`DataParallel::new`",
        input: "no devices",
        run: || {
            assert_eq!(
                DataParallel::new([]).devices(),
                [burn::tensor::Device::default()]
            );
            Outcome::Defined("Burn's default device")
        },
    },
    Row {
        entry: "`DataParallel::with_accumulation`",
        input: "0",
        run: || {
            assert_eq!(
                DataParallel::new([])
                    .with_accumulation(0)
                    .batches_per_step(),
                1
            );
            Outcome::Defined("counts as 1")
        },
    },
    Row {
        entry: "`DataParallel::set_up`",
        input: "a loader that was told of another number of devices",
        run: || {
            let folder = tempfile::tempdir().unwrap();
            let parallel = DataParallel::new([test_device(), test_device()]);
            let loaders = [loader(8, 4), loader(8, 4)].map(Arc::new);
            let [train, valid] = loaders;
            let training = SupervisedTraining::new(folder.path(), train, valid)
                .renderer(Box::new(Quiet))
                .with_application_logger(None);
            let learner = RobustLearner::new(Mlp::new(1, &training_device()), objective());
            let learner = learner.learner(SgdConfig::new().init(), 0.1);
            let result = parallel.set_up(training).launch(learner);
            refused(&*result.error.expect("the loader's error"))
        },
    },
];

fn dataset(count: usize) -> Arc<InMemDataset<Point>> {
    Arc::new(InMemDataset::new(points(1, count)))
}

fn loader(count: usize, batch_size: usize) -> RobustDataLoader<Point, 2> {
    RobustDataLoader::new(dataset(count), PointBatcher, batch_size).unwrap()
}
