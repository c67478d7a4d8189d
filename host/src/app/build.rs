//! From the configuration to the parts of the engine, every problem told at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use super::AppError;
use super::settings::Schemas;
use crate::capability::egress::{Connector, Grant, Pool, origins};
use crate::capability::http::HttpGate;
use crate::config::{Config, LimitsConfig, Problem, RetryConfig};
use crate::dispatch::backoff::Backoff;
use crate::dispatch::{Destination, Endpoint, RetryPolicy, Site};
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::queue::QueueLimits;
use crate::records::Records;
use crate::route::{Filter, Router};
use crate::runtime::{Catalog, Limits, Runtime};
use crate::store::StoreLimits;

/// Instances beside those that deliver: a preview, a description.
const SPARE_INSTANCES: u32 = 16;

/// What stands before the store is opened: components, and the configuration checked against them.
#[derive(Debug)]
pub(super) struct Parts {
    pub runtime: Arc<Runtime>,
    pub catalog: Arc<Catalog>,
    pub site: Site,
}

/// Loads the components and checks that every endpoint and recipient can be built.
pub(super) async fn parts(config: &Config) -> Result<Parts, AppError> {
    let limits = limits(&config.limits);
    let calls = config.limits.calls_count.get().saturating_add(SPARE_INSTANCES);
    let runtime = Runtime::new(limits, calls, &config.cache_dir)?;
    let catalog = Arc::new(Catalog::load(&runtime, &config.components_dir).await?);
    let mut problems = Vec::new();
    let zone = TimeZone::get(&config.zone).unwrap_or_else(|_| {
        problems.push(Problem {
            place: "zone".to_owned(),
            expected: "expected an IANA time zone such as `Europe/Rome`; the package `tzdata` \
                       brings them"
                .to_owned(),
        });
        TimeZone::UTC
    });
    let schemas = Schemas::new(&catalog, &mut problems);
    for (at, one) in config.endpoints.iter().enumerate() {
        let place = format!("endpoint[{at}].settings");
        let kind = catalog.kind(&one.kind);
        let found = kind.map(|kind| schemas.endpoint(kind, &place, one.settings.as_map()));
        match found {
            Some(found) if !found.is_empty() => problems.extend(found),
            // Without a kind, or where the settings hold but do not say where to send.
            _ => problems.extend(endpoint(at, one, &catalog, EndpointId(0)).err()),
        }
    }
    for (at, one) in config.recipients.iter().enumerate() {
        let endpoint = config.endpoint(&one.endpoint);
        if let Some(kind) = endpoint.and_then(|endpoint| catalog.kind(&endpoint.kind)) {
            let place = format!("recipient[{at}].settings");
            problems.extend(schemas.recipient(kind, &place, one.settings.as_map()));
        }
    }
    if !problems.is_empty() {
        return Err(AppError::Config { path: config.path.clone(), problems });
    }
    let site = Site {
        instance: config.instance.clone(),
        locale: config.locale.clone(),
        zone_name: config.zone.clone(),
        zone,
    };
    Ok(Parts { runtime, catalog, site })
}

/// The recipients with their endpoints, and the router over them; ids come from the store.
pub(super) async fn destinations(
    config: &Config,
    parts: &Parts,
    records: &Records,
) -> Result<(Vec<Arc<Destination>>, Router), AppError> {
    let tenant = TenantId::DEFAULT;
    let mut endpoints = Vec::with_capacity(config.endpoints.len());
    for (at, one) in config.endpoints.iter().enumerate() {
        let id = records.register_endpoint(tenant, &one.name).await?;
        let endpoint = endpoint(at, one, &parts.catalog, id).map_err(|problem| {
            AppError::Config { path: config.path.clone(), problems: vec![problem] }
        })?;
        endpoints.push(Arc::new(endpoint));
    }
    let mut ids = Vec::with_capacity(config.recipients.len());
    for one in &config.recipients {
        ids.push(records.register_recipient(tenant, &one.name).await?);
    }
    for (id, name, count) in records.owed(tenant).await? {
        if !ids.contains(&id) {
            tracing::warn!(
                recipient.name = name,
                count,
                "Deliveries wait for a recipient that is not in the configuration."
            );
        }
    }
    Ok(assemble(config, parts, &endpoints, &ids))
}

/// The same without a store, for what is only shown.
pub(super) fn destinations_unstored(
    config: &Config,
    parts: &Parts,
) -> Result<(Vec<Arc<Destination>>, Router), AppError> {
    let mut endpoints = Vec::with_capacity(config.endpoints.len());
    for (at, one) in config.endpoints.iter().enumerate() {
        let endpoint =
            endpoint(at, one, &parts.catalog, EndpointId(number(at))).map_err(|problem| {
                AppError::Config { path: config.path.clone(), problems: vec![problem] }
            })?;
        endpoints.push(Arc::new(endpoint));
    }
    let ids: Vec<_> = (0..config.recipients.len()).map(|at| RecipientId(number(at))).collect();
    Ok(assemble(config, parts, &endpoints, &ids))
}

fn assemble(
    config: &Config,
    parts: &Parts,
    endpoints: &[Arc<Endpoint>],
    ids: &[RecipientId],
) -> (Vec<Arc<Destination>>, Router) {
    let mut router = Router::default();
    let mut destinations = Vec::with_capacity(ids.len());
    for (one, id) in config.recipients.iter().zip(ids) {
        // `Config` has seen to it that the name is one of an endpoint.
        let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == one.endpoint) else {
            continue;
        };
        let filter =
            Filter { minimum_severity: one.minimum_severity, categories: one.categories.clone() };
        router.add(endpoint.tenant, *id, filter);
        let endpoint = Arc::clone(endpoint);
        let own = one.settings.as_map();
        destinations.push(Arc::new(Destination::new(*id, &one.name, endpoint, own, &parts.site)));
    }
    (destinations, router)
}

fn endpoint(
    at: usize,
    config: &crate::config::EndpointConfig,
    catalog: &Catalog,
    id: EndpointId,
) -> Result<Endpoint, Problem> {
    let kind = catalog.kind(&config.kind).ok_or_else(|| {
        let names: Vec<_> = catalog.kinds().iter().map(|kind| kind.name.as_str()).collect();
        Problem {
            place: format!("endpoint[{at}].kind"),
            expected: format!("expected one of the kinds that are installed: {}", names.join(", ")),
        }
    })?;
    let reach = origins(&kind.descriptor.reach, &kind.manifest.origins, config.settings.as_map())
        .map_err(|error| Problem {
        place: format!("endpoint[{at}].settings"),
        expected: error.to_string(),
    })?;
    let tenant = TenantId::DEFAULT;
    Ok(Endpoint {
        id,
        tenant,
        name: config.name.clone(),
        kind: Arc::clone(kind),
        grant: Grant::new(tenant, id, reach),
        settings: config.settings.as_map().clone(),
    })
}

pub(super) fn gate(limits: &LimitsConfig) -> Arc<HttpGate> {
    Arc::new(HttpGate {
        connector: Connector::default(),
        pool: Pool::default(),
        response_bytes_max: limits.response_bytes_max.get(),
    })
}

pub(super) fn slots(limits: &LimitsConfig) -> Arc<Semaphore> {
    let count = usize::try_from(limits.calls_count.get()).unwrap_or(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
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

fn limits(config: &LimitsConfig) -> Limits {
    Limits {
        call_cpu: Duration::from_millis(config.call_cpu_ms.get().into()),
        call_wall: Duration::from_millis(config.call_wall_ms.get().into()),
        store_memory_bytes: config.store_memory_bytes.get(),
        store_table_elements: config.store_table_elements.get(),
        store_handles_count: config.store_handles_count.get(),
        hostcall_bytes_max: config.hostcall_bytes_max.get(),
        log_lines_max: config.log_lines_max,
        log_bytes_max: config.log_bytes_max,
        response_bytes_max: config.response_bytes_max.get(),
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).map_or(u32::MAX, |at| at.saturating_add(1))
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
