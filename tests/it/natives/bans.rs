//! From an alert of ntopng to a ban by a real Fail2Ban, and back.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use campanile_tests::alerts::{envelope, flow, host};
use campanile_tests::client::Ask;
use campanile_tests::engine::{Engine, accepted};
use campanile_tests::peers::{self, fail2ban::Fail2ban};
use campanile_tests::site::{Site, engine_user};
use rustix::process::Gid;
use rustix::thread::set_thread_groups;
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
    let metrics = engine.get("/metrics").await.text();
    // The first by the helper's rule, the second by one of the engine's.
    let counted: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("campanile_bans_prevented_total{"))
        .collect();
    let by_policy = r#"campanile_bans_prevented_total{rule="never-ban"} 1"#;
    assert!(counted.len() == 2 && counted.contains(&by_policy), "{counted:?}");
    assert!(counted.iter().all(|line| line.ends_with(" 1")), "{counted:?}");
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
    // Another that only systemd-resolved knows, to whose folder no link leads.
    let mount = format!(
        "mount --bind '{}' /etc && mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && \
         mkdir /run/systemd/resolve && \
         echo 'nameserver 198.51.100.52' >/run/systemd/resolve/resolv.conf && exec \"$@\"",
        etc.display()
    );
    let site = with_wall(site, &json!({}), &json!({}));
    let site = site.behind(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    let engine = site.start().await;
    for name_server in ["198.51.100.52", "198.51.100.53"] {
        let attacked = ended(&engine, &attack(name_server)).await;
        is_skipped(&attacked, &format!("{name_server} is never banned: name-server"));
    }

    replace("198.51.100.54");
    let attacked = ended(&engine, &attack("198.51.100.54")).await;
    is_skipped(&attacked, "198.51.100.54 is never banned: name-server");
    let attacked = ended(&engine, &attack("198.51.100.53").replace("kiosk-7", "k")).await;
    assert_eq!(attacked["state"], "delivered", "{attacked}");
    assert_eq!(server.acted(1).await, ["ban 198.51.100.53"]);
}

/// Lines of a helper's `status` that are not as they are to be.
fn kept(pid: u32, user: u32, is_filtered: bool) -> Vec<String> {
    let (ids, none) = ([user; 4].map(|id| id.to_string()).join("\t"), "0".repeat(16));
    let mut expected = vec![
        ("Uid", ids.as_str()),
        ("Gid", &ids),
        ("CapInh", &none),
        ("CapPrm", &none),
        ("CapEff", &none),
        ("CapAmb", &none),
        ("NoNewPrivs", "1"),
        ("Threads", "1"),
    ];
    if is_filtered {
        expected.push(("Seccomp", "2"));
    }
    if user == 0 {
        // A plain user's are not its to take, and it can do nothing with what is within.
        expected.extend([("CapBnd", none.as_str()), ("Groups", "")]);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let found = |name: &str| lines.clone().find(|(it, _)| *it == name).map(|(_, text)| text.trim());
    expected.retain(|(name, text)| found(name) != Some(text));
    let told = |(name, text): (&str, &str)| format!("{name}: {:?}, not {text:?}", found(name));
    expected.into_iter().map(told).collect()
}

#[tokio::test]
async fn the_helper_bans_with_nothing_left_of_the_rights_it_was_started_with() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    // What is started here has a group that it is to give up.
    set_thread_groups(&[Gid::from_raw(4)]).unwrap();
    // As on a machine on which Fail2Ban is installed.
    let installed = peers::find("fail2ban").unwrap();
    let mount = format!(
        "for at in usr etc; do mount -t overlay -o \"lowerdir={}/$at:/$at\" none /$at || exit; done; \
         exec \"$@\"",
        installed.display()
    );
    let site = with_wall(site, &json!({}), &json!({ "unban_on_release": true }));
    let site = site.behind(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    // One that lies elsewhere, is run by what its first line looks for, and may start nothing beside it.
    let other = ground.script("other.sh", "exit 0");
    let client = ground.policy_path().with_file_name("client");
    let text = format!(
        "#!/usr/bin/env python3\nimport runpy, subprocess, sys\n\
         for other in ['{}', '/usr/bin/true']:\n    \
             try: sys.exit(subprocess.call([other]) + 9)\n    \
             except PermissionError: pass\n\
         runpy.run_path('/usr/bin/fail2ban-client', run_name='__main__')\n",
        other.display()
    );
    fs::write(&client, text).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let of_its_own = format!("mode = 'client'\nclient = {client:?}");
    let table =
        [(1, "mode = 'socket'", true), (2, "mode = 'client'", false), (3, &of_its_own, false)];
    for (at, mode, is_filtered) in table {
        ground.policy(&ground.bans(&server, mode));
        let engine = site.start().await;
        let banned = ended(&engine, &host(&format!("198.51.100.{at}"), "engage", 100)).await;
        assert_eq!(banned["state"], "delivered", "{mode}: {banned}");
        let pid = helper(&engine, "fail2ban").await;
        assert_eq!(kept(pid, 0, is_filtered), [] as [&str; 0], "{mode}");
        assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"", "{mode}");

        // The kernel forgets what it keeps of folders, where this machine lets it be told so.
        let _ = fs::write("/proc/sys/vm/drop_caches", "2");
        let banned = ended(&engine, &host(&format!("198.51.100.{at}0"), "engage", 100)).await;
        assert_eq!(banned["state"], "delivered", "{mode}: {banned}");
        let released = ended(&engine, &host(&format!("198.51.100.{at}"), "release", 100)).await;
        assert_eq!(released["state"], "delivered", "{mode}: {released}");
        let expected = [
            format!("ban 198.51.100.{at}"),
            format!("ban 198.51.100.{at}0"),
            format!("unban 198.51.100.{at}"),
        ];
        assert_eq!(server.acted(3 * at).await[3 * (at - 1)..], expected, "{mode}");
        assert_eq!(helper(&engine, "fail2ban").await, pid, "{mode}: it did not begin anew");
        engine.terminate().await;
    }
}

#[tokio::test]
async fn a_helper_that_a_plain_user_started_has_nothing_of_it_but_the_user() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(user) = engine_user() else {
        return peers::skip("no other user reaches the target folder");
    };
    let state = ground.open("state");
    ground
        .policy(&format!("[fail2ban]\nenabled = true\njails = ['good']\nstate_dir = {state:?}\n"));
    let site = with_wall(site.by_plain_user(), &json!({ "dry_run": true }), &json!({}));
    let engine = site.start().await;
    let dry = ended(&engine, &attack(ATTACKER)).await;
    assert_eq!(dry["state"], "delivered", "{dry}");
    let pid = helper(&engine, "fail2ban").await;
    assert_eq!(kept(pid, user, true), [] as [&str; 0]);
    let environ = fs::metadata(format!("/proc/{pid}/environ")).unwrap();
    assert_eq!(environ.uid(), 0, "nobody but root looks into it");
}
