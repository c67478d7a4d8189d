//! What the helper gives up before it begins.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::client;
use super::policy::Policy;
use super::server::Way;
use crate::privileged::confine::{self, Calls, ConfineError, Files};
use crate::privileged::user::User;

/// What programs are made of.
const INSTALLED: [&str; 3] = ["/usr", "/lib", "/lib64"];

/// What maps a program and its libraries into memory.
const LOADERS: [&str; 3] =
    ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux-armhf.so.3"];

/// The kernel reads no more of a first line.
const FIRST_LINE_BYTES_MAX: u64 = 256;

impl Policy {
    /// Gives up what the helper does not need, for good, before its first thread: it is root for the
    /// socket and its list, has no capability and no other group, and reaches nothing else. With a
    /// client program it starts that one and what it is run by, which stay as shut in.
    pub fn shut_in(&self) -> Result<(), ConfineError> {
        // A folder that cannot be made is told of when the list is opened.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(&self.state_dir);
        // The whole of `/proc`: a right to `/proc/net` ends when the kernel needs the memory of that
        // folder's entry, and makes another.
        let mut files = Files::default().write(&self.state_dir).read("/etc").read("/proc");
        files = files.read("/run/systemd/resolve");
        if let Some(folder) =
            Path::new("/etc/resolv.conf").canonicalize().ok().as_deref().and_then(Path::parent)
        {
            files = files.read(folder);
        }
        let root = User { name: "root".to_owned(), uid: 0, gid: 0, groups: Vec::new() };
        confine::become_user(Some(&root))?;
        match &self.way {
            Way::Socket(_) => confine::shut_in(&files, Calls::Helper)?,
            Way::Client(program, _) => {
                // Its stdin.
                files = files.read("/dev/null");
                files = INSTALLED.into_iter().fold(files, Files::read);
                files = needed(program).iter().fold(files, Files::execute);
                confine::shut_in_files(&files)?
            }
        };
        Ok(())
    }
}

/// What the kernel starts to run a program: it, what its first line names, and their loader.
fn needed(program: &Path) -> Vec<PathBuf> {
    let loaders = LOADERS.map(PathBuf::from);
    [program.to_owned()].into_iter().chain(interpreters(program)).chain(loaders).collect()
}

/// What a script's first line names; of `env` also what that is to find.
fn interpreters(program: &Path) -> Vec<PathBuf> {
    let mut first = Vec::new();
    let read = File::open(program)
        .and_then(|file| file.take(FIRST_LINE_BYTES_MAX).read_to_end(&mut first));
    if read.is_err() {
        // The client is asked for its answers, and says then what is wrong.
        return Vec::new();
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.strip_prefix("#!").unwrap_or_default().split_whitespace();
    let mut named: Vec<_> = words.next().map(PathBuf::from).into_iter().collect();
    if named.iter().any(|path| path.ends_with("env"))
        && let Some(name) = words.next()
    {
        named.extend(
            client::PATH
                .split(':')
                .map(|folder| Path::new(folder).join(name))
                .find(|it| it.exists()),
        );
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_needs_what_its_first_line_names() {
        let folder = tempfile::tempdir().unwrap();
        let table: [(&[u8], &[&str]); 8] = [
            (b"#!/bin/sh -e\nexit 0\n", &["/bin/sh"]),
            (b"#! /bin/sh\n", &["/bin/sh"]),
            (b"#!/usr/bin/env sh\n", &["/usr/bin/env", "/usr/bin/sh"]),
            (b"#!/usr/bin/env no-such-program\n", &["/usr/bin/env"]),
            (b"#!/usr/bin/env\nsh\n", &["/usr/bin/env"]),
            (b"#!\n/bin/sh\n", &[]),
            (b"\x7fELF\n#!/bin/sh\n", &[]),
            (b"", &[]),
        ];
        for (text, expected) in table {
            let path = folder.path().join("client");
            std::fs::write(&path, text).unwrap();
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(interpreters(&path), expected, "{}", String::from_utf8_lossy(text));
        }
        assert!(interpreters(Path::new("/nowhere")).is_empty());
    }
}
