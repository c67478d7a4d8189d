//! Kinds of endpoints against the real service, or against a reader that others made: what arrives
//! is read back and compared with what was sent.

use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::engine::Engine;
use campanile_tests::eventually;
use campanile_tests::site::Site;
use serde_json::{Value, json};

mod chats;
mod contracts;
mod elasticsearch;
mod email;
mod releases;
mod schemas;
mod syslog;
mod webhook;

/// Alerts that differ in what a service could stumble over.
fn alerts() -> Vec<Value> {
    let alert = |title: &str, text: &str, more: Value| {
        let mut alert = json!({
            "title": title, "text": text, "severity": "critical", "category": "system",
            "type": "disk_full", "entity": {"kind": "host", "value": "192.0.2.5"},
            "time": "2025-01-01T00:00:00.250Z",
        });
        let more = more.as_object().expect("an object").clone();
        alert.as_object_mut().expect("an object").extend(more);
        alert
    };
    vec![
        alert(
            "Disk full",
            "/var is at 97 %",
            json!({"link": "https://watch.example/alert/7?a=b&c=d"}),
        ),
        alert(
            "Gr\u{fc}\u{df}e \u{65e5}\u{672c} \u{1f600}",
            "caf\u{e9} \u{1f4a5} ok",
            json!({"severity": "warning"}),
        ),
        alert(
            HOSTILE_TITLE,
            HOSTILE_TEXT,
            json!({"labels": {"a\"]b=": "v\"]\\\n<x>"}, "link": "https://watch.example/?q=]"}),
        ),
        alert(
            "Long",
            &"0123456789abcdef \u{1f4a5}\u{e9}<&>\"'\n".repeat(LINES),
            json!({"severity": "notice"}),
        ),
    ]
}

/// Of the long text: 16,384 characters are the most that an alert may have.
const LINES: usize = 600;

/// Markup, mentions, an encoded word, a header, another message, structured data, a link. The
/// alert's own link would end an element of structured data, and is no URI.
const HOSTILE_TITLE: &str =
    "<b>&amp;</b> @everyone <!channel> *x* _y_ ~z~ `q` =?utf-8?q?=41?= ]\"\\ \u{202e}gnp";
const HOSTILE_TEXT: &str = "one\r\nBcc: evil@mail.test\r\n\r\n.\r\nQUIT\n<113>1 2025-01-01T00:00:00Z evil evil - - - two\u{1}\u{7f}\n<a href=\"javascript:x\">[t](https://evil.example) <https://evil.example|t></a> **b** ||s|| <at>all</at> {{7*7}}";

/// Sends one alert; `outcome: code` of its attempts.
async fn sends(engine: &Engine, alert: &Value) -> (String, String) {
    let id = engine.accepts(alert).await.swap_remove(0);
    let record = engine.record_of(&id).await.join(", ");
    (id, record)
}

/// Sends every alert, the beginning and the end of one, and a flow to each of these setups; none is
/// refused on the way. What the service was asked, in order.
async fn takes(
    kind: &str,
    rule: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    setups: impl Fn(&str) -> Vec<(Value, Value)>,
) -> Vec<Request> {
    let service = Capture::deciding(rule).await;
    let origin = format!("http://{}", service.address());
    let mut site = Site::new().await;
    for (number, (endpoint, recipient)) in setups(&origin).iter().enumerate() {
        let name = format!("{kind}-{number}");
        site = site.endpoint(&name, kind, endpoint).recipient(&name, &name, recipient);
    }
    let engine = site.start().await;
    // One after the other, so that none shares a message with another.
    for alert in alerts() {
        let id = engine.accepts(&alert).await.swap_remove(0);
        is_taken(&engine, &id).await;
    }
    let of_ntopng = [
        campanile_tests::alerts::host("192.0.2.7", "engage", 100),
        campanile_tests::alerts::host("192.0.2.7", "release", 100),
        campanile_tests::alerts::flow(7),
    ];
    for alert in of_ntopng {
        let id = engine.accepts_ntopng([alert]).await.swap_remove(0);
        is_taken(&engine, &id).await;
    }
    service.requests()
}

/// Waits until all deliveries of an alert have ended: each was taken at once.
async fn is_taken(engine: &Engine, alert: &str) {
    let what = format!("alert {alert} ends");
    let ended = eventually(&what, || async {
        let found = engine.deliveries_of(alert).await;
        let is_over = !found.is_empty() && found.iter().all(|one| one["state"] != "pending");
        is_over.then_some(found)
    });
    for delivery in ended.await {
        let attempts = engine.attempts(delivery["id"].as_str().expect("an id")).await;
        let is_taken = attempts.len() == 1 && attempts[0]["outcome"] == "delivered";
        assert!(is_taken, "{attempts:#?}");
    }
}

/// How sure a probe of the recipient `ops` is that all works, and what it says.
async fn probes(engine: &Engine) -> (String, Value) {
    let ask = json!({"recipient": "ops", "send": false});
    let answer = engine.call("POST", "/v1/test", &ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = answer.json();
    (found["probe"]["certainty"].as_str().unwrap_or_default().to_owned(), found)
}
