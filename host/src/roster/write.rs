//! Writes what differs between two tables, and makes the new one live when it is on disk.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Inner;
use super::live::Live;
use crate::audit::{self, Entry};
use crate::ids::TenantId;
use crate::records::rows::{self, Secrets};
use crate::records::secrets;
use crate::store::{Prepared, StoreError, Wakes, WriteJob};
use crate::vault::{About, Owner, Vault};

pub(super) struct Write {
    roster: Arc<Inner>,
    before: Arc<Live>,
    next: Arc<Live>,
    entries: Vec<Entry>,
    at_ms: u64,
    /// The next change is planned on what this one made.
    _turn: OwnedSemaphorePermit,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Write {
    pub(super) fn new(
        roster: Arc<Inner>,
        before: Arc<Live>,
        next: Arc<Live>,
        entries: Vec<Entry>,
        at_ms: u64,
        turn: OwnedSemaphorePermit,
        reply: oneshot::Sender<Result<(), StoreError>>,
    ) -> Self {
        Self { roster, before, next, entries, at_ms, _turn: turn, reply }
    }
}

impl WriteJob for Write {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        let (before, next) = (&self.before.table, &self.next.table);
        // Names that are taken away are free for those that are put.
        for (key, row) in &before.recipients {
            if next.recipients.get(key).is_none_or(|now| now.id != row.id) {
                rows::remove_recipient(db, row.id, self.at_ms)?;
                secrets::remove_all_of(db, Owner::Recipient(row.id))?;
            }
        }
        for (key, row) in &before.endpoints {
            if next.endpoints.get(key).is_none_or(|now| now.id != row.id) {
                rows::remove_endpoint(db, row.id, self.at_ms)?;
                secrets::remove_all_of(db, Owner::Endpoint(row.id))?;
            }
        }
        let (none, vault) = (Secrets::new(), &self.roster.vault);
        for (key, row) in &next.endpoints {
            let old = before.endpoints.get(key);
            if old.is_none_or(|old| !Arc::ptr_eq(old, row)) {
                rows::put_endpoint(db, row)?;
                let old = old.filter(|old| old.id == row.id).map_or(&none, |old| &old.secrets);
                let of = (row.tenant, Owner::Endpoint(row.id));
                put_secrets(db, vault, of, old, &row.secrets, self.at_ms)?;
            }
        }
        for (key, row) in &next.recipients {
            let old = before.recipients.get(key);
            if old.is_none_or(|old| !Arc::ptr_eq(old, row)) {
                rows::put_recipient(db, row)?;
                let old = old.filter(|old| old.id == row.id).map_or(&none, |old| &old.secrets);
                let of = (row.tenant, Owner::Recipient(row.id));
                put_secrets(db, vault, of, old, &row.secrets, self.at_ms)?;
            }
        }
        self.entries.iter().try_for_each(|entry| audit::append(db, entry))
    }

    fn apply(&mut self, _wakes: &mut Wakes) {
        // From here on nothing more becomes owed to those that were removed.
        for removed in self.next.table.removed.difference(&self.before.table.removed) {
            self.roster.queue.close(*removed);
        }
        self.roster.live.send_replace(Arc::clone(&self.next));
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone; the change is made all the same.
        _ = self.reply.send(result);
    }

    fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Writes what differs between the secrets that an owner had and has.
pub(super) fn put_secrets(
    db: &Prepared<'_>,
    vault: &Vault,
    (tenant, owner): (TenantId, Owner),
    before: &Secrets,
    now: &Secrets,
    at_ms: u64,
) -> rusqlite::Result<()> {
    for (field, stored) in now {
        let is_new = before.get(field).is_none_or(|old| old.version != stored.version);
        if let (true, Some(value)) = (is_new, &stored.value) {
            let (field, bound_to) = (field.clone(), stored.bound_to.clone());
            let about = About { tenant, owner, field, version: stored.version, bound_to };
            secrets::put(db, vault, about, value, at_ms)?;
        }
    }
    let gone = before.keys().filter(|field| !now.contains_key(*field));
    gone.into_iter().try_for_each(|field| secrets::remove(db, owner, field))
}
