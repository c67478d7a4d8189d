//! Endpoints and recipients while the engine runs: made, changed, paused, removed.

use campanile_tests::alerts::native;
use campanile_tests::capture::{Capture, Reply};
use campanile_tests::client::Ask;
use campanile_tests::engine::Engine;
use campanile_tests::eventually;
use campanile_tests::site::Site;
use campanile_tests::tally::Tally;
use serde_json::{Value, json};

fn everything() -> Value {
    json!({ "minimum_severity": "none" })
}

fn hook(capture: &Capture) -> Value {
    json!({ "kind": "webhook", "settings": { "url": capture.url() } })
}

fn at_hook() -> Value {
    json!({ "endpoint": "hook", "filter": everything(),
            "settings": { "payload": "native", "max_alerts": 1 } })
}

/// A whole object, changed at its top.
fn with(mut object: Value, key: &str, value: Value) -> Value {
    object[key] = value;
    object
}

async fn show(engine: &Engine, path: &str) -> Value {
    engine.get(path).await.json()
}

#[tokio::test]
async fn what_is_made_over_the_api_is_sent_to_at_once_and_after_a_restart() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await;
    let engine = site.start_as_it_was().await;

    let made = engine.call("PUT", "/v1/endpoints/hook", &hook(&capture)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.head.header("location"), Some("/v1/endpoints/hook"));
    let body = with(at_hook(), "name", json!("ops"));
    let made = engine.call("POST", "/v1/recipients", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    engine.accepts(&native("first")).await;
    capture.sees(1).await;
    engine.terminate().await;

    let engine = site.start_as_it_was().await;
    engine.accepts(&native("second")).await;
    capture.sees(2).await;
    let listed = show(&engine, "/v1/recipients?endpoint=hook&state=active").await;
    assert_eq!(listed["recipients"][0]["name"], "ops");
    assert_eq!(listed["next"], Value::Null);
}

#[tokio::test]
async fn each_wrong_request_is_refused_with_its_code_and_place_and_changes_nothing() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let engine = site.recipient("ops", "hook", &json!({})).start().await;
    let before = show(&engine, "/v1/export").await;
    let long = "x".repeat(65);
    let table = [
        ("PUT", "/v1/endpoints/hook", json!({"kind": "other"}), 409, "kind-fixed", ""),
        ("PUT", "/v1/endpoints/new", json!({"kind": "other"}), 422, "bad-setup", "kind"),
        ("PUT", "/v1/endpoints/new", json!({"kind": "webhook"}), 422, "bad-setup", "settings.url"),
        (
            "PUT",
            "/v1/endpoints/new",
            json!({"kind": "webhook", "settings": {"url": "http://a", "colour": 1}}),
            422,
            "bad-setup",
            "settings.colour",
        ),
        (
            "PUT",
            "/v1/endpoints/new",
            json!({"kind": "webhook", "color": 1}),
            422,
            "bad-setup",
            "color",
        ),
        ("PUT", &format!("/v1/endpoints/{long}"), hook(&capture), 422, "bad-setup", "name"),
        ("POST", "/v1/endpoints", hook(&capture), 422, "bad-setup", "name"),
        (
            "POST",
            "/v1/endpoints",
            with(hook(&capture), "name", json!("hook")),
            409,
            "name-taken",
            "",
        ),
        ("DELETE", "/v1/endpoints/hook", json!({}), 409, "in-use", ""),
        ("DELETE", "/v1/recipients/none", json!({}), 404, "not-found", ""),
        ("POST", "/v1/recipients/none/pause", json!({}), 404, "not-found", ""),
        ("PUT", "/v1/recipients/new", json!({"endpoint": "none"}), 422, "bad-setup", "endpoint"),
        ("PUT", "/v1/recipients/new", json!({}), 422, "bad-setup", "endpoint"),
        (
            "PUT",
            "/v1/recipients/new",
            json!({"endpoint": "hook", "filter": {"minimum_severity": "loud"}}),
            422,
            "bad-setup",
            "filter.minimum_severity",
        ),
        (
            "PUT",
            "/v1/recipients/new",
            json!({"endpoint": "hook", "settings": {"max_alerts": "many"}}),
            422,
            "bad-setup",
            "settings.max_alerts",
        ),
        (
            "POST",
            "/v1/apply",
            json!({"set": "other", "setup": {"endpoint": {"hook": hook(&capture)}}}),
            409,
            "other-set",
            "",
        ),
        (
            "POST",
            "/v1/apply",
            json!({"set": "test", "setup": {"recipient": {
                "ops": {"endpoint": "hook", "settings": {"max_alerts": 0}}}}}),
            422,
            "bad-setup",
            "recipient.ops.settings.max_alerts",
        ),
    ];
    for (method, path, body, status, code, place) in table {
        let answer = engine.call(method, path, &body).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["code"]), (status, &json!(code)), "{path} {body}: {told}");
        let places: Vec<_> =
            told["errors"].as_array().into_iter().flatten().map(|one| &one["place"]).collect();
        assert!(place.is_empty() || places == [place], "{path} {body}: {told}");
    }
    assert_eq!(show(&engine, "/v1/export").await, before);
}

#[tokio::test]
async fn apply_tells_every_problem_of_a_setup_at_once() {
    let engine = Site::new().await.start_as_it_was().await;
    let setup = json!({
        "endpoint": { "a": { "kind": "webhook" }, "b": { "kind": "none" } },
        "recipient": { "x": { "endpoint": "nowhere" }, "y": { "endpoint": "elsewhere" } },
    });
    let answer = engine.call("POST", "/v1/apply", &json!({ "set": "s", "setup": setup })).await;
    let told = answer.json();
    let mut places: Vec<_> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    places.sort_unstable();
    let expected = [
        "endpoint.a.settings.url",
        "endpoint.b.kind",
        "recipient.x.endpoint",
        "recipient.y.endpoint",
    ];
    assert_eq!(places, expected, "{told}");
    assert_eq!(show(&engine, "/v1/export").await, json!({}));
}

#[tokio::test]
async fn a_version_that_is_not_the_newest_is_not_overwritten() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let engine = site.recipient("ops", "hook", &json!({})).start().await;
    let tag = engine.get("/v1/recipients/ops").await;
    let tag = tag.head.header("etag").expect("an ETag").to_owned();
    let put = |tag: String, name: &'static str| {
        let mut ask = Ask::post("/v1/recipients/ops", at_hook().to_string()).with(name, &tag);
        ask.method = "PUT";
        ask.bearing(&engine.admin_token)
    };

    assert_eq!(engine.ask(&put("*".into(), "If-None-Match")).await.status, 412);
    assert_eq!(engine.ask(&put("\"1\"".into(), "If-Match")).await.status, 412);
    assert_eq!(engine.ask(&put("W/\"1\"".into(), "If-Match")).await.status, 412);
    let changed = engine.ask(&put(tag.clone(), "If-Match")).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_ne!(changed.head.header("etag"), Some(tag.as_str()));
    assert_eq!(engine.ask(&put(tag, "If-Match")).await.status, 412);
    let again = engine.ask(&put("*".into(), "If-Match")).await;
    assert_eq!(again.head.header("etag"), changed.head.header("etag"), "nothing changed");
}

#[tokio::test]
async fn apply_twice_changes_nothing_and_prune_takes_only_what_the_set_made() {
    let capture = Capture::answering([200]).await;
    let engine = Site::new().await.start_as_it_was().await;
    let apply = async |set: &str, prune: bool, setup: Value| {
        let body = json!({ "set": set, "prune": prune, "setup": setup });
        let answer = engine.call("POST", "/v1/apply", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let whole = json!({
        "endpoint": { "hook": hook(&capture), "spare": hook(&capture) },
        "recipient": { "ops": at_hook() },
    });
    engine.call("PUT", "/v1/endpoints/by-hand", &hook(&capture)).await;

    let first = apply("main", false, whole.clone()).await;
    assert_eq!(first["changes"].as_array().map(Vec::len), Some(3), "{first}");
    let second = apply("main", true, whole.clone()).await;
    assert_eq!((&second["changes"], &second["unchanged"]), (&json!([]), &json!(3)));
    // By other hands: another set, and a dry run.
    let body = json!({ "set": "main", "prune": true, "dry_run": true, "setup": {} });
    let dry = engine.call("POST", "/v1/apply", &body).await.json();
    assert_eq!(
        (&dry["applied"], dry["changes"].as_array().map(Vec::len)),
        (&json!(false), Some(3))
    );
    apply("side", true, json!({ "endpoint": { "side": hook(&capture) } })).await;
    // `by-hand` was made by hand; what a set changes of it does not make it the set's.
    let changed =
        with(hook(&capture), "settings", json!({ "url": capture.url(), "timeout_ms": 1099 }));
    apply("main", false, json!({ "endpoint": { "by-hand": changed } })).await;

    let pruned = apply("main", true, json!({ "endpoint": { "hook": hook(&capture) } })).await;
    let removed: Vec<_> = pruned["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| (one["action"].clone(), one["name"].clone()))
        .collect();
    assert_eq!(removed, [(json!("remove"), json!("ops")), (json!("remove"), json!("spare"))]);
    let left = show(&engine, "/v1/export").await;
    let left: Vec<_> = left["endpoint"].as_object().expect("endpoints").keys().collect();
    assert_eq!(left, ["by-hand", "hook", "side"]);
}

#[tokio::test]
async fn a_verdict_of_misconfigured_pauses_and_keeps_the_queue_until_a_setting_changes() {
    let capture = Capture::answering([Reply::from(401), Reply::from(200)]).await;
    let site = Site::new().await.set("retry.attempts_max", "1");
    let site = site.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let site = site.recipient("ops", "hook", &json!({ "max_alerts": 1 }));
    let engine = site.start().await;

    let first = engine.accepts(&native("first")).await;
    let paused = eventually("the endpoint is paused", || async {
        let one = show(&engine, "/v1/endpoints/hook").await;
        (one["state"] == "paused").then_some(one)
    })
    .await;
    assert_eq!(paused["pause"]["by"], "verdict", "{paused}");
    assert_eq!(paused["pause"]["code"], "401");
    assert!(paused["pause"]["since_ms"].as_u64().is_some_and(|at| at > 0));
    let second = engine.accepts(&native("second")).await;
    for alert in [&first[0], &second[0]] {
        assert_eq!(engine.deliveries_of(alert).await[0]["state"], "pending", "{alert}");
    }
    assert_eq!(capture.attempts(), 1, "nothing is tried while it is paused");
    let waiting = show(&engine, "/v1/recipients/ops").await;
    assert_eq!((&waiting["pending"], &waiting["endpoint_state"]), (&json!(2), &json!("paused")));

    // It stays so over a restart.
    engine.terminate().await;
    let engine = site.start_as_it_was().await;
    assert_eq!(show(&engine, "/v1/endpoints/hook").await["state"], "paused");
    let changed =
        json!({ "kind": "webhook", "settings": { "url": capture.url(), "timeout_ms": 1999 } });
    assert_eq!(engine.call("PUT", "/v1/endpoints/hook", &changed).await.status, 200);
    for alert in [&first[0], &second[0]] {
        engine.reaches(alert, "delivered").await;
    }
    assert_eq!(show(&engine, "/v1/endpoints/hook").await["pause"], Value::Null);
}

#[tokio::test]
async fn a_pause_by_hand_holds_until_it_is_resumed_whatever_changes() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let engine = site.recipient("ops", "hook", &json!({ "max_alerts": 1 })).start().await;

    let paused =
        engine.call("POST", "/v1/recipients/ops/pause", &json!({ "detail": "on holiday" })).await;
    assert_eq!(paused.json()["pause"]["detail"], "on holiday");
    let accepted = engine.accepts(&native("kept")).await;
    let changed = engine.call("PUT", "/v1/recipients/ops", &at_hook()).await;
    assert_eq!(changed.json()["state"], "paused", "{}", changed.text());
    assert_eq!(engine.deliveries_of(&accepted[0]).await[0]["state"], "pending");
    assert_eq!(capture.attempts(), 0);

    let resumed = engine.call("POST", "/v1/recipients/ops/resume", &json!({})).await;
    assert_eq!(resumed.json()["state"], "active");
    engine.reaches(&accepted[0], "delivered").await;
}

#[tokio::test]
async fn what_a_removed_recipient_is_owed_ends_as_dead_with_the_cause_and_its_name() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let engine = site.recipient("ops", "hook", &json!({})).start().await;
    engine.call("POST", "/v1/recipients/ops/pause", &json!({})).await;
    let alerts: Vec<_> = (0..1_200).map(|at| native(&format!("{at}"))).collect();
    engine.accepts(&Value::from(alerts)).await;

    let removed = engine.call("DELETE", "/v1/recipients/ops", &json!({})).await;

    assert_eq!(removed.status, 204, "{}", removed.text());
    eventually("nothing is pending", || async {
        engine.deliveries(Some("pending")).await.is_empty().then_some(())
    })
    .await;
    let dead = engine.deliveries(Some("dead")).await;
    assert_eq!(dead.len(), 1_000, "a page of them");
    assert_eq!(
        (&dead[0]["cause"], &dead[0]["recipient"]),
        (&json!("recipient-removed"), &json!("ops"))
    );
    assert_eq!(engine.metric("campanile_queue_pending").await, 0.0);
    assert_eq!(capture.attempts(), 0);
    // Its name is free, and means somebody else.
    assert_eq!(engine.call("PUT", "/v1/recipients/ops", &at_hook()).await.status, 201);
    let body = json!({ "ids": [dead[0]["id"]] });
    let again = engine.call("POST", "/v1/deliveries/retry", &body).await.json();
    assert_eq!((&again["retried"], &again["not_retried"][0]), (&json!([]), &dead[0]["id"]));
}

#[tokio::test]
async fn a_recipient_that_changes_while_alerts_flow_loses_none() {
    const COUNT: u32 = 10_000;
    let tally = Tally::start(COUNT as usize).await.expect("a receiver");
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": tally.url() }));
    let site = site.recipient("ops", "hook", &json!({ "max_alerts": 1 }));
    let engine = site.start().await;
    let sending = async {
        for first in (0..COUNT).step_by(100) {
            let flows = (first..first + 100).map(campanile_tests::alerts::flow);
            engine.accepts_ntopng(flows).await;
        }
    };
    let changing = async {
        for round in 0..40 {
            // Whatever it is called, no alert is of that type.
            let filter = json!({ "minimum_severity": "none", "except_alert_types": [format!("none-{round}")] });
            let settings = json!({ "max_alerts": 1 });
            let body = json!({ "endpoint": "hook", "filter": filter, "settings": settings });
            let answer = engine.call("PUT", "/v1/recipients/ops", &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let url = json!({ "url": tally.url(), "timeout_ms": 5_000 + round });
            let body = json!({ "kind": "webhook", "settings": url });
            assert_eq!(engine.call("PUT", "/v1/endpoints/hook", &body).await.status, 200);
            engine.call("POST", "/v1/recipients/ops/pause", &json!({})).await;
            engine.call("POST", "/v1/recipients/ops/resume", &json!({})).await;
        }
    };
    tokio::join!(sending, changing);
    let arrived = tally.sees(COUNT as usize, campanile_tests::DEADLINE).await;
    let shown = engine.get("/v1/recipients/ops").await.text();
    assert!(arrived, "{} arrived; {shown}\n{}", tally.distinct(), site.log());
    eventually("every outcome is on disk", || async {
        (engine.metric("campanile_queue_pending").await == 0.0).then_some(())
    })
    .await;
    let first = engine.get("/v1/deliveries?state=dead").await.json();
    assert_eq!(first["deliveries"], json!([]));
}

#[tokio::test]
async fn a_dead_delivery_goes_again_when_somebody_asks_with_the_tries_of_a_new_one() {
    let replies = [400, 503, 200].map(Reply::from);
    let capture = Capture::answering(replies).await;
    let site = Site::new().await.set("retry.attempts_max", "2");
    let site = site.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let engine = site.recipient("ops", "hook", &json!({ "max_alerts": 1 })).start().await;
    let accepted = engine.accepts(&native("refused at first")).await;
    let dead = engine.reaches(&accepted[0], "dead").await;
    let shown = show(&engine, &format!("/v1/deliveries/{}", dead["id"].as_str().unwrap())).await;
    assert!(
        shown["message"]["body"].as_str().is_some_and(|body| body.contains("refused at first"))
    );

    let again = engine.call("POST", "/v1/deliveries/retry", &json!({ "recipient": "ops" })).await;

    assert_eq!(again.json()["retried"], json!([dead["id"]]), "{}", again.text());
    engine.reaches(&accepted[0], "delivered").await;
    let tries = engine.attempts_of(dead["id"].as_str().unwrap()).await;
    assert_eq!(tries, ["rejected: 400", "unavailable: 503", "delivered: 200"]);
    let requests = capture.requests();
    assert_eq!(requests[0].webhook_id(), requests[2].webhook_id(), "one alert, one message id");
}

#[tokio::test]
async fn a_release_goes_to_whom_its_engage_was_owed_and_a_repeated_engage_to_nobody() {
    let capture = Capture::answering([200]).await;
    let site = Site::new().await.endpoint("hook", "webhook", &json!({ "url": capture.url() }));
    let native_payload = json!({ "payload": "native", "max_alerts": 1 });
    let errors = json!({ "minimum_severity": "error" });
    let engine = site.recipient_of("errors", "hook", &native_payload, &errors).start().await;
    let alert = |action: &str, severity: &str| {
        json!({ "title": "disk", "severity": severity, "action": action, "category": "system",
                "time": "2026-11-24T10:00:00Z", "entity": { "kind": "disk", "value": "db-1" } })
    };

    let engage = engine.accepts(&alert("engage", "error")).await;
    let repeated = engine.post("/v1/alerts", json!([alert("engage", "error")]).to_string()).await;
    let repeated = campanile_tests::engine::accepted(&repeated);
    let release = engine.accepts(&alert("release", "info")).await;
    let unknown = engine
        .accepts(&with(
            alert("release", "info"),
            "entity",
            json!({"kind": "disk", "value": "other"}),
        ))
        .await;

    engine.reaches(&engage[0], "delivered").await;
    engine.reaches(&release[0], "delivered").await;
    assert_eq!(engine.deliveries_of(&repeated[0]).await, [] as [Value; 0]);
    assert_eq!(engine.deliveries_of(&unknown[0]).await, [] as [Value; 0], "its filter decides");
    let shown = show(&engine, &format!("/v1/alerts/{}", repeated[0])).await;
    assert_eq!(shown["episode"], engage[0].as_str(), "{shown}");
}
