//! Real services, as the set-up brings them into `.tools/peers`: each is a process of its own, on
//! loopback and on ports that were free, and what it took is read back from its files.
//!
//! Promise: where the set-up could not bring one, its tests are skipped, and `target/skipped` says which
//! and why; in CI that is a failure. All ends when a peer is dropped.
//!
//! Not here: services that answer by script (`peer`) and the one with faults (`capture`).

pub mod exim;
pub mod fail2ban;
pub mod judge;
pub mod osmem;
pub mod rsyslog;
pub mod syslog;
pub mod syslog_ng;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::eventually;
use crate::site::{project, target};

/// Where the set-up put this one, or `None`: then the test is to return at once, as skipped.
///
/// Panics instead where `CI` is set: there everything is to be tested.
pub fn find(name: &str) -> Option<PathBuf> {
    let folder = project().join(".tools/peers");
    let found = folder.join(name);
    if found.join("recipe").is_file() {
        return Some(found);
    }
    let why = fs::read_to_string(folder.join(format!("{name}.why")));
    let why = why.unwrap_or_else(|_| "run `.ci/setup test`".to_owned());
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = format!("{name} is not there: {why}");
    skip(&why);
    None
}

/// Says that a test was skipped, and why. Panics instead where `CI` is set.
pub fn skip(why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(!is_ci, "{why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // The test runner has no word for it: `make test` counts these lines and shows them at the end.
    let list = File::options().create(true).append(true).open(target().join("skipped"));
    list.and_then(|mut list| list.write_all(format!("{test}: {why}\n").as_bytes()))
        .expect("a file in the target folder");
}

/// A peer's process. It is killed when dropped.
#[derive(Debug)]
struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

#[derive(Clone, Copy, Debug)]
enum Over {
    Tcp,
    Udp,
}

impl Daemon {
    /// Starts the peer in `found`, with a log in `folder`; no variable of ours is told to it.
    fn start(name: &'static str, found: &Path, folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join("log");
        let file = File::create(&log).expect("a log in a folder of our own");
        let mut command = Command::new(found.join("start"));
        command.args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stderr(file.try_clone().expect("a file twice")).stdout(file);
        // Some end when nobody can speak to them any more.
        command.stdin(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, child, log }
    }

    /// Waits until it listens, and says where.
    async fn port(&mut self, over: Over) -> u16 {
        let what = format!("{} listens over {over:?}", self.name);
        let found = eventually(&what, || {
            let ended = self.child.try_wait().expect("a child");
            let pid = self.child.id();
            async move { ended.map(Err).or_else(|| port_of(pid?, over).map(Ok)) }
        });
        match found.await {
            Ok(port) => port,
            Err(status) => panic!("{} ended, {status}:\n{}", self.name, self.said()),
        }
    }

    fn said(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

/// The first port that a process listens at, whatever else the machine does.
fn port_of(pid: u32, over: Over) -> Option<u16> {
    let sockets: BTreeSet<_> = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .flatten()
        .filter_map(|one| {
            let target = fs::read_link(one.path()).ok()?.into_os_string().into_string().ok()?;
            Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    // Of a socket: what the kernel calls listening, or for UDP being bound and not connected.
    let (table, listens) = match over {
        Over::Tcp => ("tcp", "0A"),
        Over::Udp => ("udp", "07"),
    };
    let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (state, inode) = (*fields.get(3)?, *fields.get(9)?);
        let is_it = state == listens && sockets.contains(inode);
        let (_, port) = fields.get(1)?.rsplit_once(':')?;
        is_it.then(|| u16::from_str_radix(port, 16).ok())?
    })
}

/// Waits until a file has so many lines, each of them JSON.
async fn lines_of(file: &Path, count: usize) -> Vec<Value> {
    let what = format!("{count} lines in {}", file.display());
    eventually(&what, || async {
        let text = fs::read_to_string(file).ok()?;
        let whole = text.rsplit_once('\n')?.0;
        let lines: Vec<_> = whole.lines().map(read).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
