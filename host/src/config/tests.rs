use std::path::Path;

use super::*;

#[test]
fn an_empty_file_gives_the_documented_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:7700");
    assert_eq!((config.zone.as_str(), config.locale.as_str()), ("UTC", "en"));
    assert_eq!(config.data_dir, Path::new("/etc/campanile/data"));
    assert_eq!(config.components_dir, Path::new("/etc/campanile/components"));
    assert_eq!(config.cache_dir, Path::new("/etc/campanile/data/cache"));
    assert_eq!(config.ingest.body_bytes_max.get(), 1_048_576);
    assert_eq!(config.limits.call_cpu_ms.get(), 50);
    assert_eq!(config.retry.attempts_max.get(), 20);
    assert_eq!(config.store.keep_days.get(), 30);
    assert_eq!(config.files.root, None);
    assert_eq!(config.files.folder_bytes_max.get(), 1_073_741_824);
    assert!(!config.instance.is_empty());
}

#[test]
fn which_tokens_may_ban_is_granted_by_the_operator_alone() {
    let config = parse("").unwrap();
    assert_eq!(config.api.may_ban, []);
    assert_eq!(config.granted.get("may_ban"), None);
    let config = parse("[api]\nmay_ban = ['ingest']").unwrap();
    assert_eq!(config.api.may_ban, [crate::tenant::Role::Ingest]);
    assert_eq!(config.granted["may_ban"], serde_json::json!(["ingest"]));
}

#[test]
fn each_problem_is_told_with_its_place_and_what_is_expected() {
    let table = [
        ("instance = ''", "instance", "1 to 255 printable"),
        ("instance_link = 'ntop.example'", "instance_link", "expected a URL"),
        ("instance_link = 'javascript:x'", "instance_link", "expected a URL"),
        ("instance_link = 'https://:hunter2@h/'", "instance_link", "without a user"),
        ("zone = 'Europe/Atlantis'", "zone", "IANA time zone"),
        ("locale = 'english please'", "locale", "language tag"),
        ("data_dir = 7", "data_dir", "expected "),
        ("colour = 1", "colour", "is not a field"),
        ("api = 1", "api", "write `[api]`"),
        ("[api]\nlisten = '0.0.0.0:7700'", "api.listen", "loopback address"),
        ("[api]\nlisten = '192.0.2.7:7700'", "api.listen", "no TLS yet"),
        ("[api]\nlisten = '[::]:7700'", "api.listen", "loopback address"),
        ("[api]\nlisten = '127.0.0.1'", "api.listen", "an address and a port"),
        ("[api]\nlisten = 7700", "api.listen", "an address and a port"),
        (
            "[api]\nallowed_hosts = ['a.example', 'http://b.example/']",
            "api.allowed_hosts[1]",
            "leave out scheme",
        ),
        ("[api]\nallowed_hosts = ['me@b.example']", "api.allowed_hosts[0]", "a host name"),
        ("[api]\nmay_ban = ['all']", "api.may_ban", "`ingest`"),
        ("[api]\nmay_ban = true", "api.may_ban", "expected "),
        ("[ingest]\nbody_bytes_max = 0", "ingest.body_bytes_max", "a whole number above 0"),
        ("[limits]\ncall_cpu_ms = 'fast'", "limits.call_cpu_ms", "a whole number above 0"),
        ("[limits]\ncall_cpu_ms = -1", "limits.call_cpu_ms", "a whole number above 0"),
        ("[limits]\ncall_wall_ms = 10", "limits.call_wall_ms", "at least `limits.call_cpu_ms`"),
        ("[limits]\nhostcall_bytes_max = 10", "limits.hostcall_bytes_max", "at least"),
        ("[limits]\ncall_wall_ms = 180001", "limits.call_wall_ms", "at most 180000"),
        ("[limits]\ncall_sends_max = 10001", "limits.call_sends_max", "at most 10000"),
        ("[limits]\nlog_bytes_max = 5000000", "limits.log_bytes_max", "at most 4194304"),
        (
            "[limits]\ncalls_count = 8\ninstances_per_tenant_max = 9",
            "limits.instances_per_tenant_max",
            "at most `limits.calls_count`",
        ),
        ("[limits]\ncall_cpu = 5", "limits.call_cpu", "`call_cpu_ms`"),
        ("[guard]\nrefusals_slow = 60", "guard.refusals_stop", "at least `guard.refusals_slow`"),
        ("[[component]]\nname = 'a b'", "component[0].name", "the name of a kind"),
        (
            "[[component]]\nname = '*'\n[[component]]\nname = '*'",
            "component[1].name",
            "put both into one",
        ),
        ("[[component]]\nname = 'a'\ndrop = ['body']", "component", "`annotations`"),
        ("[retry]\nmax_ms = 10", "retry.max_ms", "at least `retry.first_ms`"),
        ("[store]\nkeep_days = 0", "store.keep_days", "a whole number above 0"),
        ("[files]\nfolder_files_max = 10001", "files.folder_files_max", "at most 10000"),
        ("[files]\nroot = ''", "files.root", "such as `files`"),
        ("[dispatch]\nbatch_max = 0", "dispatch.batch_max", "above 0"),
        ("[[endpoint]]\nname = 'a'", "endpoint", "campanile apply"),
        ("[recipient.ops]\nendpoint = 'a'", "recipient", "`[recipient.NAME]`"),
    ];
    for (text, place, expected) in table {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        assert_eq!(problems[0].place, place, "{text:?}");
        assert!(problems[0].expected.contains(expected), "{text:?}: {}", problems[0].expected);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let text = r#"
        zone = "Mars"
        [api]
        listen = "0.0.0.0:80"
        colour = "red"
        [limits]
        call_cpu_ms = 0
        calls_count = "many"
        [[endpoint]]
        name = "ok"
    "#;
    let mut places: Vec<_> = problems(text).into_iter().map(|one| one.place).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "api.colour",
            "api.listen",
            "endpoint",
            "limits.call_cpu_ms",
            "limits.calls_count",
            "zone",
        ]
    );
}

#[test]
fn broken_toml_is_told_with_line_and_column_and_without_its_text() {
    let error = parse("zone = \"UTC\"\ntoken = \"hunter2").unwrap_err();
    let ConfigError::Syntax { line, column, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*line, 2);
    assert!(*column >= 9, "{column}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn no_message_and_no_debug_output_shows_a_value() {
    let text = "[limits]\ncall_cpu_ms = 'hunter2'\n[endpoint]\nname = 'hunter2'";
    assert!(!parse(text).unwrap_err().to_string().contains("hunter2"));
    // A token that was pasted without its quotes, and has only digits.
    let digits = "9".repeat(40);
    let error = parse(&format!("zone = {digits}")).unwrap_err().to_string();
    assert!(error.contains("line 1") && !error.contains(&digits), "{error}");
}

#[test]
fn paths_are_shown_without_detours_and_a_step_back_out_of_a_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/usr/share", folder.path().join("link")).unwrap();
    let link = folder.path().join("link");
    let table = [
        ("packaging/../data".to_owned(), "data".to_owned()),
        ("./a/./b".into(), "a/b".into()),
        ("a/b/../../../c".into(), "../c".into()),
        ("../../c".into(), "../../c".into()),
        ("/../c".into(), "/../c".into()),
        ("/etc/campanile/../x/..".into(), "/etc".into()),
        ("packaging/..".into(), ".".into()),
        (format!("{}/../data", link.display()), format!("{}/../data", link.display())),
    ];
    for (written, expected) in table {
        assert_eq!(plain_path(Path::new(&written)), Path::new(&expected), "{written}");
    }
    let text = "data_dir = '../data'\ncomponents_dir = '../target/components'\n\
                [runtime]\ncache_dir = '../cache'";
    let config = Config::parse(Path::new("packaging/dev.toml"), text).unwrap();
    assert_eq!(config.data_dir, Path::new("data"));
    assert_eq!(config.components_dir, Path::new("target/components"));
    assert_eq!(config.cache_dir, Path::new("cache"));
}

#[test]
fn a_missing_file_says_what_to_do() {
    let error = Config::load(Path::new("/nowhere/campanile.toml")).unwrap_err();
    assert!(error.to_string().contains("create it"), "{error}");
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/campanile/campanile.toml"), text)
}

fn problems(text: &str) -> Vec<Problem> {
    match parse(text) {
        Err(ConfigError::Wrong { problems, .. }) => problems,
        other => panic!("{text:?} gave {other:?}"),
    }
}
