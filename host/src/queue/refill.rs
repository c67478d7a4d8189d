//! Reads on where a lane stands, when it runs low.

use std::sync::Arc;

use rusqlite::{Row, params};

use super::lane::{Ask, Entry};
use super::lanes::{Bodies, Body, Cell, Lanes};
use crate::ids::{DeliveryId, RecipientId};
use crate::store::row::{AlertRow, Id, Whole};
use crate::store::{Prepared, Store, StoreError, locked};

/// Starts a refill if the lane needs one; it is done when `cell.changed` is told.
pub(super) fn ask(store: &Store, lanes: &Arc<Lanes>, cell: &Arc<Cell>) {
    let (ask, recipient) = {
        let Some(recipient) = cell.recipient else { return };
        match locked(&cell.lane).ask(lanes.limits.lane_count) {
            Some(ask) => (ask, recipient),
            None => return,
        }
    };
    let (bodies, asking) = (lanes.bodies.clone(), cell.clone());
    let asked = store.read_first(move |db| {
        let read = read(db, recipient, ask, &bodies);
        let mut lane = locked(&asking.lane);
        match read {
            Ok((rows, ahead)) => lane.refilled(ask, rows, ahead),
            Err(error) => lane.refill_failed(error),
        }
        drop(lane);
        asking.changed.notify_waiters();
    });
    if let Err(error) = asked {
        locked(&cell.lane).refill_failed(error);
    }
}

macro_rules! pending {
    ($columns:literal, $filter:literal) => {
        concat!(
            "select d.seq, d.due_ms, d.attempts, d.first_ms, d.attempt, d.message, a.id, a.fingerprint, d.forgiven",
            $columns,
            " from delivery d join alert a on a.seq = d.alert where d.state = 0 and ",
            $filter
        )
    };
}

fn read(
    db: &Prepared<'_>,
    recipient: RecipientId,
    ask: Ask,
    bodies: &Arc<Bodies>,
) -> Result<(Vec<Entry>, Vec<Entry>), StoreError> {
    const BARE: &str = pending!("", "d.recipient = ?1 and d.seq > ?2 order by d.seq limit ?3");
    const WHOLE: &str = pending!(
        ", a.tenant, a.id, a.fingerprint, a.episode, a.body, a.raw, a.may_ban",
        "d.recipient = ?1 and d.seq > ?2 order by d.seq limit ?3"
    );
    const MEMBERS: &str = pending!("", "d.message = ?1 and d.message is not null order by d.seq");
    let failed = || StoreError::sqlite("read what is pending");
    let values = params![recipient.0, Whole(ask.after), Whole(ask.count as u64)];
    let rows = if bodies.has_room() {
        db.all(WHOLE, values, |row| Ok((entry(row, recipient)?, with_body(row, bodies)?)))
    } else {
        db.all(BARE, values, |row| Ok((entry(row, recipient)?, Ok(None))))
    };
    let rows = rows.map_err(failed())?;
    let rows: Vec<Entry> = rows
        .into_iter()
        .map(|(entry, body)| Ok(Entry { body: body?, ..entry }))
        .collect::<Result<_, StoreError>>()?;

    let last = rows.last().map_or(0, |last| last.seq);
    let mut messages: Vec<_> =
        rows.iter().filter_map(|entry| entry.message).map(Id::from).collect();
    messages.dedup_by_key(|id| id.0);
    let mut ahead = Vec::new();
    for message in messages {
        let members = db.all(MEMBERS, [message], |row| entry(row, recipient)).map_err(failed())?;
        ahead.extend(members.into_iter().filter(|member| member.seq > last));
    }
    ahead.sort_by_key(|entry| entry.seq);
    ahead.dedup_by_key(|entry| entry.seq);
    Ok((rows, ahead))
}

fn entry(row: &Row<'_>, recipient: RecipientId) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get::<_, Whole>(0)?.0,
        due_ms: row.get::<_, Whole>(1)?.0,
        attempts: row.get(2)?,
        first_ms: row.get::<_, Option<Whole>>(3)?.map(|at| at.0),
        attempt: row.get(4)?,
        message: row.get::<_, Option<Id>>(5)?.map(Id::message),
        id: DeliveryId { alert: row.get::<_, Id>(6)?.alert(), recipient },
        fingerprint: row.get::<_, Id>(7)?.fingerprint(),
        forgiven: row.get(8)?,
        body: None,
    })
}

/// The alert, while there is room; what is left without is read again when it is leased.
fn with_body(
    row: &Row<'_>,
    bodies: &Arc<Bodies>,
) -> rusqlite::Result<Result<Option<Arc<Body>>, StoreError>> {
    if !bodies.has_room() {
        return Ok(Ok(None));
    }
    let alert = AlertRow::read(row, 9)?;
    let weight = alert.weight();
    Ok(alert.alert().map(|alert| Some(Arc::new(Body::new(Arc::new(alert), weight, bodies)))))
}
