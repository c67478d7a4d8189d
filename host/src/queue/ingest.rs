//! Commits a batch: alerts, the deliveries they are owed in, and the key of the batch.

use std::sync::Arc;

use rusqlite::params;
use tokio::sync::oneshot;

use super::lane::Entry;
use super::lanes::{Body, Lanes};
use super::{Batch, BatchKey, Committed, Owed};
use crate::alert::{Action, Alert};
use crate::ids::{DeliveryId, RecipientId, TenantId};
use crate::store::row::{Id, Whole, weight};
use crate::store::{KEY_LIFE_MS, Prepared, StoreError, Wakes, Weight, WriteJob};

pub(super) struct Ingest {
    tenant: TenantId,
    key: Option<BatchKey>,
    answer: String,
    owed: Vec<Written>,
    /// What `run` found; and, per delivery it made, recipient, number, position of the alert.
    committed: Committed,
    made: Vec<(RecipientId, u64, usize)>,
    lanes: Arc<Lanes>,
    reply: oneshot::Sender<Result<Committed, StoreError>>,
}

/// An alert, written out by the task that brought it, so that the writer need not.
struct Written {
    alert: Arc<Alert>,
    body: String,
    recipients: Vec<RecipientId>,
}

impl Ingest {
    pub(super) fn new(
        batch: Batch,
        lanes: Arc<Lanes>,
        reply: oneshot::Sender<Result<Committed, StoreError>>,
    ) -> (Self, Weight) {
        let owed: Vec<_> = batch.alerts.into_iter().map(Written::new).collect();
        let bytes = owed.iter().map(Written::weight).sum::<usize>() + batch.answer.len();
        let weight = Weight { count: owed.len(), bytes };
        let made = Vec::with_capacity(owed.iter().map(|one| one.recipients.len()).sum());
        let committed = Committed::Fresh;
        let Batch { tenant, key, answer, .. } = batch;
        (Self { tenant, key, answer, owed, committed, made, lanes, reply }, weight)
    }
}

impl Written {
    fn new(Owed { alert, recipients }: Owed) -> Self {
        // An alert has no map with keys that are not text and no number that JSON lacks, but for
        // coordinates that are not finite, which become null.
        let body = serde_json::to_string(&alert).unwrap_or_default();
        Self { alert: Arc::new(alert), body, recipients }
    }

    fn weight(&self) -> usize {
        weight(self.body.len(), self.alert.raw.len())
    }
}

impl WriteJob for Ingest {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        self.made.clear();
        self.committed = match &self.key {
            Some(key) => remember(db, self.tenant, key, &self.answer, self.lanes.clock.now_ms())?,
            None => Committed::Fresh,
        };
        if self.committed != Committed::Fresh {
            return Ok(());
        }
        for (at, one) in self.owed.iter_mut().enumerate() {
            follow_episode(db, &mut one.alert)?;
            let alert = insert_alert(db, one)?;
            for recipient in &one.recipients {
                let seq = insert_delivery(db, one.alert.tenant, alert, *recipient)?;
                self.made.push((*recipient, seq.unsigned_abs(), at));
            }
        }
        Ok(())
    }

    fn done(mut self: Box<Self>, result: Result<(), StoreError>, wakes: &mut Wakes) {
        if result.is_ok() {
            self.lanes.pending.add(self.made.len() as u64);
            self.feed(wakes);
        }
        let committed = self.committed;
        // Whoever asked may have gone; the batch is taken in all the same.
        _ = self.reply.send(result.map(|()| committed));
    }

    fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Ingest {
    fn feed(&mut self, wakes: &mut Wakes) {
        let weights: Vec<_> = self.owed.iter().map(Written::weight).collect();
        let bodies: Vec<_> = std::mem::take(&mut self.owed)
            .into_iter()
            .zip(weights)
            .map(|(one, weight)| Arc::new(Body::new(one.alert, weight, &self.lanes.bodies)))
            .collect();
        // Stable, so that the deliveries of one recipient stay in order.
        self.made.sort_by_key(|(recipient, ..)| *recipient);
        for of_one in self.made.chunk_by(|a, b| a.0 == b.0) {
            let entries = of_one.iter().map(|&(recipient, seq, at)| {
                let body = &bodies[at];
                Entry {
                    seq,
                    id: DeliveryId { alert: body.alert.id, recipient },
                    fingerprint: body.alert.fingerprint,
                    due_ms: 0,
                    attempts: 0,
                    first_ms: None,
                    attempt: None,
                    message: None,
                    body: Some(body.clone()),
                }
            });
            self.lanes.feed(of_one[0].0, entries, wakes);
        }
    }
}

/// Finds the key, or stores it. Batches of the same transaction are found, too.
fn remember(
    db: &Prepared<'_>,
    tenant: TenantId,
    key: &BatchKey,
    answer: &str,
    now_ms: u64,
) -> rusqlite::Result<Committed> {
    const FIND: &str =
        "select body, answer, at_ms from batch_key where tenant = ?1 and sender = ?2 and key = ?3";
    const STORE: &str =
        "insert or replace into batch_key (tenant, sender, key, body, answer, at_ms)
        values (?1, ?2, ?3, ?4, ?5, ?6)";
    let found = db.first(FIND, params![tenant.0, key.sender, key.key], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get(1)?, row.get::<_, Whole>(2)?.0))
    })?;
    match found {
        Some((body, answer, at_ms)) if at_ms.saturating_add(KEY_LIFE_MS) > now_ms => {
            Ok(if body == key.body { Committed::Repeated { answer } } else { Committed::KeyReused })
        }
        _ => {
            db.execute(
                STORE,
                params![tenant.0, key.sender, key.key, key.body, answer, Whole(now_ms)],
            )?;
            Ok(Committed::Fresh)
        }
    }
}

/// An engage opens an episode; its release belongs to it and closes it.
fn follow_episode(db: &Prepared<'_>, alert: &mut Arc<Alert>) -> rusqlite::Result<()> {
    const OPEN: &str =
        "insert or replace into engaged (tenant, fingerprint, alert) values (?1, ?2, ?3)";
    const FIND: &str = "select alert from engaged where tenant = ?1 and fingerprint = ?2";
    const CLOSE: &str = "delete from engaged where tenant = ?1 and fingerprint = ?2";
    let (tenant, fingerprint) = (alert.tenant.0, Id::from(alert.fingerprint));
    match alert.action {
        Action::Store => {}
        Action::Engage => {
            db.execute(OPEN, params![tenant, fingerprint, Id::from(alert.id)])?;
        }
        Action::Release => {
            let engage = db.first(FIND, params![tenant, fingerprint], |row| row.get::<_, Id>(0))?;
            if let Some(engage) = engage {
                Arc::make_mut(alert).episode = engage.alert();
                db.execute(CLOSE, params![tenant, fingerprint])?;
            }
        }
    }
    Ok(())
}

fn insert_alert(db: &Prepared<'_>, Written { alert, body, .. }: &Written) -> rusqlite::Result<i64> {
    const SQL: &str =
        "insert into alert (tenant, id, fingerprint, episode, received_ms, severity, body, raw)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (id, fingerprint, episode) =
        (Id::from(alert.id), Id::from(alert.fingerprint), Id::from(alert.episode));
    let severity = alert.severity as u8;
    db.insert(
        SQL,
        params![
            alert.tenant.0,
            id,
            fingerprint,
            episode,
            Whole(alert.received_ms),
            severity,
            body,
            alert.raw
        ],
    )
}

fn insert_delivery(
    db: &Prepared<'_>,
    tenant: TenantId,
    alert: i64,
    recipient: RecipientId,
) -> rusqlite::Result<i64> {
    const SQL: &str = "insert into delivery (tenant, alert, recipient, state, due_ms, attempts)
        values (?1, ?2, ?3, 0, 0, 0)";
    db.insert(SQL, params![tenant.0, alert, recipient.0])
}
