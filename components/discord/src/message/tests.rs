use campanile_guest::discord_markdown::units;
use campanile_guest::samples::{
    alert, assert_cut_past, assert_equal_anywhere, context, filled, instant,
};
use campanile_guest::{Kind, Purpose};
use serde_json::Value;

use super::*;
use crate::{Discord, settings};

const ID: &str = "123456789012345678";

#[test]
fn a_release_is_green_says_how_long_it_lasted_and_calls_nobody() {
    let mut over = alert();
    (over.action, over.ended) = (Action::Release, Some(instant(4, 5)));
    let settings = format!(r#"{{"mention_role_ids":["{ID}"],"mention_user_ids":["{ID}"]}}"#);
    let body = only(&[over], &context(), &settings);
    let embed = &body["embeds"][0];
    assert_eq!(embed["title"], "RESOLVED: Disk full");
    assert_eq!(embed["color"], 0x002E_CC71);
    assert_eq!(embed["timestamp"], "2026-11-24T04:05:00.000Z");
    let said =
        "Over since 2026-11-24 04:05:00 UTC. Began 2026-11-24 02:00:00 UTC, lasted 2 h 5 min.";
    assert_eq!(embed["description"], format!("{said}\n/var is at 97 %"));
    assert_eq!(body["content"], "");
    let nobody = serde_json::json!({"parse": [], "roles": [], "users": []});
    assert_eq!(body["allowed_mentions"], nobody);

    let body = only(&[alert()], &context(), &settings);
    assert_eq!(body["content"], format!("<@&{ID}> <@{ID}>"));
    let these = serde_json::json!({"parse": [], "roles": [ID], "users": [ID]});
    assert_eq!(body["allowed_mentions"], these);
}

#[test]
fn what_was_left_out_is_told_once_and_a_test_says_that_it_is_one() {
    let mut context = context();
    (context.omitted, context.purpose) = (2, Purpose::Test);
    let told = format(&vec![alert(); 11], &context, "{}");
    let bodies: Vec<Value> = told.messages.iter().map(body).collect();
    assert_eq!(bodies[0]["content"], "2 alerts were left out before this one");
    assert_eq!(bodies[1]["content"], "");
    assert_eq!(bodies[1]["embeds"][0]["title"], "CRITICAL (test): Disk full");
    assert_eq!(
        told.messages[0].summary,
        "[CRITICAL (test)] Disk full: db-1. /var is at 97 % (and 9 more)"
    );
}

#[test]
fn a_message_takes_ten_alerts_and_6000_characters_and_no_more() {
    let counts = |alerts: &[Alert], settings: &str| -> Vec<usize> {
        let told = format(alerts, &context(), settings).messages;
        told.iter().map(|one| one.alerts.len()).collect()
    };
    assert_eq!(counts(&vec![alert(); 10], "{}"), [10]);
    assert_eq!(counts(&vec![alert(); 11], "{}"), [10, 1]);

    let of_units = |units: usize| {
        let mut alert = alert();
        let others = Embed::of(&alert, &context()).units() - alert.text.len();
        alert.text = "x".repeat(units - others);
        alert
    };
    let (half, more) = (of_units(3000), of_units(3001));
    assert_eq!(Embed::of(&half, &context()).units(), 3000);
    assert_eq!(counts(&[half.clone(), half.clone()], "{}"), [2]);
    assert_eq!(counts(&[half, more], "{}"), [1, 1]);
}

#[test]
fn what_will_be_changed_or_has_a_thread_goes_alone() {
    let (mut engage, mut over) = (alert(), alert());
    (engage.action, over.action) = (Action::Engage, Action::Release);
    let alerts = [alert(), alert(), engage, over, alert()];
    let table = [
        // settings, alerts of each message, whether it is an edit
        (r#"{"on_release":"new"}"#, vec![(vec![0, 1, 2, 3, 4], false)]),
        (
            r#"{"on_release":"edit"}"#,
            vec![(vec![0, 1], false), (vec![2], false), (vec![3], true), (vec![4], false)],
        ),
        (
            r#"{"thread_name":"Alerts"}"#,
            vec![(vec![0, 1], false), (vec![2], false), (vec![3], false), (vec![4], false)],
        ),
        (r#"{"on_release":"none"}"#, vec![(vec![0, 1, 2, 4], false)]),
    ];
    for (settings, expected) in table {
        let told = format(&alerts, &context(), settings);
        let found: Vec<_> = told
            .messages
            .iter()
            .map(|one| (one.alerts.clone(), one.notes.iter().any(|(name, _)| name == EDIT)))
            .collect();
        assert_eq!(found, expected, "{settings}");
        let skipped: Vec<_> = told.skipped.iter().map(|one| one.alert).collect();
        assert_eq!(skipped, if settings.contains("none") { vec![3] } else { vec![] }, "{settings}");
    }
}

#[test]
fn no_text_is_markup_and_no_limit_is_passed_whatever_an_alert_holds() {
    let texts = [
        "@everyone <@1> <@&1> <#1> <t:1> [x](https://evil.example) https://evil.example",
        "*_~`|\\#->[]<",
        "\u{1f514}\u{4e2d}\u{e9}",
        "\r\n\0\u{1b}[31m\u{202e}",
        "\"}],\"content\":\"@everyone",
    ];
    for text in texts {
        for count in [1, 7, 40, 400, 20_000 / text.len()] {
            let long = filled(&text.repeat(count));
            let told = format(&[long.clone(), alert(), long], &context(), "{}");
            let mut found = vec![];
            for message in &told.messages {
                let body = body(message);
                let embeds = body["embeds"].as_array().expect("embeds");
                check(embeds);
                found.extend(embeds.clone());
                assert!(message.summary.encode_utf16().count() <= SUMMARY_CHARS_MAX);
            }
            assert_eq!(found.len(), 3);
            assert_eq!(found[0], found[2], "an embed does not depend on where it stands");
        }
    }
}

/// Discord's limits, and no sign of markup without a backslash.
fn check(embeds: &[Value]) {
    let mut sum = 0;
    let mut count = |text: &Value, most: usize| {
        let text = text.as_str().unwrap_or_default();
        let units = text.encode_utf16().count();
        assert!(units <= most, "{units} of {most}: {text}");
        sum += units;
        assert!(!text.contains(['\0', '\r', '\u{1b}', '\u{202e}']), "{text:?}");
        text.to_owned()
    };
    for embed in embeds {
        let mut markdown = vec![count(&embed["title"], 256), count(&embed["description"], 4096)];
        count(&embed["footer"]["text"], 2048);
        let fields = embed["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(fields.len() <= 25);
        for field in fields {
            assert!(!count(&field["name"], 256).is_empty());
            markdown.push(count(&field["value"], 1024));
        }
        for text in markdown {
            let text = text.split("[Open the alert](").next().expect("a beginning");
            let mut is_escaped = false;
            for one in text.chars() {
                assert!(is_escaped || !"*_~`|[]<".contains(one), "{text}");
                is_escaped = one == '\\' && !is_escaped;
            }
            assert!(!is_escaped, "{text}");
            assert!(!text.contains("@everyone") && !text.contains("https://"), "{text}");
        }
    }
    assert!(sum <= UNITS_MAX, "{sum}");
}

#[test]
fn the_last_line_is_cut_past_400_characters_and_an_address_left_out_past_1000() {
    let embed = |alert: Alert| only(&[alert], &context(), "{}")["embeds"][0].clone();
    assert_cut_past(400, units, |count| {
        let footer =
            embed(Alert { producer: "x".repeat(count), ..alert() })["footer"]["text"].clone();
        footer.as_str().expect("a text").to_owned()
    });
    let is_linked = |count: usize| {
        let link = Some(format!("https://h/{}", "x".repeat(count)));
        let text = embed(Alert { link, ..alert() })["description"].clone();
        text.as_str().expect("a text").contains("[Open the alert](")
    };
    let room = 1000 - "[Open the alert](https://h/)".len();
    assert!(is_linked(room) && !is_linked(room + 1));
}

#[test]
fn an_alert_gives_the_same_embed_at_any_position() {
    let format = |subjects| Discord::format(subjects, context()).expect("formatted");
    let embeds = |message: &Message| {
        let embeds = body(message)["embeds"].as_array().cloned().expect("embeds");
        embeds.iter().map(|embed| embed.to_string().into_bytes()).collect()
    };
    assert_equal_anywhere(format, embeds);
}

#[test]
fn a_year_that_has_no_four_digits_has_no_timestamp() {
    let mut alert = alert();
    alert.time.utc = "+010000-01-01T00:00:00.000Z".into();
    let when = story::when(&alert);
    let footer = |alert: Alert| {
        let body = only(&[alert], &context(), "{}");
        let has_timestamp = body["embeds"][0].get("timestamp").is_some();
        (has_timestamp, body["embeds"][0]["footer"]["text"].as_str().expect("it").to_owned())
    };
    let (has_timestamp, told) = footer(alert.clone());
    assert!(!has_timestamp && told.starts_with(&when), "{told}");
    alert.time = instant(2, 0);
    let (has_timestamp, told) = footer(alert);
    assert!(has_timestamp && !told.contains("2026"), "{told}");
}

fn format(alerts: &[Alert], context: &Context, settings: &str) -> Formatted {
    let subjects = alerts.iter().map(|alert| Subject { alert: alert.clone(), previous: None });
    let context = Context { settings: settings.into(), ..context.clone() };
    assert!(settings::read(settings).is_ok(), "{settings}");
    let formatted = Discord::format(subjects.collect(), context).expect("formatted");
    assert!(formatted.messages.iter().all(|one| one.repeat_safe_ms == 0), "none is known again");
    formatted
}

fn only(alerts: &[Alert], context: &Context, settings: &str) -> Value {
    let told = format(alerts, context, settings);
    assert_eq!(told.messages.len(), 1);
    body(&told.messages[0])
}

fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.body).expect("JSON")
}
