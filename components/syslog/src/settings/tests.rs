use serde_json::{Value, json};

use super::*;

fn with(settings: Value) -> Result<Settings, Fault> {
    let mut all = json!({"server": "tcp://logs.example:514"});
    let Value::Object(own) = settings else { panic!("an object") };
    all.as_object_mut().expect("an object").extend(own);
    read(&all.to_string())
}

#[test]
fn what_is_not_set_is_what_ntopng_does() {
    let settings = read(r#"{"server":"udp://192.0.2.1:514"}"#).expect("good");
    assert_eq!((settings.transport, settings.facility), (Transport::Udp, 14));
    assert_eq!((settings.header(), settings.framing()), (Header::Rfc5424, None));
    assert_eq!((settings.format, settings.bytes_max()), (Format::Text, 1400));
    assert_eq!((settings.app_name.as_str(), settings.msgid.as_str()), ("campanile", "ALERT"));
    assert_eq!(settings.service_levels, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(settings.has_bom(false) && !settings.has_bom(true));
}

#[test]
fn transport_and_format_decide_header_framing_and_length() {
    use Framing::{Newline, OctetCounting};
    use Header::{Rfc3164, Rfc5424};
    let table = [
        // server, other settings, header, framing, bytes
        ("udp://h:514", json!({}), Rfc5424, None, 1400),
        ("udp://h:514", json!({"header": "rfc3164"}), Rfc3164, None, 1024),
        ("udp://h:514", json!({"max_message_bytes": 480}), Rfc5424, None, 480),
        ("udp://h:514", json!({"format": "checkmk"}), Rfc5424, None, 1400),
        (
            "udp://h:514",
            json!({"format": "checkmk", "max_message_bytes": 9000}),
            Rfc5424,
            None,
            4096,
        ),
        ("tcp://h:601", json!({}), Rfc5424, Some(Newline), 8192),
        ("tcp://h:601", json!({"framing": "octet_counting"}), Rfc5424, Some(OctetCounting), 8192),
        (
            "tcp://h:601",
            json!({"framing": "octet_counting", "format": "checkmk", "header": "rfc3164"}),
            Rfc5424,
            Some(Newline),
            4096,
        ),
        ("tls://[2001:db8::1]:6514", json!({}), Rfc5424, Some(OctetCounting), 8192),
        ("tls://h:6514", json!({"framing": "octet_counting"}), Rfc5424, Some(OctetCounting), 8192),
        ("tls://h:6514", json!({"header": "rfc3164"}), Rfc3164, Some(OctetCounting), 1024),
        ("tls://h:6514", json!({"format": "checkmk"}), Rfc5424, Some(Newline), 4096),
        ("unix-dgram:/dev/log", json!({}), Rfc3164, None, 8192),
        ("unix-dgram:/dev/log", json!({"format": "checkmk"}), Rfc3164, None, 4096),
    ];
    for (server, other, header, framing, bytes) in table {
        let mut all = other.clone();
        all["server"] = server.into();
        let found = read(&all.to_string()).expect("good");
        let found = (found.header(), found.framing(), found.bytes_max());
        assert_eq!(found, (header, framing, bytes), "{server} {other}");
    }
}

#[test]
fn the_mark_of_utf_8_stands_where_it_is_asked_for_and_never_behind_the_older_header() {
    let table = [
        (json!({}), true, false),
        (json!({}), false, true),
        (json!({"bom": true}), true, true),
        (json!({"bom": false}), false, false),
        (json!({"format": "json"}), false, false),
        (json!({"format": "ecs", "bom": true}), true, true),
        (json!({"format": "checkmk"}), false, true),
        (json!({"header": "rfc3164", "bom": true}), false, false),
    ];
    for (settings, is_ascii, expected) in table {
        let shown = settings.to_string();
        assert_eq!(with(settings).expect("good").has_bom(is_ascii), expected, "{shown}");
    }
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
    let server = |server: &str| json!({"server": server});
    let long = format!("unix-dgram:/{}", "x".repeat(107));
    assert!(read(&server(&long[..long.len() - 1]).to_string()).is_ok());
    let endpoint = [
        (server("hunter2"), "setting `server`: expected"),
        (server("http://hunter2:514"), "setting `server`: expected"),
        (server("udp://hunter2"), "setting `server`: expected"),
        (server("udp://:514"), "setting `server`: expected"),
        (server("udp://hunter2:0"), "setting `server`: expected"),
        (server("udp://hunter2:65536"), "setting `server`: expected"),
        (server("udp://hunter2:+514"), "setting `server`: expected"),
        (server("udp://me@hunter2:514"), "setting `server`: expected"),
        (server("udp://hunter2:514/x"), "setting `server`: expected"),
        (server("udp://hunter2 x:514"), "setting `server`: expected"),
        (server("unix-dgram:hunter2"), "setting `server`: expected"),
        (server("unix-dgram:/"), "setting `server`: expected"),
        (server(&long), "setting `server`: expected"),
        (json!({"server": null}), "setting `server`: expected"),
        (json!({"header": "hunter2"}), "expected one of `rfc5424`, `rfc3164`"),
        (json!({"framing": "hunter2"}), "expected one of `newline`, `octet_counting`"),
        (
            json!({"server": "udp://h:514", "framing": "newline"}),
            "setting `framing`: is for `tcp://`",
        ),
        (
            json!({"server": "tls://h:1", "framing": "newline"}),
            "setting `framing`: is for `tcp://`",
        ),
        (json!({"facility": 3}), "setting `facility`: expected one of `kern`"),
        (json!({"app_name": "hunter 2"}), "setting `app_name`: expected 1 to 48"),
        (json!({"app_name": "x".repeat(49)}), "setting `app_name`: expected 1 to 48"),
        (json!({"app_name": "hunter-2", "header": "rfc3164"}), "`app_name`: expected 1 to 32"),
        (
            json!({"app_name": "a-b", "server": "unix-dgram:/dev/log"}),
            "`app_name`: expected 1 to 32",
        ),
        (json!({"app_name": "x".repeat(33), "header": "rfc3164"}), "`app_name`: expected 1 to 32"),
        (json!({"hostname": "h\u{fc}nter2"}), "setting `hostname`: expected 1 to 255"),
        (json!({"max_message_bytes": 479}), "expected a whole number, 480 to 65507"),
        (json!({"max_message_bytes": 65508}), "expected a whole number, 480 to 65507"),
        (json!({"hunter": 2}), "no setting `hunter`; there are server"),
    ];
    let recipient = [
        (json!({"format": "plaintext"}), "setting `format`: expected one of `text`"),
        (json!({"msgid": "x".repeat(33)}), "setting `msgid`: expected 1 to 32"),
        (json!({"sd_id": "hunter2"}), "setting `sd_id`: expected `name@number`"),
        (json!({"bom": "yes"}), "setting `bom`: expected true or false"),
        (json!({"service_levels": [1]}), "setting `service_levels`: expected an object"),
        (json!({"service_levels": {"hunter2": 1}}), "setting `service_levels`: expected"),
        (json!({"service_levels": {"error": -1}}), "setting `service_levels`: expected"),
        (json!({"service_levels": {"error": 1_000_001}}), "setting `service_levels`: expected"),
    ];
    for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])] {
        for (settings, expected) in table {
            let fault = with(settings.clone()).expect_err(expected);
            assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{settings}");
            assert!(fault.detail.contains(expected), "{settings}: {}", fault.detail);
            assert!(!fault.detail.contains("hunter2"), "{settings}: {}", fault.detail);
        }
    }
    for local in ["{}", r#"{"server":""}"#] {
        assert_eq!(read(local).expect("the daemon of this machine").target, LOCAL);
    }
}

#[test]
fn levels_that_are_named_replace_those_of_ntopng() {
    let levels = json!({"service_levels": {"error": 30, "emergency": 0}});
    assert_eq!(with(levels).expect("good").service_levels, [0, 1, 2, 3, 4, 30, 6, 7, 0]);
}

#[test]
fn the_schemas_name_exactly_the_settings_that_are_read() {
    settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
}
