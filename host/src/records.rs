//! Records (seam 2): who is known, what was owed to whom, and how each try ended.
//!
//! Promise: every query is bound to a tenant and sees nothing of another. Ids are never reused.

use rusqlite::{Row, params};
use tokio::sync::oneshot;

use crate::alert::Alert;
use crate::delivery::{AttemptRecord, DeliveryRecord, State};
use crate::ids::{AlertId, DeliveryId, EndpointId, RecipientId, TenantId};
use crate::store::row::{AlertRow, Id, PENDING, Whole, number_of, state_of};
use crate::store::{Prepared, Refusal, Store, StoreError, Weight, WriteJob};

#[cfg(test)]
mod tests;

/// A handle to the records of a store.
#[derive(Clone, Debug)]
pub struct Records(Store);

/// Which deliveries to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryQuery {
    /// `None`: any.
    pub state: Option<State>,
    pub limit: u32,
    /// Only those older than this one: the last of the page before.
    pub before: Option<DeliveryId>,
}

impl Records {
    pub fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// The id of the endpoint of this name, which is given one if it has none.
    pub async fn register_endpoint(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<EndpointId, StoreError> {
        const FIND: &str = "select id from endpoint where tenant = ?1 and name = ?2";
        const ADD: &str = "insert into endpoint (tenant, name) values (?1, ?2)";
        self.register(Register { find: FIND, add: ADD, tenant, name: name.into() })
            .await
            .map(EndpointId)
    }

    /// The id of the recipient of this name, which is given one if it has none.
    pub async fn register_recipient(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<RecipientId, StoreError> {
        const FIND: &str = "select id from recipient where tenant = ?1 and name = ?2";
        const ADD: &str = "insert into recipient (tenant, name) values (?1, ?2)";
        self.register(Register { find: FIND, add: ADD, tenant, name: name.into() })
            .await
            .map(RecipientId)
    }

    pub async fn deliveries(
        &self,
        tenant: TenantId,
        query: DeliveryQuery,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let listed = self
            .0
            .read(move |db| list(db, tenant, query).map_err(StoreError::sqlite("list deliveries")));
        listed.await
    }

    /// A delivery and its attempts, oldest first.
    pub async fn delivery(
        &self,
        tenant: TenantId,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRecord, Vec<AttemptRecord>)>, StoreError> {
        let found = self
            .0
            .read(move |db| find(db, tenant, id).map_err(StoreError::sqlite("read a delivery")));
        found.await
    }

    pub async fn alert(&self, tenant: TenantId, id: AlertId) -> Result<Option<Alert>, StoreError> {
        const SQL: &str = "select tenant, id, fingerprint, episode, body, raw from alert
            where id = ?1 and tenant = ?2";
        let found = self.0.read(move |db| {
            let row = db.first(SQL, params![Id::from(id), tenant.0], |row| AlertRow::read(row, 0));
            row.map_err(StoreError::sqlite("read an alert"))?.map(AlertRow::alert).transpose()
        });
        found.await
    }

    /// Recipients to whom something is owed, with how much.
    pub async fn owed(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<(RecipientId, String, u64)>, StoreError> {
        const SQL: &str =
            "select d.recipient, coalesce(r.name, cast(d.recipient as text)), count(*)
            from delivery d left join recipient r on r.id = d.recipient and r.tenant = d.tenant
            where d.state = 0 and d.tenant = ?1 group by d.recipient";
        let counted = self.0.read(move |db| {
            let row = |row: &Row<'_>| {
                Ok((RecipientId(row.get(0)?), row.get(1)?, row.get::<_, Whole>(2)?.0))
            };
            db.all(SQL, [tenant.0], row).map_err(StoreError::sqlite("count what is owed"))
        });
        counted.await
    }

    async fn register(&self, what: Register) -> Result<u32, StoreError> {
        // A known name needs no write, and so a full disk is no reason not to start.
        let Register { find, tenant, name, .. } = &what;
        let (find, tenant, name) = (*find, *tenant, name.clone());
        let known = self.0.read(move |db| {
            db.first(find, params![tenant.0, name], |row| row.get(0))
                .map_err(StoreError::sqlite("look up a name"))
        });
        if let Some(id) = known.await? {
            return Ok(id);
        }
        let (reply, answer) = oneshot::channel();
        let job = Registering { what, id: 0, reply };
        let weight = Weight { count: 0, bytes: 0 };
        self.0.ingest(Box::new(job), weight).map_err(|refusal| match refusal {
            Refusal::Crowded => StoreError::Busy,
            Refusal::DiskFull => StoreError::DiskFull,
            Refusal::Closed => StoreError::Closed,
        })?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

struct Register {
    find: &'static str,
    add: &'static str,
    tenant: TenantId,
    name: String,
}

struct Registering {
    what: Register,
    id: u32,
    reply: oneshot::Sender<Result<u32, StoreError>>,
}

impl WriteJob for Registering {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        let Register { find, add, tenant, name } = &self.what;
        if db.first(find, params![tenant.0, name], |_| Ok(()))?.is_none() {
            db.execute(add, params![tenant.0, name])?;
        }
        self.id = db.first(find, params![tenant.0, name], |row| row.get(0))?.unwrap_or_default();
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result.map(|()| self.id));
    }
}

/// Columns that `delivery_record` reads. A recipient without a name shows its number. What was
/// never tried is due since it was received, and stands in the store as 0: so it is due at once
/// after a restart, too, whatever became of the machine's clock.
macro_rules! deliveries {
    ($filter:literal) => {
        concat!(
            "select d.seq, a.id, d.recipient, coalesce(r.name, cast(d.recipient as text)), d.state, a.body ->> 'title',
                d.attempts, iif(d.due_ms = 0, a.received_ms, d.due_ms), t.message, t.number, t.at_ms, t.took_ms, t.outcome, t.code, t.detail,
                t.origin, t.status, t.sent_bytes, t.received_bytes
            from delivery d join alert a on a.seq = d.alert
                left join recipient r on r.id = d.recipient and r.tenant = d.tenant
                left join attempt t on t.seq = d.attempt
            where d.tenant = ?1 and ",
            $filter
        )
    };
}

/// By state, since each has the way to its rows that is short for it: delivered ones are most of
/// the table, pending ones have an index by recipient, and the others an index by tenant.
fn list(
    db: &Prepared<'_>,
    tenant: TenantId,
    query: DeliveryQuery,
) -> rusqlite::Result<Vec<DeliveryRecord>> {
    const ANY: &str = deliveries!("d.seq < ?2 order by d.seq desc limit ?3");
    const DELIVERED: &str = deliveries!("d.state = 1 and d.seq < ?2 order by d.seq desc limit ?3");
    const APART: &str =
        deliveries!("d.state >= 2 and d.state = ?4 and d.seq < ?2 order by d.seq desc limit ?3");
    const ONE: &str = deliveries!("d.seq = ?2");
    let before = match query.before {
        Some(id) => match seq_of(db, tenant, id)? {
            Some(seq) => seq,
            None => return Ok(Vec::new()),
        },
        None => i64::MAX,
    };
    let few = params![tenant.0, before, query.limit];
    match query.state {
        None => db.all(ANY, few, delivery_record),
        Some(State::Delivered) => db.all(DELIVERED, few, delivery_record),
        Some(state @ (State::Skipped | State::Dead)) => {
            db.all(APART, params![tenant.0, before, query.limit, number_of(state)], delivery_record)
        }
        Some(State::Pending) => {
            let newest = newest_pending(db, tenant, before, query.limit)?;
            let records = newest
                .into_iter()
                .map(|seq| db.first(ONE, params![tenant.0, seq], delivery_record));
            records.filter_map(Result::transpose).collect()
        }
    }
}

/// The newest of each recipient, then the newest of those.
fn newest_pending(
    db: &Prepared<'_>,
    tenant: TenantId,
    before: i64,
    limit: u32,
) -> rusqlite::Result<Vec<i64>> {
    const NEXT: &str = "select recipient from delivery where state = 0 and recipient > ?1 order by recipient limit 1";
    const NEWEST: &str =
        "select seq from delivery where state = 0 and recipient = ?1 and seq < ?2 and tenant = ?3
        order by seq desc limit ?4";
    let mut newest = Vec::new();
    let mut after = -1_i64;
    while let Some(recipient) = db.first(NEXT, [after], |row| row.get(0))? {
        newest.extend(db.all(NEWEST, params![recipient, before, tenant.0, limit], |row| {
            row.get::<_, i64>(0)
        })?);
        after = recipient;
    }
    newest.sort_unstable_by(|a, b| b.cmp(a));
    newest.truncate(limit as usize);
    Ok(newest)
}

fn find(
    db: &Prepared<'_>,
    tenant: TenantId,
    id: DeliveryId,
) -> rusqlite::Result<Option<(DeliveryRecord, Vec<AttemptRecord>)>> {
    const ONE: &str = deliveries!("d.seq = ?2");
    const ATTEMPTS: &str =
        "select message, number, at_ms, took_ms, outcome, code, detail, origin, status,
            sent_bytes, received_bytes
        from attempt where tenant = ?1 and seq in (
            select attempt from attempt_before where delivery = ?2
            union all select attempt from delivery where seq = ?2
        ) order by seq";
    let Some(seq) = seq_of(db, tenant, id)? else { return Ok(None) };
    let Some(record) = db.first(ONE, params![tenant.0, seq], delivery_record)? else {
        return Ok(None);
    };
    let attempts = db.all(ATTEMPTS, params![tenant.0, seq], |row| attempt_record(row, 0))?;
    Ok(Some((record, attempts)))
}

fn seq_of(db: &Prepared<'_>, tenant: TenantId, id: DeliveryId) -> rusqlite::Result<Option<i64>> {
    const SQL: &str = "select d.seq from alert a join delivery d on d.alert = a.seq
        where a.id = ?1 and d.recipient = ?2 and d.tenant = ?3";
    db.first(SQL, params![Id::from(id.alert), id.recipient.0, tenant.0], |row| row.get(0))
}

fn delivery_record(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    let alert = row.get::<_, Id>(1)?.alert();
    let number: i64 = row.get(4)?;
    let state = state_of(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(4, number))?;
    let has_attempt = row.get_ref(8)? != rusqlite::types::ValueRef::Null;
    Ok(DeliveryRecord {
        id: DeliveryId { alert, recipient: RecipientId(row.get(2)?) },
        alert,
        recipient: row.get(3)?,
        state,
        title: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        attempts: row.get(6)?,
        due_ms: if number == PENDING { Some(row.get::<_, Whole>(7)?.0) } else { None },
        last: if has_attempt { Some(attempt_record(row, 8)?) } else { None },
    })
}

fn attempt_record(row: &Row<'_>, at: usize) -> rusqlite::Result<AttemptRecord> {
    Ok(AttemptRecord {
        message: row.get::<_, Id>(at)?.message().to_string(),
        number: row.get(at + 1)?,
        at_ms: row.get::<_, Whole>(at + 2)?.0,
        took_ms: row.get(at + 3)?,
        outcome: row.get(at + 4)?,
        code: row.get(at + 5)?,
        detail: row.get(at + 6)?,
        origin: row.get(at + 7)?,
        status: row.get(at + 8)?,
        sent_bytes: row.get::<_, Whole>(at + 9)?.0,
        received_bytes: row.get::<_, Whole>(at + 10)?.0,
    })
}
