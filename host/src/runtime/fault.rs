//! How a guest's call can break, each way with a name that the record shows.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::guest::Guest;
use crate::capability::budget::BudgetError;
use crate::capability::log::printable;
use crate::telemetry::Limit;

/// A call that gave no result. The store it ran in is thrown away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error(
        "the component used up the CPU of one call; raise `limits.call_cpu_ms` if it is honest"
    )]
    CpuLimit,
    #[error("the call did not end in time")]
    WallLimit,
    #[error("the component asked for more memory than `limits.store_memory_bytes`")]
    MemoryLimit,
    #[error("the component asked for more table elements than `limits.store_table_elements`")]
    TableLimit,
    #[error("the component ran out of stack")]
    StackOverflow,
    #[error("the component passed more data at once than `limits.hostcall_bytes_max`")]
    ResultTooLarge,
    #[error("the component opened more handles than `limits.store_handles_count`")]
    Handles,
    /// It used up what one call may ask of the host, where the contract has no error for that.
    #[error(transparent)]
    Budget(BudgetError),
    #[error("the component ended itself")]
    Exit,
    #[error("the component trapped: {0}")]
    Trap(String),
    /// It returned, but what it returned breaks the contract.
    #[error("the component broke the contract: {0}")]
    Contract(String),
    /// Not the component's fault: every place for an instance is taken.
    #[error("too many calls at once; raise `limits.calls_count`")]
    Busy,
}

impl Fault {
    /// A stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CpuLimit => "cpu-limit",
            Self::WallLimit => "wall-limit",
            Self::MemoryLimit => "memory-limit",
            Self::TableLimit => "table-limit",
            Self::StackOverflow => "stack-overflow",
            Self::ResultTooLarge => "result-too-large",
            Self::Handles => "handles",
            Self::Budget(error) => error.code(),
            Self::Exit => "exit",
            Self::Trap(_) => "trap",
            Self::Contract(_) => "contract",
            Self::Busy => "busy",
        }
    }

    /// The limit that was hit, if it was one and has not been counted already.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::CpuLimit => Some(Limit::Cpu),
            Self::WallLimit => Some(Limit::Wall),
            Self::MemoryLimit => Some(Limit::Memory),
            Self::TableLimit => Some(Limit::Tables),
            Self::StackOverflow => Some(Limit::Stack),
            Self::ResultTooLarge => Some(Limit::Hostcall),
            Self::Handles => Some(Limit::Handles),
            // `CallBudget` counts what it refuses.
            Self::Budget(_) | Self::Exit | Self::Trap(_) | Self::Contract(_) | Self::Busy => None,
        }
    }

    /// Reads a failed call. `guest` is the data of the store it ran in.
    pub(super) fn of(error: &wasmtime::Error, guest: &Guest) -> Self {
        if guest.meter.exhausted() {
            return Self::CpuLimit;
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::Busy;
        }
        if error.is::<I32Exit>() {
            return Self::Exit;
        }
        if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
            return Self::StackOverflow;
        }
        if let Some(error) = error.downcast_ref::<BudgetError>() {
            return Self::Budget(*error);
        }
        match guest.budget.refused {
            Some(Limit::Tables) => return Self::TableLimit,
            Some(_) => return Self::MemoryLimit,
            None => {}
        }
        // wasmtime has no public types for these. Only the cause is looked at: what stands around it
        // holds names that the guest gave its functions.
        let cause = error.root_cause().to_string();
        if cause.contains("fuel allocated for hostcalls has been exhausted") {
            return Self::ResultTooLarge;
        }
        if cause.contains("resource table has no free keys")
            || cause.contains("handle limit exceeded")
        {
            return Self::Handles;
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => Self::Trap(trap.to_string()),
            None => Self::Trap(printable(&cause, 512)),
        }
    }
}
