//! The audit log: who changed what, and that nobody changes the log.

use campanile_tests::capture::Capture;
use campanile_tests::site::Site;
use serde_json::{Value, json};

#[tokio::test]
async fn each_change_has_an_entry_with_who_from_where_and_what_and_no_secret() {
    let capture = Capture::answering([200]).await;
    let engine = Site::new().await.start_as_it_was().await;
    let url = format!("{}?key=hunter2", capture.url());
    let hook = json!({ "kind": "webhook", "settings": { "url": url } });
    engine.call("PUT", "/v1/endpoints/hook", &hook).await;
    let changed = json!({ "kind": "webhook", "settings": { "url": url, "timeout_ms": 1077 } });
    engine.call("PUT", "/v1/endpoints/hook", &changed).await;
    engine.call("PUT", "/v1/endpoints/hook", &changed).await;
    engine.call("POST", "/v1/endpoints/hook/pause", &json!({})).await;
    engine.call("DELETE", "/v1/endpoints/hook", &json!({})).await;

    let audit = engine.get("/v1/audit").await.json();

    let entries = audit["entries"].as_array().expect("entries");
    let actions: Vec<_> = entries.iter().rev().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["grant", "create", "update", "pause", "remove"],
        "what changes nothing has no entry"
    );
    // What the operator's file grants is told at the start that found it so.
    let granted = &entries[4];
    assert_eq!(granted["object"], "configuration");
    assert_eq!(granted["detail"]["after"]["egress"]["grant"][0]["endpoints"], json!(["*"]));
    let update = &entries[2];
    assert_eq!(update["object"], "endpoint hook");
    assert_eq!(update["detail"]["fields"][0]["path"], "settings.timeout_ms");
    assert!(update["actor"].as_str().unwrap().starts_with("admin token "), "{update}");
    let source = update["source"].as_str().unwrap();
    assert!(
        source.starts_with("127.0.0.1:") && source.ends_with(", PUT /v1/endpoints/hook"),
        "{source}"
    );
    let verified = engine.get("/v1/audit/verify").await.json();
    assert_eq!((&verified["entries"], &verified["broken_at"]), (&json!(5), &Value::Null));
    assert_eq!(verified["head"], entries[0]["hash"]);
}

#[tokio::test]
async fn an_entry_that_was_changed_or_taken_out_behind_the_engines_back_shows() {
    let site = Site::new().await;
    for (behind_its_back, broken_at) in [
        ("update audit set object = 'endpoint other' where seq = 2", 2),
        ("delete from audit where seq = 3", 3),
        ("update audit set detail = '{}' where seq = 1", 1),
    ] {
        let engine = site.start_as_it_was().await;
        for name in ["a", "b", "c", "d"] {
            let hook = json!({ "kind": "webhook", "settings": { "url": "http://127.0.0.1:1/" } });
            engine.call("PUT", &format!("/v1/endpoints/{name}"), &hook).await;
        }
        assert_eq!(engine.get("/v1/audit/verify").await.json()["broken_at"], Value::Null);
        engine.terminate().await;

        let file = site.data().join("campanile.db");
        let store = rusqlite::Connection::open(&file).unwrap();
        let refused = store.execute(behind_its_back, []).unwrap_err().to_string();
        assert!(refused.contains("only added to"), "{refused}");
        store
            .execute_batch("drop trigger audit_is_not_changed; drop trigger audit_is_not_cut;")
            .unwrap();
        assert_eq!(store.execute(behind_its_back, []).unwrap(), 1);
        drop(store);

        let engine = site.start_as_it_was().await;
        let verified = engine.get("/v1/audit/verify").await.json();
        assert_eq!(verified["broken_at"], broken_at, "{behind_its_back}");
        engine.terminate().await;
        std::fs::remove_dir_all(site.data()).unwrap();
    }
}
