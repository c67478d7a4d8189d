//! All that this process is the ancestor of, for who is no first process of a namespace.
//!
//! Promise: `kill_all` returns when nothing is left, or when it could not be done in time.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, kill_process, prlimit, wait, waitpid,
};

/// How long a process may take to die.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at what is left.
const PACE: Duration = Duration::from_millis(2);

/// Kills every descendant, again and again, until there is none. This process must be the reaper of
/// what they leave behind.
pub(super) fn kill_all() {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        kill_below(getpid(), 0);
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                // Some live on, or are just dying.
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                // No child is left, and so no descendant.
                Err(_) => return,
            }
        }
        std::thread::sleep(PACE);
    }
}

/// Kills what other processes left behind to this one, which has `own` children itself. It must be
/// the reaper of all that is below it.
pub(super) fn kill_orphans(own: &HashSet<Pid>) {
    let deadline = Instant::now() + WITHIN;
    while Instant::now() < deadline {
        let orphans: Vec<_> =
            children(getpid()).into_iter().filter(|pid| !own.contains(pid)).collect();
        if orphans.is_empty() {
            return;
        }
        for pid in orphans {
            _ = kill_process(pid, Signal::KILL);
            kill_below(pid, 0);
            // It may take a moment to die.
            _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(PACE);
    }
}

/// Reaps what has ended, but for `script`, whose status somebody waits for.
pub(super) fn bury(script: Pid) {
    for pid in children(getpid()) {
        if pid != script {
            // It may live.
            _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Ancestors first, so that fewer are left to start others.
fn kill_below(pid: Pid, depth: usize) {
    // Deeper ones are children of this process as soon as those above are dead.
    if depth > 64 {
        return;
    }
    for child in children(pid) {
        // It starts nothing more, even if it is quicker than the signal.
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        _ = prlimit(Some(child), Resource::Nproc, none);
        let below = children(child);
        _ = kill_process(child, Signal::KILL);
        for pid in below {
            _ = kill_process(pid, Signal::KILL);
            kill_below(pid, depth + 2);
        }
    }
}

fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_nonzero();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut children = Vec::new();
    for thread in threads.flatten() {
        let listed = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        children.extend(pids.filter_map(Pid::from_raw));
    }
    children
}

/// Processes and threads of a user on this machine.
pub(super) fn tasks_of(uid: u32) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let is_number = |name: &std::ffi::OsStr| {
        name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut tasks = 0;
    for process in processes.flatten().filter(|it| is_number(&it.file_name())) {
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
            rest.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        if field("Uid:") == Some(uid.into()) {
            tasks += field("Threads:").unwrap_or(1);
        }
    }
    tasks
}
