//! What an operator sets for Slack.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value: the
//! webhook's URL is a credential.

use campanile_guest::{Descriptor, Fault, Pace, Scope};
use serde::Deserialize;

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) webhook_url: String,
    /// Only legacy webhooks take it.
    #[serde(default)]
    pub(crate) sender_username: Option<String>,
    /// For the whole answer.
    #[serde(default = "timeout_ms")]
    pub(crate) timeout_ms: u32,
    /// `here`, `channel`, or ids of members and groups.
    #[serde(default)]
    pub(crate) mention: Vec<String>,
}

fn timeout_ms() -> u32 {
    20_000
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MENTIONS_MAX: usize = 10;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "slack".into(),
        title: "Slack".into(),
        summary: "Posts alerts to an incoming webhook".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into()],
        batch_max: 16,
        // Messages of one webhook show up in the order of the alerts.
        concurrency: 1,
        deliver_ms: 35_000,
        paces: vec![Pace { scope: Scope::Endpoint, count: 1, per_ms: 1000 }],
        extra: vec![],
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let settings: Settings = serde_json::from_str(text).map_err(|_| {
        wrong(Scope::Endpoint, "expected the settings that the kind's schemas describe")
    })?;
    if !is_webhook(&settings.webhook_url) {
        let expected = "setting `webhook_url`: expected the URL of an incoming webhook, such as \
                        https://hooks.slack.com/services/T../B../..; triggers of workflows take \
                        another payload";
        return Err(wrong(Scope::Endpoint, expected));
    }
    if !(1_000..=30_000).contains(&settings.timeout_ms) {
        return Err(wrong(Scope::Endpoint, "setting `timeout_ms`: expected 1000 to 30000"));
    }
    let is_name = |name: &String| {
        (1..=80).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if settings.sender_username.as_ref().is_some_and(|name| !is_name(name)) {
        let expected = "setting `sender_username`: expected 1 to 80 printable characters";
        return Err(wrong(Scope::Endpoint, expected));
    }
    if settings.mention.len() > MENTIONS_MAX || !settings.mention.iter().all(|one| is_mention(one))
    {
        let expected = "setting `mention`: expected at most 10 of `here`, `channel`, or ids such as \
                        `U012ABCDEF` and `S012ABCDEF`";
        return Err(wrong(Scope::Recipient, expected));
    }
    Ok(settings)
}

fn wrong(scope: Scope, detail: &str) -> Fault {
    Fault::new(scope, "settings", detail)
}

fn is_webhook(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    ["http", "https"].iter().any(|one| scheme.eq_ignore_ascii_case(one))
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !rest.contains(|c: char| matches!(c, '#' | '@' | '\\' | ' ') || c.is_control())
        && !path.contains("/workflows/")
        && !path.contains("/triggers/")
}

/// An id in one of these forms cannot be anything but a mention.
pub(crate) fn is_mention(text: &str) -> bool {
    let is_id = |rest: &str| {
        (2..=20).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    matches!(text, "here" | "channel") || text.strip_prefix(['U', 'W', 'S']).is_some_and(is_id)
}
