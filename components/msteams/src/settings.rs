//! What an operator sets for Microsoft Teams.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! path and query of a webhook are credentials.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, OnRelease, Pace, Scope};
use serde_json::Value;

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Not there for `format`, which is given no secrets.
    webhook_url: Option<String>,
    /// The version of Adaptive Cards. Default 1.4.
    pub(crate) card_version: CardVersion,
    /// Default true.
    pub(crate) full_width: bool,
    pub(crate) mention: Vec<Mention>,
    /// The most alerts in one card. Default 10.
    pub(crate) alerts_max: usize,
    pub(crate) on_release: OnRelease,
}

/// A member who is to be notified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Shown. Nothing in it is markup.
    pub(crate) name: String,
    /// User principal name, or object id.
    pub(crate) id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CardVersion(pub(crate) &'static str);

impl Default for CardVersion {
    fn default() -> Self {
        Self("1.4")
    }
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MENTIONS_MAX: usize = 10;
const NAME_CHARS_MAX: usize = 64;
const ID_BYTES_MAX: usize = 128;
const ALERTS_MAX: u32 = 20;
const ALERTS_DEFAULT: u32 = 10;

/// Hosts of Office 365 connectors, which take cards no longer, and of what ends in them.
const CONNECTOR_HOSTS: [&str; 4] =
    ["webhook.office.com", "outlook.office.com", "outlook.office365.com", "webhook.office365.com"];

/// What the hosts of Workflows are known to end in.
const WORKFLOW_HOSTS: [&str; 2] = [".logic.azure.com", ".api.powerplatform.com"];

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "msteams".into(),
        title: "Microsoft Teams".into(),
        summary: "Posts alerts as Adaptive Cards to a Workflows webhook".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into()],
        batch_max: ALERTS_MAX,
        concurrency: 1,
        deliver_ms: 35_000,
        // What a channel takes: a flow that posts faster fails after our POST was answered.
        paces: vec![
            Pace { scope: Scope::Endpoint, count: 1, per_ms: 1000 },
            Pace { scope: Scope::Endpoint, count: 60, per_ms: 30_000 },
        ],
        extra: vec![],
    }
}

impl Settings {
    /// Where to POST to.
    pub(crate) fn url(&self) -> Result<&str, Fault> {
        self.webhook_url.as_deref().ok_or_else(|| {
            let what = "set the URL of a Workflows webhook";
            settings::missing(Scope::Endpoint, "webhook_url", what)
        })
    }

    /// The webhook is at a host by which Workflows is known.
    pub(crate) fn is_known_host(&self) -> bool {
        let host = self.webhook_url.as_deref().map(host).unwrap_or_default();
        WORKFLOW_HOSTS.iter().any(|end| host.ends_with(end))
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let webhook_url = given.url("webhook_url", Scope::Endpoint, &["https", "http"])?;
    if let Some(url) = &webhook_url {
        check(url).map_err(|why| settings::wrong(Scope::Endpoint, "webhook_url", why))?;
    }
    let versions = ["1.2", "1.3", "1.4", "1.5"].map(|one| (one, CardVersion(one)));
    let card_version = given.choice("card_version", Scope::Endpoint, &versions)?;
    let full_width = given.flag("full_width", Scope::Endpoint)?;
    let mention = given.take("mention", Scope::Recipient, |value| mentions(&value))?;
    let alerts_max = given.number("max_alerts", Scope::Recipient, 1..=ALERTS_MAX)?;
    let words = [("new", OnRelease::New), ("none", OnRelease::None)];
    let on_release = given.choice("on_release", Scope::Recipient, &words)?;
    given.finish()?;
    let alerts_max = alerts_max.unwrap_or(ALERTS_DEFAULT);
    Ok(Settings {
        webhook_url,
        card_version: card_version.unwrap_or_default(),
        full_width: full_width.unwrap_or(true),
        mention: mention.unwrap_or_default(),
        alerts_max: usize::try_from(alerts_max).unwrap_or(usize::MAX),
        on_release: on_release.unwrap_or_default(),
    })
}

/// `Err`: what is wrong. That `sig` is in the query only the schema can see.
fn check(url: &str) -> Result<(), &'static str> {
    let host = host(url);
    let is_connector = |end: &str| {
        host.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if CONNECTOR_HOSTS.into_iter().any(is_connector) {
        return Err(
            "is of an Office 365 connector, and these are gone; in Teams make a workflow that \
             posts when a webhook request is received (Workflows, \"Send webhook alerts to a \
             channel\"), and set its URL",
        );
    }
    match (url.splitn(4, '/').nth(3), url.split_once('?')) {
        // `format` is given the origin alone.
        (None, None) => Ok(()),
        (_, Some((_, query))) if !query.is_empty() => Ok(()),
        _ => Err("has no query; copy the URL whole, with `sig=` in its query"),
    }
}

/// In lower case, without port and last dot.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn mentions(value: &Value) -> Result<Vec<Mention>, String> {
    let expected = || {
        format!(
            "expected a list of at most {MENTIONS_MAX}, each once: objects with a `name` of 1 to \
             {NAME_CHARS_MAX} characters without markup, and an `id`, which is a user principal \
             name or an object id"
        )
    };
    let list = value.as_array().filter(|list| list.len() <= MENTIONS_MAX).ok_or_else(expected)?;
    let mut mentions = Vec::with_capacity(list.len());
    for one in list {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let mention = Mention { name: text("name"), id: text("id") };
        let has_no_more = one.as_object().is_some_and(|object| object.len() == 2);
        if !has_no_more || !is_good(&mention) || mentions.contains(&mention) {
            return Err(expected());
        }
        mentions.push(mention);
    }
    Ok(mentions)
}

fn is_good(mention: &Mention) -> bool {
    const MARKUP: [char; 12] = ['<', '>', '&', '\\', '*', '_', '[', ']', '(', ')', '~', '`'];
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+'#@:-".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&mention.name.chars().count())
        && !mention.name.contains(|one: char| one.is_control() || MARKUP.contains(&one))
        && (1..=ID_BYTES_MAX).contains(&mention.id.len())
        && mention.id.bytes().all(is_of_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_and_the_url_may_be_kept_from_format() {
        assert!(read(r#"{"webhook_url":"https://h:8443"}"#).is_ok(), "the origin alone");
        let settings = read("{}").expect("good");
        assert!(settings.url().is_err() && settings.mention.is_empty() && settings.full_width);
        assert_eq!((settings.card_version.0, settings.alerts_max), ("1.4", 10));

        let settings = read(
            r#"{"webhook_url":"https://prod-01.westeurope.logic.azure.com:443/workflows/x?sig=y",
                "card_version":"1.5","full_width":false,"max_alerts":1,"on_release":"none",
                "mention":[{"name":"Jane Ops","id":"jane@example.com"}]}"#,
        );
        let settings = settings.expect("good");
        assert!(settings.url().is_ok() && settings.is_known_host() && !settings.full_width);
        assert_eq!((settings.card_version.0, settings.alerts_max), ("1.5", 1));
        assert_eq!(settings.on_release, OnRelease::None);
        assert_eq!(settings.mention[0].name, "Jane Ops");
    }

    #[test]
    fn hosts_are_known_by_how_they_end() {
        let table = [
            ("https://prod-1.eu.logic.azure.com:443/w?sig=x", true),
            ("https://0a.1.environment.API.powerplatform.com/p?sig=x", true),
            ("https://logic.azure.com.evil.example/w?sig=x", false),
            ("https://evillogic.azure.com/w?sig=x", false),
            ("http://127.0.0.1:8080/w?sig=x", false),
        ];
        for (url, expected) in table {
            let settings = read(&Value::from_iter([("webhook_url", url)]).to_string());
            assert_eq!(settings.expect(url).is_known_host(), expected, "{url}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let url = |url: &str| Value::from_iter([("webhook_url", url)]).to_string();
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            (url("hunter2"), "setting `webhook_url`: expected a URL"),
            (url("https://me:hunter2@h/?sig=x"), "setting `webhook_url`: expected a URL"),
            (url("https://h/hunter2"), "copy the URL whole, with `sig=` in its query"),
            (url("https://h/hunter2?"), "copy the URL whole"),
            (url("https://h?"), "copy the URL whole"),
            (url("https://x.webhook.office.com/hunter2?sig=x"), "make a workflow"),
            (url("https://WEBHOOK.office.com./hunter2"), "make a workflow"),
            (url("https://outlook.office.com:443/webhook/hunter2"), "make a workflow"),
            (url("https://outlook.office365.com/webhook/hunter2"), "make a workflow"),
            (r#"{"card_version":"hunter2"}"#.into(), "expected one of `1.2`, `1.3`, `1.4`"),
            (r#"{"full_width":"hunter2"}"#.into(), "expected true or false"),
            (r#"{"theme":"hunter2"}"#.into(), "no setting `theme`; there are webhook_url"),
        ];
        let mention = |name: &str, id: &str| {
            format!(r#"{{"name":{},"id":{}}}"#, Value::from(name), Value::from(id))
        };
        let list = |list: &[String]| format!(r#"{{"mention":[{}]}}"#, list.join(","));
        let many: Vec<_> = (0..11).map(|at| mention("Jane", &format!("j{at}"))).collect();
        assert!(read(&list(&many[1..])).is_ok());
        let long = "x".repeat(128);
        assert!(read(&list(&[mention(&"\u{e9}".repeat(64), &long)])).is_ok());
        let mut recipient = vec![
            (r#"{"mention":"hunter2"}"#.into(), "setting `mention`: expected a list"),
            (r#"{"mention":["hunter2"]}"#.into(), "setting `mention`: expected"),
            (r#"{"mention":[{"name":"Hunter2"}]}"#.into(), "setting `mention`: expected"),
            (list(&many), "setting `mention`: expected a list of at most 10"),
            (list(&[mention("a", "b"), mention("a", "b")]), "each once"),
            (list(&[r#"{"name":"a","id":"b","c":1}"#.into()]), "setting `mention`"),
            (list(&[mention(&"x".repeat(65), "hunter2")]), "setting `mention`"),
            (list(&[mention("a", &format!("{long}x"))]), "setting `mention`"),
            (list(&[mention("a", "hunter2 x")]), "setting `mention`"),
            (list(&[mention("a", "")]), "setting `mention`"),
            (r#"{"max_alerts":0}"#.into(), "expected a whole number, 1 to 20"),
            (r#"{"max_alerts":21}"#.into(), "expected a whole number, 1 to 20"),
            (r#"{"on_release":"hunter2"}"#.into(), "expected one of `new`, `none`"),
        ];
        for bad in ["", "</at>", "a*b", "a_b", "[a]", "a`b", "a\\b", "a\nb", "(a)", "a&b", "~a"] {
            recipient.push((list(&[mention(bad, "hunter2")]), "setting `mention`"));
        }
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
