//! Approves and revokes components: in the store, in the audit log, and live.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinError;

use super::approval::{ApprovalError, Approvals};
use super::live::Live;
use super::{Inner, Kinds, Roster, refused};
use crate::audit::{self, Entry, Who};
use crate::ids::TenantId;
use crate::records::components::{self, Approval, ComponentRow};
use crate::runtime::{ComponentHash, Kind};
use crate::store::{Prepared, StoreError, Wakes, Weight, WriteJob};

impl Roster {
    /// Lets the component `name` be used, if it is the one of this hash. Its endpoints are live when
    /// this returns.
    pub async fn approve(
        &self,
        tenant: TenantId,
        name: &str,
        hash: ComponentHash,
        who: Who,
    ) -> Result<(), ApprovalError> {
        let turn = self.turn().await?;
        let kinds = self.kinds();
        let installed = &kinds.installed;
        let kind = installed.sound(name)?;
        if kind.hash != hash {
            return Err(ApprovalError::Other { name: name.to_owned() });
        }
        if installed.is_approved(kind) {
            return Ok(());
        }
        let approvals = installed.approvals();
        let now_ms = self.0.store.clock().now_ms();
        let lines = kind.words();
        let detail = json!({
            "hash": hash.to_string(),
            "before": approvals.last(name).map(|row| ComponentHash(row.hash).to_string()),
            "does": lines,
        });
        let approval = Approval { at_ms: now_ms, by: who.actor.clone(), lines };
        let row =
            ComponentRow { approval: Some(approval), ..component_row(kind, now_ms, &approvals) };
        let next = approvals.with(name, Some(row.clone()));
        let entry = entry(tenant, "approve", name, who, now_ms, detail);
        self.decide(turn, name, next, Decision::Approve(row), entry).await
    }

    /// Takes back what was approved: nothing new is begun with the component when this returns.
    pub async fn revoke(
        &self,
        tenant: TenantId,
        name: &str,
        who: Who,
    ) -> Result<(), ApprovalError> {
        let turn = self.turn().await?;
        let kinds = self.kinds();
        let installed = &kinds.installed;
        let approvals = installed.approvals();
        let Some(row) = approvals.last(name) else {
            return match installed.sound(name)? {
                kind if kind.is_native() => Err(ApprovalError::Native { name: name.to_owned() }),
                kind if kind.is_built_in => Err(ApprovalError::BuiltIn { name: name.to_owned() }),
                _ => Ok(()),
            };
        };
        let now_ms = self.0.store.clock().now_ms();
        let detail = json!({ "hash": ComponentHash(row.hash).to_string() });
        let entry = entry(tenant, "revoke", name, who, now_ms, detail);
        let next = approvals.with(name, None);
        self.decide(turn, name, next, Decision::Revoke(name.to_owned()), entry).await
    }

    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.0.turn).acquire_owned().await.map_err(|_| StoreError::Closed)
    }

    async fn decide(
        &self,
        turn: OwnedSemaphorePermit,
        name: &str,
        next: Approvals,
        decision: Decision,
        entry: Entry,
    ) -> Result<(), ApprovalError> {
        let held = Held::decide(&self.0, next);
        let (live, kinds, of_kinds) = (self.live(), self.kinds(), [name.to_owned()]);
        // As with any change: thousands of filters take a while to compile.
        let made = tokio::task::spawn_blocking(move || Arc::new(live.refreshed(&of_kinds, &kinds)));
        let live = made.await.map_err(|panic: JoinError| {
            tracing::error!(error = %panic, "An approval could not be planned.");
            StoreError::Closed
        })?;
        let (reply, answer) = oneshot::channel();
        let job = Decide { held, decision, live, entry, _turn: turn, reply };
        self.0.store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).map_err(refused)?;
        Ok(answer.await.unwrap_or(Err(StoreError::Closed))?)
    }
}

/// A component as it is kept when it is installed.
pub(crate) fn component_row(kind: &Kind, now_ms: u64, approvals: &Approvals) -> ComponentRow {
    ComponentRow {
        hash: kind.hash.0,
        name: kind.name.clone(),
        manifest: kind.manifest_text.clone(),
        descriptor: kind.kept(),
        installed_ms: now_ms,
        approval: approvals.approval(kind).cloned(),
    }
}

pub(super) fn entry(
    tenant: TenantId,
    action: &'static str,
    name: &str,
    who: Who,
    at_ms: u64,
    detail: Value,
) -> Entry {
    Entry { at_ms, tenant, who, action, object: format!("component {name}"), detail }
}

/// Approvals that hold already, while they are on their way to disk: what is made live is made of
/// them. They are taken back if they do not get there. The turn keeps every other change away.
struct Held {
    roster: Arc<Inner>,
    kinds: Arc<Kinds>,
    before: Option<Arc<Approvals>>,
}

impl Held {
    fn decide(roster: &Arc<Inner>, next: Approvals) -> Self {
        let kinds = roster.kinds();
        let before = Some(kinds.installed.decide(Arc::new(next)));
        Self { roster: Arc::clone(roster), kinds, before }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.kinds.installed.decide(before);
        }
    }
}

enum Decision {
    Approve(ComponentRow),
    Revoke(String),
}

struct Decide {
    /// Before the turn, so that it is dropped first.
    held: Held,
    decision: Decision,
    live: Arc<Live>,
    entry: Entry,
    /// The next change is planned on what this one made.
    _turn: OwnedSemaphorePermit,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl WriteJob for Decide {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        match &self.decision {
            Decision::Approve(row) => components::approve(db, row)?,
            Decision::Revoke(name) => components::revoke(db, name)?,
        }
        audit::append(db, &self.entry)
    }

    fn apply(&mut self, _wakes: &mut Wakes) {
        self.held.before = None;
        self.held.roster.live.send_replace(Arc::clone(&self.live));
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { held, reply, .. } = *self;
        drop(held);
        // Whoever asked may have gone; what was decided holds all the same.
        _ = reply.send(result);
    }

    fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}
