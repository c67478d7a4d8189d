//! What `campanile serve` is: it starts the engine and its helpers, and starts each again.
//!
//! Promise: it has one thread and no listener, and reads nothing from outside: the configuration
//! once, single letters from its engine, signals, and how its children ended. When it is gone, they
//! end.
//!
//! Not here: what the children do (`app`, `compiler`, `shell`, `fail2ban`).

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::control::{self, COMPILER, READY};
use super::natives::Native;
use super::role::Role;
use super::user::{User, uid_of};

/// Compilers at once; what is asked for beyond waits.
const COMPILERS_MAX: usize = 8;
/// Between the end of a process and its next start: first, and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// A process that ends after as long as this waits no longer for its next start than the first time.
const RAN_WELL: Duration = Duration::from_secs(60);
/// How long helpers may take to end what they began, once their engine is gone.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What the monitor was told by its command line and configuration.
#[derive(Debug)]
pub struct Plan {
    /// The engine's command line: this one's.
    pub arguments: Vec<OsString>,
    /// Who compilers run as. `None`: as the monitor, without its rights.
    pub user: Option<User>,
    /// The native kinds that are on: each has a helper.
    pub natives: Vec<Native>,
    /// The file that turned them on.
    pub policy: PathBuf,
}

/// Runs until a signal, or until an engine ends that never answered, unless it was killed and one
/// before it did. The code is the engine's.
pub fn run(plan: &Plan) -> io::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(plan))
}

async fn watch(plan: &Plan) -> io::Result<u8> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut again = Again::default();
    let mut has_answered = false;
    loop {
        let mut generation = Generation::begin(plan)?;
        let stopped = tokio::select! {
            _ = terminate.recv() => true,
            _ = interrupt.recv() => true,
            () = generation.run() => false,
        };
        let (status, was_ready) = generation.end(stopped).await?;
        let code = code(status);
        // What makes one end by itself before it answers does so again.
        let is_final = !was_ready && (status.code().is_some() || !has_answered);
        if stopped || code == 0 || is_final {
            return Ok(code);
        }
        has_answered = true;
        let wait = again.next(Instant::now());
        error!(%status, wait_ms = wait.as_millis(), "The engine has ended; it is started again.");
        tokio::select! {
            // Nothing runs: it is stopped as it was asked.
            _ = terminate.recv() => return Ok(0),
            _ = interrupt.recv() => return Ok(0),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// One engine, and what serves it.
struct Generation<'a> {
    plan: &'a Plan,
    engine: Child,
    /// Of the engine, once it has ended.
    ended: Option<ExitStatus>,
    control: UnixStream,
    was_ready: bool,
    compilers: JoinSet<()>,
    compilers_owed: usize,
    helpers: JoinSet<Ended>,
    restarts: Vec<Restart>,
}

/// A helper that has ended.
struct Ended {
    at: usize,
    status: io::Result<ExitStatus>,
}

/// When a helper is started, and how its starts went.
struct Restart {
    due: Option<Instant>,
    again: Again,
}

impl<'a> Generation<'a> {
    fn begin(plan: &'a Plan) -> io::Result<Self> {
        let (ours, theirs) = pair()?;
        let monitor = rustix::process::getpid().as_raw_pid();
        let role = Role::Engine { monitor, arguments: plan.arguments.clone() };
        let engine = role.command().stdin(theirs).kill_on_drop(true).spawn()?;
        let restarts = plan
            .natives
            .iter()
            .map(|_| Restart { due: Some(Instant::now()), again: Again::default() });
        Ok(Self {
            plan,
            engine,
            ended: None,
            control: ours,
            was_ready: false,
            compilers: JoinSet::new(),
            compilers_owed: 0,
            helpers: JoinSet::new(),
            restarts: restarts.collect(),
        })
    }

    /// Serves the engine until it has ended.
    async fn run(&mut self) {
        let mut hears = true;
        loop {
            self.start_what_is_due();
            let due = self.restarts.iter().filter_map(|one| one.due).min();
            let mut letter = [0];
            tokio::select! {
                status = self.engine.wait() => {
                    self.ended = status.ok();
                    // Of what it said before, not all may have been heard.
                    while let Ok(1..) = self.control.try_read(&mut letter) {
                        self.hear(letter[0]);
                    }
                    return;
                }
                read = self.control.read(&mut letter), if hears => match read {
                    Ok(1..) => self.hear(letter[0]),
                    // It has closed, and will have ended.
                    _ => hears = false,
                },
                Some(_) = self.compilers.join_next() => {}
                Some(ended) = self.helpers.join_next() => {
                    if let Ok(ended) = ended {
                        self.note(&ended);
                    }
                }
                () = sleep_until(due), if due.is_some() => {}
            }
        }
    }

    fn hear(&mut self, letter: u8) {
        match letter {
            COMPILER => self.compilers_owed = self.compilers_owed.saturating_add(1),
            READY => self.was_ready = true,
            _ => warn!("The engine said what is unknown."),
        }
    }

    fn start_what_is_due(&mut self) {
        while self.compilers_owed > 0 && self.compilers.len() < COMPILERS_MAX {
            self.compilers_owed -= 1;
            let role = Role::Compiler { user: self.plan.user.clone() };
            match self.start(&role, COMPILER) {
                Ok(mut child) => _ = self.compilers.spawn(async move { _ = child.wait().await }),
                Err(error) => error!(%error, "A compiler could not be started."),
            }
        }
        for at in 0..self.restarts.len() {
            if self.restarts[at].due.is_none_or(|due| due > Instant::now()) {
                continue;
            }
            self.restarts[at].due = None;
            let native = self.plan.natives[at];
            let kind = native.name();
            let (policy, engine) = (self.plan.policy.clone(), uid_of(self.plan.user.as_ref()));
            let role = Role::Helper { native, policy, engine };
            match self.start(&role, native.letter()) {
                Ok(mut child) => {
                    self.helpers.spawn(async move { Ended { at, status: child.wait().await } });
                }
                Err(error) => {
                    error!(%error, kind, "A helper could not be started.");
                    self.restarts[at].due =
                        Some(Instant::now() + self.restarts[at].again.next(Instant::now()));
                }
            }
        }
    }

    /// Starts a process whose stdin is a socket to the engine. If that fails, the engine is given a
    /// socket all the same, which is closed at its other end: nobody waits for what does not come.
    fn start(&self, role: &Role, letter: u8) -> io::Result<Child> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let child = role.command().stdin(Stdio::from(OwnedFd::from(theirs))).spawn();
        // An engine that is gone ends this process, too: its socket closes.
        if let Err(error) = control::hand(&self.control, letter, &OwnedFd::from(ours)) {
            info!(%error, "The engine takes no sockets any more.");
        }
        child
    }

    fn note(&mut self, ended: &Ended) {
        let kind = self.plan.natives[ended.at].name();
        let restart = &mut self.restarts[ended.at];
        let wait = restart.again.next(Instant::now());
        restart.due = Some(Instant::now() + wait);
        let wait_ms = wait.as_millis();
        match &ended.status {
            Ok(status) => warn!(kind, %status, wait_ms, "A helper has ended; it is started again."),
            Err(error) => warn!(kind, %error, wait_ms, "A helper is lost; it is started again."),
        }
    }

    /// Ends what is left. `stopped`: the engine is asked to end first.
    async fn end(mut self, stopped: bool) -> io::Result<(ExitStatus, bool)> {
        if stopped
            && self.ended.is_none()
            && let Some(pid) = self.engine.id().and_then(pid)
        {
            // It may have ended by itself meanwhile; or this process may not signal it, and then the
            // end of their conversation tells it.
            if kill_process(pid, Signal::TERM).is_err() {
                let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
            }
        }
        let status = match self.ended {
            Some(status) => status,
            // It has its drain time, and may ask for nothing any more.
            None => self.engine.wait().await?,
        };
        drop(self.control);
        let helpers = async { while self.helpers.join_next().await.is_some() {} };
        if tokio::time::timeout(END_WITHIN, helpers).await.is_err() {
            warn!("A helper did not end with its engine.");
        }
        Ok((status, self.was_ready))
    }
}

fn pair() -> io::Result<(UnixStream, Stdio)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, Stdio::from(OwnedFd::from(theirs))))
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// How long to wait before the next start: longer with each that failed soon.
#[derive(Debug, Default)]
struct Again {
    failures: u32,
    last: Option<Instant>,
}

impl Again {
    fn next(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now.duration_since(last) > RAN_WELL) {
            self.failures = 0;
        }
        self.last = Some(now);
        let wait = AGAIN_FIRST.saturating_mul(1 << self.failures.min(10)).min(AGAIN_MAX);
        self.failures += 1;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_waits_longer_each_time_and_what_ran_well_does_not() {
        let (mut again, now) = (Again::default(), Instant::now());
        let waits: Vec<_> = (0..9).map(|_| again.next(now).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
        assert_eq!(again.next(now + RAN_WELL + Duration::from_secs(1)), AGAIN_FIRST);
    }
}
