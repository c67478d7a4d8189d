//! The roster: endpoints and recipients as they are now, checked, stored, and live.
//!
//! Promise: a change is checked as a whole, written as a whole with its entry in the audit log, and
//! seen by ingest and dispatch at once when it is on disk; whoever asked may go away meanwhile. A
//! stored row that its component does not take any more is kept, told of, and not sent to.
//!
//! Not here: which alerts a filter takes (`route`), and sending (`dispatch`).

mod approval;
mod build;
mod change;
mod correct;
mod decide;
mod installed;
mod kinds;
mod lay;
mod live;
mod moved;
mod old;
mod opening;
mod plan;
mod scan;
mod schema;
mod secrets;
mod standing;
#[cfg(test)]
mod tests;
mod write;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinError;

use crate::audit::Who;
use crate::capability::secrets::oauth2::Rotated;
use crate::config::Problem;
use crate::dispatch::Destination;
use crate::ids::TenantId;
use crate::queue::Queue;
use crate::records::rows::{self, Pause, PausedBy};
use crate::setup::{EndpointSetup, Setup};
use crate::store::{Refusal, Store, StoreError, Weight};
use crate::vault::Vault;

pub use approval::{ApprovalError, Approvals};
pub use change::{Action, Change, Edit, Expect, Wanted, What};
pub use correct::CORRECTIONS_MAX;
pub(crate) use decide::component_row;
pub use installed::{Installed, State};
pub use kinds::Kinds;
pub(crate) use lay::{Before, Laid};
pub use live::{EndpointEntry, Live, RecipientEntry, Standing};
pub use scan::ScanError;

/// How often a refresh token is stored anew when somebody changes its endpoint at that moment.
const KEEPING_TRIES: usize = 4;

/// A handle to the roster. There is one per store; handles are clones of it.
#[derive(Clone, Debug)]
pub struct Roster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    queue: Queue,
    /// Replaced by whoever has the turn.
    kinds: RwLock<Arc<Kinds>>,
    vault: Vault,
    live: watch::Sender<Arc<Live>>,
    /// One change at a time; who is to make it holds this until it is written.
    turn: Arc<Semaphore>,
}

/// What a change did, or would do.
#[derive(Debug)]
pub struct Changed {
    pub changes: Vec<Change>,
    /// Named, and as wanted already.
    pub unchanged: usize,
    /// As it is afterwards.
    pub live: Arc<Live>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    #[error("what is written cannot be used")]
    Problems(Vec<Problem>),

    #[error("there is no {what} `{name}`")]
    NotFound { what: What, name: String },

    #[error("there is a {what} `{name}` already; choose another name, or change that one")]
    NameTaken { what: What, name: String },

    #[error(
        "the {what} `{name}` is not the version that was asked for; read it anew, and change that"
    )]
    Outdated { what: What, name: String },

    #[error(
        "recipients still use the endpoint `{name}` ({recipients}); remove them or move them first"
    )]
    InUse { name: String, recipients: String },

    #[error("the endpoint `{name}` is of another kind; make a new one, and move its recipients")]
    KindFixed { name: String },

    #[error(
        "the {what} `{name}` was made by the set `{set}`; apply it there, or remove it there first"
    )]
    OtherSet { what: What, name: String, set: String },

    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Roster {
    /// Reads what is stored. What cannot be used any more is told of, and stays.
    pub async fn open(
        store: &Store,
        queue: &Queue,
        kinds: Kinds,
        vault: Vault,
    ) -> Result<Self, StoreError> {
        let mut rows = store.read(rows::load).await?;
        let kinds = kinds.with_tenants(std::mem::take(&mut rows.tenants));
        opening::lay(&mut rows, &kinds, store, &vault).await?;
        let live = Arc::new(Live::open(rows, &kinds));
        for problem in live.problems() {
            tracing::error!(problem = %problem, "Something stored cannot be used; its deliveries wait.");
        }
        Ok(Self(Arc::new(Inner {
            store: store.clone(),
            queue: queue.clone(),
            kinds: RwLock::new(Arc::new(kinds)),
            vault,
            live: watch::Sender::new(live),
            turn: Arc::new(Semaphore::new(1)),
        })))
    }

    /// Everything as it is now.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.0.live.borrow())
    }

    /// Told of every change.
    pub fn watch(&self) -> watch::Receiver<Arc<Live>> {
        self.0.live.subscribe()
    }

    /// The kinds as they are now.
    pub fn kinds(&self) -> Arc<Kinds> {
        self.0.kinds()
    }

    /// Makes all of `edits`, or none.
    pub async fn edit(
        &self,
        tenant: TenantId,
        edits: Vec<Edit>,
        who: Who,
    ) -> Result<Changed, ChangeError> {
        self.change(tenant, Wanted::Edits(edits), who, false).await
    }

    /// Makes everything as `setup` says; with `prune`, removes what the same set made earlier and
    /// does not say any more. With `dry_run` only tells what would change.
    pub async fn apply(
        &self,
        tenant: TenantId,
        set: String,
        setup: Setup,
        options: ApplyOptions,
        who: Who,
    ) -> Result<Changed, ChangeError> {
        let wanted = Wanted::Setup { set, setup, prune: options.prune };
        self.change(tenant, wanted, who, options.dry_run).await
    }

    /// A component said that a setting is wrong: nothing more is sent, and the queue is kept. Where
    /// the settings have changed since, that verdict says nothing of the new ones.
    pub async fn pause_by_verdict(
        &self,
        of: &Destination,
        what: What,
        code: &str,
        detail: &str,
    ) -> Result<(), ChangeError> {
        if !correct::is_current(&self.live(), of) {
            return Ok(());
        }
        let name = match what {
            What::Endpoint => of.endpoint.name.clone(),
            What::Recipient => of.name.clone(),
        };
        let pause = Some((PausedBy::Verdict, code.to_owned(), detail.to_owned()));
        let edit = Edit::Pause { what, name, pause, expect: Expect::Any };
        let source = format!("a delivery to recipient {}", of.name);
        self.edit(of.endpoint.tenant, vec![edit], Who::engine(source)).await.map(drop)
    }

    /// A token server exchanged a refresh token: the new one is stored, unless somebody has set
    /// another meanwhile.
    pub async fn keep(&self, rotated: Rotated) -> Result<(), ChangeError> {
        let Rotated { tenant, endpoint, setting, before, value } = rotated;
        let mut tries = 0;
        loop {
            tries += 1;
            let live = self.live();
            let mut rows = live.table.endpoints.values();
            let row = rows.find(|row| row.id == endpoint && row.tenant == tenant);
            let holds_old = |row: &&Arc<rows::EndpointRow>| {
                row.secrets.get(&setting).is_some_and(|stored| stored.holds(&before))
            };
            let Some(row) = row.filter(holds_old) else { return Ok(()) };
            let mut settings = row.setup.settings.as_map().clone();
            settings.insert(setting.clone(), value.expose().into());
            let setup = EndpointSetup { kind: row.setup.kind.clone(), settings: settings.into() };
            let (name, expect) = (row.name.clone(), Expect::Revision(row.stamp.revision));
            let edit = Edit::Endpoint { name, setup, expect };
            match self.edit(tenant, vec![edit], Who::engine("the token server")).await {
                Err(ChangeError::Outdated { .. } | ChangeError::NotFound { .. })
                    if tries < KEEPING_TRIES => {}
                changed => return changed.map(drop),
            }
        }
    }

    async fn change(
        &self,
        tenant: TenantId,
        wanted: Wanted,
        who: Who,
        dry_run: bool,
    ) -> Result<Changed, ChangeError> {
        let closed = |_| StoreError::Closed;
        let closed_by = |panic: JoinError| {
            tracing::error!(error = %panic, "A change could not be planned.");
            StoreError::Closed
        };
        let turn = Arc::clone(&self.0.turn).acquire_owned().await.map_err(closed)?;
        let now_ms = self.0.store.clock().now_ms();
        let (live, inner) = (self.live(), Arc::clone(&self.0));
        // Thousands of filters take a while to compile, and must hold up no delivery.
        let planned = tokio::task::spawn_blocking({
            let live = Arc::clone(&live);
            move || inner.plan(&live, tenant, wanted, now_ms)
        });
        // It is not canceled, and a panic in it is a mistake of ours.
        let changed = planned.await.map_err(closed_by)??;
        let next = Arc::clone(&changed.live);
        if dry_run || changed.changes.is_empty() {
            return Ok(changed);
        }
        let entries = changed.changes.iter().map(|one| one.entry(tenant, &who, now_ms)).collect();
        let (reply, answer) = oneshot::channel();
        let job = write::Write::new(Arc::clone(&self.0), live, next, entries, now_ms, turn, reply);
        self.0.store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).map_err(refused)?;
        answer.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(changed)
    }
}

impl Inner {
    fn kinds(&self) -> Arc<Kinds> {
        Arc::clone(&self.kinds.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn plan(
        &self,
        live: &Live,
        tenant: TenantId,
        wanted: Wanted,
        now_ms: u64,
    ) -> Result<Changed, ChangeError> {
        let kinds = self.kinds();
        let plan = plan::plan(live, tenant, wanted, &kinds, now_ms)?;
        let next = Arc::new(live.next(plan.rows, plan.newest, &kinds));
        let mut problems = plan.problems;
        for one in next.problems_of(tenant, &plan.places) {
            // The first problem of a place is the cause of the next.
            if !problems.iter().any(|known| known.place == one.place) {
                problems.push(one);
            }
        }
        if problems.is_empty() {
            Ok(Changed { changes: plan.changes, unchanged: plan.unchanged, live: next })
        } else {
            Err(ChangeError::Problems(problems))
        }
    }
}

/// How a setup is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyOptions {
    pub dry_run: bool,
    pub prune: bool,
}

impl Pause {
    fn new((by, code, detail): (PausedBy, String, String), since_ms: u64) -> Self {
        Self { by, since_ms, code, detail }
    }
}

fn refused(refusal: Refusal) -> StoreError {
    refusal.into()
}
