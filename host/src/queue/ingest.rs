//! Commits a batch: alerts, the deliveries they are owed in, and the key of the batch.

use std::borrow::Cow;
use std::sync::Arc;

use rusqlite::params;
use tokio::sync::oneshot;

use super::lane::Entry;
use super::lanes::{Body, Lanes};
use super::{Batch, BatchKey, Committed, Known, Owed, Within};
use crate::alert::Action;
use crate::ids::{DeliveryId, RecipientId, TenantId};
use crate::store::row::{Id, Whole, weight};
use crate::store::{KEY_LIFE_MS, Prepared, StoreError, Wakes, Weight, WriteJob};

pub(super) struct Ingest {
    tenant: TenantId,
    key: Option<BatchKey>,
    answer: String,
    within: Option<Within>,
    owed: Vec<Written>,
    /// What `run` found; and, per delivery it made, recipient, number, position of the alert.
    committed: Committed,
    made: Vec<(RecipientId, u64, usize)>,
    lanes: Arc<Lanes>,
    reply: Option<oneshot::Sender<Answer>>,
}

/// The job goes back with its answer, to be freed by who made it: memory that one thread takes and
/// another frees makes both wait for the allocator.
pub(super) type Answer = (Result<(), StoreError>, Box<Ingest>);

/// An alert, written out by the task that brought it, so that the writer need not.
struct Written {
    body: Arc<Body>,
    json: String,
    /// By the filters alone.
    recipients: Vec<RecipientId>,
}

impl Ingest {
    pub(super) fn new(
        batch: Batch,
        lanes: Arc<Lanes>,
    ) -> (Self, Weight, oneshot::Receiver<Answer>) {
        let owed: Vec<_> = batch.alerts.into_iter().map(|one| Written::new(one, &lanes)).collect();
        let bytes = owed.iter().map(|one| one.body.weight()).sum::<usize>() + batch.answer.len();
        let weight = Weight { count: owed.len(), bytes };
        let made = Vec::with_capacity(owed.iter().map(|one| one.recipients.len()).sum());
        let committed = Committed::Fresh;
        let Batch { tenant, key, answer, within, .. } = batch;
        let (reply, answered) = oneshot::channel();
        (
            Self { tenant, key, answer, within, owed, committed, made, lanes, reply: Some(reply) },
            weight,
            answered,
        )
    }

    /// What became of the batch, once it is on disk.
    pub(super) fn committed(&mut self) -> Committed {
        std::mem::replace(&mut self.committed, Committed::Fresh)
    }
}

impl Written {
    fn new(Owed { alert, recipients }: Owed, lanes: &Lanes) -> Self {
        // An alert has no map with keys that are not text and no number that JSON lacks, but for
        // coordinates that are not finite, which become null.
        let json = serde_json::to_string(&alert).unwrap_or_default();
        let weight = weight(json.len(), alert.raw.len());
        Self { body: Arc::new(Body::new(Arc::new(alert), weight, &lanes.bodies)), json, recipients }
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
            let known = follow_episode(db, &mut one.body)?;
            let mut recipients = match (&self.within, &known) {
                (Some(within), Some(Episode::Told(told))) => {
                    Cow::Owned(within(&one.body.alert, Known::Told(told)))
                }
                (Some(within), Some(Episode::Repeated)) => {
                    Cow::Owned(within(&one.body.alert, Known::Repeated))
                }
                _ => Cow::Borrowed(one.recipients.as_slice()),
            };
            self.lanes.leave_closed_out(&mut recipients);
            let alert = insert_alert(db, one)?;
            for recipient in recipients.iter() {
                let seq = insert_delivery(db, one.body.alert.tenant, alert, *recipient)?;
                self.made.push((*recipient, seq.unsigned_abs(), at));
            }
        }
        Ok(())
    }

    fn apply(&mut self, wakes: &mut Wakes) {
        self.lanes.pending.add(self.made.len() as u64);
        self.feed(wakes);
    }

    fn answer(mut self: Box<Self>, result: Result<(), StoreError>) {
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have gone; the batch is taken in all the same.
            _ = reply.send((result, self));
        }
    }

    fn is_withdrawn(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

impl Ingest {
    fn feed(&mut self, wakes: &mut Wakes) {
        // Stable, so that the deliveries of one recipient stay in order.
        self.made.sort_by_key(|(recipient, ..)| *recipient);
        for of_one in self.made.chunk_by(|a, b| a.0 == b.0) {
            let entries = of_one.iter().map(|&(recipient, seq, at)| {
                let body = &self.owed[at].body;
                Entry {
                    seq,
                    id: DeliveryId { alert: body.alert.id, recipient },
                    fingerprint: body.alert.fingerprint,
                    due_ms: 0,
                    attempts: 0,
                    forgiven: 0,
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

/// What is known of an alert's episode: see `Known`.
enum Episode {
    Told(Vec<RecipientId>),
    Repeated,
}

/// An engage opens an episode, unless it repeats the one that is open; its release belongs to it
/// and closes it.
fn follow_episode(db: &Prepared<'_>, body: &mut Arc<Body>) -> rusqlite::Result<Option<Episode>> {
    const OPEN: &str = "insert or replace into engaged (tenant, fingerprint, alert, time_ms)
        values (?1, ?2, ?3, ?4)";
    const FIND: &str = "select alert, time_ms from engaged where tenant = ?1 and fingerprint = ?2";
    const CLOSE: &str = "delete from engaged where tenant = ?1 and fingerprint = ?2";
    const TOLD: &str =
        "select d.recipient from alert a join delivery d on d.alert = a.seq where a.id = ?1";
    let alert = &body.alert;
    let (tenant, fingerprint) = (alert.tenant.0, Id::from(alert.fingerprint));
    if alert.action == Action::Store {
        return Ok(None);
    }
    let open = db.first(FIND, params![tenant, fingerprint], |row| {
        Ok((row.get::<_, Id>(0)?, row.get::<_, Whole>(1)?.0))
    })?;
    match (alert.action, open) {
        (Action::Engage, Some((engage, time_ms))) if time_ms == alert.time_ms => {
            belong(body, engage);
            Ok(Some(Episode::Repeated))
        }
        (Action::Release, Some((engage, _))) => {
            belong(body, engage);
            db.execute(CLOSE, params![tenant, fingerprint])?;
            let told = db.all(TOLD, [engage], |row| Ok(RecipientId(row.get(0)?)))?;
            Ok(Some(Episode::Told(told)))
        }
        (Action::Engage, _) => {
            let time_ms = Whole(alert.time_ms);
            db.execute(OPEN, params![tenant, fingerprint, Id::from(alert.id), time_ms])?;
            Ok(None)
        }
        (Action::Release | Action::Store, _) => Ok(None),
    }
}

fn belong(body: &mut Arc<Body>, engage: Id) {
    // Nobody else has it before it is committed.
    if let Some(body) = Arc::get_mut(body) {
        Arc::make_mut(&mut body.alert).episode = engage.alert();
    }
}

fn insert_alert(db: &Prepared<'_>, Written { body, json, .. }: &Written) -> rusqlite::Result<i64> {
    const SQL: &str =
        "insert into alert (tenant, id, fingerprint, episode, received_ms, severity, body, raw,
            may_ban)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let alert = &body.alert;
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
            json,
            alert.raw,
            alert.may_ban
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
