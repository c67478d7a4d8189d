//! Calls that the wall clock ends in the middle leave nothing behind.

use campanile_tests::alerts::native;
use campanile_tests::capture::{Capture, Reply};
use campanile_tests::engine::Engine;
use campanile_tests::eventually;
use campanile_tests::site::Site;
use serde_json::{Value, json};

/// Deliveries, over all recipients.
const DELIVERIES: usize = 2_000;

#[tokio::test]
async fn thousands_of_calls_that_are_dropped_in_the_middle_leave_the_engine_as_it_was() {
    const GROWTH_MAX: u64 = 16 << 20;
    // Where a call stands when its time is over, and what is recorded.
    const RECIPIENTS: [(&str, &[&str]); 4] = [
        // It waits for an answer, and may hear in time that none came; or it waits to connect.
        (
            "hook",
            &["uncertain: no-answer", "uncertain: wall-limit", "unavailable: connect-timeout"],
        ),
        // It waits by itself.
        ("sleep", &["fault: wall-limit"]),
        // It asks again as soon as it is told; on a busy machine it did not get to ask at all.
        ("loop-with-http", &["uncertain: wall-limit", "fault: wall-limit"]),
        // It computes, and takes turns with those that do too.
        ("loop", &["fault: wall-limit", "fault: cpu-limit"]),
    ];
    const ROUNDS: usize = 5;
    let hangs = Capture::deciding(|_| Reply::Hang).await;
    let mut site = Site::new()
        .await
        .set("limits.call_wall_ms", "20")
        .set("limits.call_cpu_ms", "20")
        .set("retry.attempts_max", "1")
        .set("retry.first_ms", "1")
        .set("retry.max_ms", "1");
    for (name, _) in RECIPIENTS {
        let settings = json!({"url": hangs.url(), "attack": name});
        site = match name {
            "hook" => site.endpoint(name, "webhook", &json!({"url": hangs.url()})),
            _ => site.endpoint(name, "hostile", &settings),
        };
        let settings = if name == "hook" { json!({"max_alerts": 1}) } else { json!({}) };
        site = site.recipient(name, name, &settings);
    }
    let engine = site.start().await;

    let idle = engine.descriptors();
    let mut resident = Vec::new();
    for round in 0..ROUNDS {
        let count = DELIVERIES / RECIPIENTS.len() / ROUNDS;
        let alerts: Vec<Value> = (0..count).map(|at| native(&format!("{round}/{at}"))).collect();
        engine.accepts(&json!(alerts)).await;
        eventually("all calls end", || async {
            engine.deliveries(Some("pending")).await.is_empty().then_some(())
        })
        .await;
        resident.push(engine.memory().now);
        check(&engine, &RECIPIENTS).await;
    }

    eventually("as many files are open as before", || async {
        (engine.descriptors() <= idle).then_some(())
    })
    .await;
    // The first rounds fill pools and caches.
    let growth = resident[ROUNDS - 1].saturating_sub(resident[1]);
    assert!(growth <= GROWTH_MAX, "{growth} bytes more: {resident:?}");
    assert!(hangs.attempts() >= DELIVERIES / 4, "{}", hangs.attempts());
    assert_eq!(engine.terminate().await.code(), Some(0), "{}", site.log());
}

/// What is recorded of each delivery.
async fn check(engine: &Engine, expected: &[(&str, &[&str])]) {
    for delivery in engine.deliveries(None).await {
        let name = &delivery["recipient"];
        let (_, expected) = expected.iter().find(|(one, _)| name == one).expect("a recipient");
        let word = |name: &str| delivery["last"][name].as_str().unwrap_or("?").to_owned();
        let record = format!("{}: {}", word("outcome"), word("code"));
        assert!(expected.contains(&&*record), "{record}, expected one of {expected:?}: {delivery}");
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("dead"), &json!(1)));
    }
}
