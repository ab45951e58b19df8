//! The memory of this process.

/// The largest resident memory that this process has had, in bytes: `VmHWM` of Linux. Other systems
/// do not tell it.
pub(super) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(1024 * kibibytes)
}
