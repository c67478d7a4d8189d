use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::alert::{Action, Severity};
use crate::clock::Clock;
use crate::delivery::{Attempt, Fate, Message, OutcomeKind, Seen};
use crate::ids::{AlertIds, Fingerprint, MessageId};
use crate::queue::{Batch, Owed, Queue, QueueLimits, Settlement, Work};
use crate::store::StoreLimits;

const OTHER: TenantId = TenantId(2);

struct House {
    _folder: TempDir,
    queue: Queue,
    records: Records,
    ids: AlertIds,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(folder.path(), Arc::new(Clock::fixed(1_000)), StoreLimits::default())
                .unwrap();
        let queue = Queue::open(&store, QueueLimits::default()).await.unwrap();
        Self { _folder: folder, queue, records: Records::new(&store), ids: AlertIds::default() }
    }

    async fn commit(&self, tenant: TenantId, title: &str, recipients: &[RecipientId]) -> Alert {
        let id = self.ids.next(1_000);
        let alert = Alert {
            id,
            tenant,
            fingerprint: Fingerprint(id.to_bytes()),
            episode: id,
            producer: "test".into(),
            time_ms: 900,
            received_ms: 1_000,
            ended_ms: None,
            severity: Severity::Error,
            score: 100,
            action: Action::Store,
            category: "system".into(),
            alert_type: "disk_full".into(),
            title: title.into(),
            text: "The disk is full.".into(),
            entity_kind: "host".into(),
            entity_value: "db-1".into(),
            interface_name: None,
            flow: None,
            host: None,
            link: None,
            labels: vec![],
            annotations: vec![],
            raw: "{}".into(),
        };
        let owed = Owed { alert: alert.clone(), recipients: recipients.into() };
        let batch = Batch { tenant, alerts: vec![owed], key: None, answer: String::new() };
        self.queue.commit(batch).await.unwrap();
        alert
    }

    /// Tries what is due of a recipient first, with this end.
    async fn attempt(&self, recipient: RecipientId, number: u32, outcome: OutcomeKind, fate: Fate) {
        self.queue.due(recipient).await;
        let mut lease = self.queue.lease(recipient, 1).await.unwrap().unwrap();
        let Work::Fresh(deliveries) = lease.work() else { panic!("no message was kept") };
        let members = vec![deliveries[0].id];
        let message = Message {
            id: MessageId::of(members.iter().copied()),
            members,
            summary: "one".into(),
            content_type: "text/plain".into(),
            body: b"one".to_vec(),
            notes: vec![],
            repeat_safe_ms: 0,
            carry: None,
            component: [0; 32],
            settings: [0; 32],
        };
        let seen = Seen { status: Some(503), sent_bytes: 3, ..Seen::default() };
        let (code, detail) = ("503".into(), "busy".into());
        let attempt = Attempt { number, at_ms: 1_000, took_ms: 7, outcome, code, detail, seen };
        let settlement = Settlement { attempt, message, fates: vec![fate], keep_message: false };
        lease.settle(settlement).await.unwrap();
    }

    async fn titles(&self, tenant: TenantId, query: DeliveryQuery) -> Vec<String> {
        let listed = self.records.deliveries(tenant, query).await.unwrap();
        listed.into_iter().map(|record| record.title).collect()
    }
}

fn all() -> DeliveryQuery {
    DeliveryQuery { state: None, limit: 10, before: None }
}

#[tokio::test]
async fn a_name_has_one_id_per_tenant_and_sort() {
    let House { records, .. } = House::open().await;
    let first = records.register_recipient(TenantId::DEFAULT, "ops").await.unwrap();
    let other = records.register_recipient(OTHER, "ops").await.unwrap();
    let again = records.register_recipient(TenantId::DEFAULT, "ops").await.unwrap();
    assert_eq!((first == again, first == other), (true, false));
    let first = records.register_endpoint(TenantId::DEFAULT, "ops").await.unwrap();
    let second = records.register_endpoint(TenantId::DEFAULT, "dev").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(records.register_endpoint(TenantId::DEFAULT, "ops").await.unwrap(), first);
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_by_state_and_page() {
    let house = House::open().await;
    let recipient = house.records.register_recipient(TenantId::DEFAULT, "ops").await.unwrap();
    let mut alerts = Vec::new();
    for title in ["a", "b", "c", "d", "e"] {
        alerts.push(house.commit(TenantId::DEFAULT, title, &[recipient]).await);
    }
    house.attempt(recipient, 1, OutcomeKind::Delivered, Fate::Delivered { remote_id: None }).await;
    house.attempt(recipient, 1, OutcomeKind::Rejected, Fate::Dead).await;
    house.attempt(recipient, 1, OutcomeKind::Skipped, Fate::Skipped).await;
    let c = DeliveryId { alert: alerts[2].id, recipient };
    let unknown = DeliveryId { alert: house.ids.next(1_000), recipient };
    let table = [
        // state, limit, before, expected
        (None, 10, None, vec!["e", "d", "c", "b", "a"]),
        (None, 2, None, vec!["e", "d"]),
        (None, 10, Some(c), vec!["b", "a"]),
        (None, 10, Some(unknown), vec![]),
        (Some(State::Delivered), 10, None, vec!["a"]),
        (Some(State::Dead), 10, None, vec!["b"]),
        (Some(State::Skipped), 10, None, vec!["c"]),
        (Some(State::Pending), 10, None, vec!["e", "d"]),
        (Some(State::Pending), 1, None, vec!["e"]),
    ];
    for (state, limit, before, expected) in table {
        let found = house.titles(TenantId::DEFAULT, DeliveryQuery { state, limit, before }).await;
        assert_eq!(found, expected, "{state:?}, {limit}, {before:?}");
    }
}

#[tokio::test]
async fn a_delivery_shows_its_recipient_and_all_of_its_attempts() {
    let house = House::open().await;
    let recipient = house.records.register_recipient(TenantId::DEFAULT, "ops").await.unwrap();
    let alert = house.commit(TenantId::DEFAULT, "a", &[recipient]).await;
    let fresh = house.records.deliveries(TenantId::DEFAULT, all()).await.unwrap();
    assert_eq!(fresh[0].due_ms, Some(1_000), "due since it was received");
    for number in [1, 2] {
        house
            .attempt(recipient, number, OutcomeKind::Unavailable, Fate::Retry { due_ms: 1_000 })
            .await;
    }
    house.attempt(recipient, 3, OutcomeKind::Rejected, Fate::Dead).await;
    let id = DeliveryId { alert: alert.id, recipient };
    let (record, attempts) = house.records.delivery(TenantId::DEFAULT, id).await.unwrap().unwrap();
    assert_eq!((record.recipient.as_str(), record.state, record.attempts), ("ops", State::Dead, 3));
    assert_eq!((record.due_ms, record.last.as_ref().map(|last| last.number)), (None, Some(3)));
    let told: Vec<_> =
        attempts.iter().map(|one| (one.number, one.outcome.as_str(), one.status)).collect();
    assert_eq!(
        told,
        [(1, "unavailable", Some(503)), (2, "unavailable", Some(503)), (3, "rejected", Some(503))]
    );
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let house = House::open().await;
    let recipient = house.records.register_recipient(TenantId::DEFAULT, "ops").await.unwrap();
    let theirs = house.records.register_recipient(OTHER, "ops").await.unwrap();
    let alert = house.commit(TenantId::DEFAULT, "ours", &[recipient]).await;
    house.commit(OTHER, "theirs", &[theirs]).await;
    let id = DeliveryId { alert: alert.id, recipient };
    for (tenant, title, is_ours) in [(TenantId::DEFAULT, "ours", true), (OTHER, "theirs", false)] {
        for state in [None, Some(State::Pending)] {
            assert_eq!(
                house.titles(tenant, DeliveryQuery { state, ..all() }).await,
                [title],
                "{tenant}, {state:?}"
            );
        }
        assert_eq!(
            house.records.delivery(tenant, id).await.unwrap().is_some(),
            is_ours,
            "{tenant}"
        );
        let found = house.records.alert(tenant, alert.id).await.unwrap();
        assert_eq!(found, is_ours.then(|| alert.clone()), "{tenant}");
        assert_eq!(
            house.titles(tenant, DeliveryQuery { before: Some(id), ..all() }).await,
            [""; 0],
            "{tenant}"
        );
    }
}
