//! Files that decide what runs with rights of its own: policies and scripts.
//!
//! Promise: what is opened is a regular file that nobody but its owner can change or put another in
//! the place of: no link on the way, and file and every parent folder up to `/` belong to root or to
//! an owner that was named, without write access for group or others.
//!
//! An access control list needs no look of its own: its mask is what stands as the group's bits of
//! the mode, and limits all that it grants to anyone but the owner and others. A test proves it.
//!
//! Not here: what is in the file.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Always trusted.
const ROOT: u32 = 0;
/// Write access for group and others.
const WRITABLE: u32 = 0o022;
const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Opens a file for reading that only root and `owners` can change.
pub fn open(path: &Path, owners: &[u32]) -> Result<File, NotOwned> {
    let name = path.file_name().ok_or_else(|| NotOwned::NoPath { path: path.into() })?;
    let parent = path.parent().ok_or_else(|| NotOwned::NoPath { path: path.into() })?;
    beneath(&OwnedFolder::open(parent, owners)?, name, owners)
}

/// Opens the file `name` in `folder`; a name is one part of a path.
pub fn beneath(folder: &OwnedFolder, name: &OsStr, owners: &[u32]) -> Result<File, NotOwned> {
    let path = folder.path.join(name);
    let is_one_part = !name.is_empty()
        && !name.as_bytes().contains(&b'/')
        && name != OsStr::new(".")
        && name != OsStr::new("..");
    if !is_one_part {
        return Err(NotOwned::NoPath { path });
    }
    // Not blocking, so that a FIFO is told of rather than waited for.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat2(&folder.fd, name, flags, Mode::empty(), RESOLVE)
        .map_err(|error| failed(&path, error))?;
    check(&file, &path, FileType::RegularFile, owners)?;
    Ok(file.into())
}

/// A folder in which only root and the owners can put files.
#[derive(Debug)]
pub struct OwnedFolder {
    fd: OwnedFd,
    path: PathBuf,
}

impl OwnedFolder {
    /// Walks down from `/`, and looks at every folder on the way.
    pub fn open(path: &Path, owners: &[u32]) -> Result<Self, NotOwned> {
        Self::open_from(Path::new("/"), path, owners)
    }

    /// `top`: the first folder that is looked at: `/`, or a test's.
    fn open_from(top: &Path, path: &Path, owners: &[u32]) -> Result<Self, NotOwned> {
        let no_path = || NotOwned::NoPath { path: path.into() };
        if !path.is_absolute() {
            return Err(no_path());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = top.to_owned();
        let mut fd = rustix::fs::openat(CWD, top, flags, Mode::empty())
            .map_err(|error| failed(top, error))?;
        check(&fd, &at, FileType::Directory, owners)?;
        for part in path.strip_prefix(top).map_err(|_| no_path())?.components() {
            let Component::Normal(part) = part else { return Err(no_path()) };
            at.push(part);
            fd = rustix::fs::openat(&fd, part, flags, Mode::empty())
                .map_err(|error| failed(&at, error))?;
            check(&fd, &at, FileType::Directory, owners)?;
        }
        Ok(Self { fd, path: at })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn check(fd: &OwnedFd, path: &Path, expected: FileType, owners: &[u32]) -> Result<(), NotOwned> {
    let about: Stat = rustix::fs::fstat(fd).map_err(|error| failed(path, error))?;
    let is = FileType::from_raw_mode(about.st_mode);
    if is != expected {
        let expected = if expected == FileType::Directory { "folder" } else { "plain file" };
        return Err(NotOwned::OtherType { path: path.into(), expected });
    }
    if about.st_uid != ROOT && !owners.contains(&about.st_uid) {
        return Err(NotOwned::Owner { path: path.into(), owner: about.st_uid });
    }
    if about.st_mode & WRITABLE != 0 {
        return Err(NotOwned::Writable { path: path.into(), mode: about.st_mode & 0o7777 });
    }
    Ok(())
}

fn failed(path: &Path, error: Errno) -> NotOwned {
    match error {
        Errno::LOOP => NotOwned::Link { path: path.into() },
        // What `DIRECTORY` with `NOFOLLOW` says of a link, too.
        Errno::NOTDIR if path.is_symlink() => NotOwned::Link { path: path.into() },
        Errno::NOTDIR => NotOwned::OtherType { path: path.into(), expected: "folder" },
        Errno::NOENT => NotOwned::Missing { path: path.into() },
        error => NotOwned::Unreadable { path: path.into(), source: error.into() },
    }
}

/// Why a file is not trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotOwned {
    #[error("`{path}` does not exist", path = path.display())]
    Missing { path: PathBuf },

    #[error("`{path}` must be an absolute path without `.` and `..`", path = path.display())]
    NoPath { path: PathBuf },

    #[error("`{path}` is a link, and links are not followed here; name or put the thing itself",
            path = path.display())]
    Link { path: PathBuf },

    #[error("`{path}` is not a {expected}; expected one", path = path.display())]
    OtherType { path: PathBuf, expected: &'static str },

    #[error("`{path}` belongs to user {owner}, who could change what runs; run `chown root` on it",
            path = path.display())]
    Owner { path: PathBuf, owner: u32 },

    #[error("`{path}` has mode {mode:o}, so others than its owner could change what runs; run \
             `chmod go-w` on it, or use another folder", path = path.display())]
    Writable { path: PathBuf, mode: u32 },

    #[error("cannot open `{path}`", path = path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

impl NotOwned {
    /// With its cause, for where one line is all there is.
    pub fn told(&self) -> String {
        match self {
            Self::Unreadable { source, .. } => format!("{self}: {source}"),
            told => told.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
