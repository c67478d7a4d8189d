//! What kinds tell the engine beside their verdicts, and the engine acts on: published limits, and
//! settings that a service renamed.

use std::time::{Duration, Instant};

use campanile_tests::alerts::native;
use campanile_tests::capture::{Capture, Reply};
use campanile_tests::site::Site;
use serde_json::{Value, json};

/// Slack takes one message a second from an endpoint.
#[tokio::test]
async fn messages_keep_the_pace_that_a_kind_tells_over_all_recipients_of_an_endpoint() {
    let capture = Capture::answering((0..3).map(|_| Reply::text(200, "ok"))).await;
    let settings = json!({ "webhook_url": format!("{}services/T0/B0/x", capture.url()) });
    let site = Site::new().await.endpoint("slack", "slack", &settings);
    let site = site.recipient("ops", "slack", &json!({})).recipient("soc", "slack", &json!({}));
    let engine = site.start().await;
    let begun = Instant::now();
    engine.accepts(&native("disk full")).await;
    capture.sees(2).await;
    let second = begun.elapsed();
    engine.accepts(&native("disk empty")).await;
    capture.sees(3).await;
    assert!(second >= Duration::from_millis(900), "the second came after {second:?}");
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "after {:?}", begun.elapsed());
}

/// A group of Telegram that became a supergroup has another id.
#[tokio::test]
async fn a_setting_that_a_service_renamed_is_corrected_once_and_audited() {
    let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}"#;
    let sent = r#"{"ok":true,"result":{"message_id":7,"chat":{"id":-1001}}}"#;
    let again = moved.replace("-1001", "-1002");
    let answers = [(400, moved), (200, sent), (400, again.as_str()), (200, sent), (200, sent)];
    let capture = Capture::answering(answers.map(|(status, body)| Reply::text(status, body))).await;
    let endpoint = json!({
        "bot_token": "123456789:AAabcdefghijklmnopqrstuvwxyz_012345",
        "api_base": capture.url().trim_end_matches('/').trim_end_matches("/hook"),
    });
    let site = Site::new().await.endpoint("telegram", "telegram", &endpoint);
    let engine = site.recipient("ops", "telegram", &json!({ "chat_id": -7 })).start().await;
    let chat =
        async || engine.get("/v1/recipients/ops").await.json()["settings"]["chat_id"].clone();

    let first = engine.accepts(&native("disk full")).await;
    engine.reaches(&first[0], "delivered").await;
    let corrected = campanile_tests::eventually("the chat is corrected", async || {
        let id = chat().await;
        (id != json!(-7)).then_some(id)
    });
    assert_eq!(corrected.await, json!(-1001));
    // The service goes on renaming: the message arrives, the setting waits for its minute.
    let second = engine.accepts(&native("disk empty")).await;
    engine.reaches(&second[0], "delivered").await;
    let third = engine.accepts(&native("disk gone")).await;
    engine.reaches(&third[0], "delivered").await;
    assert_eq!(chat().await, json!(-1001));
    let asked: Vec<Value> = capture
        .requests()
        .iter()
        .map(|one| serde_json::from_str::<Value>(&one.text()).unwrap()["chat_id"].clone())
        .collect();
    assert_eq!(asked, [-7, -1001, -1001, -1002, -1001].map(Value::from));
    let audit = engine.get("/v1/audit").await.json();
    let entries = audit["entries"].as_array().unwrap().iter();
    let corrections: Vec<_> = entries
        .filter(|one| one["source"].as_str().is_some_and(|from| from.contains("correction")))
        .collect();
    assert_eq!(corrections.len(), 1, "{audit}");
}
