//! Time as the engine sees it: the machine's clock, or one that a test sets by hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

/// A clock that never goes backwards within one process. `default()` is the machine's.
#[derive(Debug, Default)]
pub struct Clock {
    latest_ms: AtomicU64,
    /// Present where the clock stands still until it is advanced; tells sleepers that it was.
    by_hand: Option<Notify>,
}

impl Clock {
    /// A clock that stands at `now_ms` and moves by `advance` alone.
    pub fn fixed(now_ms: u64) -> Self {
        Self { latest_ms: AtomicU64::new(now_ms), by_hand: Some(Notify::new()) }
    }

    /// Moves a fixed clock, and wakes whoever sleeps by it. Does nothing to the machine's.
    pub fn advance(&self, by_ms: u64) {
        if let Some(moved) = &self.by_hand {
            self.latest_ms.fetch_add(by_ms, Ordering::SeqCst);
            moved.notify_waiters();
        }
    }

    /// Milliseconds since the Unix epoch, UTC. Never less than what it said before.
    pub fn now_ms(&self) -> u64 {
        if self.by_hand.is_some() {
            return self.latest_ms.load(Ordering::SeqCst);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.latest_ms.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// Returns at `at_ms` or later. Safe to drop.
    pub async fn sleep_until(&self, at_ms: u64) {
        loop {
            let moved = self.by_hand.as_ref().map(Notify::notified);
            let wait_ms = at_ms.saturating_sub(self.now_ms());
            if wait_ms == 0 {
                return;
            }
            match moved {
                Some(moved) => moved.await,
                // Looked at again once a minute, so that a machine that slept or whose clock was
                // set does not wait by a count that is no longer true.
                None => tokio::time::sleep(Duration::from_millis(wait_ms.min(60_000))).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_clock_wakes_its_sleepers_when_it_is_advanced_far_enough() {
        let clock = Clock::fixed(1_000);
        let slept = clock.sleep_until(1_500);
        tokio::pin!(slept);
        for (advance, done) in [(0, false), (499, false), (1, true)] {
            clock.advance(advance);
            let woke = tokio::select! { biased; () = &mut slept => true, () = async {} => false };
            assert_eq!(woke, done, "at {}", clock.now_ms());
        }
    }
}
