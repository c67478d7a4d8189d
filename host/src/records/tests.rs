use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::alert::{Action, Severity};
use crate::clock::Clock;
use crate::delivery::{Attempt, Fate, Message, OutcomeKind, Seen, State};
use crate::ids::{AlertIds, Fingerprint, MessageId};
use crate::queue::{Batch, Owed, Queue, QueueLimits, Settlement, Work};
use crate::store::StoreLimits;

const OTHER: TenantId = TenantId(2);

struct House {
    _folder: TempDir,
    queue: Queue,
    records: Records,
    store: Store,
    ids: AlertIds,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(folder.path(), Arc::new(Clock::fixed(1_000)), StoreLimits::default())
                .unwrap();
        let queue = Queue::open(&store, QueueLimits::default()).await.unwrap();
        let records = Records::new(&store);
        Self { _folder: folder, queue, records, store, ids: AlertIds::default() }
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
            may_ban: title == "c",
        };
        let owed = Owed { alert: alert.clone(), recipients: recipients.into() };
        let batch =
            Batch { tenant, alerts: vec![owed], key: None, answer: String::new(), within: None };
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
        // The first runs a program.
        let is_first = number == 1;
        let seen = Seen {
            status: Some(503),
            sent_bytes: 3,
            output: is_first.then(|| "a\0b".to_owned()),
            program_sha256: is_first.then_some([0xa5; 32]),
            ..Seen::default()
        };
        let (code, detail) = ("503".into(), "busy".into());
        let attempt = Attempt { number, at_ms: 1_000, took_ms: 7, outcome, code, detail, seen };
        let settlement = Settlement { attempt, message, fates: vec![fate], keep_message: false };
        lease.settle(settlement).await.unwrap();
    }

    async fn titles(&self, tenant: TenantId, query: DeliveryQuery) -> Vec<String> {
        let listed = self.records.deliveries(tenant, query).await.unwrap();
        listed.rows.into_iter().map(|record| record.title).collect()
    }
}

fn all() -> DeliveryQuery {
    DeliveryQuery { state: None, recipient: None, limit: 10, before: None }
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_by_state_and_page() {
    let house = House::open().await;
    let recipient = rows::tests::recipient(&house.store, 1, TenantId::DEFAULT, "ops").await;
    let other = rows::tests::recipient(&house.store, 2, TenantId::DEFAULT, "dev").await;
    for title in ["a", "b", "c", "d", "e"] {
        let sent = house.commit(TenantId::DEFAULT, title, &[recipient]).await;
        let found = house.records.alert(TenantId::DEFAULT, sent.id).await.unwrap().unwrap();
        assert_eq!(found.may_ban, title == "c", "{title}");
    }
    house.attempt(recipient, 1, OutcomeKind::Delivered, Fate::Delivered { remote_id: None }).await;
    house.attempt(recipient, 1, OutcomeKind::Rejected, Fate::Dead).await;
    house.attempt(recipient, 1, OutcomeKind::Skipped, Fate::Skipped).await;
    house.commit(TenantId::DEFAULT, "f", &[other]).await;
    let table = [
        // state, recipient, expected
        (None, None, vec!["f", "e", "d", "c", "b", "a"]),
        (Some(State::Delivered), None, vec!["a"]),
        (Some(State::Dead), None, vec!["b"]),
        (Some(State::Skipped), None, vec!["c"]),
        (Some(State::Pending), None, vec!["f", "e", "d"]),
        (None, Some(recipient), vec!["e", "d", "c", "b", "a"]),
        (None, Some(other), vec!["f"]),
        (Some(State::Pending), Some(recipient), vec!["e", "d"]),
        (Some(State::Dead), Some(other), vec![]),
    ];
    for (state, recipient, expected) in table {
        for limit in [1, 2, 10] {
            let mut found: Vec<String> = Vec::new();
            let mut query = DeliveryQuery { state, recipient, limit, before: None };
            loop {
                let page = house.records.deliveries(TenantId::DEFAULT, query).await.unwrap();
                assert!(page.rows.len() <= limit as usize);
                found.extend(page.rows.into_iter().map(|one| one.title));
                match page.next {
                    Some(next) => query.before = Some(next),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{state:?}, {recipient:?}, by {limit}");
        }
    }
}

#[tokio::test]
async fn a_delivery_shows_its_recipient_and_all_of_its_attempts() {
    let house = House::open().await;
    let recipient = rows::tests::recipient(&house.store, 1, TenantId::DEFAULT, "ops").await;
    let alert = house.commit(TenantId::DEFAULT, "a", &[recipient]).await;
    let fresh = house.records.deliveries(TenantId::DEFAULT, all()).await.unwrap();
    assert_eq!(fresh.rows[0].due_ms, Some(1_000), "due since it was received");
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
    let told: Vec<_> = attempts
        .iter()
        .map(|one| &one.attempt)
        .map(|one| (one.number, one.outcome.as_str(), one.status))
        .collect();
    assert_eq!(
        told,
        [(1, "unavailable", Some(503)), (2, "unavailable", Some(503)), (3, "rejected", Some(503))]
    );
    let programs: Vec<_> =
        attempts.iter().map(|one| (one.output.as_deref(), one.program_sha256.as_deref())).collect();
    let hexadecimal = "a5".repeat(32);
    assert_eq!(programs, [(Some("a\0b"), Some(hexadecimal.as_str())), (None, None), (None, None)]);
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let house = House::open().await;
    let recipient = rows::tests::recipient(&house.store, 1, TenantId::DEFAULT, "ops").await;
    let theirs = rows::tests::recipient(&house.store, 2, OTHER, "ops").await;
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
    }
}
