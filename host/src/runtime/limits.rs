//! What one call of a guest may use: memory, CPU, and a place on a core.
//!
//! Promise: at most `cores - 1` guests are on CPU at once, whatever they wait for in between; a
//! guest that computes gives way every tick, and is interrupted when its CPU budget is spent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio_util::sync::PollSemaphore;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::engine::{TICK, Ticker};

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
}

/// Bytes that an element of a table costs the host.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Sums what the memories and tables of one store take, and refuses what goes beyond.
#[derive(Debug)]
pub(super) struct StoreBudget {
    left_bytes: usize,
    left_elements: usize,
    /// Something was refused: a trap that follows is the guest running out of memory.
    pub(super) refused: bool,
}

impl StoreBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            left_bytes: limits.store_memory_bytes,
            left_elements: limits.store_table_elements,
            refused: false,
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => self.left_bytes = left,
            None => self.refused = true,
        }
        !self.refused
    }
}

impl ResourceLimiter for StoreBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused = false;
        Ok(self.take(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.refused = false;
        let more = desired.saturating_sub(current);
        match self.left_elements.checked_sub(more) {
            Some(left) if self.take(more.saturating_mul(TABLE_ELEMENT_BYTES)) => {
                self.left_elements = left;
                Ok(true)
            }
            _ => {
                self.refused = true;
                Ok(false)
            }
        }
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

/// How much CPU the present call has used. Exact from the first tick on; the part of a tick before
/// it counts as a whole one, so that short calls cost no system call.
#[derive(Debug, Default)]
pub(super) struct CpuMeter {
    used_ns: AtomicU64,
    budget_ns: AtomicU64,
    /// The thread's CPU clock when counting was last brought up to date; 0: not since the poll began.
    mark_ns: AtomicU64,
    /// The call has met a tick, so the clock is worth reading.
    ticked: AtomicBool,
    exhausted: AtomicBool,
    /// Time on a core, for the metrics; the clock for it is cheap.
    on_core_ns: AtomicU64,
}

impl CpuMeter {
    pub(super) fn begin(&self, budget: Duration) {
        self.budget_ns.store(nanoseconds(budget), Ordering::Relaxed);
        self.used_ns.store(0, Ordering::Relaxed);
        self.ticked.store(false, Ordering::Relaxed);
        self.exhausted.store(false, Ordering::Relaxed);
    }

    /// Time on a core since the last time this was asked.
    pub(super) fn take_on_core(&self) -> Duration {
        Duration::from_nanos(self.on_core_ns.swap(0, Ordering::Relaxed))
    }

    pub(super) fn exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// What to do about a guest that an epoch tick caught computing.
    pub(super) fn tick(&self) -> UpdateDeadline {
        let now = thread_cpu_ns();
        let mark = self.mark_ns.swap(now, Ordering::Relaxed);
        let slice = if mark == 0 { nanoseconds(TICK) } else { now.saturating_sub(mark) };
        let used = self.used_ns.fetch_add(slice, Ordering::Relaxed).saturating_add(slice);
        self.ticked.store(true, Ordering::Relaxed);
        if used > self.budget_ns.load(Ordering::Relaxed) {
            self.exhausted.store(true, Ordering::Relaxed);
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Yield(1)
    }

    fn poll_begins(&self) {
        let mark = if self.ticked.load(Ordering::Relaxed) { thread_cpu_ns() } else { 0 };
        self.mark_ns.store(mark, Ordering::Relaxed);
    }
}

/// A guest's call, polled only while it holds one of the places on a core.
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
        // `None` only once the semaphore is closed, and nobody closes it. The place is given back
        // when this poll ends: a guest that waits, for whatever reason, holds none.
        let _place = ready!(this.places.poll_acquire(cx));
        let _ticking = this.ticker.on_cpu();
        this.meter.poll_begins();
        let began = Instant::now();
        let polled = this.call.as_mut().poll(cx);
        this.meter.on_core_ns.fetch_add(nanoseconds(began.elapsed()), Ordering::Relaxed);
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
        }
    }

    #[test]
    fn memories_and_tables_of_a_store_share_one_budget() {
        const PAGE: usize = 65_536;
        let mut budget = StoreBudget::new(&limits(4 * PAGE, 1 << 20));
        assert!(budget.memory_growing(0, 2 * PAGE, None).unwrap(), "first memory");
        assert!(budget.memory_growing(0, PAGE, None).unwrap(), "second memory");
        assert!(!budget.memory_growing(PAGE, 3 * PAGE, None).unwrap(), "over the sum");
        assert!(budget.refused);
        assert!(budget.table_growing(0, PAGE / 8, None).unwrap(), "the last page, as a table");
        assert!(!budget.refused);
        assert!(!budget.table_growing(0, 1, None).unwrap(), "nothing is left");
    }

    #[test]
    fn a_budget_of_cpu_is_spent_by_ticks_and_interrupts_once_over() {
        let meter = CpuMeter::default();
        meter.begin(Duration::from_millis(2));
        for tick in 0..2 {
            meter.mark_ns.store(0, Ordering::Relaxed);
            assert!(matches!(meter.tick(), UpdateDeadline::Yield(1)), "tick {tick}");
        }
        meter.mark_ns.store(0, Ordering::Relaxed);
        assert!(matches!(meter.tick(), UpdateDeadline::Interrupt));
        assert!(meter.exhausted());
        meter.begin(Duration::from_millis(2));
        assert!(!meter.exhausted(), "each call has its own budget");
    }
}
