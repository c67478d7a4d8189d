//! The audit log: who changed or used what, when, and from where.
//!
//! Promise: entries are only added, in the transaction of what they tell of; each one's hash covers
//! it and the hash before it, so that an entry changed or taken out later shows. Values of secret
//! settings never get here: only whether they are set.
//!
//! What the chain cannot show by itself is a log cut at its end: note the newest hash elsewhere now
//! and then (`campanile audit verify` prints it).

use rusqlite::params;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::ids::TenantId;
use crate::store::row::Whole;
use crate::store::{Prepared, Store, StoreError, Weight, WriteJob};

/// Rows that are looked at in one turn of the reader.
const STEP: u32 = 1_000;

/// Who did something, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// `admin token 3f2a91c0`, or `engine`.
    pub actor: String,
    /// `127.0.0.1:53312, PUT /v1/endpoints/ops`.
    pub source: String,
}

impl Who {
    /// What the engine does by itself, because of `source`.
    pub fn engine(source: impl Into<String>) -> Self {
        Self { actor: "engine".to_owned(), source: source.into() }
    }
}

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at_ms: u64,
    pub tenant: TenantId,
    pub who: Who,
    /// A stable machine word: `create`, `secret-misuse`. docs/setup.md tells those that come by
    /// themselves.
    pub action: &'static str,
    /// `endpoint ops`.
    pub object: String,
    pub detail: Value,
}

/// An entry as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Record {
    pub seq: u64,
    pub at_ms: u64,
    pub actor: String,
    pub source: String,
    pub action: String,
    pub object: String,
    /// What changed; secrets as `set`.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// SHA-256, hexadecimal.
    pub hash: String,
}

/// What a look along the whole chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verified {
    pub entries: u64,
    /// Hash of the newest entry; null where there is none.
    pub head: Option<String>,
    /// The first entry that is not as it was written; null: the chain holds.
    pub broken_at: Option<u64>,
}

/// Adds an entry to the log, as a part of a transaction.
pub(crate) fn append(db: &Prepared<'_>, entry: &Entry) -> rusqlite::Result<()> {
    const NEWEST: &str = "select seq, hash from audit order by seq desc limit 1";
    const ADD: &str =
        "insert into audit (seq, at_ms, tenant, actor, source, action, object, detail, hash)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let newest = db.first(NEWEST, [], |row| Ok((row.get::<_, Whole>(0)?.0, row.get(1)?)))?;
    let (before, hash_before): (u64, [u8; 32]) = newest.unwrap_or_default();
    let stored = Stored {
        seq: before + 1,
        at_ms: entry.at_ms,
        tenant: entry.tenant.0,
        actor: entry.who.actor.clone(),
        source: entry.who.source.clone(),
        action: entry.action.to_owned(),
        object: entry.object.clone(),
        detail: entry.detail.to_string(),
    };
    let hash = stored.hash(&hash_before);
    let values = params![
        Whole(stored.seq),
        Whole(stored.at_ms),
        stored.tenant,
        stored.actor,
        stored.source,
        stored.action,
        stored.object,
        stored.detail,
        hash
    ];
    db.execute(ADD, values).map(drop)
}

/// Adds an entry by itself, and returns when it is on disk.
pub(crate) async fn note(store: &Store, entry: Entry) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    let job = Noting { entry, reply };
    // With those that are never refused: whoever does something is to be found here, whatever else
    // comes in.
    store.settle(Box::new(job), Weight { count: 1, bytes: 0 })?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

struct Noting {
    entry: Entry,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl WriteJob for Noting {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        append(db, &self.entry)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result);
    }
}

/// A tenant's entries, newest first, older than `before`.
pub(crate) async fn list(
    store: &Store,
    tenant: TenantId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    const SQL: &str =
        "select seq, at_ms, tenant, actor, source, action, object, detail, hash from audit
        where tenant = ?1 and seq < ?2 order by seq desc limit ?3";
    let before = Whole(before.unwrap_or(u64::MAX));
    let read = store.read(move |db| {
        db.all(SQL, params![tenant.0, before, limit], Stored::read)
            .map_err(StoreError::sqlite("read the audit log"))
    });
    let shown = |(stored, hash): (Stored, [u8; 32])| Record {
        seq: stored.seq,
        at_ms: stored.at_ms,
        actor: stored.actor,
        source: stored.source,
        action: stored.action,
        object: stored.object,
        detail: serde_json::from_str(&stored.detail).unwrap_or(Value::Null),
        hash: hexadecimal(&hash),
    };
    Ok(read.await?.into_iter().map(shown).collect())
}

/// Looks along the whole chain, in steps, so that nobody waits for it.
pub(crate) async fn verify(store: &Store) -> Result<Verified, StoreError> {
    const SQL: &str =
        "select seq, at_ms, tenant, actor, source, action, object, detail, hash from audit
        where seq > ?1 order by seq limit ?2";
    let mut verified = Verified::default();
    let mut hash_before = [0; 32];
    loop {
        let after = verified.entries;
        let rows = store.read(move |db| {
            db.all(SQL, params![Whole(after), STEP], Stored::read)
                .map_err(StoreError::sqlite("read the audit log"))
        });
        let rows = rows.await?;
        if rows.is_empty() {
            return Ok(verified);
        }
        for (stored, hash) in rows {
            if stored.seq != verified.entries + 1 || stored.hash(&hash_before) != hash {
                verified.broken_at = Some(verified.entries + 1);
                return Ok(verified);
            }
            (verified.entries, verified.head) = (stored.seq, Some(hexadecimal(&hash)));
            hash_before = hash;
        }
    }
}

/// An entry as its row has it, but for the hash.
struct Stored {
    seq: u64,
    at_ms: u64,
    tenant: u32,
    actor: String,
    source: String,
    action: String,
    object: String,
    detail: String,
}

impl Stored {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Self, [u8; 32])> {
        let stored = Self {
            seq: row.get::<_, Whole>(0)?.0,
            at_ms: row.get::<_, Whole>(1)?.0,
            tenant: row.get(2)?,
            actor: row.get(3)?,
            source: row.get(4)?,
            action: row.get(5)?,
            object: row.get(6)?,
            detail: row.get(7)?,
        };
        Ok((stored, row.get(8)?))
    }

    /// SHA-256 over the hash before and every field, each text with its length before it.
    fn hash(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(before);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at_ms.to_be_bytes());
        hash.update(self.tenant.to_be_bytes());
        for text in [&self.actor, &self.source, &self.action, &self.object, &self.detail] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
