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
    let newest = schema::newest();
    assert!(
        matches!(refused, StoreError::Newer { found: 99, known, .. } if known == newest),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("schema version 99")
            && refused.to_string().contains(&format!("up to {newest}"))
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
    let newest = schema::newest().to_string();
    let table = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("page_size", "8192"),
        ("user_version", newest.as_str()),
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

#[test]
fn a_turn_of_forgetting_ends_when_its_time_is_over_and_the_next_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    drop(owner_only(&file_of(folder.path())).unwrap());
    let connection = schema::open(&file_of(folder.path())).unwrap();
    for at in 0..4_u8 {
        connection
            .execute(
                "insert into alert (tenant, id, fingerprint, episode, received_ms, severity, body, raw)
                 values (1, ?1, ?1, ?1, 0, 0, '', '')",
                [[at; 16]],
            )
            .unwrap();
    }
    let db = Prepared::new(&connection);
    let mut retention = retention::Retention::new(Duration::from_millis(10));
    let over = Instant::now();
    let far = over + Duration::from_secs(60);
    let table = [
        // now in ms, until, nothing is left, alerts
        (9, over, true, 4),
        (10, over, false, 3),
        (10, over, false, 2),
        (10, far, true, 1),
        (10, far, true, 1),
    ];
    for (row, (now_ms, until, is_done, expected)) in table.into_iter().enumerate() {
        assert_eq!(retention.turn(&db, now_ms, until).unwrap(), is_done, "row {row}");
        let left = db.first("select count(*) from alert", [], |row| row.get::<_, i64>(0));
        assert_eq!(left.unwrap(), Some(expected), "row {row}");
    }
}

#[test]
fn a_store_of_the_first_version_learns_how_many_refer_to_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(folder.path());
    let first = rusqlite::Connection::open(&file).unwrap();
    first.execute_batch(include_str!("schema/001.sql")).unwrap();
    first
        .execute_batch(
            "pragma application_id = 0x43616d70; pragma user_version = 1;
             insert into attempt (tenant, message, number, at_ms, took_ms, outcome, code, detail,
                sent_bytes, received_bytes, unanswered)
             values (1, x'00', 1, 0, 0, '', '', '', 0, 0, 0), (1, x'00', 2, 0, 0, '', '', '', 0, 0, 0);
             insert into delivery (tenant, alert, recipient, state, due_ms, attempts, attempt)
             values (1, 1, 1, 1, 0, 1, 1), (1, 2, 1, 1, 0, 2, 2);
             insert into attempt_before (delivery, attempt) values (2, 1);",
        )
        .unwrap();
    drop(first);
    let connection = schema::open(&file).unwrap();
    let mut read = connection.prepare("select members from attempt order by seq").unwrap();
    let members: Vec<i64> =
        read.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(members, [2, 1]);
}

#[test]
fn a_store_of_version_seven_lets_none_of_its_alerts_ban() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_of(folder.path());
    let seventh = rusqlite::Connection::open(&file).unwrap();
    for step in [
        include_str!("schema/001.sql"),
        include_str!("schema/002.sql"),
        include_str!("schema/003.sql"),
        include_str!("schema/004.sql"),
        include_str!("schema/005.sql"),
        include_str!("schema/006.sql"),
        include_str!("schema/007.sql"),
    ] {
        seventh.execute_batch(step).unwrap();
    }
    seventh
        .execute_batch(
            "pragma application_id = 0x43616d70; pragma user_version = 7;
             insert into alert (tenant, id, fingerprint, episode, received_ms, severity, body, raw)
             values (1, x'00', x'00', x'00', 0, 0, '', '');
             insert into attempt (tenant, message, number, at_ms, took_ms, outcome, code, detail,
                sent_bytes, received_bytes, unanswered)
             values (1, x'00', 1, 0, 0, '', '', '', 0, 0, 0);",
        )
        .unwrap();
    drop(seventh);
    let connection = schema::open(&file).unwrap();
    let found = connection.query_row(
        "select a.may_ban, t.output, t.program_sha256 from alert a, attempt t",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    let found: (i64, Option<String>, Option<Vec<u8>>) = found.unwrap();
    assert_eq!(found, (0, None, None));
}
