//! Elasticsearch at an index that speaks as OpenSearch does.

use campanile_tests::peers::osmem::Osmem;
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{alerts, probes, sends};

#[tokio::test]
async fn documents_are_found_again_field_by_field_and_are_there_once() {
    let Some(index) = Osmem::start().await else { return };
    for (compress, name) in [(true, "packed"), (false, "plain")] {
        let settings = json!({"url": index.url(), "product": "opensearch", "compress": compress});
        let recipient = json!({"target_kind": "index_or_alias", "index": name});
        let site = Site::new().await.endpoint("search", "elasticsearch", &settings);
        let engine = site.recipient("ops", "search", &recipient).start().await;
        let (certainty, found) = probes(&engine).await;
        assert_ne!(certainty, "failed", "{found}");
        let mut ids = vec![];
        for alert in alerts() {
            let (id, record) = sends(&engine, &alert).await;
            assert!(record.starts_with("delivered"), "{record}");
            ids.push(id);
        }

        let all = index.finds(name, &json!({"match_all": {}})).await;

        assert_eq!(all.len(), ids.len(), "{all:?}");
        let document = |at: usize| -> &Value {
            let id = format!("{}-stored", ids[at]);
            let found = all.iter().find(|one| one["_id"] == id.as_str());
            &found.unwrap_or_else(|| panic!("no {id} in {all:?}"))["_source"]
        };
        for (at, sent) in alerts().iter().enumerate() {
            let source = document(at);
            let original = source.pointer("/event/original").and_then(Value::as_str);
            let original = original.unwrap_or_else(|| panic!("no original in {source}"));
            assert_eq!(&serde_json::from_str::<Value>(original).unwrap(), sent);
            let time = source["@timestamp"].as_str().unwrap_or_default();
            assert_eq!(time, "2025-01-01T00:00:00.250Z");
        }
        let first = document(0).to_string();
        for part in ["Disk full", "/var is at 97 %", "192.0.2.5", "critical"] {
            assert!(first.contains(part), "{part}: {first}");
        }
        // What the index made of it can be searched by a field.
        let found = index.finds(name, &json!({"match": {"event.id": ids[1]}})).await;
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[tokio::test]
async fn a_daily_index_is_the_alerts_day() {
    let Some(index) = Osmem::start().await else { return };
    let settings = json!({"url": index.url(), "product": "opensearch"});
    let recipient = json!({"target_kind": "daily_index"});
    let site = Site::new().await.endpoint("search", "elasticsearch", &settings);
    let engine = site.recipient("ops", "search", &recipient).start().await;
    let batch = json!(alerts());
    let ids = engine.accepts(&batch).await;
    for id in &ids {
        engine.reaches(id, "delivered").await;
    }
    let found = index.finds("alerts-ntopng-2025.01.01", &json!({"match_all": {}})).await;
    assert_eq!(found.len(), ids.len(), "{found:?}");
}
