//! The limits on calls of components by name, and how often each was hit.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// A limit that a component can run into. Its name is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// `limits.call_cpu_ms`
    Cpu,
    /// `limits.call_wall_ms`, or less where the kind asks for less.
    Wall,
    /// `limits.store_memory_bytes`
    Memory,
    /// `limits.store_table_elements`
    Tables,
    /// The size of a guest's stack, which is fixed.
    Stack,
    /// `limits.store_handles_count`
    Handles,
    /// `limits.hostcall_bytes_max`
    Hostcall,
    /// `limits.log_lines_max` or `limits.log_bytes_max`
    Log,
    /// `limits.response_bytes_max`
    Response,
    /// `limits.call_hostcalls_max`
    Calls,
    /// `limits.call_sends_max`
    Sends,
    /// `limits.call_out_bytes_max`
    BytesOut,
    /// `limits.call_in_bytes_max`
    BytesIn,
    /// `limits.instances_per_tenant_max`, or the tenant's part of `limits.calls_count`.
    Instances,
}

impl Limit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Stack => "stack",
            Self::Handles => "handles",
            Self::Hostcall => "hostcall",
            Self::Log => "log",
            Self::Response => "response",
            Self::Calls => "calls",
            Self::Sends => "sends",
            Self::BytesOut => "bytes-out",
            Self::BytesIn => "bytes-in",
            Self::Instances => "instances",
        }
    }
}

/// Counts every limit that is hit, wherever that happens. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct LimitHits(Family<Hit, Counter>);

impl LimitHits {
    pub fn count(&self, limit: Limit) {
        self.add(limit, 1);
    }

    pub fn add(&self, limit: Limit, count: u64) {
        self.0.get_or_create(&Hit { limit: limit.name() }).inc_by(count);
    }

    /// How often `limit` was hit so far.
    pub fn of(&self, limit: Limit) -> u64 {
        self.0.get_or_create(&Hit { limit: limit.name() }).get()
    }

    pub(super) fn register(&self, to: &mut Registry) {
        let help = "Limits on calls of components that were hit";
        to.register("limit_hits", help, self.0.clone());
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hit {
    limit: &'static str,
}
