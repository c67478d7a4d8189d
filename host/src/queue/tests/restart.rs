//! What outlives a stop, a crash, and a disk that takes no writes.

use super::*;

#[tokio::test]
async fn a_message_to_be_sent_again_keeps_bytes_id_members_and_carry_over_a_restart() {
    let house = House::open().await;
    house.commit(&[1, 2, 3], &[ONE]).await;
    let (lease, mut leased) = house.lease_fresh(ONE, 16).await;
    // Not the order in which they were committed.
    leased.rotate_left(1);
    let mut sent = message(&leased);
    sent.carry = Some("part 1 went out".into());
    let retry = Fate::Retry { due_ms: START_MS + 1000 };
    soon(lease.settle(settlement(sent.clone(), retry, true))).await.unwrap();
    drop(lease);

    for attempts in [1, 2] {
        house.clock.advance(1000);
        let (lease, again, members) = house.lease_again(ONE).await;
        assert_eq!(again, sent, "in memory");
        assert_eq!(alerts_of(&members), alerts_of(&leased));
        assert!(
            members.iter().all(|one| one.attempts == attempts && one.first_ms == Some(START_MS))
        );
        sent.carry = Some(format!("after {attempts}"));
        let retry = Fate::Retry { due_ms: house.clock.now_ms() + 1000 };
        soon(lease.settle(settlement(sent.clone(), retry, true))).await.unwrap();
    }

    let house = house.reopen().await;
    house.clock.advance(1000);
    let (lease, again, members) = house.lease_again(ONE).await;
    assert_eq!(again, sent, "from the store");
    assert_eq!(alerts_of(&members), alerts_of(&leased));
    assert!(members.iter().all(|one| one.attempts == 3 && one.first_ms == Some(START_MS)));
    soon(lease.settle(settlement(again, delivered(), false))).await.unwrap();
    drop(lease);
    assert_eq!(stored_messages(&house).await, 0, "nobody needs it any more");
    assert_eq!(soon(house.queue.stats()).await.unwrap(), QueueStats::default());
}

#[tokio::test]
async fn only_messages_that_are_not_delivered_are_stored() {
    let house = House::open().await;
    house.commit(&[1, 2, 3], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    let retry = Fate::Retry { due_ms: START_MS + 1000 };
    let table = [(delivered(), 0), (Fate::Dead, 1), (retry, 2)];
    for (one, (fate, stored)) in leased.iter().zip(table) {
        let sent = message(std::slice::from_ref(one));
        soon(lease.settle(settlement(sent, fate.clone(), false))).await.unwrap();
        assert_eq!(stored_messages(&house).await, stored, "{fate:?}");
    }
}

#[tokio::test]
async fn what_was_leased_when_the_process_died_is_due_again() {
    let house = House::open().await;
    let ids = house.commit(&[1, 2, 3], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    soon(lease.settle(settlement(message(&leased[1..2]), delivered(), false))).await.unwrap();
    drop(lease);
    let house = house.crash().await;
    let (_lease, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), [ids[0], ids[2]]);
    let stats = soon(house.queue.stats()).await.unwrap();
    assert_eq!(
        (stats.pending, stats.leased, stats.waiting, stats.oldest_age_ms),
        (2, 2, 0, Some(0))
    );
}

#[tokio::test]
async fn members_of_a_message_beyond_the_part_that_was_read_come_with_it() {
    let limits = QueueLimits { lane_count: 8, ..QueueLimits::default() };
    let house = House::with(limits, StoreLimits::default()).await;
    // A lane that was read to its end takes all of the next batch, more than a refill would.
    house.commit(&[3], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
    drop(lease);
    // Of fingerprint 1 there are so many that a refill ends among them.
    let ids = house.commit(&[1, 1, 1, 1, 1, 1, 1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), [ids[0], ids[7]]);
    let sent = message(&leased);
    let retry = Fate::Retry { due_ms: START_MS };
    soon(lease.settle(settlement(sent.clone(), retry, true))).await.unwrap();
    drop(lease);

    let house = house.crash().await;
    let (lease, again, members) = house.lease_again(ONE).await;
    assert_eq!((again.clone(), alerts_of(&members)), (sent, alerts_of(&leased)));
    soon(lease.settle(settlement(again, delivered(), false))).await.unwrap();
    for id in &ids[1..7] {
        let (lease, leased) = house.lease_fresh(ONE, 16).await;
        assert_eq!(
            alerts_of(&leased),
            [*id],
            "the last one was delivered, and does not come again"
        );
        soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
    }
    assert!(house.is_idle(ONE).await);
}

#[tokio::test]
async fn a_member_that_was_read_before_its_turn_is_not_taken_twice() {
    let limits = QueueLimits { lane_count: 8, ..QueueLimits::default() };
    let house = House::with(limits, StoreLimits::default()).await;
    house.commit(&[0], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
    drop(lease);
    let ids = house.commit(&[1, 2, 3, 4, 5, 6, 7, 8], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    let sent = message(&[leased[0].clone(), leased[7].clone()]);
    let retry = Fate::Retry { due_ms: START_MS + 1000 };
    soon(lease.settle(settlement(sent.clone(), retry, true))).await.unwrap();
    drop(lease);

    let house = house.crash().await;
    // Four are read at a time: the second time the last member is among them, and waits already.
    for expected in [&ids[1..4], &ids[4..7]] {
        let (lease, leased) = house.lease_fresh(ONE, 16).await;
        assert_eq!(alerts_of(&leased), expected);
        soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
    }
    house.clock.advance(1000);
    let (lease, again, _) = house.lease_again(ONE).await;
    assert_eq!(again, sent);
    soon(lease.settle(settlement(again, delivered(), false))).await.unwrap();
    drop(lease);
    assert_eq!(locked(&house.queue.lanes.cell(ONE).lane).counts(), (0, 0, 0));
    assert_eq!(soon(house.queue.stats()).await.unwrap(), QueueStats::default());
}

#[tokio::test]
async fn an_outcome_is_recorded_once_the_disk_takes_writes_again() {
    let house = House::open().await;
    house.commit(&[1], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    let gate = Gate::close(&house.store);
    let settled = lease.settle(settlement(message(&leased), delivered(), false));
    house.store.settle(Box::new(DiskFull { times: 2 }), Weight { count: 1, bytes: 0 }).unwrap();
    let refused = house.alert(2, Action::Store);
    let refused = Owed { alert: refused, recipients: vec![ONE] };
    let batch = Batch {
        tenant: TenantId::DEFAULT,
        alerts: vec![refused],
        key: None,
        answer: String::new(),
        within: None,
    };
    let (refused, ()) = tokio::join!(house.queue.commit(batch), async { gate.send(()).unwrap() });
    assert!(matches!(refused, Err(CommitError::Overloaded { .. })), "{refused:?}");

    soon(settled).await.unwrap();
    let attempts = house.store.read(|db| {
        let count = db.first("select count(*) from attempt", [], |row| row.get::<_, i64>(0));
        count.map_err(StoreError::sqlite("count attempts"))
    });
    assert_eq!(soon(attempts).await.unwrap(), Some(1));
    assert_eq!(soon(house.queue.stats()).await.unwrap().pending, 0);
}

#[tokio::test]
async fn a_closed_store_has_written_what_waited_and_takes_nothing_more() {
    let house = House::open().await;
    house.commit(&[1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    drop(lease.settle(settlement(message(&leased[..1]), delivered(), false)));
    house.store.close();
    let late = soon(lease.settle(settlement(message(&leased[1..]), delivered(), false))).await;
    assert!(matches!(late, Err(StoreError::Closed)), "{late:?}");
    drop(lease);
    let house = house.crash().await;
    assert_eq!(soon(house.queue.stats()).await.unwrap().pending, 1);
}

/// Fails as a full disk does, and with it the transaction it is part of.
struct DiskFull {
    times: u32,
}

impl WriteJob for DiskFull {
    fn run(&mut self, _: &Prepared<'_>) -> rusqlite::Result<()> {
        if self.times == 0 {
            return Ok(());
        }
        self.times -= 1;
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        Err(rusqlite::Error::SqliteFailure(full, None))
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        result.unwrap();
    }
}

async fn stored_messages(house: &House) -> i64 {
    let count = house.store.read(|db| {
        let count = db.first("select count(*) from message", [], |row| row.get(0));
        count.map(Option::unwrap_or_default).map_err(StoreError::sqlite("count messages"))
    });
    soon(count).await.unwrap()
}

#[tokio::test]
async fn whether_an_alert_may_ban_is_known_in_memory_and_from_disk() {
    // With memory for alerts, and without: then each is read when it is leased.
    for body_bytes in [16 << 20, 0] {
        let limits = QueueLimits { body_bytes, ..QueueLimits::default() };
        let mut house = House::with(limits, StoreLimits::default()).await;
        soon(house.queue.lease(ONE, 1)).await.unwrap();
        let expected = [true, false, true];
        let alerts = (1..).zip(expected).map(|(fingerprint, may_ban)| Alert {
            may_ban,
            ..house.alert(fingerprint, Action::Engage)
        });
        house.commit_all(alerts.collect(), &[ONE]).await;
        for at in ["in memory", "after a stop", "after a crash"] {
            let (lease, leased) = house.lease_fresh(ONE, 16).await;
            let found: Vec<_> = leased.iter().map(|one| one.alert.may_ban).collect();
            assert_eq!(found, expected, "{at}, {body_bytes}");
            drop(lease);
            house = if at == "in memory" { house.reopen().await } else { house.crash().await };
        }
        // What goes again as a message is read by its members.
        let (lease, leased) = house.lease_fresh(ONE, 16).await;
        let retry = Fate::Retry { due_ms: START_MS };
        soon(lease.settle(settlement(message(&leased), retry, true))).await.unwrap();
        drop(lease);
        let house = house.crash().await;
        let (_lease, _, members) = house.lease_again(ONE).await;
        let found: Vec<_> = members.iter().map(|one| one.alert.may_ban).collect();
        assert_eq!(found, expected, "again, {body_bytes}");
    }
}
