//! What is bounded: pending deliveries, what waits for the disk, and what is in memory.

use super::*;

fn batch_of(house: &House, count: usize) -> Batch {
    let owed = |_| Owed { alert: house.alert(1, Action::Store), recipients: vec![ONE] };
    let alerts = (0..count).map(owed).collect();
    Batch { tenant: TenantId::DEFAULT, alerts, key: None, answer: String::new(), within: None }
}

fn retry_after_s(committed: &Result<Committed, CommitError>) -> Option<u64> {
    match committed {
        Err(CommitError::Overloaded { retry_after }) => Some(retry_after.as_secs()),
        _ => None,
    }
}

#[tokio::test]
async fn no_more_is_taken_in_than_may_be_pending() {
    let limits = QueueLimits { pending_count: 10, ..QueueLimits::default() };
    let house = House::with(limits, StoreLimits::default()).await;
    for (count, refused) in [(11, true), (8, false), (3, true), (2, false), (1, true)] {
        let committed = soon(house.queue.commit(batch_of(&house, count))).await;
        assert_eq!(retry_after_s(&committed).is_some(), refused, "{count} more");
    }
}

#[tokio::test]
async fn a_batch_is_refused_at_once_when_too_much_waits_for_the_disk() {
    let house = House::with(
        QueueLimits::default(),
        StoreLimits { ingest_count: 4, ..StoreLimits::default() },
    )
    .await;
    let gate = Gate::close(&house.store);
    let (large, more, ()) = tokio::join!(
        house.queue.commit(batch_of(&house, 9)),
        house.queue.commit(batch_of(&house, 1)),
        async { gate.send(()).unwrap() },
    );
    assert_eq!(large.unwrap(), Committed::Fresh, "what is too large by itself is taken alone");
    assert_eq!(retry_after_s(&more), Some(1));
}

#[tokio::test]
async fn a_batch_that_waited_too_long_is_refused_and_not_stored() {
    let limits = QueueLimits { commit_wait: Duration::from_millis(1), ..QueueLimits::default() };
    let house = House::with(limits, StoreLimits::default()).await;
    let gate = Gate::close(&house.store);
    let committed = soon(house.queue.commit(batch_of(&house, 1))).await;
    assert!(matches!(committed, Err(CommitError::Slow { .. })), "{committed:?}");
    gate.send(()).unwrap();
    assert_eq!(soon(house.queue.stats()).await.unwrap().pending, 0);
    house.store.close();
    let house = house.crash().await;
    assert_eq!(soon(house.queue.stats()).await.unwrap().pending, 0);
}

#[tokio::test]
async fn nothing_is_taken_in_while_the_disk_is_nearly_full() {
    let full = StoreLimits { free_bytes_min: u64::MAX, ..StoreLimits::default() };
    let house = House::with(QueueLimits::default(), full).await;
    soon(async {
        // The writer looks at the disk when it starts, and then once a second.
        while retry_after_s(&house.queue.commit(batch_of(&house, 1)).await) != Some(30) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let problem = house.queue.problem();
    assert!(problem.is_some_and(|problem| problem.contains("free space")), "{problem:?}");
}

#[tokio::test]
async fn nothing_more_is_leased_while_too_many_outcomes_wait_for_the_disk() {
    let house = House::with(
        QueueLimits::default(),
        StoreLimits { settle_count: 1, ..StoreLimits::default() },
    )
    .await;
    house.commit(&[1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 1).await;
    let gate = Gate::close(&house.store);
    let settled = lease.settle(settlement(message(&leased), delivered(), false));
    assert!(house.is_idle(ONE).await);
    let (leased, ()) = tokio::join!(house.lease(ONE, 1), async { gate.send(()).unwrap() });
    drop(leased);
    soon(settled).await.unwrap();
}

#[tokio::test]
async fn a_hundred_thousand_pending_are_drained_in_order_with_few_in_memory() {
    const COUNT: usize = 100_000;
    const BODY_BYTES: usize = 256 << 10;
    let limits = QueueLimits { lane_count: 1024, body_bytes: BODY_BYTES, ..QueueLimits::default() };
    let house = House::with(limits, StoreLimits::default()).await;
    let mut expected = Vec::with_capacity(COUNT);
    for _ in 0..COUNT / 500 {
        let fingerprints: Vec<_> = (0..500).map(|at| u8::try_from(at % 250).unwrap()).collect();
        expected.extend(house.commit(&fingerprints, &[ONE]).await);
    }
    assert_eq!(soon(house.queue.stats()).await.unwrap().pending, COUNT as u64);

    let mut seen = Vec::with_capacity(COUNT);
    while seen.len() < COUNT {
        let (lease, leased) = house.lease_fresh(ONE, 100).await;
        let (in_memory, _, _) = locked(&house.queue.lanes.cell(ONE).lane).counts();
        assert!(in_memory <= limits.lane_count, "{in_memory} deliveries in memory");
        let bytes = house.queue.lanes.bodies.bytes();
        assert!(bytes <= BODY_BYTES + 4096, "{bytes} bytes of alerts in memory");
        seen.extend(alerts_of(&leased));
        soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
    }
    assert!(seen == expected, "each once, in order: no fingerprint comes twice within a lease");
    assert_eq!(house.queue.lanes.bodies.bytes(), 0);
}
