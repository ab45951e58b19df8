//! Running a forward pass on the capture device.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use burn::backend::ir::TensorId;
use burn::tensor::{CapturedGraph, Device, FloatDType, TensorData};

use super::parameters;
use crate::bounded::Bounded;
use crate::error::TraceError;
use crate::tensor::AnyTensor;

/// A forward pass as Burn recorded it.
pub(crate) struct Record {
    pub(crate) captured: CapturedGraph,
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) outputs: Vec<TensorId>,
    /// The position of the parameter behind a recorded value, and the path of the module that owns
    /// it.
    pub(crate) parameters: HashMap<TensorId, (usize, String)>,
}

/// The capture devices of the process, one for each default float type: Burn gives out a limited
/// number of them, and each takes one recording at a time.
static CAPTURE: Mutex<Vec<(FloatDType, Device)>> = Mutex::new(Vec::new());

/// The capture device for a default float type.
fn capture_device(devices: &mut Vec<(FloatDType, Device)>, default: FloatDType) -> Device {
    if let Some((_, device)) = devices.iter().find(|(known, _)| *known == default) {
        return device.clone();
    }
    let device = Device::capture();
    devices.push((default, device.clone()));
    device
}

/// Records the forward pass of `module` for inputs `like` these.
pub(crate) fn record<M: Bounded>(module: &M, like: &[AnyTensor]) -> Result<Record, TraceError> {
    let dtype = like[0].dtype();
    let default = like[0].device().inner().settings().float_dtype;
    let mut devices = CAPTURE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut device = capture_device(&mut devices, default);
    let scoped = device.clone();
    let mut boundary = None;
    let recorded = catch_unwind(AssertUnwindSafe(|| {
        scoped.capture_scope(|scope| {
            // Tensors that the forward pass makes without naming a type have that of the input's
            // device. A capture device can be asked what it supports in a scope alone.
            if device.settings().float_dtype != default {
                let configured = device.configure(default);
                configured.expect("a capture device records any float type");
            }
            // `valid` copies running statistics, which `to_device` would move in place.
            let module = module.valid().to_device(&device);
            let parameters = parameters(&module)
                .into_iter()
                .enumerate()
                .filter_map(|(position, parameter)| {
                    let owner = parameter.owner().to_string();
                    Some((parameter.value.capture_id()?, (position, owner)))
                })
                .collect();
            let inputs: Vec<AnyTensor> = like
                .iter()
                .map(|input| {
                    let zeros = TensorData::full_dtype(input.shape(), 0.0, dtype);
                    AnyTensor::from_data(zeros, &device)
                })
                .collect();
            let ids: Vec<TensorId> = inputs.iter().filter_map(AnyTensor::capture_id).collect();
            let outputs = module.forward_all(inputs);
            let Some(outputs) = outputs.iter().map(AnyTensor::capture_id).collect() else {
                return scope.complete([], []);
            };
            let outputs: Vec<TensorId> = outputs;
            let completed = scope.complete(ids.clone(), outputs.clone());
            boundary = Some((ids, outputs, parameters));
            completed
        })
    }));
    drop(devices);
    let captured = recorded
        .map_err(|panic| TraceError::ForwardPanicked {
            message: panic_message(&*panic),
        })?
        .map_err(|error| TraceError::Capture(error.to_string()))?;
    let Some((inputs, outputs, parameters)) = boundary else {
        return Err(TraceError::ForeignDevice);
    };
    Ok(Record {
        captured,
        inputs,
        outputs,
        parameters,
    })
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| {
            panic
                .downcast_ref::<&str>()
                .map(|message| (*message).to_string())
        })
        .unwrap_or_else(|| "it panicked without a message".into())
}
