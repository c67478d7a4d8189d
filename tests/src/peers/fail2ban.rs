//! Fail2Ban, with a socket, a database and jails of its own: `good` writes what it does to a file,
//! the action of `bad` fails. No firewall is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Daemon, find};
use crate::eventually;

/// Failures until `good` bans by itself.
pub const MAX_RETRY: usize = 3;

/// One server.
#[derive(Debug)]
pub struct Fail2ban {
    found: PathBuf,
    folder: TempDir,
    daemon: Option<Daemon>,
}

impl Fail2ban {
    /// Starts one. `None`: skipped.
    pub async fn start() -> Option<Self> {
        let mut server = Self::prepare()?;
        server.begin().await;
        Some(server)
    }

    /// One that is not started yet. `None`: skipped.
    pub fn prepare() -> Option<Self> {
        let found = find("fail2ban")?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["conf/action.d", "conf/filter.d", "conf/jail.d"] {
            fs::create_dir_all(path(name)).expect("a folder of our own");
        }
        let here = folder.path().display();
        let client = found.join("client");
        let client = format!("#!/bin/sh\nexec '{}' -c '{here}/conf' \"$@\"\n", client.display());
        let server = format!(
            "[Definition]\nloglevel = INFO\nlogtarget = STDOUT\nsyslogsocket = auto\n\
             allowipv6 = auto\nsocket = {here}/socket\npidfile = {here}/pid\n\
             dbfile = {here}/db.sqlite3\ndbpurgeage = 1d\ndbmaxmatches = 10\n\
             [Thread]\nstacksize = 0\n"
        );
        let jails = format!(
            "[DEFAULT]\nignoreip =\nignoreself = false\nbantime = 600\nfindtime = 600\n\
             maxretry = {MAX_RETRY}\nbackend = polling\nusedns = no\nlogpath = {here}/watched\n\
             filter = nothing\n\
             [good]\nenabled = true\naction = noting[file={here}/acted]\n\
             [bad]\nenabled = true\naction = failing\n"
        );
        let action = |ban: &str, unban: &str| {
            format!(
                "[Definition]\nactionstart =\nactionstop =\nactioncheck =\nactionban = {ban}\n\
                 actionunban = {unban}\n[Init]\nfile = /nowhere\n"
            )
        };
        let noting = action("echo \"ban <ip>\" >> <file>", "echo \"unban <ip>\" >> <file>");
        let filter = "[Definition]\nfailregex = ^never <HOST>$\nignoreregex =\n".to_owned();
        for (name, text) in [
            ("conf/fail2ban.conf", server),
            ("conf/jail.conf", jails),
            ("conf/action.d/noting.conf", noting),
            ("conf/action.d/failing.conf", action("exit 7", "exit 7")),
            ("conf/filter.d/nothing.conf", filter),
            ("watched", String::new()),
            ("acted", String::new()),
            ("client", client),
        ] {
            fs::write(path(name), text).expect("a folder of our own");
        }
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path("client"), mode).expect("a file of our own");
        Some(Self { found, folder, daemon: None })
    }

    /// Starts it, and waits until both jails are there.
    pub async fn begin(&mut self) {
        let conf = self.path("conf").to_string_lossy().into_owned();
        let arguments = ["-c", &conf, "-f", "-x", "start"];
        let daemon = Daemon::start("fail2ban", &self.found, self.folder.path(), &arguments);
        eventually("jails", || async {
            let said = daemon.said();
            let started = ["Jail 'good' started", "Jail 'bad' started", "Server ready"];
            started.iter().all(|line| said.contains(line)).then_some(())
        })
        .await;
        self.daemon = Some(daemon);
    }

    /// Ends it in order, as a machine that shuts down does.
    pub async fn end(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        let pid = daemon.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.expect("a child that runs"), Signal::TERM).expect("a child of our own");
        daemon.child.wait().await.expect("a child of our own");
    }

    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// A program that is Fail2Ban's own client, and finds this server.
    pub fn client(&self) -> PathBuf {
        self.path("client")
    }

    /// What somebody at the machine does with the client; what it printed.
    pub async fn by_hand(&self, words: &[&str]) -> String {
        let done = tokio::process::Command::new(self.client()).args(words).output().await;
        let done = done.expect("the client");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// What the action of `good` did, once there are so many.
    pub async fn acted(&self, count: usize) -> Vec<String> {
        let file = self.path("acted");
        eventually(&format!("{count} actions"), || async {
            let lines = lines(&file);
            (lines.len() >= count).then_some(lines)
        })
        .await
    }

    /// What it did until now.
    pub fn acted_yet(&self) -> Vec<String> {
        lines(&self.path("acted"))
    }

    pub fn said(&self) -> String {
        self.daemon.as_ref().map(Daemon::said).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a file of our own");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(str::to_owned).collect()
}
