//! The path of an alert, from its sender to the service.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use campanile_tests::alerts::{envelope, host, native};
use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::client::Ask;
use campanile_tests::site::Site;
use serde_json::{Value, json};

/// A site with one webhook, one alert a message.
pub(crate) async fn webhook_at(capture: &Capture) -> Site {
    webhook_with(capture, &json!({"max_alerts": 1})).await
}

async fn webhook_with(capture: &Capture, recipient: &Value) -> Site {
    let endpoint = json!({"url": capture.url(), "timeout_ms": 1000});
    Site::new().await.endpoint("hook", "webhook", &endpoint).recipient("ops", "hook", recipient)
}

fn native_payload() -> Value {
    json!({"payload": "native", "max_alerts": 1})
}

/// The ids of the alerts in native payloads, in the order of arrival.
fn ids(requests: &[Request]) -> Vec<String> {
    let alerts = requests.iter().flat_map(Request::alerts);
    alerts.map(|alert| alert["id"].as_str().expect("native alerts have ids").to_owned()).collect()
}

#[tokio::test]
async fn ntopng_alerts_arrive_in_ntopngs_own_envelope_byte_for_byte() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_with(&capture, &json!({})).await.start().await;
    let sent = [host("192.0.2.1", "engage", 100), host("192.0.2.2", "store", 50)];

    let accepted = engine.accepts_ntopng(&sent).await;

    assert_eq!(accepted.len(), 2);
    for id in &accepted {
        engine.reaches(id, "delivered").await;
    }
    let requests = capture.requests();
    let came: Vec<_> = requests.iter().flat_map(Request::alerts).collect();
    assert_eq!(came.len(), 2, "{came:?}");
    let text: String = requests.iter().map(Request::text).collect();
    for alert in &sent {
        assert!(text.contains(alert), "{alert} is not in {text}");
    }
    for request in &requests {
        assert_eq!(request.head.line, "POST /hook HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.json()["version"], "0.2");
        assert!(request.webhook_id().starts_with("msg_") && !request.webhook_id().contains('.'));
        assert!(request.header("webhook-timestamp").is_some_and(|it| it.parse::<u64>().is_ok()));
        assert!(request.header("user-agent").is_some_and(|it| it.starts_with("campanile/")));
    }
}

#[tokio::test]
async fn native_alerts_arrive_in_the_engines_own_shape() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_with(&capture, &native_payload()).await.start().await;

    let accepted = engine.accepts(&native("disk full on db-1")).await;

    let requests = capture.sees(1).await;
    let alert = &requests[0].alerts()[0];
    assert_eq!(alert["id"], accepted[0].as_str());
    assert_eq!(alert["title"], "disk full on db-1");
    assert_eq!((&alert["severity"], &alert["category"]), (&json!("error"), &json!("system")));
    assert_eq!(alert["action"], "store");
}

#[tokio::test]
async fn the_same_batch_again_is_answered_as_before_and_goes_out_once() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_with(&capture, &native_payload()).await.start().await;
    let body = json!([native("a"), native("b")]).to_string();

    let first = engine.post("/v1/alerts", body.clone()).await;
    let again = engine.post("/v1/alerts", body).await;
    let ntopng = envelope([host("192.0.2.1", "store", 100)]);
    let first_ntopng = engine.post("/v1/ingest/ntopng", ntopng.clone()).await;
    let again_ntopng = engine.post("/v1/ingest/ntopng", ntopng).await;

    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first_ntopng.body, again_ntopng.body);
    assert_eq!(first.head.header("idempotency-replayed"), None);
    assert_eq!(again.head.header("idempotency-replayed"), Some("true"));
    let accepted =
        [first, first_ntopng].map(|answer| campanile_tests::engine::accepted(&answer)).concat();
    for id in &accepted {
        assert_eq!(engine.record_of(id).await.len(), 1, "attempts of {id}");
    }
    assert_eq!(engine.deliveries(None).await.len(), 3);
    let arrived: BTreeSet<_> = ids(&capture.requests()).into_iter().collect();
    assert_eq!((capture.count(), arrived), (3, accepted.into_iter().collect()));
}

#[tokio::test]
async fn the_same_batch_under_keys_of_its_own_is_a_new_batch_each_time() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let body = native("again").to_string();
    for key in ["one", "two"] {
        let ask = Ask::post("/v1/alerts", body.clone()).with("Idempotency-Key", key);
        assert_eq!(engine.ask(&ask.bearing(&engine.ingest_token)).await.status, 200, "key {key}");
    }
    capture.sees(2).await;
}

#[tokio::test]
async fn a_retry_carries_the_id_and_the_bytes_of_the_first_try() {
    let capture = Capture::answering([503, 500, 200]).await;
    let engine = webhook_at(&capture).await.start().await;

    let accepted = engine.accepts(&native("disk full on db-1")).await;

    let record = engine.record_of(&accepted[0]).await;
    assert_eq!(record, ["unavailable: 503", "unavailable: 500", "delivered: 200"]);
    let requests = capture.sees(3).await;
    for again in &requests[1..] {
        assert_eq!(again.webhook_id(), requests[0].webhook_id());
        assert_eq!(again.body, requests[0].body);
    }
    assert_eq!(capture.count(), 3);
}

#[tokio::test]
async fn a_service_that_says_not_before_is_not_asked_before() {
    let capture = Capture::answering([Reply::later(1), Reply::from(200)]).await;
    let engine = webhook_at(&capture).await.start().await;

    let accepted = engine.accepts(&native("too many")).await;

    let requests = capture.sees(2).await;
    let waited = requests[1].arrived - requests[0].arrived;
    assert!(waited >= Duration::from_secs(1), "asked again after {waited:?}");
    assert_eq!(engine.record_of(&accepted[0]).await, ["rate-limited: 429", "delivered: 200"]);
}

#[tokio::test]
async fn a_try_without_a_whole_answer_is_uncertain_and_sent_again_as_the_same_message() {
    let cut = Reply::Cut { status: 200, promised: 10, body: b"ok".to_vec() };
    for fault in [Reply::Reset, Reply::ResetUnread, Reply::Hang, cut] {
        let capture = Capture::answering([fault.clone(), 200.into()]).await;
        let engine = webhook_at(&capture).await.start().await;

        let accepted = engine.accepts(&native("did it arrive?")).await;

        let record = engine.record_of(&accepted[0]).await;
        assert_eq!(record.len(), 2, "{fault:?}: {record:?}");
        assert!(record[0].starts_with("uncertain: "), "{fault:?}: {record:?}");
        assert_eq!(record[1], "delivered: 200", "{fault:?}");
        let requests = capture.requests();
        let last = requests.last().expect("the second try");
        for one in &requests {
            assert_eq!((one.webhook_id(), &one.body), (last.webhook_id(), &last.body), "{fault:?}");
        }
        assert_eq!(capture.attempts(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_in_words_with_status_200_counts_as_the_service_says_it() {
    // A plain webhook has no words for refusal: 2xx is delivered, whatever the body says.
    let capture = Capture::answering([Reply::text(200, r#"{"error":"no such room"}"#)]).await;
    let engine = webhook_at(&capture).await.start().await;
    let accepted = engine.accepts(&native("read the body?")).await;
    assert_eq!(engine.record_of(&accepted[0]).await, ["delivered: 200"]);
}

#[tokio::test]
async fn after_the_last_try_a_delivery_is_dead_and_kept_over_a_restart() {
    let capture = Capture::deciding(|_| 503.into()).await;
    let site = webhook_at(&capture).await.set("retry.attempts_max", "3");
    let engine = site.start().await;
    let accepted = engine.accepts(&native("nobody listens")).await;

    let dead = engine.reaches(&accepted[0], "dead").await;

    assert_eq!((&dead["attempts"], &dead["recipient"]), (&json!(3), &json!("ops")));
    assert_eq!((&dead["last"]["code"], &dead["last"]["status"]), (&json!("503"), &json!(503)));
    engine.kill().await;
    let engine = site.start().await;
    let kept = engine.deliveries(Some("dead")).await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(engine.record_of(&accepted[0]).await, ["unavailable: 503"; 3]);
    assert_eq!(capture.count(), 3);
}

#[tokio::test]
async fn a_release_waits_for_its_engage_though_others_pass() {
    let refusals = std::sync::atomic::AtomicU32::new(2);
    let capture = Capture::deciding(move |request| {
        use std::sync::atomic::Ordering::Relaxed;
        let engages = request.text().contains(r#""action":"engage""#);
        let refuses =
            refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(u32::from(engages)));
        if engages && refuses.is_ok() { 503 } else { 200 }.into()
    })
    .await;
    let engine = webhook_at(&capture).await.start().await;
    let other = host("192.0.2.99", "store", 100);
    let batch = [host("192.0.2.1", "engage", 100), host("192.0.2.1", "release", 100), other];

    let accepted = engine.accepts_ntopng(&batch).await;
    for id in &accepted {
        engine.reaches(id, "delivered").await;
    }

    let arrived: Vec<_> = capture.requests().iter().flat_map(Request::alerts).collect();
    let same: Vec<_> =
        arrived.iter().filter(|one| one["ip"] == "192.0.2.1").map(|one| &one["action"]).collect();
    assert_eq!(same, ["engage", "engage", "engage", "release"]);
    assert!(arrived.iter().any(|one| one["ip"] == "192.0.2.99"));
}

#[tokio::test]
async fn a_recipient_gets_what_its_severity_and_categories_let_through() {
    let capture = Capture::answering([200]).await;
    let everything = Capture::answering([200]).await;
    let filter = &json!({ "minimum_severity": "error", "categories": ["security", "system"] });
    let site = Site::new()
        .await
        .endpoint("hook", "webhook", &json!({"url": capture.url()}))
        .endpoint("all", "webhook", &json!({"url": everything.url()}))
        .recipient_of("strict", "hook", &native_payload(), filter)
        .recipient("all", "all", &native_payload());
    let engine = site.start().await;
    let table = [
        // title, severity, category, whether the strict one gets it
        ("error in system", "error", "system", true),
        ("critical in security", "critical", "security", true),
        ("warning in system", "warning", "system", false),
        ("error in network", "error", "network", false),
        ("debug in network", "debug", "network", false),
    ];
    let batch = table.map(|(title, severity, category, _)| {
        json!({"title": title, "severity": severity, "category": category})
    });

    let accepted = engine.accepts(&json!(batch)).await;
    for id in &accepted {
        engine.reaches(id, "delivered").await;
    }

    let titles = |capture: &Capture| -> BTreeSet<String> {
        let alerts = capture.requests().iter().flat_map(Request::alerts).collect::<Vec<_>>();
        alerts.iter().map(|alert| alert["title"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(titles(&everything).len(), table.len());
    let expected = table.iter().filter(|row| row.3).map(|row| row.0.to_owned()).collect();
    assert_eq!(titles(&capture), expected);
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await;
    let engine = site.start().await;

    let (code, said) = site.refused().await;

    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("in use"), "{said}");
    let accepted = engine.accepts(&native("still here")).await;
    engine.reaches(&accepted[0], "delivered").await;
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    // Where SQLite keeps `user_version`: big-endian, in the header of the file.
    const USER_VERSION_AT: u64 = 60;
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await;
    site.start().await.terminate().await;
    let path = site.data().join("campanile.db");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&9_999_u32.to_be_bytes(), USER_VERSION_AT).unwrap();
    let before = fs::read(&path).unwrap();

    let (code, said) = site.refused().await;

    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("9999"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
}
