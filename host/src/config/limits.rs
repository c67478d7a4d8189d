//! The tables of `campanile.toml`, exactly as the operator writes them. Units stand in the names.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;

use super::listen_problem;
use super::reading::Reading;
use crate::tenant::Role;

/// The `[api]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Address and port; port 0 takes a free one. Loopback only. Default `127.0.0.1:7700`.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Further values of `Host` to answer to, such as the public name of a proxy, as browsers send
    /// them: `alerts.example` or `alerts.example:8443`. Default: none.
    pub allowed_hosts: Vec<String>,
    /// Roles of the tokens by which alerts may come that have addresses banned: `ingest`, `admin`.
    /// Default: none.
    pub may_ban: Vec<Role>,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 7700).into(),
            allowed_hosts: Vec::new(),
            may_ban: Vec::new(),
        }
    }
}

impl ApiConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        if let Some(expected) = listen_problem(self.listen) {
            reading.problem("api.listen", expected);
        }
        for (at, host) in self.allowed_hosts.iter().enumerate() {
            let authority = host.parse::<hyper::http::uri::Authority>();
            if !authority.is_ok_and(|one| !host.contains('@') && !one.host().is_empty()) {
                reading.problem(
                    &format!("api.allowed_hosts[{at}]"),
                    "expected a host name with or without port, such as `alerts.example:8443`; \
                     leave out scheme and path",
                );
            }
        }
    }
}

/// The `[ingest]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Largest body of a request, in bytes. Default 1 MiB.
    pub body_bytes_max: NonZeroUsize,
    /// How long a sender waits for the commit before it is told to come back, in milliseconds.
    /// Default 800: ntopng gives up after 1000.
    pub answer_ms_max: NonZeroU64,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { body_bytes_max: size(1 << 20), answer_ms_max: long(800) }
    }
}

/// The `[limits]` table: what the calls of components may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// CPU one call of a component may use, in milliseconds. Default 50.
    pub call_cpu_ms: NonZeroU32,
    /// Time one call may take in all, waiting included, in milliseconds; what a kind asks for
    /// beyond it is cut. Default 180000, which mail asks for.
    pub call_wall_ms: NonZeroU32,
    /// Linear memories of one store together, in bytes. Default 16 MiB.
    pub store_memory_bytes: NonZeroUsize,
    /// Elements of all tables of one store together. Default 20000.
    pub store_table_elements: NonZeroUsize,
    /// Handles one store may hold open at once. Default 1000.
    pub store_handles_count: NonZeroUsize,
    /// Bytes one call of the host may carry, either way. Default 4 MiB.
    pub hostcall_bytes_max: NonZeroUsize,
    /// Calls that may run or wait at once, over all tenants. Default 256.
    pub calls_count: NonZeroU32,
    /// Lines one call may log. Default 100.
    pub log_lines_max: u32,
    /// Bytes one call may log. Default 64 KiB.
    pub log_bytes_max: usize,
    /// Largest body of a service's answer, in bytes. Default 1 MiB.
    pub response_bytes_max: NonZeroUsize,
    /// Calls of the host in one call of a component: requests, operations on connections and files,
    /// secrets, log lines. Default 10000.
    pub call_hostcalls_max: NonZeroU64,
    /// HTTP requests in one call of a component. Default 256.
    pub call_sends_max: NonZeroU64,
    /// Bytes that one call may send to the network and write to files. Default 16 MiB.
    pub call_out_bytes_max: NonZeroU64,
    /// Bytes that one call may receive from the network and read from files. Default 16 MiB.
    pub call_in_bytes_max: NonZeroU64,
    /// Of `calls_count`, the most that one tenant may have at once. Default: all.
    pub instances_per_tenant_max: Option<NonZeroU32>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            call_cpu_ms: count(50),
            call_wall_ms: count(180_000),
            store_memory_bytes: size(16 << 20),
            store_table_elements: size(20_000),
            store_handles_count: size(1000),
            hostcall_bytes_max: size(4 << 20),
            calls_count: count(256),
            log_lines_max: 100,
            log_bytes_max: 64 << 10,
            response_bytes_max: size(1 << 20),
            call_hostcalls_max: long(10_000),
            call_sends_max: long(256),
            call_out_bytes_max: long(16 << 20),
            call_in_bytes_max: long(16 << 20),
            instances_per_tenant_max: None,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        self.check_ceilings(reading);
        let one_tenant = self.instances_per_tenant_max.unwrap_or(self.calls_count);
        if one_tenant > self.calls_count {
            reading.problem(
                "limits.instances_per_tenant_max",
                "expected at most `limits.calls_count`",
            );
        }
        if self.call_wall_ms < self.call_cpu_ms {
            reading.problem("limits.call_wall_ms", "expected at least `limits.call_cpu_ms`");
        }
        if self.hostcall_bytes_max < self.response_bytes_max {
            reading.problem(
                "limits.hostcall_bytes_max",
                "expected at least `limits.response_bytes_max`, since an answer is handed over whole",
            );
        }
    }

    /// Beyond these a limit would protect nobody any more.
    fn check_ceilings(&self, reading: &mut Reading) {
        let whole = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let table: [(&str, u64, u64); 14] = [
            ("call_cpu_ms", self.call_cpu_ms.get().into(), 10_000),
            ("call_wall_ms", self.call_wall_ms.get().into(), 180_000),
            ("store_memory_bytes", whole(self.store_memory_bytes.get()), 256 << 20),
            ("store_table_elements", whole(self.store_table_elements.get()), 1_000_000),
            ("store_handles_count", whole(self.store_handles_count.get()), 100_000),
            ("hostcall_bytes_max", whole(self.hostcall_bytes_max.get()), 64 << 20),
            ("calls_count", self.calls_count.get().into(), 10_000),
            ("log_lines_max", self.log_lines_max.into(), 10_000),
            ("log_bytes_max", whole(self.log_bytes_max), 4 << 20),
            ("response_bytes_max", whole(self.response_bytes_max.get()), 64 << 20),
            ("call_hostcalls_max", self.call_hostcalls_max.get(), 1_000_000),
            ("call_sends_max", self.call_sends_max.get(), 10_000),
            ("call_out_bytes_max", self.call_out_bytes_max.get(), 1 << 30),
            ("call_in_bytes_max", self.call_in_bytes_max.get(), 1 << 30),
        ];
        for (field, value, ceiling) in table {
            if value > ceiling {
                reading.problem(&format!("limits.{field}"), &format!("expected at most {ceiling}"));
            }
        }
    }
}

/// The `[dispatch]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchConfig {
    /// Deliveries of one recipient that share a store. Default 16.
    pub batch_max: NonZeroUsize,
    /// How long to wait at shutdown for what is in flight, in milliseconds. Default 10000.
    pub drain_ms: u64,
}

impl Default for DispatchConfig {
    fn default() -> Self {
        Self { batch_max: size(16), drain_ms: 10_000 }
    }
}

/// The `[retry]` table: how long to wait before the next attempt.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Wait after the first failure, in milliseconds; doubles from there. Default 1000.
    pub first_ms: NonZeroU64,
    /// Upper bound on our own wait, in milliseconds. Default 900000, 15 minutes.
    pub max_ms: NonZeroU64,
    /// Upper bound on a wait the service asked for, in milliseconds. Default 86400000, one day.
    pub asked_max_ms: NonZeroU64,
    /// Attempts before a delivery is dead. Default 20.
    pub attempts_max: NonZeroU32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            first_ms: long(1000),
            max_ms: long(900_000),
            asked_max_ms: long(86_400_000),
            attempts_max: count(20),
        }
    }
}

impl RetryConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        if self.max_ms < self.first_ms {
            reading.problem("retry.max_ms", "expected at least `retry.first_ms`");
        }
    }
}

/// The `[queue]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueConfig {
    /// Deliveries that may wait before senders are told to come back. Default 1000000.
    pub pending_max: NonZeroU64,
    /// Bytes of waiting deliveries kept in memory beside the disk. Default 16 MiB.
    pub memory_bytes_max: NonZeroUsize,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { pending_max: long(1_000_000), memory_bytes_max: size(16 << 20) }
    }
}

/// The `[store]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// For how many days an alert is kept of which nothing is owed any more. Default 30.
    pub keep_days: NonZeroU32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { keep_days: count(30) }
    }
}

/// The `[runtime]` table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimeConfig {
    /// Folder of compiled machine code, relative to the file. Default `cache` in `data_dir`.
    pub cache_dir: Option<PathBuf>,
}

fn listen<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from).unwrap_or_default();
    text.parse().map_err(|_| {
        serde::de::Error::custom("expected an address and a port, such as `127.0.0.1:7700`")
    })
}

const fn count(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("a default above zero")
}

const fn long(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).expect("a default above zero")
}

const fn size(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).expect("a default above zero")
}
