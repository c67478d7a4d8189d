//! Batches: known by their key, taken in whole or not at all.

use super::*;

const KEY: BatchKey = BatchKey { sender: [1; 16], key: [2; 32], body: [3; 32] };

fn keyed(house: &House, key: BatchKey, answer: &str) -> Batch {
    let alerts = vec![Owed { alert: house.alert(1, Action::Store), recipients: vec![ONE] }];
    Batch { tenant: TenantId::DEFAULT, alerts, key: Some(key), answer: answer.into(), within: None }
}

async fn pending(house: &House) -> u64 {
    soon(house.queue.stats()).await.unwrap().pending
}

#[tokio::test]
async fn a_batch_is_known_by_its_key_for_ten_minutes() {
    let house = House::open().await;
    let repeated = || Committed::Repeated { answer: "first".into() };
    let other_body = BatchKey { body: [4; 32], ..KEY };
    let other_sender = BatchKey { sender: [5; 16], ..KEY };
    let table = [
        // advance in ms, key, answer, expected, pending
        (0, KEY, "first", Committed::Fresh, 1),
        (0, KEY, "second", repeated(), 1),
        (0, other_body.clone(), "third", Committed::KeyReused, 1),
        (0, other_sender, "fourth", Committed::Fresh, 2),
        (599_999, KEY, "fifth", repeated(), 2),
        (1, other_body, "sixth", Committed::Fresh, 3),
        (0, KEY, "seventh", Committed::KeyReused, 3),
    ];
    for (advance_ms, key, answer, expected, count) in table {
        house.clock.advance(advance_ms);
        let committed = soon(house.queue.commit(keyed(&house, key, answer))).await.unwrap();
        assert_eq!((committed, pending(&house).await), (expected, count), "{answer}");
    }
}

#[tokio::test]
async fn a_key_of_another_tenant_is_another_key() {
    let house = House::open().await;
    for tenant in [1, 2] {
        let batch = Batch { tenant: TenantId(tenant), ..keyed(&house, KEY, "") };
        assert_eq!(soon(house.queue.commit(batch)).await.unwrap(), Committed::Fresh);
    }
}

#[tokio::test]
async fn a_repeat_within_one_transaction_is_known() {
    let house = House::open().await;
    let gate = Gate::close(&house.store);
    let (first, second, ()) = tokio::join!(
        house.queue.commit(keyed(&house, KEY, "first")),
        house.queue.commit(keyed(&house, KEY, "second")),
        async { gate.send(()).unwrap() },
    );
    assert_eq!(first.unwrap(), Committed::Fresh);
    assert_eq!(second.unwrap(), Committed::Repeated { answer: "first".into() });
    assert_eq!(pending(&house).await, 1);
}

#[tokio::test]
async fn keys_outlive_a_restart_and_expired_ones_are_deleted() {
    let house = House::open().await;
    soon(house.queue.commit(keyed(&house, KEY, "first"))).await.unwrap();
    let house = house.crash().await;
    let again = soon(house.queue.commit(keyed(&house, KEY, "second"))).await.unwrap();
    assert_eq!(again, Committed::Repeated { answer: "first".into() });

    house.clock.advance(600_000);
    soon(async {
        let count = |db: &Prepared<'_>| {
            let count = db.first("select count(*) from batch_key", [], |row| row.get::<_, i64>(0));
            count.map_err(StoreError::sqlite("count keys"))
        };
        while house.store.read(count).await.unwrap() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_with_an_id_that_was_used_is_refused_alone_and_whole() {
    let house = House::open().await;
    let used = house.alert(1, Action::Store);
    house.commit_all(vec![used.clone()], &[ONE]).await;
    let owed = |alert| Owed { alert, recipients: vec![ONE] };
    let batch = |alerts| Batch {
        tenant: TenantId::DEFAULT,
        alerts,
        key: None,
        answer: String::new(),
        within: None,
    };
    let bad = batch(vec![owed(house.alert(2, Action::Store)), owed(used)]);
    let good = batch(vec![owed(house.alert(3, Action::Store))]);
    let gate = Gate::close(&house.store);
    let (bad, good, ()) = tokio::join!(house.queue.commit(bad), house.queue.commit(good), async {
        gate.send(()).unwrap()
    });
    assert!(matches!(bad, Err(CommitError::Store(StoreError::Sqlite { .. }))), "{bad:?}");
    assert_eq!(good.unwrap(), Committed::Fresh);
    assert_eq!(pending(&house).await, 2);
}

#[tokio::test]
async fn an_alert_comes_back_from_the_store_as_it_was_committed() {
    let house = House::open().await;
    let sent = house.alert(9, Action::Engage);
    house.commit_all(vec![sent.clone()], &[ONE]).await;
    // The lane begins from the store, since nobody asked for it before.
    let (_lease, leased) = house.lease_fresh(ONE, 1).await;
    assert_eq!(*leased[0].alert, sent);
}
