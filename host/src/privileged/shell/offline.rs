//! No network for a process and all that it starts, by a filter of system calls.
//!
//! Promise: no socket but local ones can be made. For a plain user this is all there is, and enough:
//! without a socket nothing is sent. Programs of another architecture are ended.
//!
//! Not here: network namespaces, which root makes instead, and local sockets (`AF_UNIX`), whose files
//! have owners and modes.

use std::io;

use rustix::net::AddressFamily;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Marks the calls of the x32 interface.
const X32: libc::c_long = 0x4000_0000;

/// Holds for this thread and what it starts, for good. Needs `no_new_privs`.
pub(super) fn enter() -> io::Result<()> {
    let program = filter().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let is_other = |family: AddressFamily| {
        let (family, length) = (u64::from(family.as_raw()), SeccompCmpArgLen::Dword);
        SeccompCondition::new(0, length, SeccompCmpOp::Ne, family)
    };
    let remote = SeccompRule::new(vec![is_other(AddressFamily::UNIX)?])?;
    let rules = [
        (libc::SYS_socket, vec![remote.clone()]),
        // It opens sockets by itself, past this filter.
        (libc::SYS_io_uring_setup, Vec::new()),
        // The same calls by the numbers of x32, which no other call has.
        (libc::SYS_socket | X32, vec![remote]),
        (libc::SYS_io_uring_setup | X32, Vec::new()),
    ];
    let denied = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    // A call by the numbers of another architecture ends the process.
    SeccompFilter::new(rules.into_iter().collect(), SeccompAction::Allow, denied, arch)?.try_into()
}
