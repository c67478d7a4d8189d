//! The runtime as a library, where a test needs no engine around it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use campanile::capability::budget::CallLimits;
use campanile::runtime::{Limits, Runtime, RuntimeError};

/// Roomy: none of the tests that use it is about time.
pub(crate) const LIMITS: Limits = Limits {
    call_cpu: Duration::from_millis(500),
    call_wall: Duration::from_secs(60),
    store_memory_bytes: 16 << 20,
    store_table_elements: 20_000,
    store_handles_count: 1_000,
    hostcall_bytes_max: 4 << 20,
    log_lines_max: 100,
    log_bytes_max: 64 << 10,
    response_bytes_max: 1 << 20,
    call: CallLimits {
        calls_max: 10_000,
        sends_max: 256,
        out_bytes_max: 16 << 20,
        in_bytes_max: 16 << 20,
    },
};

pub(crate) fn start(cache: &Path) -> Result<Arc<Runtime>, RuntimeError> {
    Runtime::new(LIMITS, 16, cache)
}
