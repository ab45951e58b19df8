//! Every form in which the same weights may come.

use burn::tensor::{Tensor, Tolerance};
use crown_ibp::storage::save_module;
use crown_ibp::weights::{WeightsForm, load_weights};

use super::{fixture, loaded, mlp, numbers, refused, test_device};

#[test]
fn the_network_computes_as_in_pytorch() {
    let model = loaded("state_dict.pth");
    let images = Tensor::<4>::from_data([[[[1., 0.], [0., 2.]]]], &test_device());
    // Hidden: relu(1 + 8 + 0.5) = 9.5 and relu(-1 - 8 + 0.25) = 0.
    let expected = Tensor::<2>::from_data([[9.5, 10., 39.]], &test_device());
    model
        .forward(images)
        .into_data()
        .assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
}

#[test]
fn every_file_of_pytorch_holds_the_same_weights() {
    let expected = numbers(&loaded("state_dict.pth"));
    for name in [
        "checkpoint.pth",
        "legacy.pth",
        "list.pth",
        "own_names.pth",
        "parallel.pth",
        "with_optimizer.pth",
        "module.pth",
        "views.pth",
        "f64.pth",
        "f16.pth",
        "bf16.pth",
    ] {
        assert_eq!(numbers(&loaded(name)), expected, "{name}");
    }
}

#[test]
fn the_name_of_a_file_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let expected = numbers(&loaded("state_dict.pth"));
    let burnpack = folder.path().join("model.pth");
    save_module(loaded("state_dict.pth"), &burnpack).unwrap();
    assert_eq!(WeightsForm::of(&burnpack).unwrap(), WeightsForm::Burnpack);
    let pytorch = folder.path().join("model.safetensors");
    std::fs::copy(fixture("checkpoint.pth"), &pytorch).unwrap();
    assert_eq!(WeightsForm::of(&pytorch).unwrap(), WeightsForm::Pytorch);
    for path in [burnpack, pytorch] {
        let model = load_weights(&mlp(), &test_device(), &path).unwrap();
        assert_eq!(numbers(&model), expected, "{}", path.display());
    }
}

#[test]
fn whole_numbers_are_no_weights() {
    let message = refused("i64.pth");
    assert!(
        message.contains(
            "`1.weight` (the model's `layers.0.weight`): the model wants f32, the file has i64"
        ),
        "{message}"
    );
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let message = refused("too_large.pth");
    for word in ["`3.bias`", "f64", "f32"] {
        assert!(message.contains(word), "{message}");
    }
}
