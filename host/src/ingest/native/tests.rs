use super::*;
use crate::ids::{AlertIds, TenantId};
use crate::ingest::{ALERT_BYTES_MAX, ALERTS_COUNT_MAX, NESTING_COUNT_MAX};

const NOW_MS: u64 = 1_795_488_660_000;

fn read_as(body: &[u8], ndjson: bool) -> Result<Vec<Result<Alert, Rejection>>, BadBody> {
    let ids = AlertIds::default();
    read(body, ndjson, &Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &ids })
}

fn all(body: &str) -> Vec<Result<Alert, Rejection>> {
    read_as(body.as_bytes(), false).unwrap_or_else(|bad| panic!("{bad}: {body}"))
}

fn alert(body: &str) -> Alert {
    all(body).remove(0).unwrap_or_else(|rejection| panic!("{rejection}: {body}"))
}

fn rejection(body: &str) -> Rejection {
    all(body).remove(0).expect_err(body)
}

const WHOLE: &str = r#"{"title":"Disk full","type":"disk_full","producer":"monitor/2","action":"release",
"severity":"error","score":120,"time":"2026-11-24T02:51:00.25+01:00","ended":1795488000000,
"category":"system","text":"/var: 98 %\n(limit 95 %)","entity":{"kind":"disk","value":"db-1:/var"},
"interface":"eno1","link":"https://monitor.example/a/7","labels":{"team":"db","rack":"12"},
"annotations":{"runbook":"Delete old logs."},"fingerprint":"disk:db-1:/var","extra":[1,{"a":null}],
"flow":{"client":{"ip":"::ffff:192.168.1.9","port":51544,"name":"ws-9","mac":"66-77-88-99-AA-BB",
"autonomous_system":{"number":64500,"name":"Example"},"country":"de","city":"Berlin",
"continent":"EU","location":[52.5,13.4],"is_local":true,"is_victim":true},
"server":{"ip":"2001:DB8::1","port":443,"is_attacker":true,"is_blacklisted":true},
"transport":"TCP","transport_number":6,"application":"TLS.YouTube","vlan":12,
"community_id":"1:abc","sent":{"bytes":10,"packets":2},"received":{"bytes":7},"blocked":true},
"host":{"ip":"10.0.0.1"}}"#;

#[test]
fn every_field_of_the_schema_arrives_in_its_place() {
    let alert = alert(WHOLE);
    assert_eq!(alert.raw, WHOLE, "byte for byte");
    assert_eq!(alert.episode, alert.id);
    let read = serde_json::to_value(&alert).unwrap();
    let expected = serde_json::json!({
        "producer": "monitor/2", "time_ms": 1_795_485_060_250_u64, "received_ms": NOW_MS,
        "ended_ms": 1_795_488_000_000_u64, "severity": "error", "score": 120, "action": "release",
        "category": "system", "alert_type": "disk_full", "title": "Disk full",
        "text": "/var: 98 %\n(limit 95 %)", "entity_kind": "disk", "entity_value": "db-1:/var",
        "interface_name": "eno1", "link": "https://monitor.example/a/7",
        "labels": [["team", "db"], ["rack", "12"]],
        "annotations": [["runbook", "Delete old logs."]],
        "host": {"ip": "10.0.0.1", "is_local": false, "is_attacker": false, "is_victim": false,
            "is_blacklisted": false},
        "flow": {
            "client": {"ip": "192.168.1.9", "port": 51544, "name": "ws-9",
                "mac": "66:77:88:99:aa:bb",
                "autonomous_system": {"number": 64500, "name": "Example"}, "country": "DE",
                "city": "Berlin", "continent": "EU", "location": [52.5, 13.4], "is_local": true,
                "is_attacker": false, "is_victim": true, "is_blacklisted": false},
            "server": {"ip": "2001:db8::1", "port": 443, "is_local": false, "is_attacker": true,
                "is_victim": false, "is_blacklisted": true},
            "transport": "tcp", "transport_number": 6, "application": "tls.youtube", "vlan": 12,
            "community_id": "1:abc", "sent": {"bytes": 10, "packets": 2},
            "received": {"bytes": 7, "packets": 0}, "blocked": true
        }
    });
    assert_eq!(read, expected);
}

#[test]
fn a_title_is_enough() {
    let alert = alert(r#"{"title":"Disk full on db-1"}"#);
    assert_eq!((alert.producer.as_str(), alert.category.as_str()), ("api", "other"));
    assert_eq!(alert.alert_type, "disk_full_on_db_1");
    assert_eq!((alert.severity, alert.score), (Severity::Notice, 10));
    assert_eq!((alert.action, alert.time_ms, alert.ended_ms), (Action::Store, NOW_MS, None));
    assert_eq!((alert.entity_kind.as_str(), alert.entity_value.as_str()), ("other", ""));
}

#[test]
fn severity_and_score_come_from_each_other() {
    let table = [
        (r#""severity":"critical""#, (Severity::Critical, 200)),
        (r#""score":57"#, (Severity::Warning, 57)),
        (r#""score":0"#, (Severity::None, 0)),
        (r#""score":1e2"#, (Severity::Error, 100)),
        (r#""severity":"info","score":180"#, (Severity::Info, 180)),
    ];
    for (fields, expected) in table {
        let alert = alert(&format!(r#"{{"title":"t",{fields}}}"#));
        assert_eq!((alert.severity, alert.score), expected, "{fields}");
    }
}

#[test]
fn a_release_without_an_end_ended_at_its_time_or_on_arrival() {
    let table = [
        (r#""time":5"#, Some(5)),
        (r#""time":5,"ended":"1970-01-01T00:00:00.009Z""#, Some(9)),
        (r#""score":1"#, Some(NOW_MS)),
    ];
    for (fields, expected) in table {
        let alert = alert(&format!(r#"{{"title":"t","action":"release",{fields}}}"#));
        assert_eq!(alert.ended_ms, expected, "{fields}");
    }
}

#[test]
fn an_engage_and_its_release_share_the_fingerprint_and_other_conditions_do_not() {
    let flow = |client: &str, port: u16| {
        let server = format!(r#"{{"ip":"10.0.0.2","port":{port}}}"#);
        format!(
            r#""flow":{{"client":{{"ip":"{client}","port":7}},"server":{server},"transport":"tcp"}}"#
        )
    };
    let one = |fields: &str| alert(&format!(r#"{{"title":"t",{fields}}}"#)).fingerprint;
    let engage =
        one(r#""action":"engage","time":1,"score":9,"entity":{"kind":"host","value":"a"}"#);
    let release = one(r#""action":"release","ended":2,"entity":{"kind":"host","value":"a"}"#);
    assert_eq!(engage, release);

    let conditions = [
        engage,
        one(r#""entity":{"kind":"host","value":"b"}"#),
        one(r#""entity":{"kind":"disk","value":"a"}"#),
        one(r#""entity":{"kind":"host","value":"a"},"type":"u""#),
        one(r#""entity":{"kind":"host","value":"a"},"interface":"eno1""#),
        one(r#""entity":{"kind":"host","value":"a"},"producer":"p""#),
        one(r#""entity":{"kind":"host","value":"a"},"fingerprint":"t""#),
        one(r#""fingerprint":"u""#),
        one(&flow("10.0.0.1", 443)),
        one(&flow("10.0.0.3", 443)),
        one(&flow("10.0.0.1", 444)),
    ];
    for (at, left) in conditions.iter().enumerate() {
        assert!(!conditions[at + 1..].contains(left), "row {at} has a twin");
    }
}

#[test]
fn one_object_an_array_and_lines_are_told_apart_by_their_bytes() {
    let table = [
        // body, content type says lines, lines of the alerts
        (r#"{"title":"a"}"#, false, vec![None]),
        ("\u{feff} {\"title\":\n\"a\"}\n", false, vec![None]),
        (r#"[{"title":"a"},{"title":"b"}]"#, false, vec![None, None]),
        ("[]", false, vec![]),
        ("{\"title\":\"a\"}\r\n\n{\"title\":\"b\"}", false, vec![Some(1), Some(3)]),
        ("\n{\"title\":\"a\"}\n{\"title\":\"b\"}\n", false, vec![Some(2), Some(3)]),
        (r#"{"title":"a"}"#, true, vec![Some(1)]),
    ];
    for (body, ndjson, expected) in table {
        let read = read_as(body.as_bytes(), ndjson).expect(body);
        assert!(read.iter().all(Result::is_ok), "{body}");
        // The line of an alert that was read is not kept: a broken one in its place shows it.
        let broken = body.replace("title", "titel");
        let broken = read_as(broken.as_bytes(), ndjson).expect(body);
        let lines: Vec<_> = broken.into_iter().map(|one| one.expect_err(body).line).collect();
        assert_eq!(lines, expected, "{body:?}");
    }
}

#[test]
fn a_body_that_is_not_json_tells_line_and_column() {
    let many = format!("[{}]", vec!["1"; ALERTS_COUNT_MAX + 1].join(",\n"));
    let lines = "{}\n".repeat(ALERTS_COUNT_MAX + 1);
    let bomb = "[".repeat(1_000_000);
    let table: [(&[u8], bool, usize, usize, &str); 13] = [
        (b"", false, 1, 1, "the body is empty"),
        (b" \n", true, 2, 1, "the body is empty"),
        (b"title=x", false, 1, 1, "a JSON object, an array"),
        (b"{\"title\":\n  x}", false, 2, 3, "expected value"),
        (b"{\"title\":\"x\"", false, 1, 12, "EOF"),
        (b"[{\"title\":\"x\"},", false, 1, 15, "EOF"),
        (b"{\"title\":\"x\"} y", false, 1, 15, "trailing"),
        (b"{\n\"title\":\"x\"}\n{\n\"title\":\"y\"}", false, 3, 1, "trailing"),
        (b"{\"title\":\"\xff\"}", false, 1, 11, "UTF-8"),
        (b"{\"title\":\"x\0\"}", false, 1, 11, "control character"),
        (many.as_bytes(), false, 10_001, 1, "at most 10000 alerts"),
        (lines.as_bytes(), false, 10_001, 1, "at most 10000 alerts"),
        (bomb.as_bytes(), false, 1, 1_000_000, "EOF"),
    ];
    for (body, ndjson, line, column, expected) in table {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        let bad = read_as(body, ndjson).expect_err(&shown);
        assert_eq!((bad.line, bad.column), (line, column), "{bad}: {shown}");
        assert!(bad.expected.contains(expected), "{bad}: {shown}");
    }
}

#[test]
fn a_bad_alert_does_not_take_the_others_with_it() {
    let read = all(r#"[{"title":"a"},7,{"title":""},{"title":"d"}]"#);
    let outcome: Vec<_> =
        read.iter().map(|one| one.as_ref().map(|alert| alert.title.as_str())).collect();
    assert!(matches!(outcome[..], [Ok("a"), Err(_), Err(_), Ok("d")]), "{outcome:?}");
    assert_eq!(outcome[1].unwrap_err().to_string(), "alert 1: expected one JSON object, found 7");

    let lines = read_as(b"{\"title\":\"a\"}\nnope\n{\"title\":\"c\"", true).unwrap();
    assert!(lines[0].is_ok());
    for (at, line) in [(1, 2), (2, 3)] {
        let rejection = lines[at].as_ref().unwrap_err();
        assert_eq!((rejection.position, rejection.line), (at, Some(line)));
    }
}

#[test]
fn a_fault_is_told_with_its_field_and_what_stood_there() {
    let flow = r#""flow":{"client":{"ip":"10.0.0"},"server":{"ip":"::1"},"transport":"tcp"}"#;
    let table = [
        (r#""score":1.5"#, "score", "1.5"),
        (r#""score":-1"#, "score", "-1"),
        (r#""severity":"bad""#, "severity", r#""bad""#),
        (r#""severity":3"#, "severity", "3"),
        (r#""action":"stop""#, "action", r#""stop""#),
        (r#""text":null"#, "text", "null"),
        (r#""text":"\u0000""#, "text", r#""\u0000""#),
        (r#""text":"\ud800""#, "text", r#""\ud800""#),
        (r#""labels":{"a":"b","c":1}"#, "labels.c", "1"),
        (r#""labels":{"a":"b","a":"c"}"#, "labels.a", r#""c""#),
        (r#""labels":["a"]"#, "labels", r#"["a"]"#),
        (r#""title":"t""#, "title", r#""t""#),
        (r#""link":"javascript:alert(1)""#, "link", r#""javascript:alert(1)""#),
        (r#""time":"yesterday""#, "time", r#""yesterday""#),
        (r#""host":{"ip":"::1","port":65536}"#, "host.port", "65536"),
        (
            r#""host":{"ip":"::1","autonomous_system":{"number":-1}}"#,
            "host.autonomous_system.number",
            "-1",
        ),
        (r#""entity":{"kind":"a b","value":"x"}"#, "entity.kind", r#""a b""#),
        (flow, "flow.client.ip", r#""10.0.0""#),
    ];
    for (fields, field, found) in table {
        let rejection = rejection(&format!(r#"{{"title":"t",{fields}}}"#));
        assert_eq!(rejection.field, field, "{fields}");
        assert_eq!(rejection.found.as_deref(), Some(found), "{fields}");
    }
    let missing = rejection(r#"{"title":"t","host":{}}"#);
    assert_eq!((missing.field.as_str(), missing.found), ("host.ip", None));
    assert_eq!(rejection("{}").to_string(), "alert 0: `title`: expected a title; it is missing");
}

#[test]
fn a_fault_never_echoes_more_than_64_bytes_of_key_or_value() {
    let long = "\u{7f}".repeat(10_000);
    for body in [
        format!(r#"{{"title":"t","severity":"{long}"}}"#),
        format!(r#"{{"title":"t","labels":{{"{long}":"x"}}}}"#),
        format!(r#"[["{long}"]]"#),
    ] {
        let rejection = rejection(&body);
        assert!(rejection.found.as_ref().is_some_and(|found| found.len() <= 64), "{rejection}");
        assert!(rejection.to_string().is_ascii() && rejection.field.len() <= 80, "{rejection}");
        assert!(!rejection.to_string().contains('\u{7f}'), "{rejection:?}");
    }
}

#[test]
fn an_alert_over_its_bounds_is_refused_before_it_is_read() {
    let padded = |bytes: usize| {
        let rest = r#"{"title":"t","x":""}"#.len();
        format!(r#"{{"title":"t","x":"{}"}}"#, "x".repeat(bytes - rest))
    };
    let nested = |levels: usize| {
        format!(r#"{{"title":"t","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    assert_eq!(alert(&padded(ALERT_BYTES_MAX)).raw.len(), ALERT_BYTES_MAX);
    assert_eq!(rejection(&padded(ALERT_BYTES_MAX + 1)).found.as_deref(), Some("65537 bytes"));
    assert_eq!(alert(&nested(NESTING_COUNT_MAX - 1)).title, "t");
    assert!(rejection(&nested(NESTING_COUNT_MAX)).expected.contains("at most 100"));
    assert!(rejection(&nested(30_000)).expected.contains("at most 100"));
}

/// What the schema cannot say (a key twice, half of a surrogate pair, the size in bytes) stands in
/// the tests above.
#[test]
fn the_published_schema_and_the_reader_agree() {
    let schema = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).expect("the schema is one");
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let party = |fields: &str| format!(r#""host":{{"ip":"10.0.0.1",{fields}}}"#);
    let flow = |fields: &str| {
        let sides = r#""client":{"ip":"10.0.0.1"},"server":{"ip":"10.0.0.2"}"#;
        format!(r#""flow":{{{sides},{fields}}}"#)
    };
    let text = |key: &str, chars: usize| format!(r#""{key}":"{}""#, "ä".repeat(chars));
    let entries = |count: usize| {
        let all: Vec<_> = (0..count).map(|at| format!(r#""l{at}":"x""#)).collect();
        format!(r#""labels":{{{}}}"#, all.join(","))
    };
    let label = |name: usize, value: usize| {
        format!(r#""labels":{{"{}":"{}"}}"#, "ä".repeat(name), "ä".repeat(value))
    };

    let mut good =
        vec![r#""unknown":[null]"#.to_owned(), r#""entity":{"kind":"a","value":""}"#.into()];
    let mut bad =
        vec![r#""entity":{"kind":"a"}"#.to_owned(), r#""flow":{}"#.into(), r#""host":[]"#.into()];
    good.extend([
        text("text", 0),
        text("text", 16_384),
        text("fingerprint", 1),
        text("fingerprint", 1024),
    ]);
    bad.extend([text("text", 16_385), text("fingerprint", 0), text("fingerprint", 1025)]);
    good.extend([text("interface", 256), entries(0), entries(64), label(1, 0), label(128, 4096)]);
    bad.extend([
        text("interface", 257),
        text("interface", 0),
        entries(65),
        label(0, 1),
        label(129, 1),
        label(1, 4097),
    ]);
    for word in ["a", "A.b_c:d/e-f", "0", &"a".repeat(64)] {
        good.extend(["type", "producer", "category"].map(|key| format!(r#""{key}":"{word}""#)));
    }
    for word in ["", "-a", "a b", "ä", "a\\n", &"a".repeat(65)] {
        bad.extend(["type", "producer", "category"].map(|key| format!(r#""{key}":"{word}""#)));
    }
    // Names of the engine's own doors, whole and as they are written.
    good.extend(
        [r#""producer":"ntopng-lab""#, r#""type":"ntopng""#, r#""category":"campanile""#]
            .map(str::to_owned),
    );
    bad.extend(
        ["ntopng", "alertmanager", "campanile"].map(|name| format!(r#""producer":"{name}""#)),
    );
    for score in ["0", "1.0", "1e3", "4294967295"] {
        good.push(format!(r#""score":{score}"#));
    }
    for score in ["-1", "0.5", "4294967296", "\"1\"", "null", "true", "1e300"] {
        bad.push(format!(r#""score":{score}"#));
    }
    for time in [
        "0",
        "253370764799999",
        r#""2026-11-24T02:51:00Z""#,
        r#""2026-11-24t02:51:00.123456789z""#,
        r#""2026-11-24T02:51:00-07:30""#,
        r#""1970-01-01T00:00:00Z""#,
        r#""9998-12-31T23:59:59Z""#,
    ] {
        good.push(format!(r#""time":{time}"#));
        good.push(format!(r#""action":"release","ended":{time}"#));
        bad.push(format!(r#""ended":{time}"#));
        bad.push(format!(r#""action":"engage","ended":{time}"#));
    }
    for time in [
        "-1",
        "253370764800000",
        "1.5",
        "null",
        r#""""#,
        r#""2026-11-24""#,
        r#""2026-11-24 02:51:00Z""#,
        r#""2026-11-24T02:51:00""#,
        r#""2026-11-24T02:51Z""#,
        r#""2026-13-24T02:51:00Z""#,
        r#""2026-02-30T02:51:00Z""#,
        r#""2026-11-24T25:51:00Z""#,
        r#""2026-11-24T02:51:00+0100""#,
        r#""2026-11-24T02:51:00Z[UTC]""#,
        r#""1969-12-31T23:59:59Z""#,
        r#""+002026-11-24T02:51:00Z""#,
        r#""20261124T025100Z""#,
    ] {
        bad.push(format!(r#""time":{time}"#));
    }
    for (severity, action) in [("\"none\"", "\"store\""), ("\"emergency\"", "\"engage\"")] {
        good.push(format!(r#""severity":{severity},"action":{action}"#));
    }
    bad.extend([r#""severity":"Error""#, r#""severity":5"#, r#""action":"""#].map(str::to_owned));
    for link in ["https://a.example/?q=%20#f", "http://[::1]:8080/", "HTTP://a.example"] {
        good.push(format!(r#""link":"{link}""#));
    }
    for link in [
        "",
        "a.example",
        "ftp://a.example",
        "javascript:alert(1)",
        "https:// a.example",
        "https://",
    ] {
        bad.push(format!(r#""link":"{link}""#));
    }
    for ip in ["10.0.0.1", "::", "2001:DB8::1", "::ffff:1.2.3.4"] {
        good.push(format!(r#""host":{{"ip":"{ip}"}}"#));
    }
    for ip in [
        "",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.01",
        "1.2.3.4:5",
        "fe80::1%1",
        "[::1]",
        "a.example",
        "10.0.0.1/8",
    ] {
        bad.push(format!(r#""host":{{"ip":"{ip}"}}"#));
    }
    for fields in [
        r#""port":0"#,
        r#""port":65535"#,
        r#""mac":"66:77:88:99:AA:bb""#,
        r#""mac":"66-77-88-99-AA-bb""#,
        r#""country":"de""#,
        r#""continent":"EU""#,
        r#""location":[-90,180]"#,
        r#""is_local":true"#,
        r#""autonomous_system":{"number":0}"#,
    ] {
        good.push(party(fields));
    }
    for fields in [
        r#""port":65536"#,
        r#""port":"1""#,
        r#""mac":"66:77:88-99:AA:bb""#,
        r#""mac":"6677.8899.aabb""#,
        r#""country":"DEU""#,
        r#""country":"D1""#,
        r#""continent":"""#,
        r#""location":[91,0]"#,
        r#""location":[0,181]"#,
        r#""location":[0]"#,
        r#""location":[0,0,0]"#,
        r#""is_local":"yes""#,
        r#""is_victim":1"#,
        r#""autonomous_system":{}"#,
        r#""name":"""#,
        r#""city":7"#,
    ] {
        bad.push(party(fields));
    }
    for fields in [
        r#""transport":"tcp""#,
        r#""transport":"tcp","transport_number":255,"vlan":4095"#,
        r#""transport":"tcp","sent":{},"received":{"bytes":9007199254740991},"blocked":false"#,
        r#""transport":"tcp","application":"TLS","community_id":"1:x""#,
    ] {
        good.push(flow(fields));
    }
    for fields in [
        r#""vlan":1"#,
        r#""transport":"""#,
        r#""transport":"tcp","transport_number":256"#,
        r#""transport":"tcp","vlan":4096"#,
        r#""transport":"tcp","sent":{"bytes":9007199254740992}"#,
        r#""transport":"tcp","sent":7"#,
        r#""transport":"tcp","blocked":0"#,
        r#""transport":"tcp","application":"""#,
    ] {
        bad.push(flow(fields));
    }
    bad.push(r#""text":"a\u0000b""#.into());

    let rows = good.iter().map(|row| (row, true)).chain(bad.iter().map(|row| (row, false)));
    for (fields, expected) in rows {
        let json = format!(r#"{{"title":"t",{fields}}}"#);
        let shown = &json[..json.floor_char_boundary(200)];
        let valid = schema.is_valid(&serde_json::from_str(&json).unwrap());
        let read = all(&json).remove(0);
        assert_eq!(valid, expected, "schema on {shown}");
        assert_eq!(read.is_ok(), expected, "reader on {shown}: {:?}", read.err());
    }
    for (json, expected) in
        [(WHOLE, true), ("{}", false), (r#"{"title":""}"#, false), ("[]", false), ("7", false)]
    {
        assert_eq!(schema.is_valid(&serde_json::from_str(json).unwrap()), expected, "{json}");
    }
}
