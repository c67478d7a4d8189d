//! What the schemas of the kinds refuse when an endpoint is saved: most of it are secrets, which no
//! component sees afterwards.

use campanile_tests::site::Site;
use serde_json::json;

#[tokio::test]
async fn a_secret_that_cannot_work_is_refused_when_it_is_saved_and_never_quoted() {
    let engine = Site::new().await.start().await;
    let hook = |headers| json!({ "url": "https://h.example/", "headers": headers });
    let slack = "https://hooks.slack.com";
    let teams = "https://x.webhook.office.com/webhookb2/hunter2?sig=hunter2";
    let table = [
        ("webhook", hook(json!({ "X-A": "hunter2\r\nX-B: c" })), "settings.headers"),
        ("webhook", hook(json!({ "content-length": "hunter2" })), "settings.headers"),
        ("webhook", hook(json!({ "Proxy-Authorization": "hunter2" })), "settings.headers"),
        ("webhook", hook(json!({ "a b": "hunter2" })), "settings.headers"),
        (
            "slack",
            json!({ "webhook_url": format!("{slack}/workflows/hunter2") }),
            "settings.webhook_url",
        ),
        (
            "slack",
            json!({ "webhook_url": format!("{slack}/triggers/hunter2") }),
            "settings.webhook_url",
        ),
        ("msteams", json!({ "webhook_url": teams }), "settings.webhook_url"),
        ("telegram", json!({ "bot_token": "hunter2" }), "settings.bot_token"),
        ("pagerduty", json!({ "routing_key": "hunter2" }), "settings.routing_key"),
        (
            "discord",
            json!({ "webhook_url": "https://discord.com/hunter2" }),
            "settings.webhook_url",
        ),
        (
            "mattermost",
            json!({ "url": "https://h.example", "token": "hunter 2" }),
            "settings.token",
        ),
    ];
    for (kind, settings, place) in table {
        let endpoint = json!({ "name": "e", "kind": kind, "settings": settings });
        let refused = engine.call("POST", "/v1/endpoints", &endpoint).await;
        let text = refused.text();
        assert_eq!(refused.status, 422, "{kind} {settings}: {text}");
        let errors = refused.json()["errors"].as_array().cloned().unwrap_or_default();
        let is_there = |one: &serde_json::Value| {
            one["place"].as_str().is_some_and(|found| found.starts_with(place))
        };
        assert!(errors.iter().any(is_there), "{kind} {settings}: {text}");
        assert!(!text.contains("hunter"), "{kind}: {text}");
    }
}

#[tokio::test]
async fn every_kind_that_came_with_the_engine_can_be_used() {
    let engine = Site::new().await.start().await;
    let listed = engine.get("/v1/components").await.json();
    let components = listed["components"].as_array().cloned().unwrap_or_default();
    assert!(components.len() > 10, "{listed}");
    let broken: Vec<_> = components.iter().filter(|one| one["state"] != "built-in").collect();
    assert!(broken.is_empty(), "{broken:?}");
}
