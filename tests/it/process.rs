//! What a running engine gives away of itself to others on its machine.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use campanile_tests::site::{Site, target};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::geteuid;

fn proc(pid: u32, file: &str) -> std::path::PathBuf {
    format!("/proc/{pid}/{file}").into()
}

#[tokio::test]
async fn no_core_file_is_ever_written() {
    let engine = Site::new().await.start_as_it_was().await;
    let limits = fs::read_to_string(proc(engine.pid(), "limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(words, ["0", "0"], "soft and hard");
}

/// A user that owns nothing, for tests that are run by root.
const NOBODY: u32 = 65_534;

/// As whom a program runs that must not be root.
fn as_no_root(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the test looks on as another user")]
    let mut command = Command::new(program);
    if geteuid().is_root() {
        command.uid(NOBODY);
    }
    command
}

#[test]
fn nobody_but_root_looks_into_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // It reads its configuration, once it has hardened itself, for as long as this test likes.
    let config = folder.path().join("campanile.toml");
    mknodat(CWD, &config, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let binary = target().join("release/campanile");
    let mut command = as_no_root(binary);
    command.args(["endpoint", "list", "--config"]).arg(&config).stderr(Stdio::null());
    let mut engine = command.spawn().expect("the engine's program, which others may run");
    let reading = fs::OpenOptions::new().write(true).open(&config).unwrap();

    for file in ["environ", "mem", "maps", "fd"] {
        assert_eq!(fs::metadata(proc(engine.id(), file)).unwrap().uid(), 0, "{file}");
    }
    let environ = proc(engine.id(), "environ");
    let looked = as_no_root("cat").arg(&environ).stderr(Stdio::null()).status().unwrap();
    assert!(!looked.success(), "another process of its user reads its environment");
    // The same look at a process that did nothing against it.
    let mut open = as_no_root("sleep").arg("60").spawn().unwrap();
    let looked = as_no_root("cat").arg(proc(open.id(), "environ")).stdout(Stdio::null()).status();
    assert!(looked.unwrap().success());
    open.kill().unwrap();
    open.wait().unwrap();
    drop(reading);
    engine.wait().unwrap();
}
