//! How ids, alerts and messages stand in columns.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::StoreError;
use crate::alert::Alert;
use crate::delivery::{Message, State};
use crate::ids::{AlertId, DeliveryId, Fingerprint, MessageId, RecipientId, TenantId};

/// A count or an instant: SQLite's integers have a sign, ours do not.
#[derive(Clone, Copy)]
pub(crate) struct Whole(pub(crate) u64);

impl ToSql for Whole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        // Beyond lies the year 292 million, or 9 exabytes: as good as the bound itself.
        Ok(ToSqlOutput::from(i64::try_from(self.0).unwrap_or(i64::MAX)))
    }
}

impl FromSql for Whole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// 16 bytes of an id.
#[derive(Clone, Copy)]
pub(crate) struct Id(pub(crate) [u8; 16]);

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

impl From<AlertId> for Id {
    fn from(id: AlertId) -> Self {
        Self(id.to_bytes())
    }
}

impl From<MessageId> for Id {
    fn from(id: MessageId) -> Self {
        Self(id.to_bytes())
    }
}

impl From<Fingerprint> for Id {
    fn from(fingerprint: Fingerprint) -> Self {
        Self(fingerprint.0)
    }
}

impl Id {
    pub(crate) fn alert(self) -> AlertId {
        AlertId::from_bytes(self.0)
    }

    pub(crate) fn message(self) -> MessageId {
        MessageId::from_bytes(self.0)
    }

    pub(crate) fn fingerprint(self) -> Fingerprint {
        Fingerprint(self.0)
    }
}

pub(crate) const PENDING: i64 = 0;

pub(crate) fn number_of(state: State) -> i64 {
    match state {
        State::Pending => PENDING,
        State::Delivered => 1,
        State::Skipped => 2,
        State::Dead => 3,
    }
}

pub(crate) fn state_of(number: i64) -> Option<State> {
    [State::Pending, State::Delivered, State::Skipped, State::Dead]
        .into_iter()
        .find(|state| number_of(*state) == number)
}

/// What of an alert's row makes the alert.
pub(crate) struct AlertRow {
    tenant: u32,
    id: Id,
    fingerprint: Id,
    episode: Id,
    body: String,
    raw: String,
    may_ban: bool,
}

impl AlertRow {
    /// Reads `tenant, id, fingerprint, episode, body, raw, may_ban`, from column `at` on.
    pub(crate) fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: row.get(at)?,
            id: row.get(at + 1)?,
            fingerprint: row.get(at + 2)?,
            episode: row.get(at + 3)?,
            body: row.get(at + 4)?,
            raw: row.get(at + 5)?,
            may_ban: row.get(at + 6)?,
        })
    }

    /// What it counts for in memory, in bytes: see `weight`.
    pub(crate) fn weight(&self) -> usize {
        weight(self.body.len(), self.raw.len())
    }

    pub(crate) fn alert(self) -> Result<Alert, StoreError> {
        let mut alert: Alert =
            serde_json::from_str(&self.body).map_err(|source| StoreError::Unreadable {
                what: format!("alert {}", self.id.alert()),
                source: source.into(),
            })?;
        alert.id = self.id.alert();
        alert.tenant = TenantId(self.tenant);
        alert.fingerprint = self.fingerprint.fingerprint();
        alert.episode = self.episode.alert();
        alert.raw = self.raw;
        alert.may_ban = self.may_ban;
        Ok(alert)
    }
}

/// Bytes that an alert takes in memory, about: its texts, and the structure around them.
pub(crate) fn weight(body: usize, raw: usize) -> usize {
    body + raw + size_of::<Alert>()
}

/// Alert id and recipient of each member, 20 bytes.
pub(crate) fn members_bytes(members: &[DeliveryId]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(members.len() * 20);
    for member in members {
        bytes.extend(member.alert.to_bytes());
        bytes.extend(member.recipient.0.to_be_bytes());
    }
    bytes
}

fn members(bytes: &[u8]) -> Vec<DeliveryId> {
    let (members, _) = bytes.as_chunks::<20>();
    members
        .iter()
        .map(|member| {
            let (mut alert, mut recipient) = ([0; 16], [0; 4]);
            alert.copy_from_slice(&member[..16]);
            recipient.copy_from_slice(&member[16..]);
            let recipient = RecipientId(u32::from_be_bytes(recipient));
            DeliveryId { alert: AlertId::from_bytes(alert), recipient }
        })
        .collect()
}

/// Columns of `read_message`.
pub(crate) const MESSAGE: &str = "select id, members, summary, content_type, body, notes, \
    repeat_safe_ms, carry, component, settings from message where id = ?1";

/// A message, and its notes as they are stored.
pub(crate) fn read_message(row: &Row<'_>) -> rusqlite::Result<(Message, String)> {
    let message = Message {
        id: row.get::<_, Id>(0)?.message(),
        members: members(row.get_ref(1)?.as_blob()?),
        summary: row.get(2)?,
        content_type: row.get(3)?,
        body: row.get(4)?,
        notes: Vec::new(),
        repeat_safe_ms: row.get(6)?,
        carry: row.get(7)?,
        component: row.get(8)?,
        settings: row.get(9)?,
    };
    Ok((message, row.get(5)?))
}
