//! `campanile doctor`, from a shell's side: what it finds on a machine that is not as it should be.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use campanile_tests::site::{Site, trusted};
use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What an operator has beside the engine: a policy, scripts, a socket.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        // No parent of it is writable for others.
        let folder = TempDir::new_in(trusted()).unwrap();
        set(folder.path(), 0o755);
        fs::create_dir(folder.path().join("scripts")).unwrap();
        set(&folder.path().join("scripts"), 0o755);
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.at(name), text).unwrap();
        set(&self.at(name), mode);
    }

    fn policy(&self) -> String {
        format!(
            "[shell]\nenabled = true\nfolders = ['{}']\nuser = '12345'\n\
             [fail2ban]\nenabled = true\njails = ['campanile']\nsocket = '{}'\nstate_dir = '{}'\n\
             never_ban = ['192.0.2.0/24']\n",
            self.at("scripts").display(),
            self.at("fail2ban.sock").display(),
            self.at("state").display()
        )
    }
}

/// The exit code, and what was found that is no better than a thing to mend: `what: found`.
async fn doctor(site: &Site) -> (Option<i32>, Vec<String>) {
    let (code, printed, said) = site.run(&["doctor", "--json"]).await;
    let printed: Value =
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{said}"));
    assert_eq!(printed["starts"], code != Some(3), "{printed}");
    let findings = printed["findings"].as_array().unwrap();
    let bad = findings
        .iter()
        .filter(|one| ["mend", "wrong"].contains(&one["standing"].as_str().unwrap()));
    let told = bad.map(|one| format!("{}: {}", one["what"], one["found"]).replace('"', ""));
    (code, told.collect())
}

#[tokio::test]
async fn doctor_finds_a_refused_policy_a_script_that_others_can_write_and_a_socket_they_can_open() {
    let machine = Machine::new();
    let policy = machine.at("privileged.toml");
    let site = Site::new().await.set("process.policy", &format!("'{}'", policy.display()));
    machine.put("privileged.toml", &machine.policy(), 0o666);
    let (code, told) = doctor(&site).await;
    assert_eq!((code, told.len()), (Some(3), 1), "{told:?}");
    assert!(told[0].starts_with("policy: ") && told[0].contains("mode 666"), "{told:?}");
    // What doctor says of the start is what the start does.
    let (code, log) = site.refused().await;
    assert!(code == Some(3) && log.contains("mode 666"), "{code:?}: {log}");
    if !geteuid().is_root() {
        return; // Only root writes a policy.
    }

    set(&policy, 0o644);
    machine.put("scripts/good.sh", "#!/bin/sh\n", 0o755);
    machine.put("scripts/open.sh", "#!/bin/sh\n", 0o757);
    let _listening = UnixListener::bind(machine.at("fail2ban.sock")).unwrap();
    set(&machine.at("fail2ban.sock"), 0o777);
    let (code, told) = doctor(&site).await;
    assert_eq!((code, told.len()), (Some(1), 2), "{told:?}");
    assert!(told[0].contains("`open.sh` is refused") && told[0].contains("mode 757"), "{told:?}");
    assert!(told[1].contains("fail2ban.socket") && told[1].contains("is root"), "{told:?}");

    set(&machine.at("scripts/open.sh"), 0o755);
    set(&machine.at("fail2ban.sock"), 0o700);
    let (code, told) = doctor(&site).await;
    assert_eq!((code, told), (Some(0), Vec::new()));
    assert!(!machine.at("state").exists() && !site.data().exists(), "looking made something");
    let (code, printed, _) = site.run(&["doctor"]).await;
    assert!(code == Some(0) && printed.contains("would run: 2, that would not: 0"), "{printed}");
}

#[tokio::test]
async fn doctor_tells_what_is_wrong_with_a_configuration_that_cannot_be_read() {
    let site = Site::new().await.set("limits.call_cpu_ms", "0");
    let (code, printed, said) = site.run(&["doctor"]).await;
    assert_eq!(code, Some(3), "{printed}{said}");
    assert!(printed.contains("WRONG") && printed.contains("limits.call_cpu_ms"), "{printed}");
    assert!(printed.contains("landlock"), "the machine is looked at all the same: {printed}");
}

#[tokio::test]
async fn doctor_says_of_a_site_that_starts_that_it_would() {
    let site = Site::new().await;
    let engine = site.start().await;
    engine.terminate().await;
    let (code, told) = doctor(&site).await;
    assert_eq!((code, told), (Some(0), Vec::new()));
    let strict = site.set("process.strict", "true");
    let (code, told) = doctor(&strict).await;
    // It refuses what the start refuses, on this machine as on any other.
    let starts = code == Some(0);
    if starts {
        strict.start().await.terminate().await;
    } else {
        assert_eq!(strict.refused().await.0, Some(3), "{told:?}");
    }
}
