//! What one call of a guest may use: memory, CPU, and a place on a core.
//!
//! Promise: at most `cores - 1` guests that compute for longer than a tick are on CPU at once; they
//! give way every tick, and are interrupted when their CPU budget is spent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio_util::sync::PollSemaphore;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::engine::{TICK, Ticker};
use crate::capability::budget::CallLimits;
use crate::telemetry::Limit;

/// The bounds on one store and one call. Every default stands in `config`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// CPU one call may use.
    pub call_cpu: Duration,
    /// Wall clock one call may last, waiting included; a kind may ask for less.
    pub call_wall: Duration,
    /// Linear memories and tables of one store together.
    pub store_memory_bytes: usize,
    pub store_table_elements: usize,
    pub store_handles_count: usize,
    /// What one call may copy out of the guest, its result included.
    pub hostcall_bytes_max: usize,
    pub log_lines_max: u32,
    pub log_bytes_max: usize,
    /// Body of one answer that a guest is shown.
    pub response_bytes_max: usize,
    /// What one call may use of the host.
    pub call: CallLimits,
}

const TICK_NS: u64 = 1_000_000;
const _: () = assert!(TICK.as_nanos() == TICK_NS as u128);

/// Bytes that an element of a table costs the host.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Sums what the memories and tables of one store take, and refuses what goes beyond.
#[derive(Debug)]
pub(super) struct StoreBudget {
    left_bytes: usize,
    left_elements: usize,
    /// What was refused last: a trap that follows is the guest running out of it.
    pub(super) refused: Option<Limit>,
}

impl StoreBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            left_bytes: limits.store_memory_bytes,
            left_elements: limits.store_table_elements,
            refused: None,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        self.refused = None;
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => self.left_bytes = left,
            None => self.refused = Some(Limit::Memory),
        }
        self.refused.is_none()
    }
}

impl ResourceLimiter for StoreBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let Some(left) = self.left_elements.checked_sub(more) else {
            self.refused = Some(Limit::Tables);
            return Ok(false);
        };
        let fits = self.take(more.saturating_mul(TABLE_ELEMENT_BYTES));
        if fits {
            self.left_elements = left;
        }
        Ok(fits)
    }

    fn memories(&self) -> usize {
        8
    }

    fn tables(&self) -> usize {
        64
    }

    fn instances(&self) -> usize {
        64
    }
}

/// How much CPU the present call has used.
///
/// The part of a poll before its first tick is measured by the wall clock, which is cheap, and
/// counts as one tick at most, since a tick would have ended it; what comes after is measured by
/// the thread's CPU clock. So a call that is short costs no system call, and one that another
/// process keeps off the core is not charged for it.
#[derive(Debug)]
pub(super) struct CpuMeter {
    used_ns: AtomicU64,
    budget_ns: AtomicU64,
    /// When the present poll began, in nanoseconds since `origin`.
    poll_began_ns: AtomicU64,
    /// The thread's CPU clock at the last tick of the present poll; 0: none yet.
    mark_ns: AtomicU64,
    /// The call has computed for a whole tick.
    hog: AtomicBool,
    exhausted: AtomicBool,
    /// Used since the metrics were last told.
    untold_ns: AtomicU64,
    origin: Instant,
}

impl Default for CpuMeter {
    fn default() -> Self {
        Self {
            used_ns: AtomicU64::new(0),
            budget_ns: AtomicU64::new(0),
            poll_began_ns: AtomicU64::new(0),
            mark_ns: AtomicU64::new(0),
            hog: AtomicBool::new(false),
            exhausted: AtomicBool::new(false),
            untold_ns: AtomicU64::new(0),
            origin: Instant::now(),
        }
    }
}

impl CpuMeter {
    pub(super) fn begin(&self, budget: Duration) {
        self.budget_ns.store(nanoseconds(budget), Ordering::Relaxed);
        self.used_ns.store(0, Ordering::Relaxed);
        self.hog.store(false, Ordering::Relaxed);
        self.exhausted.store(false, Ordering::Relaxed);
    }

    /// CPU used since the last time this was asked.
    pub(super) fn take_used(&self) -> Duration {
        Duration::from_nanos(self.untold_ns.swap(0, Ordering::Relaxed))
    }

    pub(super) fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// What to do about a guest whose epoch deadline has passed.
    pub(super) fn tick(&self) -> UpdateDeadline {
        self.tick_at(self.now_ns(), thread_cpu_ns)
    }

    fn tick_at(&self, now_ns: u64, thread_cpu_ns: impl FnOnce() -> u64) -> UpdateDeadline {
        let in_poll = now_ns.saturating_sub(self.poll_began_ns.load(Ordering::Relaxed));
        let mark = self.mark_ns.load(Ordering::Relaxed);
        // The deadline may have passed while the guest waited for a service: that is no computing.
        let computes = mark != 0 || in_poll >= TICK_NS / 2;
        if computes {
            let cpu = thread_cpu_ns();
            let slice = if mark == 0 { in_poll.min(TICK_NS) } else { cpu.saturating_sub(mark) };
            self.charge(slice);
            self.mark_ns.store(cpu, Ordering::Relaxed);
            self.hog.store(true, Ordering::Relaxed);
        }
        let used = self.used_ns.load(Ordering::Relaxed);
        if used > self.budget_ns.load(Ordering::Relaxed) {
            self.exhausted.store(true, Ordering::Relaxed);
            UpdateDeadline::Interrupt
        } else if computes {
            UpdateDeadline::Yield(1)
        } else {
            UpdateDeadline::Continue(1)
        }
    }

    fn poll_begins(&self) {
        self.poll_began_ns.store(self.now_ns(), Ordering::Relaxed);
        self.mark_ns.store(0, Ordering::Relaxed);
    }

    fn poll_ends(&self) {
        let slice = match self.mark_ns.load(Ordering::Relaxed) {
            0 => {
                let began = self.poll_began_ns.load(Ordering::Relaxed);
                self.now_ns().saturating_sub(began).min(TICK_NS)
            }
            mark => thread_cpu_ns().saturating_sub(mark),
        };
        self.charge(slice);
    }

    fn charge(&self, slice_ns: u64) {
        self.used_ns.fetch_add(slice_ns, Ordering::Relaxed);
        self.untold_ns.fetch_add(slice_ns, Ordering::Relaxed);
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.origin.elapsed())
    }
}

/// A guest's call. Once it has computed for a whole tick it is polled only while it holds one of
/// the places on a core.
///
/// Short calls need no place: queueing each of them for one was measured to cost most of the
/// throughput, and a call that ends within a tick delays nobody by more than that.
pub(super) struct OnCpu<F> {
    call: Pin<Box<F>>,
    places: PollSemaphore,
    meter: Arc<CpuMeter>,
    ticker: Arc<Ticker>,
}

impl<F: Future> OnCpu<F> {
    pub(super) fn new(
        call: F,
        places: PollSemaphore,
        meter: Arc<CpuMeter>,
        ticker: Arc<Ticker>,
    ) -> Self {
        Self { call: Box::pin(call), places, meter, ticker }
    }
}

impl<F: Future> Future for OnCpu<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        // The place is given back when this poll ends: a guest that waits, for whatever reason,
        // holds none. The semaphore is never closed.
        let _place = if this.meter.hog.load(Ordering::Relaxed) {
            ready!(this.places.poll_acquire(cx))
        } else {
            None
        };
        let _ticking = this.ticker.on_cpu();
        this.meter.poll_begins();
        let polled = this.call.as_mut().poll(cx);
        this.meter.poll_ends();
        polled
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    // Never 0: that stands for 'not read'.
    seconds.saturating_mul(1_000_000_000).saturating_add(rest).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(store_memory_bytes: usize, store_table_elements: usize) -> Limits {
        Limits {
            call_cpu: Duration::from_millis(50),
            call_wall: Duration::from_secs(1),
            store_memory_bytes,
            store_table_elements,
            store_handles_count: 10,
            hostcall_bytes_max: 1 << 20,
            log_lines_max: 10,
            log_bytes_max: 1 << 10,
            response_bytes_max: 1 << 10,
            call: CallLimits {
                calls_max: 10,
                sends_max: 1,
                out_bytes_max: 1 << 10,
                in_bytes_max: 1 << 10,
            },
        }
    }

    #[test]
    fn memories_and_tables_of_a_store_share_one_budget() {
        const PAGE: usize = 65_536;
        let mut budget = StoreBudget::new(&limits(4 * PAGE, 1 << 20));
        assert!(budget.memory_growing(0, 2 * PAGE, None).unwrap(), "first memory");
        assert!(budget.memory_growing(0, PAGE, None).unwrap(), "second memory");
        assert!(!budget.memory_growing(PAGE, 3 * PAGE, None).unwrap(), "over the sum");
        assert_eq!(budget.refused, Some(Limit::Memory));
        assert!(budget.table_growing(0, PAGE / 8, None).unwrap(), "the last page, as a table");
        assert_eq!(budget.refused, None);
        assert!(!budget.table_growing(0, 1, None).unwrap(), "nothing is left");
        assert_eq!(budget.refused, Some(Limit::Memory), "a table takes memory too");
        assert!(!budget.table_growing(0, 2 << 20, None).unwrap(), "more than all tables may have");
        assert_eq!(budget.refused, Some(Limit::Tables));
    }

    #[test]
    fn a_guest_is_charged_for_computing_and_not_for_waiting() {
        let meter = CpuMeter::default();
        meter.begin(Duration::from_millis(2));
        let begin_at = |ns| {
            meter.poll_began_ns.store(ns, Ordering::Relaxed);
            meter.mark_ns.store(0, Ordering::Relaxed);
        };
        // The deadline passed while it waited for a service; it has just been resumed.
        begin_at(50 * TICK_NS);
        assert!(matches!(meter.tick_at(50 * TICK_NS + 1000, || 7), UpdateDeadline::Continue(1)));
        assert!(!meter.hog.load(Ordering::Relaxed));
        // It computes for a tick, but another process had the core for 30 of them.
        begin_at(60 * TICK_NS);
        assert!(matches!(meter.tick_at(91 * TICK_NS, || 7), UpdateDeadline::Yield(1)));
        assert!(meter.hog.load(Ordering::Relaxed));
        assert_eq!(meter.used_ns.load(Ordering::Relaxed), TICK_NS);
        // From its first tick on the thread's clock counts.
        assert!(matches!(meter.tick_at(200 * TICK_NS, || 7 + TICK_NS), UpdateDeadline::Yield(1)));
        assert_eq!(meter.used_ns.load(Ordering::Relaxed), 2 * TICK_NS);
        begin_at(300 * TICK_NS);
        assert!(matches!(meter.tick_at(301 * TICK_NS, || 9), UpdateDeadline::Interrupt));
        assert!(meter.exhausted());
        meter.begin(Duration::from_millis(2));
        assert!(!meter.exhausted(), "each call has its own budget");
    }
}
