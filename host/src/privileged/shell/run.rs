//! One run of a script, from the helper's side: what it is given, what it prints, how it ends.
//!
//! Promise: returns a moment after the script's time is over at the latest, whatever the script does;
//! nothing of it is alive then. Dropped earlier, it ends the script and all that came of it.
//!
//! Not here: what happens between this process and the script (`init`).

use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::future::pending;
use std::io::{self, IoSlice, PipeReader, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{Pid, getpid, set_child_subreaper};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::{Child, Command};

use super::descendants::{kill_orphans, tasks_of};
use super::hexadecimal;
use super::init::{FILES, GRACE, Identity, Plan, Report, Role};
use super::output::Output;
use super::policy::Policy;
use super::program::Program;
use super::protocol::{AlertNames, Answer, Ending, NotStarted, Ran, Run};
use crate::privileged::frame;

/// How long the processes between may take beside the script's own time.
const START_AND_END: Duration = Duration::from_secs(10);
/// How long the last bytes of a pipe may take whose writers are all dead.
const LAST_BYTES: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 << 10;
/// Where a script finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Exit code of a script that wants to be run again later: `EX_TEMPFAIL`.
pub(super) const LATER: i32 = 75;

/// How this program is started as the process between helper and script.
#[derive(Clone, Debug)]
pub struct Launcher {
    pub program: PathBuf,
    /// What stands before the name of a [`Role`].
    pub arguments: Vec<OsString>,
}

impl Launcher {
    /// This program itself, with these arguments.
    pub fn own(arguments: &[&str]) -> Self {
        Self {
            program: "/proc/self/exe".into(),
            arguments: arguments.iter().map(OsString::from).collect(),
        }
    }

    fn start(&self, policy: &Policy, control: UnixStream) -> io::Result<Child> {
        let guard = Role::Guard { network: policy.limits.network };
        let role = if policy.limits.is_isolated { guard } else { Role::Reaper };
        Command::new(&self.program)
            .arg0("campanile")
            .args(&self.arguments)
            .arg(role.name())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(control)))
            .stdout(Stdio::null())
            // A namespace dies with its guard. Of a reaper it would leave the script alive; that one
            // ends by itself when the socket is closed.
            .kill_on_drop(policy.limits.is_isolated)
            .spawn()
    }
}

/// How scripts are run here, and what stands between this process and each of them.
#[derive(Debug)]
pub(super) struct Runner {
    launcher: Launcher,
    /// A script of the same user can kill the process between; what it leaves behind then comes to
    /// this one, and is told apart from these.
    between: RefCell<HashSet<Pid>>,
}

/// The process between is no longer awaited.
struct Between<'a>(&'a RefCell<HashSet<Pid>>, Option<Pid>);

impl Drop for Between<'_> {
    fn drop(&mut self) {
        if let Some(pid) = self.1 {
            self.0.borrow_mut().remove(&pid);
        }
    }
}

impl Runner {
    pub(super) fn new(launcher: Launcher) -> Self {
        Self { launcher, between: RefCell::default() }
    }

    fn start(&self, policy: &Policy, control: UnixStream) -> io::Result<(Child, Between<'_>)> {
        if !policy.limits.is_isolated {
            set_child_subreaper(Some(getpid()))?;
        }
        let child = self.launcher.start(policy, control)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        self.between.borrow_mut().extend(pid);
        Ok((child, Between(&self.between, pid)))
    }
}

/// Runs it to its end.
pub(super) async fn run(policy: &Policy, runner: &Runner, program: &Program, run: &Run) -> Answer {
    let started = Instant::now();
    let output = RefCell::new(Output::new(policy.kept_output_bytes));
    match attended(policy, runner, program, run, &output).await {
        Err(error) => Answer::NotStarted(NotStarted {
            stage: "helper".to_owned(),
            errno: error.raw_os_error(),
            error: error.to_string(),
        }),
        Ok(Report::NotStarted(failed)) => Answer::NotStarted(failed),
        Ok(Report::Ended(ending)) => {
            let output = output.into_inner();
            let retry_after_s = output.retry_after_s().filter(|_| ending == Ending::Exit(LATER));
            Answer::Ran(Ran {
                ending,
                output: output.kept(),
                output_bytes: output.bytes(),
                retry_after_s,
                script_sha256: hexadecimal(&program.sha256),
                took_ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
            })
        }
    }
}

async fn attended(
    policy: &Policy,
    runner: &Runner,
    program: &Program,
    run: &Run,
    output: &RefCell<Output>,
) -> io::Result<Report> {
    let (script_in, stdin): (PipeReader, PipeWriter) = io::pipe()?;
    let (stdout, script_out) = io::pipe()?;
    let (stderr, script_err) = io::pipe()?;
    let (control, theirs) = UnixStream::pair()?;
    let files = [program.memory.as_fd(), script_in.as_fd(), script_out.as_fd(), script_err.as_fd()];
    send(&control, &files)?;
    let (mut child, between) = runner.start(policy, theirs)?;
    // The only ones left are the script's.
    drop((script_in, script_out, script_err));

    control.set_nonblocking(true)?;
    let mut control = tokio::net::UnixStream::from_std(control)?;
    let mut stdin = Sender::from_owned_fd(stdin.into())?;
    let mut stdout = Receiver::from_owned_fd(stdout.into())?;
    let mut stderr = Receiver::from_owned_fd(stderr.into())?;
    let plan = plan(policy, run);
    let wall = Duration::from_millis(plan.wall_ms);
    let speak = async {
        // Whoever cannot be spoken to has ended, which the next line tells.
        _ = frame::write(&mut control, &plan).await;
        match frame::read::<Report>(&mut control).await {
            Ok(Some(report)) => report,
            Ok(None) | Err(_) => Report::Ended(Ending::Lost),
        }
    };
    let feed = async {
        // A script need not read.
        _ = stdin.write_all(run.stdin.as_bytes()).await;
        drop(stdin);
        pending().await
    };
    let max = policy.limits.output_bytes;
    let too_much = Report::Ended(Ending::TooMuchOutput);
    let report = tokio::select! {
        report = speak => report,
        () = beyond(&mut stdout, output, Output::push_stdout, max) => too_much,
        () = beyond(&mut stderr, output, Output::push_stderr, max) => too_much,
        () = tokio::time::sleep(wall + GRACE + START_AND_END) => Report::Ended(Ending::TimedOut),
        () = feed => Report::Ended(Ending::Lost),
    };
    // The word to end for whoever has not yet.
    drop(control);
    if tokio::time::timeout(START_AND_END, child.wait()).await.is_err() {
        child.start_kill()?;
        child.wait().await?;
    }
    drop(between);
    if !policy.limits.is_isolated {
        kill_orphans(&runner.between.borrow());
    }
    let last = async {
        tokio::join!(
            rest(&mut stdout, output, Output::push_stdout, max),
            rest(&mut stderr, output, Output::push_stderr, max)
        )
    };
    // Its writers are dead. One that cannot die, in the middle of some device, is not waited for.
    _ = tokio::time::timeout(LAST_BYTES, last).await;
    Ok(report)
}

/// The files go with one byte, so that nothing waits for room in the socket.
fn send(control: &UnixStream, files: &[std::os::fd::BorrowedFd<'_>; FILES]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(files));
    rustix::net::sendmsg(control, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// Returns when more was printed than may be; else never.
async fn beyond(
    pipe: &mut Receiver,
    output: &RefCell<Output>,
    push: fn(&mut Output, &[u8]),
    max: u64,
) {
    if !rest(pipe, output, push, max).await {
        pending().await
    }
}

/// Reads to the pipe's end; `true`: stopped before, since that is too much.
async fn rest(
    pipe: &mut Receiver,
    output: &RefCell<Output>,
    push: fn(&mut Output, &[u8]),
    max: u64,
) -> bool {
    let mut bytes = vec![0; READ_BYTES];
    while output.borrow().bytes() <= max {
        match pipe.read(&mut bytes).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => push(&mut output.borrow_mut(), &bytes[..count]),
        }
    }
    true
}

fn plan(policy: &Policy, run: &Run) -> Plan {
    let user = &policy.user;
    let wall_ms = policy.limits.wall_s.saturating_mul(1000).min(run.wall_ms.unwrap_or(u32::MAX));
    Plan {
        arguments: run.arguments.clone(),
        environment: environment(&run.script, &run.alert),
        user: policy.limits.is_isolated.then(|| Identity {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
        }),
        network: policy.limits.network,
        wall_ms: wall_ms.into(),
        cpu_s: policy.limits.cpu_s.into(),
        memory_bytes: policy.limits.memory_bytes,
        // The kernel counts all of the user's; the process that starts the script is one more.
        processes: tasks_of(user.uid) + u64::from(policy.limits.processes) + 1,
        files: policy.files.into(),
        file_bytes: policy.file_bytes,
    }
}

fn environment(script: &str, alert: &AlertNames) -> Vec<(String, String)> {
    let AlertNames { id, action, severity, recipient, attempt, version, is_test } = alert;
    let attempt = attempt.to_string();
    let mut all = vec![
        ("PATH", PATH),
        ("LANG", "C.UTF-8"),
        ("ALERT_ID", id),
        ("ALERT_ACTION", action),
        ("ALERT_SEVERITY", severity),
        ("ALERT_RECIPIENT", recipient),
        ("ALERT_ATTEMPT", &attempt),
        ("ALERT_VERSION", version),
        ("ALERT_SCRIPT", script),
    ];
    if *is_test {
        all.push(("ALERT_TEST", "1"));
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
