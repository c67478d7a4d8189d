//! The process between the helper and a script: it prepares, starts, waits, and leaves nothing alive.
//!
//! Promise: it ends when the helper is gone, when the script has ended, or when the script's time is
//! over, and whatever the script started ends with it. As root that is the kernel's word: it is the
//! first process of a namespace, which dies with it. As a plain user it is the reaper of all that
//! the script left behind, and kills it until nothing is left.
//!
//! It speaks with the helper over the socket that is its stdin, and never reads what the script
//! prints. By the time the script starts, it has the script's rights and no more.
//!
//! Not here: which script, and whether it may (`program`, `policy`).

use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::FdFlags;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, kill_process_group,
    set_child_subreaper, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{Gid, Uid, UnshareFlags};
use serde::{Deserialize, Serialize};

use super::protocol::{Ending, NotStarted};
use super::{descendants, offline};
use crate::privileged::frame;

/// What a script of root's helper has of its own, beside a network.
const SPACES: UnshareFlags =
    UnshareFlags::NEWPID.union(UnshareFlags::NEWNS).union(UnshareFlags::NEWIPC);
/// How long a script has between the word to end and its end.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How often orphans of the script are buried, at least.
const BURIAL: Duration = Duration::from_millis(250);
/// Files that come with the first byte: the script, its stdin, stdout and stderr.
pub(super) const FILES: usize = 4;

/// Which of the processes this is: the last argument of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Makes the namespaces, starts `Init` in them, and waits for it.
    Guard { network: bool },
    /// The first process of the namespaces.
    Init,
    /// Without namespaces.
    Reaper,
}

impl Role {
    pub const ALL: [Self; 4] =
        [Self::Guard { network: false }, Self::Guard { network: true }, Self::Init, Self::Reaper];

    pub fn name(self) -> &'static str {
        match self {
            Self::Guard { network: false } => "guard",
            Self::Guard { network: true } => "guard-with-network",
            Self::Init => "init",
            Self::Reaper => "reaper",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What is to be done, as the helper says it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    /// `None`: whoever this is already.
    pub(super) user: Option<Identity>,
    pub(super) network: bool,
    pub(super) wall_ms: u64,
    pub(super) cpu_s: u64,
    pub(super) memory_bytes: u64,
    /// Over all processes and threads of the user, on the whole machine.
    pub(super) processes: u64,
    pub(super) files: u64,
    pub(super) file_bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
}

/// What the helper is told, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Report {
    NotStarted(NotStarted),
    Ended(Ending),
}

/// Does what the role says. The process has one thread, and nothing else to do.
pub fn init(role: Role) -> ExitCode {
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut control = UnixStream::from(control);
    let done = inherit_nothing().map_err(at("files")).and_then(|()| match role {
        Role::Guard { network } => guard(network),
        Role::Init | Role::Reaper => script(role, &mut control),
    });
    match done {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(ending)) => tell(&mut control, &Report::Ended(ending)),
        Err(failed) => tell(&mut control, &Report::NotStarted(failed)),
    }
}

fn tell(control: &mut UnixStream, report: &Report) -> ExitCode {
    let told = frame::bytes(report).and_then(|bytes| control.write_all(&bytes));
    // Whom it would tell is gone, or killed this process already.
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the step that failed was about.
fn at(stage: &'static str) -> impl Fn(io::Error) -> NotStarted {
    move |error| NotStarted {
        stage: stage.to_owned(),
        errno: error.raw_os_error(),
        error: error.to_string(),
    }
}

/// What this process starts gets none of the files that whoever started the helper left open.
#[expect(unsafe_code, reason = "there is no safe way to it")]
fn inherit_nothing() -> io::Result<()> {
    let close_on_exec = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: it closes nothing in this process; it sets a flag of each open file.
    match unsafe { libc::close_range(3, libc::c_uint::MAX, close_on_exec) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(clippy::disallowed_methods, reason = "this folder is where processes are started")]
fn guard(network: bool) -> Result<Option<Ending>, NotStarted> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| at("guard")(error.into()))?;
    // So that a terminal's interrupt is for the helper alone.
    rustix::process::setsid().map_err(|error| at("session")(error.into()))?;
    let mut spaces = SPACES;
    spaces.set(UnshareFlags::NEWNET, !network);
    unshare(spaces).map_err(at("namespaces"))?;
    // What is mounted in there is seen in there alone.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).map_err(|error| at("mounts")(error.into()))?;
    // The same command line, but for the role at its end.
    let mut own: Vec<_> = std::env::args_os().skip(1).collect();
    own.pop();
    let mut init = Command::new("/proc/self/exe")
        .arg0("campanile")
        .args(own)
        .arg(Role::Init.name())
        .env_clear()
        .spawn()
        .map_err(at("init"))?;
    init.wait().map_err(at("init"))?;
    Ok(None)
}

/// Whether this process may make the namespaces of a script: a thread makes them, and takes them
/// along as it ends.
pub(in crate::privileged) fn try_namespaces() -> io::Result<()> {
    let spaces = SPACES | UnshareFlags::NEWNET;
    let tried = std::thread::Builder::new().spawn(move || unshare(spaces))?;
    tried.join().unwrap_or_else(|_| Err(io::Error::other("the thread that tried has ended")))
}

#[expect(unsafe_code, reason = "rustix has no other way to it")]
fn unshare(spaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: unsound only with `CLONE_FILES`, which would take open files away from other threads:
    // it is not among the flags of either caller.
    unsafe { rustix::thread::unshare_unsafe(spaces) }.map_err(io::Error::from)
}

/// Starts the script, and waits for its end. `None`: the helper is gone.
fn script(role: Role, control: &mut UnixStream) -> Result<Option<Ending>, NotStarted> {
    let (plan, files) = receive(control).map_err(at("plan"))?;
    prepare(role, &plan).map_err(|(stage, error)| at(stage)(error))?;
    let started = Instant::now();
    let mut child = start(&plan, files)?;
    let wall = Duration::from_millis(plan.wall_ms);
    let ended = wait(control, &mut child, started + wall).map_err(at("wait"));
    if role == Role::Reaper {
        descendants::kill_all();
    }
    ended
}

/// The files that come with one byte, and the plan after it.
fn receive(control: &mut UnixStream) -> io::Result<(Plan, [OwnedFd; FILES])> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut into = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(&*control, &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut files = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    let missing = || io::Error::new(io::ErrorKind::InvalidData, "the helper sent no files");
    let files = files.try_into().map_err(|_| missing())?;
    let mut length = [0; 4];
    control.read_exact(&mut length)?;
    let mut plan = Vec::new();
    control.take(u32::from_be_bytes(length).into()).read_to_end(&mut plan)?;
    Ok((frame::parse(&plan)?, files))
}

/// Gives up every right that the script is not to have.
fn prepare(role: Role, plan: &Plan) -> Result<(), (&'static str, io::Error)> {
    fn step(
        stage: &'static str,
        done: rustix::io::Result<()>,
    ) -> Result<(), (&'static str, io::Error)> {
        done.map_err(|error| (stage, error.into()))
    }
    if role == Role::Init {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        step("proc", rustix::mount::mount("proc", "/proc", "proc", flags, None))?;
    }
    step("session", rustix::process::setsid().map(drop))?;
    let limit = |resource, bound: u64| {
        // One that is lower already stays: only a right that this process does not have raises it.
        let bound = getrlimit(resource).maximum.map_or(bound, |lower| lower.min(bound));
        let bound = Rlimit { current: Some(bound), maximum: Some(bound) };
        step("limits", setrlimit(resource, bound))
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, plan.cpu_s)?;
    limit(Resource::As, plan.memory_bytes)?;
    limit(Resource::Nofile, plan.files)?;
    limit(Resource::Fsize, plan.file_bytes)?;
    limit(Resource::Nproc, plan.processes)?;
    if let Some(Identity { uid, gid, groups }) = &plan.user {
        let groups: Vec<_> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        let (uid, gid) = (Uid::from_raw(*uid), Gid::from_raw(*gid));
        step("groups", rustix::thread::set_thread_groups(&groups))?;
        step("group", rustix::thread::set_thread_res_gid(gid, gid, gid))?;
        step("user", rustix::thread::set_thread_res_uid(uid, uid, uid))?;
    }
    if role == Role::Init {
        // After the change of the user, which undoes it.
        step("guard", set_parent_process_death_signal(Some(Signal::KILL)))?;
    } else {
        step("reaper", set_child_subreaper(Some(rustix::process::getpid())))?;
    }
    // The script may be of the same user, and must not look into this process or take its files.
    step("dumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    step("privileges", rustix::thread::set_no_new_privs(true))?;
    // `Init` is in a namespace without network.
    if role == Role::Reaper && !plan.network {
        offline::enter().map_err(|error| ("network", error))?;
    }
    rustix::process::umask(rustix::fs::Mode::from(0o077));
    step("folder", rustix::process::chdir("/"))
}

#[expect(clippy::disallowed_methods, reason = "this folder is where processes are started")]
fn start(plan: &Plan, files: [OwnedFd; FILES]) -> Result<Child, NotStarted> {
    let [memory, stdin, stdout, stderr] = files;
    // The interpreter of the script opens it by this number.
    rustix::io::fcntl_setfd(&memory, FdFlags::empty())
        .map_err(|error| at("script")(error.into()))?;
    Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd()))
        .args(&plan.arguments)
        .env_clear()
        .envs(plan.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .process_group(0)
        .spawn()
        .map_err(at("exec"))
}

/// `None`: the helper is gone.
fn wait(control: &UnixStream, child: &mut Child, deadline: Instant) -> io::Result<Option<Ending>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
    let exits = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let mut until = deadline;
    let mut is_late = false;
    loop {
        let mut awaited = [PollFd::new(control, PollFlags::IN), PollFd::new(&exits, PollFlags::IN)];
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left.min(BURIAL)).ok();
        match poll(&mut awaited, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled?,
        };
        let [control, exits] = awaited.map(|one| !one.revents().is_empty());
        // The helper says nothing more: this is its end.
        if control {
            return Ok(None);
        }
        if exits {
            let status = child.wait()?;
            return Ok(Some(if is_late { Ending::TimedOut } else { ending(status) }));
        }
        descendants::bury(pid);
        if left.is_zero() {
            if is_late {
                return Ok(Some(Ending::TimedOut));
            }
            is_late = true;
            until = Instant::now() + GRACE;
            // Not yet waited for, so the number is still its own.
            _ = kill_process_group(pid, Signal::TERM);
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exit(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name() {
        for role in Role::ALL {
            assert_eq!(Role::of(role.name()), Some(role));
        }
        assert_eq!(Role::of("helper"), None);
    }
}
