//! What an operator sets for Telegram.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! one may be a credential in the wrong place.

use std::fmt;

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, OnRelease, Pace, Scope};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Not there for `format`, which is given no secrets.
    bot_token: Option<String>,
    /// Without a slash at its end.
    pub(crate) api_base: String,
    pub(crate) test_env: bool,
    chat_id: Option<Chat>,
    pub(crate) message_thread_id: Option<u32>,
    /// `None`: by severity.
    pub(crate) silent: Option<bool>,
    pub(crate) protect_content: bool,
    pub(crate) is_html: bool,
    pub(crate) on_release: OnRelease,
}

/// Whom to write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chat {
    Id(i64),
    /// With its `@`.
    Name(String),
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const API_BASE: &str = "https://api.telegram.org";
const THREAD_MAX: u32 = 2_147_483_647;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "telegram".into(),
        title: "Telegram".into(),
        summary: "Sends each alert to a chat, by a bot".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{api_base}".into()],
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 70_000,
        // <https://core.telegram.org/bots/faq>: 20 per minute in a group, about one per second in
        // any chat, 30 per second over all of them.
        paces: vec![
            Pace { scope: Scope::Recipient, count: 20, per_ms: 60_000 },
            Pace { scope: Scope::Endpoint, count: 30, per_ms: 1000 },
        ],
        extra: vec![],
    }
}

impl Settings {
    pub(crate) fn bot_token(&self) -> Result<&str, Fault> {
        let todo = "set the token that @BotFather gave for the bot";
        let missing = || settings::missing(Scope::Endpoint, "bot_token", todo);
        self.bot_token.as_deref().ok_or_else(missing)
    }

    pub(crate) fn chat(&self) -> Result<&Chat, Fault> {
        let todo = "set the number of a chat, or the @name of a public one";
        let missing = || settings::missing(Scope::Recipient, "chat_id", todo);
        self.chat_id.as_ref().ok_or_else(missing)
    }
}

impl Chat {
    fn read(value: &Value) -> Option<Self> {
        let id = match value {
            Value::String(name) if name.starts_with('@') => {
                return is_name(&name[1..]).then(|| Self::Name(name.clone()));
            }
            // Forms and other programs have numbers as texts.
            Value::String(number) if !number.starts_with('+') => number.parse().ok()?,
            value => value.as_i64()?,
        };
        (id != 0).then_some(Self::Id(id))
    }
}

impl fmt::Display for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Serialize for Chat {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => to.serialize_i64(*id),
            Self::Name(name) => to.serialize_str(name),
        }
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    use Scope::{Endpoint, Recipient};
    let mut given = Given::read(text)?;
    let expected = "the token that @BotFather gave for the bot";
    let bot_token = given.text_that("bot_token", Endpoint, expected, |it| !it.is_empty())?;
    let api_base = given.url("api_base", Endpoint, &["https", "http"])?;
    let test_env = given.flag("test_env", Endpoint)?;
    let chat_id = given.take("chat_id", Recipient, |value| {
        Chat::read(&value).ok_or("expected the number of a chat, or @name of a public one")
    })?;
    let message_thread_id = given.number("message_thread_id", Recipient, 1..=THREAD_MAX)?;
    let silent = given.flag("silent", Recipient)?;
    let protect_content = given.flag("protect_content", Recipient)?;
    let modes = [("HTML", true), ("none", false)];
    let is_html = given.choice("parse_mode", Recipient, &modes)?;
    let ways = [("reply", OnRelease::Reply), ("edit", OnRelease::Edit), ("new", OnRelease::New)];
    let on_release = given.choice("on_release", Recipient, &ways)?;
    given.finish()?;

    if api_base.as_ref().is_some_and(|url| url.contains('?')) {
        let expected = "expected the address of a Bot API server, without a query";
        return Err(settings::wrong(Endpoint, "api_base", expected));
    }
    let api_base = api_base.unwrap_or_else(|| API_BASE.to_owned());
    Ok(Settings {
        bot_token,
        api_base: api_base.trim_end_matches('/').to_owned(),
        test_env: test_env.unwrap_or(false),
        chat_id,
        message_thread_id,
        silent,
        protect_content: protect_content.unwrap_or(false),
        is_html: is_html.unwrap_or(true),
        on_release: on_release.unwrap_or(OnRelease::Reply),
    })
}

/// Without its `@`.
fn is_name(name: &str) -> bool {
    (4..=32).contains(&name.len())
        && name.starts_with(|one: char| one.is_ascii_alphabetic())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

#[cfg(test)]
mod tests;
