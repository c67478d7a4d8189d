//! What an operator sets for Slack.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! the path of a webhook is a credential.

use campanile_guest::{Descriptor, Fault, Pace, Scope};
use serde_json::{Map, Value};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Not there for `format`, which is given no secrets.
    webhook_url: Option<String>,
    /// A name for the sender is set. It is never sent, and that is told.
    pub(crate) has_sender_username: bool,
    /// Ids of members and user groups.
    pub(crate) mention: Vec<String>,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MENTIONS_MAX: usize = 10;
const SENDER_CHARS_MAX: usize = 80;

/// What these take is a workflow's own variables, not a message.
const PATHS_REFUSED: [&str; 2] = ["/workflows/", "/triggers/"];

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "slack".into(),
        title: "Slack".into(),
        summary: "Posts each alert as a message to an incoming webhook".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into()],
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 25_000,
        // <https://docs.slack.dev/apis/web-api/rate-limits>: who persists can be cut off for good.
        paces: vec![Pace { scope: Scope::Endpoint, count: 1, per_ms: 1000 }],
        extra: vec![],
    }
}

impl Settings {
    /// Where to POST to.
    pub(crate) fn url(&self) -> Result<&str, Fault> {
        self.webhook_url.as_deref().ok_or_else(|| {
            wrong_settings("setting `webhook_url`: is missing; set the URL of an incoming webhook")
        })
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let given: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| wrong_settings("expected a JSON object"))?;
    let mut settings = Settings::default();
    for (name, value) in given {
        let (scope, read) = match name.as_str() {
            "webhook_url" => {
                let read = read_url(value).map(|url| settings.webhook_url = Some(url));
                (Scope::Endpoint, read)
            }
            "sender_username" => {
                let read = read_sender(&value).map(|()| settings.has_sender_username = true);
                (Scope::Endpoint, read)
            }
            "mention" => (Scope::Recipient, read_ids(value).map(|ids| settings.mention = ids)),
            _ => {
                let known = "webhook_url, sender_username, mention";
                return Err(wrong_settings(&format!("no setting `{name}`; there are {known}")));
            }
        };
        read.map_err(|expected| {
            Fault::new(scope, "settings", format!("setting `{name}`: {expected}"))
        })?;
    }
    Ok(settings)
}

fn wrong_settings(detail: &str) -> Fault {
    Fault::new(Scope::Endpoint, "settings", detail)
}

fn read_url(value: Value) -> Result<String, &'static str> {
    let expected = "expected the URL of an incoming webhook, https or http, without user, fragment \
                    or blanks: https://hooks.slack.com/services/T.../B.../...";
    let Value::String(url) = value else { return Err(expected) };
    let (scheme, rest) = url.split_once("://").ok_or(expected)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_good = ["http", "https"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
        && !rest.contains(|one: char| {
            matches!(one, '#' | '\\') || one.is_whitespace() || one.is_control()
        });
    if !is_good {
        return Err(expected);
    }
    if PATHS_REFUSED.iter().any(|path| rest.contains(path)) {
        return Err(
            "is the URL of a workflow (`/workflows/` or `/triggers/`), which takes another \
                    message; make an incoming webhook in a Slack app and set its URL",
        );
    }
    Ok(url)
}

fn read_sender(value: &Value) -> Result<(), &'static str> {
    let name = value.as_str().filter(|name| name.chars().count() <= SENDER_CHARS_MAX);
    name.map(|_| ()).ok_or("expected a text of at most 80 characters, or better nothing")
}

fn read_ids(value: Value) -> Result<Vec<String>, &'static str> {
    let expected = "expected a list of at most 10 ids of members (U... or W...) and user groups \
                    (S...), each once";
    let Value::Array(given) = value else { return Err(expected) };
    let mut ids = Vec::with_capacity(given.len());
    for one in given {
        match one {
            Value::String(id) if is_id(&id) && !ids.contains(&id) => ids.push(id),
            _ => return Err(expected),
        }
    }
    if ids.len() > MENTIONS_MAX { Err(expected) } else { Ok(ids) }
}

fn is_id(id: &str) -> bool {
    (3..=32).contains(&id.len())
        && id.starts_with(['U', 'W', 'S'])
        && id.bytes().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_and_the_url_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert!(settings.url().is_err() && settings.mention.is_empty());
        assert!(!settings.has_sender_username);

        let settings = read(
            r#"{"webhook_url":"https://hooks.slack-gov.com/services/T0/B0/x","mention":["U01","S02"],
                "sender_username":"Campanile"}"#,
        );
        let settings = settings.expect("good");
        assert_eq!(settings.url(), Ok("https://hooks.slack-gov.com/services/T0/B0/x"));
        assert_eq!(settings.mention, ["U01", "S02"]);
        assert!(settings.has_sender_username);
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let url = |url: &str| format!(r#"{{"webhook_url":{}}}"#, Value::from(url));
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            (r#"{"webhook_url":7}"#.into(), "setting `webhook_url`: expected the URL"),
            (url(""), "setting `webhook_url`: expected"),
            (url("hunter2"), "setting `webhook_url`: expected"),
            (url("ftp://hunter2/"), "setting `webhook_url`: expected"),
            (url("https://"), "setting `webhook_url`: expected"),
            (url("https://:443/hunter2"), "setting `webhook_url`: expected"),
            (url("https://me:hunter2@h/"), "setting `webhook_url`: expected"),
            (url("https://h/#hunter2"), "setting `webhook_url`: expected"),
            (url("https://h\\hunter2"), "setting `webhook_url`: expected"),
            (url("https://h/hunter2 x"), "setting `webhook_url`: expected"),
            (url("https://h/\r\nhunter2"), "setting `webhook_url`: expected"),
            (url("https://hooks.slack.com/workflows/hunter2"), "is the URL of a workflow"),
            (url("https://hooks.slack.com/triggers/hunter2"), "is the URL of a workflow"),
            (url("https://proxy/slack/triggers/hunter2"), "is the URL of a workflow"),
            (r#"{"bot":"hunter2"}"#.into(), "no setting `bot`; there are webhook_url"),
            (r#"{"sender_username":["hunter2"]}"#.into(), "setting `sender_username`: expected"),
            (
                format!(r#"{{"sender_username":"hunter2{}"}}"#, "x".repeat(74)),
                "setting `sender_username`: expected a text of at most 80",
            ),
        ];
        let ids = |ids: &[&str]| format!(r#"{{"mention":{}}}"#, Value::from(ids.to_vec()));
        let many: Vec<_> = (10..21).map(|at| format!("U{at}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(read(&ids(&many[1..])).is_ok());
        let recipient = [
            (r#"{"mention":"U0HUNTER2"}"#.into(), "setting `mention`: expected a list"),
            (r#"{"mention":[7]}"#.into(), "setting `mention`: expected"),
            (ids(&["!channel"]), "setting `mention`: expected"),
            (ids(&["U01>hunter2"]), "setting `mention`: expected"),
            (ids(&["C01"]), "setting `mention`: expected"),
            (ids(&["U1"]), "setting `mention`: expected"),
            (ids(&[&format!("U{}", "0".repeat(32))]), "setting `mention`: expected"),
            (ids(&["U01", "U01"]), "setting `mention`: expected"),
            (ids(&many), "setting `mention`: expected a list of at most 10"),
        ];
        for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])]
        {
            for (text, expected) in table {
                let fault = read(text).expect_err(text);
                assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
                assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
                assert!(!fault.detail.to_lowercase().contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        let mut names = vec![];
        for schema in [ENDPOINT_SCHEMA, RECIPIENT_SCHEMA] {
            let schema: Value = serde_json::from_str(schema).expect("a schema is JSON");
            assert_eq!(schema["additionalProperties"], false);
            names.extend(schema["properties"].as_object().expect("properties").keys().cloned());
        }
        let fault = read(r#"{"none":1}"#).expect_err("unknown");
        names.sort();
        let mut read: Vec<_> =
            fault.detail.rsplit("there are ").next().expect("a list").split(", ").collect();
        read.sort_unstable();
        assert_eq!(read, names);
    }
}
