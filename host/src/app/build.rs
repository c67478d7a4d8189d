//! From the configuration to the parts of the engine, every problem told at once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::{error, info, warn};

use super::AppError;
use crate::capability::budget::CallLimits;
use crate::capability::egress::{Connector, Policy, Pool};
use crate::capability::files::{FilesGate, FolderLimits};
use crate::capability::http::HttpGate;
use crate::capability::net::NetGate;
use crate::capability::secrets::oauth2::{Keep, NotKept, Tokens};
use crate::config::{
    AlertPart, ComponentConfig, Config, GuardConfig, LimitsConfig, Problem, RetryConfig,
};
use crate::dispatch::backoff::Backoff;
use crate::dispatch::guard::GuardRules;
use crate::dispatch::{RetryPolicy, Site, Slots};
use crate::privileged::compiler::Compilers;
use crate::privileged::fail2ban::Spared;
use crate::privileged::natives::{Links, Policies};
use crate::queue::QueueLimits;
use crate::records::{components, secrets};
use crate::roster::{Approvals, Installed, Kinds, Roster, State, component_row};
use crate::runtime::native::Natives;
use crate::runtime::{self, Catalog, ComponentHash, Kept, Limits, Runtime, Withheld, Withholding};
use crate::store::{Store, StoreLimits};
use crate::telemetry::{BansPrevented, LimitHits};
use crate::vault::{KeyFound, Vault};

/// Instances beside those that deliver: a preview, a description.
const SPARE_INSTANCES: u32 = 16;

/// What stands before the store is opened.
#[derive(Debug)]
pub(super) struct Parts {
    pub runtime: Arc<Runtime>,
    pub site: Site,
    pub egress: Policy,
    pub net: Arc<NetGate>,
    pub files: Arc<FilesGate>,
}

impl Parts {
    /// Whom the engine itself speaks with, and nothing of it bans.
    pub(super) fn spared(&self) -> Arc<dyn Spared> {
        self.net.connector.spared()
    }
}

/// Checks what the configuration says beside itself, and starts what runs components.
pub(super) fn parts(
    config: &Config,
    egress: Policy,
    compilers: Compilers,
) -> Result<Parts, AppError> {
    let limits = Limits::from(&config.limits);
    let calls = config.limits.calls_count.get().saturating_add(SPARE_INSTANCES);
    // What is in the folder is looked at later, and that it is there now.
    runtime::folders(&config.components_dir)?;
    let runtime = Runtime::new(limits, calls, &config.cache_dir)?;
    runtime.withhold(withholding(&config.components));
    runtime.compile_by(compilers);
    let wrong = |problems| AppError::Config { path: config.path.clone(), problems };
    let zone = TimeZone::get(&config.zone).map_err(|_| {
        let expected = "expected an IANA time zone such as `Europe/Rome`; the package `tzdata` \
                        brings them";
        wrong(vec![Problem { place: "zone".to_owned(), expected: expected.to_owned() }])
    })?;
    let site = Site {
        instance: config.instance.clone(),
        link: config.instance_link.clone(),
        locale: config.locale.clone(),
        zone_name: config.zone.clone(),
        zone,
    };
    let connector = Connector::new(&config.egress.resolver);
    let net = Arc::new(NetGate { connector, ..NetGate::default() });
    let files = Arc::new(files(config).map_err(|problem| wrong(vec![problem]))?);
    Ok(Parts { runtime, site, egress, net, files })
}

/// The operator's part of every way out, with the files that it names.
pub(super) fn egress(config: &Config) -> Result<Policy, AppError> {
    Policy::read(config)
        .map_err(|problems| AppError::Config { path: config.path.clone(), problems })
}

fn files(config: &Config) -> Result<FilesGate, Problem> {
    let Some(root) = &config.files.root else { return Ok(FilesGate::default()) };
    let limits = FolderLimits {
        bytes_max: config.files.folder_bytes_max.get(),
        files_max: config.files.folder_files_max.get(),
        read_bytes_max: config.limits.response_bytes_max.get(),
    };
    FilesGate::open_root(root, limits).map_err(|error| Problem {
        place: "files.root".to_owned(),
        expected: format!("expected a folder that can be used: {error}"),
    })
}

/// Loads the components. Those that are new describe themselves, which is kept; of the others it was.
pub(super) async fn kinds(
    config: &Config,
    parts: &Parts,
    natives: Natives,
    store: &Store,
) -> Result<Kinds, AppError> {
    let rows = components::load(store).await?;
    let kept: Kept =
        rows.iter().map(|row| (ComponentHash(row.hash), row.descriptor.clone())).collect();
    let catalog = Catalog::load_with(&parts.runtime, &config.components_dir, &kept).await?;
    let catalog = catalog.with_natives(&parts.runtime, natives);
    let approvals = Approvals::of(&rows);
    let now_ms = store.clock().now_ms();
    let new = catalog.kinds().iter().filter(|kind| kind.is_new);
    let new: Vec<_> = new.map(|kind| component_row(kind, now_ms, &approvals)).collect();
    let present = catalog.kinds().iter().map(|kind| kind.hash.0).collect();
    for row in &new {
        info!(component.name = row.name, "A component is installed: it has described itself.");
    }
    if let Err(error) = components::install(store, new, present).await {
        warn!(%error, "What new components said of themselves is not kept; the next start asks again.");
    }
    let kinds = Kinds::new(Arc::new(catalog), parts.site.clone())
        .with_egress(parts.egress.clone())
        .with_doors(Arc::clone(&parts.net), Arc::clone(&parts.files))
        .with_natives_of(&config.tenants)
        .approved(approvals);
    for one in kinds.components() {
        tell(&one);
    }
    Ok(kinds)
}

/// Components without a store: which of them are approved is not known.
pub(super) async fn kinds_alone(config: &Config, compilers: Compilers) -> Result<Kinds, AppError> {
    let parts = parts(config, egress(config)?, compilers)?;
    let catalog = Catalog::load(&parts.runtime, &config.components_dir).await?;
    let owner = rustix::process::geteuid().as_raw();
    let on = Policies::read(&config.process.policy, owner)?.on();
    let natives = Links::default().kinds(&on, &parts.spared(), &BansPrevented::default());
    let catalog = catalog.with_natives(&parts.runtime, natives);
    let kinds = Kinds::new(Arc::new(catalog), parts.site).with_egress(parts.egress);
    Ok(kinds.with_doors(parts.net, parts.files))
}

/// Somebody must see to a component, or may want to know that it is new.
fn tell(one: &Installed) {
    let name = one.name.as_str();
    match one.state {
        State::Broken => {
            let problem = one.problem.as_deref().unwrap_or_default();
            error!(
                component.name = name,
                problem, "A component cannot be used; what it is owed waits."
            );
        }
        State::Waiting => warn!(
            component.name = name,
            "A component waits for approval: `campanile component approve` shows what it may do."
        ),
        State::BuiltIn | State::Approved | State::Unknown => {}
    }
}

fn withholding(components: &[ComponentConfig]) -> Withholding {
    let mut withholding = Withholding::default();
    for component in components {
        let drops = |part| component.drop.contains(&part);
        let withheld = Withheld {
            raw: drops(AlertPart::Raw),
            labels: drops(AlertPart::Labels),
            annotations: drops(AlertPart::Annotations),
            parties: drops(AlertPart::Parties),
        };
        match component.name.as_str() {
            "*" => withholding.others = withheld,
            name => _ = withholding.by_name.insert(name.to_owned(), withheld),
        }
    }
    withholding
}

pub(super) fn gate(config: &Config, parts: &Parts) -> Arc<HttpGate> {
    let limits = &config.limits;
    Arc::new(HttpGate {
        connector: parts.net.connector.clone(),
        pool: Pool::default(),
        response_bytes_max: limits.response_bytes_max.get(),
    })
}

/// What fetches access tokens, and stores refresh tokens that were exchanged.
pub(super) fn access_tokens(gate: &Arc<HttpGate>, roster: &Roster) -> Tokens {
    let roster = roster.clone();
    let keep: Keep = Box::new(move |rotated| {
        let roster = roster.clone();
        Box::pin(async move {
            roster.keep(rotated).await.map_err(|error| {
                error!(%error, "A refresh token that its server exchanged could not be stored.");
                NotKept
            })
        })
    });
    Tokens::new(Arc::clone(gate), keep)
}

/// The keys of the secrets.
pub(super) async fn vault(key: KeyFound, store: &Store) -> Result<Vault, AppError> {
    Ok(Vault::with(key, store.read(secrets::any).await?)?)
}

pub(super) fn slots(limits: &LimitsConfig, hits: &LimitHits) -> Arc<Slots> {
    let count = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    let one_tenant = limits.instances_per_tenant_max.unwrap_or(limits.calls_count);
    Slots::new(count(limits.calls_count), count(one_tenant), hits.clone())
}

pub(super) fn guard_rules(guard: &GuardConfig) -> GuardRules {
    let count = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    GuardRules {
        window_ms: u64::from(guard.window_s.get()).saturating_mul(1_000),
        slow_count: count(guard.refusals_slow),
        stop_count: count(guard.refusals_stop),
    }
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
        let config = Config::parse(&folder.path().join("campanile.toml"), "").unwrap();
        let started = parts(&config, Policy::default(), Compilers::Here);
        let told = started.unwrap_err().to_string();
        assert!(told.contains("make components") && told.contains("`components_dir`"), "{told}");

        std::fs::create_dir_all(&kind).unwrap();
        let manifest = "name = 'some-kind'\nworld = 'http-component'";
        std::fs::write(kind.join("component.toml"), manifest).unwrap();
        let kinds = kinds_alone(&config, Compilers::Here).await.unwrap();
        let [found] = kinds.components().try_into().unwrap();
        assert!(!kinds.are_any() && found.state == State::Broken);
        let told = found.problem.unwrap();
        for part in ["some-kind/component.wasm", "`components_dir` must name", "target/components"]
        {
            assert!(told.contains(part), "{told}");
        }
    }
}
