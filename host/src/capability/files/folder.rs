//! One granted folder, held open, and what can be done with its files.
//!
//! Promise: every part of the way to it was opened without following a link, belongs to the
//! engine's user or to root, and nobody else may write to it. What a name meant when it was checked
//! is what is used: the file is looked at again once it is open.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::error::FilesError;
use super::name;
use super::place::Place;

/// Names that are given at once.
const NAMES_MAX: usize = 10_000;

/// Not followed, not waited for, not handed to other programs.
const PLAIN: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// The bounds on each folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderLimits {
    /// All files of one folder together.
    pub bytes_max: u64,
    pub files_max: usize,
    /// One file that is read whole.
    pub read_bytes_max: usize,
}

/// What all files doors share. The default has no root: no folder can be opened.
#[derive(Debug, Default)]
pub struct FilesGate {
    root: Option<Dir>,
    limits: FolderLimits,
    locks: Mutex<HashMap<Identity, Weak<Mutex<()>>>>,
}

/// A folder by device and inode, whatever way led to it.
type Identity = (u64, u64);

/// Why the root cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    #[error("cannot open or make the folder `{path}`; correct `files.root`", path = path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("the folder `{path}` belongs to somebody else, or others may write to it; let the \
             engine's user own it, with mode 0700", path = path.display())]
    Shared { path: PathBuf },
}

impl FilesGate {
    /// Opens the root, and makes it where it is missing. It is the operator's word, so links on the
    /// way to it are followed.
    pub fn open_root(path: &Path, limits: FolderLimits) -> Result<Self, RootError> {
        use std::os::unix::fs::DirBuilderExt;
        let cannot = |source| RootError::Unusable { path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(cannot)?;
        let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(cannot)?;
        // That one is a mere reference; what is made in a folder lasts once the folder was synced.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | PLAIN;
        let root = rustix::fs::openat(&root, ".", flags, Mode::empty());
        let root = root.map_err(|errno| cannot(errno.into()))?;
        let of = rustix::fs::fstat(&root).map_err(|errno| cannot(errno.into()))?;
        if is_shared(&of) {
            return Err(RootError::Shared { path: path.to_owned() });
        }
        Ok(Self { root: Some(Dir::from(root)), limits, locks: Mutex::default() })
    }

    /// Whether any folder can be granted.
    pub fn is_open(&self) -> bool {
        self.root.is_some()
    }

    /// Opens the folder at `place`, part by part, and makes the parts that are missing.
    pub(super) fn open(&self, place: &Place) -> Result<Folder, FilesError> {
        let root = self.root.as_ref();
        let root = root.ok_or_else(|| FilesError::NotGranted { folder: place.to_string() })?;
        let mut dir = root.try_clone().map_err(|error| FilesError::of("open the root", error))?;
        for part in place.parts() {
            dir = step(&dir, part)?;
        }
        let of = rustix::fs::fstat(&dir).map_err(FilesError::io("look at the folder"))?;
        Ok(Folder { dir, limits: self.limits, lock: self.lock((of.st_dev, of.st_ino)) })
    }

    fn lock(&self, folder: Identity) -> Arc<Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&folder).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(folder, Arc::downgrade(&lock));
        lock
    }
}

/// From a folder to one in it. One part at a time cannot lead up or, without following links,
/// aside; and so each is looked at, too.
fn step(dir: &Dir, part: &str) -> Result<Dir, FilesError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | PLAIN;
    let mut opened = rustix::fs::openat(dir, part, flags, Mode::empty());
    if matches!(opened, Err(Errno::NOENT)) {
        match rustix::fs::mkdirat(dir, part, Mode::RWXU) {
            // Another store of this endpoint may have been first.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(FilesError::io("make the folder")(errno)),
        }
        rustix::fs::fsync(dir).map_err(FilesError::io("make the folder"))?;
        opened = rustix::fs::openat(dir, part, flags, Mode::empty());
    }
    let opened = opened.map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => FilesError::NotAFolder { part: part.to_owned() },
        other => FilesError::io("open the folder")(other),
    })?;
    let of = rustix::fs::fstat(&opened).map_err(FilesError::io("look at the folder"))?;
    if is_shared(&of) {
        return Err(FilesError::Shared { part: part.to_owned() });
    }
    Ok(Dir::from(opened))
}

/// Whether somebody but root and us can change what is in a folder.
fn is_shared(of: &Stat) -> bool {
    let others = Mode::WGRP | Mode::WOTH;
    let is_ours = of.st_uid == 0 || of.st_uid == rustix::process::geteuid().as_raw();
    !is_ours || Mode::from_raw_mode(of.st_mode).intersects(others)
}

/// A folder that is held open.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) dir: Dir,
    pub(super) limits: FolderLimits,
    /// Shared by all stores of this process that have the folder.
    lock: Arc<Mutex<()>>,
}

impl Folder {
    /// At most `left` bytes, and never part of a file.
    pub(super) fn read(&self, name: &str, left: usize) -> Result<Vec<u8>, FilesError> {
        const DOING: &str = "read the file";
        let _held = self.hold();
        let (mut file, of) = self.open(name, OFlags::RDONLY)?;
        let bytes_max = self.limits.read_bytes_max;
        let size = usize::try_from(of.st_size).unwrap_or(usize::MAX);
        if size > bytes_max {
            return Err(FilesError::TooLarge { bytes_max });
        }
        if size > left {
            return Err(FilesError::BeyondBudget { bytes: size });
        }
        let mut bytes = Vec::with_capacity(size);
        let room = bytes_max.min(left);
        let limit = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        (&mut file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| FilesError::of(DOING, error))?;
        // It grew by another hand meanwhile.
        if bytes.len() > room { Err(FilesError::TooLarge { bytes_max: room }) } else { Ok(bytes) }
    }

    pub(super) fn size(&self, name: &str) -> Result<u64, FilesError> {
        let _held = self.hold();
        Ok(size(&self.look(name)?))
    }

    /// Never replaces a file.
    pub(super) fn rename(&self, old: &str, new: &str) -> Result<(), FilesError> {
        const DOING: &str = "rename the file";
        let _held = self.hold();
        self.look(old)?;
        rustix::fs::renameat_with(&self.dir, old, &self.dir, new, RenameFlags::NOREPLACE).map_err(
            |errno| match errno {
                Errno::EXIST => FilesError::Exists { name: new.to_owned() },
                other => FilesError::io(DOING)(other),
            },
        )?;
        self.sync().map_err(FilesError::io(DOING))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), FilesError> {
        const DOING: &str = "remove the file";
        let _held = self.hold();
        self.look(name)?;
        rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()).map_err(FilesError::io(DOING))?;
        self.sync().map_err(FilesError::io(DOING))
    }

    /// The regular files, by name. What a guest could not name is left out.
    pub(super) fn names(&self) -> Result<Vec<String>, FilesError> {
        let _held = self.hold();
        let mut names = Vec::new();
        self.each(|name, of| {
            let name = name.to_str().and_then(|name| name::checked(name).ok());
            if let Some(name) = name.filter(|_| of.st_nlink == 1) {
                if names.len() == NAMES_MAX {
                    return Err(FilesError::TooMany { count_max: NAMES_MAX });
                }
                names.push(name.to_owned());
            }
            Ok(())
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// No other store of this process changes the folder meanwhile.
    pub(super) fn hold(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the regular file `name`.
    pub(super) fn look(&self, name: &str) -> Result<Stat, FilesError> {
        let of = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(FilesError::io("look at the file"))?;
        plain(name, of)
    }

    /// Opens a regular file. It is looked at before, since opening some devices does something, and
    /// after, since that is what will be used.
    pub(super) fn open(
        &self,
        name: &str,
        access: OFlags,
    ) -> Result<(std::fs::File, Stat), FilesError> {
        self.look(name)?;
        self.open_unseen(name, access)
    }

    /// Opens a file that nobody looked at before.
    pub(super) fn open_unseen(
        &self,
        name: &str,
        access: OFlags,
    ) -> Result<(std::fs::File, Stat), FilesError> {
        const DOING: &str = "open the file";
        let file = rustix::fs::openat(&self.dir, name, access | PLAIN, Mode::empty())
            .map_err(FilesError::io(DOING))?;
        let of = rustix::fs::fstat(&file).map_err(FilesError::io(DOING))?;
        Ok((file.into(), plain(name, of)?))
    }

    /// Calls `visit` with each regular file.
    pub(super) fn each(
        &self,
        mut visit: impl FnMut(&std::ffi::OsStr, &Stat) -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        const DOING: &str = "list the folder";
        let entries = self.dir.entries().map_err(|error| FilesError::of(DOING, error))?;
        for entry in entries {
            let name = entry.map_err(|error| FilesError::of(DOING, error))?.file_name();
            match rustix::fs::statat(&self.dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(of) if file_type(&of) == FileType::RegularFile => visit(&name, &of)?,
                // Removed by another hand meanwhile, or nothing that counts.
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(FilesError::io(DOING)(errno)),
            }
        }
        Ok(())
    }

    /// Makes new and changed names last.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        rustix::fs::fsync(&self.dir)
    }
}

/// `of`, if it is a regular file with one name.
pub(super) fn plain(name: &str, of: Stat) -> Result<Stat, FilesError> {
    let what = match file_type(&of) {
        FileType::RegularFile if of.st_nlink == 1 => return Ok(of),
        FileType::RegularFile => return Err(FilesError::Linked { name: name.to_owned() }),
        FileType::Directory => "folder",
        FileType::Symlink => "link",
        FileType::Fifo => "named pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Unknown => "thing of unknown kind",
    };
    Err(FilesError::NotAFile { name: name.to_owned(), what })
}

pub(super) fn size(of: &Stat) -> u64 {
    u64::try_from(of.st_size).unwrap_or_default()
}

fn file_type(of: &Stat) -> FileType {
    FileType::from_raw_mode(of.st_mode)
}
