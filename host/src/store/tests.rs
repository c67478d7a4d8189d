use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, Arc::new(Clock::default()), StoreLimits::default())
}

fn file_of(folder: &Path) -> PathBuf {
    folder.join("campanile.db")
}

#[test]
fn folder_and_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/b");
    let _store = open(&data).unwrap();
    let table =
        [("", 0o700), ("lock", 0o600), ("campanile.db", 0o600), ("campanile.db-wal", 0o600)];
    for (name, mode) in table {
        let path = data.join(name);
        let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name:?} has {found:o}");
    }
}

#[test]
fn a_second_opener_is_refused_until_the_first_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn a_newer_store_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().close();
    rusqlite::Connection::open(file_of(folder.path()))
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 99, known: 1, .. }), "{refused}");
    assert!(
        refused.to_string().contains("schema version 99")
            && refused.to_string().contains("up to 1")
    );
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = rusqlite::Connection::open(file_of(folder.path())).unwrap();
    other.execute_batch("create table theirs (x)").unwrap();
    drop(other);
    let before = std::fs::read(file_of(folder.path())).unwrap();
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Foreign { .. }), "{refused}");
    assert_eq!(std::fs::read(file_of(folder.path())).unwrap(), before);
}

#[test]
fn every_commit_reaches_the_disk_and_pages_are_of_8_kib() {
    let folder = tempfile::tempdir().unwrap();
    drop(owner_only(&file_of(folder.path())).unwrap());
    let connection = schema::open(&file_of(folder.path())).unwrap();
    let table = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("page_size", "8192"),
        ("user_version", "1"),
    ];
    for (name, expected) in table {
        let found: rusqlite::types::Value =
            connection.query_row(&format!("pragma {name}"), [], |row| row.get(0)).unwrap();
        let found = match found {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => panic!("{name} is {other:?}"),
        };
        assert_eq!(found, expected, "{name}");
    }
}
