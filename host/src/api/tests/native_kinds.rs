//! A kind of the engine beside components: set up, tried, sent through and shown by the same routes.

use serde_json::{Value, json};

use super::stand_in::StandIn;
use crate::ids::DeliveryId;
use crate::runtime::ComponentHash;
use crate::runtime::native::Natives;
use crate::runtime::native::tests::Keeper;
use crate::tenant::Role;

async fn put(host: &StandIn, path: &str, body: &Value) -> (u16, Value) {
    let headers = host.bearer(Role::Admin);
    let answer = host.raw("PUT", path, &headers, &body.to_string()).await;
    (answer.status, answer.json())
}

async fn ask(host: &StandIn, path: &str, body: &Value) -> Value {
    let headers = host.bearer(Role::Admin);
    let answer = host.raw("POST", path, &headers, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// An endpoint of the kind, and a recipient who gets everything.
async fn set_up(host: &StandIn) {
    let endpoint = json!({ "kind": "keeper" });
    let recipient = json!({ "endpoint": "kept", "filter": { "minimum_severity": "none" } });
    let table = [("/v1/endpoints/kept", endpoint), ("/v1/recipients/keeper", recipient)];
    for (path, body) in table {
        let (status, answer) = put(host, path, &body).await;
        assert_eq!(status, 201, "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_delivery_by_a_native_kind_is_recorded_with_what_its_program_printed() {
    let keeper = Keeper::new("keeper");
    let host = StandIn::sending(keeper.on(), "").await;
    set_up(&host).await;
    host.post("/v1/alerts", "", r#"{"title":"one","may_ban":true}"#).await;
    let one = host.sees_delivered("keeper").await;
    let tried = &one["tries"][0];
    assert_eq!((&one["state"], &tried["origin"]), (&json!("delivered"), &json!("keeper:kept")));
    assert_eq!(
        (&tried["output"], &tried["program_sha256"]),
        (&json!("kept\n"), &json!("07".repeat(32)))
    );
    assert!(one["last"].get("output").is_none(), "a list would be too long: {one}");
    let metrics = host.get("/metrics").await.body;
    let counted =
        metrics.lines().any(|line| line.contains("kind=\"keeper\"") && line.ends_with(" 1"));
    assert!(counted, "{metrics}");
    assert_eq!(keeper.told(1).await.len(), 1);
}

#[tokio::test]
async fn which_token_an_alert_came_by_decides_whether_it_may_ban_and_nothing_in_it_does() {
    let table = [
        // may_ban of [api], by the ingest token, by the admin token
        ("", [false, false]),
        ("may_ban = ['ingest']", [true, false]),
        ("may_ban = ['admin']", [false, true]),
        ("may_ban = ['ingest', 'admin']", [true, true]),
    ];
    for (api, expected) in table {
        let keeper = Keeper::new("keeper");
        let host = StandIn::sending(keeper.on(), api).await;
        set_up(&host).await;
        let claims = r#"{"title":"one","may_ban":true,"labels":{"may_ban":"true"}}"#;
        for (at, role) in [(1, Role::Ingest), (2, Role::Admin)] {
            let headers = host.bearer(role) + "idempotency-key: a\r\n";
            assert_eq!(host.raw("POST", "/v1/alerts", &headers, claims).await.status, 200);
            // One after the other, so that each is a message of its own.
            keeper.told(at).await;
        }
        let told = keeper.told(2).await;
        let found: Vec<_> = told.iter().map(|one| &one["may_ban"]).collect();
        assert_eq!(found, [&json!([expected[0]]), &json!([expected[1]])], "{api:?}");
        let alerts = host.get("/v1/alerts").await.json();
        let id = alerts["alerts"][0]["id"].as_str().unwrap();
        let shown = host.get(&format!("/v1/alerts/{id}")).await.json();
        assert!(shown["alert"].get("may_ban").is_none(), "{shown}");
    }
}

#[tokio::test]
async fn the_secret_of_an_envelope_counts_as_its_token() {
    let keeper = Keeper::new("keeper");
    let host = StandIn::sending(keeper.on(), "may_ban = ['ingest']").await;
    set_up(&host).await;
    let envelope = json!({
        "version": "0.2", "sharedsecret": host.token(Role::Ingest),
        "alerts": [{ "tstamp": 1_795_488_660, "name": "x", "severity": 5, "score": 100 }],
    });
    let answer = host.raw("POST", "/v1/ingest/ntopng", "", &envelope.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(keeper.told(1).await[0]["may_ban"], json!([true]));
}

#[tokio::test]
async fn a_preview_shows_what_an_alert_that_may_ban_would_do_and_a_test_is_the_admins() {
    let keeper = Keeper::new("keeper");
    let host = StandIn::sending(keeper.on(), "").await;
    set_up(&host).await;
    for target in [json!({ "recipient": "keeper" }), json!({})] {
        let shown = ask(&host, "/v1/preview", &target).await;
        let messages = shown["messages"].as_array().unwrap();
        let [only] = &messages[..] else { panic!("{shown}") };
        let body: Value = serde_json::from_str(only["body"].as_str().unwrap()).unwrap();
        assert_eq!((&only["kind"], &body["may_ban"]), (&json!("keeper"), &json!([true])));
    }
    let tested = ask(&host, "/v1/test", &json!({ "recipient": "keeper" })).await;
    assert_eq!(tested["probe"]["certainty"], "likely", "{tested}");
    assert_eq!(tested["sent"]["outcome"], "delivered", "{tested}");
    let told = keeper.told(1).await;
    assert_eq!((&told[0]["is_test"], &told[0]["may_ban"]), (&json!(true), &json!([true])));
    assert_eq!(told.len(), 1, "a preview delivers nothing");
}

#[tokio::test]
async fn a_native_kind_is_shown_as_a_component_is_and_cannot_be_revoked() {
    let host = StandIn::sending(Keeper::new("keeper").on(), "").await;
    let one = host.get("/v1/components/keeper").await.json();
    assert_eq!((&one["state"], &one["about"]["world"]), (&json!("built-in"), &json!("native")));
    assert_eq!(one["about"]["wasm_bytes"], 0);
    let kind = host.get("/v1/kinds/keeper").await.json();
    assert_eq!((&kind["state"], &kind["world"]), (&json!("built-in"), &json!("native")));
    let path = "/v1/components/keeper/revoke";
    let refused = host.raw("POST", path, &host.bearer(Role::Admin), "{}").await;
    assert_eq!((refused.status, refused.code()), (409, "built-in".to_owned()));
    assert!(refused.body.contains("`privileged.toml`"), "{refused:?}");
    let approved = json!({ "hash": one["hash"] });
    assert_eq!(ask(&host, "/v1/components/keeper/approve", &approved).await["state"], "built-in");
}

#[tokio::test]
async fn a_kind_that_is_off_says_what_turns_it_on() {
    let off = Natives { on: Vec::new(), off: vec!["keeper".to_owned()] };
    let host = StandIn::sending(off, "").await;
    let expected = "the kind `keeper` is off; `privileged.toml` turns it on";
    let (status, refused) = put(&host, "/v1/endpoints/kept", &json!({ "kind": "keeper" })).await;
    assert_eq!((status, &refused["code"]), (422, &json!("bad-setup")), "{refused}");
    assert!(refused.to_string().contains(expected), "{refused}");
    let shown = host.get("/v1/components/keeper").await;
    assert_eq!(shown.status, 404);
    assert!(shown.body.contains(expected), "{shown:?}");
    assert_eq!(host.get("/v1/components").await.json()["components"], json!([]));
    let (_, other) = put(&host, "/v1/endpoints/kept", &json!({ "kind": "keepers" })).await;
    assert!(!other.to_string().contains("is off"), "{other}");
}

#[tokio::test]
async fn a_message_that_the_kind_did_not_make_is_made_anew() {
    let keeper = Keeper::new("keeper");
    for is_own in [true, false] {
        let mut host = StandIn::waiting(keeper.on(), "").await;
        set_up(&host).await;
        host.post("/v1/alerts", "", r#"{"title":"one"}"#).await;
        let all = host.get("/v1/deliveries?recipient=keeper").await.json();
        let id: DeliveryId = all["deliveries"][0]["id"].as_str().unwrap().parse().unwrap();
        let own = host.get("/v1/kinds/keeper").await.json()["sha256"].as_str().unwrap().to_owned();
        let component = if is_own { ComponentHash::parse(&own).unwrap().0 } else { [9; 32] };
        // What lay in the store under the name of the kind.
        host.keep_one(id.recipient, component, r#"{"may_ban":[true]}"#).await;
        let before = keeper.told(0).await.len();
        host.send();
        let told = keeper.told(before + 1).await;
        assert_eq!(told[before]["may_ban"], json!([is_own]), "{told:?}");
        let one = host.sees_delivered("keeper").await;
        let codes: Vec<_> = one["tries"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
        let expected: &[&str] = if is_own { &["410", ""] } else { &["410", "outdated", ""] };
        assert_eq!(codes, expected);
    }
}
