//! What is over and old is forgotten, and nothing else.

use super::*;

const DAY_MS: u64 = 86_400_000;
/// After so much, what was received at the start is old enough.
const KEEP_MS: u64 = 30 * DAY_MS;

/// Rows of each table.
async fn rows(house: &House) -> [i64; 5] {
    let count = |db: &Prepared<'_>| {
        const SQL: &str = "select (select count(*) from alert), (select count(*) from delivery),
            (select count(*) from attempt), (select count(*) from attempt_before),
            (select count(*) from message)";
        let counts = db.first(SQL, [], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
        });
        counts.map_err(StoreError::sqlite("count rows"))
    };
    soon(house.store.read(count)).await.unwrap().unwrap_or_default()
}

/// Returns when there are so many alerts, deliveries, attempts, attempts before and messages.
async fn sees(house: &House, expected: [i64; 5]) {
    let seen = async {
        loop {
            let rows = rows(house).await;
            if rows == expected {
                return;
            }
            assert!(rows[0] >= expected[0], "{rows:?} is fewer than {expected:?}");
            tokio::task::yield_now().await;
        }
    };
    soon(seen).await;
}

/// Tries what is due of a recipient, all as one message.
async fn attempt(house: &House, recipient: RecipientId, fate: Fate) {
    let (lease, leased) = house.lease_fresh(recipient, 16).await;
    soon(lease.settle(settlement(message(&leased), fate, false))).await.unwrap();
}

/// One more alert, so that no other is the newest.
async fn newest(house: &House) {
    house.commit(&[200], &[]).await;
    let ends = [house.alert(201, Action::Store)];
    house.commit_all(ends.into(), &[RecipientId(9)]).await;
}

#[tokio::test]
async fn what_is_over_is_forgotten_with_all_that_belongs_to_it_once_it_is_old() {
    let house = House::open().await;
    house.commit(&[1, 2], &[ONE]).await;
    house.commit(&[3], &[]).await;
    let retry = Fate::Retry { due_ms: START_MS };
    attempt(&house, ONE, retry).await;
    attempt(&house, ONE, Fate::Dead).await;
    house.commit(&[4], &[ONE]).await;
    attempt(&house, ONE, delivered()).await;
    assert_eq!(rows(&house).await, [4, 3, 3, 2, 1]);

    house.clock.advance(KEEP_MS - 1);
    newest(&house).await;
    let mut at = rows(&house).await;
    assert_eq!(at, [6, 4, 3, 2, 1], "one millisecond too young");
    house.clock.advance(1);
    at = [2, 1, 0, 0, 0];
    sees(&house, at).await;
}

#[tokio::test]
async fn what_is_owed_stays_with_its_tries_and_goes_when_it_is_over() {
    let house = House::open().await;
    // The two make one message to ONE; TWO is still owed the second.
    let first = house.alert(1, Action::Store);
    let second = house.alert(2, Action::Store);
    let owed = |alert: &Alert, recipients: &[RecipientId]| Owed {
        alert: alert.clone(),
        recipients: recipients.into(),
    };
    let alerts = vec![owed(&first, &[ONE]), owed(&second, &[ONE, TWO])];
    let batch =
        Batch { tenant: TenantId::DEFAULT, alerts, key: None, answer: String::new(), within: None };
    soon(house.queue.commit(batch)).await.unwrap();
    attempt(&house, ONE, Fate::Dead).await;
    house.clock.advance(KEEP_MS);
    newest(&house).await;
    sees(&house, [3, 3, 1, 0, 1]).await;

    attempt(&house, TWO, delivered()).await;
    // Those that were owed are looked at again after an hour.
    house.clock.advance(DAY_MS);
    sees(&house, [2, 1, 0, 0, 0]).await;
}

#[tokio::test]
async fn deliveries_go_on_after_everything_was_forgotten() {
    let house = House::open().await;
    house.commit(&[1, 2, 3], &[ONE]).await;
    attempt(&house, ONE, delivered()).await;
    house.clock.advance(KEEP_MS);
    // The newest stays: a number that is given twice would be taken for one that was seen.
    sees(&house, [1, 1, 1, 0, 0]).await;
    let next = house.commit(&[4], &[ONE]).await;
    let (_lease, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), next);
}

#[tokio::test]
async fn a_release_whose_engage_was_forgotten_stands_for_itself() {
    let house = House::open().await;
    house.commit_all(vec![house.alert(1, Action::Engage)], &[ONE]).await;
    attempt(&house, ONE, Fate::Delivered { remote_id: Some("ts-1".into()) }).await;
    house.clock.advance(KEEP_MS);
    newest(&house).await;
    sees(&house, [2, 1, 0, 0, 0]).await;
    let release = house.alert(1, Action::Release);
    house.commit_all(vec![release.clone()], &[ONE]).await;
    let (_lease, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!((leased[0].alert.episode, &leased[0].previous), (release.id, &None));
}

#[tokio::test]
async fn an_alert_of_a_clock_that_was_ahead_does_not_hold_up_the_others() {
    let house = House::open().await;
    let ahead = alert(house.ids.next(START_MS), 1, Action::Store, START_MS + 1000 * DAY_MS);
    house.commit_all(vec![ahead], &[]).await;
    house.commit(&[2], &[]).await;
    house.clock.advance(KEEP_MS);
    newest(&house).await;
    sees(&house, [3, 1, 0, 0, 0]).await;
}
