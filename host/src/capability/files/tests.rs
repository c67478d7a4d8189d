use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mkfifoat, mknodat};
use tempfile::TempDir;

use super::*;
use crate::capability::budget::CallLimits;
use crate::runtime::bindings::files::FileError;
use crate::telemetry::LimitHits;

const LIMITS: FolderLimits = FolderLimits { bytes_max: 100, files_max: 4, read_bytes_max: 50 };

/// A root on disk, and the doors of stores of one endpoint that has the folder `alerts` in it.
struct Ground {
    root: TempDir,
    gate: Arc<FilesGate>,
    calls: CallBudget,
}

impl Ground {
    fn new(limits: FolderLimits) -> Self {
        let root = tempfile::tempdir().unwrap();
        let gate = Arc::new(FilesGate::open_root(root.path(), limits).unwrap());
        let calls = CallLimits {
            calls_max: 1_000_000,
            sends_max: 1,
            out_bytes_max: 1 << 20,
            in_bytes_max: 1 << 20,
        };
        Self { root, gate, calls: CallBudget::new(calls, LimitHits::default()) }
    }

    fn door(&self) -> FilesDoor {
        self.door_to("alerts", Access::Append)
    }

    fn door_to(&self, place: &str, access: Access) -> FilesDoor {
        let place = Place::parse("acme", place).unwrap();
        let grant = FolderGrant { name: "log".to_owned(), place, access };
        FilesDoor::new(Arc::clone(&self.gate), Arc::new([grant]))
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("acme/alerts")
    }

    /// The folder, made as the door makes it.
    fn made(&self) -> PathBuf {
        let place = Place::parse("acme", "alerts").unwrap();
        self.gate.open(&place).unwrap();
        self.folder()
    }
}

/// The code of an error, as the component sees it.
fn code<T: std::fmt::Debug>(result: Result<T, FilesError>) -> String {
    match FileError::from(result.unwrap_err()) {
        FileError::Missing => "missing".to_owned(),
        FileError::Denied(problem) => format!("denied {}", problem.code),
        FileError::Full(problem) => format!("full {}", problem.code),
        FileError::Other(problem) => format!("other {}", problem.code),
    }
}

#[tokio::test]
async fn what_was_appended_is_read_sized_listed_renamed_and_removed() {
    let ground = Ground::new(LIMITS);
    let (mut door, calls) = (ground.door(), &ground.calls);
    assert_eq!(code(door.read(calls, "log", "b.log").await), "missing");
    assert_eq!(door.append(calls, "log", "b.log", b"one\n".to_vec()).await.unwrap(), 4);
    assert_eq!(door.append(calls, "log", "b.log", b"two\n".to_vec()).await.unwrap(), 8);
    assert_eq!(door.append(calls, "log", "a.log", Vec::new()).await.unwrap(), 0);
    assert_eq!(door.read(calls, "log", "b.log").await.unwrap(), b"one\ntwo\n");
    assert_eq!(door.size(calls, "log", "b.log").await.unwrap(), 8);
    assert_eq!(door.names(calls, "log").await.unwrap(), ["a.log", "b.log"]);
    door.rename(calls, "log", "b.log", "c.log").await.unwrap();
    door.remove(calls, "log", "a.log").await.unwrap();
    assert_eq!(door.names(calls, "log").await.unwrap(), ["c.log"]);
    assert_eq!(code(door.remove(calls, "log", "a.log").await), "missing");
    assert_eq!(fs::read(ground.folder().join("c.log")).unwrap(), b"one\ntwo\n");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(ground.root.path().join("acme")), 0o700);
    assert_eq!((mode(ground.folder()), mode(ground.folder().join("c.log"))), (0o700, 0o600));
    let seen = door.seen();
    assert_eq!(seen.origin.as_deref(), Some("files:acme/alerts"));
    assert_eq!((seen.sent_bytes, seen.received_bytes, seen.unanswered), (8, 8, false));
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    let ground = Ground::new(LIMITS);
    let (mut door, calls) = (ground.door(), &ground.calls);
    fs::write(ground.root.path().join("secret"), "x").unwrap();
    let secret = ground.root.path().join("secret");
    for name in ["..", ".", "../../secret", "../alerts/a", "/etc/passwd", "a/b", "", "a\0", ".x"] {
        assert_eq!(code(door.read(calls, "log", name).await), "denied name", "{name:?}");
        let added = door.append(calls, "log", name, b"x".to_vec()).await;
        assert_eq!(code(added), "denied name", "{name:?}");
        assert_eq!(code(door.size(calls, "log", name).await), "denied name", "{name:?}");
        assert_eq!(code(door.remove(calls, "log", name).await), "denied name", "{name:?}");
        assert_eq!(code(door.rename(calls, "log", "a", name).await), "denied name", "{name:?}");
        assert_eq!(code(door.rename(calls, "log", name, "a").await), "denied name", "{name:?}");
    }
    let name = secret.to_str().unwrap();
    assert_eq!(code(door.read(calls, "log", name).await), "denied name");
    for folder in ["alerts", "", "..", "log/", "LOG"] {
        assert_eq!(code(door.names(calls, folder).await), "denied folder", "{folder:?}");
    }
}

/// What is not a file with one name is refused by every operation, without waiting for anything.
#[tokio::test]
async fn only_regular_files_with_one_name_are_touched() {
    let ground = Ground::new(FolderLimits { files_max: 100, ..LIMITS });
    let folder = ground.made();
    let outside = ground.root.path().join("outside");
    fs::write(&outside, "secret").unwrap();
    fs::write(folder.join("inside"), "mine").unwrap();
    symlink(&outside, folder.join("link-out")).unwrap();
    symlink("inside", folder.join("link-in")).unwrap();
    symlink("nowhere", folder.join("link-dangling")).unwrap();
    fs::hard_link(&outside, folder.join("hard")).unwrap();
    mkfifoat(CWD, folder.join("fifo"), Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    fs::create_dir(folder.join("dir")).unwrap();
    let mut table = vec![
        ("link-out", "denied not-a-file"),
        ("link-in", "denied not-a-file"),
        ("link-dangling", "denied not-a-file"),
        ("hard", "denied linked"),
        ("fifo", "denied not-a-file"),
        ("socket", "denied not-a-file"),
        ("dir", "denied not-a-file"),
    ];
    let zero = rustix::fs::makedev(1, 5);
    let all = Mode::RWXU;
    match mknodat(CWD, folder.join("zero"), FileType::CharacterDevice, all, zero) {
        Ok(()) => table.push(("zero", "denied not-a-file")),
        Err(error) => println!("skipped: a device cannot be made here: {error}"),
    }
    let (mut door, calls) = (ground.door(), &ground.calls);
    let tried = async {
        for (name, expected) in table {
            let added = door.append(calls, "log", name, b"x".to_vec()).await;
            assert_eq!(code(added), expected, "append to {name}");
            assert_eq!(code(door.read(calls, "log", name).await), expected, "read {name}");
            assert_eq!(code(door.size(calls, "log", name).await), expected, "size of {name}");
            assert_eq!(code(door.remove(calls, "log", name).await), expected, "remove {name}");
            let renamed = door.rename(calls, "log", name, "new").await;
            assert_eq!(code(renamed), expected, "rename {name}");
            let renamed = door.rename(calls, "log", "inside", name).await;
            assert_eq!(code(renamed), "other exists", "rename onto {name}");
        }
        assert_eq!(door.names(calls, "log").await.unwrap(), ["inside"]);
    };
    tokio::time::timeout(Duration::from_secs(20), tried).await.expect("nothing waits");
    assert_eq!(fs::read(&outside).unwrap(), b"secret");
    assert_eq!(fs::read_link(folder.join("link-out")).unwrap(), outside);
}

#[tokio::test]
async fn a_file_swapped_after_it_was_looked_at_is_looked_at_again() {
    let ground = Ground::new(LIMITS);
    let folder = ground.made();
    let opened = ground.gate.open(&Place::parse("acme", "alerts").unwrap()).unwrap();
    fs::write(ground.root.path().join("outside"), "secret").unwrap();
    symlink("../../outside", folder.join("link")).unwrap();
    mkfifoat(CWD, folder.join("fifo"), Mode::RWXU).unwrap();
    // What opening alone does, past the first look.
    for name in ["link", "fifo"] {
        let flags = rustix::fs::OFlags::RDONLY;
        let found = opened.open_unseen(name, flags);
        assert!(found.is_err(), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_folder_holds_so_many_bytes_and_files_and_no_more() {
    let ground = Ground::new(LIMITS);
    let (mut door, calls) = (ground.door(), &ground.calls);
    assert_eq!(door.append(calls, "log", "a", vec![b'a'; 60]).await.unwrap(), 60);
    assert_eq!(door.append(calls, "log", "b", vec![b'b'; 40]).await.unwrap(), 40, "the limit");
    assert_eq!(code(door.append(calls, "log", "b", b"x".to_vec()).await), "full quota-bytes");
    assert_eq!(code(door.append(calls, "log", "c", b"x".to_vec()).await), "full quota-bytes");
    assert_eq!(door.size(calls, "log", "b").await.unwrap(), 40);
    assert_eq!(door.names(calls, "log").await.unwrap(), ["a", "b"], "nothing was made");
    door.append(calls, "log", "c", Vec::new()).await.unwrap();
    door.append(calls, "log", "d", Vec::new()).await.unwrap();
    assert_eq!(code(door.append(calls, "log", "e", Vec::new()).await), "full quota-files");
    door.append(calls, "log", "d", Vec::new()).await.unwrap();
    door.remove(calls, "log", "a").await.unwrap();
    assert_eq!(door.append(calls, "log", "e", vec![b'e'; 60]).await.unwrap(), 60);
}

/// No file system takes a file up to its last byte and one more: the write ends short.
#[tokio::test]
async fn what_the_disk_does_not_take_whole_leaves_nothing_behind() {
    let ground = Ground::new(FolderLimits { bytes_max: u64::MAX, ..LIMITS });
    let path = ground.made().join("full");
    let file = fs::File::create(&path).unwrap();
    // The largest size that this file system has.
    let (mut fits, mut beyond) = (0_u64, i64::MAX.unsigned_abs());
    if file.set_len(beyond).is_ok() {
        fits = beyond;
    }
    while beyond - fits > 1 {
        let middle = fits + (beyond - fits) / 2;
        if file.set_len(middle).is_ok() { fits = middle } else { beyond = middle }
    }
    file.set_len(fits - 5).unwrap();
    let (mut door, calls) = (ground.door(), &ground.calls);
    let added = door.append(calls, "log", "full", b"0123456789".to_vec()).await;
    assert_eq!(code(added), "full disk");
    assert_eq!(fs::metadata(&path).unwrap().len(), fits - 5, "cut to its size before");
    let seen = door.seen();
    assert_eq!((seen.sent_bytes, seen.unanswered), (0, false), "nothing is there, for certain");
}

#[tokio::test]
async fn a_rename_never_replaces() {
    let ground = Ground::new(LIMITS);
    let (mut door, calls) = (ground.door(), &ground.calls);
    door.append(calls, "log", "a", b"a".to_vec()).await.unwrap();
    door.append(calls, "log", "b", b"b".to_vec()).await.unwrap();
    assert_eq!(code(door.rename(calls, "log", "a", "b").await), "other exists");
    assert_eq!(code(door.rename(calls, "log", "a", "a").await), "other exists");
    assert_eq!(code(door.rename(calls, "log", "c", "d").await), "missing");
    assert_eq!(door.read(calls, "log", "b").await.unwrap(), b"b");
}

#[tokio::test]
async fn a_folder_granted_for_reading_stays_as_it_is() {
    let ground = Ground::new(LIMITS);
    fs::write(ground.made().join("a"), "a").unwrap();
    let (mut door, calls) = (ground.door_to("alerts", Access::Read), &ground.calls);
    assert_eq!(door.read(calls, "log", "a").await.unwrap(), b"a");
    assert_eq!(door.names(calls, "log").await.unwrap(), ["a"]);
    assert_eq!(code(door.append(calls, "log", "a", b"b".to_vec()).await), "denied read-only");
    assert_eq!(code(door.remove(calls, "log", "a").await), "denied read-only");
    assert_eq!(code(door.rename(calls, "log", "a", "b").await), "denied read-only");
    assert_eq!(door.seen().origin, None, "nothing was written");
}

#[tokio::test]
async fn what_is_read_is_bounded_by_the_host_and_by_the_call() {
    let ground = Ground::new(LIMITS);
    let limits = CallLimits { calls_max: 6, sends_max: 1, out_bytes_max: 50, in_bytes_max: 60 };
    let calls = &CallBudget::new(limits, LimitHits::default());
    fs::write(ground.made().join("large"), [b'x'; 51]).unwrap();
    fs::write(ground.folder().join("whole"), [b'x'; 50]).unwrap();
    let mut door = ground.door();
    assert_eq!(code(door.read(calls, "log", "large").await), "other too-large");
    assert_eq!(door.read(calls, "log", "whole").await.unwrap().len(), 50);
    assert_eq!(code(door.read(calls, "log", "whole").await), "denied bytes-in-limit");
    let added = door.append(calls, "log", "new", vec![b'x'; 51]).await;
    assert_eq!(code(added), "denied bytes-out-limit");
    assert_eq!(code(door.size(calls, "log", "new").await), "missing");
    assert!(door.names(calls, "log").await.is_err(), "nothing may come in any more");
    assert_eq!(code(door.names(calls, "log").await), "denied calls-limit");
}

#[tokio::test]
async fn a_link_in_the_place_of_a_folder_is_not_followed() {
    let ground = Ground::new(LIMITS);
    let calls = &ground.calls;
    let elsewhere = ground.root.path().join("globex");
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).unwrap();

    // While it is in use: what was opened is what is written to.
    let mut door = ground.door();
    door.append(calls, "log", "a", b"1".to_vec()).await.unwrap();
    let moved = ground.root.path().join("acme/moved");
    fs::rename(ground.folder(), &moved).unwrap();
    symlink(&elsewhere, ground.folder()).unwrap();
    door.append(calls, "log", "a", b"2".to_vec()).await.unwrap();
    assert_eq!(fs::read(moved.join("a")).unwrap(), b"12");

    // Between two stores: the place is refused.
    let added = ground.door().append(calls, "log", "a", b"3".to_vec()).await;
    assert_eq!(code(added), "denied not-a-folder");
    // On the way to it, too.
    fs::rename(ground.root.path().join("acme"), ground.root.path().join("old")).unwrap();
    symlink("globex", ground.root.path().join("acme")).unwrap();
    let added = ground.door().append(calls, "log", "a", b"3".to_vec()).await;
    assert_eq!(code(added), "denied not-a-folder");
    fs::remove_file(ground.root.path().join("acme")).unwrap();
    fs::write(ground.root.path().join("acme"), "a file").unwrap();
    let added = ground.door().append(calls, "log", "a", b"3".to_vec()).await;
    assert_eq!(code(added), "denied not-a-folder");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing came there");
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_refused() {
    for (part, mode) in [("acme/alerts", 0o777), ("acme/alerts", 0o720), ("acme", 0o702)] {
        let ground = Ground::new(LIMITS);
        ground.made();
        let path = ground.root.path().join(part);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let names = ground.door().names(&ground.calls, "log").await;
        assert_eq!(code(names), "denied shared-folder", "{part} {mode:o}");
    }
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), Permissions::from_mode(0o770)).unwrap();
    let found = FilesGate::open_root(root.path(), LIMITS);
    assert!(matches!(found, Err(RootError::Shared { .. })), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_stores_that_append_at_once_as_many_succeed_as_there_is_room_for() {
    const ROUNDS: usize = 30;
    let ground = Ground::new(FolderLimits { bytes_max: 25, ..LIMITS });
    for round in 0..ROUNDS {
        let start = Arc::new(tokio::sync::Barrier::new(8));
        let mut writers = tokio::task::JoinSet::new();
        for writer in b'a'..b'i' {
            let (mut door, calls, start) = (ground.door(), ground.calls.clone(), start.clone());
            writers.spawn(async move {
                door.names(&calls, "log").await.unwrap();
                start.wait().await;
                match door.append(&calls, "log", "shared", vec![writer; 10]).await {
                    Ok(_) => 1,
                    Err(error) => {
                        assert_eq!(error.code(), "quota-bytes");
                        0
                    }
                }
            });
        }
        let fitted: usize = writers.join_all().await.into_iter().sum();
        let text = fs::read(ground.folder().join("shared")).unwrap();
        assert_eq!((fitted, text.len()), (2, 20), "round {round}");
        assert!(text.chunks(10).all(|line| line.iter().all(|one| *one == line[0])), "whole lines");
        ground.door().remove(&ground.calls, "log", "shared").await.unwrap();
    }
}

#[tokio::test]
async fn tenants_and_places_are_apart_and_no_root_means_no_folder() {
    let ground = Ground::new(LIMITS);
    let calls = &ground.calls;
    ground.door().append(calls, "log", "a", b"x".to_vec()).await.unwrap();
    let place = Place::parse("globex", "alerts").unwrap();
    let grant = FolderGrant { name: "log".to_owned(), place, access: Access::Append };
    let mut other = FilesDoor::new(Arc::clone(&ground.gate), Arc::new([grant.clone()]));
    assert_eq!(other.names(calls, "log").await.unwrap(), [""; 0]);
    let mut closed = FilesDoor::new(Arc::default(), Arc::new([grant]));
    assert_eq!(code(closed.names(calls, "log").await), "denied folder");
    assert_eq!(code(FilesDoor::default().names(calls, "log").await), "denied folder");
}
