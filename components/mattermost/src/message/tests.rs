use campanile_guest::Kind;
use campanile_guest::samples::{
    alert, assert_cut_past, assert_equal_anywhere, context, filled, whole,
};
use serde_json::Value;

use super::*;
use crate::{Mattermost, settings};

/// What older servers take of attachments, in characters.
const ATTACHMENTS_MAX: usize = 7900;
const CHANNEL: &str = r#""channel_id":"cccccccccccccccccccccccccc""#;

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text_within_every_limit() {
    let hostile = [
        "@channel @all @here <!channel> <!here> <@U012AB>",
        "[bank](https://evil.example) <https://evil.example|bank> www.evil.example/",
        "*b* _i_ ~~s~~ `c` ```\ncode\n``` > quote :fire: #general $x$ | a | b |",
        "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
        "\u{1f514}",
        "&",
        "\\",
        "$",
        "\u{feff}\u{200b}",
        "]}\"}],\"channel_id\":\"#x\"",
    ];
    for one in hostile {
        let long = one.repeat(20_000 / one.len());
        for alert in [filled(one), filled(&long)] {
            for mode in ["rest", "incoming_webhook"] {
                let body = told(&alert, mode);
                let attachments =
                    body.pointer("/props/attachments").unwrap_or(&body["attachments"]);
                let attachment = &attachments[0];
                let texts = texts(attachment);
                let sum: usize = texts.iter().map(|(_, text)| text.chars().count()).sum();
                assert!(sum <= ATTACHMENTS_MAX, "{sum}");
                for (name, text) in texts {
                    let is_bad = |one: char| {
                        one.is_control() && one != '\n' || ('\u{202a}'..='\u{202e}').contains(&one)
                    };
                    assert!(!text.contains(is_bad), "{name}: {text}");
                    let wakes = ["@c", "@a", "@h", "<!c", "<!h", "<@", "](", "://", "#g"];
                    let is_markdown = matches!(name, "text" | "field");
                    assert!(!is_markdown || !text.contains("```"), "{name}: {text}");
                    for wake in wakes.iter().filter(|_| name != "title_link") {
                        assert!(!text.contains(wake), "{wake} in {name}: {text}");
                    }
                }
                let footer = attachment["footer"].as_str().expect("a footer");
                assert!(footer.chars().count() <= 300);
                let keys = body.as_object().expect("an object").len();
                assert_eq!(keys, if mode == "rest" { 3 } else { 2 }, "no key from an alert");
            }
        }
    }
}

#[test]
fn what_stands_beside_the_text_is_whole_at_its_bound_and_cut_past_it() {
    type Put = fn(&mut Alert, String);
    let table: [(&str, usize, Put); 4] = [
        ("/fields/0/value", 300, |alert, text| alert.entity_value = text),
        ("/fields/1/value", 600, |alert, text| alert.labels = vec![("a".into(), text)]),
        ("/footer", 300, |alert, text| alert.producer = text),
        ("/fallback", 400, |alert, text| alert.title = text),
    ];
    for (place, max, put) in table {
        assert_cut_past(
            max,
            |text| text.chars().count(),
            |count| {
                let mut alert = Alert { text: String::new(), ..alert() };
                put(&mut alert, "x".repeat(count));
                let body = told(&alert, "incoming_webhook");
                let text = body["attachments"][0].pointer(place).and_then(Value::as_str);
                text.expect(place).to_owned()
            },
        );
    }
    let is_short = |count: usize| {
        let alert = Alert { labels: vec![], entity_value: "x".repeat(count), ..alert() };
        told(&alert, "incoming_webhook")["attachments"][0]["fields"][0]["short"] == true
    };
    let room = 40 - "disk ".len();
    assert!(is_short(room) && !is_short(room + 1));
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let context = || Context { settings: format!("{{{CHANNEL}}}"), ..context() };
    let format = |subjects| Mattermost::format(subjects, context()).expect("messages");
    assert_equal_anywhere(format, whole);
}

#[test]
fn how_the_first_post_is_met_is_noted_for_what_is_over_and_for_nothing_else() {
    let over = Alert { action: Action::Release, ..alert() };
    let table = [
        (&over, true, "reply", Some("reply")),
        (&over, true, "edit", Some("edit")),
        (&over, true, "new", None),
        (&over, false, "reply", None),
        (&alert(), true, "reply", None),
    ];
    for (alert, has_previous, way, expected) in table {
        let settings = settings::read(&format!(r#"{{{CHANNEL},"on_release":"{way}"}}"#));
        let previous = has_previous.then(|| "p".repeat(26));
        let subject = Subject { alert: alert.clone(), previous };
        let message = tell(0, &subject, &context(), &settings.expect("settings"));
        let noted = message.notes.iter().find(|(name, _)| name == "on-release");
        assert_eq!(noted.map(|(_, way)| way.as_str()), expected, "{way}");
    }
}

#[test]
fn the_server_knows_a_post_again_for_a_while_and_a_webhook_does_not() {
    for (mode, expected) in [("rest", 30_000), ("incoming_webhook", 0)] {
        let settings = settings::read(&format!(r#"{{"mode":"{mode}"}}"#)).expect("settings");
        let subject = Subject { alert: alert(), previous: None };
        assert_eq!(tell(0, &subject, &context(), &settings).repeat_safe_ms, expected, "{mode}");
    }
}

#[test]
fn an_address_that_is_no_link_is_left_out() {
    let link = |link: &str| {
        let body = told(&Alert { link: Some(link.into()), ..alert() }, "rest");
        body.pointer("/props/attachments/0/title_link").cloned()
    };
    assert_eq!(link("https://h/?a=1&b"), Some("https://h/?a=1&b".into()));
    assert_eq!(link("javascript:alert(1)"), None);
    let room = 1000 - "https://h/".len();
    assert!(link(&format!("https://h/{}", "x".repeat(room))).is_some());
    assert_eq!(link(&format!("https://h/{}", "x".repeat(room + 1))), None);
}

/// Every text of an attachment that is not ours alone, with its name.
fn texts(attachment: &Value) -> Vec<(&str, &str)> {
    let own = ["fallback", "title", "title_link", "text", "footer"];
    let own = own.into_iter().filter_map(|name| Some((name, attachment[name].as_str()?)));
    let fields = attachment["fields"].as_array().into_iter().flatten();
    own.chain(fields.filter_map(|field| Some(("field", field["value"].as_str()?)))).collect()
}

fn told(alert: &Alert, mode: &str) -> Value {
    let settings = settings::read(&format!(r#"{{"mode":"{mode}"}}"#)).expect("settings");
    let subject = Subject { alert: alert.clone(), previous: None };
    let message = tell(0, &subject, &context(), &settings);
    assert!(message.summary.chars().count() <= SUMMARY_CHARS_MAX);
    serde_json::from_slice(&message.body).expect("JSON")
}
