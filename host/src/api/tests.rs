//! The API over real sockets, before an engine of which the tests decide how it behaves.

mod native_kinds;
mod peer;
mod producers;
pub(crate) mod stand_in;

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::queue::QueueLimits;
use crate::tenant::Role;
use peer::Answer;
use stand_in::StandIn;

/// Where alerts are handed in.
const DOORS: [&str; 3] = ["/v1/alerts", "/v1/ingest/ntopng", "/v1/ingest/alertmanager"];

/// Every route that is described, and one that is not there.
fn routes() -> Vec<(String, String)> {
    let (_, description) = super::openapi::routes();
    let description: Value =
        serde_json::from_str(&super::openapi::text(&description)).expect("JSON");
    let paths = description["paths"].as_object().expect("paths");
    let routes = paths.iter().flat_map(|(path, item)| {
        let path = path.replace("{name}", "x").replace("{id}", "x");
        let methods = item.as_object().expect("methods").keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    let routes: Vec<_> = routes.chain([("GET".to_owned(), "/nowhere".to_owned())]).collect();
    assert!(routes.len() > 30, "{routes:?}");
    routes
}

#[tokio::test]
async fn no_route_answers_without_a_good_token() {
    let host = StandIn::start().await;
    for (method, path) in &routes() {
        for credentials in [None, Some("Bearer"), Some("Bearer wrong"), Some("Basic bnRvcG5nOng=")]
        {
            let header = credentials.map(|it| format!("authorization: {it}\r\n"));
            let answer = host.raw(method, path, header.as_deref().unwrap_or(""), "[]").await;
            assert_eq!(answer.status, 401, "{method} {path} with {credentials:?}");
            assert_eq!(answer.code(), "unauthorized");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        }
    }
    assert_eq!(host.committed().await, 0);
}

#[tokio::test]
async fn the_ingest_token_hands_in_alerts_and_nothing_else() {
    let host = StandIn::start().await;
    for (method, path) in &routes() {
        let header = host.bearer(Role::Ingest);
        let answer = host.raw(method, path, &header, r#"{"alerts":[]}"#).await;
        if method == "POST" && DOORS.contains(&path.as_str()) {
            assert_ne!(answer.status, 403, "{method} {path}");
        } else {
            assert_eq!(
                (answer.status, answer.code()),
                (403, "wrong-role".into()),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_turned_away_before_the_token_counts() {
    let host = StandIn::start().await;
    let token = host.bearer(Role::Admin);
    let port = host.address().port();
    let table = [
        (format!("host: evil.example:{port}\r\n"), 421),
        ("host: 127.0.0.1:1\r\n".to_owned(), 421),
        ("host: proxy.example\r\n".to_owned(), 200),
        ("host: proxy.example\r\norigin: https://proxy.example\r\n".to_owned(), 200),
        (format!("host: localhost:{port}\r\norigin: http://localhost:{port}\r\n"), 200),
        (format!("host: localhost:{port}\r\norigin: http://evil.example\r\n"), 403),
        (format!("host: localhost:{port}\r\norigin: null\r\n"), 403),
        (format!("host: localhost:{port}\r\nhost: localhost:{port}\r\n"), 400),
        (String::new(), 400),
    ];
    for (headers, expected) in table {
        let request = format!("GET /healthz HTTP/1.1\r\n{headers}{token}connection: close\r\n\r\n");
        let answer = peer::exchange(host.address(), request.as_bytes()).await;
        assert_eq!(answer.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn accepted_alerts_are_committed_and_answered_with_their_ids() {
    let host = StandIn::start().await;
    let answer = host.post("/v1/alerts", "", r#"[{"title":"one"}, {"title":"two"}]"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 2);
    assert_eq!(answer.json()["rejected"], json!([]));
    assert_eq!(host.committed().await, 2);
    let lines = "content-type: application/x-ndjson\r\n";
    let answer = host
        .post(
            "/v1/alerts",
            lines,
            "{\"title\":\"three\"}\n{\"title\":\"four\"}\n{\"title\":\"five\"}\n",
        )
        .await;
    assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 3, "{answer:?}");
    let metrics = host.get("/metrics").await;
    assert!(metrics.body.contains(r#"campanile_alerts_total{producer="native"} 5"#));
}

#[tokio::test]
async fn the_same_batch_again_gets_the_same_bytes_and_is_not_taken_twice() {
    let host = StandIn::start().await;
    for key in ["", "idempotency-key: run-7\r\n"] {
        let before = host.committed().await;
        let body = format!("[{{\"title\":\"one{}\"}}]", key.len());
        let first = host.post("/v1/alerts", key, &body).await;
        let second = host.post("/v1/alerts", key, &body).await;
        assert_eq!((first.status, second.status), (200, 200));
        assert_eq!(first.body, second.body, "key {key:?}");
        assert_eq!(first.header("idempotency-replayed"), None);
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(host.committed().await, before + 1);
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let host = StandIn::start().await;
    let key = "idempotency-key: run-7\r\n";
    host.post("/v1/alerts", key, r#"[{"title":"one"}]"#).await;
    let answer = host.post("/v1/alerts", key, r#"[{"title":"two"}]"#).await;
    assert_eq!((answer.status, answer.code()), (422, "key-reused".into()));
    let answer = host.post("/v1/alerts", "idempotency-key: a b\r\n", r#"[{"title":"two"}]"#).await;
    assert_eq!((answer.status, answer.code()), (400, "bad-request".into()));
    assert_eq!(host.committed().await, 1);
}

#[tokio::test]
async fn of_a_batch_with_bad_input_nothing_is_taken_unless_partial_is_asked_for() {
    let host = StandIn::start().await;
    let body = r#"[{"title":"one"}, {"title":2}, {"title":"three"}]"#;
    let answer = host.post("/v1/alerts", "", body).await;
    assert_eq!((answer.status, answer.code()), (400, "bad-input".into()));
    assert_eq!(answer.json()["errors"][0]["position"], 1);
    assert_eq!(answer.json()["errors"][0]["field"], "title");
    assert_eq!(host.committed().await, 0);

    let answer = host.post("/v1/alerts?partial=true", "", body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 2);
    assert_eq!(answer.json()["rejected"][0]["position"], 1);
    assert_eq!(host.committed().await, 2);

    for wrong in ["?partial=maybe", "?all=true"] {
        let answer = host.post(&format!("/v1/alerts{wrong}"), "", body).await;
        assert_eq!(answer.code(), "bad-request", "{wrong}");
    }
    let answer = host.post("/v1/alerts", "", "{").await;
    assert_eq!(
        (answer.code(), &answer.json()["errors"][0]["line"]),
        ("bad-input".into(), &json!(1))
    );
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come() {
    let host = StandIn::start().await;
    let head = |framing: &str| {
        let (address, token) = (host.address(), host.bearer(Role::Ingest));
        format!("POST /v1/alerts HTTP/1.1\r\nhost: {address}\r\n{token}{framing}\r\n\r\n")
    };
    // Neither body ever ends: an answer shows that the server did not wait for more.
    let announced = head("content-length: 70000");
    let chunked = head("transfer-encoding: chunked") + "10001\r\n" + &"x".repeat(65537) + "\r\n";
    for request in [announced, chunked] {
        let answer = peer::exchange(host.address(), request.as_bytes()).await;
        assert_eq!((answer.status, answer.code()), (413, "too-large".into()));
    }
    let fits = format!("[{{\"title\":\"x\"}}{}]", " ".repeat(65536 - 15));
    assert_eq!(host.post("/v1/alerts", "", &fits).await.status, 200);
}

#[tokio::test]
async fn a_body_that_cannot_be_json_is_refused_by_its_type() {
    let host = StandIn::start().await;
    for header in ["content-type: text/html\r\n", "content-encoding: gzip\r\n"] {
        let answer = host.post("/v1/alerts", header, "[]").await;
        assert_eq!((answer.status, answer.code()), (415, "unsupported-type".into()), "{header}");
    }
}

#[tokio::test]
async fn an_overloaded_queue_and_a_failed_store_send_the_sender_away_for_a_while() {
    let limits = QueueLimits { pending_count: 0, ..QueueLimits::default() };
    let full = StandIn::start_with(limits).await;
    let closed = StandIn::start().await;
    closed.close_the_store();
    for (host, code) in [(&full, "overloaded"), (&closed, "store-failed")] {
        let answer = host.post("/v1/alerts", "", r#"[{"title":"one"}]"#).await;
        assert_eq!((answer.status, answer.code()), (503, code.into()));
        assert_eq!(answer.header("retry-after"), Some("5"));
        let folder = host.folder().display().to_string();
        assert!(!answer.body.contains(&folder), "causes stay in the log: {}", answer.body);
    }
    assert_eq!(full.committed().await, 0);
}

#[tokio::test]
async fn a_batch_whose_commit_came_too_late_is_known_when_it_is_sent_again() {
    let host = StandIn::start().await;
    let held = host.hold_the_store();
    let answer = host.post("/v1/alerts", "", r#"[{"title":"one"}]"#).await;
    assert_eq!((answer.status, answer.code()), (503, "slow-store".into()));
    assert!(answer.body.contains("may have been taken in"), "{}", answer.body);
    assert_eq!(answer.header("retry-after"), Some("1"));

    drop(held);
    // Whether the first was written by then is the store's matter; one of the two was, and once.
    for replayed in [None, Some("true")] {
        let answer = host.post("/v1/alerts", "", r#"[{"title":"one"}]"#).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(replayed.is_none() || answer.header("idempotency-replayed") == replayed);
        assert_eq!(host.committed().await, 1);
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_page_and_shown_with_their_tries() {
    let host = StandIn::start().await;
    host.post("/v1/alerts", "", r#"[{"title":"one"},{"title":"two"},{"title":"three"}]"#).await;
    host.let_one_die().await;
    let count = |answer: &Answer| answer.json()["deliveries"].as_array().unwrap().len();
    let all = host.get("/v1/deliveries").await;
    let fresh = &all.json()["deliveries"][0];
    let received = Clock::default().now_ms() - fresh["due_ms"].as_u64().unwrap();
    assert!(received < 60_000, "a fresh delivery is due since it was received: {fresh}");
    assert_eq!((count(&all), &all.json()["next"]), (3, &json!(null)));

    let page = host.get("/v1/deliveries?limit=2").await;
    let next = page.json()["next"].as_str().unwrap().to_owned();
    assert_eq!(count(&page), 2);
    let rest = host.get(&format!("/v1/deliveries?cursor={next}")).await;
    assert_eq!((count(&rest), &rest.json()["next"]), (1, &json!(null)));
    let dead = host.get("/v1/deliveries?state=dead").await;
    assert_eq!(count(&dead), 1);
    assert_eq!(count(&host.get("/v1/deliveries?state=delivered").await), 0);

    let id = dead.json()["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let one = host.get(&format!("/v1/deliveries/{id}")).await.json();
    assert_eq!((&one["state"], &one["tries"][0]["code"]), (&json!("dead"), &json!("410")));
    let table = [
        ("/v1/deliveries?state=lost", 400),
        ("/v1/deliveries?limit=0", 400),
        ("/v1/deliveries?limit=1001", 400),
        ("/v1/deliveries?limit=many", 400),
        ("/v1/deliveries?cursor=x", 400),
        ("/v1/deliveries?colour=red", 400),
        ("/v1/deliveries/x", 404),
        ("/v1/deliveries/01JD8Q5W3V9T6Z0M4K2N7P1R5S-9", 404),
        ("/nowhere", 404),
        ("/v1/apply", 405),
    ];
    for (path, expected) in table {
        assert_eq!(host.get(path).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn health_readiness_kinds_schema_and_metrics_are_told() {
    let host = StandIn::start().await;
    assert_eq!(host.get("/healthz").await.status, 200);
    assert_eq!(host.get("/v1/kinds").await.json()["kinds"], json!([]));
    let schema = host.get("/v1/schema/alert").await;
    assert_eq!(schema.header("content-type"), Some("application/schema+json"));
    assert_eq!(schema.json()["type"], "object");
    host.post("/v1/alerts", "", r#"[{"title":"one"}]"#).await;
    let metrics = host.get("/metrics").await.body;
    assert!(metrics.contains("campanile_queue_pending 1"), "{metrics}");
    assert!(metrics.contains(r#"http_answer_seconds_count{route="/v1/kinds"} 1"#), "{metrics}");
}

#[tokio::test]
async fn readiness_tells_when_the_writer_is_gone_though_the_reader_answers() {
    let host = StandIn::start().await;
    host.break_the_writer();
    let told = async {
        loop {
            let answer = host.get("/readyz").await;
            if let Some(problem) = answer.json()["checks"][0]["problem"].as_str() {
                return (answer.status, problem.to_owned());
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert!(told.0 == 503 && told.1.contains("stopped writing"), "{told:?}");
    assert_eq!(host.get("/v1/deliveries").await.status, 200);
}

#[tokio::test]
async fn readiness_names_each_part_that_is_missing() {
    let host = StandIn::start().await;
    let missing = |answer: &Answer| -> Vec<String> {
        assert_eq!((answer.status, &answer.json()["ready"]), (503, &json!(false)));
        let checks = answer.json()["checks"].as_array().unwrap().clone();
        let wrong = checks.iter().filter(|one| !one["problem"].is_null());
        wrong.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(missing(&host.get("/readyz").await), ["components"]);
    host.stop_sending();
    host.close_the_store();
    assert_eq!(missing(&host.get("/readyz").await), ["store", "components", "dispatch"]);
    assert_eq!(host.get("/healthz").await.status, 200, "the process lives");
}

#[tokio::test]
async fn on_the_stop_token_open_requests_are_answered_and_idle_connections_end() {
    let mut host = StandIn::start().await;
    let mut idle = peer::connect(host.address()).await;
    let mut asked = host.start_post("/v1/alerts", r#"[{"title":"one"}]"#).await;
    // An answer on a third connection shows that the two before it are accepted.
    host.get("/healthz").await;
    host.stop();
    assert!(idle.reads_end().await, "an idle connection is closed");
    asked.send(b"]").await;
    let answer = asked.answer().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(host.committed().await, 1);
    host.ends_within(Duration::from_secs(5)).await;
}
