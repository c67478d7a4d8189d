//! Builds every part from the configuration, owns the tasks and the token that stops them.
//!
//! Promise: nothing is bound or opened before the whole configuration holds, and nothing is bound
//! before the components are loaded: what they said of themselves is in the store, so that is opened
//! first. A stop lets what is in flight end, within the configured time, and what does not is sent
//! again after the next start.

mod build;
mod start;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{BindError, Engine, Server};
use crate::clock::Clock;
use crate::config::{Config, List, Problem, UserError};
use crate::dispatch::guard::BanGuard;
use crate::dispatch::pace::Paces;
use crate::dispatch::{self, Dispatch};
use crate::privileged::compiler::Compilers;
use crate::privileged::confine::{ConfineError, Missing};
use crate::privileged::control::Monitor;
use crate::privileged::natives::{Links, PolicyError};
use crate::privileged::user::User;
use crate::queue::Queue;
use crate::records::{Records, granted};
use crate::roster::{Kinds, Roster};
use crate::runtime::RuntimeError;
use crate::store::{Store, StoreError};
use crate::telemetry::{BansPrevented, Metrics};
use crate::tenant::tokens::{TokenError, Tokens};
use crate::trial::Trial;
use crate::vault::VaultError;

pub use start::{Start, own_folders};

/// What `serve` tells once it answers.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    pub address: std::net::SocketAddr,
    pub config: &'a Config,
}

/// Runs the engine until a signal or a failure of its store. `ready` is called once it answers.
pub async fn serve(
    start: Start,
    monitor: Monitor,
    ready: impl FnOnce(Ready<'_>),
) -> Result<(), AppError> {
    let mut stop_signals = StopSignals::new().map_err(AppError::Signals)?;
    let clock = Arc::new(Clock::default());
    let Start { config, egress, listener, key, natives, .. } = start;
    let links = Links::default();
    let (compilers, mut talking) = monitor.talk(links.clone()).map_err(AppError::Monitor)?;
    let parts = build::parts(&config, egress, compilers)?;
    let prevented = BansPrevented::default();
    let natives = links.kinds(&natives, &parts.spared(), &prevented);
    let store = Store::open(&config.data_dir, Arc::clone(&clock), build::store_limits(&config))?;
    let kinds = build::kinds(&config, &parts, natives, &store).await?;
    let (runtime, catalog) = (Arc::clone(&parts.runtime), Arc::clone(kinds.catalog()));
    let tokens = Tokens::open(&config.data_dir)?.letting_ban(&config.api.may_ban);
    if granted::note(&store, config.granted.clone(), config.path.display().to_string()).await? {
        info!(
            "What the configuration grants has changed since the last start; it is in the audit log."
        );
    }
    let vault = build::vault(key, &store).await?;
    let queue = Queue::open(&store, build::queue_limits(&config)).await?;
    let records = Records::new(&store);
    let roster = Roster::open(&store, &queue, kinds, vault.clone()).await?;
    let mut metrics = Metrics::new(catalog.kinds().iter().map(|kind| kind.name.as_str()));
    metrics.show_limits(runtime.limit_hits());
    metrics.show_bans_prevented(&prevented);
    let metrics = Arc::new(metrics);
    let gate = build::gate(&config, &parts);
    let access = build::access_tokens(&gate, &roster);
    let trial = Trial {
        runtime: Arc::clone(&runtime),
        gate,
        tokens: access.clone(),
        clock: Arc::clone(&clock),
        policy: build::retry_policy(&config.retry),
        slots: build::slots(&config.limits, runtime.limit_hits()),
        batch_max: config.dispatch.batch_max.get(),
        roster: roster.clone(),
        records: records.clone(),
        metrics: Arc::clone(&metrics),
    };
    let dispatch = Arc::new(Dispatch {
        queue: queue.clone(),
        runtime: Arc::clone(&runtime),
        gate: Arc::clone(&trial.gate),
        net: Arc::clone(&parts.net),
        tokens: access.clone(),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        policy: trial.policy,
        batch_max: trial.batch_max,
        slots: Arc::clone(&trial.slots),
        told: dispatch::offenses::Told::default(),
        guard: Arc::new(BanGuard::new(build::guard_rules(&config.guard))),
        paces: Paces::default(),
        records: records.clone(),
        roster: roster.clone(),
    });

    let server = Server::new(listener, &config.api).map_err(AppError::Listener)?;
    let sending = CancellationToken::new();
    let engine = Engine {
        queue,
        records,
        roster,
        vault,
        trial: Arc::new(trial),
        fail2ban: links.fail2ban,
        spared: parts.net.connector.spared(),
        sending: sending.clone(),
    };
    let routes = server.api(engine, tokens, metrics, clock, &config.ingest);
    info!(
        address = %server.address(),
        components = catalog.kinds().len(),
        compiled = catalog.compiled(),
        allocation = runtime.allocation.name(),
        "The engine has started."
    );
    ready(Ready { address: server.address(), config: &config });
    talking.ready().await;

    let taking = CancellationToken::new();
    let drain = Duration::from_millis(config.dispatch.drain_ms);
    let mut serving = JoinSet::new();
    let serve = server.serve(routes, taking.clone(), drain);
    serving.spawn(async move {
        serve.await;
        Ok(())
    });
    let mut dispatching = JoinSet::new();
    dispatching.spawn(dispatch::run(dispatch, sending.clone()));
    let failed = tokio::select! {
        () = stop_signals.any() => None,
        () = talking.ended() => {
            warn!("The monitor is gone: so goes the engine.");
            None
        }
        joined = dispatching.join_next() => Some(ended_early("dispatch", joined)),
        joined = serving.join_next() => Some(ended_early("the API", joined)),
    };

    // First nothing new comes in, then what is in flight ends.
    taking.cancel();
    sending.cancel();
    let deadline = tokio::time::Instant::now() + drain;
    let drained = tokio::time::timeout_at(deadline, dispatching.join_next()).await;
    if drained.is_err() {
        warn!("Not everything in flight ended in time; it is sent again after the next start.");
        dispatching.shutdown().await;
    }
    let _ = tokio::time::timeout_at(deadline, serving.join_next()).await;
    serving.shutdown().await;
    // A refresh token that a server has exchanged must be stored.
    access.close().await;
    tokio::task::spawn_blocking(move || store.close()).await.ok();
    info!("The engine has stopped.");
    match (failed, drained) {
        (Some(error), _) => Err(error),
        (None, Ok(Some(Ok(Err(error))))) => Err(error.into()),
        (None, _) => Ok(()),
    }
}

type Joined = Option<Result<Result<(), StoreError>, JoinError>>;

/// A part that ends although nobody told it to.
fn ended_early(part: &'static str, joined: Joined) -> AppError {
    match joined {
        Some(Ok(Err(error))) => error.into(),
        _ => AppError::Ended { part },
    }
}

/// The components that are in the folder, as an engine would find them that has no store yet.
pub async fn components(config: &Config) -> Result<Kinds, AppError> {
    build::kinds_alone(config, Compilers::Own).await
}

/// SIGTERM and SIGINT.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Why the engine cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    #[error("`{path}` cannot be used:{list}", path = path.display(), list = List(problems))]
    Config { path: PathBuf, problems: Vec<Problem> },

    #[error(transparent)]
    Runtime(#[from] RuntimeError),

    #[error(transparent)]
    Store(#[from] StoreError),

    #[error(transparent)]
    Token(#[from] TokenError),

    #[error(transparent)]
    Vault(#[from] VaultError),

    #[error(transparent)]
    Bind(#[from] BindError),

    #[error("{part} ended by itself; the log says why, and the next start sends what is owed")]
    Ended { part: &'static str },

    #[error("the process cannot listen for signals")]
    Signals(#[source] io::Error),

    #[error("the engine cannot speak with its monitor; it is started by `campanile serve` alone")]
    Monitor(#[source] io::Error),

    #[error("the monitor has ended while the engine started")]
    Alone,

    #[error("the socket that was bound cannot be used")]
    Listener(#[source] io::Error),

    #[error("the engine cannot be started as another user; correct `process.user`")]
    User(#[from] UserError),

    #[error(transparent)]
    Policy(#[from] PolicyError),

    #[error("the engine cannot shut itself in")]
    Confine(#[from] ConfineError),

    #[error("`process.strict` is set, and the engine cannot be shut in:{list}", list = lines(missing))]
    NotConfined { missing: Vec<Missing> },

    #[error("the folder `{path}` cannot be made or used", path = path.display())]
    Folder { path: PathBuf, source: io::Error },

    #[error(
        "`{path}` belongs to user {owner}, and the engine runs as `{}`: `chown -R {uid}:{gid} \
         {path}`, or name its owner as `process.user`",
        user.name, path = path.display(), uid = user.uid, gid = user.gid
    )]
    OtherOwner { path: PathBuf, user: User, owner: u32 },
}

fn lines(missing: &[Missing]) -> String {
    missing.iter().map(|one| format!("\n  {one}")).collect()
}
