//! An accepted alert is never lost: the engine is killed again and again, and nothing is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use campanile_tests::capture::{Capture, Request};
use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::{Engine, accepted};
use campanile_tests::eventually;
use campanile_tests::site::Site;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Most deliveries in flight at once: micro-batches of 4, of which a webhook has 4 at a time.
const BATCH_MAX: usize = 4;
const IN_FLIGHT_MAX: usize = 4 * BATCH_MAX;

#[tokio::test]
async fn an_accepted_alert_is_delivered_though_the_engine_is_killed_at_any_point() {
    let kills = number("CAMPANILE_KILLS").unwrap_or(50);
    let seed = number("CAMPANILE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("CAMPANILE_SEED={seed} CAMPANILE_KILLS={kills}");
    let mut rng = Rng::with_seed(seed);

    let capture = Capture::answering([200]).await;
    let site = Site::alone()
        .await
        .set("dispatch.batch_max", &BATCH_MAX.to_string())
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .recipient("ops", "hook", &json!({"payload": "native", "max_alerts": 1}));
    let sender = Sender::start(rng.fork());
    // What had arrived at each kill.
    let mut arrived_at_kill = Vec::new();
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
        arrived_at_kill.push(capture.count());
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
    check_repeats(&requests, &arrived_at_kill);
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

/// Only what was in flight at a kill arrives twice: those messages were sent, and the commit that
/// records it had not come.
fn check_repeats(requests: &[Request], arrived_at_kill: &[usize]) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut repeats: BTreeMap<usize, usize> = BTreeMap::new();
    for (position, request) in requests.iter().enumerate() {
        if let Some(before) = seen.insert(request.webhook_id(), position) {
            // The last kill between the two is the one that caused it.
            let kill =
                arrived_at_kill.iter().rposition(|&count| count > before && count <= position);
            let kill = kill
                .unwrap_or_else(|| panic!("{} came twice without a kill", request.webhook_id()));
            *repeats.entry(kill).or_default() += 1;
        }
    }
    for (kill, count) in repeats {
        assert!(count <= IN_FLIGHT_MAX, "kill {kill}: {count} messages came twice");
    }
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
        before = format!("&before={next}");
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

/// Posts small batches all the time. What is not answered is posted again under the same key, as
/// a sender must; what is answered is remembered.
struct Sender {
    engine: watch::Sender<Option<Goal>>,
    accepted: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<tokio::sync::Notify>,
    task: JoinSet<()>,
}

#[derive(Clone)]
struct Goal {
    address: std::net::SocketAddr,
    token: String,
}

impl Sender {
    fn start(rng: Rng) -> Self {
        let (engine, goal) = watch::channel(None);
        let accepted = Arc::default();
        let stop = Arc::new(tokio::sync::Notify::new());
        let mut task = JoinSet::new();
        task.spawn(post(goal, rng, Arc::clone(&accepted), Arc::clone(&stop)));
        Self { engine, accepted, stop, task }
    }

    fn toward(&self, engine: &Engine) {
        let goal = Goal { address: engine.address(), token: engine.ingest_token.clone() };
        self.engine.send_replace(Some(goal));
    }

    /// Lets the batch at hand be answered; all that was accepted.
    async fn stop(mut self) -> BTreeSet<String> {
        self.stop.notify_one();
        let ended = tokio::time::timeout(campanile_tests::DEADLINE, self.task.join_next()).await;
        let ended = ended.expect("the last batch is answered").expect("one sender");
        ended.expect("the sender does not panic");
        std::mem::take(&mut *self.accepted.lock().expect("no holder panics"))
    }
}

async fn post(
    mut goal: watch::Receiver<Option<Goal>>,
    mut rng: Rng,
    accepted: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<tokio::sync::Notify>,
) {
    for batch in 0_u64.. {
        let count = rng.usize(1..=6);
        let alerts: Vec<Value> = (0..count)
            .map(|at| json!({"title": format!("{batch}/{at}"), "fingerprint": format!("{batch}/{at}")}))
            .collect();
        let body = json!(alerts).to_string();
        let ids = loop {
            match try_to_post(&mut goal, &body, batch).await {
                Some(ids) => break ids,
                // Dead, or dying: on to the next process.
                None if goal.changed().await.is_err() => return,
                None => {}
            }
        };
        assert_eq!(ids.len(), count, "batch {batch}");
        accepted.lock().expect("no holder panics").extend(ids);
        if tokio::time::timeout(Duration::ZERO, stop.notified()).await.is_ok() {
            return;
        }
    }
}

/// The ids of the batch; `None` where the engine went away before it answered.
async fn try_to_post(
    goal: &mut watch::Receiver<Option<Goal>>,
    body: &str,
    batch: u64,
) -> Option<Vec<String>> {
    let Goal { address, token } = goal.borrow_and_update().clone()?;
    let key = format!("batch-{batch}");
    let ask = Ask::post("/v1/alerts", body).with("Idempotency-Key", &key).bearing(&token);
    let answer = Client::connect(address).await.ok()?.send(&ask).await.ok()?;
    Some(accepted(&answer))
}

#[test]
fn a_repeat_is_held_against_the_kill_between() {
    let request = |id: &str| Request {
        head: campanile_tests::wire::Head {
            line: String::new(),
            headers: vec![("webhook-id".to_owned(), id.to_owned())],
        },
        body: Vec::new(),
        arrived: std::time::Instant::now(),
        connection: 0,
    };
    let came = ["a", "b", "b", "c"].map(request);
    check_repeats(&came, &[2]);
    let without_kill = std::panic::catch_unwind(|| check_repeats(&came, &[1]));
    assert!(without_kill.is_err(), "`b` came twice after the kill");
    let many: Vec<_> = (0..=IN_FLIGHT_MAX).map(|at| request(&at.to_string())).collect();
    let twice = [many.clone(), many.clone()].concat();
    assert!(std::panic::catch_unwind(|| check_repeats(&twice, &[many.len()])).is_err(), "too many");
}
