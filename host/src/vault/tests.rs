use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::keys::Key;
use super::*;
use crate::audit::Who;
use crate::clock::Clock;
use crate::records::secrets;
use crate::store::{Prepared, Store, StoreError, Weight, WriteJob};

/// A store with its key file, both real.
struct Ground {
    folder: tempfile::TempDir,
    store: Store,
    vault: Vault,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_store(folder.path());
        let vault = Vault::open_key(&source(folder.path()), false).unwrap();
        Self { folder, store, vault }
    }

    async fn with_secrets() -> Self {
        let ground = Self::new();
        for (at, field) in FIELDS.iter().enumerate() {
            let owner = if at == 0 {
                Owner::Recipient(RecipientId(7))
            } else {
                Owner::Endpoint(EndpointId(7))
            };
            ground.put(about(owner, field), &format!("value of {field}")).await;
        }
        ground
    }

    async fn put(&self, about: About, value: &str) {
        let (reply, answer) = oneshot::channel();
        let value = Secret::new(value.to_owned());
        let job = Put { vault: self.vault.clone(), about, value, reply };
        self.store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).unwrap();
        answer.await.unwrap().unwrap();
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("secrets.key")
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.key_file()).unwrap().lines().map(str::to_owned).collect()
    }

    /// What is stored, opened with the keys that a start now would find.
    async fn read_anew(&self) -> Vec<Result<String, String>> {
        let vault = Vault::open_key(&source(self.folder.path()), true).unwrap();
        let sealed = self.store.read(secrets::load).await.unwrap();
        let opened = sealed.iter().map(|one| vault.open(one));
        opened
            .map(|it| it.map(|value| value.expose().to_owned()).map_err(|it| it.to_string()))
            .collect()
    }

    fn edit(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.folder.path().join("campanile.db")).unwrap();
        assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
    }

    async fn rotate(&self) -> Result<Rotated, RotateError> {
        self.vault.rotate(&self.store, TenantId::DEFAULT, Who::engine("a test")).await
    }

    /// The second step alone, which waits on a thread of its own.
    async fn reseal(&self) -> rotate::Resealed {
        let (vault, store) = (self.vault.clone(), self.store.clone());
        let reseal = move || vault.reseal(&store, TenantId::DEFAULT, Who::engine("a test"));
        tokio::task::spawn_blocking(reseal).await.unwrap().unwrap()
    }
}

const FIELDS: [&str; 3] = ["mention", "password", "headers.X-Key"];

fn all_readable() -> Vec<Result<String, String>> {
    FIELDS.iter().map(|field| Ok(format!("value of {field}"))).collect()
}

fn about(owner: Owner, field: &str) -> About {
    let bound_to = "https://a.example:443".to_owned();
    About { tenant: TenantId::DEFAULT, owner, field: field.to_owned(), version: 3, bound_to }
}

fn open_store(folder: &Path) -> Store {
    Store::open(folder, Arc::new(Clock::fixed(1_000)), Default::default()).unwrap()
}

fn source(folder: &Path) -> KeySource {
    KeySource::File(folder.join("secrets.key"))
}

struct Put {
    vault: Vault,
    about: About,
    value: Secret,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl WriteJob for Put {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        secrets::put(db, &self.vault, self.about.clone(), &self.value, 5)
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        self.reply.send(result).unwrap();
    }
}

#[tokio::test]
async fn what_is_stored_opens_after_a_restart_and_is_nowhere_in_the_file() {
    let ground = Ground::with_secrets().await;
    assert_eq!(ground.read_anew().await, all_readable());
    ground.put(about(Owner::Endpoint(EndpointId(7)), "password"), "another").await;
    let read = ground.read_anew().await;
    assert_eq!((read.len(), read[1].clone()), (3, Ok("another".to_owned())));
    ground.store.close();
    for file in fs::read_dir(ground.folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"value of "));
    }
}

#[tokio::test]
async fn a_row_that_is_edited_in_the_store_does_not_open_and_takes_no_other_with_it() {
    let table = [
        "update secret set tenant = 2 where field = 'password'",
        "update secret set owner = 8 where field = 'password'",
        "update secret set owner_sort = 'recipient' where field = 'password'",
        "update secret set field = 'token' where field = 'password'",
        "update secret set version = 4 where field = 'password'",
        "update secret set bound_to = 'https://b.example:443' where field = 'password'",
        "update secret set nonce = zeroblob(24) where field = 'password'",
        "update secret set nonce = x'00' where field = 'password'",
        "update secret set sealed = x'' where field = 'password'",
        "update secret set (sealed, nonce) = (select sealed, nonce from secret where
            field = 'mention') where field = 'password'",
    ];
    for sql in table {
        let ground = Ground::with_secrets().await;
        ground.edit(sql);
        let read = ground.read_anew().await;
        let told = read[1].clone().unwrap_err();
        assert!(told.contains("was changed in the store"), "{sql}: {told}");
        assert!(told.contains(" of endpoint 7") || sql.contains("owner"), "{sql}: {told}");
        assert!(read[0].is_ok() && read[2].is_ok(), "{sql}");
    }
}

#[tokio::test]
async fn a_value_of_another_key_says_so_and_which() {
    let ground = Ground::with_secrets().await;
    let sealed_with = ground.vault.keys().newest().id();
    let here = Keys::of(Key::generate().unwrap());
    fs::write(ground.key_file(), here.text().as_bytes()).unwrap();
    let told = ground.read_anew().await[1].clone().unwrap_err();
    for part in ["`password` of endpoint 7", &sealed_with.to_string(), &here.ids()[0].to_string()] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // The key that it needs, put behind the newest, is enough.
    let mut both = here;
    both.add(ground.vault.keys().newest().clone());
    fs::write(ground.key_file(), both.text().as_bytes()).unwrap();
    assert_eq!(ground.read_anew().await, all_readable());
}

#[tokio::test]
async fn a_key_is_made_at_the_first_start_and_never_once_there_are_secrets() {
    let ground = Ground::new();
    let made = ground.lines();
    assert_eq!(made.len(), 1);
    Vault::open_key(&source(ground.folder.path()), true).unwrap();
    assert_eq!(ground.lines(), made);
    fs::remove_file(ground.key_file()).unwrap();
    let told = Vault::open_key(&source(ground.folder.path()), true).unwrap_err().to_string();
    assert!(told.contains("is missing; put it back"), "{told}");
    assert!(!ground.key_file().exists());
    Vault::open_key(&source(ground.folder.path()), false).unwrap();
    assert_ne!(ground.lines(), made);
}

#[test]
fn a_credential_is_read_from_where_systemd_put_it() {
    let folder = tempfile::tempdir().unwrap();
    let source = |folder: Option<&Path>| KeySource::Credential {
        folder: folder.map(Into::into),
        name: "campanile-key".into(),
    };
    for folder in [None, Some(folder.path())] {
        let told = Vault::open_key(&source(folder), false).unwrap_err().to_string();
        assert!(told.contains("LoadCredentialEncrypted=campanile-key:FILE"), "{told}");
    }
    let keys = Keys::of(Key::generate().unwrap());
    file::make(&folder.path().join("campanile-key"), &keys).unwrap();
    let vault = Vault::open_key(&source(Some(folder.path())), true).unwrap();
    assert_eq!(vault.keys().ids(), keys.ids());
}

#[tokio::test]
async fn after_each_step_of_a_rotation_everything_is_readable() {
    let ground = Ground::with_secrets().await;
    let old = ground.lines();
    ground.vault.add_key().unwrap();
    assert_eq!(ground.lines()[1..], old);
    assert_eq!(ground.read_anew().await, all_readable(), "the new key is made");
    let resealed = ground.reseal().await;
    assert_eq!(ground.lines()[1..], old);
    assert_eq!(ground.read_anew().await, all_readable(), "all is sealed anew");
    ground.vault.drop_keys(resealed).unwrap();
    assert_eq!(ground.lines().len(), 1);
    assert_eq!(ground.read_anew().await, all_readable(), "the old key is gone");
    fs::write(ground.key_file(), format!("{}\n", old[0])).unwrap();
    assert!(ground.read_anew().await.iter().all(Result::is_err), "the old key opens nothing");
}

#[tokio::test]
async fn a_rotation_that_was_broken_off_is_finished_by_the_next() {
    let ground = Ground::with_secrets().await;
    ground.vault.add_key().unwrap();
    // As after a crash: keys come from the file.
    let vault = Vault::open_key(&source(ground.folder.path()), true).unwrap();
    let ground = Ground { vault, ..ground };
    let rotated = ground.rotate().await.unwrap();
    assert_eq!((rotated.sealed, rotated.unused.len(), rotated.is_removed), (3, 2, true));
    assert_eq!(ground.lines().len(), 1);
    assert_eq!(ground.read_anew().await, all_readable());
    let log = crate::audit::list(&ground.store, TenantId::DEFAULT, None, 10).await.unwrap();
    assert_eq!((log.len(), log[0].action.as_str()), (1, "secret-rotate"));
    assert_eq!(log[0].detail["sealed"], 3);
}

#[tokio::test]
async fn what_is_stored_while_keys_rotate_is_readable_afterwards() {
    let ground = Arc::new(Ground::new());
    let writing = async {
        for at in 0..50 {
            let owner = Owner::Endpoint(EndpointId(at));
            ground.put(about(owner, "password"), "hunter2").await;
        }
    };
    let rotating = async {
        for _ in 0..10 {
            ground.rotate().await.unwrap();
        }
    };
    tokio::join!(writing, rotating);
    let read = ground.read_anew().await;
    assert_eq!(read.len(), 50);
    assert!(read.iter().all(|value| value.as_deref() == Ok("hunter2")), "{read:?}");
    assert_eq!(ground.lines().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_left_as_it_is_and_keeps_its_key() {
    let ground = Ground::with_secrets().await;
    let old = ground.lines();
    ground.edit("update secret set bound_to = 'https://b.example:443' where field = 'password'");
    let rotated = ground.rotate().await.unwrap();
    assert_eq!((rotated.sealed, rotated.unused.len()), (2, 0));
    assert!(rotated.unreadable[0].to_string().contains("`password` of endpoint 7"));
    assert_eq!(ground.lines()[1..], old, "it may be mended yet");
    ground.edit("update secret set bound_to = 'https://a.example:443' where field = 'password'");
    assert_eq!(ground.read_anew().await, all_readable());
    let rotated = ground.rotate().await.unwrap();
    assert_eq!((rotated.sealed, rotated.unused.len(), ground.lines().len()), (3, 2, 1));
    assert_eq!(ground.read_anew().await, all_readable());
}

#[tokio::test]
async fn keys_put_into_the_file_by_hand_are_not_lost_by_a_rotation() {
    let ground = Ground::with_secrets().await;
    let by_hand = Vault::new_key().unwrap();
    let text = format!("{}{}\n", &*by_hand, ground.lines()[0]);
    fs::write(ground.key_file(), text).unwrap();
    ground.vault.add_key().unwrap();
    assert_eq!(ground.lines().len(), 3);
    assert_eq!(ground.lines()[1], by_hand.trim_end());
    fs::remove_file(ground.key_file()).unwrap();
    let told = ground.rotate().await.unwrap_err().to_string();
    assert!(told.contains("is missing; put it back"), "{told}");
}

#[tokio::test]
async fn keys_from_elsewhere_are_not_written_and_the_unused_are_named() {
    let ground = Ground::with_secrets().await;
    let old = ground.vault.keys().newest().clone();
    let keys = Keys::of(Key::generate().unwrap());
    let name = "campanile-key";
    let folder = tempfile::tempdir().unwrap();
    let mut both = keys.clone();
    both.add(old.clone());
    file::make(&folder.path().join(name), &both).unwrap();
    let source = KeySource::Credential { folder: Some(folder.path().into()), name: name.into() };
    let ground = Ground { vault: Vault::open_key(&source, true).unwrap(), ..ground };
    let rotated = ground.rotate().await.unwrap();
    assert_eq!((rotated.key, rotated.sealed), (keys.newest().id(), 3));
    assert_eq!((rotated.unused, rotated.is_removed), (vec![old.id()], false));
    fs::write(folder.path().join(name), keys.text().as_bytes()).unwrap();
    let vault = Vault::open_key(&source, true).unwrap();
    let sealed = ground.store.read(secrets::load).await.unwrap();
    assert!(sealed.iter().all(|one| vault.open(one).is_ok()));
}
