use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn run(&self, text: &str) -> Result<Vec<u8>, String> {
        self.run_within(text, WITHIN)
    }

    fn run_within(&self, text: &str, within: Duration) -> Result<Vec<u8>, String> {
        let file = self.write("key-command", text, 0o644);
        let asked = Asked { file: &file, bytes_max: 64, within, owner: owner_of(&file) };
        asked.run().map(|printed| printed.to_vec()).map_err(|error| error.to_string())
    }
}

fn owner_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().uid()
}

/// A script of the test's own, which belongs to whoever runs the test.
fn script(ground: &Ground, text: &str) -> String {
    let path = ground.write("program", &format!("#!/bin/sh\n{text}\n"), 0o755);
    path.display().to_string()
}

#[test]
fn a_command_is_run_without_a_shell_or_our_environment() {
    let ground = Ground::new();
    let program = script(
        &ground,
        r#"printf '%s|' "$@" "$PWD" "$(env | grep -c -v -E '^(PATH|PWD|_|SHLVL)=')""#,
    );
    let lines = format!("{program}\n$(id)\na b\n*\n");
    assert_eq!(ground.run(&lines).unwrap(), b"$(id)|a b|*|/|0|");
    let array = format!("['{program}', '$(id)', \"a b\",\n  '*']\n");
    assert_eq!(ground.run(&array).unwrap(), b"$(id)|a b|*|/|0|");
}

#[test]
fn its_stdin_is_empty_and_its_stderr_goes_nowhere() {
    let ground = Ground::new();
    let program = script(&ground, "echo noise >&2; cat; echo key");
    assert_eq!(ground.run(&program).unwrap(), b"key\n");
}

#[test]
fn what_it_prints_and_how_it_ends_is_bounded_and_told_without_its_output() {
    let ground = Ground::new();
    let table = [
        ("echo hunter2; exit 3", "ended with exit code 3"),
        ("echo hunter2; kill -9 $$", "was ended by signal 9"),
        ("yes hunter2", "printed more than 64 bytes"),
        ("yes hunter2 | head -c 65", "printed more than 64 bytes"),
    ];
    for (text, expected) in table {
        let told = ground.run(&script(&ground, text)).unwrap_err();
        assert!(told.contains(expected) && !told.contains("hunter2"), "{text}: {told}");
    }
    assert_eq!(ground.run(&script(&ground, "yes | head -c 64")).unwrap().len(), 64);
}

#[test]
fn one_that_does_not_end_is_killed_with_what_it_started() {
    let ground = Ground::new();
    let lock = ground.write("lock", "", 0o600);
    for text in ["sleep 600 & wait", "exec >&-; sleep 600"] {
        // Whoever holds the lock lives; the pipe to them is not needed to see it.
        let text = format!("exec 9< {}; flock 9; {text}", lock.display());
        let started = Instant::now();
        let told =
            ground.run_within(&script(&ground, &text), Duration::from_millis(300)).unwrap_err();
        assert!(told.contains("did not end within 300ms"), "{told}");
        assert!(started.elapsed() < Duration::from_secs(20));
        let lock = File::open(&lock).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    }
}

#[test]
fn a_file_or_program_that_others_can_change_is_refused() {
    let ground = Ground::new();
    let program = script(&ground, "echo key");
    let file = ground.write("key-command", &program, 0o644);
    let asked = |file, owner| Asked { file, bytes_max: 64, within: WITHIN, owner };
    let told = |file, owner| asked(file, owner).run().unwrap_err().to_string();
    let own = owner_of(&file);
    assert!(told(&file, own + 1).contains("can change what runs as the engine"));
    for mode in [0o666, 0o664, 0o646] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        assert!(told(&file, own).contains(&format!("mode {mode:o}")), "{mode:o}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o775)).unwrap();
    assert!(told(&file, own).contains("program` belongs to"));
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(**asked(&file, own).run().unwrap(), *b"key\n");

    let link = ground.path("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert!(told(&link, own).contains("must be a plain file"));
    let fifo = ground.path("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR).unwrap();
    assert!(told(&fifo, own).contains("must be a plain file"));
    assert!(told(&ground.path("none"), own).contains("cannot read"));
    assert!(run(&ground.path("none"), 64).is_err());
}

#[test]
fn what_is_no_command_is_told() {
    let ground = Ground::new();
    for text in ["", "\n\n", "sh\n-c\nid", "./program", "[]", "['/bin/echo', 1]", "[ '/bin/echo'"] {
        let told = ground.run(text).unwrap_err();
        assert!(told.contains("is no command"), "{text:?}: {told}");
    }
    let told = ground.run("/nowhere/at-all").unwrap_err();
    assert!(told.contains("cannot read `/nowhere/at-all`"), "{told}");
}
