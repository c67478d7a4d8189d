//! Access tokens that the engine fetches and refreshes: the component only ever has a placeholder.

use std::sync::{Arc, Mutex};

use campanile_tests::alerts::native;
use campanile_tests::engine::Engine;
use campanile_tests::peer::http::{Request, Web, answer};
use campanile_tests::site::Site;
use serde_json::{Value, json};

const SECRET: &str = "client-secret-Zq81x7Lw";

/// Serials of the tokens that are good; each request to the token server brings the next one.
#[derive(Clone, Default)]
pub(crate) struct Issued(Arc<Mutex<Serials>>);

#[derive(Default)]
struct Serials {
    newest: u32,
    revoked: u32,
    refresh: Option<String>,
}

impl Issued {
    /// A token server. With a refresh token, it takes only the newest, and exchanges it each time.
    pub(crate) async fn server(&self) -> Web {
        let issued = self.clone();
        Web::saying(move |request| {
            let form = String::from_utf8_lossy(&request.body).into_owned();
            let mut serials = issued.0.lock().unwrap();
            if let Some(expected) = &serials.refresh {
                let right = format!("refresh_token={expected}");
                if !form.contains(&right) {
                    return answer(400, &[], br#"{"error":"invalid_grant"}"#);
                }
            }
            serials.newest += 1;
            let mut body = json!({"access_token": format!("access-{}-token", serials.newest),
                "token_type": "Bearer", "expires_in": 3600});
            if serials.refresh.is_some() {
                let next = format!("refresh-{}-token", serials.newest);
                body["refresh_token"] = json!(next);
                serials.refresh = Some(next);
            }
            answer(200, &[("content-type", "application/json")], body.to_string().as_bytes())
        })
        .await
    }

    /// A service that takes tokens which were not revoked.
    async fn service(&self) -> Web {
        let issued = self.clone();
        Web::saying(move |request| {
            let serials = issued.0.lock().unwrap();
            let serial = request.header("authorization").and_then(|value| {
                value.strip_prefix("Bearer access-")?.strip_suffix("-token")?.parse::<u32>().ok()
            });
            match serial {
                Some(serial) if serial > serials.revoked => answer(200, &[], b"thanks"),
                _ => answer(401, &[], b"who are you"),
            }
        })
        .await
    }

    /// No token of until now is good any more.
    fn revoke(&self) {
        let mut serials = self.0.lock().unwrap();
        serials.revoked = serials.newest;
    }
}

async fn site(service: &Web, server: &Web, more: &Value) -> Site {
    let steps = json!([{"send": {"url": "<url>",
        "headers": [["authorization", "Bearer <access_token>"]], "filling": "none"}}]);
    let mut settings = json!({
        "url": format!("http://{}/", service.address()),
        "other": "http://127.0.0.1:1/", "hook": "http://127.0.0.1:1/",
        "mail": "tcp://127.0.0.1:1", "datagrams": "udp://127.0.0.1:1",
        "token_url": format!("http://{}/token", server.address()),
        "client_id": "campanile", "scope": "alerts.write", "delivers": true, "steps": steps,
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let site = Site::new().await.with_hostile("thief").set("retry.attempts_max", "2");
    site.endpoint("it", "thief", &settings).recipient("all", "it", &json!({}))
}

async fn sends(engine: &Engine, title: &str) -> String {
    let id = engine.accepts(&native(title)).await.swap_remove(0);
    engine.record_of(&id).await.join(", ")
}

fn tokens_of(requests: &[Request]) -> Vec<String> {
    let header = |one: &Request| one.header("authorization").unwrap_or_default().to_owned();
    requests.iter().map(header).collect()
}

#[tokio::test]
async fn one_token_serves_many_deliveries_and_no_component_or_operator_sees_it() {
    let issued = Issued::default();
    let (service, server) = (issued.service().await, issued.server().await);
    let site = site(&service, &server, &json!({"client_secret": SECRET})).await;
    let engine = site.start().await;
    for title in ["one", "two", "three"] {
        assert_eq!(sends(&engine, title).await, "delivered: 200");
    }
    assert_eq!(tokens_of(&service.requests()), ["Bearer access-1-token"; 3]);
    let asked = server.requests();
    assert_eq!(asked.len(), 1, "one token for all");
    assert_eq!(asked[0].head.line, "POST /token HTTP/1.1");
    let basic = "Basic Y2FtcGFuaWxlOmNsaWVudC1zZWNyZXQtWnE4MXg3THc=";
    assert_eq!(asked[0].header("authorization"), Some(basic));
    assert_eq!(asked[0].body, b"grant_type=client_credentials&scope=alerts.write");
    for path in ["/v1/deliveries?limit=100", "/v1/audit", "/metrics", "/v1/export"] {
        let shown = engine.get(path).await.text();
        assert!(!shown.contains(SECRET) && !shown.contains("access-1-token"), "{path}: {shown}");
    }
    let log = site.log();
    assert!(!log.contains(SECRET) && !log.contains("access-1"), "{log}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_anew_once_before_anybody_is_paused() {
    let issued = Issued::default();
    let (service, server) = (issued.service().await, issued.server().await);
    let site = site(&service, &server, &json!({"client_secret": SECRET})).await;
    let engine = site.start().await;
    assert_eq!(sends(&engine, "before").await, "delivered: 200");
    issued.revoke();
    assert_eq!(sends(&engine, "after").await, "delivered: 200", "within one attempt");
    let bearers = tokens_of(&service.requests());
    assert_eq!(bearers[1..], ["Bearer access-1-token", "Bearer access-2-token"]);

    // A service that refuses fresh tokens too needs a person.
    issued.0.lock().unwrap().revoked = u32::MAX;
    let id = engine.accepts(&native("refused")).await.swap_remove(0);
    let paused = campanile_tests::eventually("the endpoint is paused", || async {
        let shown = engine.get("/v1/endpoints/it").await.json();
        (shown["state"] == "paused").then_some(shown)
    })
    .await;
    assert_eq!(paused["pause"]["by"], "verdict", "{paused}");
    assert_eq!(engine.deliveries_of(&id).await[0]["state"], "pending");
    assert_eq!(server.requests().len(), 3, "one fresh try, not more");
}

#[tokio::test]
async fn an_exchanged_refresh_token_is_stored_before_its_access_token_is_used() {
    let issued = Issued::default();
    issued.0.lock().unwrap().refresh = Some("refresh-0-token".to_owned());
    let (service, server) = (issued.service().await, issued.server().await);
    let more = json!({"client_secret": SECRET, "refresh_token": "refresh-0-token"});
    let site = site(&service, &server, &more).await;
    let engine = site.start().await;
    assert_eq!(sends(&engine, "one").await, "delivered: 200");
    // Killed at once: what the service was shown came after the store had the new one.
    engine.kill().await;
    let engine = site.start_as_it_was().await;
    assert_eq!(sends(&engine, "two").await, "delivered: 200", "by the second refresh token");
    let forms: Vec<_> = server.requests().iter().map(Request::text).collect();
    assert!(forms[1].contains("refresh_token=refresh-1-token"), "{forms:?}");
    let audit = engine.get("/v1/audit").await.text();
    assert!(audit.contains("the token server") && !audit.contains("refresh-1"), "{audit}");
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_told() {
    let issued = Issued::default();
    let service = issued.service().await;
    let server = Web::saying(|_| answer(401, &[], br#"{"error":"invalid_client"}"#)).await;
    let site = site(&service, &server, &json!({"client_secret": SECRET})).await;
    let engine = site.start().await;
    engine.accepts(&native("one")).await;
    let paused = campanile_tests::eventually("the endpoint is paused", || async {
        let shown = engine.get("/v1/endpoints/it").await.json();
        (shown["state"] == "paused").then_some(shown)
    })
    .await;
    assert!(paused["pause"]["detail"].as_str().unwrap().contains("invalid_client"), "{paused}");
    assert_eq!(service.requests(), []);
}
