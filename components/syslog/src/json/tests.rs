use super::*;

#[test]
fn what_is_optional_goes_first_and_texts_are_shortened_last() {
    let text = "\u{1}".repeat(200);
    let whole = serde_json::json!({
        "@timestamp": "2026-11-24T02:51:00.000Z",
        "message": text,
        "event": {"original": "x".repeat(300), "id": "1"},
        "labels": {"a": "y".repeat(300)},
        "alert_key": "k",
        "list": ["z", 1, true, null],
    })
    .to_string();
    let read = |bytes_max| {
        let document = shorter(&whole, bytes_max)?;
        assert!(document.len() <= bytes_max, "{bytes_max}: {document}");
        Some(serde_json::from_str::<Value>(&document).expect("JSON"))
    };
    let first = read(whole.len() - 1).expect("without the original");
    assert!(first["event"].get("original").is_none() && first["labels"].is_object());
    let second = read(whole.len() - 400).expect("without labels");
    assert!(second.get("labels").is_none() && second["message"] == text);
    let third = read(700).expect("with a shorter message");
    let message = third["message"].as_str().expect("a text");
    assert!(message.ends_with('\u{2026}') && message.len() > 64, "{message:?}");
    assert_eq!(third["@timestamp"], "2026-11-24T02:51:00.000Z");
    // A byte of the message takes six here.
    assert!(read(600).is_some());
    assert_eq!(read(200), None);
    let of = |count: usize| serde_json::json!({ "a": "x".repeat(count) }).to_string();
    assert_eq!(shorter(&of(64), of(64).len() - 1), None);
    let shortened = serde_json::json!({ "a": "x".repeat(61) + "\u{2026}" }).to_string();
    assert_eq!(shorter(&of(65), of(65).len() - 1), Some(shortened));
    assert_eq!(shorter("[1]", 100), None);
    assert_eq!(shorter("no JSON", 100), None);
}
