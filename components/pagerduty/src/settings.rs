//! What an operator sets for PagerDuty.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, which may
//! be a credential in the wrong place.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};
use serde::Serialize;
use serde_json::{Map, Value};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    base_url: Option<String>,
    /// A placeholder for `deliver`, and not there for `format`.
    routing_key: Option<String>,
    pub(crate) on_release: OnRelease,
    pub(crate) component: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) class: Option<String>,
    /// Default "Campanile".
    pub(crate) client: String,
    pub(crate) client_url: Option<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) images: Vec<Image>,
}

/// What a release does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnRelease {
    #[default]
    Resolve,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    pub(crate) href: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Image {
    src: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt: Option<String>,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const NAME_CHARS_MAX: usize = 255;
const LIST_MAX: usize = 10;
const ADDRESS_MAX: usize = 2048;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "pagerduty".into(),
        title: "PagerDuty".into(),
        summary: "Triggers alerts through the Events API v2, and resolves them when it is over"
            .into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{base_url}".into()],
        batch_max: 1,
        concurrency: 4,
        deliver_ms: 25_000,
        // The limit is dynamic and nowhere published: 429 tells of it.
        paces: vec![],
        extra: vec![],
    }
}

/// The service region of the US. The schema says the same, so that the engine reaches it.
const BASE_URL: &str = "https://events.pagerduty.com";

impl Settings {
    /// Where to POST to.
    pub(crate) fn url(&self) -> String {
        let base = self.base_url.as_deref().unwrap_or(BASE_URL);
        format!("{}/v2/enqueue", base.trim_end_matches('/'))
    }

    pub(crate) fn routing_key(&self) -> Result<&str, Fault> {
        self.routing_key.as_deref().ok_or_else(|| {
            let what = "set the integration key of an integration of the type Events API v2";
            settings::missing(Scope::Endpoint, "routing_key", what)
        })
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let base_url = given.url("base_url", Scope::Endpoint, &["https", "http"])?;
    if base_url.as_ref().is_some_and(|url| url.contains('?')) {
        let expected = "expected no query: the path of the API is put behind it";
        return Err(settings::wrong(Scope::Endpoint, "base_url", expected));
    }
    let routing_key = given.text("routing_key", Scope::Endpoint, 1..=1024)?;
    let of = Scope::Recipient;
    let words = [("resolve", OnRelease::Resolve), ("none", OnRelease::None)];
    let on_release = given.choice("on_release", of, &words)?.unwrap_or_default();
    let names = 1..=NAME_CHARS_MAX;
    let component = given.text("component", of, names.clone())?;
    let group = given.text("group", of, names.clone())?;
    let class = given.text("class", of, names.clone())?;
    let client = given.text("client", of, names)?.unwrap_or_else(|| "Campanile".into());
    let client_url = given.url("client_url", of, &["https", "http"])?;
    let links = given.take("links", of, |value| {
        list(value, &["href", "text"], |one| {
            Some(Link { href: address(one, "href", false)??, text: name(one, "text")? })
        })
        .ok_or("expected a list of at most 10 objects with `href`, http or https, and `text`")
    })?;
    let images = given.take("images", of, |value| {
        list(value, &["src", "href", "alt"], |one| {
            Some(Image {
                src: address(one, "src", true)??,
                href: address(one, "href", false)?,
                alt: name(one, "alt")?,
            })
        })
        .ok_or("expected a list of at most 10 objects with `src`, https, `href` and `alt`")
    })?;
    given.finish()?;
    Ok(Settings {
        base_url,
        routing_key,
        on_release,
        component,
        group,
        class,
        client,
        client_url,
        links: links.unwrap_or_default(),
        images: images.unwrap_or_default(),
    })
}

/// `None`: it is not what it should be.
fn list<T>(
    value: Value,
    known: &[&str],
    read: impl Fn(&Map<String, Value>) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::Array(list) = value else { return None };
    if list.len() > LIST_MAX {
        return None;
    }
    let items = list.iter().map(|one| {
        let one = one.as_object()?;
        if one.keys().all(|name| known.contains(&name.as_str())) { read(one) } else { None }
    });
    items.collect()
}

/// The outer `None`: it is wrong; the inner: it is not there.
fn address(of: &Map<String, Value>, name: &str, is_https: bool) -> Option<Option<String>> {
    let Some(value) = of.get(name) else { return Some(None) };
    let address = value.as_str()?;
    let is_good = (address.starts_with("https://") || !is_https && address.starts_with("http://"))
        && address.len() <= ADDRESS_MAX
        && !address.contains(|one: char| one.is_control() || one.is_whitespace());
    is_good.then(|| Some(address.to_owned()))
}

fn name(of: &Map<String, Value>, name: &str) -> Option<Option<String>> {
    let Some(value) = of.get(name) else { return Some(None) };
    let text = value.as_str()?;
    let is_good =
        (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control);
    is_good.then(|| Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_and_the_key_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert_eq!(settings.url(), "https://events.pagerduty.com/v2/enqueue");
        assert!(settings.routing_key().is_err());
        assert_eq!(
            (settings.client.as_str(), settings.on_release),
            ("Campanile", OnRelease::Resolve)
        );

        let settings = read(
            r#"{"base_url":"https://events.eu.pagerduty.com/","routing_key":"k","on_release":"none",
                "component":"a","group":"b","class":"c","client":"d","client_url":"http://h/?x",
                "links":[{"href":"http://h/a","text":"Runbook"},{"href":"https://h"}],
                "images":[{"src":"https://h/i.png","href":"http://h","alt":"Load"}]}"#,
        );
        let settings = settings.expect("good");
        assert_eq!(settings.url(), "https://events.eu.pagerduty.com/v2/enqueue");
        assert_eq!(settings.routing_key(), Ok("k"));
        assert_eq!((settings.links.len(), settings.images.len()), (2, 1));
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let endpoint = [
            ("[]", "expected a JSON object"),
            (r#"{"base_url":"hunter2"}"#, "setting `base_url`: expected a URL"),
            (r#"{"base_url":"https://h/?hunter2"}"#, "setting `base_url`: expected no query"),
            (r#"{"routing_key":["hunter2"]}"#, "setting `routing_key`: expected"),
            (r#"{"hunter":"2"}"#, "no setting `hunter`; there are base_url, routing_key"),
        ];
        let recipient = [
            (r#"{"on_release":"hunter2"}"#, "expected one of `resolve`, `none`"),
            (r#"{"component":""}"#, "setting `component`: expected a text of 1 to 255"),
            (r#"{"group":7}"#, "setting `group`"),
            (r#"{"class":"hunter2\n"}"#, "setting `class`"),
            (r#"{"client":""}"#, "setting `client`"),
            (r#"{"client_url":"hunter2"}"#, "setting `client_url`"),
            (r#"{"links":"hunter2"}"#, "setting `links`"),
            (r#"{"links":[{"text":"hunter2"}]}"#, "setting `links`"),
            (r#"{"links":[{"href":"javascript:hunter2"}]}"#, "setting `links`"),
            (r#"{"links":[{"href":"https://h/ hunter2"}]}"#, "setting `links`"),
            (r#"{"links":[{"href":"https://h","title":"hunter2"}]}"#, "setting `links`"),
            (r#"{"links":[{"href":"https://h","text":7}]}"#, "setting `links`"),
            (r#"{"images":[{"src":"http://h/hunter2"}]}"#, "`src`, https"),
            (r#"{"images":[{"href":"https://h/hunter2"}]}"#, "setting `images`"),
            (r#"{"images":[{"src":"https://h","alt":""}]}"#, "setting `images`"),
        ];
        for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])]
        {
            for (text, expected) in table {
                let fault = read(text).expect_err(text);
                assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
                assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
                assert!(!fault.detail.contains("hunter2"), "{text}");
            }
        }
        let links = |count| {
            format!(r#"{{"links":[{}]}}"#, vec![r#"{"href":"https://h"}"#; count].join(","))
        };
        assert!(read(&links(10)).is_ok() && read(&links(11)).is_err());
        let link = |bytes: usize| {
            let href = format!("https://h/{}", "x".repeat(bytes - "https://h/".len()));
            read(&format!(r#"{{"links":[{{"href":"{href}"}}],"images":[{{"src":"{href}"}}]}}"#))
        };
        assert!(link(2048).is_ok() && link(2049).is_err());
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
        let schema: Value = serde_json::from_str(ENDPOINT_SCHEMA).expect("JSON");
        assert_eq!(schema["properties"]["base_url"]["default"], BASE_URL);
    }
}
