//! Stored secrets and their keys, from the command line to the store.

use super::*;

#[tokio::test]
async fn secrets_are_listed_by_what_they_are_bound_to_and_never_by_value() {
    let host = StandIn::start().await;
    assert!(campanile(&host, &["secret", "list"]).await.unwrap().starts_with("OWNER"));
    host.store_secret("password", "hunter2").await;
    host.store_secret("token", "hunter3").await;
    let printed = campanile(&host, &["secret", "list"]).await.unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 3, "{printed}");
    for part in
        ["recipient night", "password", "9", "https://a.example:443", "2026-09-2", "readable"]
    {
        assert!(lines[2].contains(part), "{part}: {printed}");
    }
    let json = campanile(&host, &["secret", "list", "--json"]).await.unwrap();
    let listed: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(listed["secrets"][0]["field"], "token");
    assert_eq!(listed["secrets"][0]["problem"], Value::Null);
    assert!(!json.contains("hunter") && !printed.contains("hunter"));
    let one = campanile(&host, &["secret", "list", "--limit", "1"]).await.unwrap();
    assert_eq!(one.lines().count(), 2, "{one}");
}

#[tokio::test]
async fn a_rotation_seals_everything_anew_and_is_in_the_audit_log() {
    let host = StandIn::start().await;
    host.store_secret("password", "hunter2").await;
    let key = async || {
        let listed = campanile(&host, &["secret", "list", "--json"]).await.unwrap();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["secrets"][0]["problem"], Value::Null);
        assert_eq!(listed["secrets"][0]["changed_ms"], 1_790_000_000_000_u64);
        listed["secrets"][0]["key"].as_str().unwrap().to_owned()
    };
    let before = key().await;
    let printed = campanile(&host, &["secret", "rotate"]).await.unwrap();
    let after = key().await;
    assert_ne!(before, after);
    let expected =
        format!("1 secrets are sealed with the key {after}\nthe key {before} is taken out\n");
    assert_eq!(printed, expected);
    let log = campanile(&host, &["audit", "--limit", "1"]).await.unwrap();
    assert!(log.contains("secret-rotate") && log.contains("admin token"), "{log}");

    // Another key than the one that it is sealed with now: told by name, and left as it is.
    let db = rusqlite::Connection::open(host.folder().join("campanile.db")).unwrap();
    assert_eq!(db.execute("update secret set key_id = x'0000000000000007'", []).unwrap(), 1);
    let printed = campanile(&host, &["secret", "list"]).await.unwrap();
    let told = "the secret `password` of recipient 1 cannot be read: it was sealed with the key \
                0000000000000007";
    assert!(printed.contains("unreadable") && printed.contains(told), "{printed}");
    let failure = campanile(&host, &["secret", "rotate"]).await.unwrap_err();
    assert!(failure.to_string().contains(told), "{failure}");
    assert_eq!(failure.exit, Exit::Failed);
}

#[tokio::test]
async fn a_rotation_without_its_key_file_changes_nothing() {
    let host = StandIn::start().await;
    host.store_secret("password", "hunter2").await;
    std::fs::remove_file(host.folder().join("secrets.key")).unwrap();
    let failure = campanile(&host, &["secret", "rotate"]).await.unwrap_err().to_string();
    assert!(failure.contains("put it back"), "{failure}");
    let printed = campanile(&host, &["secret", "list"]).await.unwrap();
    assert!(printed.contains(" readable"), "{printed}");
}

#[tokio::test]
async fn a_new_key_is_a_line_for_a_key_file() {
    let mut out = Vec::new();
    let args = Args::try_parse_from(["campanile", "secret", "new-key"]).unwrap();
    let common = Common { config: "nowhere".into(), json: false };
    args.command.run(&common, &mut out).await.unwrap();
    let line = String::from_utf8(out).unwrap();
    assert!(line.starts_with("campanile-key-1 ") && line.len() == 61, "{line}");
}
