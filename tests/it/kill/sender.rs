//! Who posts alerts while the engine is killed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use campanile_tests::client::{Ask, Client};
use campanile_tests::engine::{Engine, accepted};
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Posts small batches all the time. What is not answered is posted again under the same key, as
/// a sender must; what is answered is remembered.
pub(crate) struct Sender {
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
    pub(crate) fn start(rng: Rng) -> Self {
        let (engine, goal) = watch::channel(None);
        let accepted = Arc::default();
        let stop = Arc::new(tokio::sync::Notify::new());
        let mut task = JoinSet::new();
        task.spawn(post(goal, rng, Arc::clone(&accepted), Arc::clone(&stop)));
        Self { engine, accepted, stop, task }
    }

    pub(crate) fn toward(&self, engine: &Engine) {
        let goal = Goal { address: engine.address(), token: engine.ingest_token.clone() };
        self.engine.send_replace(Some(goal));
    }

    /// Lets the batch at hand be answered; all that was accepted.
    pub(crate) async fn stop(mut self) -> BTreeSet<String> {
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
