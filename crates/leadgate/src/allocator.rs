//! The memory allocator of the programs. C libraries (OpenSSL, libpq, SQLite) use the allocator of the system.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

/// It needs less CPU than the allocator of glibc, in particular for blocks that another thread frees.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, in ms. The crate does not define it. Its default is 1,000.
const PURGE_DELAY: mi_option_t = 15;

/// Makes the allocator return freed pages to the system at once. By default it returns them after a delay, at one of
/// its next calls, and an idle process has none.
pub(crate) fn return_freed_memory() {
    #[expect(unsafe_code, reason = "mimalloc has no other interface for this but the environment")]
    // SAFETY: the function takes two integers, and ignores an unknown option.
    unsafe {
        mi_option_set(PURGE_DELAY, 0);
    }
}
