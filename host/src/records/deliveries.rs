//! Deliveries and their attempts, to be looked at.

use rusqlite::{Row, params};

use super::{Page, ROWS_MAX};
use crate::delivery::{AttemptRecord, DeliveryRecord, Message, State, TryRecord};
use crate::ids::{AlertId, DeliveryId, RecipientId, TenantId};
use crate::store::row::{Id, MESSAGE, PENDING, Whole, number_of, read_message, state_of};
use crate::store::{Prepared, StoreError};

/// Which deliveries to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryQuery {
    /// `None`: any.
    pub state: Option<State>,
    /// `None`: of any.
    pub recipient: Option<RecipientId>,
    pub limit: u32,
    /// `next` of the page before.
    pub before: Option<u64>,
}

/// Columns that `delivery_record` reads. A recipient without a name shows its number. What was
/// never tried is due since it was received, and stands in the store as 0: so it is due at once
/// after a restart, too, whatever became of the machine's clock.
macro_rules! deliveries {
    ($filter:literal) => {
        concat!(
            "select d.seq, a.id, d.recipient, coalesce(r.name, cast(d.recipient as text)), d.state, a.body ->> 'title',
                d.attempts, iif(d.due_ms = 0, a.received_ms, d.due_ms), d.cause, t.message, t.number, t.at_ms, t.took_ms, t.outcome, t.code, t.detail,
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
/// the table, pending ones have an index by recipient, and the others an index by tenant. Of
/// `ROWS_MAX` rows those of the recipient are shown, however few they are.
pub(super) fn list(
    db: &Prepared<'_>,
    tenant: TenantId,
    query: DeliveryQuery,
) -> rusqlite::Result<Page<DeliveryRecord>> {
    const ANY: &str = "select seq, recipient from delivery where seq < ?2 and tenant = ?1 order by seq desc limit ?3";
    const DELIVERED: &str = "select seq, recipient from delivery
        where seq < ?2 and tenant = ?1 and state = 1 order by seq desc limit ?3";
    const APART: &str = "select seq, recipient from delivery
        where tenant = ?1 and state >= 2 and state = ?4 and seq < ?2 order by seq desc limit ?3";
    const ONE: &str = deliveries!("d.seq = ?2");
    let before = Whole(query.before.unwrap_or(u64::MAX));
    // One more than is shown tells whether there is more.
    let rows_max = if query.recipient.is_some() { ROWS_MAX } else { query.limit + 1 };
    let few = params![tenant.0, before, rows_max];
    let pair = |row: &Row<'_>| Ok((row.get::<_, Whole>(0)?.0, RecipientId(row.get(1)?)));
    let found = match query.state {
        None => db.all(ANY, few, pair)?,
        Some(State::Delivered) => db.all(DELIVERED, few, pair)?,
        Some(state @ (State::Skipped | State::Dead)) => {
            db.all(APART, params![tenant.0, before, rows_max, number_of(state)], pair)?
        }
        Some(State::Pending) => newest_pending(db, tenant, query, query.limit + 1)?,
    };
    let is_cut = u32::try_from(found.len()).is_ok_and(|count| count >= rows_max);
    let last = found.last().map(|(seq, _)| *seq);
    let mut shown: Vec<_> = found
        .into_iter()
        .filter(|(_, recipient)| query.recipient.is_none_or(|of| of == *recipient))
        .map(|(seq, _)| seq)
        .collect();
    let limit = query.limit as usize;
    let has_more = shown.len() > limit;
    shown.truncate(limit);
    let next = match (has_more, is_cut) {
        (true, _) => shown.last().copied(),
        (false, true) => last,
        (false, false) => None,
    };
    let records =
        shown.iter().map(|seq| db.first(ONE, params![tenant.0, Whole(*seq)], delivery_record));
    let rows = records.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    Ok(Page { rows, next })
}

/// The newest of each recipient, then the newest of those.
fn newest_pending(
    db: &Prepared<'_>,
    tenant: TenantId,
    query: DeliveryQuery,
    limit: u32,
) -> rusqlite::Result<Vec<(u64, RecipientId)>> {
    const NEXT: &str = "select recipient from delivery where state = 0 and recipient > ?1 order by recipient limit 1";
    const NEWEST: &str =
        "select seq from delivery where state = 0 and recipient = ?1 and seq < ?2 and tenant = ?3
        order by seq desc limit ?4";
    let before = Whole(query.before.unwrap_or(u64::MAX));
    let mut newest = Vec::new();
    let mut of = |recipient: u32| -> rusqlite::Result<()> {
        let found = db.all(NEWEST, params![recipient, before, tenant.0, limit], |row| {
            Ok(row.get::<_, Whole>(0)?.0)
        })?;
        newest.extend(found.into_iter().map(|seq| (seq, RecipientId(recipient))));
        Ok(())
    };
    match query.recipient {
        Some(recipient) => of(recipient.0)?,
        None => {
            let mut after = -1_i64;
            while let Some(recipient) = db.first(NEXT, [after], |row| row.get::<_, u32>(0))? {
                of(recipient)?;
                after = recipient.into();
            }
        }
    }
    newest.sort_unstable_by(|a, b| b.cmp(a));
    newest.truncate(limit as usize);
    Ok(newest)
}

pub(super) fn of_alert(
    db: &Prepared<'_>,
    tenant: TenantId,
    alert: AlertId,
) -> rusqlite::Result<Vec<DeliveryRecord>> {
    const OF: &str = deliveries!("a.id = ?2 order by d.seq limit 1000");
    db.all(OF, params![tenant.0, Id::from(alert)], delivery_record)
}

pub(super) fn count_pending(
    db: &Prepared<'_>,
    recipient: RecipientId,
    count_max: u32,
) -> rusqlite::Result<u64> {
    const COUNT: &str = "select count(*) from
        (select 1 from delivery where state = 0 and recipient = ?1 limit ?2)";
    let count =
        db.first(COUNT, params![recipient.0, count_max], |row| Ok(row.get::<_, Whole>(0)?.0));
    count.map(Option::unwrap_or_default)
}

/// From the newest `ROWS_MAX` dead ones of the tenant.
pub(super) fn dead_of(
    db: &Prepared<'_>,
    tenant: TenantId,
    recipient: RecipientId,
    count_max: u32,
) -> rusqlite::Result<Vec<DeliveryId>> {
    const DEAD: &str = "select a.id from delivery d join alert a on a.seq = d.alert
        where d.tenant = ?1 and d.state >= 2 and d.state = 3 and d.recipient = ?2
        order by d.seq limit ?3";
    db.all(DEAD, params![tenant.0, recipient.0, count_max], |row| {
        Ok(DeliveryId { alert: row.get::<_, Id>(0)?.alert(), recipient })
    })
}

/// The stored message of a delivery that is to go again, or is dead.
pub(super) fn message(
    db: &Prepared<'_>,
    tenant: TenantId,
    id: DeliveryId,
) -> Result<Option<Message>, StoreError> {
    const OF: &str = "select d.message from alert a join delivery d on d.alert = a.seq
        where a.id = ?1 and d.recipient = ?2 and d.tenant = ?3";
    let failed = || StoreError::sqlite("read a message");
    let values = params![Id::from(id.alert), id.recipient.0, tenant.0];
    let message = db.first(OF, values, |row| row.get::<_, Option<Id>>(0)).map_err(failed())?;
    let Some(message) = message.flatten() else { return Ok(None) };
    let Some((message, notes)) = db.first(MESSAGE, [message], read_message).map_err(failed())?
    else {
        return Ok(None);
    };
    let notes = serde_json::from_str(&notes).map_err(|source| StoreError::Unreadable {
        what: message.id.to_string(),
        source: std::sync::Arc::new(source),
    })?;
    Ok(Some(Message { notes, ..message }))
}

pub(super) fn find(
    db: &Prepared<'_>,
    tenant: TenantId,
    id: DeliveryId,
) -> rusqlite::Result<Option<(DeliveryRecord, Vec<TryRecord>)>> {
    const ONE: &str = deliveries!("d.seq = ?2");
    const ATTEMPTS: &str =
        "select message, number, at_ms, took_ms, outcome, code, detail, origin, status,
            sent_bytes, received_bytes, output, program_sha256
        from attempt where tenant = ?1 and seq in (
            select attempt from attempt_before where delivery = ?2
            union all select attempt from delivery where seq = ?2
        ) order by seq";
    let Some(seq) = seq_of(db, tenant, id)? else { return Ok(None) };
    let Some(record) = db.first(ONE, params![tenant.0, seq], delivery_record)? else {
        return Ok(None);
    };
    let attempts = db.all(ATTEMPTS, params![tenant.0, seq], try_record)?;
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
    let has_attempt = row.get_ref(9)? != rusqlite::types::ValueRef::Null;
    Ok(DeliveryRecord {
        id: DeliveryId { alert, recipient: RecipientId(row.get(2)?) },
        alert,
        recipient: row.get(3)?,
        state,
        title: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        attempts: row.get(6)?,
        cause: row.get(8)?,
        due_ms: if number == PENDING { Some(row.get::<_, Whole>(7)?.0) } else { None },
        last: if has_attempt { Some(attempt_record(row, 9)?) } else { None },
    })
}

fn try_record(row: &Row<'_>) -> rusqlite::Result<TryRecord> {
    let program = row.get::<_, Option<[u8; 32]>>(12)?;
    let hexadecimal = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(TryRecord {
        attempt: attempt_record(row, 0)?,
        output: row.get(11)?,
        program_sha256: program.map(hexadecimal),
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
