use super::*;

#[test]
fn settings_are_taken_and_the_token_may_be_kept_from_format() {
    let settings = read(r#"{"chat_id":5}"#).expect("good");
    assert_eq!((settings.chat(), settings.api_base.as_str()), (Ok(&Chat::Id(5)), API_BASE));
    assert!(settings.bot_token().is_err() && settings.is_html && !settings.test_env);
    assert_eq!((settings.on_release, settings.silent), (OnRelease::Reply, None));

    let settings = read(
        r#"{"bot_token":"x","api_base":"http://h:8081/tg/","test_env":true,"message_thread_id":7,
            "silent":false,"protect_content":true,"parse_mode":"none","on_release":"edit"}"#,
    );
    let settings = settings.expect("good");
    assert_eq!((settings.bot_token(), settings.api_base.as_str()), (Ok("x"), "http://h:8081/tg"));
    assert_eq!((settings.message_thread_id, settings.silent), (Some(7), Some(false)));
    assert!(settings.protect_content && !settings.is_html && settings.test_env);
    assert!(settings.chat().is_err());
}

#[test]
fn a_chat_is_a_number_of_64_bits_or_a_name() {
    let table = [
        ("5", Some("5")),
        ("-1001234567890", Some("-1001234567890")),
        ("9223372036854775807", Some("9223372036854775807")),
        ("-9223372036854775808", Some("-9223372036854775808")),
        ("\"-1001234567890\"", Some("-1001234567890")),
        ("\"@ops_Alerts1\"", Some("@ops_Alerts1")),
        ("\"@abcd\"", Some("@abcd")),
        ("9223372036854775808", None),
        ("1.5", None),
        ("0", None),
        ("\"\"", None),
        ("\"+5\"", None),
        ("\" 5\"", None),
        ("\"ops\"", None),
        ("\"@\"", None),
        ("\"@abc\"", None),
        ("\"@_abc\"", None),
        ("\"@a/../b\"", None),
        ("null", None),
    ];
    for (chat, expected) in table {
        let found = Chat::read(&serde_json::from_str(chat).expect("JSON"));
        assert_eq!(found.map(|one| one.to_string()).as_deref(), expected, "{chat}");
    }
    let long = Value::from(format!("@{}", "a".repeat(33)));
    assert_eq!(Chat::read(&long), None);
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
    let table = [
        (r#""bot_token":7"#, Scope::Endpoint, "`bot_token`: expected"),
        (r#""api_base":"hunter2""#, Scope::Endpoint, "`api_base`: expected"),
        (r#""api_base":"https://h/?hunter2""#, Scope::Endpoint, "without a query"),
        (r#""api_base":"https://me:hunter2@h""#, Scope::Endpoint, "`api_base`: expected"),
        (r#""test_env":"hunter2""#, Scope::Endpoint, "true or false"),
        (r#""hunter":"hunter2""#, Scope::Endpoint, "no setting `hunter`"),
        (r#""chat_id":"hunter2""#, Scope::Recipient, "`chat_id`: expected the number"),
        (r#""message_thread_id":0"#, Scope::Recipient, "1 to 2147483647"),
        (r#""silent":"hunter2""#, Scope::Recipient, "true or false"),
        (r#""protect_content":1"#, Scope::Recipient, "true or false"),
        (r#""parse_mode":"Markdown""#, Scope::Recipient, "`HTML`, `none`"),
        (r#""on_release":"hunter2""#, Scope::Recipient, "`reply`, `edit`, `new`"),
    ];
    for (text, scope, expected) in table {
        let fault = read(&format!("{{{text}}}")).expect_err(text);
        assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
        assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
        assert!(!fault.detail.contains("hunter2"), "{text}: {}", fault.detail);
    }
}

#[test]
fn the_schemas_name_exactly_the_settings_that_are_read() {
    settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
}
