//! Recordings that are used again.

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::module::Module;
use burn::nn;
use burn::tensor::activation::relu;
use burn::tensor::{DType, Tensor};
use burn_crown::{Bounded, GraphCache};
use burn_crown_tests::random_net::{RandomNet, Recipe};
use burn_crown_tests::test_device;

use crate::{input, linear, lower, module};

#[test]
fn parameters_are_read_anew_without_a_new_recording() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    module!(Counted(first), |this, x| {
        RUNS.fetch_add(1, Ordering::SeqCst);
        relu(this.first.forward(x))
    });

    let (cache, mut module) = (
        GraphCache::new(),
        Counted {
            first: linear(3, 2),
        },
    );
    let before = lower(&cache, &module, input());
    // Once to record it, and once beside its recording.
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    module.first.bias = module
        .first
        .bias
        .map(|bias| bias.map(|bias| bias.add_scalar(5.0)));
    let after = lower(&cache, &module, input());
    assert_eq!(
        RUNS.load(Ordering::SeqCst),
        2,
        "the graph was recorded again"
    );
    assert_eq!(after, lower(&GraphCache::new(), &module, input()));
    for (before, after) in before.iter().zip(after) {
        assert!(after > before + 1.0, "{before} {after}");
    }

    // Another batch size is another recording, and the first one is kept.
    let runs = RUNS.load(Ordering::SeqCst);
    let single = lower(&cache, &module, input().narrow(0, 0, 1));
    assert_eq!(RUNS.load(Ordering::SeqCst), runs + 2);
    let both = lower(&cache, &module, input());
    assert_eq!(RUNS.load(Ordering::SeqCst), runs + 2);
    for (single, both) in single.iter().zip(&both) {
        assert!((single - both).abs() < 1e-5, "{single} {both}");
    }
}

#[test]
fn other_parameters_are_recorded_anew() {
    module!(Plain(first), |this, x| this.first.forward(x));
    let cache = GraphCache::new();
    for _ in 0..2 {
        let module = Plain {
            first: linear(3, 2),
        };
        let own = lower(&GraphCache::new(), &module, input());
        assert_eq!(lower(&cache, &module, input()), own);
    }
}

#[test]
fn threads_share_a_cache() {
    let recipes = [
        Recipe::Linear {
            outputs: 5,
            bias: true,
        },
        Recipe::Relu { function: true },
        Recipe::Linear {
            outputs: 3,
            bias: true,
        },
    ];
    let nets: Vec<RandomNet<2>> = (0..3)
        .map(|seed| RandomNet::new(&recipes, [1, 3], seed, DType::F32, &test_device()))
        .collect();
    let caches: Vec<GraphCache> = nets.iter().map(|_| GraphCache::new()).collect();
    let rows = |rows: usize| input().narrow(0, 0, 1).repeat_dim(0, rows);
    let expected: Vec<Vec<Vec<f64>>> = nets
        .iter()
        .map(|net| {
            (1..6)
                .map(|count| lower(&GraphCache::new(), net, rows(count)))
                .collect()
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (nets, caches, expected) = (&nets, &caches, &expected);
            scope.spawn(move || {
                for round in 0..30 {
                    let (net, count) = ((thread + round) % 3, 1 + (thread * 7 + round) % 5);
                    let bounds = lower(&caches[net], &nets[net], rows(count));
                    assert_eq!(bounds, expected[net][count - 1]);
                }
            });
        }
    });
}
