//! The doors of other programs: how they prove themselves, and what becomes of what they send.

use serde_json::json;

use super::peer;
use super::stand_in::StandIn;
use crate::tenant::Role;

#[tokio::test]
async fn ntopng_proves_itself_by_header_by_password_or_by_the_envelope() {
    use base64::Engine as _;
    let host = StandIn::start().await;
    let (admin, ingest) = (host.token(Role::Admin), host.token(Role::Ingest));
    let basic = |pair: String| {
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("authorization: Basic {pair}\r\n")
    };
    let table = [
        // header, secret of the envelope, status
        (host.bearer(Role::Ingest), "", 200),
        (host.bearer(Role::Ingest), "meant for another receiver", 200),
        (host.bearer(Role::Admin), "", 200),
        (basic(format!("ntopng:{ingest}")), "", 200),
        (basic(format!("ntopng:{admin}")), "", 401),
        (basic("ntopng:wrong".into()), &ingest, 401),
        (String::new(), &ingest, 200),
        (String::new(), &admin, 401),
        (String::new(), "wrong", 401),
        (String::new(), "", 401),
    ];
    for (at, (header, secret, expected)) in table.into_iter().enumerate() {
        let before = host.committed().await;
        let body = json!({ "sharedsecret": secret, "alerts": [{"alert_id": at}] });
        let answer = host.raw("POST", "/v1/ingest/ntopng", &header, &body.to_string()).await;
        assert_eq!(answer.status, expected, "row {at}");
        assert_eq!(host.committed().await - before, u64::from(expected == 200), "row {at}");
    }
    let answer = host.raw("POST", "/v1/ingest/ntopng", "", "{").await;
    assert_eq!(answer.status, 401, "a stranger learns nothing about the body");
}

#[tokio::test]
async fn a_ping_of_ntopng_is_answered_and_leaves_nothing() {
    let host = StandIn::start().await;
    let ping = r#"{"version":"0.2","alerts":[]}"#;
    for _ in 0..2 {
        let answer = host.post("/v1/ingest/ntopng", "", ping).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, None));
        assert_eq!(answer.json()["accepted"], json!([]));
    }
    assert_eq!(host.raw("POST", "/v1/ingest/ntopng", "", ping).await.status, 401);
    assert_eq!(host.committed().await, 0);
}

#[tokio::test]
async fn alertmanager_proves_itself_by_token_or_by_password_before_its_body_is_read() {
    use base64::Engine as _;
    const DOOR: &str = "/v1/ingest/alertmanager";
    let host = StandIn::start().await;
    let (admin, ingest) = (host.token(Role::Admin), host.token(Role::Ingest));
    let basic = |pair: String| {
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("authorization: Basic {pair}\r\n")
    };
    let table = [
        (host.bearer(Role::Ingest), 200),
        (host.bearer(Role::Admin), 200),
        (basic(format!("alertmanager:{ingest}")), 200),
        (basic(format!("alertmanager:{admin}")), 401),
        (basic("alertmanager:wrong".into()), 401),
        (String::new(), 401),
    ];
    for (at, (header, expected)) in table.into_iter().enumerate() {
        let before = host.committed().await;
        let alert = json!({"status": "firing", "labels": {"alertname": format!("Row{at}")}});
        let body = json!({"version": "4", "sharedsecret": ingest, "alerts": [alert]}).to_string();
        let answer = host.raw("POST", DOOR, &header, &body).await;
        assert_eq!(answer.status, expected, "row {at}: {answer:?}");
        assert_eq!(host.committed().await - before, u64::from(expected == 200), "row {at}");
    }
    // The body never comes: the answer shows that nobody waited for it.
    let head = format!("POST {DOOR} HTTP/1.1\r\nhost: {}\r\n", host.address());
    let request = head + "content-length: 60000\r\n\r\n";
    assert_eq!(peer::exchange(host.address(), request.as_bytes()).await.status, 401);
    let metrics = host.get("/metrics").await.body;
    assert!(metrics.contains(r#"campanile_alerts_total{producer="alertmanager"} 3"#), "{metrics}");
}

#[tokio::test]
async fn of_alertmanagers_group_the_good_alerts_are_taken_and_the_others_listed() {
    const DOOR: &str = "/v1/ingest/alertmanager";
    let host = StandIn::start().await;
    let (good, bad) = (r#"{"status":"firing","labels":{"alertname":"A"}}"#, r#"{"status":"on"}"#);
    let body = format!(r#"{{"version":"4","alerts":[{bad},{good}]}}"#);
    for replayed in [None, Some("true")] {
        let answer = host.post(DOOR, "", &body).await;
        assert_eq!((answer.status, answer.header("idempotency-replayed")), (200, replayed));
        assert_eq!(answer.json()["accepted"].as_array().unwrap().len(), 1, "{answer:?}");
        assert_eq!(answer.json()["rejected"][0]["position"], 0);
        assert_eq!(answer.json()["rejected"][0]["field"], "status");
    }
    assert_eq!(host.committed().await, 1);

    let none = format!(r#"{{"alerts":[{bad},7]}}"#);
    for (body, errors) in [(none.as_str(), 2), ("{", 1), ("{}", 1)] {
        let answer = host.post(DOOR, "", body).await;
        assert_eq!((answer.status, answer.code()), (400, "bad-input".into()), "{body}");
        assert_eq!(answer.json()["errors"].as_array().unwrap().len(), errors, "{body}");
    }
    assert_eq!(host.post(DOOR, "", r#"{"alerts":[]}"#).await.status, 200);
    let large = format!(r#"{{"alerts":[{good}]{}}}"#, " ".repeat(65536));
    let answer = host.post(DOOR, "", &large).await;
    assert_eq!((answer.status, answer.code()), (413, "too-large".into()));
    assert_eq!(host.committed().await, 1);
}
