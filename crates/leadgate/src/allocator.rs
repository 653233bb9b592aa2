//! A setting of glibc's allocator. Other systems' allocators need none.

/// Bytes. glibc starts with this value.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: libc::c_int = 128 * 1024;

/// Makes glibc return every large block to the system when it is freed.
///
/// Without this, the first large block that is freed raises the size from which blocks count as large, up to 32 MB.
/// Bodies and answers of a few hundred kilobytes then come from the heaps of the threads, which keep what is freed.
///
/// To be called before the first thread is started.
pub(crate) fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc has no other interface for this but the environment")]
    // SAFETY: `mallopt` takes two integers. It must not run beside other threads' first allocations, and the
    // programs call it before they start a thread.
    unsafe {
        // A refusal leaves the allocator as it was.
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
    }
}
