use campanile_guest::samples::{alert, assert_equal_anywhere, context, filled, instant};
use campanile_guest::{Kind, Purpose};
use serde_json::Value;

use super::*;
use crate::{Wechat, settings};

const SORTS: [&str; 3] = ["markdown", "text", "markdown_v2"];

#[test]
fn a_release_is_green_says_how_long_it_lasted_and_calls_nobody() {
    let mut over = alert();
    (over.action, over.ended) = (Action::Release, Some(instant(4, 5)));
    let said =
        "Over since 2026-11-24 04:05:00 UTC. Began 2026-11-24 02:00:00 UTC, lasted 2 h 5 min.";
    let content = only(&[over.clone()], r#"{"mentioned_list":["wang"]}"#);
    let green =
        format!("### \u{2705} <font color=\"info\">RESOLVED: Disk full</font>\n{said}\n/var is");
    assert!(content.starts_with(&green), "{content}");
    let content = only(&[alert()], r#"{"mentioned_list":["wang","li"]}"#);
    assert!(
        content.starts_with("<@wang> <@li>\n### \u{1f534} <font color=\"warning\">CRITICAL"),
        "{content}"
    );

    let settings =
        r#"{"msgtype":"text","mentioned_list":["@all"],"mentioned_mobile_list":["13800001111"]}"#;
    let body = |alert: Alert| body(&format(&[alert], &context(), settings).messages[0]);
    assert_eq!(body(alert())["text"]["mentioned_list"], serde_json::json!(["@all"]));
    assert_eq!(body(alert())["text"]["mentioned_mobile_list"], serde_json::json!(["13800001111"]));
    let keys: Vec<_> = body(over)["text"].as_object().expect("text").keys().cloned().collect();
    assert_eq!(keys, ["content"]);
}

#[test]
fn what_was_left_out_is_told_once_and_a_test_says_that_it_is_one() {
    let mut context = context();
    (context.omitted, context.purpose) = (u32::MAX, Purpose::Test);
    let mut long = alert();
    long.text = "x".repeat(5000);
    let told = format(&[long.clone(), long], &context, "{}");
    let contents: Vec<_> = told.messages.iter().map(content).collect();
    assert!(contents[0].starts_with("4294967295 alerts were left out before this one\n###"));
    let headline = "### \u{1f534} <font color=\"warning\">CRITICAL (test): Disk full";
    assert!(contents[1].starts_with(headline));
    assert!(contents[0].len() <= OF_MARKDOWN.content);
}

#[test]
fn a_name_is_gray_and_its_value_is_not() {
    let content = only(&[alert()], "{}");
    assert!(content.contains("\n> <font color=\"comment\">About:</font> disk db-1\n"), "{content}");
    let content = only(&[alert()], r#"{"msgtype":"text"}"#);
    assert!(content.starts_with("\u{1f534} CRITICAL: Disk full\n"), "{content}");
    assert!(content.contains("\nAbout: disk db-1\n"), "{content}");
}

#[test]
fn a_message_takes_as_many_alerts_as_its_bytes_do() {
    for sort in SORTS {
        let settings = format!(r#"{{"msgtype":"{sort}"}}"#);
        let of = |text: usize| {
            let mut alert = alert();
            alert.text = "x".repeat(text);
            alert
        };
        let counts = |alerts: &[Alert]| -> Vec<usize> {
            let told = format(alerts, &context(), &settings).messages;
            told.iter().map(|one| one.alerts.len()).collect()
        };
        let bounds = bounds(settings::read(&settings).expect("good").sort);
        let room = bounds.content - OMITTED_BYTES;
        let one = only(&[of(100)], &settings).len() - 100;
        // Two sections and the gap between them.
        let half = (room - GAP.len()) / 2 - one;
        let rest = room - GAP.len() - one - half - one;
        assert_eq!(counts(&[of(half), of(rest)]), [2], "{sort}");
        assert_eq!(counts(&[of(half), of(rest + 1)]), [1, 1], "{sort}");
        assert_eq!(only(&[of(half), of(rest)], &settings).len(), room, "{sort}");
    }
}

#[test]
fn no_text_is_markup_and_no_limit_is_passed_whatever_an_alert_holds() {
    let texts = [
        "<@all> <font color=\"info\">x</font> [x](https://evil.example) https://evil.example",
        "# h\n> q\n- l\n`c` **b** |t|",
        "\u{1f514}\u{4e2d}\u{e9}",
        "\r\n\0\u{1b}[31m\u{202e}",
        "\"}},\"msgtype\":\"file",
    ];
    let users: Vec<_> = (0..10).map(|at| format!("{at}{}", "u".repeat(63))).collect();
    for sort in SORTS {
        let mentioned = if sort == "markdown_v2" { vec![] } else { users.clone() };
        let settings =
            serde_json::json!({"msgtype": sort, "mentioned_list": mentioned}).to_string();
        let mut context = context();
        context.omitted = u32::MAX;
        for text in texts {
            for count in [1, 7, 40, 400, 20_000 / text.len()] {
                let mut long = filled(&text.repeat(count));
                long.link = Some(format!("https://h/{}", "p".repeat(700)));
                long.ended = Some(instant(4, 5));
                for action in [Action::Engage, Action::Release] {
                    long.action = action;
                    let told = format(&[long.clone(), alert(), long.clone()], &context, &settings);
                    for message in &told.messages {
                        let content = content(message);
                        let bounds = bounds(settings::read(&settings).expect("good").sort);
                        assert!(content.len() <= bounds.content, "{sort}: {}", content.len());
                        check(&content);
                        assert!(message.summary.len() <= SUMMARY_BYTES_MAX);
                    }
                }
            }
        }
    }
}

/// No markup but our own.
fn check(content: &str) {
    let mut rest = content.to_owned();
    for own in
        ["<font color=\"info\">", "<font color=\"comment\">", "<font color=\"warning\">", "</font>"]
    {
        rest = rest.replace(own, "");
    }
    for line in rest.lines() {
        let line = line.strip_prefix("### ").or(line.strip_prefix("> ")).unwrap_or(line);
        let is_link = line.starts_with("[Open the alert](") || line.starts_with("Open the alert: ");
        let is_call = line.starts_with("<@0u");
        assert!(is_link || is_call || !(line.contains('<') || line.starts_with('>')), "{line}");
        assert!(is_link || !line.contains("https://"), "{line}");
        assert!(!line.contains(['\0', '\r', '\u{1b}', '\u{202e}']), "{line:?}");
    }
}

#[test]
fn a_section_does_not_depend_on_where_it_stands() {
    for sort in SORTS {
        let settings = format!(r#"{{"msgtype":"{sort}"}}"#);
        let format = |subjects| {
            let context = Context { settings: settings.clone(), ..context() };
            Wechat::format(subjects, context).expect("formatted")
        };
        let sections = |message: &Message| {
            // A section may have a gap within.
            let begin = if sort == "text" { "\u{1f534} " } else { "### " };
            let (content, gap) = (format!("{GAP}{}", content(message)), format!("{GAP}{begin}"));
            let sections = content.split(&gap).skip(1);
            sections.map(|one| one.as_bytes().to_vec()).collect()
        };
        assert_equal_anywhere(format, sections);
    }
}

fn format(alerts: &[Alert], context: &Context, settings: &str) -> Formatted {
    let subjects = alerts.iter().map(|alert| Subject { alert: alert.clone(), previous: None });
    let context = Context { settings: settings.into(), ..context.clone() };
    let formatted = Wechat::format(subjects.collect(), context).expect("formatted");
    assert!(formatted.messages.iter().all(|one| one.repeat_safe_ms == 0), "none is known again");
    formatted
}

fn only(alerts: &[Alert], settings: &str) -> String {
    let told = format(alerts, &context(), settings);
    assert_eq!(told.messages.len(), 1);
    content(&told.messages[0])
}

fn content(message: &Message) -> String {
    let body = body(message);
    let sort = body["msgtype"].as_str().expect("a sort");
    body[sort]["content"].as_str().expect("a content").to_owned()
}

fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.body).expect("JSON")
}
