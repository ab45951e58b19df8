//! The device that the command line names.

use burn::tensor::Device;

/// A device that this build does not have.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error(
    "there is no device `{name}` in this build; it has {known}. Other backends are features: `--features tch`, then `--device libtorch`"
)]
pub struct UnknownDevice {
    name: String,
    known: String,
}

/// The names of the devices of this build, for the help text and errors.
pub fn names() -> Vec<&'static str> {
    vec![
        #[cfg(feature = "flex")]
        "flex",
        #[cfg(feature = "tch")]
        "libtorch",
        #[cfg(feature = "tch")]
        "libtorch:INDEX (a CUDA device)",
        #[cfg(feature = "cuda")]
        "cuda:INDEX",
        #[cfg(feature = "rocm")]
        "rocm:INDEX",
        #[cfg(feature = "wgpu")]
        "wgpu",
        #[cfg(feature = "vulkan")]
        "vulkan",
        #[cfg(feature = "metal")]
        "metal",
        #[cfg(feature = "cpu")]
        "cpu",
    ]
}

/// The device of a name such as `flex`, `libtorch` or `cuda:0`; without a name, Burn's default.
///
/// # Errors
///
/// If this build has no such device.
pub fn parse(name: Option<&str>) -> Result<Device, UnknownDevice> {
    let Some(name) = name else {
        return Ok(Device::default());
    };
    let unknown = || UnknownDevice {
        name: name.into(),
        known: names().join(", "),
    };
    let (backend, index) = match name.split_once(':') {
        None => (name, None),
        Some((backend, index)) => (
            backend,
            Some(index.parse::<usize>().map_err(|_| unknown())?),
        ),
    };
    match (backend, index) {
        #[cfg(feature = "flex")]
        ("flex", None) => Ok(Device::flex()),
        #[cfg(feature = "tch")]
        #[expect(
            deprecated,
            reason = "Burn deprecates its libtorch backend, but still has it"
        )]
        ("libtorch", None) => Ok(Device::libtorch()),
        #[cfg(feature = "tch")]
        #[expect(
            deprecated,
            reason = "Burn deprecates its libtorch backend, but still has it"
        )]
        ("libtorch", Some(index)) => Ok(Device::libtorch_cuda(index)),
        #[cfg(feature = "cuda")]
        ("cuda", index) => Ok(Device::cuda(index.unwrap_or(0))),
        #[cfg(feature = "rocm")]
        ("rocm", index) => Ok(Device::rocm(index.unwrap_or(0))),
        #[cfg(feature = "wgpu")]
        ("wgpu", None) => Ok(Device::wgpu(burn::tensor::DeviceKind::default())),
        #[cfg(feature = "vulkan")]
        ("vulkan", None) => Ok(Device::vulkan(burn::tensor::DeviceKind::default())),
        #[cfg(feature = "metal")]
        ("metal", None) => Ok(Device::metal(burn::tensor::DeviceKind::default())),
        #[cfg(feature = "cpu")]
        ("cpu", None) => Ok(Device::cpu()),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_unknown_device_is_refused_with_the_known_ones() {
        let message = parse(Some("abacus")).map(|_| ()).unwrap_err().to_string();
        assert!(
            message.contains("abacus") && message.contains("flex"),
            "{message}"
        );
        assert!(parse(Some("flex:one")).is_err());
    }

    #[cfg(feature = "flex")]
    #[test]
    fn flex_is_known() {
        assert_eq!(parse(Some("flex")), Ok(Device::flex()));
    }
}
