//! What the allocator does with memory that is given back.

/// Keeps freed memory in the process, for the next tensor, where the C library is glibc's.
///
/// glibc gives large blocks back to the system and gets them anew, page by page, which takes a tenth
/// of a training step or more. A program calls this once, before it makes its first tensor; what the
/// process holds at its largest hardly changes.
#[cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    allow(unsafe_code, reason = "it is a function of the C library")
)]
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes numbers; settings that it does not know it refuses.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 1 << 26);
    }
}
