use campanile_guest::samples::{self, alert, context, filled};
use campanile_guest::{Alert, Kind, Severity};
use serde_json::Value;

use super::*;
use crate::event::EVENT_BYTES_MAX;
use crate::{PagerDuty, settings};

#[test]
fn a_severity_becomes_one_of_the_four_words() {
    let table = [
        (Severity::None, "info"),
        (Severity::Debug, "info"),
        (Severity::Info, "info"),
        (Severity::Notice, "info"),
        (Severity::Warning, "warning"),
        (Severity::Error, "error"),
        (Severity::Critical, "critical"),
        (Severity::Alert, "critical"),
        (Severity::Emergency, "critical"),
    ];
    for (severity, expected) in table {
        let mut alert = alert();
        alert.severity = severity;
        assert_eq!(told(&alert, "{}")["payload"]["severity"], expected, "{severity:?}");
    }
}

#[test]
fn an_engage_its_release_and_its_next_time_have_one_key() {
    let engage = alert();
    let mut over = Alert { action: Action::Release, ..alert() };
    over.id = "01JD8Q5W3V9T6Z0M4K2N7P1R5T".into();
    let key = told(&engage, "{}")["dedup_key"].clone();
    assert_eq!(key, format!("campanile/tower/{}", "00".repeat(16)));
    let resolve = serde_json::json!({"event_action": "resolve", "dedup_key": key});
    assert_eq!(told(&over, "{}"), resolve);
    let other = Alert { fingerprint: "11".repeat(16), ..alert() };
    assert_ne!(told(&other, "{}")["dedup_key"], key);
}

#[test]
fn a_key_is_within_its_bound_and_keeps_the_fingerprint() {
    for (instance, kept) in [("x", 200), ("\u{e9}", 200), ("\u{1f514}", 100)] {
        let context = Context { instance: instance.repeat(500), ..context() };
        let key = event::dedup_key(&alert(), &context);
        assert!(key.encode_utf16().count() <= 255, "{key}");
        let expected = format!("campanile/{}/{}", instance.repeat(kept), alert().fingerprint);
        assert_eq!(key, expected);
    }
    assert!(!PROBE_KEY.starts_with("campanile/"));
}

#[test]
fn a_summary_at_the_bound_is_whole_and_one_past_it_is_cut() {
    let before = "[CRITICAL] ";
    for (one, size) in [("x", 1), ("\u{e9}", 1), ("\u{1f514}", 2)] {
        let summary = |units: usize| {
            let mut alert = alert();
            (alert.entity_value, alert.text) = (String::new(), String::new());
            alert.title = format!("x{}", one.repeat((units - before.len() - 1) / size));
            told(&alert, "{}")["payload"]["summary"].as_str().expect("a text").to_owned()
        };
        let fits = summary(1024);
        assert!(fits.starts_with(before) && !fits.contains('\u{2026}'), "{one}");
        assert!((1023..=1024).contains(&fits.encode_utf16().count()), "{one}");
        let cut = summary(1024 + size);
        assert!(cut.ends_with('\u{2026}'), "{one}");
        assert!((1023..=1024).contains(&cut.encode_utf16().count()), "{one}");
    }
}

#[test]
fn an_event_at_the_bound_is_whole_and_one_past_it_loses_its_details_but_not_its_link() {
    let with = |count: usize| {
        let mut alert = alert();
        alert.link = Some("https://h/".into());
        alert.annotations = vec![("a".into(), "x".repeat(count))];
        message(&alert, "{}").body
    };
    // The key and what stands around it have 200 more.
    let most = 512_000 - 200;
    let room = most - with(1).len() + 1;
    let fits = with(room);
    assert_eq!(fits.len(), most);
    let event: Value = serde_json::from_slice(&fits).expect("JSON");
    assert_eq!(event["payload"]["custom_details"]["score"], 210);
    let event: Value = serde_json::from_slice(&with(room + 1)).expect("JSON");
    let details = event["payload"]["custom_details"].as_object().expect("details");
    assert_eq!(details.keys().collect::<Vec<_>>(), ["note"]);
    assert_eq!(event["links"][0]["href"], "https://h/");
    assert!(event["payload"]["summary"].as_str().is_some_and(|text| text.contains("Disk full")));
}

#[test]
fn a_name_is_cut_past_255_characters_and_an_address_left_out_past_2048_bytes() {
    type Put = fn(&mut Alert, String);
    let table: [(&str, Put); 3] = [
        ("source", |alert, text| alert.entity_value = text),
        ("component", |alert, text| alert.interface_name = Some(text)),
        ("class", |alert, text| alert.alert_type = text),
    ];
    for (name, put) in table {
        samples::assert_cut_past(
            255,
            |text| text.encode_utf16().count(),
            |count| {
                let mut alert = alert();
                put(&mut alert, "x".repeat(count));
                told(&alert, "{}")["payload"][name].as_str().expect(name).to_owned()
            },
        );
    }
    let address = |bytes: usize| format!("https://h/{}", "x".repeat(bytes - "https://h/".len()));
    let is_linked = |bytes| {
        let alert = Alert { link: Some(address(bytes)), ..alert() };
        told(&alert, "{}").get("links").is_some()
    };
    assert!(is_linked(2048) && !is_linked(2049));
    let is_home = |bytes| {
        let context = Context { instance_link: Some(address(bytes)), ..context() };
        let settings = settings::read("{}").expect("settings");
        let event = event::of(&alert(), &context, &settings);
        serde_json::from_slice::<Value>(&event).expect("JSON").get("client_url").is_some()
    };
    assert!(is_home(2048) && !is_home(2049));
}

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text_within_every_limit() {
    let hostile = [
        "\"}],\"routing_key\":\"x",
        "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
        "\u{1f514}",
        "@everyone <b>&amp;",
        "\\",
    ];
    for one in hostile {
        let long = one.repeat(20_000 / one.len());
        for alert in [filled(one), filled(&long)] {
            let message = message(&alert, "{}");
            assert!(message.body.len() <= EVENT_BYTES_MAX);
            let event: Value = serde_json::from_slice(&message.body).expect("JSON");
            assert_eq!(event["routing_key"], Value::Null);
            let payload = &event["payload"];
            for (name, max) in
                [("summary", 1024), ("source", 255), ("component", 255), ("class", 255)]
            {
                let text = payload[name].as_str().expect(name);
                assert!((1..=max).contains(&text.encode_utf16().count()), "{name}: {text}");
                assert!(!text.contains(['\0', '\r', '\n', '\u{1b}', '\u{202e}']), "{name}");
            }
        }
    }
}

#[test]
fn the_source_is_what_is_at_fault_and_never_nothing() {
    let bare = || Alert { entity_value: " ".into(), ..alert() };
    let host = |name: Option<&str>| {
        let mut party = samples::party("192.0.2.1");
        party.name = name.map(Into::into);
        Some(party)
    };
    let table = [
        (Alert { host: host(Some("db")), ..bare() }, "db"),
        (Alert { host: host(None), ..bare() }, "192.0.2.1"),
        (Alert { flow: filled("192.0.2.7").flow, ..bare() }, "192.0.2.7"),
        (alert(), "db-1"),
        (Alert { interface_name: Some("eno1".into()), ..bare() }, "eno1"),
        (bare(), "tower"),
    ];
    for (alert, expected) in table {
        assert_eq!(told(&alert, "{}")["payload"]["source"], expected);
    }
}

#[test]
fn the_page_of_an_alert_is_told_once() {
    let alert = Alert { link: Some("https://h/7".into()), ..alert() };
    let table = [
        ("{}", None),
        (r#"{"client_url":"https://h/7"}"#, None),
        (r#"{"client_url":"https://h/"}"#, Some("https://h/")),
    ];
    for (text, expected) in table {
        let event = told(&alert, text);
        assert_eq!(event["client_url"].as_str(), expected, "{text}");
        assert_eq!(
            event["links"],
            serde_json::json!([
                {"href": "https://h/7", "text": "Open the alert"},
            ])
        );
    }
}

#[test]
fn a_release_is_left_out_where_nobody_wants_it() {
    let over = Alert { action: Action::Release, ..alert() };
    let formatted = tell(&[over], r#"{"on_release":"none"}"#);
    assert!(formatted.messages.is_empty());
    assert_eq!(formatted.skipped[0].alert, 0);
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let format = |subjects| PagerDuty::format(subjects, context()).expect("messages");
    samples::assert_equal_anywhere(format, samples::whole);
}

fn told(alert: &Alert, text: &str) -> Value {
    serde_json::from_slice(&message(alert, text).body).expect("JSON")
}

fn message(alert: &Alert, text: &str) -> Message {
    let message = tell(std::slice::from_ref(alert), text).messages.remove(0);
    assert_eq!(message.repeat_safe_ms, u32::MAX);
    message
}

fn tell(alerts: &[Alert], text: &str) -> Formatted {
    settings::read(text).expect("settings");
    let subjects = alerts.iter().map(|alert| Subject { alert: alert.clone(), previous: None });
    let context = Context { settings: text.into(), ..context() };
    PagerDuty::format(subjects.collect(), context).expect("messages")
}
