//! Who is let in, and what is said to whom.

use std::fs;
use std::path::Path;

use campanile_tests::alerts::{envelope, host, native};
use campanile_tests::capture::{Capture, Request};
use campanile_tests::client::{Answer, Ask};
use campanile_tests::engine::accepted;
use campanile_tests::eventually;
use serde_json::{Value, json};

use crate::path::webhook_at;

const ROUTES: [&str; 7] = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/deliveries",
    "/v1/deliveries/01JD8Q5W3V9T6Z0M4K2N7P1R5S-1",
    "/v1/kinds",
    "/v1/schema/alert",
];
const DOORS: [&str; 3] = ["/v1/alerts", "/v1/ingest/ntopng", "/v1/ingest/alertmanager"];

/// The problem's stable code; panics where the answer is no problem.
fn code(answer: &Answer) -> String {
    assert_eq!(answer.head.header("content-type"), Some("application/problem+json"));
    let body = answer.json();
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
    body["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn without_its_token_no_route_says_anything() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let asks = ROUTES.iter().map(|path| Ask::get(path));
    let asks: Vec<_> =
        asks.chain(DOORS.iter().map(|path| Ask::post(path, native("x").to_string()))).collect();
    let nearly = format!("{}x", engine.admin_token);
    for ask in asks.iter().chain([&Ask::get("/no-such-route")]) {
        for ask in [
            ask.clone(),
            ask.clone().bearing("wrong"),
            ask.clone().bearing(&nearly),
            ask.clone().bearing(""),
        ] {
            let answer = engine.ask(&ask).await;
            assert_eq!(answer.status, 401, "{ask:?}: {}", answer.text());
            assert!(answer.head.header("www-authenticate").is_some(), "{ask:?}");
        }
    }
    assert_eq!(engine.deliveries(None).await.len(), 0);
}

#[tokio::test]
async fn the_ingest_token_hands_in_alerts_and_nothing_else() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    for path in ROUTES {
        let answer = engine.ask(&Ask::get(path).bearing(&engine.ingest_token)).await;
        assert_eq!((answer.status, code(&answer)), (403, "wrong-role".to_owned()), "{path}");
        let answer = engine.ask(&Ask::get(path).bearing(&engine.admin_token)).await;
        assert!(matches!(answer.status, 200 | 404), "{path}: {}", answer.text());
    }
    assert_eq!(engine.accepts(&native("x")).await.len(), 1);
    let by_admin = Ask::post("/v1/alerts", native("y").to_string()).bearing(&engine.admin_token);
    assert_eq!(engine.ask(&by_admin).await.status, 200);
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused_even_with_a_token() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let port = engine.address().port();
    let own = format!("127.0.0.1:{port}");
    let table = [
        // host, origin, status
        (own.clone(), None, 200),
        (format!("localhost:{port}"), None, 200),
        ("rebound.example".to_owned(), None, 421),
        (format!("rebound.example:{port}"), None, 421),
        (own.clone(), Some(format!("http://{own}")), 200),
        (own.clone(), Some("https://elsewhere.example".to_owned()), 403),
        (own.clone(), Some("null".to_owned()), 403),
    ];
    for (host, origin, expected) in table {
        let mut ask = Ask::get("/healthz").with("Host", &host).bearing(&engine.admin_token);
        if let Some(origin) = &origin {
            ask = ask.with("Origin", origin);
        }
        let answer = engine.ask(&ask).await;
        assert_eq!(answer.status, expected, "host {host}, origin {origin:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn ntopng_may_come_with_the_token_as_password_or_in_its_envelope() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let alert = |at: u8| host(&format!("192.0.2.{at}"), "store", 100);
    let with_secret = |at: u8, secret: &str| {
        envelope([alert(at)]).replacen('{', &format!("{{\"sharedsecret\":\"{secret}\","), 1)
    };
    let basic = |ask: Ask, password: &str| {
        ask.with("Authorization", &format!("Basic {}", base64(&format!("ntopng:{password}"))))
    };
    let door = |body: String| Ask::post("/v1/ingest/ntopng", body);
    let table = [
        (basic(door(envelope([alert(1)])), &engine.ingest_token), 200),
        (door(with_secret(2, &engine.ingest_token)), 200),
        (basic(door(envelope([alert(3)])), "wrong"), 401),
        (basic(door(envelope([alert(4)])), &engine.admin_token), 401),
        (door(with_secret(5, "wrong")), 401),
        (door(with_secret(6, "")), 401),
        (door(envelope([alert(7)])), 401),
        // The password is for ntopng's door only.
        (basic(Ask::post("/v1/alerts", native("x").to_string()), &engine.ingest_token), 401),
    ];
    for (ask, expected) in table {
        assert_eq!(engine.ask(&ask).await.status, expected, "{ask:?}");
    }
    capture.sees(2).await;
    assert_eq!(engine.deliveries(None).await.len(), 2);
    assert!("ntopng".len() + engine.ingest_token.len() <= 62, "ntopng cuts longer ones");
}

#[tokio::test]
async fn the_envelopes_secret_is_neither_stored_nor_sent_nor_logged() {
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await;
    let engine = site.start().await;
    let token = engine.ingest_token.clone();
    let whole = envelope([host("192.0.2.1", "store", 100)]).replacen(
        '{',
        &format!("{{\"sharedsecret\":\"{token}\","),
        1,
    );
    // Cut in the middle of an alert, so that it is no JSON and is kept as text.
    let broken = whole[..whole.len() - 40].to_owned();
    let mut ids = accepted(&engine.ask(&Ask::post("/v1/ingest/ntopng", whole)).await);
    ids.extend(accepted(&engine.post("/v1/ingest/ntopng", broken).await));
    assert_eq!(ids.len(), 2);
    for id in &ids {
        engine.reaches(id, "delivered").await;
    }

    engine.terminate().await;

    let mut read = 0;
    for (path, bytes) in files(site.folder()) {
        let is_kept_here = path.ends_with("ingest.token");
        assert_eq!(contains(&bytes, token.as_bytes()), is_kept_here, "{}", path.display());
        read += 1;
    }
    assert!(read >= 4, "store, two tokens and the log at least");
    let came = capture.sees(2).await;
    for request in &came {
        let all = format!("{:?} {}", request.head, request.text());
        assert!(!all.contains(&token), "{all}");
    }
    let kinds: Vec<_> = came.iter().flat_map(Request::alerts).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[tokio::test]
async fn a_ping_needs_its_token_and_stores_nothing() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let answer = engine.post("/v1/ingest/ntopng", envelope::<&str>([])).await;
    assert_eq!((answer.status, &answer.json()["accepted"]), (200, &json!([])));
    assert_eq!(engine.ask(&Ask::post("/v1/ingest/ntopng", envelope::<&str>([]))).await.status, 401);
    assert_eq!(engine.deliveries(None).await.len(), 0);
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_whether_or_not_it_says_its_length() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.set("ingest.body_bytes_max", "10000").start().await;
    for door in DOORS {
        let body = " ".repeat(10_001);
        let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let chunked = Ask::post(door, chunked).with("Transfer-Encoding", "chunked");
        for ask in [Ask::post(door, body.clone()), chunked] {
            let answer = engine.ask(&ask.bearing(&engine.ingest_token)).await;
            assert_eq!((answer.status, code(&answer)), (413, "too-large".to_owned()), "{door}");
        }
    }
    assert_eq!(engine.accepts(&native("fits")).await.len(), 1);
}

#[tokio::test]
async fn bad_input_is_refused_whole_with_its_place_unless_a_part_is_asked_for() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let batch =
        json!([native("good"), {"title": "bad", "severity": "enormous"}, {"severity": "error"}]);

    let refused = engine.post("/v1/alerts", batch.to_string()).await;

    assert_eq!((refused.status, code(&refused)), (400, "bad-input".to_owned()));
    let places = |list: &Value| -> Vec<(Value, Value)> {
        let list = list.as_array().cloned().unwrap_or_default();
        let expected = |one: &Value| one["expected"].as_str().is_some_and(|text| !text.is_empty());
        assert!(list.iter().all(expected), "{list:?}");
        list.into_iter().map(|one| (one["position"].clone(), one["field"].clone())).collect()
    };
    let expected = [(json!(1), json!("severity")), (json!(2), json!("title"))];
    assert_eq!(places(&refused.json()["errors"]), expected);
    assert_eq!(engine.deliveries(None).await.len(), 0);

    let partly = engine.post("/v1/alerts?partial=true", batch.to_string()).await;

    assert_eq!(accepted(&partly).len(), 1, "{}", partly.text());
    assert_eq!(places(&partly.json()["rejected"]), expected);
    capture.sees(1).await;

    let no_json = engine.post("/v1/alerts", "{\"title\":\n  oops}").await;
    assert_eq!((no_json.status, code(&no_json)), (400, "bad-input".to_owned()));
    assert_eq!(no_json.json()["errors"][0]["line"], 2, "{}", no_json.text());
}

#[tokio::test]
async fn lines_are_taken_as_alerts_and_a_bad_one_is_named_by_its_line() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let post = |body: String| {
        let mut ask = Ask::post("/v1/alerts", body).bearing(&engine.ingest_token);
        ask.headers[0].1 = "application/x-ndjson".to_owned();
        ask
    };
    let answer = engine.ask(&post(format!("{}\n{}\n", native("one"), native("two")))).await;
    assert_eq!(accepted(&answer).len(), 2);
    let answer = engine.ask(&post(format!("{}\n{{\"severity\":1}}\n", native("three")))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"][0]["line"], 2, "{}", answer.text());
}

#[tokio::test]
async fn what_ntopng_sends_is_kept_even_where_it_cannot_be_read() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let batch = [host("192.0.2.1", "store", 100), "17".to_owned(), "\"what\"".to_owned()];
    let accepted = engine.accepts_ntopng(&batch).await;
    assert_eq!(accepted.len(), 3);
    for id in &accepted {
        engine.reaches(id, "delivered").await;
    }
}

#[tokio::test]
async fn a_key_used_for_another_body_is_refused() {
    let capture = Capture::answering([200]).await;
    let engine = webhook_at(&capture).await.start().await;
    let ask = |title: &str| {
        Ask::post("/v1/alerts", native(title).to_string())
            .with("Idempotency-Key", "a-key")
            .bearing(&engine.ingest_token)
    };
    assert_eq!(engine.ask(&ask("one")).await.status, 200);
    let answer = engine.ask(&ask("two")).await;
    assert_eq!((answer.status, code(&answer)), (422, "key-reused".to_owned()));
    eventually("the first one arrives", || async { (capture.count() == 1).then_some(()) }).await;
    assert_eq!(engine.deliveries(None).await.len(), 1);
}

#[tokio::test]
async fn the_tokens_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await;
    let engine = site.start().await;
    for name in ["admin.token", "ingest.token", "campanile.db"] {
        let mode = fs::metadata(engine.data().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = fs::metadata(engine.data()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Every file beneath a folder, with its bytes.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Base64 with padding, for the one header that needs it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.as_bytes().chunks(3).flat_map(|three| {
        let bits =
            (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        (0..4).map(move |at| {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            if at > three.len() { '=' } else { char::from(digit) }
        })
    });
    digits.collect()
}

#[test]
fn base64_is_written_as_the_standard_says() {
    for (text, expected) in
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
    {
        assert_eq!(base64(text), expected, "{text:?}");
    }
}
