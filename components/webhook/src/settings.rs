//! What an operator sets for a webhook.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, which
//! may be a credential in the wrong place.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};
use serde_json::Value;

/// The effective settings: the endpoint's, and over them the recipient's. What is a credential is
/// a placeholder for `deliver`, and not there for `format`.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) url: String,
    /// Sent with each request, in the order of their names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) username: Option<String>,
    pub(crate) has_password: bool,
    pub(crate) bearer_token: Option<String>,
    /// For every body.
    pub(crate) shared_secret: Option<String>,
    /// The newest of each sort first.
    pub(crate) signing_keys: Vec<SigningKey>,
    /// How long to wait for the whole answer, in milliseconds. Default 20,000.
    pub(crate) timeout_ms: u32,
    /// 409 means that the receiver knows the message already. Default false.
    pub(crate) conflict_is_duplicate: bool,
    /// A probe is a POST that tells of nothing, not OPTIONS. Default false.
    pub(crate) probe_posts: bool,
    pub(crate) payload: Payload,
    /// The most alerts in one message. Default 10, as ntopng does it.
    pub(crate) alerts_max: usize,
}

/// A setting that signs, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SigningKey {
    Symmetric(Age),
    Ed25519(Age),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    Present,
    Previous,
}

impl SigningKey {
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Symmetric(Age::Present) => "signing_secret",
            Self::Symmetric(Age::Previous) => "previous_signing_secret",
            Self::Ed25519(Age::Present) => "signing_key",
            Self::Ed25519(Age::Previous) => "previous_signing_key",
        }
    }

    const ALL: [Self; 4] = [
        Self::Symmetric(Age::Present),
        Self::Symmetric(Age::Previous),
        Self::Ed25519(Age::Present),
        Self::Ed25519(Age::Previous),
    ];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Ntopng,
    Native,
    /// One event in a message.
    StandardWebhooks,
    /// One alert in a message.
    AlertmanagerV4,
    Ecs,
}

impl Payload {
    /// A body tells of one alert, and never of more.
    pub(crate) fn is_of_one(self) -> bool {
        matches!(self, Self::StandardWebhooks | Self::AlertmanagerV4)
    }
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

/// Headers that frame the request, which is the engine's business, or that identify the message.
const HEADERS_REFUSED: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The same, by how they begin.
const HEADERS_REFUSED_LIKE: [&str; 2] = ["proxy-", "webhook-"];

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "webhook".into(),
        title: "Webhook".into(),
        summary: "POSTs alerts as JSON, in ntopng's envelope, in Campanile's own, or in a shape that other \
                  receivers know"
            .into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{url}".into()],
        batch_max: 100,
        concurrency: 4,
        deliver_ms: 35_000,
        paces: vec![],
        extra: vec![],
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let (endpoint, recipient) = (Scope::Endpoint, Scope::Recipient);
    let mut given = Given::read(text)?;
    let url = given.url("url", endpoint, &["https", "http"])?;
    let headers = given.take("headers", endpoint, read_headers)?;
    let mut secret =
        |name| given.text_that(name, endpoint, "a text that is not empty", |text| !text.is_empty());
    let (username, password) = (secret("username")?, secret("password")?);
    let (bearer_token, shared_secret) = (secret("bearer_token")?, secret("shared_secret")?);
    let mut signing_keys = vec![];
    for key in SigningKey::ALL {
        signing_keys.extend(secret(key.setting())?.map(|_| key));
    }
    let payloads = [
        ("ntopng", Payload::Ntopng),
        ("native", Payload::Native),
        ("standard_webhooks", Payload::StandardWebhooks),
        ("alertmanager_v4", Payload::AlertmanagerV4),
        ("ecs", Payload::Ecs),
    ];
    let timeout_ms = given.number("timeout_ms", endpoint, 1000..=30_000)?;
    let conflict_is_duplicate = given.flag("conflict_is_duplicate", endpoint)?;
    let probe_posts = given.flag("probe_posts", endpoint)?;
    let payload = given.choice("payload", recipient, &payloads)?;
    let alerts_max = given.number("max_alerts", recipient, 1..=100)?;
    given.finish()?;
    let url =
        url.ok_or_else(|| settings::missing(endpoint, "url", "set where to POST alerts to"))?;
    let settings = Settings {
        url,
        headers: headers.unwrap_or_default(),
        username,
        has_password: password.is_some(),
        bearer_token,
        shared_secret,
        signing_keys,
        timeout_ms: timeout_ms.unwrap_or(20_000),
        conflict_is_duplicate: conflict_is_duplicate.unwrap_or(false),
        probe_posts: probe_posts.unwrap_or(false),
        payload: payload.unwrap_or(Payload::Ntopng),
        alerts_max: alerts_max.unwrap_or(10) as usize,
    };
    check_authorization(&settings)?;
    if settings.payload == Payload::Ecs && settings.shared_secret.is_some() {
        let why = "`ecs` is a list, in which `shared_secret` of the endpoint has no place; choose \
                   another payload, or sign";
        return Err(settings::wrong(recipient, "payload", why));
    }
    Ok(settings)
}

/// Each request says once who asks.
fn check_authorization(settings: &Settings) -> Result<(), Fault> {
    let ways = [
        ("username", settings.username.is_some()),
        ("bearer_token", settings.bearer_token.is_some()),
        ("headers", settings.headers.iter().any(|(name, _)| name == "authorization")),
    ];
    let mut given = ways.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
    match (given.next(), given.next()) {
        (Some(one), Some(other)) => {
            let both = format!("`{one}` and `{other}` both set `Authorization`; leave one out");
            Err(Fault::new(Scope::Endpoint, "settings", both))
        }
        _ => Ok(()),
    }
}

fn read_headers(value: Value) -> Result<Vec<(String, String)>, String> {
    let expected = "expected an object of header names and their values";
    let Value::Object(given) = value else { return Err(expected.into()) };
    let mut headers = Vec::<(String, String)>::with_capacity(given.len());
    for (name, value) in given {
        let Value::String(value) = value else { return Err(expected.into()) };
        let lower = name.to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(format!("`{}` is not a header name", name.escape_debug()));
        }
        if HEADERS_REFUSED.contains(&lower.as_str())
            || HEADERS_REFUSED_LIKE.iter().any(|one| lower.starts_with(one))
        {
            return Err(format!("`{name}` is set by Campanile; leave it out"));
        }
        if headers.iter().any(|(one, _)| *one == lower) {
            return Err(format!("`{name}` is there twice; header names ignore case"));
        }
        headers.push((lower, value));
    }
    Ok(headers)
}

/// RFC 9110, 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_left_out_have_their_defaults_and_those_given_are_taken() {
        let settings = read(r#"{"url":"http://127.0.0.1:8080/a?b=c"}"#).expect("good");
        assert_eq!(settings.url, "http://127.0.0.1:8080/a?b=c");
        assert_eq!((settings.timeout_ms, settings.alerts_max), (20_000, 10));
        assert_eq!((settings.payload, settings.conflict_is_duplicate), (Payload::Ntopng, false));
        assert!(settings.headers.is_empty() && settings.signing_keys.is_empty());

        let settings = read(
            r#"{"url":"HTTPS://h","headers":{"X-B":"2","X-A":"1"},"timeout_ms":1000,
                "conflict_is_duplicate":true,"payload":"native","max_alerts":100}"#,
        );
        let settings = settings.expect("good");
        assert_eq!((settings.timeout_ms, settings.alerts_max), (1000, 100));
        assert_eq!((settings.payload, settings.conflict_is_duplicate), (Payload::Native, true));
        let headers = [("x-a", "1"), ("x-b", "2")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(settings.headers, headers);
    }

    #[test]
    fn credentials_are_read_as_there_or_not_and_the_present_key_signs_first() {
        let settings = read(
            r#"{"url":"http://h/p1?p2","username":"ntop","password":"p3","shared_secret":"p4",
                "previous_signing_secret":"p5","signing_secret":"p6","signing_key":"p7"}"#,
        );
        let settings = settings.expect("good");
        assert_eq!(settings.username.as_deref(), Some("ntop"));
        assert!(settings.has_password && settings.shared_secret.as_deref() == Some("p4"));
        let keys: Vec<_> = settings.signing_keys.iter().map(|key| key.setting()).collect();
        assert_eq!(keys, ["signing_secret", "previous_signing_secret", "signing_key"]);

        let table = [
            (r#""username":"a","bearer_token":"b""#, "`username` and `bearer_token`"),
            (r#""username":"a","headers":{"Authorization":"b"}"#, "`username` and `headers`"),
            (r#""bearer_token":"b","headers":{"authorization":"b"}"#, "`bearer_token` and `head"),
        ];
        for (more, expected) in table {
            let fault = read(&format!(r#"{{"url":"http://h",{more}}}"#)).expect_err(more);
            assert!(fault.detail.contains(expected), "{}", fault.detail);
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let url = |url: &str| format!(r#"{{"url":{}}}"#, Value::from(url));
        let with = |more: &str| format!(r#"{{"url":"http://h/",{more}}}"#);
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            ("{}".into(), "setting `url`: is missing"),
            (r#"{"url":7}"#.into(), "setting `url`: expected a URL that begins"),
            (url(""), "setting `url`: expected"),
            (url("hunter2.example/x"), "setting `url`: expected"),
            (url("ftp://hunter2.example/"), "setting `url`: expected"),
            (url("http://"), "setting `url`: expected"),
            (url("http://:80/"), "setting `url`: expected"),
            (url("http://me:hunter2@h/"), "setting `url`: expected"),
            (url("http://h\\@hunter2/"), "setting `url`: expected"),
            (url("http://h/#hunter2"), "setting `url`: expected"),
            (url("http://h/ hunter2"), "setting `url`: expected"),
            (url("http://h/\r\nhunter2"), "setting `url`: expected"),
            (with(r#""colour":"hunter2""#), "no setting `colour`; there are url, headers"),
            (
                with(r#""timeout_ms":999"#),
                "setting `timeout_ms`: expected a whole number, 1000 to 30000",
            ),
            (with(r#""timeout_ms":30001"#), "setting `timeout_ms`: expected a whole number"),
            (with(r#""timeout_ms":"2000""#), "setting `timeout_ms`: expected a whole number"),
            (with(r#""conflict_is_duplicate":1"#), "`conflict_is_duplicate`: expected true"),
            (with(r#""probe_posts":1"#), "`probe_posts`: expected true"),
            (with(r#""password":7"#), "setting `password`: expected a text"),
            (with(r#""signing_key":"""#), "setting `signing_key`: expected a text"),
            (with(r#""headers":["hunter2"]"#), "setting `headers`: expected an object"),
            (with(r#""headers":{"X-A":7}"#), "setting `headers`: expected an object"),
            (with(r#""headers":{"":"hunter2"}"#), "setting `headers`: `` is not a header name"),
            (with(r#""headers":{"X A":"hunter2"}"#), "`X A` is not a header name"),
            (with(r#""headers":{"X\r\nY":"hunter2"}"#), "`X\\r\\nY` is not a header name"),
            (with(r#""headers":{"HOST":"hunter2"}"#), "`HOST` is set by Campanile"),
            (with(r#""headers":{"Content-Length":"1"}"#), "`Content-Length` is set by Campanile"),
            (with(r#""headers":{"Transfer-Encoding":"x"}"#), "`Transfer-Encoding` is set by"),
            (with(r#""headers":{"Connection":"close"}"#), "`Connection` is set by Campanile"),
            (with(r#""headers":{"TE":"trailers"}"#), "`TE` is set by Campanile"),
            (with(r#""headers":{"Expect":"100-continue"}"#), "`Expect` is set by Campanile"),
            (with(r#""headers":{"Trailer":"hunter2"}"#), "`Trailer` is set by Campanile"),
            (with(r#""headers":{"Upgrade":"h2c"}"#), "`Upgrade` is set by Campanile"),
            (with(r#""headers":{"Keep-Alive":"max=1"}"#), "`Keep-Alive` is set by Campanile"),
            (
                with(r#""headers":{"Proxy-Authorization":"hunter2"}"#),
                "`Proxy-Authorization` is set by Campanile",
            ),
            (with(r#""headers":{"Webhook-Id":"hunter2"}"#), "`Webhook-Id` is set by Campanile"),
            (with(r#""headers":{"X-A":"1","x-a":"2"}"#), "`x-a` is there twice"),
        ];
        let recipient = [
            (with(r#""payload":"ecs","shared_secret":"hunter2""#), "`payload`: `ecs` is a list"),
            (
                with(r#""payload":"hunter2""#),
                "setting `payload`: expected one of `ntopng`, `native`",
            ),
            (with(r#""max_alerts":0"#), "setting `max_alerts`: expected a whole number, 1 to 100"),
            (
                with(r#""max_alerts":101"#),
                "setting `max_alerts`: expected a whole number, 1 to 100",
            ),
        ];
        for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])]
        {
            for (text, expected) in table {
                let fault = read(text).expect_err(text);
                assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
                assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
                assert!(!fault.detail.contains("hunter2"), "{text}: {}", fault.detail);
            }
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
