//! A script, held so that what was looked at is what runs.
//!
//! Promise: the file passed every check of `owned` in the moment it was opened; its content was read
//! once, into memory that nobody can change any more, and the hash is of those bytes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, Mode, SealFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::policy::Policy;
use super::protocol::{Refusal, Rule};
use crate::privileged::owned::{self, NotOwned, OwnedFolder};

/// Largest script, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// Any of the three rights to execute.
const EXECUTABLE: u32 = 0o111;

/// A script that may run.
#[derive(Debug)]
pub struct Program {
    /// Sealed memory with the script in it.
    pub memory: OwnedFd,
    pub sha256: [u8; 32],
    pub folder: PathBuf,
    pub owner: u32,
}

impl Program {
    /// From the first of the policy's folders that has a file of this name.
    pub fn open(policy: &Policy, script: &str) -> Result<Self, Refusal> {
        policy.allows_script(script)?;
        for folder in &policy.folders {
            let folder = match OwnedFolder::open(folder, &policy.owners) {
                Ok(folder) => folder,
                Err(NotOwned::Missing { .. }) => continue,
                Err(error) => return Err(refusal(error.told())),
            };
            match owned::beneath(&folder, OsStr::new(script), &policy.owners) {
                Ok(file) => return Self::hold(&file, folder.path().to_owned()),
                Err(NotOwned::Missing { .. }) => {}
                Err(error) => return Err(refusal(error.told())),
            }
        }
        let folders: Vec<_> =
            policy.folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
        Err(refusal(format!(
            "there is no such script in {}; put it there, owned by root",
            folders.join(" or ")
        )))
    }

    fn hold(file: &File, folder: PathBuf) -> Result<Self, Refusal> {
        let failed = |error: io::Error| refusal(format!("the script cannot be read: {error}"));
        let about = file.metadata().map_err(failed)?;
        if about.mode() & EXECUTABLE == 0 {
            return Err(refusal("the script is not executable; run `chmod +x` on it".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(refusal("the script is larger than 1 MiB; expected less".to_owned()));
        }
        let memory = sealed(&bytes).map_err(failed)?;
        Ok(Self { memory, sha256: Sha256::digest(&bytes).into(), folder, owner: about.uid() })
    }
}

/// Memory that holds exactly these bytes, for good, and can be executed.
fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create("script", flags | MemfdFlags::EXEC) {
        // Before Linux 6.3 there was no such flag, and all of them could be executed.
        Err(Errno::INVAL) => rustix::fs::memfd_create("script", flags)?,
        memory => memory?,
    };
    let mut file = File::from(memory);
    file.write_all(bytes)?;
    // Whoever the script runs as opens it to read, by its number.
    rustix::fs::fchmod(&file, Mode::from(0o555))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// Whether this machine lets scripts be held.
pub(in crate::privileged) fn try_memory() -> io::Result<()> {
    sealed(b"").map(drop)
}

fn refusal(detail: String) -> Refusal {
    Refusal { rule: Rule::Script, detail }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom};

    use super::*;

    #[test]
    fn what_is_held_cannot_be_changed() {
        let mut file = File::from(sealed(b"#!/bin/sh\n").unwrap());
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\n");
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(4096).is_err());
        assert!(rustix::fs::fcntl_add_seals(&file, SealFlags::FUTURE_WRITE).is_err());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o555);
    }
}
