//! Bans, from the command line over the API to a helper.

use serde_json::json;
use tokio::net::UnixStream;

use super::*;
use crate::privileged::fail2ban::Spared;
use crate::privileged::fail2ban::protocol::{Answer, Ask, BanRecord};
use crate::privileged::frame;
use crate::privileged::helper::Numbered;

fn ban(address: &str) -> BanRecord {
    BanRecord {
        at_ms: 1_790_000_000_000,
        jail: "web".to_owned(),
        address: address.to_owned(),
        fingerprint: "f1".to_owned(),
        reason: "campanile x".to_owned(),
    }
}

/// Runs `args` with a helper that answers so, and says what it was asked.
async fn asked(
    host: &StandIn,
    args: &[&str],
    answer: Answer,
) -> (Result<String, Failure>, Option<Ask>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let helper = async {
        frame::write(&mut theirs, &"hello").await.unwrap();
        let asked: Option<Numbered<Ask>> = frame::read(&mut theirs).await.unwrap();
        let asked = asked?;
        frame::write(&mut theirs, &Numbered { id: asked.id, what: answer }).await.unwrap();
        let _: Option<Numbered<Ask>> = frame::read(&mut theirs).await.unwrap();
        Some(asked.what)
    };
    let commanding = async {
        let (printed, speaking) = {
            let speaking = host.fail2ban.speak(ours);
            tokio::pin!(speaking);
            let command = async {
                assert!(host.fail2ban.met(std::time::Duration::from_secs(10)).await);
                campanile(host, args).await
            };
            tokio::select! {
                () = &mut speaking => panic!("the helper is gone"),
                printed = command => (printed, ()),
            }
        };
        // With this the helper's stream ends.
        let () = speaking;
        printed
    };
    tokio::join!(commanding, helper)
}

#[tokio::test]
async fn bans_are_listed_and_undone_and_that_is_in_the_audit_log() {
    let host = StandIn::start().await;
    let listed = Answer::Bans { bans: vec![ban("192.0.2.8"), ban("2001:db8::1")], more: true };
    let (printed, ask) = asked(&host, &["bans", "list"], listed.clone()).await;
    let printed = printed.unwrap();
    assert_eq!(ask, Some(Ask::List { since_ms: 0 }));
    let expected = "2026-09-21T14:13:20Z  web   2001:db8::1  f1           campanile x";
    assert!(printed.lines().any(|line| line == expected), "{printed}");
    assert!(printed.ends_with("... and older ones\n"), "{printed}");
    let (printed, ask) = asked(&host, &["bans", "list", "--since", "1h", "--json"], listed).await;
    let printed: Value = serde_json::from_str(&printed.unwrap()).unwrap();
    assert_eq!(printed["bans"][0]["address"], "192.0.2.8");
    assert!(matches!(ask, Some(Ask::List { since_ms: 1_790_000_000_000.. })), "{ask:?}");

    let undone = Answer::Undone {
        lifted: vec![ban("192.0.2.8")],
        gone: 1,
        failed: vec![(ban("192.0.2.9"), "it refused: \u{1b}[2J".to_owned())],
        more: false,
    };
    let args = ["bans", "undo", "--since", "2h", "--jail", "web", "--yes", "--json"];
    let (failed, ask) = asked(&host, &args, undone).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.exit, Exit::Failed);
    let told = failed.to_string();
    assert!(told.contains("192.0.2.9 in web: it refused: \\u{1b}[2J"), "{told}");
    assert!(matches!(ask, Some(Ask::Undo { jail: Some(jail), .. }) if jail == "web"));
    let log = campanile(&host, &["audit", "--json", "--limit", "2"]).await.unwrap();
    let log: Value = serde_json::from_str(&log).unwrap();
    let entries = &log["entries"];
    assert_eq!(entries[0]["action"], "bans-undone");
    assert_eq!(entries[0]["detail"], json!({ "lifted": 1, "gone": 1, "failed": 1 }));
    assert_eq!(
        (&entries[1]["action"], &entries[1]["detail"]["jail"]),
        (&json!("undo-bans"), &json!("web"))
    );
}

#[tokio::test]
async fn without_a_helper_it_says_so_and_nobody_is_asked_where_nobody_can_be() {
    let host = StandIn::start().await;
    let failure = campanile(&host, &["bans", "list"]).await.unwrap_err();
    let told = chain(&failure);
    assert!(told.contains("its helper process is not there"), "{told}");
    let args = ["bans", "undo", "--since", "1h"];
    let nothing = Answer::Bans { bans: Vec::new(), more: false };
    let (failed, ask) = asked(&host, &args, nothing).await;
    // Tests have no terminal, so the command must not go on.
    assert_eq!(failed.unwrap_err().exit, Exit::Usage);
    assert!(matches!(ask, Some(Ask::List { .. })), "{ask:?}");
}

#[tokio::test]
async fn who_proved_a_token_is_not_banned() {
    let host = StandIn::start().await;
    let here = std::net::IpAddr::from([127, 0, 0, 1]);
    assert_eq!(host.spared.spares(here), None);
    let file = host.file("alerts.json", &many(1));
    let wrong = host.file("wrong", &"x".repeat(43));
    assert!(campanile(&host, &["audit", "--token-file", &wrong]).await.is_err());
    assert_eq!(host.spared.spares(here), None, "a token that is none proves nothing");
    campanile(&host, &["send", &file]).await.unwrap();
    assert_eq!(host.spared.spares(here), Some("alert-sender"));
    campanile(&host, &["audit"]).await.unwrap();
    assert_eq!(host.spared.spares(here), Some("admin-session"));
}
