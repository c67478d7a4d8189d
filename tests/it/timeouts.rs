//! Calls that the wall clock ends in the middle leave nothing behind.

use std::collections::BTreeSet;

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
    // Where a call stands when its time is over, and what is recorded of most.
    const RECIPIENTS: [(&str, &str); 4] = [
        // It waits for an answer, and hears in time that none came.
        ("hook", "uncertain: no-answer"),
        // It waits by itself.
        ("sleep", "fault: wall-limit"),
        // It asks again as soon as it is told.
        ("loop-with-http", "uncertain: wall-limit"),
        // It computes, and takes turns with those that do too.
        ("loop", "fault: wall-limit"),
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
    let mut seen = BTreeSet::new();
    for round in 0..ROUNDS {
        let count = DELIVERIES / RECIPIENTS.len() / ROUNDS;
        let alerts: Vec<Value> = (0..count).map(|at| native(&format!("{round}/{at}"))).collect();
        engine.accepts(&json!(alerts)).await;
        eventually("all calls end", || async {
            engine.deliveries(Some("pending")).await.is_empty().then_some(())
        })
        .await;
        resident.push(engine.memory().now);
        seen.append(&mut records(&engine).await);
    }

    for (name, record) in RECIPIENTS {
        assert!(seen.contains(&(name.to_owned(), record.to_owned())), "{name}: {seen:?}");
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

/// Recipient and record of each delivery; all of them ran out of time.
async fn records(engine: &Engine) -> BTreeSet<(String, String)> {
    // 20 ms are little on a busy machine: a call may not get far in them.
    const TIMED_OUT: [&str; 4] = ["no-answer", "wall-limit", "cpu-limit", "connect-timeout"];
    let word = |of: &Value, name: &str| of[name].as_str().unwrap_or("?").to_owned();
    let mut records = BTreeSet::new();
    for delivery in engine.deliveries(None).await {
        let last = &delivery["last"];
        let code = word(last, "code");
        assert!(TIMED_OUT.contains(&&*code), "{delivery}");
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("dead"), &json!(1)));
        let record = format!("{}: {code}", word(last, "outcome"));
        records.insert((word(&delivery, "recipient"), record));
    }
    records
}
