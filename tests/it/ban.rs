//! An origin near a ban: who caused it is stopped, everybody else is slowed, the operator is told.

use std::time::Duration;

use campanile_tests::capture::{Capture, Reply};
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

/// Two endpoints at one origin: `bad` is refused, and its component calls that a matter of the
/// message; `good` is not.
async fn two_at(capture: &Capture) -> Site {
    let mut site =
        Site::new().await.set("guard.refusals_slow", "2").set("guard.refusals_stop", "3");
    for name in ["bad", "good"] {
        let url = format!("http://{}/{name}", capture.address());
        let filter = json!({ "minimum_severity": "none", "categories": [name] });
        site = site.endpoint(name, "hostile", &json!({ "url": url })).recipient_of(
            name,
            name,
            &json!({}),
            &filter,
        );
    }
    site
}

async fn tell(engine: &Engine, category: &str, serial: u32) -> String {
    let title = format!("{category} {serial}");
    let alert = json!({
        "title": title, "category": category, "severity": "error", "fingerprint": title,
        "time": 1_790_000_000_000_u64,
    });
    engine.accepts(&alert).await.swap_remove(0)
}

#[tokio::test]
async fn near_a_ban_only_the_endpoint_that_caused_it_is_stopped() {
    let capture = Capture::deciding(|request| match request.head.line.contains("/bad") {
        true => Reply::from(401),
        false => Reply::from(200),
    })
    .await;
    let engine = two_at(&capture).await.start().await;
    for serial in 0..3 {
        let alert = tell(&engine, "bad", serial).await;
        assert_eq!(engine.record_of(&alert).await, ["rejected: 401"], "{serial}");
    }

    let held = tell(&engine, "bad", 3).await;
    let mut arrived = Vec::new();
    for serial in 0..4 {
        let alert = tell(&engine, "good", serial).await;
        engine.reaches(&alert, "delivered").await;
        arrived.push(capture.requests().last().unwrap().arrived);
    }

    // The first shows where it goes; from then on once a second.
    let gaps: Vec<_> = arrived.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[1..].iter().all(|gap| *gap > Duration::from_millis(800)), "{gaps:?}");
    let came =
        |name: &str| capture.requests().iter().filter(|one| one.head.line.contains(name)).count();
    assert_eq!((came("/bad"), came("/good")), (3, 4));
    assert_eq!(engine.deliveries_of(&held).await[0]["state"], "pending");
    told_to_the_operator(&engine, &capture).await;
}

async fn told_to_the_operator(engine: &Engine, capture: &Capture) {
    let audit = engine.get("/v1/audit").await.json();
    let entries = audit["entries"].as_array().unwrap().iter().rev();
    let guard: Vec<_> = entries.filter(|one| one["action"] == "guard").collect();
    let levels: Vec<_> = guard.iter().map(|one| &one["detail"]["level"]).collect();
    assert_eq!(levels, ["slowing", "stopping"]);
    assert_eq!(guard[1]["object"], format!("origin http://{}", capture.address()));
    assert_eq!(guard[1]["detail"]["refusals"], 3);
    assert_eq!(guard[1]["detail"]["causes"].as_array().map(Vec::len), Some(1), "{guard:?}");
    assert_ne!(guard[1]["detail"]["causes"][0]["endpoint"], Value::Null);
    let metrics = engine.get("/metrics").await.text();
    assert!(metrics.contains("campanile_guard_held_total{state=\"slowing\"}"), "{metrics}");
}
