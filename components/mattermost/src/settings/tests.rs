use super::*;

const ID: &str = "cccccccccccccccccccccccccc";

#[test]
fn settings_are_taken_and_secrets_may_be_kept_from_format() {
    let settings = read(&format!(r#"{{"url":"https://h","channel_id":"{ID}"}}"#)).expect("good");
    assert_eq!((settings.mode, settings.on_release), (Mode::Rest, OnRelease::Reply));
    assert_eq!((settings.base(), settings.check_channel()), (Ok("https://h"), Ok(())));
    assert!(settings.token().is_err() && settings.webhook_url().is_err());

    let settings = read(
        r#"{"url":"https://h","mode":"incoming_webhook","webhook_url":"https://h/hooks/x",
            "channel":"@me","username":"U","icon_url":"https://h/x.png","icon_emoji":":bell:",
            "on_release":"new"}"#,
    );
    let settings = settings.expect("good");
    assert_eq!(settings.webhook_url(), Ok("https://h/hooks/x"));
    assert_eq!((settings.mode, settings.check_channel()), (Mode::Webhook, Ok(())));
}

#[test]
fn a_server_is_found_in_what_an_operator_has_at_hand() {
    let table = [
        ("https://h", "https://h"),
        ("https://h/", "https://h"),
        ("https://h:8065/api/v4/posts", "https://h:8065"),
        ("https://h/api/v4/posts/", "https://h"),
        ("https://h/api/v4", "https://h"),
        ("https://h/chat/api/v4/posts", "https://h/chat"),
        ("https://h/posts", "https://h/posts"),
        ("https://h/api/v4/posts/x", "https://h/api/v4/posts/x"),
    ];
    for (url, expected) in table {
        assert_eq!(base_of(url), expected, "{url}");
    }
}

#[test]
fn a_priority_is_that_of_the_severity_unless_one_is_set() {
    let table = [
        (Severity::None, ""),
        (Severity::Debug, ""),
        (Severity::Info, ""),
        (Severity::Notice, ""),
        (Severity::Warning, ""),
        (Severity::Error, "important"),
        (Severity::Critical, "urgent"),
        (Severity::Alert, "urgent"),
        (Severity::Emergency, "urgent"),
    ];
    for (severity, expected) in table {
        assert_eq!(read("{}").expect("good").priority(severity), expected, "{severity:?}");
        for set in ["", "important", "urgent"] {
            let settings = read(&format!(r#"{{"priority":"{set}"}}"#)).expect("good");
            assert_eq!(settings.priority(severity), set, "{severity:?}");
        }
    }
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
    let hook = r#""mode":"incoming_webhook""#;
    let table = [
        (r#""url":"ftp://hunter2""#.to_owned(), Scope::Endpoint, "`url`: expected"),
        (r#""url":"https://me:hunter2@h""#.into(), Scope::Endpoint, "`url`: expected"),
        (r#""url":"https://h?hunter2""#.into(), Scope::Endpoint, "no query"),
        (r#""mode":"hunter2""#.into(), Scope::Endpoint, "`rest`, `incoming_webhook`"),
        (r#""token":7"#.into(), Scope::Endpoint, "`token`: expected"),
        (r#""webhook_url":"hunter2""#.into(), Scope::Endpoint, "`webhook_url`: expected"),
        (r#""hunter":"hunter2""#.into(), Scope::Endpoint, "no setting `hunter`"),
        (r#""channel_id":"hunter2""#.into(), Scope::Recipient, "26 letters and digits"),
        (format!(r#""channel_id":"{}""#, "C".repeat(26)), Scope::Recipient, "26 letters"),
        (r#""team":"Hunter2""#.into(), Scope::Recipient, "`team`: expected"),
        (r#""team":"a/hunter2""#.into(), Scope::Recipient, "`team`: expected"),
        (format!(r#""team":"{}""#, "a".repeat(65)), Scope::Recipient, "`team`: expected"),
        (r#""channel":"..""#.into(), Scope::Recipient, "`channel`: expected"),
        (r#""channel":"@""#.into(), Scope::Recipient, "`channel`: expected"),
        (r#""channel":"@hunter2""#.into(), Scope::Recipient, "mode `incoming_webhook`"),
        (r#""icon_emoji":"a b""#.into(), Scope::Recipient, "`icon_emoji`: expected"),
        (r#""icon_emoji":"::""#.into(), Scope::Recipient, "`icon_emoji`: expected"),
        (r#""username":"hunter2""#.into(), Scope::Recipient, "mode `incoming_webhook`"),
        (r#""priority":"hunter2""#.into(), Scope::Recipient, "``, `important`, `urgent`"),
        (r#""requested_ack":"yes""#.into(), Scope::Recipient, "true or false"),
        (r#""on_release":"hunter2""#.into(), Scope::Recipient, "`reply`, `edit`, `new`"),
        (format!(r#"{hook},"channel_id":"{ID}""#), Scope::Recipient, "mode `rest`"),
        (format!(r#"{hook},"team":"hunter2""#), Scope::Recipient, "mode `rest`"),
        (format!(r#"{hook},"on_release":"edit""#), Scope::Recipient, "mode `rest`"),
        (
            format!(r#"{hook},"icon_url":"https://h/{}""#, "x".repeat(1000)),
            Scope::Recipient,
            "at most 1000 bytes",
        ),
    ];
    for (text, scope, expected) in table {
        let fault = read(&format!("{{{text}}}")).expect_err(&text);
        assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
        assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
        assert!(!fault.detail.to_lowercase().contains("hunter2"), "{text}: {}", fault.detail);
    }
}

#[test]
fn the_schemas_name_exactly_the_settings_that_are_read() {
    settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
}
