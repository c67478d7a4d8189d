//! The API over a real store, with one recipient and nobody who sends; or with a native kind, and
//! what is owed is sent.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::{Engine, Server};
use super::peer::{self, Answer, Peer};
use crate::capability::egress::{Connector, Pool};
use crate::capability::http::HttpGate;
use crate::capability::secrets::oauth2;
use crate::clock::Clock;
use crate::config::{Config, KeySource};
use crate::delivery::{Attempt, Fate, Message, OutcomeKind, Seen};
use crate::dispatch::backoff::Backoff;
use crate::dispatch::guard::{BanGuard, GuardRules};
use crate::dispatch::pace::Paces;
use crate::dispatch::{self, Dispatch, RetryPolicy, Site, Slots};
use crate::ids::{MessageId, RecipientId, Secret, TenantId};
use crate::privileged::fail2ban::Noted;
use crate::privileged::link::Link;
use crate::queue::{Queue, QueueLimits, Settlement, Work};
use crate::records::{Records, rows, secrets};
use crate::roster::{Kinds, Roster};
use crate::runtime::native::Natives;
use crate::runtime::{Catalog, Limits, Runtime};
use crate::store::{Prepared, Store, StoreError, StoreLimits, Weight, WriteJob};
use crate::telemetry::Metrics;
use crate::tenant::Role;
use crate::tenant::tokens::{self, Tokens};
use crate::trial::Trial;
use crate::vault::{About, Owner, Vault};

pub(crate) struct StandIn {
    address: SocketAddr,
    folder: tempfile::TempDir,
    store: Store,
    queue: Queue,
    recipient: RecipientId,
    vault: Vault,
    dispatch: Option<Arc<Dispatch>>,
    /// To a helper that a test plays.
    pub(crate) fail2ban: Link,
    pub(crate) spared: Arc<Noted>,
    sending: CancellationToken,
    stop: CancellationToken,
    serving: JoinSet<()>,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let limits =
            QueueLimits { commit_wait: Duration::from_millis(300), ..QueueLimits::default() };
        Self::start_with(limits).await
    }

    pub(crate) async fn start_with(limits: QueueLimits) -> Self {
        Self::start_of(limits, "", Natives::default()).await
    }

    /// With native kinds, through which it sends; `api`: more of `[api]`.
    pub(crate) async fn sending(natives: Natives, api: &str) -> Self {
        let mut this = Self::waiting(natives, api).await;
        this.send();
        this
    }

    /// As [`sending`](Self::sending), from [`send`](Self::send) on.
    pub(super) async fn waiting(natives: Natives, api: &str) -> Self {
        Self::start_of(QueueLimits::default(), api, natives).await
    }

    pub(super) fn send(&mut self) {
        let dispatch = self.dispatch.take().unwrap();
        let stop = self.sending.clone();
        self.serving.spawn(async move { dispatch::run(dispatch, stop).await.unwrap() });
    }

    async fn start_of(limits: QueueLimits, api: &str, natives: Natives) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[api]\nlisten = '127.0.0.1:0'\nallowed_hosts = ['proxy.example']\n{api}\n\
             [ingest]\nbody_bytes_max = 65536"
        );
        let config = Config::parse(&folder.path().join("campanile.toml"), &text).unwrap();
        let clock = Arc::new(Clock::default());
        let store = Store::open(folder.path(), clock.clone(), StoreLimits::default()).unwrap();
        let queue = Queue::open(&store, limits).await.unwrap();
        let records = Records::new(&store);
        let recipient = rows::tests::recipient(&store, 1, TenantId::DEFAULT, "night").await;
        let cache = folder.path().join("cache");
        let runtime = Runtime::new(Limits::from(&config.limits), 1, &cache).unwrap();
        let site = Site {
            instance: "test".to_owned(),
            locale: "en".to_owned(),
            link: None,
            zone_name: "UTC".to_owned(),
            zone: TimeZone::UTC,
        };
        let catalog = Catalog::default().with_natives(&runtime, natives);
        let metrics = Metrics::new(catalog.kinds().iter().map(|kind| kind.name.as_str()));
        let kinds = Kinds::new(Arc::new(catalog), site);
        let key = KeySource::File(folder.path().join("secrets.key"));
        let vault = Vault::open_key(&key, false).unwrap();
        let roster = Roster::open(&store, &queue, kinds, vault.clone()).await.unwrap();
        let gate = Arc::new(HttpGate {
            connector: Connector::default(),
            pool: Pool::default(),
            response_bytes_max: 1 << 20,
        });
        let trial = Arc::new(Trial {
            runtime,
            tokens: oauth2::Tokens::new(
                Arc::clone(&gate),
                Box::new(|_| Box::pin(async { Err(oauth2::NotKept) })),
            ),
            gate,
            clock: Arc::clone(&clock),
            policy: RetryPolicy {
                backoff: Backoff {
                    first: Duration::from_millis(1),
                    max: Duration::from_millis(1),
                    asked_max: Duration::from_millis(1),
                },
                attempts_max: 9,
            },
            slots: Slots::new(1, 1, Default::default()),
            batch_max: 1,
            roster: roster.clone(),
            records: records.clone(),
            metrics: Arc::new(metrics),
        });
        let dispatch = Dispatch {
            queue: queue.clone(),
            runtime: Arc::clone(&trial.runtime),
            gate: Arc::clone(&trial.gate),
            net: Arc::default(),
            tokens: trial.tokens.clone(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&trial.metrics),
            policy: trial.policy,
            batch_max: 16,
            slots: Arc::clone(&trial.slots),
            told: dispatch::offenses::Told::default(),
            guard: Arc::new(BanGuard::new(GuardRules {
                window_ms: 1_000,
                slow_count: 9,
                stop_count: 9,
            })),
            paces: Paces::default(),
            records: records.clone(),
            roster: roster.clone(),
        };
        let server =
            Server::new(crate::api::bind(config.api.listen).unwrap(), &config.api).unwrap();
        let (sending, stop) = (CancellationToken::new(), CancellationToken::new());
        let (fail2ban, spared) = (Link::default(), Arc::<Noted>::default());
        let engine = Engine {
            queue: queue.clone(),
            records,
            roster,
            vault: vault.clone(),
            trial,
            fail2ban: fail2ban.clone(),
            spared: Arc::clone(&spared),
            sending: sending.clone(),
        };
        let tokens = Tokens::open(folder.path()).unwrap().letting_ban(&config.api.may_ban);
        let metrics = Arc::clone(&dispatch.metrics);
        let routes = server.api(engine, tokens, metrics, clock, &config.ingest);
        let address = server.address();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(routes, stop.clone(), Duration::from_secs(5)));
        Self {
            address,
            folder,
            store,
            queue,
            recipient,
            vault,
            dispatch: Some(Arc::new(dispatch)),
            fail2ban,
            spared,
            sending,
            stop,
            serving,
        }
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

    /// Sends the head of a request, and the body up to its last byte.
    pub(super) async fn start_post(&self, path: &str, body: &str) -> Peer {
        let mut peer = peer::connect(self.address).await;
        let request = self.request("POST", path, &self.bearer(Role::Ingest), body);
        peer.send(&request.as_bytes()[..request.len() - 1]).await;
        peer
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let (address, length) = (self.address, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\
             {headers}\r\n{body}"
        )
    }

    /// How many alerts wait in the store: each is owed to the one recipient.
    pub(crate) async fn committed(&self) -> u64 {
        self.queue.stats().await.unwrap().pending
    }

    /// Stores a secret of the one recipient.
    pub(crate) async fn store_secret(&self, field: &str, value: &str) {
        struct Put(Vault, About, Secret, oneshot::Sender<Result<(), StoreError>>);
        impl WriteJob for Put {
            fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
                secrets::put(db, &self.0, self.1.clone(), &self.2, 1_790_000_000_000)
            }
            fn answer(self: Box<Self>, result: Result<(), StoreError>) {
                self.3.send(result).unwrap();
            }
        }
        let about = About {
            tenant: TenantId::DEFAULT,
            owner: Owner::Recipient(self.recipient),
            field: field.to_owned(),
            version: 9,
            bound_to: r#"{"kind":"x","to":["https://a.example:443"]}"#.to_owned(),
        };
        let (reply, answer) = oneshot::channel();
        let job = Put(self.vault.clone(), about, Secret::new(value.to_owned()), reply);
        self.store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).unwrap();
        answer.await.unwrap().unwrap();
    }

    /// Settles the oldest delivery that is due as dead.
    pub(crate) async fn let_one_die(&self) {
        self.settle_one(self.recipient, Fate::Dead, [0; 32], "").await;
    }

    /// Keeps a message of this kind about the oldest delivery, to be sent again at once.
    pub(super) async fn keep_one(&self, of: RecipientId, component: [u8; 32], body: &str) {
        self.settle_one(of, Fate::Retry { due_ms: 0 }, component, body).await;
    }

    async fn settle_one(&self, of: RecipientId, fate: Fate, component: [u8; 32], body: &str) {
        let due = self.queue.due(of);
        tokio::time::timeout(Duration::from_secs(10), due).await.unwrap();
        let mut lease = self.queue.lease(of, 1).await.unwrap().unwrap();
        let Work::Fresh(deliveries) = lease.work() else { panic!("a fresh delivery") };
        let members: Vec<_> = deliveries.iter().map(|one| one.id).collect();
        let attempt = Attempt {
            number: 1,
            at_ms: 1,
            took_ms: 2,
            outcome: OutcomeKind::Rejected,
            code: "410".into(),
            detail: "gone".into(),
            seen: Seen::default(),
        };
        let message = Message {
            id: MessageId::of(members.iter().copied()),
            members,
            summary: String::new(),
            content_type: "text/plain".into(),
            body: body.as_bytes().to_vec(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
            carry: None,
            component,
            settings: [0; 32],
        };
        let keep_message = fate != Fate::Dead;
        let fates = vec![fate];
        lease.settle(Settlement { attempt, message, fates, keep_message }).await.unwrap();
    }

    /// Another writer of the store's file; until it is dropped, commits wait.
    pub(crate) fn hold_the_store(&self) -> rusqlite::Connection {
        let held = rusqlite::Connection::open(self.folder.path().join("campanile.db")).unwrap();
        held.execute_batch("begin immediate").unwrap();
        held
    }

    /// The newest delivery of a recipient, with its tries, once it is delivered.
    pub(super) async fn sees_delivered(&self, recipient: &str) -> serde_json::Value {
        let path = format!("/v1/deliveries?limit=1&recipient={recipient}");
        let tried = async {
            loop {
                let all = self.get(&path).await.json();
                let newest = &all["deliveries"][0];
                if newest["state"] == "delivered" {
                    let id = newest["id"].as_str().unwrap();
                    return self.get(&format!("/v1/deliveries/{id}")).await.json();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), tried).await.unwrap()
    }

    /// Returns once a batch was refused with this code.
    pub(crate) async fn sees_refused(&self, code: &str) {
        let counted = format!("code=\"{code}\"}}");
        let seen = async {
            while !self.get("/metrics").await.body.contains(&counted) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap();
    }

    /// Every commit fails from now on.
    pub(crate) fn close_the_store(&self) {
        self.store.close();
    }

    /// The thread that writes ends, as by a fault of its own; reading goes on.
    pub(super) fn break_the_writer(&self) {
        struct Fault;
        impl WriteJob for Fault {
            fn run(&mut self, _: &Prepared<'_>) -> rusqlite::Result<()> {
                panic!("the test's own fault")
            }
            fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
        }
        self.store.settle(Box::new(Fault), Weight { count: 0, bytes: 0 }).unwrap();
    }

    pub(crate) fn stop_sending(&self) {
        self.sending.cancel();
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn ends_within(&mut self, deadline: Duration) {
        tokio::time::timeout(deadline, self.serving.join_next()).await.unwrap().unwrap().unwrap();
    }
}
