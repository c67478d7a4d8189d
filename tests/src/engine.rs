//! A running engine, seen from outside: its API, its log, its process.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::client::{Answer, Ask, Client};
use crate::process::{self, Memory};
use crate::site::Site;
use crate::{DEADLINE, eventually};

/// The real binary, started: its monitor, and the engine that it started. Killed when dropped.
#[derive(Debug)]
pub struct Engine {
    monitor: Child,
    /// Of the engine.
    pid: u32,
    address: SocketAddr,
    /// May do everything.
    pub admin_token: String,
    /// May only post alerts.
    pub ingest_token: String,
    data: PathBuf,
    /// Where each engine after the first listens.
    next: mpsc::UnboundedReceiver<SocketAddr>,
    /// Keeps reading stdout, so that the engine never waits for us.
    _stdout: JoinSet<()>,
}

impl Engine {
    /// Waits until the engine of a monitor listens; panics with its log if it does not.
    pub async fn start(mut monitor: Child, site: &Site) -> Self {
        let stdout = monitor.stdout.take().expect("a piped stdout");
        let mut lines = BufReader::new(stdout).lines();
        let address = tokio::time::timeout(DEADLINE, async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = listens(&line) {
                    return Ok(address);
                }
            }
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        });
        let address = match address.await {
            Ok(Ok(address)) => address,
            Ok(Err(error)) => {
                let error: io::Error = error;
                panic!("expected the line `{READY}...` ({error}); log:\n{}", site.log())
            }
            Err(_) => panic!("no line `{READY}...` within {DEADLINE:?}; log:\n{}", site.log()),
        };
        let pid = monitor.id().and_then(|id| process::child(id, "process engine"));
        let token = |name: &str| {
            let path = site.data().join(name);
            let text = std::fs::read_to_string(&path);
            text.unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
        };
        let (again, next) = mpsc::unbounded_channel();
        let mut stdout = JoinSet::new();
        stdout.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // The test may not ask.
                let _ = listens(&line).map(|address| again.send(address));
            }
        });
        Self {
            monitor,
            pid: pid.expect("a monitor that has an engine"),
            address,
            admin_token: token("admin.token"),
            ingest_token: token("ingest.token"),
            data: site.data(),
            next,
            _stdout: stdout,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn data(&self) -> &PathBuf {
        &self.data
    }

    /// Of the engine itself.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Of the process that was started, and that starts the others.
    pub fn monitor_pid(&self) -> u32 {
        self.monitor.id().expect("a running monitor")
    }

    /// Waits until the monitor has started another engine, and that listens.
    pub async fn is_started_again(&mut self) {
        let next = tokio::time::timeout(DEADLINE, self.next.recv()).await;
        self.address = next.expect("an engine that is started again").expect("a monitor");
        let pid = process::child(self.monitor_pid(), "process engine");
        self.pid = pid.expect("a monitor that has an engine");
    }

    /// SIGKILL: neither monitor nor engine runs any more when this returns.
    pub async fn kill(mut self) {
        let engine = process::handle(self.pid);
        self.monitor.kill().await.expect("a child to kill");
        process::ended(engine).await;
    }

    /// SIGTERM, and how it ended.
    pub async fn terminate(mut self) -> ExitStatus {
        process::signal(self.monitor_pid(), Signal::TERM);
        let ended = tokio::time::timeout(DEADLINE, self.monitor.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("SIGTERM: still there after {DEADLINE:?}"))
            .expect("a child")
    }

    pub fn memory(&self) -> Memory {
        process::memory(self.pid)
    }

    /// How many files and sockets it has open.
    pub fn descriptors(&self) -> usize {
        process::descriptors(self.pid)
    }

    pub fn cpu(&self) -> Duration {
        process::cpu(self.pid)
    }

    /// Sends exactly this, over a connection of its own.
    pub async fn ask(&self, ask: &Ask) -> Answer {
        let asked = async { Client::connect(self.address).await?.send(ask).await };
        let answer = tokio::time::timeout(DEADLINE, asked).await;
        let answer = answer.unwrap_or_else(|_| panic!("{} {}: no answer", ask.method, ask.path));
        answer.unwrap_or_else(|error| panic!("{} {}: {error}", ask.method, ask.path))
    }

    /// GET with the admin token; panics unless it is answered 200.
    pub async fn get(&self, path: &str) -> Answer {
        let answer = self.ask(&Ask::get(path).bearing(&self.admin_token)).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer
    }

    /// POST with the ingest token, whatever the answer.
    pub async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.ask(&Ask::post(path, body).bearing(&self.ingest_token)).await
    }

    /// A request with the admin token and a JSON body, whatever the answer.
    pub async fn call(&self, method: &'static str, path: &str, body: &Value) -> Answer {
        let mut ask = Ask::post(path, body.to_string());
        ask.method = method;
        self.ask(&ask.bearing(&self.admin_token)).await
    }

    /// Makes endpoints and recipients be as `setup` says, no more and no less.
    pub async fn apply(&self, setup: &Value) -> Value {
        let body = json!({ "set": "test", "prune": true, "setup": setup });
        let answer = self.call("POST", "/v1/apply", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Posts alerts in the engine's own schema; their ids.
    pub async fn accepts(&self, alerts: &Value) -> Vec<String> {
        accepted(&self.post("/v1/alerts", alerts.to_string()).await)
    }

    /// Posts alerts as ntopng does; their ids.
    pub async fn accepts_ntopng<A: AsRef<str>>(
        &self,
        alerts: impl IntoIterator<Item = A>,
    ) -> Vec<String> {
        accepted(&self.post("/v1/ingest/ntopng", crate::alerts::envelope(alerts)).await)
    }

    /// The newest deliveries, at most 1000, in this state where one is named.
    pub async fn deliveries(&self, state: Option<&str>) -> Vec<Value> {
        let state = state.map(|name| format!("&state={name}")).unwrap_or_default();
        let answer = self.get(&format!("/v1/deliveries?limit=1000{state}")).await.json();
        let list = answer["deliveries"].as_array().cloned();
        list.unwrap_or_else(|| panic!("expected `deliveries`, got {answer}"))
    }

    /// The deliveries owed for one alert.
    pub async fn deliveries_of(&self, alert: &str) -> Vec<Value> {
        let all = self.deliveries(None).await;
        all.into_iter().filter(|one| one["alert"] == alert).collect()
    }

    /// Waits until every delivery of this alert is in `state`, at least one; the first of them.
    pub async fn reaches(&self, alert: &str, state: &str) -> Value {
        let what = format!("alert {alert} becomes {state}");
        eventually(&what, || async {
            let found = self.deliveries_of(alert).await;
            found.iter().all(|one| one["state"] == state).then(|| found.into_iter().next())?
        })
        .await
    }

    /// Waits until the alert's only delivery has ended; `outcome: code` of each of its attempts.
    pub async fn record_of(&self, alert: &str) -> Vec<String> {
        let ended = eventually(&format!("alert {alert} ends"), || async {
            let found = self.deliveries_of(alert).await.into_iter().next()?;
            (found["state"] != "pending").then_some(found)
        })
        .await;
        let id = ended["id"].as_str().expect("an id").to_owned();
        self.attempts_of(&id).await
    }

    /// `outcome: code` of each attempt of a delivery, in order.
    pub async fn attempts_of(&self, delivery: &str) -> Vec<String> {
        let mut attempts = self.attempts(delivery).await;
        attempts.sort_by_key(|one| one["number"].as_u64());
        attempts.iter().map(outcome_and_code).collect()
    }

    /// The attempts of a delivery, as the API gives them.
    pub async fn attempts(&self, delivery: &str) -> Vec<Value> {
        let record = self.get(&format!("/v1/deliveries/{delivery}")).await.json();
        let list = record["tries"].as_array().cloned();
        list.unwrap_or_else(|| panic!("expected `tries`, got {record}"))
    }

    /// The sum of a metric over its labels; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = rest
                .strip_prefix(' ')
                .or_else(|| Some(rest.strip_prefix('{')?.rsplit_once("} ")?.1));
            value?.split(' ').next()?.parse::<f64>().ok()
        });
        values.sum()
    }
}

/// What an engine prints once it listens.
const READY: &str = "campanile is listening on http://";

fn listens(line: &str) -> Option<SocketAddr> {
    line.strip_prefix(READY)?.trim_end_matches('/').parse().ok()
}

/// The ids in an answer of the ingest; panics unless it took everything.
pub fn accepted(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let ids = answer.json()["accepted"].as_array().cloned().unwrap_or_default();
    ids.iter().map(|id| id.as_str().expect("ids are strings").to_owned()).collect()
}

fn outcome_and_code(attempt: &Value) -> String {
    let word = |name: &str| attempt[name].as_str().unwrap_or("?").to_owned();
    format!("{}: {}", word("outcome"), word("code"))
}
