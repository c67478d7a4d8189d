//! What a lease needs beyond what its lane has in memory, read from the store.

use std::sync::Arc;

use rusqlite::params;

use crate::alert::Alert;
use crate::delivery::Message;
use crate::ids::{AlertId, DeliveryId, MessageId, RecipientId};
use crate::store::row::{AlertRow, Id, MESSAGE, Whole, read_message};
use crate::store::{Prepared, StoreError};

pub(super) fn alert(db: &Prepared<'_>, id: AlertId) -> Result<Arc<Alert>, StoreError> {
    const SQL: &str =
        "select tenant, id, fingerprint, episode, body, raw, may_ban from alert where id = ?1";
    let failed = StoreError::sqlite("read an alert");
    let row = db.first(SQL, [Id::from(id)], |row| AlertRow::read(row, 0));
    let row =
        row.and_then(|row| row.ok_or(rusqlite::Error::QueryReturnedNoRows)).map_err(failed)?;
    row.alert().map(Arc::new)
}

pub(super) fn message(db: &Prepared<'_>, id: MessageId) -> Result<Message, StoreError> {
    let failed = StoreError::sqlite("read a message");
    let found = db.first(MESSAGE, [Id::from(id)], read_message);
    let (mut message, notes) =
        found.and_then(|row| row.ok_or(rusqlite::Error::QueryReturnedNoRows)).map_err(failed)?;
    message.notes = serde_json::from_str(&notes)
        .map_err(|source| StoreError::Unreadable { what: id.to_string(), source: source.into() })?;
    Ok(message)
}

/// What the service calls the message that told `recipient` of the alert `id`.
pub(super) fn remote_id(
    db: &Prepared<'_>,
    DeliveryId { alert, recipient }: DeliveryId,
) -> Result<Option<String>, StoreError> {
    const SQL: &str = "select d.remote_id from alert a join delivery d on d.alert = a.seq
        where a.id = ?1 and d.recipient = ?2";
    let found = db.first(SQL, params![Id::from(alert), recipient.0], |row| row.get(0));
    found.map(Option::flatten).map_err(StoreError::sqlite("read what was delivered before"))
}

pub(super) fn count_pending(db: &Prepared<'_>) -> Result<u64, StoreError> {
    const SQL: &str = "select count(*) from delivery where state = 0";
    let count = db.first(SQL, [], |row| Ok(row.get::<_, Whole>(0)?.0));
    count.map(Option::unwrap_or_default).map_err(StoreError::sqlite("count what is pending"))
}

/// When the oldest pending delivery was received.
pub(super) fn oldest_pending(db: &Prepared<'_>) -> Result<Option<u64>, StoreError> {
    // From recipient to recipient within the index, so that the pending are not walked through.
    const NEXT: &str = "select recipient, seq from delivery where state = 0 and recipient > ?1
        order by recipient, seq limit 1";
    const RECEIVED: &str =
        "select a.received_ms from delivery d join alert a on a.seq = d.alert where d.seq = ?1";
    let failed = || StoreError::sqlite("find the oldest pending delivery");
    let mut oldest: Option<u64> = None;
    let mut after = -1;
    while let Some((recipient, seq)) = db
        .first(NEXT, [after], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Whole>(1)?.0)))
        .map_err(failed())?
    {
        oldest = Some(oldest.map_or(seq, |known| known.min(seq)));
        after = recipient;
    }
    match oldest {
        Some(seq) => {
            db.first(RECEIVED, [Whole(seq)], |row| Ok(row.get::<_, Whole>(0)?.0)).map_err(failed())
        }
        None => Ok(None),
    }
}

/// Names the engage's delivery whose message a release refers to.
pub(super) fn engage_of(alert: &Alert, recipient: RecipientId) -> Option<DeliveryId> {
    use crate::alert::Action::Release;
    let is_known = alert.action == Release && alert.episode != alert.id;
    is_known.then_some(DeliveryId { alert: alert.episode, recipient })
}
