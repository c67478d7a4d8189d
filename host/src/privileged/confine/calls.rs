//! seccomp: which system calls a process makes. Whatever is not listed fails with EPERM; calls of
//! another architecture end the process.
//!
//! Promise: no list here has a call that starts a program, looks into or writes another process,
//! loads code into the kernel, changes namespaces or mounts, or maps memory that is both writable
//! and executable.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};

use super::{ConfineError, Layer, Missing};

/// Which process it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    Engine,
    Compiler,
    /// One that stores a little, and speaks with one local socket.
    Helper,
}

impl Calls {
    /// For every thread that there is or will be, for good.
    pub fn apply(self) -> Result<Vec<Missing>, ConfineError> {
        if !is_able() {
            let why = "the kernel has no filters of system calls (CONFIG_SECCOMP_FILTER)";
            return Ok(vec![Missing { layer: Layer::SystemCalls, why: why.to_owned() }]);
        }
        for program in self.programs()? {
            apply_filter_all_threads(&program).map_err(ConfineError::Calls)?;
        }
        Ok(Vec::new())
    }

    /// Of two filters the stricter answer counts: `clone3`, whose flags no filter can see, does not
    /// exist; the C library then uses `clone`.
    fn programs(self) -> Result<[BpfProgram; 2], ConfineError> {
        let allowed = self.rules().map_err(ConfineError::Filter)?;
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let only = |rules, otherwise, then| {
            let arch = std::env::consts::ARCH.try_into()?;
            SeccompFilter::new(rules, otherwise, then, arch)?.try_into()
        };
        let mut listed = allowed;
        listed.insert(libc::SYS_clone3, Vec::new());
        let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        let first = only(clone3, SeccompAction::Allow, missing);
        // After it no filter can be added.
        let second = only(listed, denied, SeccompAction::Allow);
        Ok([first.map_err(ConfineError::Filter)?, second.map_err(ConfineError::Filter)?])
    }

    fn rules(self) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
        let mut rules = BTreeMap::new();
        let mut plain = |calls: &[c_long]| {
            rules.extend(calls.iter().map(|call| (*call, Vec::new())));
        };
        plain(COMPUTING);
        if self != Self::Compiler {
            plain(STORING);
            plain(SPEAKING);
            plain(WAITING);
        }
        #[cfg(target_arch = "x86_64")]
        {
            plain(OLD_COMPUTING);
            if self != Self::Compiler {
                plain(OLD_STORING);
            }
        }
        let memory = [
            // Never both.
            rule(&[lacks(2, libc::PROT_EXEC)?])?,
            rule(&[lacks(2, libc::PROT_WRITE)?])?,
        ];
        for call in [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
            rules.insert(call, memory.to_vec());
        }
        let thread = u64::from((libc::CLONE_THREAD | libc::CLONE_VM).unsigned_abs());
        let is_thread = condition(0, SeccompCmpOp::MaskedEq(thread), thread)?;
        rules.insert(libc::SYS_clone, vec![rule(&[is_thread])?]);
        // Names of threads and of memory.
        let names = [libc::PR_SET_NAME, libc::PR_SET_VMA, libc::PR_GET_DUMPABLE, PR_GET_AUXV];
        rules.insert(libc::SYS_prctl, one_of(0, names.map(bits))?);
        // Reading limits, never setting them.
        rules.insert(libc::SYS_prlimit64, vec![rule(&[condition(2, SeccompCmpOp::Eq, 0)?])?]);
        if self == Self::Engine {
            // What the first memory of a component is mapped from. No program starts from it.
            let image = u64::from(libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
            rules.insert(libc::SYS_memfd_create, one_of(1, [image])?);
        }
        if self != Self::Compiler {
            // Nothing that types into a terminal.
            rules.insert(libc::SYS_ioctl, one_of(1, IOCTLS.iter().copied())?);
            let mut sockets = match self {
                Self::Helper => one_of(0, [bits(libc::AF_UNIX)])?,
                _ => one_of(0, [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6].map(bits))?,
            };
            let (netlink, route) = (bits(libc::AF_NETLINK), bits(libc::NETLINK_ROUTE));
            sockets.push(rule(&[
                condition(0, SeccompCmpOp::Eq, netlink)?,
                condition(2, SeccompCmpOp::Eq, route)?,
            ])?);
            rules.insert(libc::SYS_socket, sockets);
            rules.insert(libc::SYS_socketpair, one_of(0, [bits(libc::AF_UNIX)])?);
        }
        Ok(rules)
    }
}

/// Whether the kernel has filters.
pub fn is_able() -> bool {
    // A kernel without them does not know the question.
    rustix::thread::secure_computing_mode().is_ok()
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
}

/// The argument does not have this bit.
fn lacks(argument: u8, bit: i32) -> Result<SeccompCondition, seccompiler::BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(u64::from(bit.unsigned_abs())), 0)
}

/// The kernel takes these arguments as 32 bits, whatever stands above them.
fn one_of(
    argument: u8,
    values: impl IntoIterator<Item = u64>,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let is = |value| {
        let length = SeccompCmpArgLen::Dword;
        rule(&[SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value)?])
    };
    values.into_iter().map(is).collect()
}

fn bits(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.to_vec())
}

/// Which pages were written, whether there is something to read, whether it is a terminal.
const IOCTLS: &[u64] =
    &[PAGEMAP_SCAN, libc::FIONBIO, libc::FIONREAD, libc::FIOCLEX, libc::TCGETS, libc::TIOCGWINSZ];
const PAGEMAP_SCAN: u64 = 0xc060_6610;
/// What the kernel told this very process at its start.
const PR_GET_AUXV: i32 = 0x4155_5856;

/// Memory, threads, time, and what is open already.
const COMPUTING: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_fcntl,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_ppoll,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Files and folders, within what Landlock leaves.
const STORING: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_flock,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_fgetxattr,
    libc::SYS_umask,
    libc::SYS_getcwd,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getppid,
];

/// Connections that are made and taken.
const SPEAKING: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
];

/// Waiting for many things at once.
const WAITING: &[c_long] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
];

/// What the C library and SQLite still call by their old names.
#[cfg(target_arch = "x86_64")]
const OLD_COMPUTING: &[c_long] = &[libc::SYS_poll, libc::SYS_time];
#[cfg(target_arch = "x86_64")]
const OLD_STORING: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_readlink,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_epoll_wait,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_has_a_call_that_leads_out() {
        let never = [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_fork,
            libc::SYS_vfork,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_getfd,
            libc::SYS_pidfd_open,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_kill,
            libc::SYS_listen,
            libc::SYS_setuid,
            libc::SYS_setresuid,
            libc::SYS_capset,
        ];
        for calls in [Calls::Engine, Calls::Compiler, Calls::Helper] {
            let rules = calls.rules().unwrap();
            for call in never {
                assert!(!rules.contains_key(&call), "{calls:?}: {call}");
            }
            calls.programs().unwrap();
        }
        let compiler = Calls::Compiler.rules().unwrap();
        for call in [libc::SYS_socket, libc::SYS_openat, libc::SYS_connect, libc::SYS_sendmsg] {
            assert!(!compiler.contains_key(&call), "{call}");
        }
    }
}
