use std::slice::from_ref;

use campanile_guest::{Flow, Party, Severity, samples};
use serde_json::Value;

use super::*;
use crate::settings;

fn alert() -> Alert {
    let party = |ip: &str, port| Party {
        ip: ip.into(),
        port: Some(port),
        name: None,
        country: None,
        is_attacker: false,
        is_victim: false,
        is_blacklisted: false,
        ..samples::party("")
    };
    let (client, server) = (party("192.0.2.1", 60952), party("192.0.2.9", 80));
    let whole = samples::filled("tcp");
    Alert {
        flow: whole.flow.map(|flow| Flow { client, server, application: None, vlan: None, ..flow }),
        time: samples::instant(2, 51),
        severity: Severity::Error,
        action: Action::Engage,
        alert_type: "low_goodput".into(),
        title: "Low Goodput".into(),
        text: "low".into(),
        entity_kind: "flow".into(),
        ..samples::alert()
    }
}

fn context() -> Context {
    Context { instance: "edge 1".into(), ..samples::context() }
}

fn settings_of(server: &str, format: &str, bytes_max: usize) -> Settings {
    let text = format!(
        r#"{{"server":"{server}","format":"{format}","max_message_bytes":{bytes_max},"sd_id":"a@1"}}"#
    );
    settings::read(&text).expect("good settings")
}

/// Everything that could end a line, a field, an element, a string or a character early.
fn hostile(length: usize) -> String {
    let pieces = ["\u{1f514}", "\"", "]", "\\", "[", "\r\n", "\u{e9}", "\u{202e}", "\u{feff}", "a"];
    pieces.iter().cycle().take(length).copied().collect()
}

const FORMATS: [&str; 5] = ["text", "text_ntopng", "json", "ecs", "checkmk"];

#[test]
fn any_text_makes_one_line_within_the_length_that_is_set() {
    for format in FORMATS {
        for (length, bytes_max) in (0..60).map(|at| (at * 7, 480 + at)).chain([
            (20_000, 480),
            (20_000, 1400),
            (9000, 4096),
        ]) {
            let text = hostile(length);
            let bad = Alert { title: text.clone(), text, ..alert() };
            let settings = settings_of("udp://h:1", format, bytes_max);
            let Some(one) = one(&bad, &context(), &settings) else {
                // The core of a document is longer than the least that receivers take.
                assert!(format == "ecs" && bytes_max < 700, "{format} {length} {bytes_max}");
                continue;
            };
            assert!(one.bytes.len() <= bytes_max, "{format} {length} {bytes_max}");
            let shown = &one.bytes;
            assert!(!shown.contains(char::is_control), "{format} {length}: {shown}");
            // Before the text, if anywhere.
            let marks = shown.matches('\u{feff}').count();
            let expected = usize::from(shown[..one.text_at].ends_with('\u{feff}'));
            assert!(marks == expected || format == "ecs", "{format} {length}: {shown}");
            assert!(shown.starts_with("<115>1 2026-11-24T02:51:00.000"), "{shown}");
            if let "json" | "ecs" = format {
                let document: Value = serde_json::from_str(&shown[one.text_at..]).expect("JSON");
                assert!(document.is_object(), "{shown}");
            }
            if format == "checkmk" {
                let element = shown.split_once(" - [Checkmk@18662 ").expect(shown).1;
                let text = read_by_checkmk(element).trim_start_matches('\u{feff}');
                let begins = if length == 0 { "Alert low_goodput" } else { "\u{1f514}" };
                assert!(text.starts_with(begins), "{shown}");
            }
        }
    }
}

/// Finds where the element ends, as its parser does, and gives the text behind it.
fn read_by_checkmk(element: &str) -> &str {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, one) in element.char_indices() {
        match one {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ']' if !is_quoted => return &element[at + 2..],
            _ => {}
        }
    }
    panic!("the element does not end: {element}")
}

#[test]
fn a_text_is_cut_by_one_byte_too_many_and_not_before() {
    let text_of = |length: usize| Alert { text: "x".repeat(length), ..alert() };
    let settings = settings_of("udp://h:1", "text", 600);
    let fixed = one(&text_of(1), &context(), &settings).expect("fits").bytes.len() - 1;
    let fits = one(&text_of(600 - fixed), &context(), &settings).expect("fits");
    assert_eq!((fits.bytes.len(), fits.bytes.ends_with("xx")), (600, true));
    // With the ellipsis it is not ASCII any more.
    let over = one(&text_of(601 - fixed), &context(), &settings).expect("fits");
    assert!(over.bytes.len() <= 600 && over.bytes.ends_with("x\u{2026}"), "{}", over.bytes);
    assert!(over.bytes.contains(rfc5424::BOM));
}

#[test]
fn a_part_and_a_text_for_checkmk_have_bounds_of_their_own() {
    let title = |count: usize| Alert { title: "x".repeat(count), ..alert() };
    samples::assert_cut_past(256, str::len, |count| {
        let line = text::guide(&title(count), &context());
        line.split("][").nth(2).expect("a type").to_owned()
    });
    let checkmk = |bytes_max: usize, count: usize| {
        let settings = settings_of("udp://h:1", "checkmk", bytes_max);
        one(&title(count), &context(), &settings).expect("fits")
    };
    samples::assert_cut_past(512, str::len, |count| {
        let One { bytes, text_at } = checkmk(4096, count);
        bytes[text_at..].to_owned()
    });
    // Where the two do not fit, the comment has this much.
    let bytes = checkmk(480, 1000).bytes;
    let (_, comment) = bytes.split_once(" comment=\"").expect("a comment");
    assert_eq!(comment.find('"'), Some(64), "{bytes}");
}

#[test]
fn structured_data_goes_where_less_than_128_bytes_were_left_for_the_text() {
    let alert = Alert { link: Some(format!("https://h/{}", "x".repeat(400))), ..alert() };
    let head = |bytes_max: usize| {
        let settings = settings_of("udp://h:1", "text", bytes_max);
        head_with_data(&alert, &context(), &settings)
    };
    // But for the blank behind it.
    let whole = head(4096).len() - 1;
    assert!(head(whole + 128).contains("[a@1 ") && !head(whole + 127).contains("[a@1 "));
}

#[test]
fn an_alert_has_the_same_bytes_wherever_it_stands() {
    let subject =
        |text: &str| Subject { alert: Alert { text: text.into(), ..alert() }, previous: None };
    let (first, second) = (subject("one"), subject("two \u{e9}"));
    for format in FORMATS {
        let settings = settings_of("udp://h:1", format, 4096);
        let format = |subjects: Vec<_>| tell(&subjects, &context(), &settings);
        samples::assert_equal_anywhere(format, samples::whole);
    }
    for server in ["udp://h:1", "tcp://h:1", "tls://h:1"] {
        for format in FORMATS {
            let settings = settings_of(server, format, 4096);
            let bodies = |subjects: &[Subject]| {
                let made = tell(subjects, &context(), &settings);
                assert!(made.rejected.is_empty());
                assert!(made.messages.iter().all(|one| one.repeat_safe_ms == 0));
                made.messages.into_iter().map(|one| one.body).collect::<Vec<_>>()
            };
            let alone = [bodies(from_ref(&first)), bodies(from_ref(&second))].concat();
            let together = bodies(&[first.clone(), second.clone()]);
            assert_eq!(together.concat(), alone.concat(), "{server} {format}");
            assert_eq!(together.len(), if server == "udp://h:1" { 2 } else { 1 });
        }
    }
}

#[test]
fn one_write_has_a_bound() {
    let long = Subject { alert: Alert { text: "x".repeat(60_000), ..alert() }, previous: None };
    let settings = settings_of("tcp://h:1", "text", 65_507);
    let made = tell(&vec![long; 9], &context(), &settings);
    let counts: Vec<_> = made.messages.iter().map(|one| one.alerts.len()).collect();
    assert_eq!(counts, [4, 4, 1]);
    assert_eq!(made.messages[2].alerts, [8]);
    assert!(made.messages[0].summary.ends_with(" (and 3 more)"));

    let of = |bytes: usize| Subject {
        alert: Alert { text: "x".repeat(bytes), ..alert() },
        previous: None,
    };
    let bodies = |last: usize| -> Vec<usize> {
        let made = tell(
            &[of(60_000), of(60_000), of(60_000), of(60_000), of(last)],
            &context(),
            &settings,
        );
        made.messages.iter().map(|one| one.body.len()).collect()
    };
    let room = 256 * 1024 - bodies(1)[0] + 1;
    assert_eq!(bodies(room), [256 * 1024]);
    assert_eq!(bodies(room + 1).len(), 2);
}

#[test]
fn a_datagram_that_is_too_large_becomes_smaller_or_nothing() {
    for format in FORMATS {
        let bad = Alert { text: hostile(900), ..alert() };
        let settings = settings_of("udp://h:1", format, 4096);
        let subjects = [Subject { alert: bad, previous: None }];
        let made = tell(&subjects, &context(), &settings).messages.remove(0);
        let whole = made.body.len();
        for bytes_max in (0..whole).step_by(7) {
            let Some(less) = smaller(&made, &settings, bytes_max) else { continue };
            assert!(less.len() <= bytes_max, "{format} {bytes_max}");
            let less = String::from_utf8(less).expect("whole characters");
            let begins = "<115>1 2026-11-24T02:51:00.000";
            assert!(less.starts_with(begins) && !less.contains(char::is_control), "{less}");
            if let "json" | "ecs" = format {
                let document = &less[less.find('{').expect("an object")..];
                assert!(serde_json::from_str::<Value>(document).is_ok(), "{less}");
            }
        }
        let most = smaller(&made, &settings, whole - 1).expect("a byte less");
        assert!(most.len() > 480, "{format}: as much as there can be");
        assert!(smaller(&made, &settings, 40).is_none(), "{format}");
    }
}
