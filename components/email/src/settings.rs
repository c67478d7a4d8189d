//! What an operator sets for a mail server, and for whom it writes to.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value.

use std::cell::RefCell;

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};

use crate::address::{self, Mailbox};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `tls://host:port` or `tcp://host:port`.
    pub(crate) target: String,
    pub(crate) security: Security,
    /// What we call ourselves.
    pub(crate) helo_name: String,
    pub(crate) login: Login,
    pub(crate) sender: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) cc: Vec<Mailbox>,
    pub(crate) bcc: Vec<Mailbox>,
    pub(crate) subject_prefix: String,
    pub(crate) format: Format,
    pub(crate) alerts_max: usize,
    pub(crate) threading: Threading,
}

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// After a plain beginning, and before anything else.
    StartTls,
    /// From the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// What is there to log in with. The secrets themselves never are: they have placeholders.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) auth: Auth,
    pub(crate) username: Option<String>,
    pub(crate) has_password: bool,
    pub(crate) has_client: bool,
    pub(crate) has_token: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    Auto,
    None,
    Plain,
    Login,
    XOAuth2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Multipart,
    Text,
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threading {
    Alert,
    Day,
    None,
}

/// The setting by which the component uses the token that the engine fetches; as in the manifest.
pub(crate) const TOKEN: &str = "access_token";
pub(crate) const PASSWORD: &str = "password";

/// The most alerts in one mail.
pub(crate) const ALERTS_MAX: u32 = 50;

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MAILBOXES_MAX: usize = 100;
const PREFIX_CHARS_MAX: usize = 60;
const NAME_BYTES_MAX: usize = 253;

/// Port at which TLS begins with the first byte (RFC 8314, 7.3).
const IMPLICIT_PORT: u32 = 465;

/// An address literal (RFC 5321, 4.1.3): what stands for a name where none is known.
const NO_NAME: &str = "[127.0.0.1]";

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "email".into(),
        title: "E-mail".into(),
        summary: "Sends alerts as mails, over a mail server (SMTP)".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["tls://{host}:{port}".into(), "tcp://{host}:{port}".into()],
        batch_max: ALERTS_MAX,
        concurrency: 1,
        deliver_ms: 180_000,
        // Each server has limits of its own, and publishes none that all have.
        paces: vec![],
        extra: vec![],
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let of = Scope::Endpoint;
    let mut given = Given::read(text)?;
    let expected = "a host name or an address, such as mail.example.net, without a port";
    let host = given.text_that("host", of, expected, |text| is_host(bare(text).1))?;
    let port = given.number("port", of, 1..=65_535)?;
    let words = [
        ("starttls", Security::StartTls),
        ("implicit", Security::Implicit),
        ("none", Security::None),
    ];
    let security = given.choice("security", of, &words)?;
    let words = [
        ("auto", Auth::Auto),
        ("none", Auth::None),
        ("plain", Auth::Plain),
        ("login", Auth::Login),
        ("xoauth2", Auth::XOAuth2),
    ];
    let auth = given.choice("auth", of, &words)?.unwrap_or(Auth::Auto);
    let username = given.text("username", of, 1..=255)?;
    // Placeholders here, of any length. What the engine keeps for itself may be missing.
    let mut has = |name| given.text(name, of, 1..=10_000).map(|text| text.is_some());
    let has_password = has(PASSWORD)?;
    let (_, has_client) = (has("token_url")?, has("client_id")?);
    let _ = (has("client_secret")?, has("refresh_token")?, has("scope")?);
    // Not a setting, but beside them where the engine has a token.
    let has_token = text.contains("\"access_token\"") && has(TOKEN)?;
    let sender = given.text("sender", of, 3..=420)?;
    let expected = "the name of a machine, such as edge-1.example.net, or an address in brackets";
    let helo_name = given.text_that("helo_name", of, expected, is_helo_name)?;

    let mut mailboxes = |name| {
        let read = RefCell::new(vec![]);
        let is_good = |text: &str| {
            let mailbox = Mailbox::read(text);
            let is_good = mailbox.is_some();
            read.borrow_mut().extend(mailbox);
            is_good
        };
        given.texts(name, Scope::Recipient, MAILBOXES_MAX, address::EXPECTED, is_good)?;
        Ok(read.into_inner())
    };
    let (to, cc, bcc) = (mailboxes("to")?, mailboxes("cc")?, mailboxes("bcc")?);
    let of = Scope::Recipient;
    let subject_prefix = given.text("subject_prefix", of, 0..=PREFIX_CHARS_MAX)?;
    let words = [("multipart", Format::Multipart), ("text", Format::Text), ("html", Format::Html)];
    let format = given.choice("format", of, &words)?.unwrap_or(Format::Multipart);
    let alerts_max = given.number("max_alerts_per_mail", of, 1..=ALERTS_MAX)?;
    let words = [("alert", Threading::Alert), ("day", Threading::Day), ("none", Threading::None)];
    let threading = given.choice("threading", of, &words)?.unwrap_or(Threading::Alert);
    given.finish()?;

    let of = Scope::Endpoint;
    let host = host.ok_or_else(|| settings::missing(of, "host", "name the mail server"))?;
    let port = port.ok_or_else(|| settings::missing(of, "port", "set 587, 465 or 25"))?;
    let sender = sender.ok_or_else(|| settings::missing(of, "sender", "say who writes"))?;
    let sender = Mailbox::read(&sender)
        .ok_or_else(|| settings::wrong(of, "sender", &format!("expected {}", address::EXPECTED)))?;
    let (is_smtps, host) = bare(&host);
    let is_implicit = is_smtps || port == IMPLICIT_PORT;
    let usual = if is_implicit { Security::Implicit } else { Security::StartTls };
    let security = security.unwrap_or(usual);
    let transport = if security == Security::Implicit { "tls" } else { "tcp" };
    Ok(Settings {
        target: format!("{transport}://{host}:{port}"),
        security,
        helo_name: helo_name.unwrap_or_else(|| NO_NAME.to_owned()),
        login: Login { auth, username, has_password, has_client, has_token },
        sender,
        to,
        cc,
        bcc,
        subject_prefix: subject_prefix.unwrap_or_default().trim().to_owned(),
        format,
        alerts_max: usize::try_from(alerts_max.unwrap_or(ALERTS_MAX)).unwrap_or(1),
        threading,
    })
}

/// Whether it is written `smtps://`, and the host alone.
fn bare(host: &str) -> (bool, &str) {
    match host.split_once("://") {
        Some((scheme, host)) if scheme.eq_ignore_ascii_case("smtp") => (false, host),
        Some((scheme, host)) if scheme.eq_ignore_ascii_case("smtps") => (true, host),
        _ => (false, host),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.contains(':')
            && inner.bytes().all(|one| one.is_ascii_hexdigit() || b":.".contains(&one));
    }
    let is_odd = |one: char| one.is_whitespace() || one.is_control() || "/@:[]\\?#{}".contains(one);
    (1..=NAME_BYTES_MAX).contains(&host.len()) && !host.contains(is_odd)
}

fn is_helo_name(name: &str) -> bool {
    let is_in = |one: u8| one.is_ascii_alphanumeric() || b".-".contains(&one);
    let is_edge = |one: Option<u8>| one.is_some_and(|one| one.is_ascii_alphanumeric());
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.len() <= NAME_BYTES_MAX
        && match inner {
            Some(inner) => !inner.is_empty() && inner.bytes().all(|one| is_in(one) || one == b':'),
            None => {
                is_edge(name.bytes().next())
                    && is_edge(name.bytes().last())
                    && name.bytes().all(is_in)
            }
        }
}

#[cfg(test)]
mod tests;
