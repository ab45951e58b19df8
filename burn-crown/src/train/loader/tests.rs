#![allow(clippy::unwrap_used)]

use super::*;
use burn::data::dataloader::split::split_dataloader;
use burn::data::dataset::{DatasetError, InMemDataset};
use burn::tensor::TensorData;
use rand::RngExt;

#[derive(Clone)]
struct Numbers;

impl Batcher<i64, (Tensor<2>, Tensor<1, Int>)> for Numbers {
    fn batch(&self, items: Vec<i64>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let count = items.len();
        let labels: Tensor<1, Int> = Tensor::from_data(TensorData::new(items, [count]), device);
        (labels.clone().float().reshape([count, 1]), labels)
    }
}

fn loader(items: i64, batch_size: usize) -> RobustDataLoader<i64, 2> {
    let dataset = Arc::new(InMemDataset::new((0..items).collect()));
    RobustDataLoader::new(dataset, Numbers, batch_size)
        .unwrap()
        .with_device(&Device::flex())
}

/// The step and the items of each batch.
fn batches(
    iterator: impl Iterator<Item = Result<RobustBatch<2>, DatasetError>>,
) -> Vec<(usize, Vec<i64>)> {
    iterator
        .map(|batch| {
            let batch = batch.unwrap();
            assert_eq!(batch.images.dims()[0], batch.labels.dims()[0]);
            (batch.step, batch.labels.into_data().iter().collect())
        })
        .collect()
}

fn items(batches: &[(usize, Vec<i64>)]) -> Vec<i64> {
    batches
        .iter()
        .flat_map(|(_, items)| items.clone())
        .collect()
}

#[test]
fn batches_are_numbered_over_the_epochs() {
    let loader = loader(5, 2);
    assert_eq!(loader.steps_per_epoch(), 3);
    let expected = |first| {
        vec![
            (first, vec![0, 1]),
            (first + 1, vec![2, 3]),
            (first + 2, vec![4]),
        ]
    };
    assert_eq!(batches(loader.iter()), expected(0));
    assert_eq!(batches(loader.iter()), expected(3));
    assert_eq!(batches(loader.iter()), expected(6));
}

#[test]
fn shuffling_gives_every_item_once_in_an_order_of_its_own() {
    let loader = loader(50, 8).with_shuffle(3);
    let (first, second) = (
        items(&batches(loader.iter())),
        items(&batches(loader.iter())),
    );
    assert_ne!(first, second);
    for mut order in [first, second] {
        assert_ne!(order, (0..50).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn the_seed_changes_the_order() {
    let order = |seed| items(&batches(loader(50, 8).with_shuffle(seed).iter()));
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
}

#[test]
fn a_resumed_loader_continues_as_the_uninterrupted_one() {
    let whole = loader(21, 4).with_shuffle(7);
    let epochs: Vec<_> = (0..4).map(|_| batches(whole.iter())).collect();
    let resumed = loader(21, 4).with_shuffle(7).with_start_epoch(2);
    assert_eq!(batches(resumed.iter()), epochs[2]);
    assert_eq!(batches(resumed.iter()), epochs[3]);
}

#[test]
fn a_copy_on_another_device_keeps_the_count() {
    let loader = loader(6, 3).with_shuffle(1);
    let expected: Vec<_> = (0..2).map(|epoch| batches(loader.epoch(epoch))).collect();
    assert_eq!(batches(loader.iter()), expected[0]);
    let moved = loader.to_device(&Device::flex());
    assert_eq!(batches(moved.iter()), expected[1]);
    // The copy counts for itself.
    assert_eq!(batches(loader.iter()), expected[1]);
}

#[test]
fn looking_at_an_epoch_does_not_count() {
    let loader = loader(6, 3);
    assert_eq!(batches(loader.epoch(5))[0].0, 10);
    assert_eq!(batches(loader.iter())[0].0, 0);
}

/// The parts that Burn makes of a loader for several devices.
fn split(
    loader: RobustDataLoader<i64, 2>,
    devices: usize,
) -> Vec<Arc<dyn DataLoader<RobustBatch<2>>>> {
    split_dataloader(Arc::new(loader), &vec![Device::flex(); devices])
}

#[test]
fn devices_share_the_steps_of_one_large_batch() {
    let parts = split(loader(11, 2).with_shuffle(5).with_devices(2), 2);
    assert_eq!(parts[0].num_items(), 5);
    assert_eq!(parts[1].num_items(), 6);
    let large = loader(11, 4).with_shuffle(5);
    for _ in 0..3 {
        let dealt: Vec<_> = parts.iter().map(|part| batches(part.iter())).collect();
        let whole = batches(large.iter());
        assert_eq!(dealt[0].len(), 3);
        for (index, expected) in whole.iter().enumerate() {
            assert_eq!(dealt[0][index].0, expected.0);
            assert_eq!(dealt[1][index].0, expected.0);
            let together = [&dealt[0][index].1[..], &dealt[1][index].1[..]].concat();
            assert_eq!(together, expected.1);
        }
    }
}

#[test]
fn devices_share_a_batch() {
    let whole = batches(loader(11, 5).iter());
    let parts = split(loader(11, 5).with_devices(2).with_shared_batches(), 2);
    let dealt: Vec<_> = parts.iter().map(|part| batches(part.iter())).collect();
    assert_eq!(dealt[0], [(0, vec![0, 1]), (1, vec![5, 6])]);
    assert_eq!(
        dealt[1],
        [(0, vec![2, 3, 4]), (1, vec![7, 8, 9]), (2, vec![10])]
    );
    assert_eq!(whole.len(), 3);
}

#[test]
fn accumulated_batches_share_a_step() {
    let loader = loader(11, 2).with_accumulation(2);
    assert_eq!(loader.steps_per_epoch(), 3);
    assert_eq!(batches(loader.iter()).len(), 6);
    let found: Vec<_> = loader
        .iter()
        .map(|batch| batch.map(|batch| (batch.step, batch.share)).unwrap())
        .collect();
    let (half, third) = (1.0 / 2.0, 1.0 / 3.0);
    assert_eq!(
        found,
        [
            (3, half),
            (3, half),
            (4, half),
            (4, half),
            (5, 2.0 * third),
            (5, third)
        ]
    );
}

#[test]
fn a_split_for_other_devices_is_refused() {
    for (told, devices) in [(1, 2), (2, 1), (3, 2), (2, 3)] {
        for part in split(loader(12, 2).with_devices(told), devices) {
            let results: Vec<_> = part.iter().map(|batch| batch.map(|_| ())).collect();
            if let [Err(error)] = &results[..] {
                assert!(error.to_string().contains("with_devices"), "{error}");
            } else {
                panic!("{told} and {devices}: {results:?}");
            }
        }
    }
}

#[test]
fn progress_counts_items() {
    let loader = loader(5, 2);
    let mut iterator = loader.iter();
    assert_eq!(iterator.progress().items_processed, 0);
    iterator.next().unwrap().unwrap();
    assert_eq!(iterator.progress().items_processed, 2);
    assert_eq!(iterator.progress().items_total, 5);
    assert!(iterator.by_ref().all(|batch| batch.is_ok()));
    assert!(iterator.progress().is_completed());
}

#[test]
fn an_empty_data_set_gives_no_batch() {
    assert!(loader(0, 2).iter().next().is_none());
}

#[test]
fn a_batch_of_nothing_is_refused() {
    let dataset = Arc::new(InMemDataset::new(vec![1_i64]));
    let result = RobustDataLoader::new(dataset, Numbers, 0);
    assert_eq!(result.err(), Some(LoaderError::EmptyBatch));
}

/// Ten thousand times the item, and a random number.
fn noisy(loader: RobustDataLoader<i64, 2>, seed: u64) -> RobustDataLoader<i64, 2> {
    loader.with_transform(seed, |item, random| {
        10_000 * item + random.random_range(0..10_000)
    })
}

/// All items of the epochs that follow, each epoch in increasing order.
fn sorted_epochs(loader: &dyn DataLoader<RobustBatch<2>>, epochs: usize) -> Vec<Vec<i64>> {
    let epoch = |_| {
        let mut values = items(&batches(loader.iter()));
        values.sort_unstable();
        values
    };
    (0..epochs).map(epoch).collect()
}

#[test]
fn changes_are_drawn_anew_for_each_item_epoch_and_seed() {
    let epochs = sorted_epochs(&noisy(loader(40, 8), 1), 2);
    let mut noise = Vec::new();
    for epoch in &epochs {
        let numbers: Vec<i64> = epoch.iter().map(|value| value / 10_000).collect();
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
        noise.extend(epoch.iter().map(|value| value % 10_000));
    }
    noise.extend(
        sorted_epochs(&noisy(loader(40, 8), 2), 1)[0]
            .iter()
            .map(|value| value % 10_000),
    );
    noise.sort_unstable();
    noise.dedup();
    // Of 120 draws out of 10,000, fewer than one pair is alike on average.
    assert!(noise.len() > 110, "{} different numbers", noise.len());
}

#[test]
fn changes_depend_on_neither_order_batch_size_devices_nor_resuming() {
    let expected = sorted_epochs(&noisy(loader(23, 4), 5), 3);
    let shuffled = noisy(loader(23, 7).with_shuffle(9), 5);
    assert_eq!(sorted_epochs(&shuffled, 3), expected);
    let resumed = noisy(loader(23, 4), 5).with_start_epoch(2);
    assert_eq!(sorted_epochs(&resumed, 1), expected[2..]);
    let accumulated = noisy(loader(23, 4).with_accumulation(2), 5);
    assert_eq!(sorted_epochs(&accumulated, 3), expected);
    let moved = noisy(loader(23, 4), 5).to_device(&Device::flex());
    assert_eq!(sorted_epochs(moved.as_ref(), 3), expected);

    let parts = split(noisy(loader(23, 4).with_shuffle(2).with_devices(3), 5), 3);
    for expected in &expected {
        let mut together: Vec<i64> = parts
            .iter()
            .flat_map(|part| items(&batches(part.iter())))
            .collect();
        together.sort_unstable();
        assert_eq!(&together, expected);
    }
}
