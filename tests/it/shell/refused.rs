//! What the helper does not run, whatever the engine says.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use campanile::privileged::frame;
use campanile::privileged::helper::Numbered;
use campanile::privileged::shell::protocol::{Answer, Ask, Ending, Rule};
use rustix::process::geteuid;

use super::site::{As, Helper, Scripts, process, run};

/// The detail of a refusal for the script.
async fn refused(helper: &Helper, script: &str) -> String {
    match helper.answers(run(script)).await {
        Answer::Refused(it) if it.rule == Rule::Script => it.detail,
        other => panic!("{script}: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_is_a_file_in_the_folder_and_nothing_else() {
    for who in As::all() {
        let scripts = Scripts::new().script("good.sh", "echo good");
        scripts.put(".hidden.sh", "#!/bin/bash\n");
        scripts.put("-x.sh", "#!/bin/bash\n");
        scripts.put("other.py", "#!/bin/bash\n");
        scripts.put("sh", "#!/bin/bash\n");
        fs::copy(scripts.at("scripts/good.sh"), scripts.at("outside.sh")).unwrap();
        fs::create_dir(scripts.at("scripts/folder.sh")).unwrap();
        fs::create_dir(scripts.at("scripts/sub")).unwrap();
        fs::copy(scripts.at("scripts/good.sh"), scripts.at("scripts/sub/good.sh")).unwrap();
        let helper = scripts.helper(who, "").await;
        assert_eq!(helper.prints("good.sh").await, "good\n");
        let long = format!("{}.sh", "x".repeat(126));
        let absolute = scripts.at("scripts/good.sh").display().to_string();
        let names = [
            "../outside.sh",
            "sub/good.sh",
            "./good.sh",
            "good.sh/",
            "/bin/sh",
            &absolute,
            ".hidden.sh",
            "..",
            ".",
            "",
            "-x.sh",
            "other.py",
            "sh",
            "good.SH",
            "good.sh ",
            "good.sh\n",
            "good.sh\0",
            "good\\.sh",
            "missing.sh",
            "folder.sh",
            &long,
        ];
        for name in names {
            let detail = refused(&helper, name).await;
            assert!(!detail.is_empty(), "{who:?} {name:?}");
        }
    }
}

#[tokio::test]
async fn a_script_that_others_could_change_does_not_run() {
    if !geteuid().is_root() {
        return;
    }
    type Change = fn(&Scripts);
    let table: [(&str, Change); 9] = [
        ("is a link", |it| {
            fs::rename(it.at("scripts/a.sh"), it.at("scripts/b.sh")).unwrap();
            symlink("b.sh", it.at("scripts/a.sh")).unwrap();
        }),
        ("is a link", |it| {
            fs::remove_file(it.at("scripts/a.sh")).unwrap();
            symlink("/bin/sh", it.at("scripts/a.sh")).unwrap();
        }),
        ("chmod go-w", |it| mode(it, "scripts/a.sh", 0o775)),
        ("chmod go-w", |it| mode(it, "scripts/a.sh", 0o757)),
        ("chmod go-w", |it| mode(it, "scripts", 0o775)),
        ("chmod go-w", |it| mode(it, "", 0o1777)),
        ("chown root", |it| chown(it.at("scripts/a.sh"), Some(it.uid), None).unwrap()),
        ("chown root", |it| chown(it.at(""), Some(it.uid), None).unwrap()),
        ("chmod +x", |it| mode(it, "scripts/a.sh", 0o644)),
    ];
    for who in As::all() {
        for (expected, change) in table {
            let scripts = Scripts::new().script("a.sh", "echo ran");
            // Where it is said for a whole folder, the policy is out of its reach.
            let helper = scripts.helper(who, "").await;
            assert_eq!(helper.prints("a.sh").await, "ran\n");
            change(&scripts);
            let detail = refused(&helper, "a.sh").await;
            assert!(detail.contains(expected), "{who:?} {expected}: {detail}");
            // So that it can be removed again.
            mode(&scripts, "", 0o755);
        }
    }
}

fn mode(scripts: &Scripts, path: &str, mode: u32) {
    fs::set_permissions(scripts.at(path), fs::Permissions::from_mode(mode)).unwrap();
}

/// Tells at its end that nothing is to be swapped any more.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One file is put in the place of another all the time; each run is told with its own hash.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_what_was_hashed_however_often_it_is_swapped() {
    for who in As::all() {
        let scripts = Scripts::new().script("one.sh", "echo one").script("other.sh", "echo other");
        let scripts = scripts.script("swapped.sh", "echo one");
        let helper = scripts.helper(who, "").await;
        let hash_of_one = helper.runs("one.sh").await.script_sha256;
        let hash_of_other = helper.runs("other.sh").await.script_sha256;
        assert_ne!(hash_of_one, hash_of_other);
        let is_done = AtomicBool::new(false);
        let mut seen = [0, 0];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    for name in ["one.sh", "other.sh"] {
                        fs::copy(scripts.at("scripts").join(name), scripts.at("scripts/new.sh"))
                            .unwrap();
                        fs::rename(scripts.at("scripts/new.sh"), scripts.at("scripts/swapped.sh"))
                            .unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let running = async {
                for _ in 0..30 {
                    let ran = helper.runs("swapped.sh").await;
                    let at = usize::from(ran.output == "other\n");
                    seen[at] += 1;
                    let expected = [&hash_of_one, &hash_of_other][at];
                    assert_eq!(&ran.script_sha256, expected, "{who:?}: {}", ran.output);
                }
            };
            // However it ends.
            let _done = Done(&is_done);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(running));
        });
        assert!(seen[0] > 0 && seen[1] > 0, "{who:?}: {seen:?}");
    }
}

/// Bash reads a script as it goes: what is written into the file meanwhile is not read.
#[tokio::test]
async fn a_script_that_is_overwritten_while_it_runs_goes_on_as_it_was() {
    for who in As::all() {
        let scripts = Scripts::new();
        let (file, ready) = (scripts.at("scripts/a.sh"), scripts.at("open/ready"));
        let text = format!(
            "touch {ready:?}\nuntil grep -q CHANGED {file:?}; do sleep 0.05; done\necho old\n"
        );
        let scripts = scripts.script("a.sh", &text);
        let helper = scripts.helper(who, "").await;
        let change = async {
            while !ready.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // In place, as `>` does, not by another file of the same name.
            let changed = format!("#!/bin/bash\n# {}\n", "CHANGED\necho new\n".repeat(50));
            fs::OpenOptions::new()
                .write(true)
                .open(&file)
                .unwrap()
                .write_all(changed.as_bytes())
                .unwrap();
        };
        let (ran, ()) = tokio::join!(helper.runs("a.sh"), change);
        assert_eq!((ran.ending, ran.output.as_str()), (Ending::Exit(0), "old\n"), "{who:?}");
    }
}

#[tokio::test]
async fn arguments_and_names_keep_to_the_policy() {
    let scripts = Scripts::new().script("a.sh", "echo \"$#\"");
    for who in As::all() {
        let helper = scripts.helper(who, "arguments = [\"[a-z]{1,8}\", \"--level=[0-9]\"]").await;
        let table: [(&[&str], bool); 9] = [
            (&[], true),
            (&["abc", "--level=3"], true),
            (&["abc", "--level=33"], false),
            (&["abc\n"], false),
            (&["abc def"], false),
            (&["ABC"], false),
            (&[""], false),
            (&["abc;reboot"], false),
            (&["abcdefghi"], false),
        ];
        for (arguments, expected) in table {
            let mut asked = run("a.sh");
            asked.arguments = arguments.iter().map(|&one| one.to_owned()).collect();
            match helper.answers(asked).await {
                Answer::Ran(ran) if expected => {
                    assert_eq!(ran.output, format!("{}\n", arguments.len()));
                }
                Answer::Refused(it) if !expected => assert_eq!(it.rule, Rule::Arguments),
                other => panic!("{who:?} {arguments:?}: {other:?}"),
            }
        }
        let mut asked = run("a.sh");
        asked.alert.recipient = "x\nLD_PRELOAD=/tmp/x".to_owned();
        let answer = helper.answers(asked).await;
        assert!(matches!(&answer, Answer::Refused(it) if it.rule == Rule::Names), "{answer:?}");
    }
}

/// A message that is none ends the conversation, before anything is done.
#[tokio::test]
async fn a_helper_does_not_speak_with_who_says_something_else() {
    let good = serde_json::to_value(Numbered { id: 1, what: Ask::Run(run("a.sh")) }).unwrap();
    let mut more = good.clone();
    more["what"]["run"]["user"] = "root".into();
    let framed = |value: &serde_json::Value| frame::bytes(value).unwrap();
    let messages: [Vec<u8>; 6] = [
        framed(&more),
        framed(&serde_json::json!({ "id": 1, "what": { "exec": "/bin/sh" } })),
        [&[0, 0, 0, 8][..], b"\xff\x00garbage"].concat(),
        [&u32::MAX.to_be_bytes()[..], &[b' '; 1024]].concat(),
        [&(4_u32 << 20).wrapping_add(1).to_be_bytes()[..], &[b' '; 1024]].concat(),
        vec![0, 0, 0, 0],
    ];
    for who in As::all() {
        let scripts = Scripts::new();
        let made = scripts.at("open/made");
        let scripts = scripts.script("a.sh", &format!("touch {made:?}"));
        drop(scripts.helper(who, "").await);
        for message in &messages {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let mut helper = process(who, scripts.uid, &scripts.at("privileged.toml"), theirs);
            ours.write_all(message).unwrap();
            let waiting = tokio::time::timeout(super::site::SOON, helper.wait());
            let status = waiting.await.unwrap().unwrap();
            assert!(!status.success());
            ours.set_read_timeout(Some(super::site::SOON)).unwrap();
            let mut said = Vec::new();
            // It said who it is, if it came to that, and no more.
            _ = ours.read_to_end(&mut said);
            let hellos = String::from_utf8_lossy(&said).matches("\"folders\"").count();
            assert!(hellos <= 1 && !made.exists(), "{who:?} {message:?}");
        }
    }
}
