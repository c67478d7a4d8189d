use campanile_guest::{Failure, Instant, Purpose, http::Problem};

use super::*;

#[test]
fn words_count_however_they_are_written_and_only_where_something_was_refused() {
    let table = [
        // body, cannot parse, may not edit, is unchanged, migrated to
        (
            r#"{"ok":false,"description":"Bad Request: can't parse entities"}"#,
            true,
            false,
            false,
            None,
        ),
        (r#"{"ok":false,"description":"CAN'T PARSE entities"}"#, true, false, false, None),
        (r#"{"ok":false,"description":"can't parse reply parameters"}"#, false, false, false, None),
        (r#"{"ok":true,"description":"can't parse entities"}"#, false, false, false, None),
        (r#"{"ok":false,"description":"message to edit not found"}"#, false, true, false, None),
        (r#"{"ok":false,"description":"MESSAGE_ID_INVALID"}"#, false, true, false, None),
        (r#"{"ok":false,"description":"message is not modified: x"}"#, false, false, true, None),
        (r#"{"ok":false,"parameters":{"migrate_to_chat_id":-5}}"#, false, true, false, Some(-5)),
        (r#"{"ok":true,"parameters":{"migrate_to_chat_id":-5}}"#, false, false, false, None),
        (r#"{"ok":false}"#, false, false, false, None),
        ("can't parse entities", false, false, false, None),
        ("", false, false, false, None),
    ];
    for (body, cannot_parse, may_not_edit, is_unchanged, migrated_to) in table {
        let said = Said::read(&answer(400, body));
        assert_eq!(said.cannot_parse(), cannot_parse, "{body}");
        assert_eq!(said.may_not_edit(), may_not_edit, "{body}");
        assert_eq!(said.is_unchanged(), is_unchanged, "{body}");
        assert_eq!(said.migrated_to(), migrated_to, "{body}");
    }
}

#[test]
fn a_name_for_what_is_looked_for_in_descriptions_is_in_lower_case() {
    for words in OF_CHAT {
        assert_eq!(words, words.to_lowercase());
    }
}

#[test]
fn an_operator_reads_what_telegram_said_and_what_to_do() {
    let body = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
    let said = Said::read(&answer(401, body));
    let outcome = failure(&answer(401, body), &said, None);
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    let expected =
        format!("answered 401: {body}; the token is not that of a bot any more: set `bot_token`");
    assert_eq!((fault.scope, &fault.detail), (Scope::Endpoint, &expected));
}

#[test]
fn a_remote_id_holds_chat_and_message_and_nothing_else_is_one() {
    let table = [
        ("-1001234567890:42", Some((-1_001_234_567_890, 42))),
        ("5:7", Some((5, 7))),
        ("5", None),
        ("@ops:7", None),
        ("5:7:9", None),
        (":", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(parts(text), expected, "{text}");
    }
    let message = serde_json::json!({"message_id": 42, "chat": {"id": -1_001_234_567_890_i64}});
    assert_eq!(remote_id(&message).as_deref(), Some("-1001234567890:42"));
    assert_eq!(remote_id(&serde_json::json!(true)), None);
}

#[test]
fn a_certificate_that_is_wrong_is_the_endpoints_fault() {
    let problem = Problem { code: "untrusted".into(), detail: String::new() };
    let now = Instant { unix_ms: 0, utc: String::new(), local: String::new() };
    let attempt = Attempt {
        message_id: "msg_1".into(),
        number: 1,
        now: now.clone(),
        first: now,
        carry: None,
        deliveries: vec![],
        deadline_ms: 70_000,
        purpose: Purpose::Live,
    };
    let outcome = judge(Err(HttpError::Untrusted(problem)), &attempt);
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Endpoint, "untrusted"));
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.into(), ending: Ending::Complete }
}
