//! A setting of glibc's allocator. The allocators of other systems need none.

/// Bytes. This is glibc's initial value.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: libc::c_int = 128 * 1024;

/// Makes glibc return every large block to the system when it is freed.
///
/// Without it, glibc raises the size of large blocks, up to 32 MB, when the first large block is freed.
/// Request and response bodies of a few hundred kilobytes are then allocated in the heaps of threads, which
/// keep freed memory.
///
/// Must be called before the first thread is started.
pub(crate) fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "glibc has no other interface for this but the environment")]
    // SAFETY: `mallopt` takes two integers. It must not run at the same time as allocations of other threads,
    // and the programs call it before they start a thread.
    unsafe {
        // An error leaves the allocator unchanged.
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
    }
}
