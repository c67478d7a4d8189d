use super::*;
use crate::privileged::shell::protocol::Rule;

/// The user of an engine in these tests.
const ENGINE: u32 = 12_345;

fn table(text: &str) -> ShellTable {
    toml::from_str(text).unwrap()
}

fn policy(text: &str) -> Policy {
    table(text).check(ENGINE).unwrap()
}

fn places(text: &str) -> Vec<String> {
    let problems = table(text).check(ENGINE).unwrap_err();
    problems.into_iter().map(|problem| problem.place).collect()
}

#[test]
fn what_is_not_written_is_the_safe_choice() {
    let it = policy("");
    assert!(!table("").enabled && !it.limits.network);
    let nobody = User::find("nobody").unwrap().unwrap();
    let expected = if geteuid().is_root() { nobody.uid } else { me() };
    assert_eq!((it.user.uid, it.owners.as_slice()), (expected, &[0][..]));
    assert_eq!(it.folders, FOLDERS.map(PathBuf::from));
    assert_eq!(it.extensions, ["sh"]);
    let limits = &it.limits;
    assert_eq!((limits.wall_s, limits.cpu_s, limits.max_concurrency), (30, 30, 1));
    assert_eq!((limits.memory_bytes, limits.processes, it.files), (512 << 20, 64, 256));
    assert_eq!((limits.output_bytes, it.kept_output_bytes), (16 << 20, 8 << 10));
    assert_eq!(limits.is_isolated, geteuid().is_root());
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let rows: [(&str, &[&str]); 13] = [
        ("folders = []", &["shell.folders"]),
        ("folders = [\"/a\", \"b\", \"/\"]", &["shell.folders[1]", "shell.folders[2]"]),
        ("extensions = [\"sh\", \".sh\", \"\"]", &["shell.extensions[1]", "shell.extensions[2]"]),
        ("extensions = []", &["shell.extensions"]),
        ("owner = \"nobody-of-this-name\"", &["shell.owner"]),
        ("owner = \"12345\"", &["shell.owner"]),
        ("arguments = [\"a\", \"(\"]", &["shell.arguments[1]"]),
        // Harmless only together with what is put around it.
        ("arguments = [\"a)|(b\"]", &["shell.arguments[0]"]),
        ("arguments = [\"(?:a{1000}){1000}\"]", &["shell.arguments[0]"]),
        ("wall_s = 0\ncpu_s = 3601", &["shell.wall_s", "shell.cpu_s"]),
        ("memory_bytes = 1\nprocesses = 0", &["shell.memory_bytes", "shell.processes"]),
        ("files = 3\noutput_bytes = 0", &["shell.files", "shell.output_bytes"]),
        (
            "kept_output_bytes = 1\nmax_concurrency = 0",
            &["shell.kept_output_bytes", "shell.max_concurrency"],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(places(text), expected, "{text}");
    }
    if geteuid().is_root() {
        // Root must be meant, and the engine is nobody whom scripts may be.
        assert_eq!(places("user = \"0\""), ["shell.user"]);
        assert_eq!(places("user = \"12345\""), ["shell.user"]);
        assert_eq!(policy("user = \"root\"").user.uid, 0);
        assert_eq!(places("user = \"no-such-user\""), ["shell.user"]);
    }
    // Root is who owns scripts, even where the engine is root, too.
    assert!(table("owner = \"root\"").check(0).is_ok());
    for text in ["wall = 1", "Wall_s = 1", "environment = [\"A\"]", "wall_s = -1", "user = 0"] {
        assert!(toml::from_str::<ShellTable>(text).is_err(), "{text}");
    }
}

#[test]
fn a_script_is_one_plain_name_with_an_ending_that_is_allowed() {
    let it = policy("extensions = [\"sh\", \"py\"]");
    for good in ["a.sh", "a.py", "a.b.sh", "Über $(x).sh", &format!("{}.sh", "x".repeat(125))] {
        it.allows_script(good).unwrap();
    }
    let long = format!("{}.sh", "x".repeat(126));
    let bad = [
        "", ".", "..", ".sh", ".a.sh", "-a.sh", "a", "a.", "sh", "a.SH", "a.sh ", "a.shx", "/a.sh",
        "../a.sh", "b/a.sh", "a\\b.sh", "a\n.sh", "a\0.sh", "a.sh\0", "a.sh/", &long,
    ];
    for bad in bad {
        assert_eq!(it.allows_script(bad).unwrap_err().rule, Rule::Script, "{bad:?}");
    }
}

#[test]
fn each_argument_matches_a_pattern_as_a_whole() {
    let it = policy("arguments = [\"a|ab\", \"(?i)x[0-9]+\", \"(?m)^line$\"]");
    let allows = |one: &str| it.allows_arguments(&[one.to_owned()]).is_ok();
    for good in ["a", "ab", "x1", "X22", "line"] {
        assert!(allows(good), "{good:?}");
    }
    for bad in ["", "abc", "b", "a ", "a\n", "\na", "x", "x1 x2", "line\nline", "other\nline"] {
        assert!(!allows(bad), "{bad:?}");
    }
    // Without patterns the bounds hold alone, and they hold with patterns, too.
    for it in [policy(""), policy("arguments = [\"(?s).*\"]")] {
        let all = |count, one: &str| it.allows_arguments(&vec![one.to_owned(); count]).is_ok();
        assert!(all(64, &"x".repeat(4096)) && all(1, "") && all(1, "$(a)\n"));
        assert!(!all(65, "x") && !all(1, &"x".repeat(4097)) && !all(1, "a\0b"));
    }
}
