//! Components as the store keeps them: what each said of itself, and who approved it.
//!
//! Not here: what a component is, and what approval lets it do (`runtime`, `roster`). To the store a
//! component is a hash, a name and some text.

use rusqlite::{Row, params};
use tokio::sync::oneshot;

use crate::store::row::Whole;
use crate::store::{Prepared, Store, StoreError, Weight, WriteJob};

/// A component that was found, now or at an earlier start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentRow {
    /// SHA-256 of code and manifest together.
    pub hash: [u8; 32],
    pub name: String,
    /// As it stood in its file.
    pub manifest: String,
    /// What it said of itself, in JSON.
    pub descriptor: String,
    pub installed_ms: u64,
    pub approval: Option<Approval>,
}

/// Somebody saw what a component may do, and let it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub at_ms: u64,
    /// As the audit log names them.
    pub by: String,
    /// What was shown, line by line.
    pub lines: Vec<String>,
}

/// All that were kept, by name.
pub(crate) async fn load(store: &Store) -> Result<Vec<ComponentRow>, StoreError> {
    const SQL: &str = "select hash, name, manifest, descriptor, installed_ms, approved_ms,
            approved_by, approved_text from component order by name, installed_ms, hash";
    let read = store.read(|db| {
        db.all(SQL, [], row).map_err(StoreError::sqlite("read the components that were installed"))
    });
    read.await
}

/// Keeps what was installed, and forgets what is neither in `present` nor approved. Returns when
/// that is on disk.
pub(crate) async fn install(
    store: &Store,
    installed: Vec<ComponentRow>,
    present: Vec<[u8; 32]>,
) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    let job = Install { installed, present, reply };
    store.ingest(Box::new(job), Weight { count: 0, bytes: 0 })?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

struct Install {
    installed: Vec<ComponentRow>,
    present: Vec<[u8; 32]>,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// As [`install`], as a part of a transaction.
pub(crate) fn put_installed(
    db: &Prepared<'_>,
    installed: &[ComponentRow],
    present: &[[u8; 32]],
) -> rusqlite::Result<()> {
    const FORGOTTEN: &str = "select hash from component where approved_ms is null";
    const FORGET: &str = "delete from component where hash = ?1";
    let unapproved = db.all(FORGOTTEN, [], |row| row.get::<_, [u8; 32]>(0))?;
    for hash in unapproved.iter().filter(|hash| !present.contains(hash)) {
        db.execute(FORGET, params![hash])?;
    }
    installed.iter().try_for_each(|row| put(db, row))
}

impl WriteJob for Install {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        put_installed(db, &self.installed, &self.present)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result);
    }
}

/// Approves `row` in place of whatever of its name was approved, as a part of a transaction.
pub(crate) fn approve(db: &Prepared<'_>, row: &ComponentRow) -> rusqlite::Result<()> {
    revoke(db, &row.name)?;
    put(db, row)
}

/// Takes back what was approved under `name`, as a part of a transaction.
pub(crate) fn revoke(db: &Prepared<'_>, name: &str) -> rusqlite::Result<()> {
    const SQL: &str = "update component set approved_ms = null, approved_by = null,
        approved_text = null where name = ?1";
    db.execute(SQL, params![name]).map(drop)
}

fn put(db: &Prepared<'_>, row: &ComponentRow) -> rusqlite::Result<()> {
    const SQL: &str = "insert or replace into component (hash, name, manifest, descriptor,
            installed_ms, approved_ms, approved_by, approved_text)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let approval = row.approval.as_ref();
    let values = params![
        row.hash,
        row.name,
        row.manifest,
        row.descriptor,
        Whole(row.installed_ms),
        approval.map(|it| Whole(it.at_ms)),
        approval.map(|it| &it.by),
        approval.map(|it| it.lines.join("\n")),
    ];
    db.execute(SQL, values).map(drop)
}

fn row(row: &Row<'_>) -> rusqlite::Result<ComponentRow> {
    let at_ms: Option<Whole> = row.get(5)?;
    let approval = match at_ms {
        None => None,
        Some(Whole(at_ms)) => {
            let lines: Option<String> = row.get(7)?;
            let lines = lines.unwrap_or_default().lines().map(str::to_owned).collect();
            Some(Approval {
                at_ms,
                by: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                lines,
            })
        }
    };
    Ok(ComponentRow {
        hash: row.get(0)?,
        name: row.get(1)?,
        manifest: row.get(2)?,
        descriptor: row.get(3)?,
        installed_ms: row.get::<_, Whole>(4)?.0,
        approval,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::store::StoreLimits;

    fn found(hash: u8, name: &str, approved: bool) -> ComponentRow {
        let lines = vec!["reaches nothing".to_owned(), "may take 1 s".to_owned()];
        ComponentRow {
            hash: [hash; 32],
            name: name.to_owned(),
            manifest: format!("name = '{name}'"),
            descriptor: "{}".to_owned(),
            installed_ms: hash.into(),
            approval: approved.then(|| Approval { at_ms: 7, by: "somebody".to_owned(), lines }),
        }
    }

    #[tokio::test]
    async fn what_was_installed_stays_while_it_is_there_or_approved() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        let store = Store::open(folder.path(), clock, StoreLimits::default()).unwrap();
        let rows = [found(1, "a", false), found(2, "a", true), found(3, "b", false)];
        install(&store, rows.to_vec(), vec![[1; 32], [2; 32], [3; 32]]).await.unwrap();
        assert_eq!(load(&store).await.unwrap(), rows);

        let new = found(4, "a", false);
        install(&store, vec![new.clone()], vec![[3; 32], [4; 32]]).await.unwrap();
        let [_, approved, there] = rows;
        assert_eq!(load(&store).await.unwrap(), [approved, new, there]);
    }
}
