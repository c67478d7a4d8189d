//! What the helper gives up before it begins.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::policy::Policy;
use super::server::Way;
use crate::privileged::confine::{self, Calls, ConfineError, Files};

impl Policy {
    /// Gives up what the helper does not need, for good, before its first thread: it is root for the
    /// socket and its list, has no capability, and reaches nothing else. With a client program it
    /// starts that one and what it is run by.
    pub fn shut_in(&self) -> Result<(), ConfineError> {
        // A folder that cannot be made is told of when the list is opened.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(&self.state_dir);
        let mut files = Files::default().write(&self.state_dir).read("/etc").read("/proc/net");
        if let Some(folder) =
            Path::new("/etc/resolv.conf").canonicalize().ok().as_deref().and_then(Path::parent)
        {
            files = files.read(folder);
        }
        confine::become_user(None)?;
        match &self.way {
            Way::Socket(_) => confine::shut_in(&files, Calls::Helper)?,
            Way::Client(program, _) => {
                files =
                    files.execute(program).read("/usr").read("/lib").read("/lib64").read("/proc");
                for needed in interpreters(program) {
                    files = files.execute(needed);
                }
                confine::shut_in_files(&files)?
            }
        };
        Ok(())
    }
}

/// What the kernel starts to run a program: that which its first line names, and the loader.
fn interpreters(program: &Path) -> Vec<PathBuf> {
    let mut first = [0; 256];
    let read = File::open(program).and_then(|mut file| file.read(&mut first)).unwrap_or_default();
    let line = first[..read].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let named = line.strip_prefix("#!").and_then(|rest| rest.split_whitespace().next());
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    named
        .into_iter()
        .chain(loaders)
        .filter_map(|path| Path::new(path).canonicalize().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_needs_the_program_of_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client");
        std::fs::write(&path, "#!/bin/sh -e\nexit 0\n").unwrap();
        let shell = Path::new("/bin/sh").canonicalize().unwrap();
        assert!(interpreters(&path).contains(&shell));
        assert!(!interpreters(Path::new("/nowhere")).contains(&shell));
    }
}
