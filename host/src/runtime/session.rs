//! One store with one instance in it, and the calls that it is asked for.

use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::sync::PollSemaphore;
use wasmtime::Store;

use super::bindings::{EveryKind, EveryKindPre};
use super::guest::Guest;
use super::limits::{CpuMeter, OnCpu};
use super::{Fault, Runtime};
use crate::capability::log::LogLine;
use crate::telemetry::Limit;

pub(super) struct Session {
    runtime: Arc<Runtime>,
    pub(super) store: Store<Guest>,
    pub(super) instance: EveryKind,
}

impl Session {
    /// A fresh store. A session whose call faulted must be dropped.
    pub(super) async fn open(
        runtime: &Arc<Runtime>,
        pre: &EveryKindPre<Guest>,
        guest: Guest,
    ) -> Result<Self, Fault> {
        let limits = &runtime.limits;
        let meter = Arc::clone(&guest.meter);
        let mut store = Store::new(&runtime.engine, guest);
        store.limiter(|guest| &mut guest.budget);
        store.set_hostcall_fuel(limits.hostcall_bytes_max);
        store.set_max_component_handles(limits.store_handles_count);
        let ticks = Arc::clone(&meter);
        store.epoch_deadline_callback(move |_| Ok(ticks.tick()));
        let instance = {
            let call = pre.instantiate_async(&mut store);
            runtime.run(&meter, limits.call_wall, call).await
        };
        match instance {
            Some(Ok(instance)) => Ok(Self { runtime: Arc::clone(runtime), store, instance }),
            Some(Err(error)) => Err(runtime.counted(Fault::of(&error, store.data()))),
            None => Err(runtime.counted(Fault::WallLimit)),
        }
    }

    /// Runs one call of this session's instance.
    pub(super) async fn call<'a, R, F>(
        &'a mut self,
        wall: Duration,
        call: impl FnOnce(&'a EveryKind, &'a mut Store<Guest>) -> F,
    ) -> Result<R, CallEnd>
    where
        F: Future<Output = wasmtime::Result<R>> + Send,
    {
        let meter = Arc::clone(&self.store.data().meter);
        self.store.data().calls.begin();
        self.store.set_epoch_deadline(1);
        let call = call(&self.instance, &mut self.store);
        match self.runtime.run(&meter, wall, call).await {
            Some(Ok(result)) => Ok(result),
            Some(Err(error)) => Err(CallEnd::Error(error)),
            None => Err(CallEnd::WallLimit),
        }
    }

    /// What went wrong, told by the error and by what the store's limits saw.
    pub(super) fn fault(&self, end: CallEnd) -> Fault {
        self.runtime.counted(match end {
            CallEnd::Error(error) => Fault::of(&error, self.store.data()),
            CallEnd::WallLimit => Fault::WallLimit,
        })
    }

    /// CPU used since the last time this was asked.
    pub(super) fn take_used(&self) -> Duration {
        self.store.data().meter.take_used()
    }

    /// The lines written since the last time, and how many were dropped.
    pub(super) fn take_log(&self) -> (Vec<LogLine>, u64) {
        let taken = self.store.data().log.lock().unwrap_or_else(PoisonError::into_inner).take();
        if taken.1 > 0 {
            self.runtime.limit_hits.count(Limit::Log);
        }
        taken
    }
}

/// Why a call gave nothing back.
pub(super) enum CallEnd {
    Error(wasmtime::Error),
    WallLimit,
}

impl Runtime {
    /// Counts the limit that a fault tells of.
    pub(super) fn counted(&self, fault: Fault) -> Fault {
        if let Some(limit) = fault.limit() {
            self.limit_hits.count(limit);
        }
        fault
    }

    /// Runs `call` within its CPU and wall clock; `None`: the wall clock ran out.
    async fn run<F: Future>(
        &self,
        meter: &Arc<CpuMeter>,
        wall: Duration,
        call: F,
    ) -> Option<F::Output> {
        meter.begin(self.limits.call_cpu);
        let places = PollSemaphore::new(Arc::clone(&self.places));
        let call = OnCpu::new(call, places, Arc::clone(meter), Arc::clone(&self.ticker));
        tokio::time::timeout(wall.min(self.limits.call_wall), call).await.ok()
    }
}
