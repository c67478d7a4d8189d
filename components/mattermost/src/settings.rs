//! What an operator sets for Mattermost.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! one may be a credential in the wrong place.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, OnRelease, Pace, Scope, Severity};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// The server's address without a slash at its end.
    base: Option<String>,
    /// These two are not there for `format`, which is given no secrets.
    token: Option<String>,
    webhook_url: Option<String>,
    pub(crate) channel_id: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) icon_url: Option<String>,
    pub(crate) icon_emoji: Option<String>,
    /// `None`: by severity.
    priority: Option<&'static str>,
    pub(crate) requested_ack: bool,
    pub(crate) on_release: OnRelease,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Rest,
    Webhook,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

/// Ids and tokens have this many letters and digits.
const ID_BYTES: usize = 26;
const NAME_CHARS_MAX: usize = 64;
const ICON_URL_BYTES_MAX: usize = 1000;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "mattermost".into(),
        title: "Mattermost".into(),
        summary: "Posts each alert to a channel, by a bot or an incoming webhook".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        // A webhook has to be on the same server.
        reach: vec!["{url}".into()],
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 45_000,
        // Where a server limits at all, this is what it takes from one address unless its operator
        // says otherwise: `PerSec` of `RateLimitSettings`.
        paces: vec![Pace { scope: Scope::Origin, count: 10, per_ms: 1000 }],
        extra: vec![],
    }
}

impl Settings {
    pub(crate) fn base(&self) -> Result<&str, Fault> {
        let todo = "set the address of the server";
        self.base.as_deref().ok_or_else(|| settings::missing(Scope::Endpoint, "url", todo))
    }

    pub(crate) fn token(&self) -> Result<&str, Fault> {
        let todo = "set an access token of a bot account";
        self.token.as_deref().ok_or_else(|| settings::missing(Scope::Endpoint, "token", todo))
    }

    pub(crate) fn webhook_url(&self) -> Result<&str, Fault> {
        let todo = "set the URL of an incoming webhook";
        let missing = || settings::missing(Scope::Endpoint, "webhook_url", todo);
        self.webhook_url.as_deref().ok_or_else(missing)
    }

    /// Each way in has settings of its own, and one in the wrong place would lead alerts astray.
    pub(crate) fn check_channel(&self) -> Result<(), Fault> {
        let wrong = |name, expected: &str| Err(settings::wrong(Scope::Recipient, name, expected));
        match self.mode {
            Mode::Rest if self.channel_id.is_some() => Ok(()),
            Mode::Rest if self.team.is_some() && self.channel.is_some() => Ok(()),
            Mode::Rest => wrong("channel_id", "is missing; set it, or both `team` and `channel`"),
            Mode::Webhook => Ok(()),
        }
    }

    /// As Mattermost names it; empty: none.
    pub(crate) fn priority(&self, severity: Severity) -> &'static str {
        self.priority.unwrap_or(match severity {
            Severity::Error => "important",
            Severity::Critical | Severity::Alert | Severity::Emergency => "urgent",
            _ => "",
        })
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    use Scope::{Endpoint, Recipient};
    let mut given = Given::read(text)?;
    let url = given.url("url", Endpoint, &["https", "http"])?;
    let modes = [("rest", Mode::Rest), ("incoming_webhook", Mode::Webhook)];
    let mode = given.choice("mode", Endpoint, &modes)?;
    let expected = "the access token of a bot account";
    let token = given.text_that("token", Endpoint, expected, |it| !it.is_empty())?;
    let webhook_url = given.url("webhook_url", Endpoint, &["https", "http"])?;
    let expected = "an id of 26 letters and digits, which Mattermost shows under View Info";
    let channel_id = given.text_that("channel_id", Recipient, expected, is_id)?;
    let expected = "the team's name as it stands in addresses: a-z, 0-9 and `-`";
    let team = given.text_that("team", Recipient, expected, is_team)?;
    let expected = "the channel's name as it stands in addresses: a-z, 0-9, `-`, `_` and `.`";
    let channel = given.text_that("channel", Recipient, expected, is_channel)?;
    let username = given.text("username", Recipient, 1..=NAME_CHARS_MAX)?;
    let icon_url = given.url("icon_url", Recipient, &["https", "http"])?;
    let expected = "the name of an emoji: a-z, 0-9, `_`, `+` and `-`";
    let icon_emoji = given.text_that("icon_emoji", Recipient, expected, is_emoji)?;
    let priorities = [("", ""), ("important", "important"), ("urgent", "urgent")];
    let priority = given.choice("priority", Recipient, &priorities)?;
    let requested_ack = given.flag("requested_ack", Recipient)?;
    let ways = [("reply", OnRelease::Reply), ("edit", OnRelease::Edit), ("new", OnRelease::New)];
    let on_release = given.choice("on_release", Recipient, &ways)?;
    given.finish()?;

    if url.as_ref().is_some_and(|url| url.contains('?')) {
        return Err(settings::wrong(Endpoint, "url", "expected the server's address, no query"));
    }
    if icon_url.as_ref().is_some_and(|url| url.len() > ICON_URL_BYTES_MAX) {
        let expected = format!("expected at most {ICON_URL_BYTES_MAX} bytes");
        return Err(settings::wrong(Recipient, "icon_url", &expected));
    }
    let mode = mode.unwrap_or(Mode::Rest);
    let of_rest = [
        ("channel_id", channel_id.is_some()),
        ("team", team.is_some()),
        ("on_release", on_release.is_some_and(|it| it != OnRelease::New)),
    ];
    let of_webhook = [
        ("username", username.is_some()),
        ("icon_url", icon_url.is_some()),
        ("icon_emoji", icon_emoji.is_some()),
    ];
    let (stray, whose) = match mode {
        Mode::Rest => (of_webhook, "is for endpoints with the mode `incoming_webhook`; remove it"),
        Mode::Webhook => (of_rest, "is for endpoints with the mode `rest`; remove it"),
    };
    if let Some((name, _)) = stray.iter().find(|(_, is_set)| *is_set) {
        return Err(settings::wrong(Recipient, name, whose));
    }
    let is_direct = channel.as_ref().is_some_and(|name| name.starts_with('@'));
    if mode == Mode::Rest && is_direct {
        let expected = "expected a channel: `@` and a user is for the mode `incoming_webhook`";
        return Err(settings::wrong(Recipient, "channel", expected));
    }
    Ok(Settings {
        mode,
        base: url.map(|url| base_of(&url).to_owned()),
        token,
        webhook_url,
        channel_id,
        team,
        channel,
        username,
        icon_url,
        icon_emoji,
        priority,
        requested_ack: requested_ack.unwrap_or(false),
        on_release: on_release.unwrap_or(OnRelease::Reply),
    })
}

/// ntopng posts straight to its URL, which therefore ends in the path of the call.
fn base_of(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/posts").filter(|it| it.ends_with("/api/v4")).unwrap_or(url);
    url.strip_suffix("/api/v4").unwrap_or(url).trim_end_matches('/')
}

/// A post's or a channel's.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() == ID_BYTES && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
}

fn is_team(name: &str) -> bool {
    is_name(name, b"-")
}

fn is_channel(name: &str) -> bool {
    is_name(name.strip_prefix('@').unwrap_or(name), b"-_.")
}

fn is_emoji(name: &str) -> bool {
    let name = name.strip_prefix(':').unwrap_or(name);
    let name = name.strip_suffix(':').unwrap_or(name);
    let is_in = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_+-".contains(&it);
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_in)
}

/// Letters and digits, and behind the first one these too.
fn is_name(name: &str, more: &[u8]) -> bool {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|it| is_plain(it) || more.contains(&it))
        && name.bytes().next().is_some_and(is_plain)
}

#[cfg(test)]
mod tests;
