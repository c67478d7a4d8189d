//! What an operator sets for Slack.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! the path of a webhook is a credential.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Pace, Scope};

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
            settings::missing(Scope::Endpoint, "webhook_url", "set the URL of an incoming webhook")
        })
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let webhook_url = given.url("webhook_url", Scope::Endpoint, &["https", "http"])?;
    let is_refused = |url: &String| PATHS_REFUSED.iter().any(|path| url.contains(path));
    if webhook_url.as_ref().is_some_and(is_refused) {
        let expected = "is the URL of a workflow (`/workflows/` or `/triggers/`), which takes another \
                        message; make an incoming webhook in a Slack app and set its URL";
        return Err(settings::wrong(Scope::Endpoint, "webhook_url", expected));
    }
    let sender = given.text("sender_username", Scope::Endpoint, 0..=SENDER_CHARS_MAX)?;
    let expected = "an id of a member (U... or W...) or of a user group (S...)";
    let mention = given.texts("mention", Scope::Recipient, MENTIONS_MAX, expected, is_id)?;
    given.finish()?;
    Ok(Settings {
        webhook_url,
        has_sender_username: sender.is_some(),
        mention: mention.unwrap_or_default(),
    })
}

fn is_id(id: &str) -> bool {
    (3..=32).contains(&id.len())
        && id.starts_with(['U', 'W', 'S'])
        && id.bytes().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
            (r#"{"webhook_url":7}"#.into(), "setting `webhook_url`: expected a URL"),
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
                "setting `sender_username`: expected a text of 0 to 80",
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
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
