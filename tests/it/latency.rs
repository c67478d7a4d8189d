//! What looping guests do to everyone else on the engine's runtime.

use std::time::{Duration, Instant};

use campanile_tests::capture::Capture;
use campanile_tests::client::{Ask, Client};
use campanile_tests::site::Site;
use serde_json::{Value, json};

#[tokio::test]
async fn a_round_trip_keeps_its_p99_under_5_ms_while_two_guests_loop() {
    const PROBES: usize = 2_000;
    const IN_FLIGHT: &str = "campanile_queue_leased";
    let capture = Capture::answering([200]).await;
    let settings = json!({"url": capture.url(), "attack": "loop"});
    let mut site =
        Site::alone().await.set("limits.call_cpu_ms", "200").set("retry.attempts_max", "1");
    for name in ["one", "two"] {
        site = site.endpoint(name, "hostile", &settings).recipient(name, name, &json!({}));
    }
    let engine = site.start().await;
    let ask = Ask::get("/healthz").bearing(&engine.admin_token);
    // Enough for both to loop without a pause until all probes are through.
    let alerts: Vec<Value> =
        (0..400).map(|at| json!({"title": "spin", "fingerprint": format!("{at}")})).collect();
    let accepted = engine.accepts(&json!(alerts)).await;
    campanile_tests::eventually("both loop", || async {
        (engine.metric(IN_FLIGHT).await >= 2.0).then_some(())
    })
    .await;

    let mut client = Client::connect(engine.address()).await.unwrap();
    let mut took = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let sent = Instant::now();
        assert_eq!(client.send(&ask).await.unwrap().status, 200);
        took.push(sent.elapsed());
    }

    // They looped from the first probe to the last, and for all of their budget.
    assert!(engine.metric(IN_FLIGHT).await >= 2.0, "the guests ran out of alerts");
    assert_eq!(engine.record_of(&accepted[0]).await, ["fault: cpu-limit"]);
    took.sort();
    let p99 = took[PROBES * 99 / 100];
    assert!(
        p99 < Duration::from_millis(5),
        "p99 {p99:?}, p50 {:?}, most {:?}",
        took[PROBES / 2],
        took[PROBES - 1]
    );
}
