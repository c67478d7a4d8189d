//! Helpers and engines that are killed under load: what is owed is delivered all the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

use campanile_tests::alerts::flow;
use campanile_tests::capture::Capture;
use campanile_tests::engine::Engine;
use campanile_tests::peers::fail2ban::Fail2ban;
use campanile_tests::process;
use campanile_tests::site::Site;
use rustix::process::Signal;
use serde_json::json;

use super::ground::{Ground, all_delivered, helper, kill_helper, text};
use crate::shell::{marker, until_marked};

const ALERTS: u32 = 200;
const KILLS: usize = 4;

/// Everything goes to the webhook, too.
async fn beside_a_webhook(site: Site) -> (Site, Capture) {
    let capture = Capture::answering([200]).await;
    let site = site
        .set("retry.attempts_max", "1000")
        .endpoint("hook", "webhook", &json!({ "url": capture.url() }))
        .recipient("hook", "hook", &json!({ "payload": "ntopng", "max_alerts": 1 }));
    (site, capture)
}

/// Alerts of 200 clients in 10.200.0.0/16.
async fn load(engine: &Engine) -> Vec<String> {
    let mut accepted = Vec::new();
    for batch in (1..=ALERTS).collect::<Vec<_>>().chunks(50) {
        let alerts = batch.iter().map(|serial| flow(0x00c8_0000 + serial));
        accepted.extend(engine.accepts_ntopng(alerts).await);
    }
    accepted
}

/// Kills the helper each time that so much more was done; all its processes.
async fn kill_while(engine: &Engine, kind: &str, done: impl AsyncFn(usize)) -> Vec<u32> {
    let mut processes = Vec::new();
    for kill in 1..=KILLS {
        done(kill * ALERTS as usize / 10).await;
        processes.push(kill_helper(engine, kind).await);
    }
    processes.push(helper(engine, kind).await);
    processes
}

fn all_differ<T: Ord + Debug + Clone>(all: &[T]) {
    let mut sorted = all.to_vec();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), all.len(), "{all:?}");
}

/// Nothing of a kind whose helper dies is seen by another.
async fn webhook_was_left_alone(engine: &Engine, capture: &Capture, alerts: &[String]) {
    all_delivered(engine, "hook", alerts).await;
    assert_eq!(capture.attempts(), alerts.len(), "each once");
    assert_eq!(engine.get("/v1/recipients/hook").await.json()["state"], "active");
    for delivery in engine.deliveries(Some("delivered")).await {
        if delivery["recipient"] == "hook" {
            assert_eq!(delivery["attempts"], 1, "{delivery}");
        }
    }
}

#[tokio::test]
async fn scripts_run_for_every_alert_although_their_helper_is_killed_again_and_again() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell("network = true"));
    ground.script("note.sh", r#"echo "$ALERT_ID" >> "$OPEN/ran""#);
    let (site, capture) = beside_a_webhook(site).await;
    let site = site.endpoint("ops", "shell", &json!({ "script": "note.sh" })).recipient(
        "ops",
        "ops",
        &json!({}),
    );
    let engine = site.start().await;
    let before = engine.pid();
    let alerts = load(&engine).await;
    let done = async |count: usize| _ = ground.sees("ran", count).await;
    let helpers = kill_while(&engine, "shell", done).await;
    // The other kind was done before, and did not wait for it.
    capture.sees(ALERTS as usize).await;
    all_delivered(&engine, "ops", &alerts).await;
    webhook_was_left_alone(&engine, &capture, &alerts).await;
    all_differ(&helpers);
    assert_eq!(process::child(engine.monitor_pid(), "process engine"), Some(before));

    let mut runs: BTreeMap<String, usize> = BTreeMap::new();
    for line in ground.lines("ran") {
        *runs.entry(line).or_default() += 1;
    }
    let mut lost = 0;
    for delivery in engine.deliveries(Some("delivered")).await {
        if delivery["recipient"] != "ops" {
            continue;
        }
        let tries = engine.attempts_of(&text(&delivery["id"])).await;
        let (last, before) = tries.split_last().unwrap();
        assert_eq!(last, "delivered: ", "{tries:?}");
        let uncertain = before.iter().filter(|one| one.starts_with("uncertain: ")).count();
        let down = before.iter().filter(|one| *one == "unavailable: helper-down").count();
        assert_eq!(uncertain + down, before.len(), "{tries:?}");
        // Once, and once more for each try of which nobody knows.
        let ran = runs.remove(&text(&delivery["alert"])).unwrap_or_default();
        assert!((1..=1 + uncertain).contains(&ran), "{ran} runs: {tries:?}");
        lost += uncertain;
    }
    assert!((1..=KILLS).contains(&lost), "{lost} tries were lost in {KILLS} kills");
    assert!(runs.is_empty(), "{runs:?}");
}

#[tokio::test]
async fn every_attacker_is_banned_although_the_helper_is_killed_again_and_again() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(server) = Fail2ban::start().await else { return };
    ground.policy(&ground.bans(&server, "bans_per_minute = 10000"));
    let (site, capture) = beside_a_webhook(site).await;
    let site = site
        .set("api.may_ban", "['ingest']")
        .endpoint("wall", "fail2ban", &json!({}))
        .recipient("wall", "wall", &json!({ "jail": "good" }));
    let engine = site.start().await;
    let alerts = load(&engine).await;
    let done = async |count: usize| _ = server.acted(count).await;
    let helpers = kill_while(&engine, "fail2ban", done).await;
    capture.sees(ALERTS as usize).await;
    all_delivered(&engine, "wall", &alerts).await;
    webhook_was_left_alone(&engine, &capture, &alerts).await;
    all_differ(&helpers);

    // A ban twice is a ban once, whoever asked for the first.
    let mut acted = server.acted(ALERTS as usize).await;
    acted.sort();
    let mut expected: Vec<_> = (1..=ALERTS).map(|one| format!("ban 10.200.0.{one}")).collect();
    expected.sort();
    assert_eq!(acted, expected);
    let bans = engine.get("/v1/bans?since_ms=0").await.json();
    assert_eq!(bans["bans"].as_array().map(Vec::len), Some(ALERTS as usize), "all are on the list");
}

#[tokio::test]
async fn a_script_dies_with_its_engine_and_runs_again_under_the_next() {
    let Some((site, ground)) = Ground::new().await else { return };
    ground.policy(&ground.shell(""));
    let marker = marker();
    let long = format!(
        "echo \"$ALERT_ID\" >> \"$OPEN/ran\"\n[ -e \"$OPEN/go\" ] && exit 0\n\
         setsid bash -c 'exec -a {marker} sleep 600' & exec -a {marker} sleep 600"
    );
    ground.script("long.sh", &long);
    let site = site.endpoint("ops", "shell", &json!({ "script": "long.sh" })).recipient(
        "ops",
        "ops",
        &json!({}),
    );
    let mut engine = site.start().await;
    let (before, helper_before) = (engine.pid(), helper(&engine, "shell").await);
    let accepted = engine.accepts_ntopng([flow(7)]).await;
    until_marked(&marker, |count| count >= 2).await;
    let begun = ground.sees("ran", 1).await;
    assert_eq!(begun, accepted);

    let gone = process::handle(before);
    process::signal(before, Signal::KILL);
    process::ended(gone).await;
    until_marked(&marker, |count| count == 0).await;
    std::fs::write(ground.open("go"), "").unwrap();
    engine.is_started_again().await;
    assert_ne!(engine.pid(), before);
    engine.reaches(&accepted[0], "delivered").await;
    let runs = ground.lines("ran");
    assert!(runs.len() >= 2 && runs.iter().all(|one| *one == accepted[0]), "{runs:?}");
    assert_ne!(helper(&engine, "shell").await, helper_before);
    assert!(site.log().contains("The engine has ended; it is started again."), "{}", site.log());
}
