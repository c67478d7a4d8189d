//! What the kernel says of the processes of a running engine.

use std::fs;
use std::os::unix::fs::MetadataExt;

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::engine::Engine;
use campanile_tests::process;
use campanile_tests::site::engine_user;
use rustix::process::{Gid, geteuid};
use rustix::thread::set_thread_groups;

use super::{kept, status};
use crate::path::webhook_at;

#[tokio::test]
async fn no_thread_of_a_running_engine_has_a_right_left_and_its_monitor_is_one_thread() {
    for by_root in [true, false] {
        let capture = Capture::answering([200]).await;
        let site = webhook_at(&capture).await;
        if engine_user().is_some() {
            // What is started here has a group that it is to give up.
            set_thread_groups(&[Gid::from_raw(4)]).unwrap();
        }
        let engine = if by_root { site.start().await } else { site.start_by_a_plain_user().await };
        // All that it does, it does as it is: a file is made, a message is sent.
        let accepted = engine.accepts(&native("disk full")).await;
        engine.reaches(&accepted[0], "delivered").await;

        let user = engine_user().unwrap_or_else(|| geteuid().as_raw());
        let threads = threads(engine.pid());
        assert!(threads.len() > 2, "workers, and threads that may block: {threads:?}");
        for thread in threads {
            let about = status(&format!("{}/task/{thread}", engine.pid()));
            // One that may block ends when it has nothing to do.
            let Some(about) = about else { continue };
            let mut kept = kept(&about, user);
            // A plain user's bounds are not its to take, and it can do nothing with what is within.
            if by_root && engine_user().is_some() && about["CapBnd"] != "0".repeat(16) {
                kept.push(format!("CapBnd: {}", about["CapBnd"]));
            }
            assert!(kept.is_empty(), "by root {by_root}, thread {}: {kept:?}", about["Name"]);
        }
        is_bare(&engine);
        // Also after its user has changed, whatever the machine makes of such a process.
        let environ = fs::metadata(format!("/proc/{}/environ", engine.pid())).unwrap();
        assert_eq!(environ.uid(), 0, "nobody but root looks into it");
        // An interrupt at a terminal is the monitor's alone, which lets the engine end in order.
        assert_eq!(group(engine.pid()), engine.pid(), "a group of its own");
        assert_ne!(group(engine.monitor_pid()), engine.pid());
    }
}

/// The group of processes that gets what is typed at a terminal.
fn group(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').nth(2).unwrap().parse().unwrap()
}

/// The monitor is one thread, and listens nowhere.
fn is_bare(engine: &Engine) {
    let monitor = engine.monitor_pid();
    assert_eq!(threads(monitor).len(), 1);
    assert_eq!(listening(monitor), 0);
    assert_eq!(listening(engine.pid()), 1, "what it is compared with");
}

fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    tasks.map(|one| one.file_name().to_string_lossy().into_owned()).collect()
}

/// How many of its files are sockets that listen on TCP.
fn listening(pid: u32) -> usize {
    let table = ["tcp", "tcp6"].map(|file| fs::read_to_string(format!("/proc/net/{file}")));
    let table = table.into_iter().flatten().collect::<String>();
    let inodes: Vec<_> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.get(3) == Some(&"0A"))
        .map(|words| format!("socket:[{}]", words[9]))
        .collect();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let targets = files.filter_map(|one| fs::read_link(one.path()).ok());
    targets.filter(|one| inodes.contains(&one.to_string_lossy().into_owned())).count()
}

#[tokio::test]
async fn an_engine_that_a_plain_user_starts_delivers_and_ends_when_told() {
    let capture = Capture::answering([503, 200]).await;
    let site = webhook_at(&capture).await;
    let engine = site.start_by_a_plain_user().await;
    let user = engine_user().unwrap_or_else(|| geteuid().as_raw());
    let monitor = status(&engine.monitor_pid().to_string()).unwrap();
    assert!(monitor["Uid"].starts_with(&format!("{user} ")), "{monitor:?}");
    let accepted = engine.accepts(&native("disk full")).await;
    assert_eq!(engine.record_of(&accepted[0]).await, ["unavailable: 503", "delivered: 200"]);
    let gone = process::handle(engine.pid());
    assert_eq!(engine.terminate().await.code(), Some(0), "{}", site.log());
    process::ended(gone).await;
}
