//! The queue on a real store in a folder of its own, with a clock that the test moves.

mod bounds;
mod commit;
mod measure;
mod model;
mod order;
mod restart;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::alert::{Action, Severity};
use crate::clock::Clock;
use crate::delivery::{OutcomeKind, Seen};
use crate::ids::{AlertId, AlertIds, DeliveryId, Fingerprint, MessageId};
use crate::store::{Prepared, StoreLimits, Weight, WriteJob};

const START_MS: u64 = 1_790_000_000_000;
const ONE: RecipientId = RecipientId(1);
const TWO: RecipientId = RecipientId(2);

/// A store, its queue, and what makes alerts for it.
struct House {
    folder: TempDir,
    clock: Arc<Clock>,
    ids: AlertIds,
    limits: QueueLimits,
    store: Store,
    queue: Queue,
}

impl House {
    async fn open() -> Self {
        Self::with(QueueLimits::default(), StoreLimits::default()).await
    }

    async fn with(limits: QueueLimits, store_limits: StoreLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::fixed(START_MS));
        let store = Store::open(folder.path(), clock.clone(), store_limits).unwrap();
        let queue = Queue::open(&store, limits).await.unwrap();
        Self { folder, clock, ids: AlertIds::default(), limits, store, queue }
    }

    /// As after a clean stop.
    async fn reopen(self) -> Self {
        self.store.close();
        self.crash().await
    }

    /// As after a kill: nothing is closed. The caller has dropped its leases.
    async fn crash(self) -> Self {
        let Self { folder, clock, ids, limits, store, queue } = self;
        drop((store, queue));
        let store = Store::open(folder.path(), clock.clone(), StoreLimits::default()).unwrap();
        let queue = Queue::open(&store, limits).await.unwrap();
        Self { folder, clock, ids, limits, store, queue }
    }

    /// Commits one alert for each fingerprint, in one batch. Their ids.
    async fn commit(&self, fingerprints: &[u8], recipients: &[RecipientId]) -> Vec<AlertId> {
        let alerts: Vec<_> =
            fingerprints.iter().map(|&one| self.alert(one, Action::Store)).collect();
        let ids = alerts.iter().map(|alert| alert.id).collect();
        self.commit_all(alerts, recipients).await;
        ids
    }

    async fn commit_all(&self, alerts: Vec<Alert>, recipients: &[RecipientId]) {
        let alerts =
            alerts.into_iter().map(|alert| Owed { alert, recipients: recipients.into() }).collect();
        let batch = Batch {
            tenant: TenantId::DEFAULT,
            alerts,
            key: None,
            answer: String::new(),
            within: None,
        };
        assert_eq!(soon(self.queue.commit(batch)).await.unwrap(), Committed::Fresh);
    }

    fn alert(&self, fingerprint: u8, action: Action) -> Alert {
        let id = self.ids.next(self.clock.now_ms());
        alert(id, fingerprint, action, self.clock.now_ms())
    }

    /// What is due, once something is.
    async fn lease(&self, recipient: RecipientId, max: usize) -> Lease {
        loop {
            soon(self.queue.due(recipient)).await;
            if let Some(lease) = soon(self.queue.lease(recipient, max)).await.unwrap() {
                return lease;
            }
        }
    }

    async fn lease_fresh(&self, recipient: RecipientId, max: usize) -> (Lease, Vec<Delivery>) {
        let mut lease = self.lease(recipient, max).await;
        match lease.work() {
            Work::Fresh(deliveries) => (lease, deliveries),
            Work::Again { message, .. } => panic!("{} is sent again", message.id),
        }
    }

    async fn lease_again(&self, recipient: RecipientId) -> (Lease, Message, Vec<Delivery>) {
        let mut lease = self.lease(recipient, 16).await;
        match lease.work() {
            Work::Again { message, deliveries } => (lease, message, deliveries),
            Work::Fresh(deliveries) => panic!("{deliveries:?} have no message"),
        }
    }

    /// Nothing of `recipient` is due. Only true for good where its lane was read before.
    async fn is_idle(&self, recipient: RecipientId) -> bool {
        soon(self.queue.lease(recipient, 16)).await.unwrap().is_none()
    }
}

/// A job that keeps the writer busy until it is let go.
struct Gate {
    entered: std::sync::mpsc::SyncSender<()>,
    leave: std::sync::mpsc::Receiver<()>,
}

impl Gate {
    /// Returns when the writer is in it.
    fn close(store: &Store) -> std::sync::mpsc::SyncSender<()> {
        let (entered, has_entered) = std::sync::mpsc::sync_channel(1);
        let (open, leave) = std::sync::mpsc::sync_channel(1);
        store.settle(Box::new(Self { entered, leave }), Weight { count: 0, bytes: 0 }).unwrap();
        has_entered.recv_timeout(Duration::from_secs(20)).unwrap();
        open
    }
}

impl WriteJob for Gate {
    fn run(&mut self, _: &Prepared<'_>) -> rusqlite::Result<()> {
        self.entered.send(()).unwrap();
        self.leave.recv_timeout(Duration::from_secs(20)).unwrap();
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        result.unwrap();
    }
}

/// What does not happen within 20 seconds does not happen.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .expect("it happens within 20 seconds")
}

fn alert(id: AlertId, fingerprint: u8, action: Action, now_ms: u64) -> Alert {
    Alert {
        id,
        tenant: TenantId::DEFAULT,
        fingerprint: Fingerprint([fingerprint; 16]),
        episode: id,
        producer: "test".into(),
        time_ms: now_ms,
        received_ms: now_ms,
        ended_ms: None,
        severity: Severity::Warning,
        score: 50,
        action,
        category: "system".into(),
        alert_type: "disk_full".into(),
        title: "Disk full".into(),
        text: "The disk of db-1 is full.".into(),
        entity_kind: "host".into(),
        entity_value: "db-1".into(),
        interface_name: None,
        flow: None,
        host: None,
        link: None,
        labels: vec![("rack".into(), "7".into())],
        annotations: vec![],
        raw: r#"{"disk": "full"}"#.into(),
        may_ban: false,
    }
}

fn message(deliveries: &[Delivery]) -> Message {
    let members: Vec<_> = deliveries.iter().map(|delivery| delivery.id).collect();
    Message {
        id: MessageId::of(members.iter().copied()),
        summary: format!("{} alerts", members.len()),
        content_type: "application/json".into(),
        body: format!("{members:?}").into_bytes(),
        members,
        notes: vec![("index".into(), "alerts".into())],
        repeat_safe_ms: 60_000,
        carry: None,
        component: [7; 32],
        settings: [8; 32],
    }
}

/// The record of a try with one fate for all members.
fn settlement(message: Message, fate: Fate, keep_message: bool) -> Settlement {
    let outcome = match fate {
        Fate::Delivered { .. } => OutcomeKind::Delivered,
        Fate::Skipped => OutcomeKind::Skipped,
        Fate::Dead => OutcomeKind::Rejected,
        Fate::Retry { .. } => OutcomeKind::Unavailable,
    };
    let seen = Seen {
        origin: Some("https://hooks.example:443".into()),
        status: Some(200),
        sent_bytes: 1000,
        received_bytes: 2,
        answer_sha256: Some([3; 32]),
        output: Some("done".into()),
        program_sha256: Some([4; 32]),
        unanswered: false,
    };
    let (code, detail) = ("200".into(), "as asked".into());
    let attempt = Attempt { number: 1, at_ms: START_MS, took_ms: 5, outcome, code, detail, seen };
    let fates = vec![fate; message.members.len()];
    Settlement { attempt, message, fates, keep_message }
}

fn delivered() -> Fate {
    Fate::Delivered { remote_id: None }
}

fn alerts_of(deliveries: &[Delivery]) -> Vec<AlertId> {
    deliveries.iter().map(|delivery| delivery.id.alert).collect()
}

fn id_of(alert: AlertId, recipient: RecipientId) -> DeliveryId {
    DeliveryId { alert, recipient }
}
