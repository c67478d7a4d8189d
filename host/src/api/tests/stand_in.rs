//! The engine behind the API, as far as these tests need one: it takes JSON strings as alerts, and
//! knows batches by their keys.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::seams::{
    Arrival, BadBody, CommitError, DeliveryQuery, Envelope, Rejection, StoreError,
};
use super::super::{Check, Engine, Server};
use super::peer::{self, Answer, Peer};
use crate::alert::{Action, Alert, Severity};
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{AttemptRecord, DeliveryRecord, State};
use crate::ids::{AlertId, DeliveryId, Fingerprint, RecipientId, Secret};
use crate::queue::{Batch, BatchKey, Committed};
use crate::telemetry::Metrics;
use crate::tenant::Role;
use crate::tenant::tokens::{self, Tokens};

/// How the store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Overloaded,
    /// Overloaded for one commit, and then well.
    Busy,
    Broken,
    /// Commits, once the test lets it.
    Slow,
}

pub(crate) struct StandIn {
    address: SocketAddr,
    folder: tempfile::TempDir,
    store: Arc<Store>,
    stop: CancellationToken,
    serving: JoinSet<()>,
}

struct Store {
    mood: Mutex<Mood>,
    known: Mutex<Known>,
    gate: Semaphore,
    slow: watch::Sender<(usize, usize)>,
}

#[derive(Default)]
struct Known {
    batches: HashMap<([u8; 16], [u8; 32]), ([u8; 32], String)>,
    commits: usize,
    alerts: usize,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = "[api]\nlisten = '127.0.0.1:0'\nallowed_hosts = ['proxy.example']\n\
                    [ingest]\nbody_bytes_max = 65536\nanswer_ms_max = 300";
        let config = Config::parse(&folder.path().join("campanile.toml"), text).unwrap();
        let server = Server::bind(&config.api).await.unwrap();
        let store = Arc::new(Store {
            mood: Mutex::new(Mood::Well),
            known: Mutex::default(),
            gate: Semaphore::new(0),
            slow: watch::Sender::new((0, 0)),
        });
        let routes = server.api(
            engine(&store),
            Tokens::open(folder.path()).unwrap(),
            Arc::new(Metrics::new(["bell"])),
            Arc::new(Clock::default()),
            &config.ingest,
        );
        let (address, stop) = (server.address(), CancellationToken::new());
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(routes, stop.clone(), Duration::from_secs(5)));
        Self { address, folder, store, stop, serving }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the tokens are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the test's own, readable by nobody else.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    pub(super) fn token(&self, role: Role) -> String {
        tokens::read(&tokens::path(self.folder.path(), role)).unwrap().expose().to_owned()
    }

    pub(super) fn bearer(&self, role: Role) -> String {
        format!("authorization: Bearer {}\r\n", self.token(role))
    }

    pub(super) async fn raw(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let request = self.request(method, path, headers, body);
        peer::exchange(self.address, request.as_bytes()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.raw("GET", path, &self.bearer(Role::Admin), "").await
    }

    pub(super) async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let headers = self.bearer(Role::Ingest) + headers;
        self.raw("POST", path, &headers, body).await
    }

    /// Sends the request and does not wait for the answer.
    pub(super) async fn start_post(&self, path: &str, body: &str) -> Peer {
        let mut peer = peer::connect(self.address).await;
        let request = self.request("POST", path, &self.bearer(Role::Ingest), body);
        peer.send(request.as_bytes()).await;
        peer
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let (address, length) = (self.address, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\
             {headers}\r\n{body}"
        )
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.store.mood.lock().unwrap() = mood;
    }

    pub(crate) fn commits(&self) -> usize {
        self.store.known.lock().unwrap().commits
    }

    /// How many alerts are in the store.
    pub(crate) fn committed(&self) -> usize {
        self.store.known.lock().unwrap().alerts
    }

    pub(super) async fn sees_slow_commits(&self, count: usize) {
        let mut seen = self.store.slow.subscribe();
        let begun = seen.wait_for(|(begun, _)| *begun >= count);
        tokio::time::timeout(Duration::from_secs(5), begun).await.unwrap().unwrap();
    }

    /// Lets every slow commit end, and waits for that.
    pub(super) async fn finish_slow_commits(&self) {
        self.store.gate.add_permits(100);
        let mut seen = self.store.slow.subscribe();
        let ended = seen.wait_for(|(begun, ended)| begun == ended);
        tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn ends_within(&mut self, deadline: Duration) {
        tokio::time::timeout(deadline, self.serving.join_next()).await.unwrap().unwrap().unwrap();
    }
}

fn engine(store: &Arc<Store>) -> Engine {
    let (committing, checking) = (store.clone(), store.clone());
    let tasks = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
    Engine {
        read_native,
        read_ntopng,
        schema: "{}",
        route: Box::new(|_| vec![RecipientId(7)]),
        commit: Box::new(move |batch| {
            let (store, tasks) = (committing.clone(), tasks.clone());
            Box::pin(async move {
                // As in the real queue: who waits for a commit can leave, and it goes on.
                let (done, answer) = tokio::sync::oneshot::channel();
                tasks.lock().await.spawn(async move { done.send(store.commit(batch).await) });
                answer.await.unwrap()
            })
        }),
        deliveries: Box::new(|(_, query)| Box::pin(async move { Ok(list(query)) })),
        delivery: Box::new(|(_, id)| Box::pin(async move { Ok(detail(id)) })),
        kinds: Box::new(|| json!([{ "name": "bell" }])),
        checks: Box::new(move |()| {
            let broken = *checking.mood.lock().unwrap() == Mood::Broken;
            let problem = broken.then(|| "the store cannot be written".to_owned());
            Box::pin(async move { vec![Check { name: "store", problem }] })
        }),
        gauges: Box::new(|metrics| {
            Box::pin(async move {
                metrics.queue_pending.set(41);
            })
        }),
    }
}

impl Store {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Overloaded => {
                return Err(CommitError::Overloaded { retry_after: Duration::from_millis(7100) });
            }
            Mood::Busy => {
                *self.mood.lock().unwrap() = Mood::Well;
                return Err(CommitError::Overloaded { retry_after: Duration::from_millis(1) });
            }
            Mood::Broken => {
                return Err(CommitError::Store(StoreError("/var/lib/campanile is full".into())));
            }
            Mood::Slow => {
                self.slow.send_modify(|(begun, _)| *begun += 1);
                self.gate.acquire().await.unwrap().forget();
            }
            Mood::Well => {}
        }
        let committed = self.take(batch);
        if mood == Mood::Slow {
            self.slow.send_modify(|(_, ended)| *ended += 1);
        }
        Ok(committed)
    }

    fn take(&self, batch: Batch) -> Committed {
        let BatchKey { sender, key, body } = batch.key.unwrap();
        assert!(batch.alerts.iter().all(|one| one.recipients == [RecipientId(7)]));
        let mut known = self.known.lock().unwrap();
        if let Some((before, answer)) = known.batches.get(&(sender, key)) {
            return match *before == body {
                true => Committed::Repeated { answer: answer.clone() },
                false => Committed::KeyReused,
            };
        }
        known.commits += 1;
        known.alerts += batch.alerts.len();
        known.batches.insert((sender, key), (body, batch.answer));
        Committed::Fresh
    }
}

fn read_native(
    body: &[u8],
    ndjson: bool,
    arrival: &Arrival,
) -> Result<Vec<Result<Alert, Rejection>>, BadBody> {
    let bad = |error: serde_json::Error| BadBody {
        line: error.line(),
        column: error.column(),
        expected: "an array of texts".into(),
    };
    let values: Vec<Value> = if ndjson {
        serde_json::Deserializer::from_slice(body)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(bad)?
    } else {
        serde_json::from_slice(body).map_err(bad)?
    };
    let read = |(position, value): (usize, Value)| match value {
        Value::String(title) => Ok(alert(title, arrival)),
        _ => Err(Rejection {
            position,
            line: None,
            field: "title".into(),
            expected: "text".into(),
            found: None,
        }),
    };
    Ok(values.into_iter().enumerate().map(read).collect())
}

fn read_ntopng(body: &[u8], arrival: &Arrival) -> Result<Envelope, BadBody> {
    let bad = |_| BadBody { line: 1, column: 1, expected: "an envelope".into() };
    let envelope: Value = serde_json::from_slice(body).map_err(bad)?;
    let titles = envelope["alerts"].as_array().cloned().unwrap_or_default();
    let secret = envelope["sharedsecret"].as_str().filter(|it| !it.is_empty());
    Ok(Envelope {
        secret: secret.map(|it| Secret::new(it.to_owned())),
        alerts: titles.iter().map(|one| alert(one.to_string(), arrival)).collect(),
    })
}

fn alert(title: String, arrival: &Arrival) -> Alert {
    let id = arrival.ids.next(arrival.now_ms);
    Alert {
        id,
        tenant: arrival.tenant,
        fingerprint: Fingerprint([0; 16]),
        episode: id,
        producer: "test".into(),
        time_ms: arrival.now_ms,
        received_ms: arrival.now_ms,
        ended_ms: None,
        severity: Severity::Notice,
        score: 10,
        action: Action::Store,
        category: "other".into(),
        alert_type: "test".into(),
        title,
        text: String::new(),
        entity_kind: "host".into(),
        entity_value: String::new(),
        interface_name: None,
        flow: None,
        host: None,
        link: None,
        labels: Vec::new(),
        annotations: Vec::new(),
        raw: String::new(),
    }
}

/// Three deliveries, newest first; the newest is dead.
fn all() -> Vec<DeliveryRecord> {
    let record = |at: u8, state| {
        let id = DeliveryId { alert: AlertId::from_bytes([at; 16]), recipient: RecipientId(7) };
        DeliveryRecord {
            id,
            alert: id.alert,
            recipient: "night".into(),
            state,
            title: "Low Goodput".into(),
            attempts: 1,
            due_ms: None,
            last: None,
        }
    };
    vec![record(3, State::Dead), record(2, State::Delivered), record(1, State::Delivered)]
}

fn list(query: DeliveryQuery) -> Vec<DeliveryRecord> {
    all()
        .into_iter()
        .filter(|one| query.state.is_none_or(|state| state == one.state))
        .filter(|one| query.before.is_none_or(|before| one.id < before))
        .take(query.limit as usize)
        .collect()
}

fn detail(id: DeliveryId) -> Option<(DeliveryRecord, Vec<AttemptRecord>)> {
    let record = all().into_iter().find(|one| one.id == id)?;
    let attempt = AttemptRecord {
        message: "msg".into(),
        number: 1,
        at_ms: 1,
        took_ms: 2,
        outcome: "unavailable".into(),
        code: "503".into(),
        detail: String::new(),
        origin: None,
        status: Some(503),
        sent_bytes: 0,
        received_bytes: 0,
    };
    Some((record, vec![attempt]))
}
