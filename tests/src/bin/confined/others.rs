//! Attacks on another process of the same user.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::attack::Ground;
use crate::kernel::call;

/// What the victim holds; nothing else does.
static TREASURE: AtomicU64 = AtomicU64::new(u64::from_ne_bytes(*b"treasure"));

/// Where that lies.
pub(crate) fn treasure() -> usize {
    TREASURE.as_ptr().addr()
}

/// Lets every process of this user trace this one, where the machine asks for that.
pub(crate) fn invite() -> io::Result<()> {
    let (option, anybody) = (libc::PR_SET_PTRACER.unsigned_abs(), usize::MAX);
    match call(libc::SYS_prctl, &[option as usize, anybody]) {
        // The machine does not ask.
        Ok(_) | Err(libc::EINVAL) => Ok(()),
        Err(error) => Err(io::Error::from_raw_os_error(error)),
    }
}

pub(crate) fn trace(at: &Ground) -> Result<(), i32> {
    call(libc::SYS_ptrace, &[libc::PTRACE_ATTACH as usize, at.victim, 0, 0])?;
    call(libc::SYS_wait4, &[at.victim, 0, libc::__WALL.unsigned_abs() as usize, 0])?;
    call(libc::SYS_ptrace, &[libc::PTRACE_DETACH as usize, at.victim, 0, 0]).map(drop)
}

pub(crate) fn read(at: &Ground) -> Result<(), i32> {
    let into = AtomicU64::new(0);
    copy(libc::SYS_process_vm_readv, at, &into)?;
    let read = into.load(Ordering::SeqCst);
    if read == TREASURE.load(Ordering::SeqCst) { Ok(()) } else { Err(-1) }
}

/// Writes what is there.
pub(crate) fn write(at: &Ground) -> Result<(), i32> {
    copy(libc::SYS_process_vm_writev, at, &TREASURE)
}

fn copy(number: libc::c_long, at: &Ground, ours: &AtomicU64) -> Result<(), i32> {
    let (ours, theirs) = ([ours.as_ptr().addr(), 8], [at.address, 8]);
    let (ours, theirs) = (ours.as_ptr().addr(), theirs.as_ptr().addr());
    call(number, &[at.victim, ours, 1, theirs, 1, 0]).map(drop)
}

pub(crate) fn take(at: &Ground) -> Result<(), i32> {
    let process = call(libc::SYS_pidfd_open, &[at.victim, 0])?;
    call(libc::SYS_pidfd_getfd, &[process, 0, 0]).map(drop)
}

/// One that does nothing where it arrives.
const HARMLESS: usize = libc::SIGWINCH as usize;

pub(crate) fn signal(at: &Ground) -> Result<(), i32> {
    call(libc::SYS_kill, &[at.victim, HARMLESS]).map(drop)
}

/// By the call that the engine has for its own threads.
pub(crate) fn signal_a_thread(at: &Ground) -> Result<(), i32> {
    call(libc::SYS_tgkill, &[at.victim, at.victim, HARMLESS]).map(drop)
}
