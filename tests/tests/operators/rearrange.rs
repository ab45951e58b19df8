//! Operators that put elements elsewhere, join them, or replace some of them.

use burn::module::{Module, Param};
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::interpolate::{Interpolate2d, Interpolate2dConfig};
use burn::nn::{Lstm, LstmConfig, Unfold4d, Unfold4dConfig};
use burn::tensor::ops::PadMode;
use burn::tensor::{DType, Distribution, IndexingUpdateOp, Int, Tensor};
use burn_crown::{
    BoundConfig, Bounded, GraphCache, Method, Norm, Perturbation, Specification, TraceError,
};
use burn_crown_tests::parameters::{map_parameters, read_parameters, to_vec};
use burn_crown_tests::regions::RandomRegion;
use burn_crown_tests::sound::{METHODS, assert_sound};
use burn_crown_tests::test_device;

/// A matrix behind the operator under test, so that its result is mixed, and a square, so that it is
/// bounded by its interval as well.
fn mixed(x: Tensor<2>) -> Tensor<2> {
    let [_, features] = x.dims();
    let weight = Tensor::<1, Int>::arange(0..(features * 3) as i64, &x.device())
        .float()
        .cast(DType::F64)
        .sin()
        .reshape([features, 3]);
    x.matmul(weight).powf_scalar(2.0)
}

macro_rules! on_rank {
    ($name:ident, $rank:literal, $test:ident, $dims:expr, |$x:ident| $body:expr) => {
        module_of!($name, $rank, 2, |$x| mixed($body));

        #[test]
        fn $test() {
            assert_sound($dims, 0.0, &[0.1, 1.5], 3, |_| $name { unused: 0 });
        }
    };
}

on_rank!(Flip, 3, flip_is_sound, [2, 3, 2], |x| x
    .flip([1, 2])
    .flatten(1, 2));
on_rank!(Repeat, 2, repeat_is_sound, [2, 4], |x| x.repeat_dim(1, 3));
on_rank!(Select, 3, select_is_sound, [2, 4, 2], |x| {
    let indices = Tensor::<1, Int>::from_ints([3, 0, 3], &x.device());
    x.select(1, indices).flatten(1, 2)
});
on_rank!(Gather, 2, gather_is_sound, [2, 4], |x| {
    let indices = Tensor::<2, Int>::from_ints([[3, 0, 3]], &x.device());
    let [rows, _] = x.dims();
    x.gather(1, indices.expand([rows, 3]))
});
on_rank!(GatherEach, 2, gather_by_image_is_sound, [2, 4], |x| {
    let indices = Tensor::<2, Int>::from_ints([[3, 0, 3], [1, 2, 0]], &x.device());
    let [rows, _] = x.dims();
    x.gather(1, indices.repeat_dim(0, rows / 2))
});
on_rank!(
    GatherRuns,
    2,
    gather_by_images_of_which_some_are_alike_is_sound,
    [4, 4],
    |x| {
        let lists = [[3, 0, 3], [3, 0, 3], [1, 2, 0], [3, 0, 3]];
        let indices = Tensor::<2, Int>::from_ints(lists, &x.device());
        let [rows, _] = x.dims();
        x.gather(1, indices.repeat_dim(0, rows / 4))
    }
);
on_rank!(
    GatherTail,
    2,
    gather_by_images_of_which_the_last_differs_is_sound,
    [3, 4],
    |x| {
        let indices = Tensor::<2, Int>::from_ints([[3, 0, 3], [3, 0, 3], [1, 2, 0]], &x.device());
        let [rows, _] = x.dims();
        x.gather(1, indices.repeat_dim(0, rows / 3))
    }
);
on_rank!(Added, 3, addition_at_indices_is_sound, [2, 4, 2], |x| {
    let indices = Tensor::<1, Int>::from_ints([3, 0, 3], &x.device());
    let [rows, ..] = x.dims();
    let value = x.clone().slice([0..rows, 1..4]).sin();
    let update = IndexingUpdateOp::Add;
    x.select_assign(1, indices, value, update).flatten(1, 2)
});
on_rank!(Placed, 2, placement_is_sound, [2, 3], |x| {
    let [rows, _] = x.dims();
    let zeros = Tensor::<2>::ones([rows, 5], (&x.device(), DType::F64));
    let indices = Tensor::<1, Int>::from_ints([4, 0, 2], &x.device());
    zeros.select_assign(1, indices, x, IndexingUpdateOp::Add)
});
on_rank!(Sums, 2, sums_at_one_place_are_sound, [2, 4], |x| {
    let [rows, _] = x.dims();
    let zeros = Tensor::<2>::zeros([rows, 2], (&x.device(), DType::F64));
    let indices = Tensor::<1, Int>::from_ints([1, 0, 1, 1], &x.device());
    zeros.select_assign(1, indices, x, IndexingUpdateOp::Add)
});
on_rank!(Scattered, 2, scattering_by_image_is_sound, [2, 3], |x| {
    let [rows, _] = x.dims();
    let zeros = Tensor::<2>::zeros([rows, 4], (&x.device(), DType::F64));
    let indices = Tensor::<2, Int>::from_ints([[3, 0, 3], [1, 2, 0]], &x.device());
    let indices = indices.repeat_dim(0, rows / 2);
    zeros.scatter(1, indices, x, IndexingUpdateOp::Add)
});
on_rank!(Windows, 3, windows_are_sound, [2, 2, 5], |x| x
    .unfold::<4, _>(2, 3, 2)
    .flatten(1, 3));
on_rank!(Reflect, 4, reflection_is_sound, [2, 2, 3, 3], |x| x
    .pad((1, 2, 0, 1), PadMode::Reflect)
    .flatten(1, 3));
on_rank!(Edge, 4, edge_padding_is_sound, [2, 2, 3, 3], |x| x
    .pad((1, 2, 0, 1), PadMode::Edge)
    .flatten(1, 3));
on_rank!(Roll, 2, roll_is_sound, [2, 5], |x| x.roll_dim(2, 1));
on_rank!(Stack, 2, stack_is_sound, [2, 4], |x| {
    Tensor::stack::<3>(vec![x.clone().sin(), x.clone(), x], 1).flatten(1, 2)
});
on_rank!(PartlyFixed, 2, cat_with_constants_is_sound, [2, 3], |x| {
    let [rows, _] = x.dims();
    let fixed = Tensor::ones([rows, 2], (&x.device(), DType::F64));
    Tensor::cat(vec![fixed, x], 1)
});
on_rank!(Over, 2, overwritten_infinity_is_sound, [2, 3], |x| {
    let [rows, _] = x.dims();
    let whole = Tensor::<2>::full([rows, 4], f64::NEG_INFINITY, (&x.device(), DType::F64));
    let ones = Tensor::ones([rows, 1], (&x.device(), DType::F64));
    let whole = whole.slice_assign([0..rows, 0..1], ones);
    whole.slice_assign([0..rows, 1..4], x)
});
on_rank!(Assigned, 3, assignment_is_sound, [2, 3, 2], |x| {
    let [rows, ..] = x.dims();
    let value = x.clone().slice([0..rows, 1..3]).sin();
    let assigned = x.slice_assign([0..rows, 0..2], value);
    let ones = Tensor::ones([rows, 1, 2], (&assigned.device(), DType::F64));
    assigned.slice_assign([0..rows, 2..3], ones).flatten(1, 2)
});
on_rank!(IntoEmpty, 2, assignment_to_empty_is_sound, [2, 3], |x| {
    let [rows, _] = x.dims();
    let whole = Tensor::<2>::empty([rows, 6], (&x.device(), DType::F64));
    let whole = whole.slice_assign([0..rows, 3..6], x.clone());
    whole.slice_assign([0..rows, 0..3], x.mul_scalar(-2.0))
});

#[derive(Module, Bounded, Debug)]
struct Larger {
    interpolate: Interpolate2d,
}

impl Larger {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        mixed(self.interpolate.forward(x).flatten(1, 3))
    }
}

#[test]
fn nearest_interpolation_is_sound() {
    assert_sound([2, 1, 3, 3], 0.0, &[0.1, 1.5], 3, |_| Larger {
        interpolate: Interpolate2dConfig::new()
            .with_output_size(Some([5, 4]))
            .init(),
    });
}

#[derive(Module, Bounded, Debug)]
struct Patches {
    unfold: Unfold4d,
}

impl Patches {
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        mixed(self.unfold.forward(x).flatten(1, 2))
    }
}

#[test]
fn unfolding_is_sound() {
    for padding in [[0, 0], [1, 0]] {
        assert_sound([2, 2, 3, 3], 0.0, &[0.1, 1.5], 3, |_| Patches {
            unfold: Unfold4dConfig::new([2, 2]).with_padding(padding).init(),
        });
    }
}

#[derive(Module, Bounded, Debug)]
struct Remembering {
    lstm: Lstm,
}

impl Remembering {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        self.lstm.forward(x, None).0.flatten(1, 2)
    }
}

#[derive(Module, Bounded, Debug)]
struct Gated {
    gru: Gru,
}

impl Gated {
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        self.gru.forward(x, None).flatten(1, 2)
    }
}

/// As [`assert_sound`] in `f32`: Burn's recurrent layers make their state in the default type.
fn assert_sound_in_f32<M: Bounded>(module: &M, forward: impl Fn(Tensor<3>) -> Tensor<2>) {
    let device = test_device();
    let input = Tensor::<3>::random(
        [2, 3, 3],
        Distribution::Uniform(-1.0, 1.0),
        (&device, DType::F32),
    );
    for norm in [Norm::L1, Norm::L2, Norm::Linf] {
        for radius in [0.05, 0.5] {
            let region = RandomRegion::ball(input.clone(), norm, radius);
            let values = to_vec(forward(region.points(40, 7)));
            let perturbation = Perturbation::ball(norm, radius);
            let analysis = GraphCache::new()
                .analyse(module, input.clone(), &perturbation)
                .unwrap_or_else(|error| panic!("{error}"));
            for method in METHODS {
                let bounds = analysis
                    .bounds(&Specification::Outputs, &BoundConfig::new(method))
                    .unwrap_or_else(|error| panic!("{error}"));
                let (lower, upper) = (to_vec(bounds.lower), to_vec(bounds.upper));
                for (at, &value) in values.iter().enumerate() {
                    let (low, high) = (lower[at % lower.len()], upper[at % lower.len()]);
                    assert!(
                        low - 1e-5 <= value && value <= high + 1e-5,
                        "{method}, {norm:?}, radius {radius}: output {at} is {value}, its bounds \
                         {low} and {high}"
                    );
                }
            }
        }
    }
}

#[test]
fn lstm_is_sound() {
    let device = test_device();
    let lstm = LstmConfig::new(3, 4, true).init(&device);
    let module = Remembering { lstm };
    assert_sound_in_f32(&module, |x| module.forward(x));
}

#[test]
fn gru_is_sound() {
    let device = test_device();
    for reset_after in [true, false] {
        let config = GruConfig::new(3, 4, true).with_reset_after(reset_after);
        let module = Gated {
            gru: config.init(&device),
        };
        assert_sound_in_f32(&module, |x| module.forward(x));
    }
}

/// A table of which rows are taken, as weights and beside the features.
#[derive(Module, Bounded, Debug)]
struct Table {
    rows: Param<Tensor<2>>,
}

impl Table {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [batch, _] = x.dims();
        let indices = Tensor::<1, Int>::from_ints([2, 0, 2], &x.device());
        let weight = self.rows.val().select(0, indices);
        let hidden = x.matmul(weight).tanh();
        let row = self.rows.val().slice([1..2, 0..4]).expand([batch, 4]);
        let joined = Tensor::cat(vec![hidden.clone(), row.clone(), hidden], 1).flip([1]);
        let assigned = joined.slice_assign([0..batch, 1..5], row);
        mixed(assigned)
    }
}

/// A row and a matrix made of parameters by additions to some of their elements.
#[derive(Module, Bounded, Debug)]
struct Summed {
    rows: Param<Tensor<2>>,
}

impl Summed {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [batch, _] = x.dims();
        let ints = |data: &[i32]| Tensor::<1, Int>::from_ints(data, &x.device());
        let rows = self.rows.val();
        let twice = rows.clone().select_assign(
            0,
            ints(&[2, 2]),
            rows.clone().narrow(0, 0, 2),
            IndexingUpdateOp::Add,
        );
        let row = rows.narrow(0, 0, 1);
        let places = ints(&[3, 1, 3]).unsqueeze::<2>();
        let row = row
            .clone()
            .scatter(1, places, row.narrow(1, 0, 3), IndexingUpdateOp::Add);
        mixed(x.matmul(twice).tanh() + row.expand([batch, 4]))
    }
}

#[test]
fn additions_to_parts_of_a_parameter_are_sound() {
    assert_sound([2, 3], 0.0, &[0.1, 1.0], 3, |_| Summed {
        rows: table().rows,
    });
}

fn table() -> Table {
    let rows = Tensor::<2>::random(
        [3, 4],
        Distribution::Uniform(-1.0, 1.0),
        (&test_device(), DType::F64),
    );
    Table {
        rows: Param::from_tensor(rows),
    }
}

#[test]
fn parts_of_a_parameter_are_sound() {
    assert_sound([2, 3], 0.0, &[0.1, 1.0], 3, |_| table());
}

#[test]
fn gradients_go_through_rearranged_parameters() {
    let objective = |net: &Table, method: Method| {
        let input = Tensor::<2>::from_data(
            [[0.3, -0.2, 0.5], [0.9, 0.1, -0.4]],
            (&test_device(), DType::F64),
        );
        let bounds = GraphCache::new()
            .analyse(net, input, &Perturbation::ball(Norm::L2, 0.2))
            .unwrap_or_else(|error| panic!("{error}"))
            .bounds(&Specification::Outputs, &BoundConfig::new(method))
            .unwrap_or_else(|error| panic!("{error}"));
        bounds.lower.sum() - bounds.upper.sum().mul_scalar(0.5)
    };
    test_device().seed(3);
    let net = table();
    for method in METHODS {
        let trained = net.clone().train();
        let gradients = objective(&trained, method).backward();
        let gradients = read_parameters(&trained, &gradients);
        for (element, gradient) in gradients[0].1.iter().enumerate() {
            let at = |step: f64| {
                let moved = map_parameters(net.valid(), DType::F64, |_, _, values| {
                    values[element] += step;
                });
                to_vec(objective(&moved, method))[0]
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (gradient - difference).abs() <= 1e-6 * (1.0 + difference.abs()),
                "{method}, element {element}: {gradient}, not {difference}"
            );
        }
    }
}

macro_rules! mixing {
    ($name:ident, $test:ident, |$x:ident| $body:expr) => {
        module_of!($name, 2, 2, |$x| $body);

        #[test]
        fn $test() {
            let input = Tensor::<2>::ones([2, 3], &test_device());
            let error = GraphCache::new()
                .analyse(
                    &$name { unused: 0 },
                    input,
                    &Perturbation::ball(Norm::Linf, 0.1),
                )
                .err();
            assert!(
                matches!(
                    error,
                    Some(burn_crown::BoundError::Trace(TraceError::MixesBatch { .. }))
                ),
                "{error:?}"
            );
        }
    };
}

mixing!(Reversed, a_flipped_batch_is_refused, |x| x.flip([0]));
mixing!(Doubled, a_repeated_batch_is_refused, |x| x.repeat_dim(0, 2));
mixing!(Longer, a_joined_batch_is_refused, |x| Tensor::cat(
    vec![x.clone(), x],
    0
));
mixing!(AcrossImages, an_addition_to_another_image_is_refused, |x| {
    let indices = Tensor::<1, Int>::from_ints([1, 0], &x.device());
    x.clone()
        .select_assign(0, indices, x, IndexingUpdateOp::Add)
});
mixing!(OneRow, an_assigned_row_is_refused, |x| {
    let row = x.clone().slice([0..1, 0..3]);
    x.slice_assign([1..2, 0..3], row)
});
