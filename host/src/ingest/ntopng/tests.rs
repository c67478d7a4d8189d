use proptest::prelude::*;

use super::*;
use crate::alert::{Action, Severity};
use crate::ids::{AlertIds, TenantId};
use crate::ingest::{ALERT_BYTES_MAX, NESTING_COUNT_MAX};
use crate::route::FilterSettings;

const NOW_MS: u64 = 1_795_489_000_000;
const SAMPLES: &str = include_str!("../../../../tests/data/ntopng.ndjson");

fn envelope(body: impl AsRef<[u8]>) -> Envelope {
    let ids = AlertIds::default();
    let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids };
    read(body.as_ref(), &arrival).expect("a body that is not empty")
}

fn one(alert: &str) -> Alert {
    let mut alerts = envelope(format!(r#"{{"version":"0.2","alerts":[{alert}]}}"#)).alerts;
    assert_eq!(alerts.len(), 1, "{alert}");
    alerts.remove(0)
}

fn label<'a>(alert: &'a Alert, name: &str) -> Option<&'a str> {
    alert.labels.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
}

/// Stands in for `json`, which both shapes of a version have.
fn with_object_for_json(alert: &str) -> String {
    let mut alert: serde_json::Value = serde_json::from_str(alert).unwrap();
    if let Some(text) = alert["json"].as_str() {
        alert["json"] = serde_json::from_str(text).unwrap();
    }
    alert["metadata"] = serde_json::json!([]);
    alert.to_string()
}

#[test]
fn the_samples_read_as_what_they_say() {
    let table = [
        // type, severity, action, category, entity, text
        (
            ("dns_data_exfiltration", "DNS Data Exfiltration"),
            (Severity::Error, Action::Store, "security", "flow", "flow"),
            "till-3.shop.example:40112 -> ns1.tunnel.example:53, DNS, mzxw6ytboi.t.tunnel.example",
        ),
        (
            ("flow_flood", "Flow Flood"),
            (Severity::Error, Action::Engage, "security", "host", "2001:db8:30::4d@30"),
            "cam-12.shop.example (2001:db8:30::4d@30): 612 > 256",
        ),
        (
            ("threshold_cross", "Threshold Cross"),
            (Severity::Warning, Action::Release, "other", "interface", "2"),
            "bond0 (2): 812.4 > 600",
        ),
        (
            ("device_connection_disconnection", "Device Connection Disconnection"),
            (Severity::Notice, Action::Store, "network", "mac", "02:00:5E:10:00:7F"),
            "02:00:5E:10:00:7F: device Guest \"<b>phone</b>\" & co, event connected",
        ),
        (
            ("list_download_failed", "List Download Failed"),
            (Severity::Error, Action::Store, "system", "system", "ntopng"),
            "ntopng: http code 503, name Example Threat List",
        ),
        (
            ("network_score_per_host", "Network Score Per Host"),
            (Severity::Critical, Action::Engage, "other", "network", "198.51.100.0/24"),
            "Branch Office (198.51.100.0/24): 4210 > 1500",
        ),
    ];
    assert_eq!(SAMPLES.lines().count(), table.len());
    for (sample, (kind, (severity, action, category, entity, value), text)) in
        SAMPLES.lines().zip(table)
    {
        for json in [sample.to_owned(), with_object_for_json(sample)] {
            let alert = one(&json);
            assert_eq!((alert.alert_type.as_str(), alert.title.as_str()), kind);
            assert_eq!((alert.severity, alert.action), (severity, action), "{json}");
            assert_eq!(alert.category, category, "{json}");
            assert_eq!((alert.entity_kind.as_str(), alert.entity_value.as_str()), (entity, value));
            assert_eq!(alert.text, text);
            assert_eq!(alert.raw, json, "byte for byte");
            assert_eq!((alert.producer.as_str(), alert.episode), ("ntopng", alert.id));
        }
    }
}

#[test]
fn a_flow_has_both_sides_with_all_that_is_told_of_them() {
    let alert = one(SAMPLES.lines().next().unwrap());
    assert_eq!((alert.time_ms, alert.received_ms), (1_795_488_660_000, NOW_MS));
    let expected = serde_json::json!({
        "client": {"ip": "10.20.30.41", "port": 40112, "name": "till-3.shop.example",
            "is_local": true, "is_attacker": true, "is_victim": false, "is_blacklisted": false},
        "server": {"ip": "203.0.113.53", "port": 53, "name": "ns1.tunnel.example",
            "autonomous_system": {"number": 64511}, "country": "PT", "city": "Lisbon",
            "continent": "EU", "location": [38.7169, -9.1366], "is_local": false,
            "is_attacker": false, "is_victim": false, "is_blacklisted": true},
        "transport": "udp", "transport_number": 17, "application": "dns", "vlan": 30,
        "community_id": "1:Vw0rq2cPqGq8mC0l6cXbN5mO3dE=",
        "sent": {"bytes": 48212, "packets": 391}, "received": {"bytes": 61870, "packets": 388},
        "blocked": false
    });
    assert_eq!(serde_json::to_value(alert.flow.unwrap()).unwrap(), expected);
    let labels: Vec<_> = alert.labels.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "ifid",
        "alert_id",
        "vlan",
        "cli_os",
        "cli_host_pool_id",
        "cli_network",
        "srv_host_pool_id",
        "info",
        "dns_last_query",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn what_is_not_a_flow_has_its_host_its_interface_and_its_end() {
    let alerts: Vec<_> = SAMPLES.lines().map(one).collect();
    let host = alerts[1].host.as_ref().unwrap();
    assert_eq!(
        (host.ip.as_str(), host.name.as_deref()),
        ("2001:db8:30::4d", Some("cam-12.shop.example"))
    );
    assert!(host.is_local && host.is_attacker && !host.is_victim && !host.is_blacklisted);
    assert_eq!(alerts[1].ended_ms, None, "an engaged host alert says 0");
    assert_eq!(alerts[2].interface_name.as_deref(), Some("bond0"));
    assert_eq!(alerts[2].ended_ms, Some(1_795_488_780_000));
    assert!(alerts[2..].iter().all(|alert| alert.host.is_none() && alert.flow.is_none()));
    assert_eq!(alerts[5].ended_ms, None, "only a release has an end");
    assert_eq!(label(&alerts[4], "ifid"), Some("-1"));

    let bare = one(r#"{"alert_id":20,"entity_id":1,"entity_val":"10.0.0.9@0","score":1}"#);
    assert_eq!(bare.entity_value, "10.0.0.9");
    assert_eq!(bare.host.unwrap().ip, "10.0.0.9");
}

#[test]
fn names_of_old_are_read_as_those_of_today() {
    let today = r#"{"ifid":1,"tstamp":1700000000,"tstamp_end":1700000060,"action":"release",
        "alert_id":"tls_certificate_expired","severity":5,"entity_id":4,"entity_val":"flow",
        "subtype":"s","granularity":60,"cli_ip":"10.0.0.1","srv_ip":"10.0.0.2","json":"{}"}"#;
    let old = r#"{"ifid":"1","alert_tstamp":"1700000000","alert_tstamp_end":1700000060.0,
        "action":"release","alert_type":"alert_tls_certificate_expired","alert_severity":"Error",
        "alert_entity":"flow","alert_entity_val":"flow","alert_subtype":"s",
        "alert_granularity":60,"cli_addr":"10.0.0.1","srv_addr":"10.0.0.2","alert_json":"{}"}"#;
    let older = r#"{"ifid":1,"alert_tstamp":1700000000,"tstamp_end":1700000060,"action":"release",
        "type":"tls_certificate_expired","severity":"error","entity_type":"flow",
        "entity_value":"flow","alert_subtype":"s","alert_granularity":60,"cli_addr":"10.0.0.1",
        "srv_addr":"10.0.0.2"}"#;
    let [today, old, older] = [today, old, older].map(one);
    assert_eq!(today.title, "TLS Certificate Expired");
    for other in [old, older] {
        assert_eq!(other.fingerprint, today.fingerprint);
        let same = Alert { id: today.id, episode: today.id, raw: today.raw.clone(), ..other };
        let labels = vec![("alert_id".into(), String::new())];
        // The label shows the name as it was sent.
        let [same, today] =
            [same, today.clone()].map(|alert| Alert { labels: labels.clone(), ..alert });
        assert_eq!(same, today);
    }
}

#[test]
fn type_and_title_come_from_scope_and_number() {
    let table = [
        (
            r#""alert_id":28,"entity_id":4"#,
            "tls_certificate_selfsigned",
            "TLS Certificate Selfsigned",
        ),
        (r#""alert_id":20,"entity_id":1"#, "scan_detected", "Scan Detected"),
        (r#""alert_id":4137,"entity_id":0"#, "too_many_drops", "Too Many Drops"),
        (r#""alert_id":"4137","entity_id":"interface""#, "too_many_drops", "Too Many Drops"),
        (r#""alert_id":4137,"entity_id":1"#, "alert_4137", "Alert 4137"),
        (r#""alert_id":9999,"entity_id":99"#, "alert_9999", "Alert 9999"),
        (r#""alert_id":"Some <New> Thing","entity_id":15"#, "some_new_thing", "Some New Thing"),
        (
            r#""alert_id":28,"cli_ip":"10.0.0.1""#,
            "tls_certificate_selfsigned",
            "TLS Certificate Selfsigned",
        ),
        (r#""alert_id":20,"ip":"10.0.0.1""#, "scan_detected", "Scan Detected"),
    ];
    for (fields, name, title) in table {
        let alert = one(&format!("{{{fields}}}"));
        assert_eq!((alert.alert_type.as_str(), alert.title.as_str()), (name, title), "{fields}");
    }
}

#[test]
fn severity_is_the_one_given_or_follows_the_score() {
    let table = [
        (r#""score":150"#, (Severity::Error, 150)),
        (r#""score":150,"severity":4"#, (Severity::Warning, 150)),
        (r#""score":"57""#, (Severity::Warning, 57)),
        (r#""score":57.9"#, (Severity::Warning, 57)),
        (r#""score":0"#, (Severity::None, 0)),
        (r#""score":-7"#, (Severity::None, 0)),
        (r#""score":99999999999"#, (Severity::Emergency, u32::MAX)),
        (r#""severity":6"#, (Severity::Critical, 200)),
        (r#""severity":"CRITICAL""#, (Severity::Critical, 200)),
        (r#""severity":42,"score":10"#, (Severity::Notice, 10)),
        (r#""severity":"severe","score":10"#, (Severity::Notice, 10)),
        (r#""severity":null"#, (Severity::Notice, 10)),
    ];
    for (fields, expected) in table {
        let alert = one(&format!(r#"{{"alert_id":1,"entity_id":4,{fields}}}"#));
        assert_eq!((alert.severity, alert.score), expected, "{fields}");
    }
}

#[test]
fn categories_and_times_have_their_defaults() {
    let table = [
        (r#""entity_id":9"#, "system", NOW_MS),
        (r#""entity_id":0,"tstamp":0"#, "other", NOW_MS),
        (r#""entity_id":0,"alert_category":5,"tstamp":"7""#, "ids_ips", 7000),
        (r#""entity_id":0,"alert_category":77"#, "other", NOW_MS),
        (
            r#""entity_id":0,"alert_category":"Security","tstamp":1795488660123"#,
            "security",
            1_795_488_660_123,
        ),
    ];
    for (fields, category, time_ms) in table {
        let alert = one(&format!(r#"{{"alert_id":1,{fields}}}"#));
        assert_eq!((alert.category.as_str(), alert.time_ms), (category, time_ms), "{fields}");
    }
}

#[test]
fn an_engage_and_its_release_share_the_fingerprint_and_other_conditions_do_not() {
    let fields = |more: &str| one(&format!("{{{more}}}")).fingerprint;
    let engage = fields(
        r#""action":"engage","alert_id":4137,"entity_id":0,"entity_val":"2","subtype":"a","ifid":2,"tstamp":1,"score":9"#,
    );
    let release = fields(
        r#""action":"release","alert_id":"4137","entity_id":0,"entity_val":2,"subtype":"a","ifid":2,"tstamp":1,"tstamp_end":9"#,
    );
    assert_eq!(engage, release);
    let flow = r#""alert_id":1,"entity_id":4,"entity_val":"flow","ifid":2,"#;
    let conditions = [
        engage,
        fields(r#""alert_id":4136,"entity_id":0,"entity_val":"2","subtype":"a","ifid":2"#),
        fields(r#""alert_id":4137,"entity_id":2,"entity_val":"2","subtype":"a","ifid":2"#),
        fields(r#""alert_id":4137,"entity_id":0,"entity_val":"3","subtype":"a","ifid":2"#),
        fields(r#""alert_id":4137,"entity_id":0,"entity_val":"2","subtype":"b","ifid":2"#),
        fields(r#""alert_id":4137,"entity_id":0,"entity_val":"2","subtype":"a","ifid":3"#),
        fields(&format!(r#"{flow}"cli_ip":"10.0.0.1","srv_ip":"10.0.0.2","srv_port":1,"proto":6"#)),
        fields(&format!(r#"{flow}"cli_ip":"10.0.0.3","srv_ip":"10.0.0.2","srv_port":1,"proto":6"#)),
        fields(&format!(r#"{flow}"cli_ip":"10.0.0.1","srv_ip":"10.0.0.3","srv_port":1,"proto":6"#)),
        fields(&format!(r#"{flow}"cli_ip":"10.0.0.1","srv_ip":"10.0.0.2","srv_port":2,"proto":6"#)),
        fields(&format!(
            r#"{flow}"cli_ip":"10.0.0.1","srv_ip":"10.0.0.2","srv_port":1,"proto":17"#
        )),
    ];
    for (at, left) in conditions.iter().enumerate() {
        assert!(!conditions[at + 1..].contains(left), "row {at} has a twin");
    }
    let ports =
        [1, 2].map(|port| fields(&format!(r#"{flow}"cli_ip":"10.0.0.1","cli_port":{port}"#)));
    assert_eq!(ports[0], ports[1], "a client's port is another each time");
}

#[test]
fn every_shape_of_envelope_gives_its_alerts_and_an_empty_one_is_a_ping() {
    let alert = r#"{"alert_id":1,"entity_id":4}"#;
    let table = [
        (format!(r#"{{"version":"0.2","sharedsecret":"s","alerts":[{alert}]}}"#), 1, true),
        (
            format!(
                "{{\n \"version\": \"0.2\",\n \"timestamp\": 1,\n \"sharedsecret\": \"s\",\n \"alerts\": [ {alert} , {alert} ]\n}}\n"
            ),
            2,
            true,
        ),
        (format!(r#"{{"source":"ntopng","timestamp":1,"alerts":[{alert}]}}"#), 1, false),
        (format!(r#"{{"alerts":[{alert}],"sharedsecret":"s"}}"#), 1, true),
        (format!(r#"{{"alerts":{alert},"sharedsecret":"s"}}"#), 1, true),
        (format!("[{alert},{alert},{alert}]"), 3, false),
        (alert.to_owned(), 1, false),
        (format!("\u{feff}{alert}\n{alert}\n"), 2, false),
        (r#"{"version":"0.2","sharedsecret":"s","alerts":[]}"#.into(), 0, true),
        (r#"{"version":"0.2","sharedsecret":"s","alerts":{ }}"#.into(), 0, true),
        (r#"{"version":"0.2","sharedsecret":"s","alerts":null}"#.into(), 0, true),
        (r#"{"version":"0.2","sharedsecret":"s"}"#.into(), 0, true),
        (r#"{"version":"0.2","sharedsecret":"","alerts":[]}"#.into(), 0, false),
        ("{}".into(), 0, false),
        ("[]".into(), 0, false),
    ];
    for (body, count, secret) in table {
        let envelope = envelope(&body);
        assert_eq!(envelope.alerts.len(), count, "{body}");
        assert!(envelope.alerts.iter().all(|alert| alert.alert_type == "blacklisted"), "{body}");
        assert_eq!(envelope.secret.is_some_and(|one| one.equals("s")), secret, "{body}");
    }
    let ids = AlertIds::default();
    let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids };
    for empty in ["", " \r\n"] {
        assert!(read(empty.as_bytes(), &arrival).is_err(), "{empty:?}");
    }
}

#[test]
fn an_element_that_cannot_be_read_is_kept_and_says_why() {
    let nested = format!(
        r#"{{"alert_id":1,"x":{}{}}}"#,
        "[".repeat(NESTING_COUNT_MAX),
        "]".repeat(NESTING_COUNT_MAX)
    );
    let bomb = "[".repeat(20_000) + &"]".repeat(20_000);
    let table = [
        ("7", "expected an object"),
        ("null", "expected an object"),
        ("\"text\"", "expected an object"),
        ("[]", "expected an object"),
        ("{}", "`alert_id`: expected the alert's number; it is missing"),
        (r#"{"alert_id":1,"score":{}}"#, "`score`: expected a number"),
        (r#"{"alert_id":1,"score":"high"}"#, "`score`: expected a number"),
        (r#"{"alert_id":1,"tstamp":"yesterday"}"#, "`tstamp`: expected a number"),
        (r#"{"alert_id":1,"tstamp":-5}"#, "`tstamp`: expected seconds since the Unix epoch"),
        (r#"{"alert_id":1,"action":"stop"}"#, "`action`: expected store, engage or release"),
        (r#"{"alert_id":1,"info":"\ud800"}"#, "`info`: "),
        (nested.as_str(), "expected at most 100 objects and arrays inside one another"),
        (bomb.as_str(), "expected at most 100 objects and arrays inside one another"),
    ];
    for (json, reason) in table {
        let body = format!(r#"{{"alerts":[{{"alert_id":2}},{json}]}}"#);
        let alerts = envelope(&body).alerts;
        assert_eq!(alerts[0].alert_type, "alert_2", "the others are read");
        let unparsed = &alerts[1];
        assert_eq!(unparsed.alert_type, "unparsed", "{body}");
        assert_eq!(unparsed.title, "Unparsed ntopng alert");
        assert_eq!(
            (unparsed.severity, unparsed.category.as_str()),
            (Severity::Warning, "internals")
        );
        assert!(unparsed.text.starts_with("Alert 1 of the request could not be read: "));
        assert!(unparsed.text.contains(reason), "{}: {json}", unparsed.text);
        assert_eq!(unparsed.raw, json);
        assert_eq!(label(unparsed, "raw_cut"), None);
    }
}

#[test]
fn an_element_over_the_bound_is_cut_at_a_character_and_says_so() {
    let padded = |bytes: usize| {
        let rest = r#"{"alert_id":1,"x":""}"#.len();
        let text = "ä".repeat((bytes - rest) / 2) + &"x".repeat((bytes - rest) % 2);
        format!(r#"{{"alert_id":1,"x":"{text}"}}"#)
    };
    let fits = padded(ALERT_BYTES_MAX);
    assert_eq!(one(&fits).raw, fits);
    let over = one(&padded(ALERT_BYTES_MAX + 3));
    assert_eq!(over.alert_type, "unparsed");
    assert_eq!(over.raw.len(), ALERT_BYTES_MAX - 1);
    assert_eq!(label(&over, "raw_cut"), Some("65535 of 65539 bytes"));
}

#[test]
fn a_body_that_is_no_json_is_one_alert_that_keeps_all_but_the_secret() {
    let body = format!(r#"{{"version":"0.2","sharedsecret":"hunter2","alerts":[{SAMPLES}]}}"#);
    for cut in [10, 30, 40, 60, body.len() - 3] {
        let envelope = envelope(&body[..cut]);
        let [alert] = &envelope.alerts[..] else { panic!("{cut}") };
        assert_eq!(alert.alert_type, "unparsed");
        assert!(!format!("{alert:?}").contains("hunt"), "{cut}");
        assert!(alert.raw.starts_with(r#"{"version""#), "{cut}");
        // Where the secret stood there whole, the sender is known by it.
        assert_eq!(envelope.secret.is_some_and(|one| one.equals("hunter2")), cut > 40, "{cut}");
    }
    let garbage = envelope(b"\xffnot json\x00");
    assert_eq!(garbage.alerts[0].raw, "\u{fffd}not json\0");
    assert!(garbage.alerts[0].text.contains("line 1, column 1"), "{}", garbage.alerts[0].text);
}

#[test]
fn the_secret_is_in_nothing_that_is_kept() {
    let bodies = [
        r#"{"sharedsecret":"hunter2","alerts":[{"alert_id":1},7]}"#,
        r#"{"alerts":[{"alert_id":1},7],"sharedsecret":"hunter2"}"#,
        r#"{"sharedsecret":"hunter2","alerts":"x"}"#,
        r#"{"sharedsecret":"hunter2","alerts":{"alert_id":1}}"#,
        r#"{"sharedsecret":"hunter2","alert_id":1,"entity_id":4}"#,
        r#"{"sharedsecret":"hunter2","alert_id":{}}"#,
        "{\"alert_id\":1}\n{\"sharedsecret\":\"hunter2\",\"alerts\":[7]}",
    ];
    for body in bodies {
        let envelope = envelope(body);
        assert!(!envelope.alerts.is_empty(), "{body}");
        assert!(!format!("{:?}", envelope.alerts).contains("hunter2"), "{body}");
        assert!(!format!("{envelope:?}").contains("hunter2"), "{body}");
        assert!(envelope.secret.is_some_and(|one| one.equals("hunter2")), "{body}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_cost_a_character_and_not_the_alert() {
    let mut body = br#"{"alerts":[{"alert_id":1,"entity_id":4,"cli_name":"caf"#.to_vec();
    body.extend(b"\xe9\"}]}");
    let alert = envelope(body).alerts.remove(0);
    assert_eq!(alert.alert_type, "blacklisted");
    assert!(alert.text.contains("caf\u{fffd}") && alert.raw.contains("caf\u{fffd}"));
}

#[test]
fn a_report_or_scan_is_an_alert_of_its_own_category_that_a_default_filter_takes() {
    const NOTICE: (Severity, u32) = (Severity::Notice, 0);
    let table = [
        // what is sent, category, title, text, severity and score, link
        (
            r#"{"notification_type":"reports","title":"Daily","score":0,
                "message":"All <b>well</b><br>since 3 &lt; 4","note":"By <a href=\"https://a.example\">hand</a>",
                "link":{"url":"https://a.example/r","label":"l"}}"#,
            ("reports", "Daily", "All well\nsince 3 < 4\nBy hand", NOTICE),
            Some("https://a.example/r"),
        ),
        (
            r#"{"notification_type":"vulnerability_scans","title":"Scan","message":"m</br>n","note":"","score":0,
                "link":"http://a.example/s"}"#,
            ("vulnerability_scans", "Scan", "m\nn", NOTICE),
            Some("http://a.example/s"),
        ),
        (
            r#"{"notification_type":"vulnerability_scans","note":"n","success":true,"link":{"url":"javascript:x"}}"#,
            ("vulnerability_scans", "Vulnerability Scans", "n", NOTICE),
            None,
        ),
        (
            r#"{"notification_type":"reports","message":"m","success":false,"score":"0","link":{"label":"l"}}"#,
            ("reports", "Reports", "m", (Severity::Warning, 0)),
            None,
        ),
        (
            r#"{"notification_type":"reports","message":"m","score":150}"#,
            ("reports", "Reports", "m", (Severity::Error, 150)),
            None,
        ),
        (r#"{"notification_type":"reports"}"#, ("reports", "Reports", "", NOTICE), None),
    ];
    for (json, expected, link) in table {
        let alert = one(json);
        let found = (
            alert.category.as_str(),
            alert.title.as_str(),
            alert.text.as_str(),
            (alert.severity, alert.score),
        );
        assert_eq!(found, expected, "{json}");
        assert_eq!(alert.link.as_deref(), link, "{json}");
        assert_eq!(alert.alert_type, alert.category, "{json}");
        assert_eq!((alert.action, alert.entity_kind.as_str()), (Action::Store, "report"), "{json}");
        assert!(alert.severity >= FilterSettings::default().minimum_severity, "{json}");
    }
}

#[test]
fn of_too_many_alerts_the_rest_is_counted() {
    let body = format!("[{}]", vec![r#"{"alert_id":1}"#; ALERTS_COUNT_MAX + 5].join(","));
    let alerts = envelope(body).alerts;
    assert_eq!(alerts.len(), ALERTS_COUNT_MAX + 1);
    assert!(alerts[ALERTS_COUNT_MAX].text.contains("had 5 more"));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        any::<String>(),
        proptest::sample::select(vec![
            "alert_id",
            "entity_id",
            "entity_val",
            "tstamp",
            "score",
            "severity",
            "action",
            "json",
            "cli_ip",
            "srv_ip",
            "srv_port",
            "proto",
            "ip",
            "message",
            "link",
            "notification_type",
            "sharedsecret",
            "alerts",
            "alert_category",
            "cli_location_lat",
            "cli_location_lon",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[0-9.:a<>&/ {}\"-]{0,20}".prop_map(Into::into),
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
    fn any_bytes_are_kept_and_never_panic(body in proptest::collection::vec(any::<u8>(), 1..300)) {
        let ids = AlertIds::default();
        let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids };
        match read(&body, &arrival) {
            Ok(_) => {}
            Err(bad) => prop_assert!(bad.expected.contains("empty")),
        }
        let _ = crate::ingest::native::read(&body, false, &arrival);
        let _ = crate::ingest::native::read(&body, true, &arrival);
    }

    #[test]
    fn any_part_of_an_envelope_is_kept(cut in 1..SAMPLES.len(), flip in 0..SAMPLES.len(), byte: u8) {
        let alerts = SAMPLES.trim_end().replace('\n', ",");
        let mut body = format!(r#"{{"sharedsecret":"hunter2","alerts":[{alerts}]}}"#).into_bytes();
        body[flip] = byte;
        body.truncate(cut);
        let envelope = envelope(body);
        prop_assert!(!envelope.alerts.is_empty());
    }

    #[test]
    fn every_element_gives_exactly_one_alert(elements in proptest::collection::vec(any_json(), 0..6)) {
        let body = serde_json::json!({"sharedsecret": "s", "alerts": elements}).to_string();
        let envelope = envelope(body);
        prop_assert_eq!(envelope.alerts.len(), elements.len());
        for (alert, element) in envelope.alerts.iter().zip(&elements) {
            prop_assert_eq!(&alert.raw, &element.to_string());
        }
        let rows = serde_json::to_vec(&elements).unwrap();
        let ids = AlertIds::default();
        let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids };
        let native = crate::ingest::native::read(&rows, false, &arrival).unwrap();
        prop_assert_eq!(native.len(), elements.len());
    }
}

#[test]
#[ignore = "a measure, not a test: run it with --ignored --nocapture on a quiet machine"]
fn microseconds_per_alert() {
    let flow = SAMPLES.lines().next().unwrap();
    let body =
        format!(r#"{{"version":"0.2","sharedsecret":"s","alerts":[{}]}}"#, [flow; 10].join(","));
    let ids = AlertIds::default();
    let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids };
    let mut best = f64::INFINITY;
    for _ in 0..50 {
        let start = std::time::Instant::now();
        for _ in 0..100 {
            assert_eq!(read(body.as_bytes(), &arrival).unwrap().alerts.len(), 10);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / 1000.0);
    }
    println!("{best:.2} us per alert of {} bytes", flow.len());
}
