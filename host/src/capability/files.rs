//! The files door: regular files in the folders that an endpoint was granted.
//!
//! Promise: nothing outside of `root/TENANT/PLACE` is reached, whatever a name says and whatever
//! lies in the folder: no link is followed, and only regular files with one name are touched. What
//! an append returned is on disk; of what it could not write, nothing stays. (After a loss of power
//! in the middle, its beginning may be there.)
//!
//! Not here: what lines mean, and when a file is turned over, which components decide.

mod append;
mod error;
mod folder;
mod name;
mod place;

use std::sync::Arc;

pub use error::FilesError;
pub use folder::{FilesGate, FolderLimits, RootError};
pub use place::{FolderGrant, Place, PlaceError, folders};

use super::budget::CallBudget;
use crate::delivery::Seen;
use crate::runtime::Access;
use folder::Folder;

/// One store's way to files.
#[derive(Debug, Default)]
pub struct FilesDoor {
    gate: Arc<FilesGate>,
    grants: Arc<[FolderGrant]>,
    /// Opened at their first use, at the place of their grant.
    opened: Vec<Option<Arc<Folder>>>,
    seen: Seen,
}

impl FilesDoor {
    pub fn new(gate: Arc<FilesGate>, grants: Arc<[FolderGrant]>) -> Self {
        let opened = grants.iter().map(|_| None).collect();
        Self { gate, grants, opened, seen: Seen::default() }
    }

    /// Starts a call: what was seen starts anew.
    pub fn begin(&mut self) {
        self.seen = Seen::default();
    }

    /// What the host saw since the call began: `unanswered` stands while it is not known whether
    /// what was to be added is in the file.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    pub async fn read(
        &mut self,
        calls: &CallBudget,
        folder: &str,
        name: &str,
    ) -> Result<Vec<u8>, FilesError> {
        let (_, opened) = self.folder(calls, folder, Access::Read).await?;
        let name = name::checked(name)?.to_owned();
        // A call that may take in no more is refused before the disk is read for it.
        let left = calls.in_left();
        let read = blocking(move || opened.read(&name, left)).await;
        match &read {
            Ok(bytes) => {
                calls.take_in(bytes.len())?;
                self.seen.received_bytes += bytes.len() as u64;
            }
            Err(FilesError::BeyondBudget { bytes }) => calls.take_in(*bytes)?,
            Err(_) => {}
        }
        read
    }

    /// The new size in bytes.
    pub async fn append(
        &mut self,
        calls: &CallBudget,
        folder: &str,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<u64, FilesError> {
        let (at, opened) = self.folder(calls, folder, Access::Append).await?;
        let name = name::checked(name)?.to_owned();
        calls.take_out(bytes.len())?;
        let length = bytes.len() as u64;
        self.seen.origin = Some(format!("files:{}", self.grants[at].place));
        let lost = std::mem::replace(&mut self.seen.unanswered, true);
        let added = blocking(move || opened.append(&name, &bytes)).await;
        // What stays in doubt stays so, whatever is added after it.
        self.seen.unanswered = lost || added.as_ref().is_err_and(FilesError::is_in_doubt);
        if added.is_ok() {
            self.seen.sent_bytes += length;
        }
        added
    }

    pub async fn size(
        &mut self,
        calls: &CallBudget,
        folder: &str,
        name: &str,
    ) -> Result<u64, FilesError> {
        let (_, opened) = self.folder(calls, folder, Access::Read).await?;
        let name = name::checked(name)?.to_owned();
        blocking(move || opened.size(&name)).await
    }

    pub async fn rename(
        &mut self,
        calls: &CallBudget,
        folder: &str,
        old: &str,
        new: &str,
    ) -> Result<(), FilesError> {
        let (_, opened) = self.folder(calls, folder, Access::Append).await?;
        let (old, new) = (name::checked(old)?.to_owned(), name::checked(new)?.to_owned());
        blocking(move || opened.rename(&old, &new)).await
    }

    pub async fn remove(
        &mut self,
        calls: &CallBudget,
        folder: &str,
        name: &str,
    ) -> Result<(), FilesError> {
        let (_, opened) = self.folder(calls, folder, Access::Append).await?;
        let name = name::checked(name)?.to_owned();
        blocking(move || opened.remove(&name)).await
    }

    pub async fn names(
        &mut self,
        calls: &CallBudget,
        folder: &str,
    ) -> Result<Vec<String>, FilesError> {
        let (_, opened) = self.folder(calls, folder, Access::Read).await?;
        let names = blocking(move || opened.names()).await?;
        calls.take_in(names.iter().map(String::len).sum())?;
        Ok(names)
    }

    /// The folder that the guest calls `name`, and the position of its grant.
    async fn folder(
        &mut self,
        calls: &CallBudget,
        name: &str,
        access: Access,
    ) -> Result<(usize, Arc<Folder>), FilesError> {
        calls.take_call()?;
        let at = self.grants.iter().position(|grant| grant.name == name);
        let at = at.ok_or_else(|| FilesError::NotGranted { folder: name.to_owned() })?;
        if access == Access::Append && self.grants[at].access != Access::Append {
            return Err(FilesError::ReadOnly { folder: name.to_owned() });
        }
        if let Some(Some(opened)) = self.opened.get(at) {
            return Ok((at, Arc::clone(opened)));
        }
        let (gate, place) = (Arc::clone(&self.gate), self.grants[at].place.clone());
        let opened = Arc::new(blocking(move || gate.open(&place)).await?);
        self.opened[at] = Some(Arc::clone(&opened));
        Ok((at, opened))
    }
}

/// Disks make their callers wait. Work that was begun ends, even if nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(FilesError::Broken))
}

#[cfg(test)]
mod tests;
