//! Time as the engine sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock, kept from going backwards within one process.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Milliseconds since the Unix epoch, UTC. Never less than what it said before.
    pub fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_max(now, Ordering::Relaxed).max(now)
    }
}
