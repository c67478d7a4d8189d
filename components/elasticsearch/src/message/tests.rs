use campanile_guest::{Alert, Instant, samples};
use serde_json::{Value, json};

use super::*;
use crate::settings;

#[test]
fn a_document_has_a_line_that_says_where_it_goes_and_under_which_id() {
    let table = [
        // settings, action, index, what ends the id
        ("{}", Action::Store, "logs-ntopng.alerts-default", "stored"),
        (r#"{"target_kind":"daily_index"}"#, Action::Engage, "alerts-ntopng-2026.11.24", "engaged"),
        // By its end, which is on another day.
        (
            r#"{"target_kind":"daily_index","index_prefix":"x","date_pattern":"dashes"}"#,
            Action::Release,
            "x-2026-11-25",
            "released",
        ),
        (r#"{"target_kind":"index_or_alias","index":"a"}"#, Action::Store, "a", "stored"),
    ];
    for (text, action, index, end) in table {
        let mut subject = subject(10);
        subject.alert.action = action;
        let message = packed(&[subject], text).messages.remove(0);
        assert_eq!(message.content_type, "application/x-ndjson");
        assert_eq!(message.repeat_safe_ms, u32::MAX);
        let body = String::from_utf8(message.body).expect("UTF-8");
        let lines: Vec<_> = body.split('\n').collect();
        assert_eq!((lines.len(), lines[2]), (3, ""), "each line ends, the last too");
        let id = format!("01JD8Q5W3V9T6Z0M4K2N7P1R5S-{end}");
        assert_eq!(read(lines[0]), json!({"create": {"_index": index, "_id": id}}));
        assert_eq!(read(lines[1])["event"]["action"], end);
        assert_eq!(read(lines[1])["event"]["id"], "01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    }
}

#[test]
fn a_document_names_the_parts_of_its_data_stream() {
    let part = |text: &str| {
        let body = packed(&[subject(10)], text).messages.remove(0).body;
        let body = String::from_utf8(body).expect("UTF-8");
        read(body.lines().nth(1).expect("a document"))
    };
    let document = part(r#"{"data_stream":"logs-net.alerts-east","organization":"Example"}"#);
    let expected = json!({"type": "logs", "dataset": "net.alerts", "namespace": "east"});
    assert_eq!(document["data_stream"], expected);
    assert_eq!(document["event"]["dataset"], "net.alerts");
    assert_eq!(document["organization"]["name"], "Example");
    assert_eq!(document["event"]["original"].as_str().map(str::len), Some(10));

    let document = part(r#"{"target_kind":"daily_index","original":false}"#);
    assert_eq!(document.get("data_stream"), None);
    assert_eq!(document["event"].get("original"), None);
    assert_eq!(document["event"]["dataset"], "ntopng.alerts");
}

#[test]
fn a_batch_is_split_in_order_by_count_and_by_size() {
    const BYTES_MAX: usize = 65_536;
    // One document of so many bytes, and what stands around its raw form.
    let around = packed(&[subject(100)], "{}").messages.remove(0).body.len() - 100;
    let exact = BYTES_MAX / 2 - around;
    let table = [
        // max_batch_docs, bytes of each raw alert, expected members
        (500, vec![], vec![]),
        (1, vec![100, 100, 100], vec![vec![0], vec![1], vec![2]]),
        (2, vec![100, 100, 100], vec![vec![0, 1], vec![2]]),
        (500, vec![100; 3], vec![vec![0, 1, 2]]),
        (500, vec![exact, exact, 100], vec![vec![0, 1], vec![2]]),
        (500, vec![exact, exact + 1, 100], vec![vec![0], vec![1, 2]]),
        (500, vec![100, 2 * BYTES_MAX, 100], vec![vec![0], vec![1], vec![2]]),
    ];
    for (docs, sizes, expected) in table {
        let subjects: Vec<_> = sizes.iter().map(|bytes| subject(*bytes)).collect();
        let text = format!(r#"{{"max_batch_docs":{docs},"max_batch_bytes":{BYTES_MAX}}}"#);
        let formatted = packed(&subjects, &text);
        let members: Vec<_> = formatted.messages.iter().map(|one| one.alerts.clone()).collect();
        assert_eq!(members, expected, "{docs} documents, sizes {sizes:?}");
        assert!(formatted.skipped.is_empty() && formatted.rejected.is_empty());
        for message in &formatted.messages {
            assert!(message.body.len() <= BYTES_MAX || message.alerts.len() == 1);
            let lines = message.body.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines, 2 * message.alerts.len());
        }
    }
}

#[test]
fn an_alert_gives_the_same_bytes_at_any_position() {
    let one = r#"{"max_batch_docs":1}"#;
    let format = |subjects: Vec<_>| packed(&subjects, one);
    samples::assert_equal_anywhere(format, samples::whole);
    let batch = [subject(90), subject(50), subject(9), subject(50)];
    let split = packed(&batch, one).messages;
    let together = packed(&batch, "{}").messages.remove(0);
    assert_eq!(together.body, split.iter().flat_map(|one| one.body.clone()).collect::<Vec<_>>());
    assert_eq!(together.summary, "Beacon and 3 more");
}

#[test]
fn a_request_asks_for_a_short_answer_and_for_what_is_set() {
    let table = [
        (r#"{"url":"http://h/es/"}"#, "http://h/es/_bulk", "&require_data_stream=true", true),
        (r#"{"url":"http://h","product":"opensearch"}"#, "http://h/_bulk", "", true),
        (
            r#"{"url":"http://h","target_kind":"daily_index","refresh":"true","compress":false,
                "pipeline":"a b&refresh=\u00e9"}"#,
            "http://h/_bulk",
            "&refresh=true&pipeline=a%20b%26refresh%3D%C3%A9",
            false,
        ),
    ];
    for (text, path, query, is_compressed) in table {
        let message = packed(&[subject(9)], text).messages.remove(0);
        let body = message.body.clone();
        let settings = settings::read(text).expect("settings");
        let request = request(message, &settings, Some("Basic x".into())).expect("a URL");
        assert_eq!(request.url, format!("{path}?filter_path={FILTER_PATH}{query}"));
        assert_eq!(request.coding == Coding::Gzip, is_compressed);
        assert_eq!((request.method, request.body), (Method::Post, body));
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("content-type", "application/x-ndjson"),
            ("user-agent", "campanile/1.2.3"),
            ("authorization", "Basic x"),
        ];
        assert_eq!(headers, expected);
    }
    let message = packed(&[subject(9)], "{}").messages.remove(0);
    let settings = settings::read("{}").expect("settings");
    let fault = request(message, &settings, None).expect_err("no URL");
    assert!(fault.detail.starts_with("setting `url`: is missing"));
}

fn packed(subjects: &[Subject], text: &str) -> Formatted {
    pack(subjects, &samples::context(), &settings::read(text).expect("settings"))
}

/// An alert whose raw form has so many bytes.
fn subject(bytes: usize) -> Subject {
    let alert = Alert {
        producer: "ntopng".into(),
        time: instant("2026-11-24T23:59:59.999Z", 0),
        ended: Some(instant("2026-11-25T00:00:01.000Z", 1001)),
        title: "Beacon".into(),
        raw: "x".repeat(bytes),
        ..samples::alert()
    };
    Subject { alert, previous: None }
}

fn instant(utc: &str, unix_ms: u64) -> Instant {
    Instant { unix_ms, utc: utc.into(), local: String::new() }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
