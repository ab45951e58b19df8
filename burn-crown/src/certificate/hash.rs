//! Hashes that name models and images.

use std::collections::HashMap;

use burn::backend::ir::{OperationIr, TensorId};
use burn::module::{Module, Param};
use burn::tensor::{Bool, Int, Tensor, TensorData};
use sha2::{Digest, Sha256};

use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::tensor::AnyTensor;
use crate::trace::{PathVisitor, Record, record, visit};

/// The SHA-256 hash of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    let digits = |byte: u8| format!("{byte:02x}");
    hash.finalize().into_iter().map(digits).collect()
}

/// A part with its length, so that no two lists of parts give the same bytes.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn tensor(hash: &mut Sha256, data: &TensorData) {
    part(hash, format!("{:?}", data.dtype()).as_bytes());
    part(hash, format!("{:?}", data.shape().to_vec()).as_bytes());
    part(hash, data.as_bytes());
}

/// Of all parameters, in the order of visiting.
pub(super) fn parameters<M: Module>(module: &M) -> String {
    #[derive(Default)]
    struct Hashing(Sha256);

    impl Hashing {
        fn add(&mut self, path: &str, data: &TensorData) {
            part(&mut self.0, path.as_bytes());
            tensor(&mut self.0, data);
        }
    }

    impl PathVisitor for Hashing {
        fn float<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D>>) {
            self.add(path, &param.val().into_data());
        }

        fn int<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D, Int>>) {
            self.add(path, &param.val().into_data());
        }

        fn bool<const D: usize>(&mut self, path: &str, param: &Param<Tensor<D, Bool>>) {
            self.add(path, &param.val().into_data());
        }
    }

    hexadecimal(visit(&module.valid(), Hashing::default()).0)
}

/// Of what a forward pass runs for an input.
pub(super) fn operators<M: Bounded>(module: &M, input: AnyTensor) -> Result<String, TraceError> {
    let record = record(module, &[input])?;
    let mut hash = Sha256::new();
    // The numbers that Burn gives to values differ from run to run, their order does not.
    let mut numbers: HashMap<TensorId, usize> = HashMap::new();
    for operation in &record.captured.graph.operations {
        if matches!(operation, OperationIr::Init(_) | OperationIr::Drop(_)) {
            continue;
        }
        let mut text = format!("{operation:?}");
        for value in operation.inputs().chain(operation.outputs()) {
            let next = numbers.len();
            let number = *numbers.entry(value.id).or_insert(next);
            text = text.replace(&format!("{:?}", value.id), &format!("#{number}"));
            if number == next {
                leaf(&mut hash, &record, value.id);
            }
        }
        // Who reads a value last is no matter of what is computed.
        part(&mut hash, text.replace("ReadWrite", "ReadOnly").as_bytes());
    }
    for output in &record.outputs {
        part(&mut hash, format!("{:?}", numbers.get(output)).as_bytes());
    }
    Ok(hexadecimal(hash))
}

/// What a value is that no operator made.
fn leaf(hash: &mut Sha256, record: &Record, id: TensorId) {
    if let Some(input) = record.inputs.iter().position(|&input| input == id) {
        part(hash, format!("input {input}").as_bytes());
    } else if let Some((position, _)) = record.parameters.get(&id) {
        part(hash, format!("parameter {position}").as_bytes());
    } else if let Some(data) = record.captured.values.get(&id) {
        tensor(hash, data);
    }
}
