//! A new key for everything: each stored value is sealed anew under the newest.
//!
//! Promise: whenever the engine stops, every stored value has its key. The new key is on disk
//! before anything is sealed with it, and an old one goes only when nothing needs it any more.

use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::file::{self, Rights};
use super::keys::{Key, Keys};
use super::{KeyId, Vault, VaultError};
use crate::audit::{self, Entry, Who};
use crate::config::KeySource;
use crate::ids::TenantId;
use crate::records::secrets;
use crate::store::{Prepared, Refusal, Store, StoreError, Weight, WriteJob};

/// What came of it.
#[derive(Debug)]
pub struct Rotated {
    /// Everything that could be read is sealed with this one now.
    pub key: KeyId,
    pub sealed: usize,
    /// What could not be read, and why; it is as it was.
    pub unreadable: Vec<VaultError>,
    /// Older keys that nothing needs any more. Of a key file they are taken out; elsewhere the
    /// operator can do that.
    pub unused: Vec<KeyId>,
    /// The engine took the unused ones out itself.
    pub is_removed: bool,
}

/// Why not everything was done; what is stored can be read all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Vault {
    /// Makes a new key where the key is a file of ours, and seals everything with the newest.
    /// Begun, it goes on to its end, whether or not somebody waits for it.
    pub async fn rotate(
        &self,
        store: &Store,
        tenant: TenantId,
        who: Who,
    ) -> Result<Rotated, RotateError> {
        let (vault, store) = (self.clone(), store.clone());
        let rotating = tokio::task::spawn_blocking(move || {
            let _turn = vault.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
            vault.add_key()?;
            let resealed = vault.reseal(&store, tenant, who)?;
            vault.drop_keys(resealed)
        });
        // It is not canceled, and a panic in it is a mistake of ours.
        rotating.await.unwrap_or(Err(StoreError::Closed.into()))
    }

    /// First step: the new key is in the file, before the others, and from now on in use.
    pub(super) fn add_key(&self) -> Result<(), VaultError> {
        let KeySource::File(path) = &self.0.source else { return Ok(()) };
        // The file may have more by now, put there by hand.
        let mut keys = file::read(path, Rights::OwnerAlone, rustix::process::geteuid().as_raw())?
            .ok_or_else(|| VaultError::Lost { path: path.clone() })?;
        self.keys().iter().for_each(|key| keys.add(key.clone()));
        let keys = keys.led_by(Key::generate()?);
        file::replace(path, &keys)?;
        self.set_keys(keys);
        Ok(())
    }

    /// Second step: one transaction. What is stored before it is sealed anew by it, and what is
    /// stored after it is sealed with the newest key from the start.
    pub(super) fn reseal(
        &self,
        store: &Store,
        tenant: TenantId,
        who: Who,
    ) -> Result<Resealed, StoreError> {
        let (reply, answer) = oneshot::channel();
        let at_ms = store.clock().now_ms();
        let job = Reseal { vault: self.clone(), tenant, who, at_ms, done: None, reply };
        let sent = store.ingest(Box::new(job), Weight { count: 0, bytes: 0 });
        sent.map_err(|refusal| match refusal {
            Refusal::Crowded => StoreError::Busy,
            Refusal::DiskFull => StoreError::DiskFull,
            Refusal::Closed => StoreError::Closed,
        })?;
        answer.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Third step: keys that nothing needs go.
    pub(super) fn drop_keys(&self, resealed: Resealed) -> Result<Rotated, RotateError> {
        let Resealed { sealed, unreadable, needed } = resealed;
        let all = self.keys();
        let left = all.only(|id| needed.contains(&id));
        let unused = all.ids().into_iter().filter(|id| left.get(*id).is_none()).collect();
        let is_removed = match &self.0.source {
            KeySource::File(path) => {
                file::replace(path, &left)?;
                self.set_keys(left);
                true
            }
            KeySource::Credential { .. } | KeySource::Command(_) => false,
        };
        Ok(Rotated { key: all.newest().id(), sealed, unreadable, unused, is_removed })
    }
}

/// What the second step did.
#[derive(Debug)]
pub(super) struct Resealed {
    sealed: usize,
    unreadable: Vec<VaultError>,
    /// Keys of what could not be read: it may be mended yet.
    needed: Vec<KeyId>,
}

struct Reseal {
    vault: Vault,
    tenant: TenantId,
    who: Who,
    at_ms: u64,
    done: Option<Resealed>,
    reply: oneshot::Sender<Result<Resealed, StoreError>>,
}

impl WriteJob for Reseal {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        let keys = self.vault.keys();
        let mut done = Resealed { sealed: 0, unreadable: Vec::new(), needed: Vec::new() };
        for old in secrets::all(db)? {
            match self.vault.open(&old) {
                Ok(value) => {
                    secrets::put(db, &self.vault, old.about, &value, old.changed_ms)?;
                    done.sealed += 1;
                }
                Err(error) => {
                    done.needed.push(old.key_id);
                    done.unreadable.push(error);
                }
            }
        }
        audit::append(db, &self.entry(&keys, &done))?;
        self.done = Some(done);
        Ok(())
    }

    fn answer(mut self: Box<Self>, result: Result<(), StoreError>) {
        let done = result.and_then(|()| self.done.take().ok_or(StoreError::Closed));
        // Whoever asked waits on a thread of its own.
        _ = self.reply.send(done);
    }
}

impl Reseal {
    fn entry(&self, keys: &Keys, done: &Resealed) -> Entry {
        Entry {
            at_ms: self.at_ms,
            tenant: self.tenant,
            who: self.who.clone(),
            action: "secret-rotate",
            object: "secrets".to_owned(),
            detail: serde_json::json!({
                "key": keys.newest().id().to_string(),
                "sealed": done.sealed,
                "unreadable": done.unreadable.len(),
            }),
        }
    }
}
