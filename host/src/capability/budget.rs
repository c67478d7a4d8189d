//! What one call of a guest may use of the host: calls, requests, and bytes either way.
//!
//! Promise: what goes beyond is refused with the name of the limit; each call of the guest begins
//! anew, and what one store used is no other's.
//!
//! Not here: CPU, wall clock, memory and handles (`runtime::limits`), and the log's own bounds
//! (`log`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::telemetry::{Limit, LimitHits};

/// How much one call of a guest may use. Every default stands in `config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls of the host: requests, operations on connections and files, secrets, log lines.
    pub calls_max: u64,
    /// Requests of `http`, each of which is a call of the host too.
    pub sends_max: u64,
    /// Bytes sent to the network and written to files.
    pub out_bytes_max: u64,
    /// Bytes received from the network and read from files.
    pub in_bytes_max: u64,
}

/// The limit that a call ran into. A door answers `denied` with [`code`](Self::code); where the
/// contract has no error, it traps with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    #[error(
        "one call of the component called the host more often than `limits.call_hostcalls_max`"
    )]
    Calls,
    #[error("one call of the component sent more requests than `limits.call_sends_max`")]
    Sends,
    #[error("one call of the component sent more bytes than `limits.call_out_bytes_max`")]
    BytesOut,
    #[error("one call of the component took in more bytes than `limits.call_in_bytes_max`")]
    BytesIn,
}

impl BudgetError {
    /// A stable machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Calls => "calls-limit",
            Self::Sends => "sends-limit",
            Self::BytesOut => "bytes-out-limit",
            Self::BytesIn => "bytes-in-limit",
        }
    }

    pub fn limit(self) -> Limit {
        match self {
            Self::Calls => Limit::Calls,
            Self::Sends => Limit::Sends,
            Self::BytesOut => Limit::BytesOut,
            Self::BytesIn => Limit::BytesIn,
        }
    }
}

/// What is left of one store's present call. Clones share it: each door of the store holds one.
#[derive(Clone, Debug)]
pub struct CallBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: CallLimits,
    hits: LimitHits,
    calls: AtomicU64,
    sends: AtomicU64,
    out_bytes: AtomicU64,
    in_bytes: AtomicU64,
    /// Which limits this call has hit already, a bit each: a call counts for each of them once.
    told: AtomicU8,
}

impl CallBudget {
    /// A full budget, as [`begin`](Self::begin) leaves it.
    pub fn new(limits: CallLimits, hits: LimitHits) -> Self {
        let CallLimits { calls_max, sends_max, out_bytes_max, in_bytes_max } = limits;
        Self(Arc::new(Shared {
            limits,
            hits,
            calls: AtomicU64::new(calls_max),
            sends: AtomicU64::new(sends_max),
            out_bytes: AtomicU64::new(out_bytes_max),
            in_bytes: AtomicU64::new(in_bytes_max),
            told: AtomicU8::new(0),
        }))
    }

    /// For what the engine asks by itself, once.
    pub(super) fn unbounded() -> Self {
        let max = u64::MAX;
        let limits =
            CallLimits { calls_max: max, sends_max: max, out_bytes_max: max, in_bytes_max: max };
        Self::new(limits, LimitHits::default())
    }

    /// Starts a call of the guest.
    pub fn begin(&self) {
        let CallLimits { calls_max, sends_max, out_bytes_max, in_bytes_max } = self.0.limits;
        self.0.calls.store(calls_max, Ordering::Relaxed);
        self.0.sends.store(sends_max, Ordering::Relaxed);
        self.0.out_bytes.store(out_bytes_max, Ordering::Relaxed);
        self.0.in_bytes.store(in_bytes_max, Ordering::Relaxed);
        self.0.told.store(0, Ordering::Relaxed);
    }

    /// The guest calls the host.
    pub fn take_call(&self) -> Result<(), BudgetError> {
        self.take(&self.0.calls, 1, BudgetError::Calls)
    }

    /// The guest sends a request, which is a call of the host too.
    pub fn take_send(&self) -> Result<(), BudgetError> {
        self.take_call()?;
        self.take(&self.0.sends, 1, BudgetError::Sends)
    }

    /// `bytes` are about to leave: all of them, or none.
    pub fn take_out(&self, bytes: usize) -> Result<(), BudgetError> {
        self.take(&self.0.out_bytes, bytes as u64, BudgetError::BytesOut)
    }

    /// `bytes` came in. What does not fit is used up all the same: it has been read.
    pub fn take_in(&self, bytes: usize) -> Result<(), BudgetError> {
        let taken = self.take(&self.0.in_bytes, bytes as u64, BudgetError::BytesIn);
        if taken.is_err() {
            self.0.in_bytes.store(0, Ordering::Relaxed);
        }
        taken
    }

    /// The most that may come in still, for doors that can read less at once.
    pub fn in_left(&self) -> usize {
        usize::try_from(self.0.in_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// Counts a limit that a door keeps by itself.
    pub(super) fn hit(&self, limit: Limit) {
        self.0.hits.count(limit);
    }

    fn take(&self, from: &AtomicU64, amount: u64, error: BudgetError) -> Result<(), BudgetError> {
        let taken = from
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(amount));
        taken.map(drop).map_err(|_| {
            let bit = 1 << error as u8;
            if self.0.told.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
                self.0.hits.count(error.limit());
            }
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> (CallBudget, LimitHits) {
        let hits = LimitHits::default();
        let limits = CallLimits { calls_max: 3, sends_max: 1, out_bytes_max: 10, in_bytes_max: 10 };
        (CallBudget::new(limits, hits.clone()), hits)
    }

    #[test]
    fn what_goes_beyond_a_limit_is_refused_with_its_name() {
        type Take = fn(&CallBudget) -> Result<(), BudgetError>;
        let table: [(&str, Take, usize, BudgetError); 4] = [
            ("calls", CallBudget::take_call, 3, BudgetError::Calls),
            ("sends", CallBudget::take_send, 1, BudgetError::Sends),
            ("bytes out", |one| one.take_out(5), 2, BudgetError::BytesOut),
            ("bytes in", |one| one.take_in(4), 2, BudgetError::BytesIn),
        ];
        for (name, take, fit, expected) in table {
            let (budget, hits) = budget();
            for at in 0..fit {
                assert_eq!(take(&budget), Ok(()), "{name}, {at}");
            }
            assert_eq!(take(&budget), Err(expected), "{name}");
            assert_eq!(take(&budget), Err(expected), "{name}, again");
            assert_eq!(hits.of(expected.limit()), 1, "{name}: one call, counted once");
            budget.begin();
            assert_eq!(take(&budget), Ok(()), "{name}: each call has its own");
        }
    }

    #[test]
    fn doors_of_one_store_share_a_budget() {
        let (http, _) = budget();
        let net = http.clone();
        assert_eq!(http.take_send(), Ok(()));
        assert_eq!(net.take_call(), Ok(()));
        assert_eq!(net.take_call(), Ok(()));
        assert_eq!(http.take_send(), Err(BudgetError::Calls));
        assert_eq!(net.take_in(7), Ok(()));
        assert_eq!(http.in_left(), 3);
    }

    #[test]
    fn nothing_leaves_in_part_and_nothing_is_read_for_free() {
        let (budget, _) = budget();
        assert_eq!(budget.take_out(11), Err(BudgetError::BytesOut));
        assert_eq!(budget.take_out(10), Ok(()), "a refusal takes nothing");
        assert_eq!(budget.take_in(11), Err(BudgetError::BytesIn));
        assert_eq!(budget.in_left(), 0, "what was read counts");
    }
}
