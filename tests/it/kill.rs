//! An accepted alert is never lost: the engine is killed again and again, and nothing is missing.
//! And nothing comes twice without need: the store that each kill leaves behind says what may.

pub(crate) mod sender;
mod wreck;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use campanile_tests::capture::{Capture, Request};
use campanile_tests::engine::Engine;
use campanile_tests::eventually;
use campanile_tests::site::Site;
use fastrand::Rng;
use serde_json::{Value, json};

use self::sender::Sender;
use self::wreck::Wreck;

#[tokio::test]
async fn an_accepted_alert_is_delivered_though_the_engine_is_killed_at_any_point() {
    let kills = number("CAMPANILE_KILLS").unwrap_or(50);
    let seed = number("CAMPANILE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("CAMPANILE_SEED={seed} CAMPANILE_KILLS={kills}");
    let mut rng = Rng::with_seed(seed);

    let capture = Capture::answering([200]).await;
    let site = Site::alone()
        .await
        .set("dispatch.batch_max", "4")
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient("ops", "hook", &json!({"payload": "native", "max_alerts": 1}));
    let sender = Sender::start(rng.fork());
    let mut wrecks = Vec::new();
    for _ in 0..kills {
        if rng.u8(..) < 32 {
            // Some points are in the start itself.
            let mut starting = site.spawn();
            pause(rng.u64(..60_000)).await;
            starting.kill().await.expect("a child to kill");
        } else {
            let engine = site.start().await;
            sender.toward(&engine);
            capture.sees(capture.count() + rng.usize(1..100)).await;
            pause(rng.u64(..4_000)).await;
            engine.kill().await;
        }
        // What was sent before the kill is no repeat, though it is read after.
        capture.falls_silent().await;
        wrecks.push(Wreck::of(&site, capture.count()));
    }

    let engine = site.start().await;
    sender.toward(&engine);
    let accepted = sender.stop().await;
    eventually("nothing is pending", || async {
        engine.deliveries(Some("pending")).await.is_empty().then_some(())
    })
    .await;

    let requests = capture.requests();
    check_arrivals(&requests, &accepted);
    check_repeats(&requests, &wrecks).unwrap_or_else(|what| panic!("{what}"));
    check_claims(&requests, &wrecks).unwrap_or_else(|what| panic!("{what}"));
    check_records(&engine, &accepted).await;
    println!("{} accepted, {} arrived over {kills} kills", accepted.len(), requests.len());
}

/// Every accepted id arrived; each alert always under one message id, with the same bytes.
fn check_arrivals(requests: &[Request], accepted: &BTreeSet<String>) {
    let mut messages: BTreeMap<String, &Request> = BTreeMap::new();
    for request in requests {
        let alert = alert_of(request);
        let first = messages.entry(alert.clone()).or_insert(request);
        assert_eq!(first.webhook_id(), request.webhook_id(), "alert {alert}");
        assert_eq!(first.body, request.body, "alert {alert}");
    }
    let lost: Vec<_> = accepted.iter().filter(|id| !messages.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), accepted.len());
    let distinct: BTreeSet<_> = messages.values().map(|one| one.webhook_id()).collect();
    assert_eq!(distinct.len(), messages.len(), "two alerts share a message id");
}

/// A message comes again only where its delivery was still pending at a kill, as the store that
/// the kill left behind says, and at most once for each.
fn check_repeats(requests: &[Request], wrecks: &[Wreck]) -> Result<(), String> {
    let mut lives: BTreeMap<String, usize> = BTreeMap::new();
    for (position, request) in requests.iter().enumerate() {
        let alert = alert_of(request);
        // Which process sent it.
        let life = wrecks.partition_point(|wreck| wreck.arrived <= position);
        let Some(before) = lives.insert(alert.clone(), life) else { continue };
        if before == life {
            return Err(format!("alert {alert} came twice from process {life}"));
        }
        if let Some(kill) = (before..life).find(|kill| !wrecks[*kill].pending.contains(&alert)) {
            return Err(format!("alert {alert} came again, and kill {kill} left it recorded"));
        }
    }
    Ok(())
}

/// What a store says is delivered had arrived when the process died.
fn check_claims(requests: &[Request], wrecks: &[Wreck]) -> Result<(), String> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (position, request) in requests.iter().enumerate() {
        first.entry(alert_of(request)).or_insert(position);
    }
    for (kill, wreck) in wrecks.iter().enumerate() {
        let arrived = |alert: &String| first.get(alert).is_some_and(|at| *at < wreck.arrived);
        if let Some(alert) = wreck.delivered.iter().find(|alert| !arrived(alert)) {
            return Err(format!("kill {kill} left alert {alert} delivered, which was never sent"));
        }
    }
    Ok(())
}

/// The records agree: each accepted id ended delivered, and nothing is dead.
async fn check_records(engine: &Engine, accepted: &BTreeSet<String>) {
    let mut delivered = BTreeSet::new();
    let mut before = String::new();
    loop {
        let page =
            engine.get(&format!("/v1/deliveries?state=delivered&limit=1000{before}")).await.json();
        let ids =
            page["deliveries"].as_array().into_iter().flatten().map(|one| text(&one["alert"]));
        delivered.extend(ids);
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&cursor={next}");
    }
    let missing: Vec<_> = accepted.difference(&delivered).collect();
    assert!(missing.is_empty(), "not recorded as delivered: {missing:?}");
    assert_eq!(engine.deliveries(Some("dead")).await.len(), 0);
}

fn alert_of(request: &Request) -> String {
    let alerts = request.alerts();
    assert_eq!(alerts.len(), 1, "one alert a message");
    text(&alerts[0]["id"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected text, got {value}")).to_owned()
}

/// The point of a kill is random; this waits for nothing.
async fn pause(us: u64) {
    tokio::time::sleep(Duration::from_micros(us)).await;
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn a_repeat_needs_a_kill_that_left_its_delivery_pending() {
    let wreck = |arrived, pending: &[&str]| Wreck {
        arrived,
        pending: pending.iter().map(ToString::to_string).collect(),
        delivered: BTreeSet::new(),
    };
    let table: [(&[&str], &[Wreck], bool); 7] = [
        (&["a", "b", "b"], &[wreck(2, &["b"])], true),
        (&["a", "b", "b"], &[wreck(2, &["a"])], false),
        (&["a", "b", "b"], &[wreck(1, &["b"])], false),
        (&["a", "b", "b"], &[], false),
        (&["b", "b", "b"], &[wreck(1, &["b"])], false),
        (&["b", "b", "b"], &[wreck(1, &["b"]), wreck(2, &["b"])], true),
        (&["b", "a", "b"], &[wreck(1, &[]), wreck(2, &["b"])], false),
    ];
    for (came, wrecks, expected) in table {
        let requests: Vec<_> = came.iter().map(|alert| request(alert)).collect();
        let held = check_repeats(&requests, wrecks);
        assert_eq!(held.is_ok(), expected, "{came:?} {wrecks:?}: {held:?}");
    }
}

#[test]
fn what_is_claimed_to_be_delivered_must_have_arrived_before_the_kill() {
    let requests = ["a", "b"].map(request);
    for (arrived, delivered, expected) in
        [(2, "b", true), (1, "b", false), (1, "a", true), (2, "c", false)]
    {
        let delivered = BTreeSet::from([delivered.to_owned()]);
        let wrecks = [Wreck { arrived, pending: BTreeSet::new(), delivered }];
        let held = check_claims(&requests, &wrecks);
        assert_eq!(held.is_ok(), expected, "{wrecks:?}: {held:?}");
    }
}

fn request(alert: &str) -> Request {
    Request {
        head: campanile_tests::wire::Head::default(),
        body: json!({"alerts": [{"id": alert}]}).to_string().into_bytes(),
        arrived: std::time::Instant::now(),
        connection: 0,
    }
}
