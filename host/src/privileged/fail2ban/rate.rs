//! How many bans there may be in a minute and in an hour.
//!
//! Pure: times come in as milliseconds since the Unix epoch, since bans of before the helper's start
//! count, too; otherwise an engine that makes it start again would have no limit.

use std::collections::VecDeque;
use std::num::NonZeroU32;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

#[derive(Debug)]
pub(super) struct Rate {
    minute_max: usize,
    /// `None`: only the minute counts.
    hour_max: Option<usize>,
    /// When each ban of the last hour was, as many as matter, oldest first.
    taken: VecDeque<u64>,
}

impl Rate {
    /// `before`: when there were bans, in any order.
    pub(super) fn new(
        per_minute: NonZeroU32,
        per_hour: Option<NonZeroU32>,
        before: impl IntoIterator<Item = u64>,
    ) -> Self {
        let count = |it: NonZeroU32| usize::try_from(it.get()).unwrap_or(usize::MAX);
        let mut all: Vec<_> = before.into_iter().collect();
        all.sort_unstable();
        let (minute_max, hour_max) = (count(per_minute), per_hour.map(count));
        let mut rate = Self { minute_max, hour_max, taken: all.into() };
        rate.trim();
        rate
    }

    /// Takes a place; `Err`: after so many milliseconds there is one.
    pub(super) fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        // A clock that was set back must not make the past the future.
        for at in &mut self.taken {
            *at = (*at).min(now_ms);
        }
        let wait = self.wait(self.minute_max, MINUTE_MS, now_ms);
        let wait = wait.max(self.hour_max.map_or(0, |max| self.wait(max, HOUR_MS, now_ms)));
        if wait > 0 {
            return Err(wait);
        }
        self.taken.push_back(now_ms);
        self.trim();
        Ok(())
    }

    /// Gives the newest place back: there was no ban.
    pub(super) fn give_back(&mut self, at_ms: u64) {
        if let Some(place) = self.taken.iter().rposition(|taken| *taken == at_ms) {
            self.taken.remove(place);
        }
    }

    fn wait(&self, max: usize, per_ms: u64, now_ms: u64) -> u64 {
        let Some(oldest) = self.taken.len().checked_sub(max) else { return 0 };
        (self.taken[oldest] + per_ms).saturating_sub(now_ms)
    }

    fn trim(&mut self) {
        let max = self.minute_max.max(self.hour_max.unwrap_or(0));
        while self.taken.len() > max {
            self.taken.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_rate_waits_as_long_as_it_must_and_not_longer() {
        let some = |it| NonZeroU32::new(it).unwrap();
        let mut rate = Rate::new(some(2), Some(some(3)), []);
        let table = [
            (1_000, Ok(())),
            (2_000, Ok(())),
            (3_000, Err(58_000)),
            (60_999, Err(1)),
            (61_000, Ok(())),
            (61_001, Err(3_540_000 - 1)),
            (3_601_000, Ok(())),
        ];
        for (now_ms, expected) in table {
            assert_eq!(rate.take(now_ms), expected, "at {now_ms}");
        }
        rate.give_back(3_601_000);
        assert_eq!(rate.take(3_601_000), Ok(()), "what was no ban does not count");
    }

    #[test]
    fn bans_before_the_start_count_and_a_clock_set_back_does_not_wait_for_ever() {
        let two = NonZeroU32::new(2).unwrap();
        let mut rate = Rate::new(two, None, [9_000, 7_000, 8_000]);
        assert_eq!(rate.take(10_000), Err(58_000));
        let mut rate = Rate::new(two, None, [u64::MAX, 7_000]);
        assert_eq!(rate.take(10_000), Err(57_000));
        assert_eq!(rate.take(70_000), Ok(()));
    }
}
