//! A site with what the engine cannot change: a policy and scripts of root's.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use campanile_tests::engine::Engine;
use campanile_tests::peers::{self, fail2ban::Fail2ban};
use campanile_tests::site::{Site, trusted};
use campanile_tests::{eventually, process};
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use tempfile::TempDir;

/// What many deliveries may take together, on a machine with other work.
const MANY_WITHIN: Duration = Duration::from_secs(240);

/// Root's part of a site.
pub(super) struct Ground {
    folder: PathBuf,
    /// Removed with the ground.
    _held: TempDir,
    /// Whom scripts run as: nobody else on this machine, as far as one can be sure.
    pub(super) uid: u32,
}

impl Ground {
    /// Of a site beside others. `None`: skipped, since only root can make a policy.
    pub(super) async fn new() -> Option<(Site, Self)> {
        if !geteuid().is_root() {
            peers::skip("a policy of the native kinds must be root's, and these tests are not");
            return None;
        }
        let site = Site::new().await;
        let held = TempDir::new_in(trusted()).unwrap();
        let folder = held.path().join("trusted");
        fs::set_permissions(held.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (name, mode) in [("", 0o755), ("scripts", 0o755), ("open", 0o777)] {
            fs::create_dir(folder.join(name)).unwrap();
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.join(name), mode).unwrap();
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let free = 1_300_000 + std::process::id() % 10_000 * 100;
        let uid = free + NEXT.fetch_add(1, Ordering::Relaxed);
        let ground = Self { folder, _held: held, uid };
        let policy = Value::from(ground.policy_path().to_string_lossy()).to_string();
        Some((site.set("process.policy", &policy), ground))
    }

    pub(super) fn policy_path(&self) -> PathBuf {
        self.folder.join("privileged.toml")
    }

    /// A file that scripts may write.
    pub(super) fn open(&self, name: &str) -> PathBuf {
        self.folder.join("open").join(name)
    }

    pub(super) fn policy(&self, text: &str) {
        fs::write(self.policy_path(), text).unwrap();
    }

    /// The table that turns scripts on.
    pub(super) fn shell(&self, more: &str) -> String {
        let (folder, uid) = (self.folder.join("scripts"), self.uid);
        format!(
            "[shell]\nenabled = true\nfolders = [{folder:?}]\nuser = \"{uid}\"\n\
             kept_output_bytes = 65536\n{more}\n"
        )
    }

    /// The table that turns bans at this server on.
    pub(super) fn bans(&self, server: &Fail2ban, more: &str) -> String {
        let (socket, state) = (server.socket(), self.folder.join("state"));
        format!(
            "[fail2ban]\nenabled = true\njails = ['good']\nsocket = {socket:?}\n\
             state_dir = {state:?}\n{more}\n"
        )
    }

    /// Puts a bash script in, which finds the open folder as `$OPEN`; the file.
    pub(super) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join("scripts").join(name);
        let open = self.folder.join("open");
        fs::write(&path, format!("#!/bin/bash\nOPEN='{}'\n{text}\n", open.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What scripts wrote into a file of the open folder, line by line.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        lines(&self.open(name))
    }

    /// The same, once there are so many.
    pub(super) async fn sees(&self, name: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} lines in {name}"), async || {
            let lines = self.lines(name);
            (lines.len() >= count).then_some(lines)
        })
        .await
    }
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The helper that is there now, or is once it was started again.
pub(super) async fn helper(engine: &Engine, kind: &str) -> u32 {
    let words = format!("process helper {kind}");
    eventually(&words, async || process::child(engine.monitor_pid(), &words)).await
}

/// SIGKILL for the helper that is there now; its process, which is gone.
pub(super) async fn kill_helper(engine: &Engine, kind: &str) -> u32 {
    let pid = helper(engine, kind).await;
    let gone = process::handle(pid);
    process::signal(pid, Signal::KILL);
    process::ended(gone).await;
    pid
}

/// Waits until nothing is pending, and each of these alerts was delivered to the recipient.
pub(super) async fn all_delivered(engine: &Engine, recipient: &str, alerts: &[String]) {
    let waiting = async {
        while !engine.deliveries(Some("pending")).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(MANY_WITHIN, waiting).await;
    assert!(waited.is_ok(), "still pending: {:?}", engine.deliveries(Some("pending")).await);
    let delivered = engine.deliveries(Some("delivered")).await;
    let delivered = delivered.iter().filter(|one| one["recipient"] == recipient);
    let delivered: BTreeSet<_> = delivered.map(|one| text(&one["alert"])).collect();
    assert_eq!(delivered, alerts.iter().cloned().collect(), "{recipient}");
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected text, got {value}")).to_owned()
}

/// Runs a command beside the engine, which is to succeed; what it printed.
pub(super) async fn prints(site: &Site, engine: &Engine, arguments: &[&str]) -> String {
    let url = format!("http://{}", engine.address());
    let (code, printed, said) = site.run(&[arguments, &["--url", &url]].concat()).await;
    assert_eq!(code, Some(0), "{arguments:?}: {printed}{said}");
    printed
}
