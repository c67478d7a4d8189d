use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ids::AlertIds;
use crate::ingest::{ALERT_BYTES_MAX, NESTING_COUNT_MAX};

const NOW_MS: u64 = 1_795_489_000_000;

/// What Alertmanager 0.25 of Debian posted for two alerts with `max_alerts: 1`.
const FIRING: &str = r#"{"receiver":"c","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"page"},"annotations":{"description":"d","summary":"Disk \u003cfull\u003e \u0026 ü"},"startsAt":"2026-11-24T09:42:16.625914324Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom/graph?g0.expr=a%3E1","fingerprint":"dbf4c76bc11427f5"}],"groupLabels":{"alertname":"DiskFull"},"commonLabels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"page"},"commonAnnotations":{"description":"d","summary":"Disk \u003cfull\u003e \u0026 ü"},"externalURL":"http://vm:19093","version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","truncatedAlerts":1}
"#;
/// And when it was resolved by one who sent neither annotations nor the page again.
const RESOLVED: &str = r#"{"receiver":"c","status":"resolved","alerts":[{"status":"resolved","labels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"page"},"annotations":{},"startsAt":"2026-11-24T09:42:16.625914324Z","endsAt":"2026-11-24T09:43:16Z","generatorURL":"","fingerprint":"dbf4c76bc11427f5"}],"groupLabels":{"alertname":"DiskFull"},"commonLabels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"page"},"commonAnnotations":{},"externalURL":"http://vm:19093","version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","truncatedAlerts":0}
"#;

fn read_at(body: &[u8], now_ms: u64) -> Result<Vec<Result<Alert, Rejection>>, BadBody> {
    let ids = AlertIds::default();
    read(body, &Arrival { tenant: TenantId::DEFAULT, now_ms, ids: &ids })
}

fn all(body: impl AsRef<[u8]>) -> Vec<Result<Alert, Rejection>> {
    read_at(body.as_ref(), NOW_MS).unwrap_or_else(|bad| panic!("{bad}"))
}

/// In an envelope that has only what it must.
fn of_one(alert: &Value) -> Result<Alert, Rejection> {
    let mut read = all(json!({"version": "4", "alerts": [alert]}).to_string());
    assert_eq!(read.len(), 1, "{alert}");
    read.remove(0)
}

fn one(alert: &Value) -> Alert {
    of_one(alert).unwrap_or_else(|rejection| panic!("{rejection}"))
}

fn firing(labels: &Value, annotations: &Value) -> Value {
    json!({"status": "firing", "labels": labels, "annotations": annotations})
}

#[test]
fn what_alertmanager_posts_arrives_field_by_field() {
    let alert = all(FIRING).remove(0).unwrap();
    let raw = &FIRING[FIRING.find(r#"{"status":"firing","labels""#).unwrap()..];
    assert_eq!(alert.raw, raw[..raw.find("],\"groupLabels").unwrap()], "byte for byte");
    assert_eq!((alert.tenant, alert.episode), (TenantId::DEFAULT, alert.id));
    let expected = json!({
        "producer": "alertmanager", "time_ms": 1_795_513_336_625_u64, "received_ms": NOW_MS,
        "severity": "critical", "score": 200, "action": "engage", "category": "system",
        "alert_type": "DiskFull", "title": "Disk <full> & ü", "text": "d",
        "entity_kind": "instance", "entity_value": "db-1:9100",
        "link": "http://prom/graph?g0.expr=a%3E1",
        "labels": [["alertname", "DiskFull"], ["instance", "db-1:9100"], ["severity", "page"]],
        "annotations": [["description", "d"], ["summary", "Disk <full> & ü"]],
    });
    assert_eq!(serde_json::to_value(&alert).unwrap(), expected);
}

#[test]
fn a_release_shares_time_and_fingerprint_with_its_engage_and_tells_its_end() {
    let (engage, release) = (all(FIRING).remove(0).unwrap(), all(RESOLVED).remove(0).unwrap());
    assert_eq!(release.action, Action::Release);
    assert_eq!((release.fingerprint, release.time_ms), (engage.fingerprint, engage.time_ms));
    assert_eq!(release.ended_ms, Some(1_795_513_396_000));
    assert_eq!(release.title, "DiskFull", "without a summary by its name");
    assert_eq!(release.link.as_deref(), Some("http://vm:19093/"), "Alertmanager's own page");

    let zero =
        json!({"status": "resolved", "labels": {"a": "b"}, "endsAt": "0001-01-01T00:00:00Z"});
    assert_eq!((one(&zero).ended_ms, one(&zero).time_ms), (None, NOW_MS));
}

#[test]
fn an_alert_that_is_sent_again_has_the_same_fingerprint_and_time() {
    let first = all(FIRING).remove(0).unwrap();
    let again = FIRING.replace("\"d\"", "\"another text\"").replace("\"c\"", "\"other\"");
    let again = read_at(again.as_bytes(), NOW_MS + 60_000).unwrap().remove(0).unwrap();
    assert_eq!((again.fingerprint, again.time_ms), (first.fingerprint, first.time_ms));
    assert_ne!((again.id, again.received_ms), (first.id, first.received_ms));
}

#[test]
fn without_alertmanagers_fingerprint_the_labels_tell_alerts_apart() {
    let of = |labels: Value| one(&firing(&labels, &json!({}))).fingerprint;
    let first = of(json!({"alertname": "A", "instance": "x"}));
    assert_eq!(first, of(json!({"instance": "x", "alertname": "A"})), "in any order");
    for other in [
        json!({"alertname": "A", "instance": "y"}),
        json!({"alertname": "A"}),
        json!({"alertname": "A", "instancex": ""}),
        json!({"alertname": "A", "instance": "x", "job": "j"}),
    ] {
        assert_ne!(first, of(other.clone()), "{other}");
    }
    let mut empty = firing(&json!({"alertname": "A", "instance": "x"}), &json!({}));
    empty["fingerprint"] = "".into();
    assert_eq!(first, one(&empty).fingerprint);
}

#[test]
fn what_is_absent_has_the_next_best_in_its_place() {
    let table = [
        // labels, annotations: title, text, type, entity
        (
            json!({"alertname": "A b", "instance": " "}),
            json!({"message": "m", "summary": ""}),
            ("A b", "m", "a_b", "alertname", "A b"),
        ),
        (
            json!({"alertname": "A:b", "instance": "x"}),
            json!({"message": "m", "description": "d", "summary": "s"}),
            ("s", "d", "A:b", "instance", "x"),
        ),
        (json!({"alertname": "Ü"}), json!({"summary": "s"}), ("s", "s", "ü", "alertname", "Ü")),
        (json!({"job": "j"}), json!({}), ("Alert", "", "alert", "other", "")),
    ];
    for (labels, annotations, expected) in table {
        let alert = one(&firing(&labels, &annotations));
        let found = (
            alert.title.as_str(),
            alert.text.as_str(),
            alert.alert_type.as_str(),
            alert.entity_kind.as_str(),
            alert.entity_value.as_str(),
        );
        assert_eq!(found, expected, "{labels} {annotations}");
    }
    assert!(of_one(&json!({"status": "firing", "labels": {"a": "b"}})).is_ok());
}

#[test]
fn severity_and_category_come_from_labels_and_have_a_default() {
    let table = [
        (json!({"a": "b"}), (Severity::Warning, 50, "system")),
        (json!({"severity": "sev1", "category": ""}), (Severity::Warning, 50, "system")),
        (json!({"severity": "none", "category": "Network"}), (Severity::None, 0, "network")),
        (json!({"severity": "Critical", "category": "a b"}), (Severity::Critical, 200, "a_b")),
    ];
    for (labels, (severity, score, category)) in table {
        let alert = one(&firing(&labels, &json!({})));
        assert_eq!((alert.severity, alert.score), (severity, score), "{labels}");
        assert_eq!(alert.category, category, "{labels}");
    }
}

#[test]
fn a_link_is_a_page_on_the_web_or_alertmanagers_own_or_none() {
    let table = [
        (json!("https://p.example/g"), json!("http://am:9093"), Some("https://p.example/g")),
        (json!("javascript:alert(1)"), json!("http://am:9093"), Some("http://am:9093/")),
        (json!(""), json!("file:///etc/passwd"), None),
        (json!(""), json!(7), None),
    ];
    for (generator, external, expected) in table {
        let alert = json!({"status": "firing", "labels": {"a": "b"}, "generatorURL": generator});
        let body = json!({"alerts": [alert], "externalURL": external}).to_string();
        let alert = all(&body).remove(0).unwrap();
        assert_eq!(alert.link.as_deref(), expected, "{body}");
    }
}

#[test]
fn one_bad_alert_costs_only_itself_and_is_told_with_its_place() {
    let good = json!({"status": "firing", "labels": {"alertname": "A"}});
    let with = |key: &str, value: Value| {
        let mut alert = good.clone();
        alert[key] = value;
        alert.to_string()
    };
    let deep = "[".repeat(NESTING_COUNT_MAX) + &"]".repeat(NESTING_COUNT_MAX);
    let table = [
        ("7".to_owned(), "", "one JSON object"),
        ("{}".to_owned(), "status", "firing or resolved; it is missing"),
        (with("status", json!("suppressed")), "status", "firing or resolved"),
        (r#"{"status":"firing"}"#.to_owned(), "labels", "it is missing"),
        (with("labels", json!({})), "labels", "at least one label"),
        (with("labels", json!([])), "labels", "a JSON object"),
        (with("labels", json!({"a": 1})), "labels.a", "a string"),
        (with("annotations", json!({"a": null})), "annotations.a", "a string"),
        (
            r#"{"status":"firing","labels":{"a":"b","a":"c"}}"#.to_owned(),
            "labels.a",
            "this key once",
        ),
        (with("startsAt", json!("yesterday")), "startsAt", "RFC 3339"),
        (with("startsAt", json!(7)), "startsAt", "RFC 3339"),
        (with("startsAt", json!("1969-12-31T23:59:59Z")), "startsAt", "RFC 3339"),
        (with("generatorURL", json!(7)), "generatorURL", "a string"),
        (with("fingerprint", json!(7)), "fingerprint", "a string"),
        (with("x", json!("x".repeat(ALERT_BYTES_MAX))), "", "at most 65536 bytes"),
        (format!(r#"{{"x":{deep}}}"#), "", "inside one another"),
    ];
    for (bad, field, expected) in table {
        let read = all(format!(r#"{{"alerts":[{good},{bad},{good}]}}"#));
        assert!(read[0].is_ok() && read[2].is_ok() && read.len() == 3, "{bad}");
        let rejection = read[1].as_ref().expect_err(&bad);
        assert_eq!((rejection.position, rejection.field.as_str()), (1, field), "{rejection}");
        assert!(rejection.expected.contains(expected), "{rejection}");
    }
}

#[test]
fn long_texts_and_many_labels_are_cut_and_stay_whole_in_the_raw_alert() {
    let mut labels: serde_json::Map<_, _> =
        (0..80).map(|at| (format!("l{at}"), json!("v"))).collect();
    labels.insert("alertname".into(), "n".repeat(300).into());
    let alert = firing(&labels.into(), &json!({"description": "t\0".repeat(9000)}));
    let read = one(&alert);
    assert_eq!(read.labels.len(), bounds::PAIRS_COUNT_MAX);
    assert_eq!((read.title.len(), read.alert_type.len()), (256, 64));
    assert_eq!((read.text.chars().count(), read.text.contains('\0')), (16_384, false));
    assert_eq!(read.raw, alert.to_string());
}

#[test]
fn alerts_that_did_not_come_are_told_by_one_more() {
    let read = all(FIRING);
    assert_eq!(read.len(), 2);
    let told = read[1].as_ref().unwrap();
    assert_eq!((told.alert_type.as_str(), told.action), ("alerts_left_out", Action::Store));
    assert_eq!(
        told.text,
        "Alertmanager left 1 alerts of the group `{}:{alertname=\"DiskFull\"}` out; raise \
         `max_alerts` of its receiver `c`."
    );
    for none in ["0", "-1", "\"1\"", "null", "1.5"] {
        let body = FIRING.replace("\"truncatedAlerts\":1", &format!("\"truncatedAlerts\":{none}"));
        assert_eq!(all(body).len(), 1, "{none}");
    }

    let one = r#"{"status":"firing","labels":{"a":"b"}}"#;
    let body = format!(r#"{{"alerts":[{}]}}"#, vec![one; ALERTS_COUNT_MAX + 5].join(","));
    let read = all(body);
    assert_eq!(read.len(), ALERTS_COUNT_MAX + 1);
    assert!(read[ALERTS_COUNT_MAX].as_ref().unwrap().text.contains("had 5 more alerts"));
}

#[test]
fn a_body_that_is_no_payload_is_refused_with_the_place() {
    let table = [
        ("", (1, 1), ""),
        (" 7", (1, 2), ""),
        ("{}", (1, 2), "missing field `alerts`"),
        ("\n[[],null,null,null,null]", (2, 1), ""),
        ("{\"alerts\":null}", (1, 14), "null"),
        ("{\n\"alerts\":[}", (2, 11), "expected value"),
        ("{\"alerts\":[],\"alerts\":[]}", (1, 21), "duplicate field"),
        ("{\"alerts\":[]} x", (1, 15), "trailing characters"),
    ];
    for (body, place, words) in table {
        let bad = read_at(body.as_bytes(), NOW_MS).expect_err(body);
        assert!(bad.expected.contains("alerts") && bad.expected.contains(words), "{body}: {bad}");
        assert_eq!((bad.line, bad.column), place, "{body}: {bad}");
    }
    assert!(read_at(b"{\"alerts\":[],\"x\":\"\xff\"}", NOW_MS).is_err());
    assert_eq!(all("\u{feff}{\"alerts\":[],\"receiver\":null}").len(), 0);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(all(format!(r#"{{"x":{deep},"alerts":[]}}"#)).len(), 0);
}

fn any_json() -> impl Strategy<Value = Value> {
    const KEYS: &[&str] = &[
        "status",
        "labels",
        "annotations",
        "startsAt",
        "endsAt",
        "generatorURL",
        "fingerprint",
        "alertname",
        "instance",
        "severity",
        "summary",
    ];
    let key = prop_oneof![any::<String>(), proptest::sample::select(KEYS).prop_map(str::to_owned)];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        proptest::sample::select(vec!["firing", "resolved", "0001-01-01T00:00:00Z"])
            .prop_map(Into::into),
        "[0-9T:.Z+-]{0,30}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 40, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((key.clone(), inner), 0..12)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_panic_the_reader(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text: String,
    ) {
        let _ = read_at(&body, NOW_MS);
        let _ = read_at(format!(r#"{{"alerts":[{text}]}}"#).as_bytes(), NOW_MS);
        let _ = read_at(format!(r#"{{"alerts":[{{"status":"{text}"}}]}}"#).as_bytes(), NOW_MS);
    }

    #[test]
    fn no_broken_payload_panics_the_reader(
        cut in 1..FIRING.len(),
        flip in 0..FIRING.len(),
        byte: u8,
    ) {
        let mut body = FIRING.as_bytes().to_vec();
        body[flip] = byte;
        let _ = read_at(&body, NOW_MS);
        body.truncate(cut);
        let _ = read_at(&body, NOW_MS);
    }

    #[test]
    fn every_element_gives_exactly_one_alert_or_one_reason(
        elements in proptest::collection::vec(any_json(), 0..6),
        labels in any_json(),
        annotations in any_json(),
    ) {
        let mut elements = elements;
        elements.push(firing(&labels, &annotations));
        let read = all(json!({"alerts": elements}).to_string());
        prop_assert_eq!(read.len(), elements.len());
        for (position, (read, element)) in read.iter().zip(&elements).enumerate() {
            match read {
                Ok(alert) => prop_assert_eq!(&alert.raw, &element.to_string()),
                Err(rejection) => prop_assert_eq!(rejection.position, position),
            }
        }
    }
}
