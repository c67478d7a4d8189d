use serde_json::{Value, json};

use super::*;
use crate::{AutonomousSystem, Party};

mod samples;
use samples::{context, flow_alert, instant, party, plain_alert};

#[test]
fn a_flow_has_two_sides_a_network_and_all_that_ntopng_promises() {
    let alert = flow_alert();
    let document = document(&alert, &context(), &Options::default());
    let expected = json!({
        "@timestamp": "2026-11-24T02:51:00.250Z",
        "message": "Low Goodput: slow\n\"now\"",
        "ecs": {"version": "8.17.0"},
        "event": {
            "kind": "alert", "category": ["network", "intrusion_detection"],
            "type": ["info", "denied"], "action": "stored", "id": "01JD8Q5W3V9T6Z0M4K2N7P1R5S",
            "code": "low_goodput", "module": "ntopng", "dataset": "ntopng.alerts",
            "provider": "ntopng", "severity": 5, "severity_label": "high", "risk_score": 120,
            "risk_score_norm": 48.0, "created": "2026-11-24T02:51:01.000Z",
            "url": "https://n.example/?a=1&b=2", "original": r#"{"a":"\u0000"}"#
        },
        "log": {"level": "error"},
        "rule": {"id": "low_goodput", "name": "Low Goodput", "category": "security",
                 "ruleset": "ntopng"},
        "source": {"ip": "192.0.2.1", "port": 60952, "domain": "pc-1.example",
                   "mac": "00-00-5E-00-53-AF", "bytes": 1000, "packets": 10},
        "destination": {
            "ip": "2001:db8::9", "port": 443, "bytes": 20, "packets": 2,
            "as": {"number": 64500, "organization": {"name": "Example"}},
            "geo": {"continent_code": "NA", "continent_name": "North America",
                    "country_iso_code": "US", "city_name": "Chicago",
                    "location": {"lat": 41.5, "lon": -87.625}}
        },
        "network": {"transport": "tcp", "iana_number": "6", "type": "ipv4", "protocol": "tls",
                    "application": "youtube", "community_id": "1:fUGQhJ6nxu/LILCAW+Lb8dF4sKU=",
                    "vlan": {"id": "30"}, "bytes": 1020, "packets": 12},
        "dns": {"question": {"name": "q.example"}},
        "related": {"ip": ["192.0.2.1", "2001:db8::9"], "hosts": ["pc-1.example"]},
        "observer": {"name": "tower", "vendor": "ntop", "type": "probe", "product": "ntopng",
                     "ingress": {"interface": {"id": "3", "name": "eno1"}}},
        "organization": {"name": "ntop"},
        "labels": {"entity_kind": "flow", "entity_value": "f", "fingerprint": "f1",
                   "attacker_ip": "2001:db8::9", "victim_ip": "192.0.2.1",
                   "ifid": "3", "dns_last_query": "q.example"}
    });
    assert_eq!(read(&document), expected);
    assert!(!document.contains('\n'));
}

#[test]
fn a_host_stands_on_the_side_of_its_role() {
    let table = [
        // attacker, victim, source, destination
        (false, false, Value::Null, Value::Null),
        (true, false, json!({"ip": "192.0.2.5", "domain": "db"}), Value::Null),
        (false, true, Value::Null, json!({"ip": "192.0.2.5", "domain": "db"})),
    ];
    for (is_attacker, is_victim, source, destination) in table {
        let host = Party { is_attacker, is_victim, ..party("192.0.2.5", Some("db")) };
        let document = told(&Alert { host: Some(host), ..plain_alert() });
        assert_eq!(document["host"], json!({"ip": ["192.0.2.5"], "name": "db"}));
        assert_eq!(document["related"], json!({"ip": ["192.0.2.5"], "hosts": ["db"]}));
        assert_eq!((&document["source"], &document["destination"]), (&source, &destination));
    }
}

#[test]
fn what_is_not_told_leaves_no_field() {
    let alert = Alert {
        severity: Severity::None,
        entity_kind: String::new(),
        entity_value: String::new(),
        title: String::new(),
        raw: String::new(),
        ..plain_alert()
    };
    let expected = json!({
        "@timestamp": "2026-11-24T02:51:00.250Z",
        "message": "Alert disk_full",
        "ecs": {"version": "8.17.0"},
        "event": {"kind": "alert", "category": ["host"], "type": ["info"], "action": "stored",
            "id": "01JD8Q5W3V9T6Z0M4K2N7P1R5S", "code": "disk_full", "module": "diskwatch",
            "dataset": "diskwatch.alerts", "provider": "diskwatch", "severity": 0,
            "severity_label": "low", "risk_score": 0, "risk_score_norm": 0.0,
            "created": "2026-11-24T02:51:01.000Z"},
        "rule": {"id": "disk_full", "name": "Alert disk_full", "category": "system",
                 "ruleset": "diskwatch"},
        "observer": {"name": "tower", "product": "diskwatch"},
        "labels": {"fingerprint": "f1"}
    });
    assert_eq!(told(&alert), expected);
}

#[test]
fn a_value_that_an_index_would_refuse_is_left_out_or_brought_into_its_range() {
    let mut alert = flow_alert();
    let flow = alert.flow.as_mut().expect("a flow");
    flow.client.ip = "fe80::1%eth0".into();
    flow.client.location = Some((90.5, 0.0));
    flow.server.location = Some((f64::NAN, f64::INFINITY));
    flow.client.port = Some(0);
    (flow.transport, flow.transport_number) = ("unknown".into(), None);
    (flow.vlan, flow.application) = (Some(0), Some("TLS".into()));
    flow.sent.bytes = u64::MAX;
    flow.server.autonomous_system = Some(AutonomousSystem { number: 0, name: Some("x".into()) });
    alert.score = u32::MAX;
    let document = told(&alert);
    assert_eq!(document["source"]["address"], "fe80::1%eth0");
    for gone in ["/source/ip", "/source/geo", "/source/port", "/destination/as", "/network/vlan"] {
        assert_eq!(document.pointer(gone), None, "{gone}");
    }
    assert_eq!(document.pointer("/destination/geo/location"), None);
    assert_eq!(document["source"]["bytes"], i64::MAX);
    assert_eq!(
        document["network"],
        json!({"protocol": "tls", "bytes": i64::MAX, "packets": 12,
        "community_id": "1:fUGQhJ6nxu/LILCAW+Lb8dF4sKU="})
    );
    assert_eq!(document["related"]["ip"], json!(["2001:db8::9"]));
    assert_eq!(document["event"]["risk_score_norm"], 100.0);
}

#[test]
fn labels_are_one_flat_object_in_which_no_name_is_there_twice() {
    let labels = [
        ("a.b", "1"),
        ("a_b", "2"),
        ("a*b", "3"),
        ("", "4"),
        (" \n", "5"),
        ("empty", ""),
        ("fingerprint", "6"),
        ("q\"\0", "7"),
        (".", "8"),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let alert = Alert { labels, ..plain_alert() };
    let text = document(&alert, &context(), &Options::default());
    let expected = json!({"entity_kind": "disk", "entity_value": "sda1", "fingerprint": "f1",
        "a_b": "1", "a_b_": "2", "a_b__": "3", "fingerprint_": "6", "q\"\u{fffd}": "7", "_": "8"});
    assert_eq!(read(&text)["labels"], expected);
    assert_eq!(text.matches(r#""a_b":"#).count(), 1);
}

#[test]
fn a_span_is_told_as_far_as_it_is_known() {
    let table = [
        // action, time, received, ended, same episode, expected start, end, duration, @timestamp
        (Action::Store, 10, 20, None, true, None, None, None, 10),
        (Action::Store, 10, 20, Some(15), true, Some(10), Some(15), Some(5), 10),
        (Action::Engage, 10, 20, None, true, Some(10), None, None, 10),
        (Action::Release, 10, 20, Some(15), false, Some(10), Some(15), Some(5), 15),
        (Action::Release, 10, 20, None, false, Some(10), Some(20), Some(10), 20),
        // Told when it was over, but not since when; the id of the engage is from 7.
        (Action::Release, 20, 20, None, false, None, Some(20), Some(13), 20),
        (Action::Release, 20, 20, None, true, None, Some(20), None, 20),
        (Action::Release, 30, 20, None, false, None, Some(20), Some(13), 20),
    ];
    for (action, time, received, ended, is_same, start, end, duration, stamp) in table {
        let alert = Alert {
            action,
            time: instant(time),
            received: instant(received),
            ended: ended.map(instant),
            episode: if is_same { plain_alert().id } else { "00000000070000000000000000".into() },
            ..plain_alert()
        };
        let alert = Alert { severity: Severity::Error, ..alert };
        let (document, row) = (told(&alert), format!("{action:?} {time} {received} {ended:?}"));
        let utc = |ms: Option<u64>| ms.map_or(Value::Null, |ms| json!(instant(ms).utc));
        assert_eq!(document["event"]["start"], utc(start), "{row}");
        assert_eq!(document["event"]["end"], utc(end), "{row}");
        let ns = duration.map_or(Value::Null, |ms: u64| json!(ms * 1_000_000));
        assert_eq!(document["event"]["duration"], ns, "{row}");
        assert_eq!(document["@timestamp"], utc(Some(stamp)), "{row}");
        assert_eq!(document["event"]["id"], alert.episode, "{row}");
    }
}

#[test]
fn a_category_is_a_word_of_the_schema() {
    let table = [
        // producer, category, entity, expected
        ("ntopng", "system", "system", json!(["host"])),
        ("ntopng", "system", "host", json!(["network"])),
        ("ntopng", "security", "host", json!(["network", "intrusion_detection"])),
        ("api", "security", "user", json!(["intrusion_detection"])),
        ("api", "ids_ips", "flow", json!(["network", "intrusion_detection"])),
        ("api", "snmp", "x", json!(["network"])),
        ("api", "other", "interface", json!(["network"])),
        ("alertmanager", "system", "instance", json!(["host"])),
        ("api", "", "", json!(["host"])),
    ];
    for (producer, category, entity, expected) in table {
        let alert = Alert {
            producer: producer.into(),
            category: category.into(),
            entity_kind: entity.into(),
            ..plain_alert()
        };
        assert_eq!(told(&alert)["event"]["category"], expected, "{producer} {category} {entity}");
    }
}

#[test]
fn a_severity_has_a_level_a_label_and_a_share_of_ntopngs_score() {
    let table = [
        (Severity::None, 0, "low", Value::Null, 0.0),
        (Severity::Debug, 0, "low", json!("debug"), 0.0),
        (Severity::Notice, 11, "low", json!("notice"), 4.4),
        (Severity::Warning, 50, "medium", json!("warning"), 20.0),
        (Severity::Error, 100, "high", json!("error"), 40.0),
        (Severity::Critical, 249, "critical", json!("critical"), 99.6),
        (Severity::Emergency, 251, "critical", json!("emergency"), 100.0),
    ];
    for (severity, score, label, level, norm) in table {
        let document = told(&Alert { severity, score, ..plain_alert() });
        let event = &document["event"];
        assert_eq!(event["severity"], severity.number(), "{severity:?}");
        assert_eq!((&event["severity_label"], &document["log"]["level"]), (&json!(label), &level));
        assert_eq!(
            (&event["risk_score"], &event["risk_score_norm"]),
            (&json!(score), &json!(norm))
        );
    }
}

#[test]
fn what_is_not_live_says_so_and_options_add_what_the_alert_does_not_know() {
    let test = Context { purpose: Purpose::Test, ..context() };
    let stream = DataStream { kind: "logs", dataset: "net.alerts", namespace: "east" };
    let options = Options {
        original: false,
        organization: Some("Example"),
        data_stream: Some(stream),
        ..Options::default()
    };
    let document = read(&document(&plain_alert(), &test, &options));
    assert_eq!(
        (&document["tags"], &document["message"]),
        (&json!(["test"]), &json!("[test] Disk"))
    );
    assert_eq!(document["organization"]["name"], "Example");
    assert_eq!(document["event"].get("original"), None);
    assert_eq!(document["event"]["dataset"], "net.alerts");
    let expected = json!({"type": "logs", "dataset": "net.alerts", "namespace": "east"});
    assert_eq!(document["data_stream"], expected);
}

#[test]
fn a_document_is_made_to_fit_by_leaving_out_and_then_by_cutting() {
    let mut alert = flow_alert();
    alert.text = "\"\\\u{1f514}\n".repeat(2000);
    let whole = document(&alert, &context(), &Options::default());
    let within = |max| document_within(&alert, &context(), &Options::default(), max);
    assert_eq!(within(whole.len()).as_deref(), Some(whole.as_str()));

    let fields = |text: &str| {
        let document = read(text);
        let has = |pointer| document.pointer(pointer).is_some();
        (has("/event/original"), has("/labels/ifid"), has("/related"))
    };
    let mut seen = vec![];
    let mut least = usize::MAX;
    let last = whole.len() - 600;
    let steps: Vec<_> =
        (0..3000).chain((3000..last).step_by(487)).chain(last..=whole.len()).collect();
    for max in steps.into_iter().rev() {
        let Some(text) = within(max) else { continue };
        assert!(text.len() <= max, "{max}");
        seen.push(fields(&text));
        least = max;
        if text.contains("\u{2026}\"") {
            assert!(max - text.len() < 8, "{max}: {} of it used", text.len());
        }
    }
    seen.dedup();
    let expected =
        [(true, true, true), (false, true, true), (false, false, true), (false, false, false)];
    assert_eq!(seen, expected);
    assert!(least < 1500 && within(least - 1).is_none());
    assert!(read(&within(least).expect("fits"))["message"].as_str() == Some("L\u{2026}"));
}

#[test]
fn any_text_stays_text() {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    const PIECES: [&str; 16] = [
        "\"",
        "\\",
        "\0",
        "\r\n",
        "\u{1b}[31m",
        "\u{202e}",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\u{1f514}",
        "\u{e9}",
        "a.b",
        "x",
    ];
    for _ in 0..2000 {
        let mut text = || (0..next() % 9).map(|_| PIECES[next() % 16]).collect::<String>();
        let mut alert = flow_alert();
        (alert.title, alert.text, alert.raw) = (text(), text(), text());
        (alert.producer, alert.category, alert.alert_type) = (text(), text(), text());
        (alert.entity_kind, alert.entity_value) = (text(), text());
        alert.interface_name = Some(text());
        alert.labels = (0..6).map(|_| (text(), text())).collect();
        let flow = alert.flow.as_mut().expect("a flow");
        (flow.transport, flow.application) = (text(), Some(text()));
        (flow.client.ip, flow.client.name) = (text(), Some(text()));
        flow.client.mac = Some(text());
        let document = document(&alert, &context(), &Options::default());
        assert!(!document.contains(|one: char| one < ' '), "{document}");
        let read = read(&document);
        no_empty_field("", &read);
        assert_eq!(read["event"]["original"].as_str().unwrap_or_default(), alert.raw);
        // Nothing is there twice: it comes out as long as it went in.
        assert_eq!(read.to_string().len(), document.len(), "{document}");
        let labels = read["labels"].as_object().expect("labels");
        assert!(labels.keys().all(|name| !name.contains('.')));
        assert!(labels.len() <= 11 && labels.values().all(Value::is_string));
    }
}

fn no_empty_field(path: &str, value: &Value) {
    match value {
        Value::Null => panic!("{path} is null"),
        Value::String(text) => assert!(!text.is_empty(), "{path} is empty"),
        Value::Array(values) => assert!(!values.is_empty(), "{path} is empty"),
        Value::Object(fields) => {
            assert!(!fields.is_empty(), "{path} is empty");
            fields
                .iter()
                .for_each(|(name, value)| no_empty_field(&format!("{path}/{name}"), value));
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}

fn told(alert: &Alert) -> Value {
    read(&document(alert, &context(), &Options::default()))
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
