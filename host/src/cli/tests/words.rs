//! What each command asks of the engine, and what it prints of the answer.

use serde_json::{Value, json};

use super::peer::{Peer, Reply};
use super::*;

/// Runs a command against the peer.
async fn run(peer: &Peer, args: &[&str]) -> Result<String, Failure> {
    let mut all = vec!["campanile".to_owned()];
    all.extend(args.iter().map(|one| (*one).to_owned()));
    all.extend(peer.target());
    let args = Args::try_parse_from(all).unwrap_or_else(|error| panic!("{error}"));
    let common = Common { config: args.config.unwrap_or_default(), json: args.json };
    let mut out = Vec::new();
    let done = args.command.run(&common, &mut out).await;
    let printed = String::from_utf8(out).unwrap();
    done.map(|()| printed.clone()).map_err(|failure| {
        // A command may print and fail: both are looked at.
        Failure::caused(failure.exit, printed, failure)
    })
}

fn ok(body: Value) -> Reply {
    (200, None, body)
}

fn ops() -> Value {
    json!({
        "name": "ops", "id": 3, "kind": "webhook", "state": "active", "pause": null,
        "settings": {"url": "https://a", "token": "hunter2", "headers": {"a": "1"}},
        "problems": [], "apply_set": null, "revision": 7,
        "created_ms": 1_790_000_000_000_u64, "changed_ms": 1_790_000_000_000_u64,
    })
}

fn night() -> Value {
    json!({
        "name": "night", "id": 4, "endpoint": "ops", "state": "paused", "endpoint_state": "active",
        "pause": {"by": "verdict", "since_ms": 1_790_000_000_000_u64, "code": "404",
            "detail": "no such room"},
        "filter": {"minimum_severity": "error", "categories": ["flow"]},
        "settings": {"room": "x"}, "pending": 12, "problems": [], "apply_set": "main", "revision": 2,
        "created_ms": 0, "changed_ms": 0,
    })
}

fn granted() -> Value {
    json!({ "rules": [
        {"rule": "origin", "standing": "passed", "text": "https://a:443: POST; paths from /"},
        {"rule": "proxy", "standing": "note", "text": "directly"},
    ] })
}

fn kind() -> Value {
    json!({
        "name": "webhook",
        "endpoint_schema": {"properties": {"url": {}, "token": {"writeOnly": true}, "headers": {}}},
        "recipient_schema": {"properties": {"room": {}}},
    })
}

#[tokio::test]
async fn an_endpoint_is_added_with_its_settings() {
    let peer = Peer::answering([(201, Some("\"1\""), ops()), (201, None, ops())]).await;
    let args = ["endpoint", "add", "ops", "--kind", "webhook", "--setting", "url=https://a"];
    let printed = run(&peer, &args).await.unwrap();
    assert_eq!(printed, "endpoint ops is active\n");
    let file = peer.file("settings.toml", "token = 'hunter2'\nurl = 'https://b'");
    run(&peer, &[&args[..], &["--setting", "n.m=5", "--settings-file", &file]].concat())
        .await
        .unwrap();
    let heard = peer.heard();
    assert_eq!(heard[0].line, "POST /v1/endpoints");
    let expected = json!({"name": "ops", "kind": "webhook", "settings": {"url": "https://a"}});
    assert_eq!(heard[0].body, expected);
    let settings = json!({"url": "https://a", "token": "hunter2", "n": {"m": 5}});
    assert_eq!(heard[1].body["settings"], settings);
}

#[tokio::test]
async fn a_secret_is_read_from_a_file_and_written_as_the_text_it_is() {
    let peer = Peer::answering([(201, None, ops()), (201, None, ops())]).await;
    for (content, expected) in [("0815\n", json!("0815")), ("a=b\r\n", json!("a=b"))] {
        let secret = format!("headers.X-Key={}", peer.file("secret", content));
        let add = ["endpoint", "add", "ops", "--kind", "webhook", "--secret", &secret];
        run(&peer, &add).await.unwrap();
        let heard = peer.heard();
        assert_eq!(heard.last().unwrap().body["settings"]["headers"]["X-Key"], expected);
    }
    let empty = format!("token={}", peer.file("empty", "\n"));
    let add = ["endpoint", "add", "ops", "--kind", "webhook", "--secret", &empty];
    assert!(run(&peer, &add).await.is_err());
    assert_eq!(peer.heard().len(), 2, "an empty secret is not sent");
    for wrong in ["token", "=file", "token=", "a..b=file"] {
        let args = ["campanile", "endpoint", "set", "ops", "--secret", wrong];
        let told = Args::try_parse_from(args).unwrap_err().to_string();
        assert!(told.contains("a setting and a file"), "{told}");
    }
}

#[tokio::test]
async fn setting_writes_the_version_that_was_read_with_only_that_changed() {
    let peer =
        Peer::answering([(200, Some("\"7\""), ops()), ok(ops()), ok(night()), ok(night())]).await;
    let args = ["endpoint", "set", "ops", "headers.b=2", "url=https://b", "--unset", "token"];
    run(&peer, &args).await.unwrap();
    let args = ["recipient", "set", "night", "--filter", "categories=a,b", "--endpoint", "mail"];
    run(&peer, &args).await.unwrap();
    let heard = peer.heard();
    assert_eq!(heard[1].line, "PUT /v1/endpoints/ops");
    assert_eq!(heard[1].if_match.as_deref(), Some("\"7\""));
    let settings = json!({"url": "https://b", "headers": {"a": "1", "b": 2}});
    assert_eq!(heard[1].body, json!({"kind": "webhook", "settings": settings}));
    assert_eq!(heard[3].if_match.as_deref(), Some("\"2\""), "without an ETag, the revision");
    let filter = json!({"minimum_severity": "error", "categories": ["a", "b"]});
    let expected = json!({"endpoint": "mail", "filter": filter, "settings": {"room": "x"}});
    assert_eq!(heard[3].body, expected);
}

#[tokio::test]
async fn what_changed_meanwhile_is_not_written_over() {
    let problem = json!({"code": "changed-meanwhile", "detail": "it is at revision 8"});
    let peer = Peer::answering([(200, Some("\"7\""), ops()), (412, None, problem)]).await;
    let failure = run(&peer, &["endpoint", "set", "ops", "url=x"]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(chain(&failure).contains("`ops` changed meanwhile"), "{}", chain(&failure));
}

#[tokio::test]
async fn a_value_that_cannot_be_is_refused_before_anything_is_written() {
    let peer = Peer::answering([ok(ops())]).await;
    let failure = run(&peer, &["endpoint", "set", "ops", "hunter2"]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!chain(&failure).contains("hunter2"), "{}", chain(&failure));
    assert_eq!(peer.lines(), ["GET /v1/endpoints/ops"]);
}

#[tokio::test]
async fn lists_are_whole_however_many_pages_they_have() {
    let page = |key: &str, name: &str, next: Value| {
        ok(
            json!({key: [{"name": name, "kind": "k", "endpoint": "e", "state": "active", "pending": 0}], "next": next}),
        )
    };
    let peer = Peer::answering([
        page("endpoints", "a", "a b".into()),
        ok(json!({"endpoints": [], "next": "c"})),
        page("endpoints", "d", Value::Null),
        page("recipients", "r", Value::Null),
    ])
    .await;
    let printed = run(&peer, &["endpoint", "list", "--kind", "x/y"]).await.unwrap();
    assert_eq!(
        printed,
        "NAME  KIND  STATE   SET  CHANGED\na     k     active\nd     k     active\n"
    );
    let printed = run(&peer, &["recipient", "list", "--json", "--endpoint", "e"]).await.unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&printed["recipients"][0]["name"], &printed["next"]), (&json!("r"), &json!(null)));
    let expected = [
        "GET /v1/endpoints?limit=1000&kind=x%2Fy",
        "GET /v1/endpoints?limit=1000&kind=x%2Fy&after=a+b",
        "GET /v1/endpoints?limit=1000&kind=x%2Fy&after=c",
        "GET /v1/recipients?limit=1000&endpoint=e",
    ];
    assert_eq!(peer.lines(), expected);
}

#[tokio::test]
async fn pages_that_do_not_end_are_not_asked_for_forever() {
    let same = || ok(json!({"entries": [], "next": "same"}));
    let peer = Peer::answering([same(), same()]).await;
    let failure = run(&peer, &["audit"]).await.unwrap_err();
    assert_eq!((failure.exit, peer.lines().len()), (Exit::Failed, 2));
}

#[tokio::test]
async fn showing_tells_everything_but_secrets() {
    let gone = json!({"code": "not-found", "detail": "there is no such kind"});
    let peer = Peer::answering([
        ok(ops()),
        ok(granted()),
        ok(kind()),
        ok(night()),
        ok(ops()),
        ok(kind()),
        ok(ops()),
        ok(granted()),
        (404, None, gone),
    ])
    .await;
    let printed = run(&peer, &["endpoint", "show", "ops"]).await.unwrap();
    let expected = "endpoint ops (webhook)\nstate: active\nrevision: 7\n\
                    created: 2026-09-21T14:13:20Z\nchanged: 2026-09-21T14:13:20Z\nsettings:\n  \
                    headers = {\"a\":\"1\"}\n  token = (secret)\n  url = \"https://a\"\nreaches:\n\
                    + origin:      https://a:443: POST; paths from /\n  proxy:       directly\n";
    assert_eq!(printed, expected);
    let printed = run(&peer, &["recipient", "show", "night"]).await.unwrap();
    for line in [
        "recipient night at endpoint ops",
        "paused: by verdict since 2026-09-21T14:13:20Z: 404: no such room",
        "set: main",
        "pending: 12",
        "  minimum_severity = \"error\"",
        "  room = \"x\"",
    ] {
        assert!(printed.lines().any(|one| one == line), "{line}: {printed}");
    }
    let printed = run(&peer, &["endpoint", "show", "ops"]).await.unwrap();
    assert_eq!(printed.matches("(secret)").count(), 3, "{printed}");
    assert_eq!(peer.lines()[1..3], ["GET /v1/endpoints/ops/grant", "GET /v1/kinds/webhook"]);
}

#[tokio::test]
async fn removing_tells_what_became_of_what_was_pending() {
    let in_use = json!({"code": "in-use", "detail": "`night` refers to it"});
    let peer = Peer::answering([ok(night()), (204, None, Value::Null), (409, None, in_use)]).await;
    let printed = run(&peer, &["recipient", "remove", "night"]).await.unwrap();
    assert!(printed.contains("night is removed; 12 pending deliveries ended as dead"), "{printed}");
    let failure = run(&peer, &["endpoint", "remove", "ops"]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(chain(&failure).contains("`night` refers to it"), "{}", chain(&failure));
    assert_eq!(peer.lines()[1..], ["DELETE /v1/recipients/night", "DELETE /v1/endpoints/ops"]);
}

#[tokio::test]
async fn pausing_says_why_and_how_it_stands() {
    let peer = Peer::answering([ok(night()), ok(ops())]).await;
    let args = ["recipient", "pause", "night", "--detail", "too loud"];
    let printed = run(&peer, &args).await.unwrap();
    assert_eq!(printed, "recipient night is paused: no such room\n");
    run(&peer, &["endpoint", "resume", "ops"]).await.unwrap();
    let heard = peer.heard();
    assert_eq!(heard[0].line, "POST /v1/recipients/night/pause");
    assert_eq!(heard[0].body, json!({"detail": "too loud"}));
    assert_eq!(heard[1].line, "POST /v1/endpoints/ops/resume");
}

#[tokio::test]
async fn a_difference_has_an_exit_code_of_its_own() {
    let changed = json!({"applied": false, "unchanged": 1, "changes": [
        {"action": "remove", "what": "recipient", "name": "old", "fields": []},
    ]});
    let same = json!({"applied": false, "unchanged": 2, "changes": []});
    let applied = json!({"applied": true, "unchanged": 1, "changes": []});
    let peer = Peer::answering([ok(changed), ok(same), ok(applied)]).await;
    let one = peer.file("one.toml", "[endpoint.ops]\nkind = 'k'");
    let two = peer.file("two.toml", "[recipient.night]\nendpoint = 'ops'");
    let args = ["diff", &one, &two, "--set", "lab", "--prune"];

    let failure = run(&peer, &args).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Different);
    let told = chain(&failure);
    assert!(
        told.contains(
            "- recipient old\n0 created, 0 updated, 1 removed, 1 unchanged (not applied)"
        ),
        "{told}"
    );
    let printed = run(&peer, &args).await.unwrap();
    assert_eq!(printed, "0 created, 0 updated, 0 removed, 2 unchanged\n");
    run(&peer, &["apply", &one]).await.unwrap();

    let heard = peer.heard();
    let setup = json!({
        "endpoint": {"ops": {"kind": "k"}}, "recipient": {"night": {"endpoint": "ops"}},
    });
    assert_eq!(
        heard[0].body,
        json!({"set": "lab", "dry_run": true, "prune": true, "setup": setup})
    );
    let setup = json!({"endpoint": {"ops": {"kind": "k"}}});
    assert_eq!(
        heard[2].body,
        json!({"set": "main", "dry_run": false, "prune": false, "setup": setup})
    );
}

#[tokio::test]
async fn a_setup_that_is_wrong_is_refused_with_every_place() {
    let problem = json!({"code": "bad-setup", "detail": "the setup is wrong", "errors": [
        {"place": "recipient.oncall.filter.matchers[2]", "expected": "expected a matcher"},
        {"place": "endpoint.ops.kind", "expected": "expected one of the kinds"},
    ]});
    let peer = Peer::answering([(422, None, problem)]).await;
    let one = peer.file("one.toml", "");
    let failure = run(&peer, &["apply", &one]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    let told = chain(&failure);
    assert!(
        told.contains("\n  recipient.oncall.filter.matchers[2]: expected a matcher\n"),
        "{told}"
    );
    let failure = run(&peer, &["apply", &one, &one, "/nowhere"]).await.unwrap_err();
    assert_eq!((failure.exit, peer.lines().len()), (Exit::Failed, 1), "nothing was asked");
}

#[tokio::test]
async fn an_export_is_toml_and_its_set_is_asked_for() {
    let setup = json!({"endpoint": {"ops": {"kind": "k"}}});
    let peer = Peer::answering([ok(setup.clone()), ok(setup)]).await;
    assert_eq!(run(&peer, &["export"]).await.unwrap(), "[endpoint.ops]\nkind = \"k\"\n");
    run(&peer, &["export", "--set", "lab"]).await.unwrap();
    assert_eq!(peer.lines(), ["GET /v1/export", "GET /v1/export?set=lab"]);
}

#[tokio::test]
async fn a_test_sends_unless_it_is_told_not_to() {
    let probe =
        json!({"certainty": "reachable", "code": null, "summary": "it answers", "facts": []});
    let sent = json!({
        "outcome": "rejected", "code": "410", "detail": "gone", "status": 410, "origin": "https://a",
        "summary": "s", "took_ms": 5,
    });
    let peer = Peer::answering([
        ok(json!({"probe": probe, "sent": sent})),
        ok(json!({"probe": probe, "sent": null})),
    ])
    .await;
    let failure = run(&peer, &["test", "night"]).await.unwrap_err();
    let told = chain(&failure);
    assert!(failure.exit == Exit::Failed && told.contains("rejected (410): gone"), "{told}");
    let args = ["test", "--endpoint", "ops", "--setting", "room=y", "--no-send"];
    run(&peer, &args).await.unwrap();
    let heard = peer.heard();
    assert_eq!(heard[0].body, json!({"recipient": "night", "send": true}));
    assert_eq!(
        heard[1].body,
        json!({"endpoint": "ops", "recipient_settings": {"room": "y"}, "send": false})
    );
}

#[tokio::test]
async fn a_preview_asks_for_a_sample_a_stored_alert_or_those_of_a_file() {
    let empty = || ok(json!({"messages": [], "left_out": [], "decisions": []}));
    let peer = Peer::answering([empty(), empty(), empty()]).await;
    run(&peer, &["preview"]).await.unwrap();
    let id = "01JD8Q5W3V9T6Z0M4K2N7P1R5S";
    run(&peer, &["preview", "--alert", id, "--recipient", "night"]).await.unwrap();
    let group = r#"{"groupKey":"k","alerts":[{"startsAt":"x"}]}"#;
    run(&peer, &["preview", &peer.file("alerts.json", group)]).await.unwrap();
    let heard = peer.heard();
    assert!(heard.iter().all(|one| one.line == "POST /v1/preview"));
    assert_eq!(heard[0].body, json!({}));
    assert_eq!(heard[1].body, json!({"recipient": "night", "alert": id}));
    assert_eq!(heard[2].body, json!({"alerts": [{"startsAt": "x"}], "producer": "alertmanager"}));
}

#[tokio::test]
async fn retrying_goes_on_while_there_is_more_and_stops_where_nothing_moves() {
    let answer = |retried: Value, more: bool| {
        ok(json!({"retried": retried, "not_retried": ["x-1"], "more": more}))
    };
    let peer = Peer::answering([
        answer(json!(["a-1", "b-1"]), true),
        answer(json!(["c-1"]), true),
        answer(json!([]), true),
        answer(json!([]), false),
    ])
    .await;
    let printed = run(&peer, &["deliveries", "retry", "--recipient", "night"]).await.unwrap();
    assert!(printed.ends_with("3 retried, 3 not\n"), "{printed}");
    let id = "01JD8Q5W3V9T6Z0M4K2N7P1R5S-7";
    let failure = run(&peer, &["deliveries", "retry", id]).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(chain(&failure).contains("not retried: x-1\n"), "{}", chain(&failure));
    let heard = peer.heard();
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[2].body, json!({"recipient": "night"}));
    assert_eq!(heard[3].body, json!({"ids": [id]}));
}

#[tokio::test]
async fn as_many_alerts_and_deliveries_are_listed_as_are_asked_for() {
    let alert = json!({
        "id": "a", "received_ms": 1_790_000_000_000_u64, "severity": "error", "action": "store",
        "category": "flow", "entity_value": "db-1", "title": "full",
    });
    let peer = Peer::answering([
        ok(json!({"alerts": [alert, alert], "next": "n"})),
        ok(json!({"alerts": [alert], "next": "m"})),
        ok(json!({"deliveries": [], "next": null})),
    ])
    .await;
    let args = ["alerts", "--limit", "3", "--minimum-severity", "error", "--category", "flow"];
    let printed = run(&peer, &args).await.unwrap();
    assert_eq!(printed.lines().count(), 4, "{printed}");
    assert!(printed.contains("2026-09-21T14:13:20Z  error     store"), "{printed}");
    let args = ["deliveries", "--state", "dead", "--recipient", "night"];
    run(&peer, &args).await.unwrap();
    let expected = [
        "GET /v1/alerts?limit=3&minimum_severity=error&category=flow",
        "GET /v1/alerts?limit=1&minimum_severity=error&category=flow&cursor=n",
        "GET /v1/deliveries?limit=50&state=dead&recipient=night",
    ];
    assert_eq!(peer.lines(), expected);
}

#[tokio::test]
async fn an_audit_that_is_broken_fails_and_one_that_is_whole_gives_its_head() {
    let entry = json!({
        "seq": 9, "at_ms": 0, "actor": "admin", "source": "api", "action": "create",
        "object": "endpoint o\u{1b}ps", "detail": {}, "hash": "00",
    });
    let peer = Peer::answering([
        ok(json!({"entries": [entry], "next": null})),
        ok(json!({"entries": 9, "head": "c0ffee", "broken_at": null})),
        ok(json!({"entries": 9, "head": "c0ffee", "broken_at": 4})),
    ])
    .await;
    let printed = run(&peer, &["audit"]).await.unwrap();
    assert!(printed.contains("create  endpoint o\\u{1b}ps"), "{printed}");
    let printed = run(&peer, &["audit", "verify"]).await.unwrap();
    assert_eq!(printed, "9 entries\nhead: c0ffee\n");
    let failure = run(&peer, &["audit", "verify"]).await.unwrap_err();
    let told = chain(&failure);
    assert!(failure.exit == Exit::Failed && told.contains("changed at entry 4"), "{told}");
}

#[tokio::test]
async fn what_does_not_go_out_is_told_rule_by_rule_and_fails() {
    let lines = json!([
        {"rule": "normal form", "standing": "note", "text": "https://b:443"},
        {"rule": "origin", "standing": "refused", "text": "`https://b:443` is not\u{1b}[2J granted"},
    ]);
    let refused = json!({"endpoint": "ops", "to": "https://b", "allowed": false, "lines": lines});
    let passed = json!({"endpoint": "ops", "to": "https://a", "allowed": true, "lines": []});
    let peer = Peer::answering([ok(refused), ok(passed)]).await;
    let args = ["egress", "explain", "https://b", "--endpoint", "ops", "--method", "GET"];
    let failure = run(&peer, &args).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Failed);
    let told = chain(&failure);
    for part in [
        "  normal form: https://b:443\n- origin:      `https://b:443` is not\\u{1b}[2J granted\n",
        "`https://b` does not go out through ops",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    run(&peer, &["egress", "explain", "https://a", "--endpoint", "ops"]).await.unwrap();
    let heard = peer.heard();
    assert_eq!(heard[0].line, "POST /v1/egress/explain");
    assert_eq!(heard[0].body, json!({"endpoint": "ops", "to": "https://b", "method": "GET"}));
    assert_eq!(heard[1].body["method"], "POST");
}
