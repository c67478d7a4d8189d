//! What an operator sets for a robot of WeCom.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! the key of a robot is a credential.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Pace, Scope};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Not there for `format`, which is given no secrets.
    webhook_url: Option<String>,
    key: Option<String>,
    pub(crate) sort: Sort,
    /// User ids, and `@all`.
    pub(crate) users: Vec<String>,
    /// Telephone numbers, and `@all`.
    pub(crate) mobiles: Vec<String>,
}

/// What a message is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// With colors and mentions, without tables and lists.
    #[default]
    Markdown,
    Text,
    /// The other way round, for newer clients.
    MarkdownV2,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MENTIONS_MAX: usize = 10;
const USER_BYTES_MAX: usize = 64;
const EVERYBODY: &str = "@all";

/// The most alerts in a message. They rarely fit that many times.
const BATCH_MAX: u32 = 10;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "wechat".into(),
        title: "WeChat (WeCom)".into(),
        summary: "Posts alerts to a group by a robot of WeCom (WeChat Work)".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into()],
        batch_max: BATCH_MAX,
        concurrency: 1,
        deliver_ms: 25_000,
        // Of each robot. An endpoint has one, however many recipients use it.
        paces: vec![Pace { scope: Scope::Endpoint, count: 20, per_ms: 60_000 }],
        extra: vec![],
    }
}

impl Settings {
    /// Where to POST to, with the key.
    pub(crate) fn url(&self) -> Result<String, Fault> {
        let missing = |name, what| settings::missing(Scope::Endpoint, name, what);
        let url = self.webhook_url.as_deref().ok_or_else(|| {
            missing("webhook_url", "set the URL that the group shows for its robot")
        })?;
        match (&self.key, url.contains('?')) {
            (None, true) => Ok(url.to_owned()),
            (Some(key), false) => Ok(format!("{url}?key={key}")),
            (None, false) => Err(missing("key", "set it, or a `webhook_url` with `?key=...`")),
            (Some(_), true) => {
                let expected =
                    "stands beside a `webhook_url` that has a query; set it in one place";
                Err(settings::wrong(Scope::Endpoint, "key", expected))
            }
        }
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let of = Scope::Recipient;
    let mut given = Given::read(text)?;
    let webhook_url = given.url("webhook_url", Scope::Endpoint, &["https", "http"])?;
    let key = given.text("key", Scope::Endpoint, 1..=256)?;
    let words =
        [("markdown", Sort::Markdown), ("text", Sort::Text), ("markdown_v2", Sort::MarkdownV2)];
    let sort = given.choice("msgtype", of, &words)?.unwrap_or_default();
    let user = "a user id (letters, digits, `_`, `-`, `.` and `@`, 64 at most) or `@all`";
    let users = given.texts("mentioned_list", of, MENTIONS_MAX, user, is_user)?;
    let mobile = "a telephone number (5 to 20 digits, `+` before them or not) or `@all`";
    let mobiles = given.texts("mentioned_mobile_list", of, MENTIONS_MAX, mobile, is_mobile)?;
    given.finish()?;
    let (users, mobiles) = (users.unwrap_or_default(), mobiles.unwrap_or_default());
    let wrong = |name, what| Err(settings::wrong(of, name, what));
    match sort {
        Sort::Markdown if users.iter().any(|one| one == EVERYBODY) => {
            wrong("mentioned_list", "has `@all`, which only `msgtype` `text` can call")
        }
        Sort::MarkdownV2 if !users.is_empty() => wrong(
            "mentioned_list",
            "needs `msgtype` `text` or `markdown`; `markdown_v2` calls nobody",
        ),
        Sort::Markdown | Sort::MarkdownV2 if !mobiles.is_empty() => {
            wrong("mentioned_mobile_list", "needs `msgtype` `text`")
        }
        _ => Ok(Settings { webhook_url, key, sort, users, mobiles }),
    }
}

fn is_user(id: &str) -> bool {
    let is_of_id = |one: u8| one.is_ascii_alphanumeric() || b"_-.@".contains(&one);
    id == EVERYBODY
        || ((1..=USER_BYTES_MAX).contains(&id.len())
            && id.starts_with(|one: char| one.is_ascii_alphanumeric())
            && id.bytes().all(is_of_id))
}

fn is_mobile(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    number == EVERYBODY
        || ((5..=20).contains(&digits.len()) && digits.bytes().all(|one| one.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const URL: &str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send";

    #[test]
    fn settings_are_taken_and_the_url_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert!(settings.url().is_err() && settings.users.is_empty());
        assert_eq!(settings.sort, Sort::Markdown);

        let settings = read(
            r#"{"msgtype":"text","mentioned_list":["wang.li@x","@all"],
                "mentioned_mobile_list":["+8613800001111","@all"]}"#,
        );
        let settings = settings.expect("good");
        assert_eq!((settings.users.len(), settings.mobiles.len()), (2, 2));
    }

    #[test]
    fn the_key_stands_in_the_url_or_beside_it_and_once() {
        let url = |settings: Value| read(&settings.to_string()).expect("good").url();
        let whole = format!("{URL}?key=k");
        let both = url(serde_json::json!({"webhook_url": whole, "key": "hunter2"}));
        let none = url(serde_json::json!({"webhook_url": URL}));
        assert_eq!(url(serde_json::json!({"webhook_url": whole})).as_ref(), Ok(&whole));
        assert_eq!(url(serde_json::json!({"webhook_url": URL, "key": "k"})).as_ref(), Ok(&whole));
        for (fault, expected) in [
            (both, "setting `key`: stands beside a `webhook_url` that has a query"),
            (none, "setting `key`: is missing; set it, or a `webhook_url` with `?key=...`"),
        ] {
            let fault = fault.expect_err(expected);
            assert!(fault.detail.contains(expected), "{}", fault.detail);
            assert_eq!(fault.scope, Scope::Endpoint);
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let set = |name: &str, value: Value| serde_json::json!({ name: value }).to_string();
        let of = |text: &str| Value::from(text);
        let with = |sort: &str, name: &str, one: &str| {
            serde_json::json!({"msgtype": sort, name: [one]}).to_string()
        };
        let many: Vec<_> = (0..11).map(|at| format!("u{at}")).collect();
        assert!(read(&set("mentioned_list", many[1..].into())).is_ok());
        let table = [
            (Scope::Endpoint, "[]".into(), "expected a JSON object"),
            (Scope::Endpoint, set("webhook_url", of("hunter2")), "setting `webhook_url`: expected"),
            (Scope::Endpoint, set("key", of("")), "setting `key`: expected"),
            (Scope::Endpoint, set("secret", of("hunter2")), "no setting `secret`; there are"),
            (Scope::Recipient, set("msgtype", of("hunter2")), "`markdown`, `text`, `markdown_v2`"),
            (Scope::Recipient, set("mentioned_list", of("hunter2")), "a list of at most 10"),
            (Scope::Recipient, set("mentioned_list", many.into()), "a list of at most 10"),
            (Scope::Recipient, set("mentioned_list", ["hunter2>"].into()), "a user id"),
            (Scope::Recipient, set("mentioned_list", ["x".repeat(65)].into()), "a user id"),
            (Scope::Recipient, set("mentioned_list", ["@all"].into()), "only `msgtype` `text`"),
            (Scope::Recipient, with("markdown_v2", "mentioned_list", "hunter2"), "calls nobody"),
            (Scope::Recipient, with("text", "mentioned_mobile_list", "hunter2"), "a telephone"),
            (Scope::Recipient, with("text", "mentioned_mobile_list", "1234"), "5 to 20 digits"),
            (
                Scope::Recipient,
                with("markdown", "mentioned_mobile_list", "12345"),
                "needs `msgtype`",
            ),
            (
                Scope::Recipient,
                with("markdown_v2", "mentioned_mobile_list", "@all"),
                "needs `msgtype`",
            ),
        ];
        for (scope, text, expected) in table {
            let fault = read(&text).expect_err(&text);
            assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
            assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
            assert!(!fault.detail.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
