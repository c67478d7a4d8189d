//! What is found where all is right, and where something is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::process::geteuid;
use tempfile::TempDir;

use super::*;
use crate::privileged::owned::OwnedFolder;
use crate::privileged::shell::policy::ShellTable;
use crate::privileged::{fail2ban, shell};

/// A folder no parent of which others can write, as one in /tmp has.
fn folder() -> TempDir {
    let program = std::env::current_exe().unwrap();
    let beside = program.parent().unwrap();
    // A checkout in /tmp has such a parent, too.
    let is_fit = OwnedFolder::open(beside, &[me()]).is_ok() || !geteuid().is_root();
    let folder = tempfile::tempdir_in(if is_fit { beside } else { Path::new("/run") }).unwrap();
    set(folder.path(), 0o755);
    folder
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn me() -> u32 {
    geteuid().as_raw()
}

/// The findings about `what` that are no better than `standing`.
fn of(findings: &[Finding], what: &str, standing: Standing) -> Vec<String> {
    let found = findings.iter().filter(|one| one.what == what && one.standing >= standing);
    found.map(|one| format!("{} -> {}", one.found, one.to_do.clone().unwrap_or_default())).collect()
}

fn config(folder: &Path, text: &str) -> Config {
    let path = folder.join("campanile.toml");
    // The user of the tests is the engine's: there is no other on every machine.
    let user = format!("{}:{}", me(), rustix::process::getegid().as_raw());
    let text = format!("{text}\n[process]\nuser = '{user}'\npolicy = '{}'", "/nowhere/policy.toml");
    Config::parse(&path, &text).unwrap()
}

#[test]
fn what_is_not_there_yet_is_made_by_the_start_and_nothing_by_looking() {
    let at = folder();
    fs::create_dir(at.path().join("components")).unwrap();
    let findings = look(&config(at.path(), "[egress]\nresolver = ['127.0.0.1']"));
    for what in ["data_dir", "cache_dir", "key"] {
        let found = of(&findings, what, Standing::Good);
        assert!(found.len() == 1 && found[0].contains("does not exist"), "{what}: {findings:?}");
    }
    assert!(findings.iter().all(|one| one.standing < Standing::Wrong), "{findings:?}");
    assert!(of(&findings, "components", Standing::Mend)[0].contains("make components"));
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "the components alone");
}

#[test]
fn what_the_start_refuses_is_wrong_with_its_remedy() {
    let at = folder();
    let path = |name: &str| at.path().join(name);
    fs::create_dir(path("data")).unwrap();
    fs::create_dir(path("data/cache")).unwrap();
    set(&path("data/cache"), 0o777);
    fs::write(path("data/secrets.key"), "campanile-key-1 AAAA").unwrap();
    set(&path("data/secrets.key"), 0o644);
    let findings = look(&config(at.path(), ""));
    let table =
        [("cache_dir", "chmod -R go-w"), ("key", "chmod 600"), ("components", "components_dir")];
    for (what, expected) in table {
        let found = of(&findings, what, Standing::Wrong);
        assert!(found.len() == 1 && found[0].contains(expected), "{what}: {found:?}");
    }
    assert!(of(&findings, "data_dir", Standing::Mend).is_empty(), "{findings:?}");

    fs::write(path("file"), "").unwrap();
    let findings = look(&config(at.path(), "data_dir = 'file'"));
    assert!(of(&findings, "data_dir", Standing::Wrong)[0].contains("is no folder"));
    let key = "[secrets]\nkey_command_file = '/nowhere/command'";
    let findings = look(&config(at.path(), key));
    assert!(of(&findings, "key", Standing::Wrong)[0].contains("/nowhere/command"), "{findings:?}");
}

#[test]
fn a_key_that_is_gone_is_told_before_the_start_finds_secrets_without_it() {
    let at = folder();
    fs::create_dir(at.path().join("data")).unwrap();
    fs::write(at.path().join("data/campanile.db"), "").unwrap();
    let findings = look(&config(at.path(), ""));
    assert!(of(&findings, "key", Standing::Mend)[0].contains("from your copy"), "{findings:?}");
}

#[test]
fn folders_of_others_and_folders_that_the_engines_user_does_not_reach_are_wrong() {
    if !geteuid().is_root() {
        return; // A plain user starts no engine of another user.
    }
    let at = folder();
    for name in ["data", "shut", "shut/components"] {
        fs::create_dir(at.path().join(name)).unwrap();
    }
    set(&at.path().join("shut"), 0o700);
    let text = "components_dir = 'shut/components'\n[process]\nuser = '12345:12345'";
    let config = Config::parse(&at.path().join("campanile.toml"), text).unwrap();
    let findings = look(&config);
    let data = of(&findings, "data_dir", Standing::Wrong);
    assert!(data.iter().any(|one| one.contains("chown -R 12345:12345")), "{data:?}");
    let shut = of(&findings, "components_dir", Standing::Wrong);
    assert!(shut[0].contains("does not let `12345:12345` through"), "{shut:?}");
    set(&at.path().join("shut"), 0o711);
    assert!(of(&look(&config), "components_dir", Standing::Good).is_empty());

    let text = "[process]\nuser = 'nobody-of-this-name'";
    let config = Config::parse(&at.path().join("campanile.toml"), text).unwrap();
    assert!(of(&look(&config), "user", Standing::Wrong)[0].contains("useradd"));
}

#[test]
fn a_policy_that_others_can_write_is_refused_and_one_that_is_not_there_turns_nothing_on() {
    let at = folder();
    let file = at.path().join("privileged.toml");
    assert!(of(&policy::look(&file, 1), "policy", Standing::Note)[0].contains("are off"));
    fs::write(&file, "[shell]\nenabled = true\nwall_s = 0").unwrap();
    set(&file, 0o666);
    let found = of(&policy::look(&file, 1), "policy", Standing::Wrong);
    assert!(found[0].contains("chown root"), "{found:?}");
    set(&file, 0o644);
    let found = of(&policy::look(&file, 1), "policy", Standing::Wrong);
    let expected = if geteuid().is_root() { "shell.wall_s" } else { "belongs to user" };
    assert!(found[0].contains(expected), "{found:?}");
}

#[test]
fn scripts_that_would_be_refused_are_told_with_why_and_those_that_would_run_are_counted() {
    let at = folder();
    let path = |name: &str| at.path().join(name);
    let put = |name: &str, mode| {
        fs::write(path(name), "#!/bin/sh\n").unwrap();
        set(&path(name), mode);
    };
    for name in ["one", "two", "open"] {
        fs::create_dir(path(name)).unwrap();
        set(&path(name), 0o755);
    }
    put("one/good.sh", 0o755);
    put("one/open.sh", 0o757);
    put("one/plain.sh", 0o644);
    put("one/README", 0o644);
    symlink(path("one/good.sh"), path("one/link.sh")).unwrap();
    put("two/good.sh", 0o755);
    set(&path("open"), 0o777);
    let look = |folders: &[&str]| {
        let folders: Vec<PathBuf> = folders.iter().map(|name| path(name)).collect();
        let table = ShellTable { folders, owner: me().to_string(), ..ShellTable::default() };
        // Who runs these tests may be root, and is not the engine.
        shell::doctor::look(&table.check(12_345).unwrap())
    };
    let findings = look(&["one", "two", "nowhere"]);
    let folders = of(&findings, "shell.folders", Standing::Good);
    assert!(
        folders[0].contains("would run: 1, that would not: 3; files of other names: 1"),
        "{folders:?}"
    );
    assert!(folders[2].contains("passed over"), "{folders:?}");
    let told = of(&findings, "shell.script", Standing::Note);
    let expected = ["is a link", "mode 757", "chmod +x", "is hidden by the one in"];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let refused = of(&look(&["open", "one"]), "shell.folders", Standing::Mend);
    assert!(refused[0].contains("mode 777"), "{refused:?}");
}

#[test]
fn a_socket_that_others_may_open_is_told_and_one_that_is_not_there() {
    let at = folder();
    let path = at.path().join("fail2ban.sock");
    let look = || {
        let text = format!(
            "enabled = true\njails = ['one']\nsocket = '{}'\nstate_dir = '{}'\n\
             never_ban = ['192.0.2.0/24']",
            path.display(),
            at.path().join("state").display()
        );
        let policy = fail2ban::Policy::read(text.parse().unwrap()).unwrap().unwrap();
        fail2ban::doctor::look(&policy)
    };
    let told = of(&look(), "fail2ban.socket", Standing::Mend);
    assert!(told[0].contains("start Fail2Ban"), "{told:?}");
    let _listening = UnixListener::bind(&path).unwrap();
    let table =
        [(0o700, 0o755, None), (0o600, 0o755, None), (0o755, 0o755, None)].into_iter().chain([
            (0o720, 0o755, Some("who can open it is root")),
            (0o702, 0o755, Some("who can open it is root")),
            (0o700, 0o777, Some("another socket in its place")),
        ]);
    for (mode, of_folder, expected) in table {
        set(&path, mode);
        set(at.path(), of_folder);
        let told = of(&look(), "fail2ban.socket", Standing::Mend);
        match expected {
            Some(expected) => {
                assert!(told.iter().any(|one| one.contains(expected)), "{mode:o}: {told:?}");
            }
            // A socket of a plain user's is not root's alone.
            None => assert_eq!(told.is_empty(), geteuid().is_root(), "{mode:o}: {told:?}"),
        }
    }
    let findings = look();
    assert!(of(&findings, "fail2ban.jails", Standing::Good)[0].contains("one"));
    assert!(of(&findings, "fail2ban.never_ban", Standing::Good)[0].contains("192.0.2.0/24"));
    assert!(!at.path().join("state").exists(), "looking made it");
}

#[test]
fn what_others_write_steers_no_terminal() {
    let finding = Finding::good("x", "\u{1b}[31m\nred");
    assert_eq!(finding.found, "\\u{1b}[31m\\nred");
    assert_eq!(word(Path::new("/a b'c")), r"'/a b'\''c'");
}
