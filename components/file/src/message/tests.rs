use campanile_guest::Owed;
use campanile_guest::samples::{alert, assert_equal_anywhere, context, instant};
use serde_json::Value;

use super::*;
use crate::settings;

#[test]
fn a_line_is_one_json_object_whatever_the_alert_holds() {
    let hostile = ["a\r\nb\u{2028}c\0\u{1b}[2J", "\"}\n{\"x\":1}", "\u{202e}\u{1f514}", "]}]}\\"];
    for one in hostile {
        let raws = [format!("{{\n\t\"a\":{}\r\n}}", json::string(one)), one.to_owned()];
        for (raw, sort) in raws.into_iter().zip(["disk_full", "unparsed"]) {
            let mut subject = subject(one);
            (subject.alert.raw, subject.alert.alert_type) = (raw, sort.into());
            subject.alert.labels = vec![(one.into(), one.repeat(2000))];
            let body = packed(&[subject.clone(), subject], "{}").remove(0).body;
            let text = String::from_utf8(body).expect("text");
            assert_eq!((text.lines().count(), text.ends_with("}\n")), (2, true), "{one:?}");
            assert!(!text.contains('\r'));
            for line in text.lines() {
                let told: Value = serde_json::from_str(line).expect("JSON");
                assert_eq!(told["title"], one);
                let kept = if sort == "disk_full" { &told["raw"]["a"] } else { &told["raw"] };
                assert_eq!(kept, one);
            }
        }
    }
}

#[test]
fn alerts_go_together_in_order_as_far_as_they_fit() {
    let own = packed(&[subject("x")], "{}").remove(0).body.len();
    let of = |bytes: usize| {
        let mut subject = subject("x");
        subject.alert.raw = format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes - own));
        subject
    };
    let small = r#""file_bytes_max":65536"#;
    let table = [
        // settings, bytes of each line, members
        (small, vec![65_536], vec![vec![0]]),
        (small, vec![32_768, 32_768], vec![vec![0, 1]]),
        (small, vec![32_768, 32_769], vec![vec![0], vec![1]]),
        (small, vec![9000, 70_000, 9000, 9000], vec![vec![0], vec![1], vec![2, 3]]),
        (r#""file_bytes_max":1048576"#, vec![131_072; 3], vec![vec![0, 1], vec![2]]),
        (r#""file_bytes_max":1048576"#, vec![131_072, 131_073], vec![vec![0], vec![1]]),
    ];
    for (more, sizes, expected) in table {
        let subjects: Vec<_> = sizes.iter().map(|bytes| of(*bytes)).collect();
        let messages = packed(&subjects, &format!("{{{more}}}"));
        let members: Vec<_> = messages.iter().map(|one| one.alerts.clone()).collect();
        assert_eq!(members, expected, "{more} {sizes:?}");
        let count: usize = messages.iter().map(|one| one.body.len()).sum();
        assert_eq!(count, sizes.iter().sum::<usize>(), "{sizes:?}");
    }
}

#[test]
fn an_alert_gives_the_same_line_at_any_position() {
    let settings = settings::read(r#"{"folder":"alerts"}"#).expect("settings");
    let format = |subjects: Vec<_>| pack(&subjects, &context(), &settings);
    let lines = |message: &Message| {
        message.body.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    assert_equal_anywhere(format, lines);
    let alone = packed(&[subject("x")], "{}").remove(0);
    assert_eq!((alone.summary.as_str(), alone.repeat_safe_ms), ("x", u32::MAX));
    let batch = packed(&[subject("other"), subject("x"), subject("x")], "{}").remove(0);
    assert_eq!(batch.summary, "other and 2 more");
}

#[test]
fn files_that_may_be_too_large_to_look_through_are_not_safe_to_repeat() {
    let safe = |more: &str| packed(&[subject("x")], more).remove(0).repeat_safe_ms;
    assert_eq!(safe(r#"{"file_bytes_max":1048576}"#), u32::MAX);
    assert_eq!(safe(r#"{"file_bytes_max":1048577}"#), 0);
}

#[test]
fn a_line_that_is_written_names_its_message_and_its_delivery() {
    let written = |body: &str, omitted: Option<&str>, count: usize| {
        let notes = omitted.map(|count| (OMITTED.to_owned(), count.to_owned()));
        let mut message = packed(&[subject("x")], "{}").remove(0);
        (message.body, message.notes) = (body.into(), notes.into_iter().collect());
        lines(&message, &attempt(count)).map(|lines| lines.concat())
    };
    let ids = |at: usize| format!(r#""message_id":"msg_1","delivery_id":"{at}-7""#);
    let (one, two) = (ids(0), ids(1));
    let table = [
        ("{\"a\":1}\n", None, format!("{{{one},\"a\":1}}\n")),
        ("{}", None, format!("{{{one}}}\n")),
        (
            "{\"a\":1}\n{\"a\":2}\n",
            Some("3"),
            format!("{{{one},\"omitted\":3,\"a\":1}}\n{{{two},\"a\":2}}\n"),
        ),
    ];
    for (body, omitted, expected) in table {
        let count = body.lines().count();
        assert_eq!(written(body, omitted, count), Ok(expected), "{body:?}");
        for wrong in [count - 1, count + 1] {
            assert_eq!(written(body, omitted, wrong), Err(MISCOUNTED), "{body:?}");
        }
    }
    // What a person made of it.
    for body in ["", "\n", "x", "[1]", "{\n \"a\": 1\n}", "{\"a\":1}\n\n"] {
        assert!(written(body, None, body.lines().count()).is_err(), "{body:?}");
    }
}

fn attempt(deliveries: usize) -> Attempt {
    let owed = |at| Owed { delivery_id: format!("{at}-7"), previous: None };
    Attempt {
        message_id: "msg_1".into(),
        number: 1,
        now: instant(6, 0),
        first: instant(6, 0),
        carry: None,
        deliveries: (0..deliveries).map(owed).collect(),
        deadline_ms: 10_000,
        purpose: Purpose::Live,
    }
}

fn packed(subjects: &[Subject], more: &str) -> Vec<Message> {
    let text = format!(r#"{{"folder":"alerts",{}"#, &more[1..]).replace(",}", "}");
    let context = Context { settings: text.clone(), ..context() };
    pack(subjects, &context, &settings::read(&text).expect("settings")).messages
}

fn subject(title: &str) -> Subject {
    let mut alert = alert();
    (alert.title, alert.raw) = (title.into(), r#"{"x":""}"#.into());
    Subject { alert, previous: None }
}
