//! Attacks that become another program. It ends with 42 where it is what was wanted.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::FromRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::attack::{Ground, told};
use crate::kernel::{call, text};

pub(crate) fn shell(_: &Ground) -> Result<(), i32> {
    let words = [text("/bin/sh"), text("-c"), text("exit 42")];
    let words = [words[0].as_ptr(), words[1].as_ptr(), words[2].as_ptr(), std::ptr::null()];
    call(libc::SYS_execve, &[words[0].addr(), words.as_ptr().addr(), 0]).map(drop)
}

/// Starts a file of its own folder.
pub(crate) fn written(at: &Ground) -> Result<(), i32> {
    let path = at.data.join("program");
    let _ = fs::remove_file(&path);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path);
    told(file.and_then(|mut file| file.write_all(&program())))?;
    execute(&path)
}

/// Starts what is in no folder, from memory that the engine may make.
pub(crate) fn from_memory(_: &Ground) -> Result<(), i32> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let name = text("program");
    let fd = call(libc::SYS_memfd_create, &[name.as_ptr().addr(), flags as usize])?;
    told(i32::try_from(fd).map_err(std::io::Error::other)).and_then(|fd| {
        // SAFETY: the kernel has just made it, and nobody else has it.
        #[expect(unsafe_code, reason = "a file that a system call opened")]
        let mut file = unsafe { File::from_raw_fd(fd) };
        told(file.write_all(&program()))?;
        let (empty, words) = (text(""), [name.as_ptr(), std::ptr::null()]);
        let how = libc::AT_EMPTY_PATH.unsigned_abs() as usize;
        let (path, words) = (empty.as_ptr().addr(), words.as_ptr().addr());
        let fd = fd.unsigned_abs() as usize;
        call(libc::SYS_execveat, &[fd, path, words, 0, how]).map(drop)
    })
}

/// Starts a program that belongs to root and is to run as root, whoever starts it.
pub(crate) fn set_user(at: &Ground) -> Result<(), i32> {
    execute(&at.outside.join("of-root"))
}

fn execute(path: &Path) -> Result<(), i32> {
    let path = text(&path.to_string_lossy());
    let words = [path.as_ptr(), std::ptr::null()];
    call(libc::SYS_execve, &[path.as_ptr().addr(), words.as_ptr().addr(), 0]).map(drop)
}

/// A program that needs no other file.
fn program() -> Vec<u8> {
    campanile_tests::program::ending_with(false)
}
