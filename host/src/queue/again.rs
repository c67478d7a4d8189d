//! Makes dead deliveries pending again, because somebody asked for it.

use std::sync::Arc;

use rusqlite::params;
use tokio::sync::oneshot;

use super::CommitError;
use super::lane::Entry;
use super::lanes::Lanes;
use crate::audit;
use crate::ids::{DeliveryId, Fingerprint, TenantId};
use crate::store::row::{Id, Whole};
use crate::store::{Prepared, Store, StoreError, Wakes, Weight, WriteJob};

pub(super) async fn retry(
    store: &Store,
    lanes: &Arc<Lanes>,
    tenant: TenantId,
    deliveries: Vec<DeliveryId>,
    entry: audit::Entry,
) -> Result<Vec<DeliveryId>, CommitError> {
    let (reply, answer) = oneshot::channel();
    let weight = Weight { count: deliveries.len(), bytes: 0 };
    let lanes = Arc::clone(lanes);
    let job = Retry { tenant, deliveries, entry, lanes, made: Vec::new(), reply };
    store.ingest(Box::new(job), weight).map_err(CommitError::refused)?;
    answer.await.unwrap_or(Err(StoreError::Closed)).map_err(CommitError::Store)
}

struct Retry {
    tenant: TenantId,
    deliveries: Vec<DeliveryId>,
    entry: audit::Entry,
    lanes: Arc<Lanes>,
    made: Vec<Again>,
    reply: oneshot::Sender<Result<Vec<DeliveryId>, StoreError>>,
}

/// A delivery that is pending again.
struct Again {
    seq: u64,
    id: DeliveryId,
    fingerprint: Fingerprint,
    attempts: u32,
    first_ms: Option<u64>,
    attempt: Option<i64>,
}

impl WriteJob for Retry {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        self.made.clear();
        for id in &self.deliveries {
            self.made.extend(revive(db, self.tenant, *id)?);
        }
        if self.made.is_empty() { Ok(()) } else { audit::append(db, &self.entry) }
    }

    fn apply(&mut self, wakes: &mut Wakes) {
        self.lanes.pending.add(self.made.len() as u64);
        for one in &self.made {
            let entry = Entry {
                seq: one.seq,
                id: one.id,
                fingerprint: one.fingerprint,
                due_ms: 0,
                attempts: one.attempts,
                forgiven: one.attempts,
                first_ms: one.first_ms,
                attempt: one.attempt,
                message: None,
                body: None,
            };
            self.lanes.feed(one.id.recipient, std::iter::once(entry), wakes);
        }
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let made = result.map(|()| self.made.iter().map(|one| one.id).collect());
        // Whoever asked may have gone; they are pending all the same.
        _ = self.reply.send(made);
    }

    fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}

/// It goes to the end of its line under a new number, since what was behind it may be sent already.
fn revive(db: &Prepared<'_>, tenant: TenantId, id: DeliveryId) -> rusqlite::Result<Option<Again>> {
    const FIND: &str = "select d.seq, d.attempts, d.first_ms, d.attempt, a.fingerprint
        from alert a join delivery d on d.alert = a.seq
        join recipient r on r.id = d.recipient and r.removed_ms is null
        where a.id = ?1 and d.recipient = ?2 and d.tenant = ?3 and d.state = 3";
    const NUMBER: &str = "select coalesce(max(seq), 0) + 1 from delivery";
    const BEFORE: &str = "update attempt_before set delivery = ?2 where delivery = ?1";
    const REVIVE: &str = "update delivery set seq = ?2, state = 0, due_ms = 0, message = null,
        cause = null, forgiven = attempts where seq = ?1";
    let found = db.first(FIND, params![Id::from(id.alert), id.recipient.0, tenant.0], |row| {
        Ok((
            row.get::<_, Whole>(0)?.0,
            row.get(1)?,
            row.get::<_, Option<Whole>>(2)?.map(|at| at.0),
            row.get(3)?,
            row.get::<_, Id>(4)?.fingerprint(),
        ))
    })?;
    let Some((old, attempts, first_ms, attempt, fingerprint)) = found else { return Ok(None) };
    let seq = db.first(NUMBER, [], |row| Ok(row.get::<_, Whole>(0)?.0))?.unwrap_or_default();
    db.execute(BEFORE, params![Whole(old), Whole(seq)])?;
    db.execute(REVIVE, params![Whole(old), Whole(seq)])?;
    Ok(Some(Again { seq, id, fingerprint, attempts, first_ms, attempt }))
}
