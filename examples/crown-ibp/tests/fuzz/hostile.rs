//! Small files that ask for much: made by hand, for no mutator finds them.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use serde_json::json;

use crate::bounded::{Bounded, alone};
use crate::targets::{self, ARCHIVE, Outcome, PACKED, joined};
use crate::{MEBIBYTE, parsed};

/// A number of which no file can have so many.
const MANY: u64 = 1 << 60;

/// Why a file is refused, within the time and the memory of any file.
fn refusal(name: &'static str, target: fn(&[u8]) -> Outcome, file: Vec<u8>) -> String {
    let told = Bounded::new(name, target, parsed(200)).refusals([file]);
    told.concat()
}

#[track_caller]
fn assert_says(words: &str, expected: &str) {
    assert!(
        words.contains(expected),
        "{expected:?} is missing in {words}"
    );
}

/// An experiment file, with one value changed.
fn config(pointer: &str, value: serde_json::Value) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/");
    let text = std::fs::read(format!("{folder}mnist_crown_quick.json")).unwrap();
    let mut file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let (section, key) = pointer.rsplit_once('/').unwrap();
    match file.pointer_mut(section).unwrap() {
        serde_json::Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        section => section[key] = value,
    }
    serde_json::to_vec(&file).unwrap()
}

#[test]
fn what_an_experiment_file_counts_has_limits() {
    let _alone = alone();
    for (pointer, words) in [
        ("/models/0/repeats", "it must be at most 1000"),
        ("/training_params/epochs", "it must be at most 1000000"),
        (
            "/training_params/schedule_start",
            "it must be at most 1000000",
        ),
        (
            "/training_params/schedule_length",
            "it must be at most 1000000",
        ),
        ("/models/0/model_params/width", "it must be at most 1000000"),
        (
            "/models/0/model_params/linear_size",
            "it must be at most 1000000",
        ),
    ] {
        let words_found = refusal(
            "config-count",
            targets::config,
            config(pointer, json!(MANY)),
        );
        assert_says(&words_found, words);
    }
    for (class, key, value) in [
        ("model_mlp_uniform", "layer", json!(MANY)),
        ("model_mlp_uniform", "neurons", json!(MANY)),
        ("model_mlp_any", "neurons", json!([10, MANY])),
        ("model_cnn_3layer_fixed", "linear_size", json!(MANY)),
    ] {
        let params = json!({
            "in_dim": 784, "layer": 2, "neurons": 3, "in_ch": 1, "kernel_size": 3, "width": 1,
        });
        let mut model = json!({"model_id": "m", "model_class": class, "model_params": params});
        model["model_params"][key] = value;
        let words = refusal("config-size", targets::config, config("/models/0", model));
        assert_says(&words, &format!("model_params:{key}: is "));
        assert!(
            words.contains("at most 100") || words.contains("more than 100"),
            "{words}"
        );
    }
}

#[test]
fn an_experiment_file_may_be_wrong_in_ten_thousand_ways() {
    let _alone = alone();
    let mut wrong = serde_json::Map::new();
    wrong.extend((0..10_000).map(|key| (format!("key {key}"), json!(0))));
    let words = refusal(
        "config-keys",
        targets::config,
        config("/eval_params", wrong.into()),
    );
    assert_says(&words, "eval_params:key 9999: unknown key");

    let long = config("/training_params", json!({"ε".repeat(200_000): 1}));
    assert_says(
        &refusal("config-long", targets::config, long),
        "unknown key",
    );

    let mut nested = config("/models/0", json!({}));
    nested.extend(b"\0training_params=");
    nested.extend(b"[".repeat(300_000));
    let words = refusal("config-nested", targets::config, nested);
    assert_says(&words, "training_params: is ");

    let mut deep = config("/models/0/ignore", json!(false));
    deep.push(0);
    deep.extend(b"a:".repeat(300_000));
    deep.extend(b"b=1");
    assert_says(
        &refusal("config-deep", targets::config, deep),
        "is no override",
    );
}

/// Compressed, these bytes and half a gigabyte of zeros.
fn gzip_bomb(start: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(start).unwrap();
    let zeros = vec![0; 64 * MEBIBYTE];
    (0..8).for_each(|_| gzip.write_all(&zeros).unwrap());
    gzip.finish().unwrap()
}

#[test]
fn data_that_unpack_to_gigabytes_are_not_unpacked() {
    let _alone = alone();
    let bomb = gzip_bomb(&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28]);
    let words = refusal(
        "idx-bomb",
        targets::idx,
        joined(&bomb, &[0, 0, 8, 1, 0, 0, 0, 3]),
    );
    assert_says(&words, "more data follow");

    let mut header = tar::Header::new_ustar();
    header.set_size(1 << 32);
    let mut archive = |name| {
        header.set_path(name).unwrap();
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let bomb = gzip_bomb(&archive("readme.html"));
    let words = refusal("cifar-bomb", targets::cifar, [vec![PACKED], bomb].concat());
    assert_says(&words, "cannot read on");
    let bomb = gzip_bomb(&archive("test_batch.bin"));
    let words = refusal("cifar-file", targets::cifar, [vec![PACKED], bomb].concat());
    assert_says(&words, "more data follow");
    let short = [vec![ARCHIVE], archive("test_batch.bin")].concat();
    assert_says(&refusal("cifar-size", targets::cifar, short), "are whole");

    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    let elements: [u32; 16] = [
        14,
        u32::MAX,
        6,
        8,
        4,
        0,
        5,
        8,
        32,
        32,
        1 | 1 << 16,
        u32::from(b'X'),
        2,
        u32::MAX,
        0,
        0,
    ];
    zlib.write_all(&elements.map(u32::to_le_bytes).concat())
        .unwrap();
    let zeros = vec![0; 64 * MEBIBYTE];
    (0..8).for_each(|_| zlib.write_all(&zeros).unwrap());
    let array = zlib.finish().unwrap();
    let mut file = vec![b' '; 124];
    file.extend([0, 1, b'I', b'M']);
    file.extend(15_u32.to_le_bytes());
    file.extend((array.len() as u32).to_le_bytes());
    file.extend(array);
    let words = refusal("mat-bomb", targets::svhn, file);
    assert_says(&words, "4294967295 bytes, more than there may be");
}

#[test]
fn weights_reserve_no_more_than_they_hold() {
    let _alone = alone();
    let burnpack = [b"NRUB", &[1, 0][..], &(100_000_000_u32).to_le_bytes()].concat();
    assert_says(
        &refusal("burnpack", targets::weights, burnpack),
        "a model file of Burn",
    );

    let safetensors = [&(99_999_999_u64).to_le_bytes()[..], b"{\"a\":"].concat();
    assert_says(
        &refusal("safetensors", targets::weights, safetensors),
        "a safetensors file",
    );

    let header = format!(
        "{{\"1.weight\":{{\"dtype\":\"F32\",\"shape\":[{MANY},16],\"data_offsets\":[0,8]}}}}"
    );
    let length = (header.len() as u64).to_le_bytes();
    let safetensors = [&length[..], header.as_bytes(), &[0; 8]].concat();
    assert_says(
        &refusal("safetensors-shape", targets::weights, safetensors),
        "a safetensors file",
    );
}

/// A zip archive with one compressed file.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(content);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    let packed = encoder.finish().unwrap();
    let numbers = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect()
    };
    // Version, flags and method, date; sum, sizes, length of the name.
    let mut header = [20, 0, 0, 0, 8, 0, 0, 0, 0, 0].to_vec();
    let sizes = [
        sum.sum(),
        packed.len() as u32,
        content.len() as u32,
        name.len() as u32,
    ];
    header.extend(numbers(&sizes));
    let start = [b"PK\x03\x04", &header[..], name.as_bytes(), &packed].concat();
    let directory = [b"PK\x01\x02\x14\0", &header[..], &[0; 14], name.as_bytes()].concat();
    let end = numbers(&[0, 1 | 1 << 16, directory.len() as u32, start.len() as u32]);
    [&start[..], &directory, b"PK\x05\x06", &end, &[0; 2]].concat()
}

/// Compressed, a pickle of a hundred million times the same is a hundred kilobytes.
#[test]
fn a_pickle_that_unpacks_to_gigabytes_is_refused() {
    let _alone = alone();
    let pickle = [b"\x80\x02", &vec![b'N'; 100 * MEBIBYTE][..99_000_000], b"."].concat();
    let file = zip("archive/data.pkl", &pickle);
    assert!(file.len() < MEBIBYTE);
    let words = refusal("pickle-bomb", targets::weights, file);
    assert_says(&words, "its data.pkl unpacks to 99000003 bytes");
    // One that is small enough is looked at.
    let pickle = [&pickle[..100_000], b"."].concat();
    let packed = zip("archive/data.pkl", &pickle);
    let words = refusal("pickle-packed", targets::weights, packed);
    assert_says(&words, "Expected a dictionary");
}

/// A pickle in which each of many lists holds the one before twice.
#[test]
fn a_pickle_that_doubles_itself_is_refused() {
    let _alone = alone();
    let mut pickle = b"\x80\x02]q\x00".to_vec();
    for memo in 0..60 {
        pickle.extend([b']', b'h', memo, b'a', b'h', memo, b'a', b'q', memo + 1]);
    }
    pickle.push(b'.');
    assert_says(
        &refusal("pickle", targets::weights, pickle),
        "a PyTorch file",
    );
    let nested = [
        b"\x80\x02".to_vec(),
        b"]".repeat(200_000),
        b"a".repeat(199_999),
        b".".to_vec(),
    ];
    assert_says(
        &refusal("pickle-nested", targets::weights, nested.concat()),
        "a PyTorch file",
    );
}
