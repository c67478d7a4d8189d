//! What is over refers to what told of its beginning, by the name that the service gave to that: what
//! the engine has kept of one delivery comes back in another.

use std::hash::{DefaultHasher, Hasher as _};

use campanile_tests::capture::{Reply, Request};
use serde_json::{Value, json};

use super::takes;

/// What a service calls what it was sent.
fn name(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(&request.body);
    hasher.finish() % 1_000_000_000
}

/// What a recipient was told of the beginning and of the end of one alert, and what the service
/// called the former.
async fn told(
    kind: &str,
    (endpoint, recipient): (impl Fn(&str) -> Value, Value),
    says: impl Fn(u64) -> Value + Send + Sync + 'static,
) -> (Request, Request, u64) {
    let rule = move |request: &Request| {
        Reply::text(200, &says(name(request)).to_string()).with("content-type", "application/json")
    };
    let asked = takes(kind, rule, |origin| vec![(endpoint(origin), recipient.clone())]).await;
    let mut about = asked.into_iter().filter(|one| one.text().contains("192.0.2.7"));
    let (began, over) = (about.next().expect("a beginning"), about.next().expect("an end"));
    assert!(over.text().contains("RESOLVED"), "{}", over.text());
    let name = name(&began);
    (began, over, name)
}

#[tokio::test]
async fn slack_is_told_in_the_thread_of_the_beginning_or_by_a_change_of_it() {
    let endpoint =
        |url: &str| json!({"mode": "bot", "bot_token": "xoxb-1234567890-abc", "api_base": url});
    for (way, method, field) in
        [("thread", "chat.postMessage", "thread_ts"), ("update", "chat.update", "ts")]
    {
        let setup = (endpoint, json!({"channel": "#ops", "on_release": way}));
        let says = |name| json!({"ok": true, "channel": "C99", "ts": format!("{name}.000100")});
        let (began, over, name) = told("slack", setup, says).await;
        assert_eq!(began.json()["channel"], "#ops", "{way}");
        assert!(over.head.line.contains(&format!("/{method} ")), "{way}: {}", over.head.line);
        let body = over.json();
        // By the id that Slack said, and not by the name that it was sent to.
        assert_eq!(body["channel"], "C99", "{way}: {body}");
        assert_eq!(body[field], format!("{name}.000100"), "{way}: {body}");
        assert_eq!(began.json().get(field), None, "{way}");
    }
}

#[tokio::test]
async fn discord_is_told_in_the_thread_of_the_beginning_or_by_a_change_of_it() {
    let hook = "/api/webhooks/123456789012345678/abc";
    for (recipient, thread) in
        [(json!({"on_release": "edit"}), ""), (json!({"thread_name": "Alerts"}), "3")]
    {
        let endpoint = |origin: &str| json!({"webhook_url": format!("{origin}{hook}")});
        let says =
            |name| json!({"id": format!("2{name:017}"), "channel_id": format!("3{name:017}")});
        let (began, over, name) = told("discord", (endpoint, recipient), says).await;
        let expected = match thread {
            "" => format!("PATCH {hook}/messages/2{name:017} "),
            _ => format!("POST {hook}?wait=true&thread_id=3{name:017} "),
        };
        assert!(over.head.line.starts_with(&expected), "{expected}: {}", over.head.line);
        assert_eq!(began.json().get("thread_name").is_some(), !thread.is_empty());
        assert_eq!(over.json().get("thread_name"), None);
    }
}

#[tokio::test]
async fn telegram_is_told_in_an_answer_to_the_beginning_or_by_a_change_of_it() {
    let chat = -1_001_234_567_890_i64;
    let token = format!("123456789:{}", "A".repeat(35));
    for (way, method, place) in [
        ("reply", "sendMessage", "/reply_parameters/message_id"),
        ("edit", "editMessageText", "/message_id"),
    ] {
        let endpoint = |origin: &str| json!({"bot_token": token, "api_base": origin});
        let recipient = json!({"chat_id": chat, "on_release": way});
        let says =
            move |name| json!({"ok": true, "result": {"message_id": name, "chat": {"id": chat}}});
        let (began, over, name) = told("telegram", (endpoint, recipient), says).await;
        assert!(over.head.line.contains(&format!("/{method} ")), "{way}: {}", over.head.line);
        assert_eq!(over.json().pointer(place), Some(&json!(name)), "{way}: {}", over.text());
        assert_eq!(began.json().pointer(place), None, "{way}");
    }
}
