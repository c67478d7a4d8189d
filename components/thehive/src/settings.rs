//! What an operator sets for TheHive.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, which may
//! be a credential in the wrong place.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};
use serde_json::{Map, Value};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    url: Option<String>,
    /// A placeholder for `deliver`, and not there for `format`.
    api_key: Option<String>,
    organisation: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) source: Option<String>,
    /// 0 to 4. Default 2.
    pub(crate) tlp: u32,
    /// 0 to 3. Default 2.
    pub(crate) pap: u32,
    /// 1 to 4, for every alert.
    pub(crate) severity: Option<u32>,
    pub(crate) tags: Vec<String>,
    pub(crate) case_template: Option<String>,
    pub(crate) custom_fields: Map<String, Value>,
    /// What of a party becomes an observable. Default: `ip` and `name`.
    pub(crate) observables: Vec<String>,
    pub(crate) observable_url: Option<String>,
    pub(crate) observable_mail: Option<String>,
    pub(crate) on_release: OnRelease,
    pub(crate) release_status: Option<String>,
}

/// What a release does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnRelease {
    /// The alert that told of the engage is marked.
    #[default]
    Update,
    None,
}

/// Where requests go, and as whom.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) api_key: String,
    pub(crate) organisation: Option<String>,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

/// TheHive's own bounds, in characters.
pub(crate) const TYPE_MAX: usize = 32;
pub(crate) const TAG_MAX: usize = 128;
const NAME_MAX: usize = 128;
const STATUS_MAX: usize = 64;
const FIELD_TEXT_MAX: usize = 4096;
const LIST_MAX: usize = 20;
const MAIL_BYTES_MAX: usize = 254;
const URL_BYTES_MAX: usize = 2048;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "thehive".into(),
        title: "TheHive".into(),
        summary: "Creates alerts in TheHive 5, with observables, and marks them when it is over"
            .into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{url}".into()],
        batch_max: 1,
        concurrency: 4,
        deliver_ms: 60_000,
        // None is published.
        paces: vec![],
        extra: vec![],
    }
}

impl Settings {
    pub(crate) fn server(&self) -> Result<Server, Fault> {
        let of = Scope::Endpoint;
        let base = self.url.as_deref().ok_or_else(|| {
            settings::missing(of, "url", "set the URL of TheHive, such as https://hive.example")
        })?;
        let api_key = self.api_key.clone().ok_or_else(|| {
            let what = "set the API key of a user with the permission manageAlert/create";
            settings::missing(of, "api_key", what)
        })?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Server { base, api_key, organisation: self.organisation.clone() })
    }

    pub(crate) fn observes(&self, what: &str) -> bool {
        self.observables.iter().any(|one| one == what)
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let of = Scope::Endpoint;
    let url = given.url("url", of, &["https", "http"])?;
    if url.as_ref().is_some_and(|url| url.contains('?') || names_api(url)) {
        let expected = "expected the URL of the server, without `/api` and query";
        return Err(settings::wrong(of, "url", expected));
    }
    let api_key = given.text("api_key", of, 1..=1024)?;
    let expected = "1 to 128 printable characters of ASCII";
    let organisation = given.text_that("organisation", of, expected, |name| {
        (1..=NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && name.trim() == name
    })?;
    let observable_url = given.url("observable_url", of, &["https", "http"])?;
    if observable_url.as_ref().is_some_and(|url| url.len() > URL_BYTES_MAX) {
        return Err(settings::wrong(of, "observable_url", "expected at most 2048 bytes"));
    }
    let expected = "an e-mail address";
    let observable_mail = given.text_that("observable_mail", of, expected, is_mail)?;

    let of = Scope::Recipient;
    let r#type = given.text("type", of, 1..=TYPE_MAX)?;
    let source = given.text("source", of, 1..=TYPE_MAX)?;
    let tlp = given.number("tlp", of, 0..=4)?.unwrap_or(2);
    let pap = given.number("pap", of, 0..=3)?.unwrap_or(2);
    let severity = given.number("severity", of, 1..=4)?;
    let expected = "a text of 1 to 128 characters in one line";
    let tags = given.texts("tags", of, LIST_MAX, expected, |tag| {
        (1..=TAG_MAX).contains(&tag.chars().count()) && !tag.contains(char::is_control)
    })?;
    let case_template = given.text("case_template", of, 1..=NAME_MAX)?;
    let custom_fields = given.take("custom_fields", of, custom_fields)?;
    let expected = "one of `ip`, `name`, `mac`";
    let observables = given
        .texts("observables", of, 3, expected, |one| matches!(one, "ip" | "name" | "mac"))?
        .unwrap_or_else(|| vec!["ip".into(), "name".into()]);
    let words = [("update", OnRelease::Update), ("none", OnRelease::None)];
    let on_release = given.choice("on_release", of, &words)?.unwrap_or_default();
    let release_status = given.text("release_status", of, 1..=STATUS_MAX)?;
    given.finish()?;
    Ok(Settings {
        url,
        api_key,
        organisation,
        r#type,
        source,
        tlp,
        pap,
        severity,
        tags: tags.unwrap_or_default(),
        case_template,
        custom_fields: custom_fields.unwrap_or_default(),
        observables,
        observable_url,
        observable_mail,
        on_release,
        release_status,
    })
}

/// The path of the API is put behind the URL.
fn names_api(url: &str) -> bool {
    let path = url.split('/').skip(3);
    path.into_iter().any(|part| part == "api")
}

fn is_mail(address: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty()
            && !part.contains(|one: char| one == '@' || one.is_whitespace() || one.is_control())
    };
    address.len() <= MAIL_BYTES_MAX
        && address.split_once('@').is_some_and(|(user, host)| is_word(user) && is_word(host))
}

fn custom_fields(value: Value) -> Result<Map<String, Value>, &'static str> {
    let expected = "expected an object of at most 20 names, each with a text of at most 4096 \
                    characters, a number, true or false";
    let is_name = |name: &str| (1..=NAME_MAX).contains(&name.chars().count());
    let is_value = |value: &Value| match value {
        Value::String(text) => text.chars().count() <= FIELD_TEXT_MAX,
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    match value {
        Value::Object(fields)
            if fields.len() <= LIST_MAX
                && fields.iter().all(|(name, value)| is_name(name) && is_value(value)) =>
        {
            Ok(fields)
        }
        _ => Err(expected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_taken_and_the_key_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert!(settings.server().is_err());
        assert_eq!((settings.tlp, settings.pap, settings.severity), (2, 2, None));
        assert!(settings.observes("ip") && settings.observes("name") && !settings.observes("mac"));

        let settings = read(
            r#"{"url":"https://h:9000/hive/","api_key":"k","organisation":"ops team","tlp":0,"pap":3,
                "observable_url":"https://o/?x","observable_mail":"a@b","severity":4,
                "type":"t","source":"s","tags":["a","b"],"case_template":"c",
                "custom_fields":{"a":"x","b":1.5,"c":true},"observables":["mac"],
                "on_release":"none","release_status":"Closed"}"#,
        );
        let settings = settings.expect("good");
        let expected = Server {
            base: "https://h:9000/hive".into(),
            api_key: "k".into(),
            organisation: Some("ops team".into()),
        };
        assert_eq!(settings.server(), Ok(expected));
        assert!(settings.observes("mac") && !settings.observes("ip"));
        assert!(read(r#"{"url":"https://api.example:9000/apiary"}"#).is_ok());
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let long = "x".repeat(129);
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            (r#"{"url":"hunter2"}"#.into(), "setting `url`: expected a URL"),
            (r#"{"url":"https://h/?hunter2"}"#.into(), "setting `url`: expected the URL"),
            (r#"{"url":"https://h/api/v1"}"#.into(), "without `/api`"),
            (r#"{"url":"https://h/hive/api/"}"#.into(), "without `/api`"),
            (r#"{"api_key":["hunter2"]}"#.into(), "setting `api_key`"),
            (r#"{"organisation":"hunter2 "}"#.into(), "setting `organisation`"),
            (r#"{"organisation":"hunter2\r\nx: y"}"#.into(), "setting `organisation`"),
            (format!(r#"{{"organisation":"{long}"}}"#), "setting `organisation`"),
            (r#"{"observable_url":"hunter2"}"#.into(), "setting `observable_url`"),
            (r#"{"observable_mail":"hunter2"}"#.into(), "setting `observable_mail`"),
            (r#"{"observable_mail":"a@b@hunter2"}"#.into(), "setting `observable_mail`"),
            (r#"{"hunter":"2"}"#.into(), "no setting `hunter`; there are url, api_key"),
        ];
        let recipient = [
            (format!(r#"{{"type":"{}"}}"#, "x".repeat(33)), "text of 1 to 32"),
            (r#"{"source":""}"#.into(), "setting `source`"),
            (r#"{"tlp":5}"#.into(), "0 to 4"),
            (r#"{"pap":4}"#.into(), "0 to 3"),
            (r#"{"severity":0}"#.into(), "1 to 4"),
            (r#"{"tags":["a","a"]}"#.into(), "each once"),
            (format!(r#"{{"tags":["{long}"]}}"#), "setting `tags`"),
            (format!(r#"{{"case_template":"{long}"}}"#), "setting `case_template`"),
            (r#"{"custom_fields":["hunter2"]}"#.into(), "setting `custom_fields`"),
            (r#"{"custom_fields":{"a":["hunter2"]}}"#.into(), "setting `custom_fields`"),
            (r#"{"custom_fields":{"":"hunter2"}}"#.into(), "setting `custom_fields`"),
            (r#"{"observables":["hunter2"]}"#.into(), "one of `ip`, `name`, `mac`"),
            (r#"{"on_release":"hunter2"}"#.into(), "expected one of `update`, `none`"),
            (format!(r#"{{"release_status":"{long}"}}"#), "text of 1 to 64"),
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
    }

    #[test]
    fn lists_and_texts_are_taken_at_their_bounds_and_not_past_them() {
        let x = |count: usize| "x".repeat(count);
        let names = |count: usize| (0..count).map(|at| format!("n{at}"));
        let fields = |count: usize| Value::from_iter(names(count).map(|name| (name, 1)));
        let url = |bytes: usize| format!("https://h/{}", x(bytes - "https://h/".len()));
        let mail = |bytes: usize| format!("{}@h", x(bytes - "@h".len()));
        let table = [
            // setting, good, bad
            ("tags", Value::from_iter(names(20)), Value::from_iter(names(21))),
            ("tags", ["\u{1f514}".repeat(128)].into(), ["\u{1f514}".repeat(129)].into()),
            ("custom_fields", fields(20), fields(21)),
            ("custom_fields", Value::from_iter([(x(128), 1)]), Value::from_iter([(x(129), 1)])),
            (
                "custom_fields",
                Value::from_iter([("n", x(4096))]),
                Value::from_iter([("n", x(4097))]),
            ),
            ("organisation", x(128).into(), x(129).into()),
            ("observable_url", url(2048).into(), url(2049).into()),
            ("observable_mail", mail(254).into(), mail(255).into()),
        ];
        for (name, good, bad) in table {
            let read = |value: &Value| read(&serde_json::json!({ name: value }).to_string());
            assert!(read(&good).is_ok() && read(&bad).is_err(), "{name}");
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
