//! Valid inputs of all targets.

use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use crown_ibp::storage::save_module;
use crown_ibp::weights::load_weights;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::targets::{ARCHIVE, PACKED, PLAIN, joined, mlp};

fn package() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(package().join("tests/fixtures").join(name)).unwrap()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The experiment files of the repository, with and without overrides.
pub(crate) fn configs() -> Vec<Vec<u8>> {
    let overrides = "training_params:epsilon=0.4\neval_params:method_params:bound_opts:zero-lb=true\n\
                     training_params:loader_params={\"batch_size\": 7, \"num_examples\": 5}";
    let folder = package().join("../../configs");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .flat_map(|file| [[&file, &b"\0"[..], overrides.as_bytes()].concat(), file])
        .collect()
}

/// Three images with their labels, plain and compressed.
pub(crate) fn idx() -> Vec<Vec<u8>> {
    let mut images = [0x803_u32, 3, 28, 28].map(u32::to_be_bytes).concat();
    images.extend((0..3 * 784).map(|at| (at % 251) as u8));
    let mut labels = [0x801_u32, 3].map(u32::to_be_bytes).concat();
    labels.extend([9, 0, 4]);
    vec![
        joined(&images, &labels),
        joined(&gzip(&images), &gzip(&labels)),
        joined(&images, &gzip(&labels)),
    ]
}

/// The records of CIFAR-10 in a file: a byte for the class, and 3,072 for the pixels.
fn records(count: usize) -> Vec<u8> {
    let record = |index: usize| {
        let mut record = vec![(index % 7) as u8; 3073];
        record[0] = (index % 10) as u8;
        record
    };
    (0..count).flat_map(record).collect()
}

fn archive(file: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("readme.html", &b"<p>CIFAR-10"[..]),
        ("test_batch.bin", file),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = Path::new("cifar-10-batches-bin").join(name);
        archive.append_data(&mut header, path, content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A whole file of CIFAR-10, plain and as an archive.
pub(crate) fn cifar() -> Vec<Vec<u8>> {
    let whole = records(10_000);
    vec![
        [&[PACKED][..], &gzip(&archive(&whole))].concat(),
        [&[PLAIN][..], &whole].concat(),
    ]
}

/// Files of CIFAR-10 with three images, which is too few, so that they are small.
pub(crate) fn short_cifar() -> Vec<Vec<u8>> {
    let short = records(3);
    vec![
        [&[PLAIN][..], &short].concat(),
        [&[PACKED][..], &gzip(&archive(&short))].concat(),
        [&[ARCHIVE][..], &archive(&short)].concat(),
    ]
}

/// Five images, as another program writes them.
pub(crate) fn svhn() -> Vec<Vec<u8>> {
    ["svhn_plain.mat", "svhn_compressed.mat"]
        .map(fixture)
        .into()
}

/// The same weights in all forms.
pub(crate) fn weights() -> Vec<Vec<u8>> {
    let names = [
        "state_dict.pth",
        "checkpoint.pth",
        "legacy.pth",
        "list.pth",
        "f64.pth",
        "views.pth",
        "with_optimizer.pth",
        "module.pth",
    ];
    let mut files: Vec<Vec<u8>> = names.map(fixture).into();
    let unchecked: Vec<_> = files.iter().map(|file| without_sums(file)).collect();
    files.extend(unchecked);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bpk");
    let from = package().join("tests/fixtures/state_dict.pth");
    let model = load_weights(&mlp(), &Device::flex(), from).unwrap();
    save_module(model, &path).unwrap();
    files.push(std::fs::read(path).unwrap());
    files.push(safetensors());
    files.push(tar_of_tensors());
    files
}

/// A zip archive that says that no sums were computed, as PyTorch can write it: a change is found by
/// what parses the content.
fn without_sums(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for (mark, at) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
        let starts: Vec<usize> = (0..file.len().saturating_sub(at + 4))
            .filter(|&start| file[start..].starts_with(mark))
            .collect();
        for start in starts {
            file[start + at..][..4].fill(0);
        }
    }
    file
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"__metadata__":{"format":"pt"},"1.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"1.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[8,40]},"3.bias":{"dtype":"F32","shape":[3],"data_offsets":[40,52]},"3.weight":{"dtype":"F32","shape":[3,2],"data_offsets":[52,76]}}"#;
    let numbers = (0..19).flat_map(|number| (number as f32).to_le_bytes());
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header]
        .concat()
        .into_iter()
        .chain(numbers)
        .collect()
}

/// A text of a pickle.
fn text(text: &str) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [b"X", &length[..], text.as_bytes()].concat()
}

/// A pickle of a tuple of texts and, behind them, a class of `torch`.
fn tuple(texts: &[&str], class: &str) -> Vec<u8> {
    let texts = texts.iter().flat_map(|word| text(word)).collect::<Vec<_>>();
    [
        b"\x80\x02(",
        &texts[..],
        b"ctorch\n",
        class.as_bytes(),
        b"\nt.",
    ]
    .concat()
}

/// The container of PyTorch before 0.1.10: one storage, and the tensors in it.
fn tar_of_tensors() -> Vec<u8> {
    let numbers = (0..19).flat_map(|number| (number as f32).to_le_bytes());
    let mut storages = b"\x80\x02K\x01.".to_vec();
    storages.extend(tuple(&["7", "cpu"], "FloatStorage"));
    storages.extend(19_i64.to_le_bytes());
    storages.extend(numbers);
    storages.extend(b"\x80\x02].");

    let mut tensors = b"\x80\x02K\x04.".to_vec();
    let mut pickle = b"\x80\x02}(".to_vec();
    for (key, shape, stride, offset) in [
        ("1.weight", &[2_i64, 4][..], &[4_i64, 1][..], 0_i64),
        ("1.bias", &[2], &[1], 8),
        ("3.weight", &[3, 2], &[2, 1], 10),
        ("3.bias", &[3], &[1], 16),
    ] {
        tensors.extend(tuple(&[key, "7"], "FloatTensor"));
        tensors.extend((shape.len() as i32).to_le_bytes());
        tensors.extend([0; 4]);
        let numbers = shape.iter().chain(stride).chain([&offset]);
        tensors.extend(numbers.flat_map(|number| number.to_le_bytes()));
        pickle.extend([text(key), text(key), b"Q".to_vec()].concat());
    }
    pickle.extend(b"u.");

    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("storages", storages),
        ("tensors", tensors),
        ("pickle", pickle),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        archive
            .append_data(&mut header, name, &content[..])
            .unwrap();
    }
    archive.into_inner().unwrap()
}
