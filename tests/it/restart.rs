//! What is owed outlives the process, however it ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use campanile_tests::alerts::native;
use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::site::Site;
use serde_json::json;

use crate::path::webhook_at;

#[tokio::test]
async fn a_delivery_survives_a_restart_and_arrives_once_the_service_is_back() {
    let capture = Capture::answering([503, 200]).await;
    // The second try is not due before the first process is gone.
    let site = webhook_at(&capture).await.set("retry.first_ms", "2000").set("retry.max_ms", "2000");
    let engine = site.start().await;
    let accepted = engine.accepts(&native("disk full on db-1")).await;
    campanile_tests::eventually("the first try is recorded", || async {
        let found = engine.deliveries_of(&accepted[0]).await;
        (found[0]["attempts"] == 1).then_some(())
    })
    .await;

    engine.kill().await;
    let engine = site.start().await;

    assert_eq!(engine.record_of(&accepted[0]).await, ["unavailable: 503", "delivered: 200"]);
    let requests = capture.sees(2).await;
    assert_eq!(requests[0].webhook_id(), requests[1].webhook_id());
    assert_eq!(requests[0].body, requests[1].body);
}

#[tokio::test]
async fn an_engine_without_recipients_runs_takes_alerts_in_and_stops_when_told() {
    let site = Site::new().await;
    let engine = site.start().await;
    assert_eq!(engine.accepts(&native("nobody asked")).await.len(), 1);
    assert_eq!(engine.get("/readyz").await.status, 200);
    let ended = engine.terminate().await;
    assert_eq!(ended.code(), Some(0), "{}", site.log());
}

#[tokio::test]
async fn what_is_owed_to_a_recipient_that_is_removed_after_a_crash_ends_as_dead() {
    // What is in flight when it is removed ends first.
    let capture = Capture::deciding(|_| Reply::Hang).await;
    let site = webhook_at(&capture).await;
    let engine = site.start().await;
    engine.accepts(&native("left behind")).await;
    capture.sees(1).await;
    engine.kill().await;

    let site = site.without_recipients();
    let engine = site.start().await;
    let dead = campanile_tests::eventually("it is dead", || async {
        engine.deliveries(Some("dead")).await.into_iter().next()
    })
    .await;
    assert_eq!(dead["cause"], "recipient-removed", "{dead}");
    assert_eq!(engine.deliveries(Some("pending")).await.len(), 0);
}

#[tokio::test]
async fn sigterm_lets_what_is_in_flight_end_and_records_it() {
    let pace = Duration::from_millis(100);
    let slow = Reply::Slow { status: 200, body: b"taken".to_vec(), pace };
    let capture = Capture::answering([slow]).await;
    let site = webhook_at(&capture).await;
    let engine = site.start().await;
    let accepted = engine.accepts(&native("in flight")).await;
    capture.sees(1).await;

    let ended = engine.terminate().await;

    assert_eq!(ended.code(), Some(0), "{}", site.log());
    let engine = site.start().await;
    assert_eq!(engine.record_of(&accepted[0]).await, ["delivered: 200"]);
    assert_eq!(capture.count(), 1);
}

#[tokio::test]
async fn sigterm_ends_within_its_deadline_though_the_service_holds_requests_and_none_is_lost() {
    const DRAIN: Duration = Duration::from_millis(300);
    const ALERTS: usize = 100;
    let slow = Reply::Slow { status: 200, body: vec![b'x'; 600], pace: Duration::from_millis(100) };
    for reply in [Reply::Hang, slow] {
        let holds = Arc::new(AtomicBool::new(true));
        let rule = (Arc::clone(&holds), reply.clone());
        let capture = Capture::deciding(move |_| {
            if rule.0.load(Ordering::SeqCst) { rule.1.clone() } else { 200.into() }
        });
        let capture = capture.await;
        let hook = json!({"url": capture.url(), "timeout_ms": 30_000});
        let site = Site::new().await.set("dispatch.drain_ms", &DRAIN.as_millis().to_string());
        let site = site.endpoint("hook", "webhook", &hook).recipient(
            "ops",
            "hook",
            &json!({"payload": "native", "max_alerts": 1}),
        );
        let engine = site.start().await;
        let alerts: Vec<_> = (0..ALERTS).map(|at| native(&format!("db-{at}"))).collect();
        let accepted = engine.accepts(&json!(alerts)).await;
        capture.sees(2).await;

        let begun = Instant::now();
        let ended = engine.terminate().await;

        let took = begun.elapsed();
        assert!(took <= DRAIN + Duration::from_secs(1), "{reply:?}: {took:?}");
        assert_eq!(ended.code(), Some(0), "{reply:?}: {}", site.log());
        capture.falls_silent().await;
        let held = capture.count();
        holds.store(false, Ordering::SeqCst);
        let engine = site.start().await;
        for id in &accepted {
            engine.reaches(id, "delivered").await;
        }
        // The held ones come again, as the same messages; the others come once.
        let requests = capture.requests();
        assert_eq!(requests.len(), ALERTS + held, "{reply:?}: {held} were held");
        let ids: BTreeSet<_> = requests[held..].iter().map(Request::webhook_id).collect();
        assert_eq!(ids.len(), ALERTS, "{reply:?}");
        for held in &requests[..held] {
            assert!(ids.contains(held.webhook_id()), "{reply:?}: {}", held.webhook_id());
        }
    }
}
