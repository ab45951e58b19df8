//! The devices that the command line names.

use burn::tensor::Device;

/// What is wrong with a name of a device.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnknownDevice {
    /// A device that this build does not have.
    #[error(
        "there is no device `{name}` in this build; it has {known}. Other backends are features: `--features tch`, then `--device libtorch`"
    )]
    Name {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A device that this machine does not have.
    #[error("there is no device `{name}` on this machine; it has {count} of that kind")]
    Absent {
        /// What was asked for.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A list of devices without a device, or with a number that belongs to none.
    #[error(
        "`{text}` is no list of devices; give names with commas between them, such as `cpu,cpu` or `libtorch-cuda:0,1`"
    )]
    List {
        /// What was asked for.
        text: String,
    },
}

/// The names of the devices of this build, for the help text and errors.
pub fn names() -> Vec<&'static str> {
    vec![
        #[cfg(any(feature = "cpu", feature = "flex", feature = "tch"))]
        "cpu",
        #[cfg(feature = "flex")]
        "flex",
        #[cfg(feature = "tch")]
        "libtorch",
        #[cfg(feature = "tch")]
        "libtorch-cuda:INDEX",
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
    ]
}

/// The device of a name such as `flex`, `libtorch` or `cuda:0`; without a name, Burn's default.
///
/// `cpu` is Burn's own CPU backend where it is built in, else flex, else libtorch.
///
/// # Errors
///
/// If this build has no such device.
pub fn parse(name: Option<&str>) -> Result<Device, UnknownDevice> {
    let Some(name) = name else {
        return Ok(Device::default());
    };
    let unknown = || UnknownDevice::Name {
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
    device(backend, index).ok_or_else(unknown)
}

/// The devices of a list such as `flex,flex`, `cuda:0,cuda:1` or, for short, `cuda:0,1`.
///
/// A device that is named twice is two workers: on a CPU they share its cores.
///
/// # Errors
///
/// If the text is no such list, or if this build has no such device.
pub fn parse_devices(text: &str) -> Result<Vec<Device>, UnknownDevice> {
    let no_list = || UnknownDevice::List { text: text.into() };
    // The backend of the last name that had an index, for the indices alone that follow it.
    let mut indexed: Option<&str> = None;
    text.split(',')
        .map(str::trim)
        .map(|name| {
            if name.is_empty() {
                return Err(no_list());
            }
            if name.bytes().all(|byte| byte.is_ascii_digit()) {
                let backend = indexed.ok_or_else(no_list)?;
                return parse(Some(&format!("{backend}:{name}")));
            }
            indexed = name.split_once(':').map(|(backend, _)| backend);
            parse(Some(name))
        })
        .collect()
}

/// All devices of the machine that have the kind of a [name](parse): every CUDA device for
/// `cuda:0`, and the CPU alone for `flex`.
///
/// # Errors
///
/// If this build has no such device.
pub fn all_of_kind(name: Option<&str>) -> Result<Vec<Device>, UnknownDevice> {
    let named = parse(name)?;
    for (backend, count) in counts() {
        let all: Vec<Device> = (0..count)
            .filter_map(|index| device(backend, Some(index)))
            .collect();
        if all.contains(&named) {
            return Ok(all);
        }
    }
    Ok(vec![named])
}

/// Checks that this machine has the devices, which a backend would find out by a panic.
///
/// # Errors
///
/// [`UnknownDevice::Absent`], for the first one that it has not.
pub fn require(devices: &[Device]) -> Result<(), UnknownDevice> {
    for (backend, count) in counts() {
        let absent = (count..usize::from(u8::MAX))
            .find(|index| device(backend, Some(*index)).is_some_and(|one| devices.contains(&one)));
        if let Some(index) = absent {
            let name = format!("{backend}:{index}");
            return Err(UnknownDevice::Absent { name, count });
        }
    }
    Ok(())
}

/// The number of devices on this machine, for each backend that numbers them.
fn counts() -> Vec<(&'static str, usize)> {
    vec![
        #[cfg(feature = "cuda")]
        ("cuda", enumerated(burn::tensor::DeviceType::Cuda).len()),
        #[cfg(feature = "rocm")]
        ("rocm", enumerated(burn::tensor::DeviceType::Rocm).len()),
        #[cfg(feature = "tch")]
        ("libtorch-cuda", {
            // Burn lists libtorch's devices of all kinds, the CPU among them.
            let all = enumerated(burn::tensor::DeviceType::LibTorch);
            (0..all.len())
                .filter_map(|index| device("libtorch-cuda", Some(index)))
                .take_while(|device| all.contains(device))
                .count()
        }),
    ]
}

#[cfg(any(feature = "cuda", feature = "rocm", feature = "tch"))]
fn enumerated(kind: burn::tensor::DeviceType) -> Vec<Device> {
    Device::enumerate(kind).into_vec()
}

#[cfg_attr(
    feature = "tch",
    expect(
        deprecated,
        reason = "Burn deprecates its libtorch backend, but still has it"
    )
)]
fn device(backend: &str, index: Option<usize>) -> Option<Device> {
    match (backend, index) {
        #[cfg(feature = "cpu")]
        ("cpu", None) => Some(Device::cpu()),
        #[cfg(all(feature = "flex", not(feature = "cpu")))]
        ("cpu", None) => Some(Device::flex()),
        #[cfg(all(feature = "tch", not(any(feature = "cpu", feature = "flex"))))]
        ("cpu", None) => Some(Device::libtorch()),
        #[cfg(feature = "flex")]
        ("flex", None) => Some(Device::flex()),
        #[cfg(feature = "tch")]
        ("libtorch", None) => Some(Device::libtorch()),
        #[cfg(feature = "tch")]
        ("libtorch", Some(index)) => Some(Device::libtorch_cuda(index)),
        #[cfg(feature = "tch")]
        ("libtorch-cuda", index) => Some(Device::libtorch_cuda(index.unwrap_or(0))),
        #[cfg(feature = "cuda")]
        ("cuda", index) => Some(Device::cuda(index.unwrap_or(0))),
        #[cfg(feature = "rocm")]
        ("rocm", index) => Some(Device::rocm(index.unwrap_or(0))),
        #[cfg(feature = "wgpu")]
        ("wgpu", None) => Some(Device::wgpu(burn::tensor::DeviceKind::default())),
        #[cfg(feature = "vulkan")]
        ("vulkan", None) => Some(Device::vulkan(burn::tensor::DeviceKind::default())),
        #[cfg(feature = "metal")]
        ("metal", None) => Some(Device::metal(burn::tensor::DeviceKind::default())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_unknown_device_is_refused_with_the_known_ones() {
        let message = parse(Some("abacus")).unwrap_err().to_string();
        assert!(
            message.contains("abacus") && message.contains("flex"),
            "{message}"
        );
        assert!(parse(Some("flex:one")).is_err());
        let message = parse_devices("cpu,abacus").unwrap_err().to_string();
        assert!(message.contains("`abacus`"), "{message}");
    }

    #[cfg(feature = "flex")]
    #[test]
    fn flex_is_known() {
        assert_eq!(parse(Some("flex")), Ok(Device::flex()));
        assert_eq!(all_of_kind(Some("flex")), Ok(vec![Device::flex()]));
    }

    #[cfg(all(feature = "flex", not(feature = "cpu")))]
    #[test]
    fn two_workers_can_share_the_cpu() {
        let two = Ok(vec![Device::flex(), Device::flex()]);
        assert_eq!(parse_devices("flex,flex"), two);
        assert_eq!(parse_devices("cpu, cpu"), two);
        assert_eq!(parse_devices("cpu"), Ok(vec![Device::flex()]));
    }

    #[cfg(feature = "tch")]
    #[test]
    #[expect(
        deprecated,
        reason = "Burn deprecates its libtorch backend, but still has it"
    )]
    fn indices_follow_their_backend() {
        let cuda = |index: usize| Device::libtorch_cuda(index);
        assert_eq!(
            parse_devices("libtorch-cuda:0,1,3,libtorch,libtorch:2,4"),
            Ok(vec![
                cuda(0),
                cuda(1),
                cuda(3),
                Device::libtorch(),
                cuda(2),
                cuda(4)
            ])
        );
        assert_eq!(parse(Some("libtorch-cuda")), Ok(cuda(0)));
        assert_eq!(all_of_kind(Some("libtorch")), Ok(vec![Device::libtorch()]));
    }

    #[test]
    fn what_the_machine_lacks_is_refused() {
        assert_eq!(require(&[Device::default()]), Ok(()));
        for (backend, count) in counts() {
            let name = format!("{backend}:{count}");
            let devices = [Device::default(), parse(Some(&name)).unwrap()];
            assert_eq!(
                require(&devices),
                Err(UnknownDevice::Absent { name, count })
            );
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", ",", "0", "0,1", "flex,", "flex,1"] {
            let expected = UnknownDevice::List { text: text.into() };
            assert_eq!(parse_devices(text), Err(expected), "{text:?}");
        }
    }
}
