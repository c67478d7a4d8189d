//! One wasmtime engine per process, and the tick that lets it take the CPU back from a guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{Limits, RuntimeError};

/// With 10 ms, two looping guests raised another connection's latency to 600 ms; with 1 ms its
/// p99 stayed near 1 ms.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a guest on CPU after which the ticker goes to sleep, so that an idle engine wakes
/// nobody.
const IDLE_TICKS: u32 = 200;

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool reserved at the start.
    Pooling,
    /// Mapped per instance: the address space is too small for the pool.
    OnDemand,
}

impl Allocation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pooling => "pooling",
            Self::OnDemand => "on-demand",
        }
    }
}

/// Makes the engine; `calls` is how many stores may be alive at once.
pub(super) fn make(limits: &Limits, calls: u32) -> Result<(Engine, Allocation), RuntimeError> {
    let mut config = base(limits.store_memory_bytes);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, calls)));
    match Engine::new(&config) {
        Ok(engine) => Ok((engine, Allocation::Pooling)),
        Err(error) => {
            tracing::warn!(
                %error,
                "The address space is too small for a pool of instances; each maps its own memory."
            );
            let engine =
                Engine::new(&base(limits.store_memory_bytes)).map_err(RuntimeError::Engine)?;
            Ok((engine, Allocation::OnDemand))
        }
    }
}

/// Lets wasmtime open what tells it which pages an instance has written. Later the process may not:
/// nobody looks into one that is not dumpable, itself included.
pub fn prime() {
    let mut config = Config::new();
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(1)
        .total_core_instances(1)
        .total_memories(1)
        .total_tables(1)
        .total_stacks(1)
        .max_memory_size(64 << 10)
        .pagemap_scan(Enabled::Auto);
    config
        .memory_reservation(64 << 10)
        .memory_guard_size(0)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    // Where it fails, instances are reset as a whole, which costs more.
    let _ = Engine::new(&config);
}

/// An engine that compiles for those with this limit, and runs nothing.
pub(super) fn compiling(store_memory_bytes: usize) -> wasmtime::Result<Engine> {
    Engine::new(&base(store_memory_bytes))
}

fn base(store_memory_bytes: usize) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .async_stack_zeroing(true)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .max_wasm_stack(256 << 10)
        .async_stack_size(512 << 10)
        // A small reservation makes the pool cheap, and bounds checks explicit, which brings their
        // speculative hardening.
        .memory_reservation(reservation(store_memory_bytes) as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 << 10);
    config
}

fn pool(limits: &Limits, calls: u32) -> PoolingAllocationConfig {
    let elements = limits.store_table_elements;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(16))
        .total_memories(calls.saturating_mul(2))
        .total_tables(calls.saturating_mul(8))
        .total_stacks(calls)
        .max_memories_per_component(8)
        .max_tables_per_component(64)
        .max_core_instances_per_component(64)
        .max_memories_per_module(1)
        .max_tables_per_module(4)
        .max_memory_size(reservation(limits.store_memory_bytes))
        .table_elements(elements)
        .max_core_instance_size(10 << 20)
        .max_component_instance_size(10 << 20)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(32)
        // Resets only what an instance wrote, where the kernel can tell; and several stacks at once.
        .pagemap_scan(Enabled::Auto)
        .decommit_batch_size(16);
    pool
}

/// Address space for one memory, in bytes: what a store may use, in whole Wasm pages.
fn reservation(store_memory_bytes: usize) -> usize {
    store_memory_bytes.next_multiple_of(64 << 10)
}

/// The thread that advances the epoch while guests are on CPU. Ends with the value.
#[derive(Debug)]
pub(super) struct Ticker {
    on_cpu: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
    thread: thread::Thread,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> Result<Arc<Self>, RuntimeError> {
        let (send, receive) = std::sync::mpsc::sync_channel::<Arc<Self>>(1);
        let engine = engine.weak();
        let handle = thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                let Ok(ticker) = receive.recv() else { return };
                let ticker = Arc::downgrade(&{ ticker });
                let mut idle = 0;
                while let (Some(ticker), Some(engine)) = (ticker.upgrade(), engine.upgrade()) {
                    if ticker.stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    engine.increment_epoch();
                    idle = if ticker.on_cpu.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                    if idle < IDLE_TICKS {
                        drop((ticker, engine));
                        thread::sleep(TICK);
                        continue;
                    }
                    idle = 0;
                    ticker.asleep.store(true, Ordering::SeqCst);
                    // A guest that came before the line above is seen here; one that comes after
                    // it sees `asleep` and wakes this thread.
                    if ticker.on_cpu.load(Ordering::SeqCst) == 0 {
                        drop((ticker, engine));
                        thread::park();
                    }
                }
            })
            .map_err(RuntimeError::Thread)?;
        let ticker = Arc::new(Self {
            on_cpu: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            thread: handle.thread().clone(),
        });
        // Cannot fail: the thread waits for it.
        let _ = send.send(Arc::clone(&ticker));
        Ok(ticker)
    }

    /// Keeps the epoch advancing while the guard lives.
    pub(super) fn on_cpu(&self) -> OnCpuGuard<'_> {
        self.on_cpu.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        OnCpuGuard(self)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

pub(super) struct OnCpuGuard<'a>(&'a Ticker);

impl Drop for OnCpuGuard<'_> {
    fn drop(&mut self) {
        self.0.on_cpu.fetch_sub(1, Ordering::SeqCst);
    }
}
