//! Adding to a file: within the folder's quota, on disk when it returns, all of it or nothing.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::error::FilesError;
use super::folder::{Folder, plain, size};

const ADDING: OFlags = OFlags::WRONLY.union(OFlags::APPEND);

const DOING: &str = "write to the file";

/// A file that is added to.
struct Added {
    file: File,
    size_before: u64,
    is_new: bool,
}

impl Folder {
    /// The new size of the file in bytes.
    pub(super) fn append(&self, name: &str, bytes: &[u8]) -> Result<u64, FilesError> {
        let _held = self.hold();
        let is_new = match self.look(name) {
            Ok(_) => false,
            Err(FilesError::Missing) => true,
            Err(other) => return Err(other),
        };
        self.check_quota(bytes.len(), is_new)?;
        let added = self.open_to_add(name, is_new)?;
        let written =
            (&added.file).write_all(bytes).and_then(|()| added.file.sync_data()).and_then(|()| {
                if added.is_new { self.sync().map_err(io::Error::from) } else { Ok(()) }
            });
        match written {
            Ok(()) => Ok(added.size_before.saturating_add(bytes.len() as u64)),
            Err(source) => {
                self.take_back(name, &added).map_err(|source| FilesError::HalfDone { source })?;
                Err(FilesError::of(DOING, source))
            }
        }
    }

    fn open_to_add(&self, name: &str, is_new: bool) -> Result<Added, FilesError> {
        if !is_new {
            let (file, of) = self.open(name, ADDING)?;
            return Ok(Added { file, size_before: size(&of), is_new });
        }
        let flags = ADDING | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(FilesError::io(DOING))?;
        plain(name, rustix::fs::fstat(&file).map_err(FilesError::io(DOING))?)?;
        Ok(Added { file: file.into(), size_before: 0, is_new })
    }

    /// Leaves nothing half done, on disk neither.
    fn take_back(&self, name: &str, added: &Added) -> io::Result<()> {
        if added.is_new {
            rustix::fs::unlinkat(&self.dir, name, AtFlags::empty())?;
            return Ok(self.sync()?);
        }
        added.file.set_len(added.size_before)?;
        added.file.sync_data()
    }

    fn check_quota(&self, more: usize, is_new: bool) -> Result<(), FilesError> {
        let (bytes_max, files_max) = (self.limits.bytes_max, self.limits.files_max);
        let (mut bytes, mut files) = (more as u64, usize::from(is_new));
        self.each(|_, of| {
            bytes = bytes.saturating_add(size(of));
            files += 1;
            // So a folder that was filled by another hand is not counted to its end.
            if files > files_max { Err(FilesError::QuotaFiles { files_max }) } else { Ok(()) }
        })?;
        if files > files_max {
            return Err(FilesError::QuotaFiles { files_max });
        }
        if bytes > bytes_max { Err(FilesError::QuotaBytes { bytes_max }) } else { Ok(()) }
    }
}
