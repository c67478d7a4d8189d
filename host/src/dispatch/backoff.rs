//! When to try again.

use std::time::Duration;

/// How long to wait before the next attempt.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// Bound of the wait after the first failure.
    pub first: Duration,
    /// Upper bound on our own wait.
    pub max: Duration,
    /// Upper bound on a wait the service asked for.
    pub asked_max: Duration,
}

impl Backoff {
    /// The wait after `attempt` failures, counting from 1. The bound doubles, then stays at `max`;
    /// `jitter`, from 0 to 1, picks a point below it, so that what failed together is not tried
    /// together again.
    ///
    /// `asked` is the service's `Retry-After` (RFC 9110, 10.2.3). It can lengthen the wait beyond
    /// `max`, never shorten it: a service that says 'not before' means it.
    pub fn wait(&self, attempt: u32, asked: Option<Duration>, jitter: f64) -> Duration {
        debug_assert!(attempt >= 1, "attempts count from 1");
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let bound = self.first.saturating_mul(factor).min(self.max);
        let own = bound.mul_f64(jitter.clamp(0.0, 1.0));
        own.max(asked.unwrap_or_default().min(self.asked_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn wait_doubles_up_to_the_cap_and_honors_what_the_service_asked() {
        let backoff = Backoff { first: secs(1), max: secs(60), asked_max: secs(86_400) };
        let table = [
            // attempt, asked, jitter, expected wait
            (1, None, 1.0, secs(1)),
            (3, None, 1.0, secs(4)),
            (3, None, 0.5, secs(2)),
            (3, None, 0.0, secs(0)),
            (u32::MAX, None, 1.0, secs(60)),
            (1, Some(secs(900)), 1.0, secs(900)),
            (1, Some(secs(900)), 0.0, secs(900)),
            (9, Some(secs(2)), 1.0, secs(60)),
            (1, Some(secs(1_000_000)), 1.0, secs(86_400)),
        ];
        for (attempt, asked, jitter, expected) in table {
            let wait = backoff.wait(attempt, asked, jitter);
            assert_eq!(wait, expected, "attempt {attempt}, asked {asked:?}, jitter {jitter}");
        }
    }
}
