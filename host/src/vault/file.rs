//! Files with keys: looked at before they are believed, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use zeroize::Zeroizing;

use super::VaultError;
use super::keys::{Keys, TEXT_BYTES_MAX};

/// Who may have which rights to a file with a key, beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Nobody any.
    OwnerAlone,
    /// systemd lets a service read its credentials by an access list, which shows as the right of
    /// a group to read.
    Credential,
}

impl Rights {
    fn forbidden(self) -> u32 {
        match self {
            Self::OwnerAlone => 0o077,
            Self::Credential => 0o037,
        }
    }
}

/// The keys in the file at `path`, which root or `owner` owns. `None`: there is none.
pub(super) fn read(path: &Path, rights: Rights, owner: u32) -> Result<Option<Keys>, VaultError> {
    let failed = |source| VaultError::File { path: path.into(), source };
    // Not blocking, so that a FIFO is told of rather than waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(VaultError::NoFile { path: path.into() }),
        Err(error) => return Err(failed(error.into())),
    };
    check(&file, path, rights, owner)?;
    // One byte more shows that it is too long; a buffer that grows leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(TEXT_BYTES_MAX + 1));
    file.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    let keys = Some(&text).filter(|it| it.len() <= TEXT_BYTES_MAX).and_then(|it| Keys::parse(it));
    keys.map(Some).ok_or_else(|| VaultError::Malformed { place: format!("`{}`", path.display()) })
}

fn check(file: &File, path: &Path, rights: Rights, owner: u32) -> Result<(), VaultError> {
    let about = file.metadata().map_err(|source| VaultError::File { path: path.into(), source })?;
    if !about.is_file() {
        return Err(VaultError::NoFile { path: path.into() });
    }
    if ![0, owner].contains(&about.uid()) {
        return Err(VaultError::Foreign { path: path.into(), owner: about.uid() });
    }
    if about.mode() & rights.forbidden() != 0 {
        return Err(VaultError::Open { path: path.into(), mode: about.mode() & 0o7777 });
    }
    Ok(())
}

/// Writes keys where none are.
pub(super) fn make(path: &Path, keys: &Keys) -> Result<(), VaultError> {
    let put =
        |beside: &Path| rustix::fs::renameat_with(CWD, beside, CWD, path, RenameFlags::NOREPLACE);
    write(path, keys, |beside| Ok(put(beside)?))
}

/// Writes keys instead of those that are there. A crash leaves the ones or the others, whole.
pub(super) fn replace(path: &Path, keys: &Keys) -> Result<(), VaultError> {
    write(path, keys, |beside| fs::rename(beside, path))
}

fn write(
    path: &Path,
    keys: &Keys,
    put: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), VaultError> {
    let beside = beside(path);
    let written = || {
        let text = keys.text();
        if text.len() > TEXT_BYTES_MAX {
            return Err(io::Error::other("too many keys in one file; take old ones out"));
        }
        // What a crash left there is of no use, and may belong to somebody else.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(rustix::fs::open(&beside, flags | OFlags::CLOEXEC, mode)?);
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        put(&beside)?;
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|source| VaultError::Unwritable { path: path.into(), source })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::super::keys::Key;
    use super::*;

    fn read(path: &Path, rights: Rights) -> Result<Option<Keys>, VaultError> {
        super::read(path, rights, rustix::process::geteuid().as_raw())
    }

    fn keys() -> Keys {
        Keys::of(Key::generate().unwrap())
    }

    #[test]
    fn a_file_is_made_once_for_its_owner_alone_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        assert!(read(&path, Rights::OwnerAlone).unwrap().is_none());
        let first = keys();
        fs::write(beside(&path), "left by a crash").unwrap();
        make(&path, &first).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let told = make(&path, &keys()).unwrap_err().to_string();
        assert!(told.contains("cannot write"), "{told}");
        assert_eq!(read(&path, Rights::OwnerAlone).unwrap().unwrap().ids(), first.ids());
        let second = first.led_by(Key::generate().unwrap());
        replace(&path, &second).unwrap();
        assert_eq!(read(&path, Rights::OwnerAlone).unwrap().unwrap().ids(), second.ids());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make(&path, &keys()).unwrap();
        let table = [
            (0o600, true, true),
            (0o400, true, true),
            (0o440, false, true),
            (0o640, false, true),
            (0o620, false, false),
            (0o604, false, false),
            (0o602, false, false),
            (0o666, false, false),
        ];
        for (mode, alone, credential) in table {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            for (rights, is_good) in [(Rights::OwnerAlone, alone), (Rights::Credential, credential)]
            {
                let read = read(&path, rights);
                assert_eq!(read.is_ok(), is_good, "{mode:o} {rights:?}");
                if let Err(error) = read {
                    assert!(error.to_string().contains(&format!("mode {mode:o}")), "{error}");
                }
            }
        }
    }

    #[test]
    fn only_a_plain_file_with_keys_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let [key, link, fifo, other] =
            ["key", "link", "fifo", "other"].map(|name| folder.path().join(name));
        make(&key, &keys()).unwrap();
        std::os::unix::fs::symlink(&key, &link).unwrap();
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR).unwrap();
        for path in [&link, &fifo, &folder.path().to_owned()] {
            let told = read(path, Rights::Credential).unwrap_err().to_string();
            assert!(told.contains("must be a plain file") || told.contains("mode"), "{told}");
        }
        let long = keys().text().repeat(70);
        for text in ["", "hunter2hunter2hunter2", long.as_str()] {
            fs::write(&other, text).unwrap();
            fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
            let told = read(&other, Rights::OwnerAlone).unwrap_err().to_string();
            assert!(told.contains("holds no keys") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make(&path, &keys()).unwrap();
        let somebody = Some(rustix::fs::Uid::from_raw(12_345));
        if rustix::fs::chown(&path, somebody, None).is_err() {
            return; // Only root gives files away.
        }
        let told = read(&path, Rights::OwnerAlone).unwrap_err().to_string();
        assert!(told.contains("belongs to user 12345"), "{told}");
    }
}
