//! What the operator's configuration granted when the engine started last, so that a change of it is
//! in the audit log: the configuration is a file that nobody else watches.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::audit::{self, Entry, Who};
use crate::ids::TenantId;
use crate::store::{Prepared, Store, StoreError, Weight, WriteJob};

const KEY: &str = "granted";

/// Writes what changed since the last start into the audit log, in one transaction with what it is
/// now; whether there was a change.
pub(crate) async fn note(store: &Store, now: Value, file: String) -> Result<bool, StoreError> {
    const SQL: &str = "select value from meta where key = ?1";
    let found = store.read(|db| {
        db.first(SQL, [KEY], |row| row.get::<_, String>(0))
            .map_err(StoreError::sqlite("read what was granted"))
    });
    let before: Value = match found.await? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        // A first start grants what it finds.
        None => json!({}),
    };
    if before == now {
        return Ok(false);
    }
    let entry = Entry {
        at_ms: store.clock().now_ms(),
        tenant: TenantId::DEFAULT,
        who: Who { actor: "operator".to_owned(), source: file },
        action: "grant",
        object: "configuration".to_owned(),
        detail: json!({ "before": before, "after": now }),
    };
    let (reply, answer) = oneshot::channel();
    let job = Granting { now: now.to_string(), entry, reply };
    store.settle(Box::new(job), Weight { count: 1, bytes: 0 })?;
    answer.await.unwrap_or(Err(StoreError::Closed)).map(|()| true)
}

struct Granting {
    now: String,
    entry: Entry,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl WriteJob for Granting {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        const PUT: &str = "insert or replace into meta (key, value) values (?1, ?2)";
        db.execute(PUT, (KEY, &self.now))?;
        audit::append(db, &self.entry)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::records::Records;
    use crate::store::StoreLimits;

    #[tokio::test]
    async fn a_change_of_what_is_granted_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        let store = Store::open(folder.path(), clock, StoreLimits::default()).unwrap();
        let tell = |now: Value| note(&store, now, "campanile.toml".to_owned());
        assert!(!tell(json!({})).await.unwrap(), "nothing is granted, as before");
        let wide = json!({ "egress": { "grant": [{ "networks": ["10.0.0.0/8"] }] } });
        assert!(tell(wide.clone()).await.unwrap());
        assert!(!tell(wide.clone()).await.unwrap());
        assert!(tell(json!({})).await.unwrap(), "what is taken back is told, too");
        let told = Records::new(&store).audit(TenantId::DEFAULT, None, 10).await.unwrap();
        let details: Vec<_> = told.iter().map(|one| &one.detail).collect();
        let (none, first) = (json!({}), json!({ "before": {}, "after": wide }));
        assert_eq!(details, [&json!({ "before": wide, "after": none }), &first]);
        assert_eq!((told[0].action.as_str(), told[0].source.as_str()), ("grant", "campanile.toml"));
    }
}
