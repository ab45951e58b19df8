//! What the allocator does with memory that is given back.

/// Keeps freed memory in the process, for the next tensor, where the C library is glibc's.
///
/// glibc gives large blocks back to the system and gets them anew, page by page, which takes a tenth
/// of a training step or more. A program calls this once, before it makes its first tensor. What the
/// process holds at its largest hardly changes where the same tensors come again and again, as in
/// training.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        set(libc::M_MMAP_MAX, 0);
        keep_heap();
    }
}

/// The same for blocks of less than a mebibyte: for verification, whose tensors are of ever other
/// sizes. With large blocks among them, the heap of a process can grow to several times of what it
/// holds.
pub fn keep_small_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        set(libc::M_MMAP_THRESHOLD, 1 << 20);
        keep_heap();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_heap() {
    set(libc::M_TRIM_THRESHOLD, i32::MAX);
    set(libc::M_TOP_PAD, 1 << 26);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "it is a function of the C library")]
fn set(parameter: i32, value: i32) {
    // SAFETY: the function takes numbers; settings that it does not know it refuses.
    unsafe { libc::mallopt(parameter, value) };
}
