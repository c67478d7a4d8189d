//! What a script is given, and what its end is told as.

use campanile::privileged::shell::protocol::{Answer, Ask, Ending, NotStarted, Rule};

use super::site::{As, Scripts, check, marker, run};

/// Prints what it was given, in hexadecimal digits.
const DUMP: &str = r#"hex() { od -An -v -tx1 | tr -d ' \n'; }
for one in "$@"; do echo "argument $(printf %s "$one" | hex)"; done
echo "stdin $(hex)"
echo "environment $(hex < /proc/$$/environ)"
"#;

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn whatever_an_alert_says_reaches_the_script_as_bytes_and_nothing_else() {
    let marker = marker();
    let nasty = [
        format!("$(touch {marker})"),
        format!("`touch {marker}`; ${{IFS}}touch {marker} && x || y & # \\"),
        "'\"'\"' \"$HOME\" ~ * ? [a] {a,b} !! %s %n \\x41 \\".to_owned(),
        "line one\nALERT_TEST=1\r\n\ttab \u{1b}[31m \u{202e} ü 🔔".to_owned(),
        "--help".to_owned(),
        "-c".to_owned(),
        String::new(),
        "x".repeat(4096),
    ];
    for who in As::all() {
        let scripts = Scripts::new().script("dump.sh", DUMP);
        let helper = scripts.helper(who, "").await;
        let mut asked = run("dump.sh");
        asked.arguments = nasty.to_vec();
        asked.stdin = format!("{}\n", serde_json::json!({ "text": nasty.join("\u{7f}") }));
        asked.alert.recipient = format!("$(touch {marker}) `id` '\" -x");
        asked.alert.attempt = 7;
        asked.alert.is_test = true;
        let ran = helper.ran(asked.clone()).await;
        assert_eq!(ran.ending, Ending::Exit(0), "{}", ran.output);

        let mut lines: Vec<_> = ran.output.lines().collect();
        let environment = lines.pop().unwrap().strip_prefix("environment ").unwrap().to_owned();
        let arguments = nasty.iter().map(|one| format!("argument {}", hex(one)));
        let mut expected: Vec<_> = arguments.collect();
        expected.push(format!("stdin {}", hex(&asked.stdin)));
        assert_eq!(lines, expected, "{who:?}");

        let recipient = format!("ALERT_RECIPIENT={}", asked.alert.recipient);
        let mut expected = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "ALERT_ID=01JD",
            "ALERT_ACTION=engage",
            "ALERT_SEVERITY=error",
            recipient.as_str(),
            "ALERT_ATTEMPT=7",
            "ALERT_VERSION=1",
            "ALERT_SCRIPT=dump.sh",
            "ALERT_TEST=1",
        ]
        .map(|one| hex(&format!("{one}\0")));
        let bytes = hex("\0");
        let mut seen: Vec<_> = split(&environment, &bytes);
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "{who:?}");
        let made = std::path::Path::new("/").join(&marker);
        assert!(!made.exists() && !std::path::Path::new(&marker).exists());
    }
}

/// The hexadecimal digits up to and with each end.
fn split(digits: &str, end: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for pair in digits.as_bytes().chunks(2) {
        let pair = String::from_utf8_lossy(pair);
        parts.last_mut().unwrap().push_str(&pair);
        if pair == end {
            parts.push(String::new());
        }
    }
    assert_eq!(parts.pop().as_deref(), Some(""), "the last one ends, too");
    parts
}

#[tokio::test]
async fn a_script_has_the_rights_of_its_user_and_no_more() {
    const LOOK: &str = r#"
echo "ids $(id -ru) $(id -u) $(id -rg) $(id -g) groups $(id -G)"
echo "umask $(umask) folder $PWD"
grep -E '^(NoNewPrivs|CapInh|CapPrm|CapEff|CapAmb):' /proc/$$/status
echo "limits $(ulimit -c) $(ulimit -t) $(ulimit -v) $(ulimit -n) $(ulimit -f)"
find /proc/$$/fd -mindepth 1 -printf 'file %f %l\n'
echo "group $(ps -o pgid= -p $$ | tr -d ' ') self $$"
echo "others $(cat /proc/[0-9]*/comm | tr '\n' ' ')"
"#;
    for who in As::all() {
        let scripts = Scripts::new().script("look.sh", LOOK);
        let policy = "cpu_s = 7\nmemory_bytes = 268435456\nfiles = 100\n\
                      file_bytes = 1048576";
        let seen = scripts.helper(who, policy).await.prints("look.sh").await;
        let uid = scripts.uid;
        let has = |line: &str| assert!(seen.lines().any(|it| it == line), "{who:?} {line}: {seen}");
        has(&format!("ids {uid} {uid} {uid} {uid} groups {uid}"));
        has("umask 0077 folder /");
        has("NoNewPrivs:\t1");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            has(&format!("{set}:\t0000000000000000"));
        }
        // `ulimit -v` and `-f` count in 1,024 bytes.
        has("limits 0 7 262144 100 1024");
        let files: Vec<_> = seen.lines().filter_map(|it| it.strip_prefix("file ")).collect();
        for file in &files {
            let (number, what) = file.split_once(' ').unwrap();
            let is_known = match number {
                "0" | "1" | "2" => what.starts_with("pipe:"),
                // Bash's own name of the script it reads; and the script itself.
                _ => what.starts_with("/memfd:script"),
            };
            assert!(is_known, "{who:?} {file}: {seen}");
        }
        assert!((4..=5).contains(&files.len()), "{who:?}: {seen}");
        if who == As::Root {
            let others = seen.lines().find_map(|it| it.strip_prefix("others ")).unwrap();
            for name in others.split_whitespace() {
                // The process between, the script by the number of its file, and what it runs.
                let is_own = ["exe", "3", "4", "5", "6", "bash", "cat", "tr"].contains(&name);
                assert!(is_own, "{name}: {seen}");
            }
        }
    }
}

#[tokio::test]
async fn an_end_is_told_as_it_was() {
    let table = [
        ("exit 0", Ending::Exit(0), None),
        ("exit 1", Ending::Exit(1), None),
        ("exit 64", Ending::Exit(64), None),
        ("exit 255", Ending::Exit(255), None),
        ("no-such-command", Ending::Exit(127), None),
        ("exit 75", Ending::Exit(75), None),
        ("echo RETRY-AFTER: 90; exit 75", Ending::Exit(75), Some(90)),
        ("echo RETRY-AFTER: 90; exit 1", Ending::Exit(1), None),
        ("echo RETRY-AFTER: 90 >&2; exit 75", Ending::Exit(75), None),
        ("kill -KILL $$", Ending::Signal(9), None),
        ("kill -TERM $$", Ending::Signal(15), None),
        ("kill -SEGV $$", Ending::Signal(11), None),
        // An exit code that only looks like a signal's.
        ("exit 137", Ending::Exit(137), None),
        ("(kill -KILL $BASHPID); exit $?", Ending::Exit(137), None),
    ];
    for who in As::all() {
        let mut scripts = Scripts::new();
        for (at, (text, ..)) in table.iter().enumerate() {
            scripts = scripts.script(&format!("{at}.sh"), text);
        }
        let helper = scripts.helper(who, "").await;
        for (at, (text, ending, retry_after_s)) in table.into_iter().enumerate() {
            let ran = helper.runs(&format!("{at}.sh")).await;
            assert_eq!((ran.ending, ran.retry_after_s), (ending, retry_after_s), "{who:?} {text}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_executed_says_at_which_step() {
    for who in As::all() {
        let scripts = Scripts::new();
        scripts.put("none.sh", "echo hello\n");
        scripts.put("gone.sh", "#!/no/such/interpreter\n");
        scripts.put("empty.sh", "");
        let helper = scripts.helper(who, "").await;
        for (name, expected) in [("none.sh", 8), ("gone.sh", 2), ("empty.sh", 8)] {
            let answer = helper.answers(run(name)).await;
            let Answer::NotStarted(NotStarted { stage, errno, .. }) = answer else {
                panic!("{who:?} {name}: {answer:?}")
            };
            assert_eq!((stage.as_str(), errno), ("exec", Some(expected)), "{who:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_check_tells_all_and_runs_nothing() {
    for who in As::all() {
        let scripts = Scripts::new();
        let made = scripts.at("open/made");
        let scripts = scripts.script("make.sh", &format!("touch {made:?}"));
        let helper = scripts.helper(who, "").await;
        let answer = helper.ask(&check("make.sh")).await.unwrap();
        let Answer::Checked(checked) = answer else { panic!("{answer:?}") };
        assert!(!made.exists());
        assert_eq!(checked.user, scripts.uid.to_string());
        assert_eq!(checked.folder, scripts.at("scripts").display().to_string());
        assert_eq!(checked.limits.is_isolated, who == As::Root);
        assert_eq!((checked.limits.wall_s, checked.limits.network), (30, false));
        let ran = helper.runs("make.sh").await;
        assert_eq!((ran.ending, ran.script_sha256), (Ending::Exit(0), checked.script_sha256));
        assert!(made.exists());

        let answer = helper.ask(&check("other.sh")).await.unwrap();
        assert!(matches!(&answer, Answer::Refused(it) if it.rule == Rule::Script), "{answer:?}");
        let mut long = run("make.sh");
        long.arguments = vec!["x".repeat(4097)];
        let answer = helper.ask(&Ask::Run(long)).await.unwrap();
        assert!(matches!(&answer, Answer::Refused(it) if it.rule == Rule::Arguments));
    }
}
