use campanile_guest::samples::{
    alert, assert_cut_past, assert_equal_anywhere, context, filled, instant, party, whole,
};
use campanile_guest::{Instant, Kind, Party};

use super::*;
use crate::{TheHive, settings};

#[test]
fn a_severity_becomes_a_number_from_1_to_4_unless_the_recipient_has_its_own() {
    let table = [
        (Severity::None, 1),
        (Severity::Debug, 1),
        (Severity::Info, 1),
        (Severity::Notice, 1),
        (Severity::Warning, 2),
        (Severity::Error, 3),
        (Severity::Critical, 4),
        (Severity::Alert, 4),
        (Severity::Emergency, 4),
    ];
    for (severity, expected) in table {
        let mut alert = alert();
        alert.severity = severity;
        assert_eq!(told(&alert, "{}")["severity"], expected, "{severity:?}");
        assert_eq!(told(&alert, r#"{"severity":3}"#)["severity"], 3);
        alert.action = Action::Release;
        assert_eq!(told(&alert, "{}")["severity"], 1);
    }
}

#[test]
fn the_reference_is_the_episode_so_that_the_next_time_is_another_alert() {
    let mut again = alert();
    again.id = "01JD8Q5W3V9T6Z0M4K2N7P1R5T".into();
    again.episode.clone_from(&again.id);
    assert_eq!(told(&alert(), "{}")["sourceRef"], "01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    assert_eq!(told(&again, "{}")["sourceRef"], "01JD8Q5W3V9T6Z0M4K2N7P1R5T");
}

#[test]
fn a_release_changes_the_alert_that_is_known_and_creates_what_is_not() {
    let mut over = alert();
    (over.action, over.ended) = (Action::Release, Some(instant(4, 5)));
    over.id = "01JD8Q5W3V9T6Z0M4K2N7P1R5T".into();
    let note = |message: &Message, name: &str| {
        message.notes.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone())
    };
    let text = r#"{"release_status":"Closed"}"#;

    let known = message_of(&over, Some("~41"), text);
    let change: Value = serde_json::from_slice(&known.body).expect("JSON");
    let summary = "Over since 2026-11-24 04:05:00 UTC. Began 2026-11-24 02:00:00 UTC, lasted 2 h 5 \
                   min.";
    let expected = serde_json::json!({"addTags": ["released"], "summary": summary,
        "status": "Closed"});
    assert_eq!(change, expected);
    assert_eq!(note(&known, ALERT_ID).as_deref(), Some("~41"));

    for previous in [None, Some("../user/x"), Some(""), Some("a b")] {
        let unknown = message_of(&over, previous, text);
        let create: Value = serde_json::from_slice(&unknown.body).expect("JSON");
        assert_eq!(create["sourceRef"], over.episode);
        assert!(create["tags"].as_array().expect("tags").contains(&"released".into()));
        assert_eq!(note(&unknown, ALERT_ID), None);
        let update: Value =
            serde_json::from_str(&note(&unknown, UPDATE).expect("it")).expect("JSON");
        assert_eq!(update, change);
    }
    assert_eq!(note(&message_of(&alert(), Some("~41"), text), UPDATE), None);
    assert!(tell(&over, None, r#"{"on_release":"none"}"#).messages.is_empty());
}

#[test]
fn a_text_that_fits_is_whole_and_one_past_it_is_cut_to_fit() {
    let check = |name: &str, max: usize, frame: usize, put: &dyn Fn(&mut Alert, String)| {
        for (one, size) in [("x", 1), ("\u{e9}", 1), ("\u{1f514}", 2)] {
            let at = |count: usize| {
                let mut alert = alert();
                (alert.entity_value, alert.text) = (String::new(), String::new());
                put(&mut alert, one.repeat(count / size));
                let body = told(&alert, "{}");
                let text = body.pointer(name).and_then(Value::as_str).expect(name);
                text.to_owned()
            };
            let fits = at((max - frame) / size * size);
            assert!(!fits.contains('\u{2026}'), "{name} {one}");
            let cut = at((max - frame) / size * size + size);
            assert!(cut.contains('\u{2026}'), "{name} {one}");
            let units = cut.encode_utf16().count();
            assert!((max - 2..=max).contains(&units), "{name} {one}: {units}");
        }
    };
    check("/title", 512, "CRITICAL: ".len(), &|alert, text| alert.title = text);
    check("/tags/1", 128, 0, &|alert, text| alert.category = text);
    let mut bare = alert();
    (bare.entity_value, bare.text) = (String::new(), "x".into());
    let frame = told(&bare, "{}")["description"].as_str().map_or(0, str::len) - 1;
    check("/description", 1_048_576, frame, &|alert, text| alert.text = text);

    let has = |count: usize| {
        let mut alert = alert();
        alert.link = Some(format!("https://h/{}", "x".repeat(count - "https://h/".len())));
        told(&alert, "{}").get("externalLink").is_some()
    };
    assert!(has(4096) && !has(4097));
    let mut long = alert();
    long.producer = "\u{1f514}".repeat(40);
    assert_eq!(told(&long, "{}")["type"], "\u{1f514}".repeat(16));
}

#[test]
fn a_value_and_the_labels_are_cut_past_their_bounds_and_an_observable_is_left_out() {
    let units = |text: &str| text.encode_utf16().count();
    let line = |alert: &Alert, begin: &str, end: &str| {
        let body = told(alert, "{}");
        let text = body["description"].as_str().expect("a text");
        let (_, behind) = text.split_once(begin).expect(begin);
        behind.split(end).next().unwrap_or_default().to_owned()
    };
    assert_cut_past(1000, units, |count| {
        line(&Alert { producer: "x".repeat(count), ..alert() }, "| Producer | ", " |\n")
    });
    assert_cut_past(20_000, units, |count| {
        line(&Alert { labels: vec![("a".into(), "x".repeat(count))], ..alert() }, "Labels: ", "\n")
    });
    let is_observed = |bytes: usize| {
        let mut alert = alert();
        alert.host = Some(party(&"x".repeat(bytes)));
        told(&alert, "{}")["observables"].as_array().is_some_and(|list| !list.is_empty())
    };
    assert!(is_observed(4096) && !is_observed(4097));
}

#[test]
fn tags_and_observables_are_there_once() {
    let mut alert = alert();
    (alert.category, alert.alert_type) = ("system".into(), "system".into());
    let text = r#"{"tags":["ops","system","critical","ops team"]}"#;
    let tags = serde_json::json!(["diskwatch", "system", "critical", "ops", "ops team"]);
    assert_eq!(told(&alert, text)["tags"], tags);

    let host = |ip: &str, name: Option<&str>| Party {
        name: name.map(Into::into),
        is_victim: false,
        is_blacklisted: false,
        mac: Some("00:11:22:33:44:55".into()),
        ..party(ip)
    };
    let mut flow = filled("x").flow.expect("a flow");
    flow.client = Party { is_attacker: false, ..host("192.0.2.1", Some("db-1")) };
    flow.server = host("192.0.2.1", Some("192.0.2.1"));
    alert.flow = Some(flow);
    alert.host = Some(Party { is_attacker: false, ..host("192.0.2.1", Some("db-1")) });
    let text = r#"{"observables":["ip","name","mac"],"tlp":1,"pap":0,
        "observable_url":"https://o/","observable_mail":"soc@example.com"}"#;
    let one = |data_type: &str, data: &str, ioc: bool, tags: &[&str]| serde_json::json!({"dataType": data_type, "data": data, "tlp": 1, "pap": 0, "ioc": ioc, "tags": tags});
    let expected = serde_json::json!([
        one("ip", "192.0.2.1", true, &["client", "server", "attacker", "host"]),
        one("hostname", "db-1", false, &["client", "host"]),
        one("other", "00:11:22:33:44:55", false, &["client", "server", "attacker", "host"]),
        one("url", "https://o/", false, &["configured"]),
        one("mail", "soc@example.com", false, &["configured"]),
    ]);
    assert_eq!(told(&alert, text)["observables"], expected);
    assert_eq!(told(&alert, r#"{"observables":[]}"#)["observables"], serde_json::json!([]));
}

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text() {
    let hostile = [
        "<script>alert(1)</script> <img src=x>",
        "[a](javascript:x) ![i](https://evil.example/i.png) https://evil.example www.evil.example",
        "| a | b |\n|---|---|\n# h",
        "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
        "\u{1f514}",
        "\\",
        "\"}],\"severity\":4",
    ];
    for one in hostile {
        let long = one.repeat(20_000 / one.len());
        for alert in [filled(one), filled(&long)] {
            let body = told(&alert, "{}");
            assert_eq!(
                body.as_object().map(serde_json::Map::len),
                Some(12 - usize::from(body.get("externalLink").is_none()))
            );
            let text = body["description"].as_str().expect("a text");
            let bad = ["<", "](", "http://", "https://", "www.", "\0", "\r", "\u{202e}", "!["];
            assert!(!bad.iter().any(|bad| text.contains(bad)), "{text}");
            // Every row of the table has its two cells, whatever stands in them.
            for row in text.lines().filter(|line| line.starts_with("| ") && *line != "| | |") {
                let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
                assert_eq!(bars, 3, "{row}");
            }
            assert!(body["title"].as_str().is_some_and(|title| !title.contains(['\n', '\0'])));
        }
    }
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let format = |subjects| TheHive::format(subjects, context()).expect("messages");
    assert_equal_anywhere(format, whole);
}

#[test]
fn the_title_is_how_bad_what_and_whom_and_not_the_text() {
    let mut alert = alert();
    assert_eq!(told(&alert, "{}")["title"], "CRITICAL: Disk full: disk db-1");
    alert.entity_value = String::new();
    assert_eq!(told(&alert, "{}")["title"], "CRITICAL: Disk full");
    alert.flow = filled("x").flow;
    let title = told(&alert, "{}")["title"].clone();
    let title = title.as_str().expect("a title");
    assert!(title.starts_with("CRITICAL: Disk full: ") && title.contains(" -> "), "{title}");
    assert!(!title.contains("97 %"), "{title}");
}

#[test]
fn the_date_is_when_it_began() {
    let mut alert = alert();
    alert.time = Instant { unix_ms: 7, ..alert.time };
    assert_eq!(told(&alert, "{}")["date"], 7);
}

fn told(alert: &Alert, text: &str) -> Value {
    serde_json::from_slice(&message_of(alert, None, text).body).expect("JSON")
}

fn message_of(alert: &Alert, previous: Option<&str>, text: &str) -> Message {
    let message = tell(alert, previous, text).messages.remove(0);
    assert_eq!(message.repeat_safe_ms, u32::MAX);
    message
}

fn tell(alert: &Alert, previous: Option<&str>, text: &str) -> Formatted {
    settings::read(text).expect("settings");
    let subject = Subject { alert: alert.clone(), previous: previous.map(Into::into) };
    let context = Context { settings: text.into(), ..context() };
    TheHive::format(vec![subject], context).expect("messages")
}
