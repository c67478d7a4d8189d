//! From an alert of ntopng to a ban by a real Fail2Ban, and back.

use std::fs;

use campanile_tests::alerts::{envelope, flow, host};
use campanile_tests::client::Ask;
use campanile_tests::engine::{Engine, accepted};
use campanile_tests::peers::fail2ban::Fail2ban;
use campanile_tests::site::Site;
use serde_json::{Value, json};
use tokio::process::Command;

use super::ground::{Ground, helper, kill_helper, prints, text};

/// An attacker that is nobody on this machine.
const ATTACKER: &str = "198.51.100.7";

/// A flow of which the client attacks.
fn attack(from: &str) -> String {
    let alert = flow(7);
    let (before, rest) = alert.split_once(r#""cli_ip":""#).unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    format!(r#"{before}"cli_ip":"{from}"{after}"#)
}

/// One recipient of everything, in the jail `good`; alerts by the ingest token may ban.
fn with_wall(site: Site, endpoint: &Value, recipient: &Value) -> Site {
    let mut settings = recipient.clone();
    settings["jail"] = json!("good");
    site.set("api.may_ban", "['ingest']")
        .endpoint("wall", "fail2ban", endpoint)
        .recipient("wall", "wall", &settings)
}

/// Posts one alert; its delivery, once that has ended.
async fn ended(engine: &Engine, alert: &str) -> Value {
    let ids = engine.accepts_ntopng([alert]).await;
    ended_of(engine, &ids[0]).await
}

async fn ended_of(engine: &Engine, alert: &str) -> Value {
    engine.record_of(alert).await;
    let id = text(&engine.deliveries_of(alert).await[0]["id"]);
    engine.get(&format!("/v1/deliveries/{id}")).await.json()
}

fn is_skipped(delivery: &Value, why: &str) {
    assert_eq!(delivery["state"], "skipped", "{delivery}");
    assert!(delivery.to_string().contains(why), "{why}: {delivery}");
}

#[tokio::test]
async fn one_attacker_is_banned_and_whoever_must_not_be_is_not() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    ground.policy(&ground.bans(&server, "never_ban = ['203.0.113.0/24']"));
    let site = with_wall(site, &json!({}), &json!({}));
    let engine = site.start().await;

    // By a token that may not.
    let body = envelope([attack(ATTACKER)]);
    let ask = Ask::post("/v1/ingest/ntopng", body).bearing(&engine.admin_token);
    let ids = accepted(&engine.ask(&ask).await);
    is_skipped(&ended_of(&engine, &ids[0]).await, "its sender's token may not ban");
    let both = attack(ATTACKER).replace(r#""is_srv_attacker":false"#, r#""is_srv_attacker":true"#);
    is_skipped(&ended(&engine, &both).await, "both sides are attackers");
    let none = attack(ATTACKER).replace(r#""is_cli_attacker":true"#, r#""is_cli_attacker":false"#);
    is_skipped(&ended(&engine, &none).await, "no attacker");
    is_skipped(
        &ended(&engine, &attack("203.0.113.9")).await,
        "203.0.113.9 is never banned: never-ban",
    );
    // Who sends alerts here; the helper would not either.
    let own = ended(&engine, &attack("127.0.0.1")).await;
    is_skipped(&own, "127.0.0.1 is never banned: ");
    assert_eq!(server.acted_yet(), [] as [&str; 0]);

    let banned = ended(&engine, &attack(ATTACKER)).await;
    assert_eq!(banned["state"], "delivered", "{banned}");
    let tried = &banned["tries"][0];
    assert_eq!(tried["origin"], "fail2ban:good", "{banned}");
    assert_eq!(tried["detail"], "accepted by fail2ban, firewall not checked", "{banned}");
    assert_eq!(server.acted(1).await, [format!("ban {ATTACKER}")]);
    let again = ended(&engine, &attack("::ffff:198.51.100.7")).await;
    assert_eq!(again["state"], "delivered", "{again}");
    assert_eq!(server.acted_yet().len(), 1, "it is banned already");
}

#[tokio::test]
async fn a_release_lifts_the_ban_of_its_engage_and_people_list_and_undo_the_others() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    ground.policy(&ground.bans(&server, ""));
    let site = with_wall(site, &json!({}), &json!({ "unban_on_release": true }));
    let engine = site.start().await;
    server.by_hand(&["set", "good", "banip", "192.0.2.99"]).await;

    let engaged = ended(&engine, &host(ATTACKER, "engage", 100)).await;
    assert_eq!(engaged["state"], "delivered", "{engaged}");
    let released = ended(&engine, &host(ATTACKER, "release", 100)).await;
    assert_eq!(released["state"], "delivered", "{released}");
    let expected = ["ban 192.0.2.99", "ban 198.51.100.7", "unban 198.51.100.7"];
    assert_eq!(server.acted(3).await, expected);
    // Nothing was banned for this one by us.
    ended(&engine, &host("192.0.2.99", "engage", 100)).await;
    let release = ended(&engine, &host("192.0.2.99", "release", 100)).await;
    assert_ne!(release["state"], "delivered", "{release}");

    for address in ["198.51.100.8", "198.51.100.9"] {
        assert_eq!(ended(&engine, &attack(address)).await["state"], "delivered");
    }
    let listed = prints(&site, &engine, &["bans", "list", "--since", "1h"]).await;
    let addresses: Vec<_> = ["198.51.100.9", "198.51.100.8", "198.51.100.7", "192.0.2.99"]
        .into_iter()
        .filter(|address| listed.contains(address))
        .collect();
    assert_eq!(addresses, ["198.51.100.9", "198.51.100.8"], "{listed}");
    let undone = prints(&site, &engine, &["bans", "undo", "--since", "1h", "--yes"]).await;
    assert!(undone.contains("2 lifted, 0 gone before, 0 not"), "{undone}");
    let acted = server.acted(7).await;
    let mut lifted = acted[5..].to_vec();
    lifted.sort();
    assert_eq!(lifted, ["unban 198.51.100.8", "unban 198.51.100.9"], "{acted:?}");
    assert_eq!(server.by_hand(&["get", "good", "banned", "192.0.2.99"]).await, "1");
    let listed = prints(&site, &engine, &["bans", "list"]).await;
    assert!(!listed.contains("198.51.100."), "{listed}");
}

#[tokio::test]
async fn a_dry_run_and_a_test_ban_nobody() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    ground.policy(&ground.bans(&server, ""));
    let site = with_wall(site, &json!({ "dry_run": true }), &json!({}));
    let engine = site.start().await;
    let dry = ended(&engine, &attack(ATTACKER)).await;
    assert_eq!(dry["state"], "delivered", "{dry}");
    assert!(text(&dry["tries"][0]["detail"]).contains("dry run"), "{dry}");
    let saved = json!({ "kind": "fail2ban", "settings": { "dry_run": false } });
    let answer = engine.call("PUT", "/v1/endpoints/wall", &saved).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = json!({ "recipient": "wall" });
    let tested = engine.call("POST", "/v1/test", &asked).await.json();
    assert_eq!(tested["probe"]["certainty"], "proven", "{tested}");
    assert_eq!(server.acted_yet(), [] as [&str; 0]);
    // That it is on now; the same bytes again would be the same alert.
    assert_eq!(
        ended(&engine, &attack(ATTACKER).replace("kiosk-7", "k")).await["state"],
        "delivered"
    );
    assert_eq!(server.acted(1).await, [format!("ban {ATTACKER}")]);
}

#[tokio::test]
async fn bans_wait_for_a_server_or_a_helper_that_is_not_there() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(mut server) = Fail2ban::prepare() else { return };
    ground.policy(&ground.bans(&server, ""));
    let site = with_wall(site, &json!({}), &json!({})).set("retry.attempts_max", "1000");
    let engine = site.start().await;
    let first = engine.accepts_ntopng([attack(ATTACKER)]).await;
    campanile_tests::eventually("a try", async || {
        let found = engine.deliveries_of(&first[0]).await;
        (found[0]["attempts"].as_u64()? > 0).then_some(())
    })
    .await;
    server.begin().await;
    let record = engine.record_of(&first[0]).await;
    assert_eq!(record[0], "unavailable: absent", "{record:?}");
    assert_eq!(server.acted(1).await, [format!("ban {ATTACKER}")]);

    // Each start waits longer than the one before it.
    for _ in 0..4 {
        kill_helper(&engine, "fail2ban").await;
    }
    let second = engine.accepts_ntopng([attack("198.51.100.8")]).await;
    let record = engine.record_of(&second[0]).await;
    assert_eq!(record[0], "unavailable: helper-down", "{record:?}");
    assert_eq!(server.acted(2).await[1], "ban 198.51.100.8");
    helper(&engine, "fail2ban").await;
}

#[tokio::test]
async fn name_servers_are_read_anew_for_each_ban_also_from_a_file_that_was_replaced_whole() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    ground.policy(&ground.bans(&server, ""));
    // The machine's own file is not touched: the engine and its helpers see another `/etc`.
    let etc = ground.policy_path().with_file_name("etc");
    let copied = Command::new("cp").arg("-a").arg("/etc").arg(&etc).status().await.unwrap();
    assert!(copied.success());
    let replace = |name_server: &str| {
        let new = etc.join("resolv.conf.new");
        fs::write(&new, format!("nameserver {name_server}\n")).unwrap();
        fs::rename(new, etc.join("resolv.conf")).unwrap();
    };
    replace("198.51.100.53");
    let mount = format!("mount --bind '{}' /etc && exec \"$@\"", etc.display());
    let site = with_wall(site, &json!({}), &json!({}));
    let site = site.behind(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    let engine = site.start().await;
    let attacked = ended(&engine, &attack("198.51.100.53")).await;
    is_skipped(&attacked, "198.51.100.53 is never banned: name-server");

    replace("198.51.100.54");
    let attacked = ended(&engine, &attack("198.51.100.54")).await;
    is_skipped(&attacked, "198.51.100.54 is never banned: name-server");
    let attacked = ended(&engine, &attack("198.51.100.53").replace("kiosk-7", "k")).await;
    assert_eq!(attacked["state"], "delivered", "{attacked}");
    assert_eq!(server.acted(1).await, ["ban 198.51.100.53"]);
}
