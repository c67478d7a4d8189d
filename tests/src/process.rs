//! A process seen from outside: its memory, its CPU, its open files, and signals to it, by id.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::DEADLINE;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident now.
    pub now: u64,
    /// Resident at most, since it started.
    pub peak: u64,
}

/// Reads `/proc/PID/status`; panics where the process is gone.
pub fn memory(pid: u32) -> Memory {
    let status = read(pid, "status");
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        number.unwrap_or_else(|| panic!("no {name} in the status of process {pid}")) * 1024
    };
    Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

/// CPU that all threads of a process have used, ended ones included, in steps of 10 ms.
pub fn cpu(pid: u32) -> Duration {
    let stat = read(pid, "stat");
    // The name in parentheses may hold anything; after it come state, ppid, ...: 14 and 15 of the
    // whole line are utime and stime.
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks =
        fields.split(' ').skip(11).take(2).map(|word| word.parse::<u64>().expect("a count"));
    // USER_HZ is 100 on every architecture that Linux still builds for.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// How many files and sockets a process has open.
pub fn descriptors(pid: u32) -> usize {
    let path = format!("/proc/{pid}/fd");
    fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
}

/// The child of a process whose command line has these words, if it is there.
pub fn child(parent: u32, words: &str) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().filter_map(|id| id.parse().ok()).find(|id: &u32| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.replace('\0', " ").contains(words)
    })
}

/// Waits until a process has ended, whoever is to be told of it.
pub async fn ended(process: OwnedFd) {
    let within = Timespec { tv_sec: DEADLINE.as_secs().cast_signed(), tv_nsec: 0 };
    let waiting = tokio::task::spawn_blocking(move || {
        // Readable once it has.
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&within))
    });
    let ended = waiting.await.expect("a thread that waits").expect("a handle");
    assert_eq!(ended, 1, "the process is still there after {DEADLINE:?}");
}

/// A handle to a process, which stays with it whatever becomes of its id.
pub fn handle(pid: u32) -> OwnedFd {
    let handle = pidfd_open(id(pid), PidfdFlags::empty());
    handle.unwrap_or_else(|error| panic!("process {pid}: {error}"))
}

fn id(pid: u32) -> Pid {
    i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id")
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) {
    kill_process(id(pid), signal).unwrap_or_else(|error| panic!("process {pid}: {error}"));
}

fn read(pid: u32, file: &str) -> String {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cpu_of_a_process_rise_with_what_it_does() {
        let pid = std::process::id();
        let (cpu_before, before) = (cpu(pid), memory(pid));
        let mut block = vec![1_u8; 64 << 20];
        while cpu(pid) < cpu_before + Duration::from_millis(20) {
            block.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(3));
        }
        assert!(memory(pid).now >= before.now + (32 << 20), "{:?}", block.last());
        assert!(memory(pid).peak >= memory(pid).now / 2);
    }

    #[test]
    fn a_file_counts_while_it_is_open() {
        // Tests beside this one open and close some too.
        const FILES: usize = 200;
        let pid = std::process::id();
        let before = descriptors(pid);
        let files: Vec<_> = (0..FILES).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(descriptors(pid) >= before + FILES / 2);
        drop(files);
        assert!(descriptors(pid) < before + FILES / 2);
    }
}
