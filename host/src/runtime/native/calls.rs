//! The calls of a native kind, within the same wall clock and bounds as a component's.
//!
//! Promise: a call ends, with a result or with a named [`Fault`]; a kind that panics takes nothing
//! down but its call. A delivery that did not say how it ended may have had its effect.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Doing, NativeKind, NativeSubject, NativeTold};
use crate::capability::log::printable;
use crate::capability::offenses::Offenses;
use crate::delivery::{OUTPUT_BYTES_MAX, Seen};
use crate::runtime::bindings::kind;
use crate::runtime::{Fault, Runtime, Told};

const ORIGIN_BYTES_MAX: usize = 256;

/// What a micro-batch has of a native kind.
pub(in crate::runtime) struct Native {
    runtime: Arc<Runtime>,
    kind: Arc<dyn NativeKind>,
    /// Time on a thread that nobody asked for yet, in nanoseconds.
    used_ns: AtomicU64,
}

impl Native {
    pub(in crate::runtime) fn new(runtime: &Arc<Runtime>, kind: &Arc<dyn NativeKind>) -> Self {
        Self { runtime: Arc::clone(runtime), kind: Arc::clone(kind), used_ns: AtomicU64::default() }
    }

    /// Time on a thread since the last time this was asked.
    pub(in crate::runtime) fn take_used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.swap(0, Ordering::Relaxed))
    }

    pub(in crate::runtime) fn format(
        &self,
        subjects: &[NativeSubject<'_>],
        context: &kind::Context,
    ) -> Result<Result<kind::Formatted, kind::Fault>, Fault> {
        let formatted = self.guarded(|| self.kind.format(subjects, context))?;
        let bytes_max = self.runtime.limits.hostcall_bytes_max;
        match formatted {
            Ok(formatted) if bytes(&formatted) > bytes_max => {
                Err(self.runtime.counted(Fault::ResultTooLarge))
            }
            formatted => Ok(formatted),
        }
    }

    pub(in crate::runtime) async fn deliver(
        &self,
        wall: Duration,
        message: &kind::Message,
        settings: &str,
        attempt: &kind::Attempt,
    ) -> Told {
        let told = self.within(wall, self.kind.deliver(message, settings, attempt)).await;
        let offenses = Offenses::default();
        match told {
            Ok(NativeTold { outcome, seen }) => {
                Told { outcome: Ok(outcome), seen: bounded(seen), offenses }
            }
            // What it asked a helper for may be done by now.
            Err(fault) => {
                let seen = Seen { unanswered: true, ..Seen::default() };
                Told { outcome: Err(fault), seen, offenses }
            }
        }
    }

    pub(in crate::runtime) async fn probe(
        &self,
        wall: Duration,
        settings: &str,
        scope: kind::Scope,
    ) -> Result<Result<kind::Finding, kind::Failure>, Fault> {
        self.within(wall, self.kind.probe(settings, scope)).await
    }

    /// Runs a call within its wall clock.
    async fn within<T>(&self, wall: Duration, mut call: Doing<'_, T>) -> Result<T, Fault> {
        let polled = poll_fn(|context| match self.guarded(|| call.as_mut().poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(fault) => Poll::Ready(Err(fault)),
        });
        let wall = wall.min(self.runtime.limits.call_wall);
        let ended = tokio::time::timeout(wall, polled).await;
        ended.unwrap_or_else(|_| Err(self.runtime.counted(Fault::WallLimit)))
    }

    fn guarded<T>(&self, call: impl FnOnce() -> T) -> Result<T, Fault> {
        let began = Instant::now();
        // Nothing of a call outlives it but the kind itself, whose state is behind locks.
        let result = catch_unwind(AssertUnwindSafe(call));
        let used = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.used_ns.fetch_add(used, Ordering::Relaxed);
        result.map_err(|_| Fault::Trap("it panicked; the log says where".to_owned()))
    }
}

/// What of a result was made for this call.
fn bytes(formatted: &kind::Formatted) -> usize {
    let of_pairs = |pairs: &[(String, String)]| -> usize {
        pairs.iter().map(|(key, value)| key.len() + value.len()).sum()
    };
    let messages = formatted.messages.iter().map(|one| {
        one.body.len() + one.summary.len() + one.content_type.len() + of_pairs(&one.notes)
    });
    let refusals = formatted.skipped.iter().chain(&formatted.rejected);
    messages.sum::<usize>() + refusals.map(|one| one.detail.len()).sum::<usize>()
}

fn bounded(mut seen: Seen) -> Seen {
    seen.origin = seen.origin.map(|origin| printable(&origin, ORIGIN_BYTES_MAX));
    if let Some(output) = &mut seen.output {
        output.truncate(output.floor_char_boundary(OUTPUT_BYTES_MAX));
    }
    seen
}
