//! Tests and previews over the API: what they show is what is sent.

use campanile_tests::alerts::{host, native};
use campanile_tests::capture::{Capture, Reply};
use campanile_tests::client::Ask;
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

async fn post(engine: &Engine, path: &str, body: Value) -> Value {
    let answer = engine.call("POST", path, &body).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    answer.json()
}

async fn one_hook(capture: &Capture) -> Engine {
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let settings = json!({ "payload": "native", "max_alerts": 1 });
    let filter = json!({ "minimum_severity": "error" });
    site.recipient_of("ops", "hook", &settings, &filter).start().await
}

#[tokio::test]
async fn a_preview_of_a_stored_alert_is_byte_for_byte_what_was_sent() {
    let capture = Capture::answering([200]).await;
    let engine = one_hook(&capture).await;
    let accepted = engine.accepts(&native("disk full")).await;
    let sent = capture.sees(1).await[0].text();

    let shown =
        post(&engine, "/v1/preview", json!({ "alert": accepted[0], "recipient": "ops" })).await;

    assert_eq!(shown["messages"][0]["body"], sent.as_str());
    assert_eq!(shown["messages"][0]["alerts"], json!([0]));
    assert_eq!(capture.attempts(), 1, "a preview sends nothing");
}

#[tokio::test]
async fn a_preview_tells_each_decision_and_takes_settings_that_are_not_saved() {
    let capture = Capture::answering([200]).await;
    let engine = one_hook(&capture).await;
    let low =
        json!({ "title": "low", "severity": "info", "entity": { "kind": "host", "value": "a" } });

    let shown = post(&engine, "/v1/preview", json!({ "alerts": [low, native("high")] })).await;
    assert_eq!(shown["messages"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["left_out"][0]["alert"], 0);
    let decided: Vec<_> = shown["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["alert"].clone(), one["gets"].clone()))
        .collect();
    assert_eq!(decided, [(json!(0), json!(false)), (json!(1), json!(true))]);

    let unsaved = json!({
        "kind": "webhook", "endpoint_settings": { "url": "http://127.0.0.1:1/" },
        "recipient_settings": { "payload": "ntopng" }, "filter": { "minimum_severity": "none" },
        "producer": "ntopng", "alerts": "AS IT IS",
    });
    // What is quoted keeps its bytes, the order of its keys among them.
    let alert = host("192.0.2.1", "engage", 10);
    let unsaved = unsaved.to_string().replace("\"AS IT IS\"", &format!("[{alert}]"));
    let ask = Ask::post("/v1/preview", unsaved).bearing(&engine.admin_token);
    let shown = engine.ask(&ask).await.json();
    assert_eq!(shown["messages"][0]["recipient"], "unsaved", "{shown}");
    assert!(shown["messages"][0]["body"].as_str().unwrap().contains(&alert), "{shown}");
    // What is saved stays as it is.
    assert_eq!(engine.get("/v1/export").await.json()["recipient"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_test_probes_and_sends_one_alert_and_says_how_it_fared() {
    let capture = Capture::answering([Reply::from(200), Reply::from(200), Reply::from(403)]).await;
    let engine = one_hook(&capture).await;

    let probed = post(&engine, "/v1/test", json!({ "recipient": "ops", "send": false })).await;
    assert_eq!(probed["sent"], Value::Null, "{probed}");
    assert_ne!(probed["probe"]["certainty"], "failed", "{probed}");
    let sent = post(&engine, "/v1/test", json!({ "recipient": "ops" })).await;
    let outcome = sent["sent"]["outcome"].as_str().unwrap_or_default();
    assert!(["delivered", "misconfigured"].contains(&outcome), "{sent}");
    let requests = capture.requests();
    assert!(requests.iter().any(|one| one.text().contains("Sample alert")), "{requests:?}");

    let nobody = engine.call("POST", "/v1/test", &json!({ "recipient": "none" })).await;
    assert_eq!((nobody.status, nobody.json()["code"].clone()), (404, json!("not-found")));
    let unsaved =
        json!({ "kind": "webhook", "endpoint_settings": { "url": "http://127.0.0.1:1/" } });
    let refused = post(&engine, "/v1/test", unsaved).await;
    assert_eq!(
        (&refused["probe"]["certainty"], &refused["sent"]),
        (&json!("failed"), &Value::Null)
    );
    // None of it is in the record, and all of it in the audit log.
    assert_eq!(engine.deliveries(None).await, [] as [Value; 0]);
    let audit = engine.get("/v1/audit").await.json();
    let tests = audit["entries"].as_array().unwrap().iter().filter(|one| one["action"] == "test");
    assert_eq!(tests.count(), 4);
}

#[tokio::test]
async fn a_recipient_words_its_messages_itself_and_a_wrong_template_is_refused_where_it_stands() {
    let capture = Capture::answering([200, 200]).await;
    let engine = one_hook(&capture).await;
    let templates =
        |title: &str| json!({ "title": title, "text": "{{ entity.value }}: {{ text }}" });

    let asked = json!({
        "recipient": "ops", "alerts": [native("disk full")],
        "templates": templates("{{ severity|upper }}: {{ title }}"),
    });
    let shown = post(&engine, "/v1/preview", asked).await;
    let body = shown["messages"][0]["body"].as_str().unwrap().to_owned();
    assert!(body.contains(r#""title":"ERROR: disk full""#), "{body}");
    engine.accepts(&native("disk full")).await;
    let sent = capture.sees(1).await[0].text();
    assert!(sent.contains(r#""title":"disk full""#), "it was not saved: {sent}");

    let written = engine.get("/v1/recipients/ops").await;
    let mut recipient = json!({
        "endpoint": "hook", "settings": written.json()["settings"],
        "filter": written.json()["filter"], "templates": templates("{{ titel }}"),
    });
    let refused = engine.call("PUT", "/v1/recipients/ops", &recipient).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let problem = &refused.json()["errors"][0];
    assert_eq!(problem["place"], "templates.title", "{problem}");
    assert!(problem["expected"].as_str().unwrap().contains("there is no `titel`"), "{problem}");

    recipient["templates"] = templates("{{ severity|upper }}: {{ title }}");
    assert_eq!(engine.call("PUT", "/v1/recipients/ops", &recipient).await.status, 200);
    engine.accepts(&native("{{ id }}")).await;
    let sent = capture.sees(2).await[1].text();
    assert!(sent.contains(r#""title":"ERROR: {{ id }}""#), "{sent}");
    assert!(sent.contains(r#""text":"{{ id }}: written by a test""#), "{sent}");
    let exported = engine.get("/v1/export").await.json();
    assert_eq!(exported["recipient"]["ops"]["templates"], recipient["templates"]);
}
