use campanile_guest::Kind;
use campanile_guest::samples::{
    alert, assert_cut_past, assert_equal_anywhere, context, filled, whole,
};
use serde_json::Value;

use super::*;
use crate::{Telegram, settings};

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text_within_the_limit() {
    let hostile = [
        "</b></code></pre><a href=\"tg://user?id=1\">x</a> &lt;b&gt; &amp;",
        "@everyone #tag /start $USD https://evil.example me@evil.example",
        "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
        "\u{1f514}",
        "&",
        "<",
        "@a",
        "\u{feff}\u{200b}",
        "\"}],\"chat_id\":5",
    ];
    for one in hostile {
        let long = one.repeat(20_000 / one.len());
        for alert in [filled(one), filled(&long)] {
            let body = told(&alert, "{}");
            let texts = texts(&body);
            assert!(texts.len() <= PARTS_MAX);
            for text in &texts {
                let units = html::units(text);
                assert!((1..=TEXT_MAX).contains(&units), "{units} units: {text}");
                let (tags, loose) = read(text);
                assert!(tags <= 100, "{tags} entities");
                assert_is_quiet(text, &loose);
            }
            let keys = body.as_object().expect("an object").len();
            assert_eq!(keys, if texts.len() > 1 { 5 } else { 4 }, "no key from an alert");
        }
        // Without markup there is nothing in which no mention is looked for.
        for mut alert in [filled(one), filled(&long)] {
            alert.link = Some(format!("https://h/{}", "x".repeat(900)));
            let body = told(&alert, r#"{"parse_mode":"none"}"#);
            let texts = texts(&body);
            assert!(texts.iter().all(|text| text.encode_utf16().count() <= TEXT_MAX));
            let link = format!("{} Open the alert", alert.link.expect("a link"));
            assert!(texts[0].ends_with(&link), "{}", texts[0]);
            for text in texts {
                assert_is_quiet(text, &text.replace(&link, ""));
            }
        }
    }
}

/// Nothing in it turns the reading round or, where Telegram looks for such, wakes anybody.
fn assert_is_quiet(text: &str, loose: &str) {
    let is_bad =
        |one: char| one.is_control() && one != '\n' || ('\u{202a}'..='\u{202e}').contains(&one);
    assert!(!text.contains(is_bad), "{text}");
    let chars: Vec<_> = loose.chars().collect();
    for pair in chars.windows(2) {
        let wakes = matches!(pair[0], '@' | '#' | '$' | '/' | '.')
            && (pair[1].is_alphanumeric() || pair[1] == '_');
        assert!(!wakes, "{pair:?} in {loose}");
    }
}

#[test]
fn a_long_text_goes_on_where_a_line_ends_and_three_messages_hold_it_or_lead_to_it() {
    let line = "0123456789 <&>\n";
    let table = [
        // text, how many messages, whether the last is cut
        (line.repeat(100), 1, false),
        (line.repeat(400), 2, false),
        (line.repeat(700), 3, false),
        (line.repeat(1000), 3, true),
        ("\u{1f514}".repeat(5000), 3, false),
        ("\u{1f514}".repeat(16_384), 3, true),
        // A line that ends early does not leave a message empty.
        (format!("a\n{}", "x".repeat(10_000)), 3, false),
    ];
    for (text, count, is_cut) in table {
        for mode in ["HTML", "none"] {
            let link = Some("https://h/".to_owned());
            let alert = Alert { text: text.clone(), link, ..alert() };
            let body = told(&alert, &format!(r#"{{"parse_mode":"{mode}"}}"#));
            let parts: Vec<_> = texts(&body).iter().map(|part| html::shown(part, 5000)).collect();
            assert_eq!(parts.len(), count, "{mode}: {text}");
            let leads = parts.iter().map(|part| part.ends_with("https://h/ Open the alert"));
            let expected = (1..=count).map(|number| number == 1 || (number == 3 && is_cut));
            assert_eq!(leads.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{mode}: {text}");
            let goes_on = parts.iter().map(|part| part.contains('\u{2026}'));
            let expected = (1..=count).map(|number| number < count || is_cut);
            assert_eq!(goes_on.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{mode}: {text}");
        }
    }
}

#[test]
fn nothing_of_a_text_is_lost_between_two_messages() {
    let lines: Vec<_> = (0..900).map(|number| format!("  {number} <b>&amp;")).collect();
    let pieces = [lines.join("\n"), lines.join(" "), lines.join("\n\n"), "x".repeat(9000)];
    for text in pieces {
        let (mut rest, mut back) = (text.as_str(), String::new());
        while !rest.is_empty() {
            let (part, behind) = block(rest, 1000);
            assert!(html::units(&part) <= 1000);
            back.push_str(html::shown(&part, 1000).trim_end_matches('\u{2026}'));
            rest = behind;
        }
        assert_eq!(back.replace('\n', ""), text.replace('\n', ""));
    }
}

#[test]
fn what_the_producer_wrote_makes_room_for_all_else() {
    for size in [0, 1, 3500, 3600, 3700, 3800, 3900, 3999, 4000, 4096, 16_384] {
        let alert = Alert {
            text: "x".repeat(size),
            labels: vec![("a".into(), "b".repeat(500))],
            link: Some("https://h/".into()),
            ..alert()
        };
        let body = told(&alert, "{}");
        let text = body["text"].as_str().expect("a text");
        assert!(html::units(text) <= TEXT_MAX);
        assert!(text.ends_with("<a href=\"https://h/\">Open the alert</a>"), "{size}");
        let is_cut = text.contains("x\u{2026}</pre>");
        assert_eq!(is_cut, html::units(text) == TEXT_MAX && size > 3000, "{size}");
    }
}

#[test]
fn what_stands_beside_the_text_is_whole_at_its_bound_and_cut_or_left_out_past_it() {
    let shown = |alert: &Alert, mode: &str| {
        let body = told(alert, &format!(r#"{{"parse_mode":"{mode}"}}"#));
        html::shown(body["text"].as_str().expect("a text"), TEXT_MAX)
    };
    let last = |alert: &Alert, begin: &str| {
        let shown = shown(alert, "HTML");
        let (_, last) = shown.rsplit_once(begin).expect(begin);
        last.split([',', '\n']).next().unwrap_or_default().to_owned()
    };
    let units = |text: &str| text.encode_utf16().count();
    assert_cut_past(500, units, |count| {
        last(&Alert { labels: vec![("a".into(), "x".repeat(count))], ..alert() }, "Labels ")
    });
    assert_cut_past(100, units, |count| {
        last(&Alert { producer: "x".repeat(count), ..alert() }, "score 210, ")
    });
    let tag = "<a href=\"https://h/\">Open the alert</a>";
    for (mode, max) in [("HTML", 2000), ("none", 1000)] {
        let is_linked = |count: usize| {
            let link = Some(format!("https://h/{}", "x".repeat(count)));
            shown(&Alert { link, ..alert() }, mode).ends_with("Open the alert")
        };
        let room = max - tag.len();
        assert!(is_linked(room) && !is_linked(room + 1), "{mode}");
    }
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let context = || Context { settings: r#"{"chat_id":5}"#.into(), ..context() };
    let format = |subjects| Telegram::format(subjects, context()).expect("messages");
    assert_equal_anywhere(format, whole);
}

#[test]
fn how_the_first_message_is_met_is_noted_for_what_is_over_and_for_nothing_else() {
    let over = Alert { action: Action::Release, ..alert() };
    let table = [
        (&over, true, "reply", Some("reply")),
        (&over, true, "edit", Some("edit")),
        (&over, true, "new", None),
        (&over, false, "reply", None),
        (&alert(), true, "reply", None),
    ];
    for (alert, has_previous, way, expected) in table {
        let settings = settings::read(&format!(r#"{{"on_release":"{way}"}}"#)).expect("settings");
        let previous = has_previous.then(|| "5:7".to_owned());
        let subject = Subject { alert: alert.clone(), previous };
        let message = tell(0, &subject, &context(), &settings);
        let noted = message.notes.iter().find(|(name, _)| name == "on-release");
        assert_eq!(noted.map(|(_, way)| way.as_str()), expected, "{way}");
        assert_eq!(message.repeat_safe_ms, 0);
    }
}

/// How many tags are opened, each closed by its own and none within `<code>` or `<pre>`; and what
/// stands outside of those two.
fn read(text: &str) -> (usize, String) {
    let (mut open, mut count, mut loose) = (vec![], 0, String::new());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        let is_quoted = open.iter().any(|tag| matches!(*tag, "code" | "pre"));
        loose.push_str(if is_quoted { " " } else { before });
        let (tag, behind) = behind.split_once('>').expect("a whole tag");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{text}");
        } else {
            let name = tag.split(' ').next().expect("a name");
            assert!(["b", "i", "code", "pre", "a"].contains(&name) && !is_quoted, "{tag}: {text}");
            open.push(name);
            count += 1;
        }
        rest = behind;
    }
    assert!(open.is_empty(), "{text}");
    loose.push_str(rest);
    // Entities are all whole.
    for (at, _) in text.match_indices('&') {
        let is_whole = ["&amp;", "&lt;", "&gt;"].iter().any(|one| text[at..].starts_with(one));
        assert!(is_whole, "{text}");
    }
    (count, loose)
}

/// What the messages that tell of an alert show, in order.
fn texts(body: &Value) -> Vec<&str> {
    let more = body["more"].as_array().into_iter().flatten();
    [&body["text"]].into_iter().chain(more).map(|text| text.as_str().expect("a text")).collect()
}

fn told(alert: &Alert, text: &str) -> Value {
    let settings = settings::read(text).expect("settings");
    let subject = Subject { alert: alert.clone(), previous: None };
    let message = tell(0, &subject, &context(), &settings);
    assert!(message.summary.chars().count() <= SUMMARY_CHARS_MAX);
    serde_json::from_slice(&message.body).expect("JSON")
}
