//! What the host keeps beside one store: the guest's limits, its doors, and what it said.

use std::sync::{Arc, Mutex};

use wasmtime::component::ResourceTable;

use super::limits::{CpuMeter, Limits, StoreBudget};
use crate::capability::budget::CallBudget;
use crate::capability::doors::Doors;
use crate::capability::log::GuestLog;
use crate::telemetry::LimitHits;

/// The data of one store. Made for one micro-batch of one recipient, and thrown away with it.
pub(super) struct Guest {
    pub(super) table: ResourceTable,
    pub(super) budget: StoreBudget,
    /// What the present call may still ask of the host.
    pub(super) calls: CallBudget,
    pub(super) meter: Arc<CpuMeter>,
    /// Shared with the guest's standard output.
    pub(super) log: Arc<Mutex<GuestLog>>,
    /// What the store was given; `None` while formatting.
    pub(super) doors: Option<Doors>,
    pub(super) moment: Moment,
}

/// What clocks and random show the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// `format`: time stands, random is constant.
    Still,
    /// `deliver`, `probe`: the machine's clocks in steps of a millisecond, the machine's random.
    Live,
}

impl Guest {
    pub(super) fn new(
        limits: &Limits,
        hits: &LimitHits,
        moment: Moment,
        doors: Option<Doors>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.store_handles_count);
        Self {
            table,
            budget: StoreBudget::new(limits),
            calls: CallBudget::new(limits.call, hits.clone()),
            meter: Arc::new(CpuMeter::default()),
            log: Arc::new(Mutex::new(GuestLog::new(limits.log_lines_max, limits.log_bytes_max))),
            doors,
            moment,
        }
    }
}
