use serde_json::{Value, json};

use super::*;

fn with(more: &Value) -> Result<Settings, Fault> {
    let mut all = json!({"host": "mail.example", "port": 587, "sender": "a@b.example"});
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    read(&all.to_string())
}

#[test]
fn where_the_server_is_and_how_it_is_spoken_to_come_from_host_port_and_security() {
    let table = [
        (json!({}), "tcp://mail.example:587", Security::StartTls),
        (json!({"port": 25}), "tcp://mail.example:25", Security::StartTls),
        (json!({"port": 465}), "tls://mail.example:465", Security::Implicit),
        (
            json!({"port": 465, "security": "starttls"}),
            "tcp://mail.example:465",
            Security::StartTls,
        ),
        (json!({"security": "implicit"}), "tls://mail.example:587", Security::Implicit),
        (json!({"security": "none"}), "tcp://mail.example:587", Security::None),
        (json!({"host": "smtp://Mail.example"}), "tcp://Mail.example:587", Security::StartTls),
        (json!({"host": "SMTPS://mail.example"}), "tls://mail.example:587", Security::Implicit),
        (
            json!({"host": "smtps://mail.example", "security": "none"}),
            "tcp://mail.example:587",
            Security::None,
        ),
        (json!({"host": "192.0.2.1"}), "tcp://192.0.2.1:587", Security::StartTls),
        (json!({"host": "[2001:db8::1]"}), "tcp://[2001:db8::1]:587", Security::StartTls),
    ];
    for (more, target, security) in table {
        let settings = with(&more).expect("good");
        assert_eq!((settings.target.as_str(), settings.security), (target, security), "{more}");
    }
}

#[test]
fn what_is_not_set_has_its_default() {
    let settings = with(&json!({})).expect("good");
    assert_eq!(settings.helo_name, "[127.0.0.1]");
    assert_eq!(settings.login.auth, Auth::Auto);
    assert!(!settings.login.has_password && !settings.login.has_token);
    assert_eq!(settings.format, Format::Multipart);
    assert_eq!((settings.alerts_max, settings.threading), (50, Threading::Alert));
    assert!(settings.to.is_empty() && settings.cc.is_empty() && settings.bcc.is_empty());

    let settings = with(&json!({"to": ["Ann <ann@x>", "bob@x"], "cc": ["c@x"], "password": "*",
        "username": "me", "access_token": "*", "max_alerts_per_mail": 1, "subject_prefix": " [x] "}));
    let settings = settings.expect("good");
    assert_eq!(settings.to[0].name.as_deref(), Some("Ann"));
    assert_eq!(settings.to[1].address, "bob@x");
    assert!(settings.login.has_password && settings.login.has_token);
    assert_eq!((settings.alerts_max, settings.subject_prefix.as_str()), (1, "[x]"));
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
    let many: Vec<_> = (0..101).map(|at| format!("a{at}@x")).collect();
    let endpoint = [
        (json!({"host": ""}), "setting `host`: expected a host name"),
        (json!({"host": "hunter2:25"}), "setting `host`: expected a host name"),
        (json!({"host": "smtp://hunter2:25"}), "setting `host`: expected a host name"),
        (json!({"host": "http://hunter2"}), "setting `host`: expected a host name"),
        (json!({"host": "me@hunter2"}), "setting `host`: expected a host name"),
        (json!({"host": "hunter2/x"}), "setting `host`: expected a host name"),
        (json!({"host": "hunter2\r\n"}), "setting `host`: expected a host name"),
        (json!({"host": "2001:db8::1"}), "setting `host`: expected a host name"),
        (json!({"host": "[hunter2]"}), "setting `host`: expected a host name"),
        (json!({"port": 0}), "setting `port`: expected a whole number, 1 to 65535"),
        (json!({"port": "587"}), "setting `port`: expected a whole number"),
        (json!({"security": "hunter2"}), "expected one of `starttls`, `implicit`, `none`"),
        (
            json!({"auth": "cram-md5"}),
            "expected one of `auto`, `none`, `plain`, `login`, `xoauth2`",
        ),
        (json!({"username": "hunter2\r\n"}), "setting `username`: expected a text"),
        (json!({"sender": "hunter2"}), "setting `sender`: expected an address"),
        (json!({"sender": "a@b\r\nBcc: hunter2@x"}), "setting `sender`: expected"),
        (json!({"helo_name": "hunter2 x"}), "setting `helo_name`: expected the name"),
        (json!({"helo_name": "hunter2\r\nMAIL"}), "setting `helo_name`: expected the name"),
        (json!({"hunter": 2}), "no setting `hunter`; there are"),
    ];
    let recipient = [
        (json!({"to": "hunter2@x"}), "setting `to`: expected a list of at most 100"),
        (json!({"to": ["hunter2"]}), "setting `to`: expected a list"),
        (json!({"cc": ["a@b", "a@b"]}), "setting `cc`: expected a list"),
        (json!({"bcc": ["a@b>\r\nDATA"]}), "setting `bcc`: expected a list"),
        (json!({"to": many}), "setting `to`: expected a list of at most 100"),
        (json!({"subject_prefix": "hunter2\r\n"}), "setting `subject_prefix`: expected a text"),
        (json!({"subject_prefix": "x".repeat(61)}), "setting `subject_prefix`: expected a text"),
        (json!({"format": "hunter2"}), "expected one of `multipart`, `text`, `html`"),
        (json!({"max_alerts_per_mail": 51}), "expected a whole number, 1 to 50"),
        (json!({"threading": "hunter2"}), "expected one of `alert`, `day`, `none`"),
    ];
    for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])] {
        for (more, expected) in table {
            let fault = with(more).expect_err(&more.to_string());
            assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{more}");
            assert!(fault.detail.contains(expected), "{more}: {}", fault.detail);
            assert!(!fault.detail.contains("hunter2"), "{more}");
        }
    }
    for (text, expected) in [
        ("[]", "expected a JSON object"),
        ("{}", "setting `host`: is missing"),
        (r#"{"host":"h"}"#, "setting `port`: is missing"),
        (r#"{"host":"h","port":25}"#, "setting `sender`: is missing"),
    ] {
        let fault = read(text).expect_err(text);
        assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
    }
}

#[test]
fn the_schemas_name_exactly_the_settings_that_are_read() {
    settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
}
