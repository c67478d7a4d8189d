//! Who is handed what, and in which order.

use super::*;

#[tokio::test]
async fn a_delivery_waits_until_the_earlier_one_of_its_fingerprint_is_settled() {
    let house = House::open().await;
    let ids = house.commit(&[1, 1, 2], &[ONE]).await;
    let (lease, first) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&first), [ids[0], ids[2]], "one per fingerprint");
    assert!(house.is_idle(ONE).await, "the second of a fingerprint is held");

    soon(lease.settle(settlement(message(&first), delivered(), false))).await.unwrap();
    let (_, second) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&second), [ids[1]]);
}

#[tokio::test]
async fn order_is_kept_across_a_retry_and_a_restart() {
    let house = House::open().await;
    let ids = house.commit(&[1, 1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    let (failed, sent) = (message(&leased[..1]), message(&leased[1..]));
    let retry = Fate::Retry { due_ms: START_MS + 1000 };
    let both = (
        lease.settle(settlement(failed, retry, true)),
        lease.settle(settlement(sent, delivered(), false)),
    );
    soon(both.0).await.unwrap();
    soon(both.1).await.unwrap();
    assert!(house.is_idle(ONE).await, "the one behind the retry is held");
    drop(lease);

    let house = house.reopen().await;
    house.clock.advance(1000);
    let (lease, again, _) = house.lease_again(ONE).await;
    assert_eq!(again.members, [id_of(ids[0], ONE)]);
    assert!(house.is_idle(ONE).await);
    soon(lease.settle(settlement(again, delivered(), false))).await.unwrap();
    let (_, last) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&last), [ids[1]]);
}

#[tokio::test]
async fn two_recipients_do_not_wait_for_each_other() {
    let house = House::open().await;
    let ids = house.commit(&[1, 1], &[ONE, TWO]).await;
    let (_held, of_one) = house.lease_fresh(ONE, 16).await;
    let (lease, of_two) = house.lease_fresh(TWO, 16).await;
    assert_eq!((alerts_of(&of_one), alerts_of(&of_two)), (vec![ids[0]], vec![ids[0]]));
    soon(lease.settle(settlement(message(&of_two), delivered(), false))).await.unwrap();
    let (_, of_two) = house.lease_fresh(TWO, 16).await;
    assert_eq!(alerts_of(&of_two), [ids[1]]);
    assert!(house.is_idle(ONE).await);
}

#[tokio::test]
async fn a_dropped_lease_gives_back_what_was_not_settled() {
    let house = House::open().await;
    let ids = house.commit(&[1, 2, 3], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    soon(lease.settle(settlement(message(&leased[1..2]), delivered(), false))).await.unwrap();
    assert!(house.is_idle(ONE).await);
    drop(lease);
    let (_lease, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), [ids[0], ids[2]]);
    assert!(leased.iter().all(|one| one.attempts == 0), "they were not attempted");
}

#[tokio::test]
async fn what_is_given_back_is_due_again_not_before_its_time() {
    let house = House::open().await;
    let ids = house.commit(&[1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    lease.give_back(&[leased[0].id], Some(START_MS + 500));
    lease.give_back(&[leased[1].id], None);
    drop(lease);
    let (_second, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), [ids[1]]);
    assert!(house.is_idle(ONE).await);
    house.clock.advance(500);
    let (_first, leased) = house.lease_fresh(ONE, 16).await;
    assert_eq!(alerts_of(&leased), [ids[0]]);
}

#[tokio::test]
async fn nothing_is_due_while_the_recipient_is_on_hold() {
    let house = House::open().await;
    house.commit(&[1], &[ONE]).await;
    drop(house.lease(ONE, 1).await);
    house.queue.hold(ONE, START_MS + 2000);
    house.queue.hold(ONE, START_MS + 1000);
    for advance_ms in [0, 1000, 999] {
        house.clock.advance(advance_ms);
        assert!(house.is_idle(ONE).await, "at {}", house.clock.now_ms() - START_MS);
    }
    house.clock.advance(1);
    house.lease(ONE, 1).await;
}

#[tokio::test]
async fn due_returns_when_the_retry_time_comes() {
    let house = House::open().await;
    house.commit(&[1], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 1).await;
    let retry = Fate::Retry { due_ms: START_MS + 1000 };
    soon(lease.settle(settlement(message(&leased), retry, false))).await.unwrap();
    let due = house.queue.due(ONE);
    tokio::pin!(due);
    let early = tokio::select! { biased; () = &mut due => true, () = async {} => false };
    assert!(!early);
    house.clock.advance(1000);
    soon(due).await;
    let (_, leased) = house.lease_fresh(ONE, 1).await;
    assert_eq!((leased[0].attempts, leased[0].first_ms), (1, Some(START_MS)));
}

#[tokio::test]
async fn a_release_is_told_what_the_service_calls_the_message_of_its_engage() {
    let house = House::open().await;
    let engage = house.alert(1, Action::Engage);
    let engaged = engage.id;
    house.commit_all(vec![engage], &[ONE, TWO]).await;
    for (recipient, name) in [(ONE, "m-1"), (TWO, "m-2")] {
        let (lease, leased) = house.lease_fresh(recipient, 1).await;
        let fate = Fate::Delivered { remote_id: Some(name.into()) };
        soon(lease.settle(settlement(message(&leased), fate, false))).await.unwrap();
    }
    let releases = vec![house.alert(1, Action::Release), house.alert(1, Action::Release)];
    let unknown = releases[1].id;
    house.commit_all(releases, &[ONE, TWO]).await;
    for (recipient, name) in [(ONE, "m-1"), (TWO, "m-2")] {
        let (lease, leased) = house.lease_fresh(recipient, 1).await;
        assert_eq!((leased[0].previous.as_deref(), leased[0].alert.episode), (Some(name), engaged));
        soon(lease.settle(settlement(message(&leased), delivered(), false))).await.unwrap();
        let (_, leased) = house.lease_fresh(recipient, 1).await;
        assert_eq!((leased[0].previous.as_deref(), leased[0].alert.episode), (None, unknown));
    }
}

#[tokio::test]
async fn a_lease_settles_its_own_deliveries_once_and_a_message_sent_again_as_a_whole() {
    let house = House::open().await;
    house.commit(&[1, 2], &[ONE]).await;
    let (lease, leased) = house.lease_fresh(ONE, 16).await;
    let whole = message(&leased);
    let mut uneven = settlement(whole.clone(), delivered(), false);
    uneven.fates.pop();
    assert!(matches!(soon(lease.settle(uneven)).await, Err(StoreError::Mismatched { .. })));
    let retry = Fate::Retry { due_ms: START_MS };
    soon(lease.settle(settlement(whole.clone(), retry, true))).await.unwrap();
    let second = soon(lease.settle(settlement(whole, delivered(), false))).await;
    assert!(matches!(second, Err(StoreError::NotLeased { .. })));

    let (lease, again, leased) = house.lease_again(ONE).await;
    let part = soon(lease.settle(settlement(message(&leased[..1]), delivered(), false))).await;
    assert!(matches!(part, Err(StoreError::NotWhole { .. })));
    lease.give_back(&[leased[0].id], None);
    let (_, same, _) = house.lease_again(ONE).await;
    assert_eq!(same, again);
}
