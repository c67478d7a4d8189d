use campanile_guest::samples::{
    alert, assert_cut_past, assert_equal_anywhere, context, filled, instant, whole,
};
use campanile_guest::{Kind, Severity};
use serde_json::Value;

use super::*;
use crate::{Teams, settings};

const HOSTILE: [&str; 9] = [
    "<at>Jane</at> &lt;at&gt;Jane&lt;/at&gt; @everyone <!channel>",
    "[bank](https://evil.example) **b** _i_ ~s~ `c`",
    "# h\n- a\n> q\n1. x",
    "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
    "\u{1f514}",
    "\u{4e2d}",
    "\"\\",
    "<x",
    "]}\"}],\"type\":\"x\"",
];

#[test]
fn the_color_of_a_headline_says_how_bad_it_is_and_green_that_it_is_over() {
    let table = [
        (Severity::None, "Default"),
        (Severity::Debug, "Default"),
        (Severity::Info, "Accent"),
        (Severity::Notice, "Accent"),
        (Severity::Warning, "Warning"),
        (Severity::Error, "Attention"),
        (Severity::Critical, "Attention"),
        (Severity::Alert, "Attention"),
        (Severity::Emergency, "Attention"),
    ];
    for (severity, expected) in table {
        let mut alert = alert();
        alert.severity = severity;
        assert_eq!(card(&told(&alert, "{}"))["body"][0]["color"], expected, "{severity:?}");
        alert.action = Action::Release;
        assert_eq!(card(&told(&alert, "{}"))["body"][0]["color"], "Good");
    }
}

#[test]
fn a_release_says_how_long_it_lasted() {
    let mut alert = alert();
    alert.action = Action::Release;
    alert.ended = Some(instant(4, 5));
    let told = told(&alert, "{}");
    let body = &card(&told)["body"];
    assert_eq!(body[0]["text"], "RESOLVED: Disk full");
    let over = body[1]["text"].as_str().expect("a text");
    assert!(over.ends_with("lasted 2 h 5 min."), "{over}");
}

#[test]
fn whom_to_call_is_called_unless_all_of_it_is_over() {
    let text = r#"{"mention":[{"name":"Jane Ops","id":"jane@example.com"}]}"#;
    let mut over = alert();
    over.action = Action::Release;
    let entity = serde_json::json!([{"type": "mention", "text": "<at>Jane Ops</at>",
        "mentioned": {"id": "jane@example.com", "name": "Jane Ops"}}]);
    let table: [(&[Alert], bool); 4] = [
        (&[alert()], true),
        (&[over.clone()], false),
        (&[over.clone(), alert()], true),
        (&[over.clone(), over.clone()], false),
    ];
    for (alerts, expected) in table {
        let told = tell(alerts, text).messages.remove(0);
        let card = card(&told);
        let expected = if expected { entity.clone() } else { Value::Null };
        assert_eq!(card["msteams"]["entities"], expected, "{} alerts", alerts.len());
        assert_eq!(card["body"][1]["text"] == "<at>Jane Ops</at>", expected != Value::Null);
    }
}

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text_and_within_the_bound() {
    let name = "\u{4e2d}".repeat(64);
    let mention: Vec<_> = (10..20)
        .map(|at| serde_json::json!({"name": name, "id": format!("{at}{}", "x".repeat(126))}))
        .collect();
    let text = serde_json::json!({ "mention": mention }).to_string();
    let mut all = vec![];
    for one in HOSTILE {
        let long = one.repeat(20_000 / one.len());
        for mut alert in [filled(one), filled(&long)] {
            alert.link = Some(format!("https://h/{}", "\u{4e2d}".repeat(220)));
            let message = told(&alert, &text);
            check(&message);
            all.push(alert);
        }
    }
    for message in tell(&all, &text).messages {
        check(&message);
    }
}

#[test]
fn a_body_at_the_bound_is_whole_and_one_past_it_is_shortened() {
    // Three bytes a unit, and an address that counts as it stands.
    let with = |link: usize| {
        let mut alert = alert();
        alert.labels = vec![("a".into(), "\u{4e2d}".repeat(1500))];
        alert.text = "\u{4e2d}".repeat(4000);
        alert.entity_value = "\u{4e2d}".repeat(400);
        alert.interface_name = Some("\u{4e2d}".repeat(500));
        alert.link = Some(format!("https://h/{}", "x".repeat(link)));
        told(&alert, "{}")
    };
    let room = 20_000 - with(0).body.len();
    assert!(room < 1990, "{room}");
    let fits = with(room);
    assert_eq!(fits.body.len(), 20_000);
    assert_eq!(text_of(&fits), "\u{4e2d}".repeat(4000));
    let cut = with(room + 1);
    assert!(cut.body.len() < 20_000);
    assert_eq!(text_of(&cut), format!("{}\u{2026}", "\u{4e2d}".repeat(1499)));
}

#[test]
fn each_part_of_a_card_is_whole_at_its_bound_and_cut_past_it() {
    type Put = fn(&mut Alert, String);
    let table: [(&str, usize, usize, Put); 5] = [
        // where, the bounds in a card of one alert and of two, and what is put there
        ("0/text", 300, 300, |alert, text| alert.title = text),
        ("1/text", 4000, 600, |alert, text| alert.text = text),
        ("2/facts/0/value", 500, 200, |alert, text| alert.entity_value = text),
        ("3/text", 150, 150, |alert, text| alert.producer = text),
        ("4/text", 1000, 200, |alert, text| alert.labels = vec![("a".into(), text)]),
    ];
    let units = |text: &str| text.encode_utf16().count();
    for (place, alone, beside, put) in table {
        for (frame, max, count_of_alerts) in [("/body", alone, 1), ("/body/1/items", beside, 2)] {
            assert_cut_past(max, units, |count| {
                let mut alerts = vec![alert(); count_of_alerts];
                put(&mut alerts[0], "x".repeat(count));
                let card = card(&tell(&alerts, "{}").messages.remove(0));
                let text = card.pointer(&format!("{frame}/{place}")).and_then(Value::as_str);
                // Of the line of origins the producer's.
                let mut text = text.expect(place).split(" \u{b7} ");
                text.nth(if place == "3/text" { 2 } else { 0 }).expect(place).to_owned()
            });
        }
    }
}

#[test]
fn alerts_share_a_card_up_to_the_bound_and_up_to_what_is_set() {
    let alerts = vec![alert(); 25];
    let counts = |text: &str| -> Vec<usize> {
        tell(&alerts, text).messages.iter().map(|message| message.alerts.len()).collect()
    };
    assert_eq!(counts("{}"), [10, 10, 5]);
    assert_eq!(counts(r#"{"max_alerts":20}"#), [20, 5]);
    assert_eq!(counts(r#"{"max_alerts":1}"#), vec![1; 25]);
    let large = vec![filled(&"\u{4e2d}".repeat(5000)); 5];
    let messages = tell(&large, "{}").messages;
    assert!(messages.len() > 1);
    let told: Vec<_> = messages.iter().flat_map(|message| message.alerts.clone()).collect();
    assert_eq!(told, [0, 1, 2, 3, 4]);
}

#[test]
fn no_card_of_several_is_past_the_bound_however_near_they_come() {
    let mut counts = vec![];
    for link in (0..1990).step_by(5) {
        let mut alerts = vec![filled(&"\u{4e2d}".repeat(700)); 2];
        for alert in &mut alerts {
            (alert.severity, alert.link) = (Severity::Emergency, None);
        }
        let mut last = Alert { severity: Severity::Emergency, ..alert() };
        last.text = "x".repeat(600);
        last.link = Some(format!("https://h/{}", "x".repeat(link)));
        alerts.push(last.clone());
        last.link = None;
        alerts.push(last);
        let messages = tell(&alerts, "{}").messages;
        messages.iter().for_each(check);
        counts.push(messages[0].alerts.len());
    }
    counts.dedup();
    assert!(counts.len() > 1, "{counts:?}");
}

#[test]
fn several_are_headed_by_how_many_and_the_worst_of_what_is_not_over() {
    let of = |severity: Severity, action: Action| Alert { severity, action, ..alert() };
    let (warning, critical) =
        (of(Severity::Warning, Action::Engage), of(Severity::Critical, Action::Store));
    let over = of(Severity::Emergency, Action::Release);
    let none = of(Severity::None, Action::Store);
    let table = [
        (vec![warning.clone(), critical.clone()], "2 alerts, worst CRITICAL", "Attention"),
        (vec![critical, warning.clone(), none.clone()], "3 alerts, worst CRITICAL", "Attention"),
        (vec![over.clone(), warning], "2 alerts, worst WARNING", "Warning"),
        (vec![over.clone(), over], "2 alerts, all RESOLVED", "Good"),
        (vec![none.clone(), none], "2 alerts", "Default"),
    ];
    for (alerts, text, color) in table {
        let message = tell(&alerts, "{}").messages.remove(0);
        let card = card(&message);
        let head = &card["body"][0];
        assert_eq!((&head["text"], &head["color"]), (&text.into(), &color.into()));
        for line in [message.summary.as_str(), card["fallbackText"].as_str().expect("a text")] {
            assert!(line.starts_with(&format!("{text}: ")), "{line}");
        }
    }
}

#[test]
fn a_release_is_left_out_where_nobody_wants_it() {
    let mut over = alert();
    over.action = Action::Release;
    let formatted = tell(&[over, alert()], r#"{"on_release":"none"}"#);
    assert_eq!(formatted.messages[0].alerts, [1]);
    assert_eq!(formatted.skipped[0].alert, 0);
}

#[test]
fn an_address_that_is_no_link_is_left_out() {
    let leads = |link: &str| {
        let mut alert = alert();
        alert.link = Some(link.into());
        card(&told(&alert, "{}"))["actions"][0]["url"].as_str().map(str::to_owned)
    };
    for (at_bound, past) in [("x".repeat(1990), "x"), ("x".repeat(1987) + "]", "]")] {
        let link = format!("https://h/{at_bound}");
        assert_eq!(leads(&link), Some(link.replace(']', "%5D")));
        assert_eq!(leads(&format!("{link}{past}")), None);
    }
    for bad in ["javascript:alert(1)", "https://h\\@evil.example/", "", "ftp://h/"] {
        assert_eq!(leads(bad), None, "{bad:?}");
    }
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let context = || Context { settings: r#"{"max_alerts":1}"#.into(), ..context() };
    let format = |subjects| Teams::format(subjects, context()).expect("messages");
    assert_equal_anywhere(format, whole);
}

/// Within the bound; no text can be read as a mention, a link or a format.
fn check(message: &Message) {
    assert!(message.body.len() <= 20_000, "{}", message.body.len());
    let card = card(message);
    assert_eq!(card.as_object().map(|card| card.len() <= 7), Some(true), "no key from an alert");
    let mut texts = vec![];
    collect(&card["body"], &mut texts);
    texts.push(card["fallbackText"].as_str().expect("a text").to_owned());
    for text in texts {
        assert!(!text.is_empty());
        if text.starts_with("<at>\u{4e2d}") {
            assert_eq!(text.matches("<at>").count(), 10, "ours alone");
            continue;
        }
        let bad = ["<at", "<AT", "</at", "&lt;", "\0", "\r", "\u{202e}"];
        assert!(!bad.iter().any(|bad| text.contains(bad)), "{text}");
        let mut is_escaped = false;
        for one in text.chars() {
            assert!(is_escaped || !"*_[]()~`".contains(one), "{text}");
            is_escaped = one == '\\' && !is_escaped;
        }
        assert!(!is_escaped, "{text}");
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|one| collect(one, texts)),
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if name == "text" || name == "value" => {
                        texts.push(text.clone());
                    }
                    other => collect(other, texts),
                }
            }
        }
        _ => {}
    }
}

fn card(message: &Message) -> Value {
    let body: Value = serde_json::from_slice(&message.body).expect("JSON");
    body["attachments"][0]["content"].clone()
}

fn text_of(message: &Message) -> String {
    card(message)["body"][1]["text"].as_str().expect("a text").to_owned()
}

fn told(alert: &Alert, text: &str) -> Message {
    let mut formatted = tell(std::slice::from_ref(alert), text);
    formatted.messages.remove(0)
}

fn tell(alerts: &[Alert], text: &str) -> Formatted {
    settings::read(text).expect("settings");
    let subjects = alerts.iter().map(|alert| Subject { alert: alert.clone(), previous: None });
    let context = Context { settings: text.into(), ..context() };
    let formatted = Teams::format(subjects.collect(), context).expect("messages");
    assert!(formatted.messages.iter().all(|one| one.repeat_safe_ms == 0), "none is known again");
    formatted
}
