//! The file: how it is opened, its tables, and how an older one is brought up to date.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// `Camp`: marks the file as ours for `file(1)` and for `open`.
const APPLICATION_ID: i64 = 0x4361_6d70;

/// Step `n` takes a store from version `n` to `n + 1`. Steps that were released never change.
const MIGRATIONS: [&str; 8] = [
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
    include_str!("schema/006.sql"),
    include_str!("schema/007.sql"),
    include_str!("schema/008.sql"),
];

/// Checkpoints are started by the writer, never by a commit.
const SETTINGS: &str = "
    pragma synchronous = full;
    pragma wal_autocheckpoint = 0;
    pragma journal_size_limit = 67108864;
    pragma temp_store = memory;
    pragma trusted_schema = off;
    pragma busy_timeout = 1000;
";

/// The connection that writes, on a store of the newest version.
pub(super) fn open(file: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check(file, &connection)?;
    connection
        .execute_batch(
            "pragma page_size = 8192;
             pragma journal_mode = wal;
             pragma cache_size = -16384;",
        )
        .and_then(|()| connection.execute_batch(SETTINGS))
        .map_err(StoreError::sqlite("set up its file"))?;
    migrate(&mut connection).map_err(StoreError::sqlite("bring its tables up to date"))?;
    Ok(connection)
}

/// A second connection, for checkpoints alone.
pub(super) fn open_beside(file: &Path) -> Result<Connection, StoreError> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(SETTINGS).map_err(StoreError::sqlite("set up its file"))?;
    Ok(connection)
}

pub(super) fn open_to_read(file: &Path) -> Result<Connection, StoreError> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection
        .execute_batch(
            "pragma cache_size = -8192; pragma temp_store = memory; pragma busy_timeout = 1000;",
        )
        .map_err(StoreError::sqlite("set up its reader"))?;
    Ok(connection)
}

fn connect(file: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    // Each connection stays on one thread.
    Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(StoreError::sqlite("open its file"))
}

fn check(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    let known = version_of(MIGRATIONS.len());
    let (marked, found, tables) = connection
        .query_row(
            "select a.application_id, v.user_version, (select count(*) from sqlite_schema)
             from pragma_application_id a, pragma_user_version v",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .map_err(StoreError::sqlite("read its file"))?;
    if marked != APPLICATION_ID && (marked != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: file.into() });
    }
    if found > known {
        return Err(StoreError::Newer { path: file.into(), found, known });
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found: i64 = connection.query_row("pragma user_version", [], |row| row.get(0))?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version_of(step + 1))?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) fn newest() -> i64 {
    version_of(MIGRATIONS.len())
}

fn version_of(steps: usize) -> i64 {
    i64::try_from(steps).unwrap_or(i64::MAX)
}
