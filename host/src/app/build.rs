//! From the configuration to the parts of the engine, every problem told at once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::AppError;
use crate::capability::budget::CallLimits;
use crate::capability::egress::{Connector, Policy, Pool};
use crate::capability::http::HttpGate;
use crate::config::{Config, LimitsConfig, Problem, RetryConfig};
use crate::dispatch::backoff::Backoff;
use crate::dispatch::{RetryPolicy, Site, Slots};
use crate::queue::QueueLimits;
use crate::roster::Kinds;
use crate::runtime::{Catalog, Limits, Runtime};
use crate::store::StoreLimits;
use crate::telemetry::LimitHits;

/// Instances beside those that deliver: a preview, a description.
const SPARE_INSTANCES: u32 = 16;

/// What stands before the store is opened.
#[derive(Debug)]
pub(super) struct Parts {
    pub runtime: Arc<Runtime>,
    pub kinds: Kinds,
}

/// Loads the components, and checks what the configuration says beside them.
pub(super) async fn parts(config: &Config) -> Result<Parts, AppError> {
    let limits = Limits::from(&config.limits);
    let calls = config.limits.calls_count.get().saturating_add(SPARE_INSTANCES);
    let runtime = Runtime::new(limits, calls, &config.cache_dir)?;
    let catalog = Arc::new(Catalog::load(&runtime, &config.components_dir).await?);
    let wrong = |problems| AppError::Config { path: config.path.clone(), problems };
    let zone = TimeZone::get(&config.zone).map_err(|_| {
        let expected = "expected an IANA time zone such as `Europe/Rome`; the package `tzdata` \
                        brings them";
        wrong(vec![Problem { place: "zone".to_owned(), expected: expected.to_owned() }])
    })?;
    let site = Site {
        instance: config.instance.clone(),
        locale: config.locale.clone(),
        zone_name: config.zone.clone(),
        zone,
    };
    let egress = Policy::read(config).map_err(wrong)?;
    let kinds = Kinds::new(catalog, site).map_err(wrong)?.with_egress(egress);
    Ok(Parts { runtime, kinds })
}

pub(super) fn gate(config: &Config) -> Arc<HttpGate> {
    let limits = &config.limits;
    Arc::new(HttpGate {
        connector: Connector::new(&config.egress.resolver),
        pool: Pool::default(),
        response_bytes_max: limits.response_bytes_max.get(),
    })
}

pub(super) fn slots(limits: &LimitsConfig, hits: &LimitHits) -> Arc<Slots> {
    let count = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    let one_tenant = limits.instances_per_tenant_max.unwrap_or(limits.calls_count);
    Slots::new(count(limits.calls_count), count(one_tenant), hits.clone())
}

pub(super) fn retry_policy(retry: &RetryConfig) -> RetryPolicy {
    RetryPolicy {
        backoff: Backoff {
            first: Duration::from_millis(retry.first_ms.get()),
            max: Duration::from_millis(retry.max_ms.get()),
            asked_max: Duration::from_millis(retry.asked_max_ms.get()),
        },
        attempts_max: retry.attempts_max.get(),
    }
}

pub(super) fn store_limits(config: &Config) -> StoreLimits {
    let keep = Duration::from_hours(24).saturating_mul(config.store.keep_days.get());
    StoreLimits { keep, ..StoreLimits::default() }
}

pub(super) fn queue_limits(config: &Config) -> QueueLimits {
    QueueLimits {
        pending_count: config.queue.pending_max.get(),
        body_bytes: config.queue.memory_bytes_max.get(),
        commit_wait: Duration::from_millis(config.ingest.answer_ms_max.get()),
        ..QueueLimits::default()
    }
}

impl From<&LimitsConfig> for Limits {
    fn from(config: &LimitsConfig) -> Self {
        Self {
            call_cpu: Duration::from_millis(config.call_cpu_ms.get().into()),
            call_wall: Duration::from_millis(config.call_wall_ms.get().into()),
            store_memory_bytes: config.store_memory_bytes.get(),
            store_table_elements: config.store_table_elements.get(),
            store_handles_count: config.store_handles_count.get(),
            hostcall_bytes_max: config.hostcall_bytes_max.get(),
            log_lines_max: config.log_lines_max,
            log_bytes_max: config.log_bytes_max,
            response_bytes_max: config.response_bytes_max.get(),
            call: CallLimits {
                calls_max: config.call_hostcalls_max.get(),
                sends_max: config.call_sends_max.get(),
                out_bytes_max: config.call_out_bytes_max.get(),
                in_bytes_max: config.call_in_bytes_max.get(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_components_folder_that_was_not_built_says_which_one_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let kind = folder.path().join("components/some-kind");
        std::fs::create_dir_all(&kind).unwrap();
        let manifest = "name = 'some-kind'\nworld = 'http-component'";
        std::fs::write(kind.join("component.toml"), manifest).unwrap();
        let config = Config::parse(&folder.path().join("campanile.toml"), "").unwrap();
        let told = parts(&config).await.unwrap_err().to_string();
        for part in ["some-kind/component.wasm", "`components_dir` must name", "target/components"]
        {
            assert!(told.contains(part), "{told}");
        }
    }
}
