//! What an operator sets for Discord.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! the path of a webhook is a credential.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, OnRelease, Pace, Scope};

use crate::embed::EMBEDS_MAX;

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Not there for `format`, which is given no secrets.
    webhook_url: Option<String>,
    /// Instead of the webhook's own.
    pub(crate) username: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) thread: Option<Thread>,
    /// Ids of whom to notify.
    pub(crate) roles: Vec<String>,
    pub(crate) users: Vec<String>,
    pub(crate) on_release: OnRelease,
}

/// Where in the webhook's channel a message goes, if not into the channel itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    /// One that is there, by its id.
    Known(String),
    /// One of its own for each message, in a channel that has nothing but threads.
    New { name: String, tags: Vec<String> },
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const NAME_CHARS_MAX: usize = 80;
const THREAD_NAME_CHARS_MAX: usize = 100;
/// Discord's own bound.
const TAGS_MAX: usize = 5;
/// So many mentions of each sort take less than half of a message's 2000 characters.
const MENTIONS_MAX: usize = 20;
const URL_BYTES_MAX: usize = 2048;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "discord".into(),
        title: "Discord".into(),
        summary: "Posts alerts to a webhook of a channel, up to ten in one message".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into()],
        batch_max: EMBEDS_MAX,
        concurrency: 1,
        deliver_ms: 45_000,
        // <https://docs.discord.com/developers/topics/rate-limits>: all requests of one address.
        // What one webhook may send is published nowhere; each answer tells what is left of it.
        paces: vec![Pace { scope: Scope::Origin, count: 50, per_ms: 1000 }],
        extra: vec![],
    }
}

impl Settings {
    /// The webhook, without a query: beneath it are its messages.
    pub(crate) fn url(&self) -> Result<&str, Fault> {
        let url = self.webhook_url.as_deref().ok_or_else(|| {
            settings::missing(Scope::Endpoint, "webhook_url", "set the URL of a channel's webhook")
        })?;
        Ok(url.split('?').next().unwrap_or_default())
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let of = Scope::Recipient;
    let mut given = Given::read(text)?;
    let webhook_url = given.url("webhook_url", Scope::Endpoint, &["https", "http"])?;
    let expected = format!(
        "a text of 1 to {NAME_CHARS_MAX} characters in one line that has neither `clyde` nor \
         `discord` in it, which Discord forbids"
    );
    let username = given.text_that("username", of, &expected, is_username)?;
    let avatar_url = given.url("avatar_url", of, &["https"])?;
    if avatar_url.as_ref().is_some_and(|url| url.len() > URL_BYTES_MAX) {
        let expected = format!("expected at most {URL_BYTES_MAX} bytes");
        return Err(settings::wrong(of, "avatar_url", &expected));
    }
    let thread_id = given.text_that("thread_id", of, AN_ID, is_id)?;
    let thread_name = given.text("thread_name", of, 1..=THREAD_NAME_CHARS_MAX)?;
    let tags = given.texts("applied_tags", of, TAGS_MAX, AN_ID, is_id)?;
    let roles = given.texts("mention_role_ids", of, MENTIONS_MAX, AN_ID, is_id)?;
    let users = given.texts("mention_user_ids", of, MENTIONS_MAX, AN_ID, is_id)?;
    let words = [("new", OnRelease::New), ("edit", OnRelease::Edit), ("none", OnRelease::None)];
    let on_release = given.choice("on_release", of, &words)?.unwrap_or_default();
    given.finish()?;
    Ok(Settings {
        webhook_url,
        username,
        avatar_url,
        thread: thread(thread_id, thread_name, tags.unwrap_or_default())?,
        roles: roles.unwrap_or_default(),
        users: users.unwrap_or_default(),
        on_release,
    })
}

fn thread(
    id: Option<String>,
    name: Option<String>,
    tags: Vec<String>,
) -> Result<Option<Thread>, Fault> {
    let wrong = |name, what| Err(settings::wrong(Scope::Recipient, name, what));
    match (id, name) {
        (Some(_), Some(_)) => {
            wrong("thread_name", "stands beside `thread_id`; set one of them, or none")
        }
        (None, Some(name)) => Ok(Some(Thread::New { name, tags })),
        (_, None) if !tags.is_empty() => {
            wrong("applied_tags", "needs `thread_name`: tags are given to a new thread")
        }
        (id, None) => Ok(id.map(Thread::Known)),
    }
}

/// As Discord writes it.
const AN_ID: &str = "an id: 15 to 20 digits, as `Copy ID` gives it in developer mode";

pub(crate) fn is_id(id: &str) -> bool {
    (15..=20).contains(&id.len()) && id.bytes().all(|one| one.is_ascii_digit())
}

/// The rules for a webhook's own name, taken to hold for the one of a message.
fn is_username(name: &str) -> bool {
    let lower = name.to_lowercase();
    (1..=NAME_CHARS_MAX).contains(&name.chars().count())
        && !name.trim().is_empty()
        && !name.contains(char::is_control)
        && !["clyde", "discord"].iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const ID: &str = "123456789012345678";

    #[test]
    fn settings_are_taken_and_the_url_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert!(settings.url().is_err() && settings.thread.is_none());
        assert_eq!(settings.on_release, OnRelease::New);

        let settings = read(&format!(
            r#"{{"webhook_url":"https://discord.com/api/webhooks/1/x?thread_id=7","username":"Ops tower",
                "avatar_url":"https://h/a.png","thread_name":"Alerts","applied_tags":["{ID}"],
                "mention_role_ids":["{ID}"],"mention_user_ids":["{ID}"],"on_release":"edit"}}"#,
        ));
        let settings = settings.expect("good");
        assert_eq!(settings.url(), Ok("https://discord.com/api/webhooks/1/x"));
        assert_eq!(settings.username.as_deref(), Some("Ops tower"));
        let thread = Thread::New { name: "Alerts".into(), tags: vec![ID.into()] };
        assert_eq!(settings.thread, Some(thread));
        assert_eq!((settings.roles.len(), settings.users.len()), (1, 1));
        assert_eq!(settings.on_release, OnRelease::Edit);

        let settings = read(&format!(r#"{{"thread_id":"{ID}","applied_tags":[]}}"#)).expect("good");
        assert_eq!(settings.thread, Some(Thread::Known(ID.into())));

        let ids = |count: usize| (0..count).map(|at| format!("{}{at:02}", &ID[2..]));
        let tags = |count| {
            let tags = Value::from_iter(ids(count));
            read(&serde_json::json!({"thread_name": "Alerts", "applied_tags": tags}).to_string())
        };
        assert!(tags(5).is_ok() && tags(6).is_err());
        for name in ["mention_role_ids", "mention_user_ids"] {
            let called = |count| {
                read(&serde_json::json!({ name: Value::from_iter(ids(count)) }).to_string())
            };
            assert!(called(20).is_ok() && called(21).is_err(), "{name}");
        }
        let avatar = |bytes: usize| {
            let url = format!("https://h/{}", "x".repeat(bytes - "https://h/".len()));
            read(&serde_json::json!({ "avatar_url": url }).to_string())
        };
        assert!(avatar(2048).is_ok() && avatar(2049).is_err());
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let set = |name: &str, value: Value| serde_json::json!({ name: value }).to_string();
        let of = |text: &str| Value::from(text);
        let table = [
            (Scope::Endpoint, "[]".into(), "expected a JSON object"),
            (Scope::Endpoint, set("webhook_url", of("hunter2")), "setting `webhook_url`: expected"),
            (Scope::Endpoint, set("bot", of("hunter2")), "no setting `bot`; there are webhook_url"),
            (Scope::Recipient, set("username", of("Hunter2 of DisCord")), "neither `clyde` nor"),
            (Scope::Recipient, set("username", of("hunter2CLYDE")), "setting `username`: expected"),
            (Scope::Recipient, set("username", of("  ")), "setting `username`: expected"),
            (Scope::Recipient, set("username", of("")), "setting `username`: expected"),
            (Scope::Recipient, set("username", of(&"x".repeat(81))), "a text of 1 to 80"),
            (Scope::Recipient, set("username", of("hunter2\n")), "setting `username`: expected"),
            (Scope::Recipient, set("avatar_url", of("http://hunter2/")), "begins with https://"),
            (
                Scope::Recipient,
                set("avatar_url", of(&format!("https://h/{}", "x".repeat(2048)))),
                "at most 2048 bytes",
            ),
            (Scope::Recipient, set("thread_id", of("hunter2")), "setting `thread_id`: expected"),
            (Scope::Recipient, set("thread_id", of("12345678901234")), "15 to 20 digits"),
            (Scope::Recipient, set("thread_name", of("")), "setting `thread_name`: expected"),
            (Scope::Recipient, set("thread_name", of(&"x".repeat(101))), "1 to 100 characters"),
            (Scope::Recipient, set("applied_tags", [ID].into()), "needs `thread_name`"),
            (
                Scope::Recipient,
                format!(r#"{{"thread_id":"{ID}","thread_name":"hunter2"}}"#),
                "setting `thread_name`: stands beside `thread_id`",
            ),
            (
                Scope::Recipient,
                format!(r#"{{"thread_id":"{ID}","applied_tags":["{ID}"]}}"#),
                "setting `applied_tags`: needs `thread_name`",
            ),
            (Scope::Recipient, set("mention_role_ids", ["@hunter2"].into()), "an id: 15 to 20"),
            (Scope::Recipient, set("mention_user_ids", of(ID)), "expected a list of at most 20"),
            (Scope::Recipient, set("on_release", of("hunter2")), "one of `new`, `edit`, `none`"),
        ];
        for (scope, text, expected) in table {
            let fault = read(&text).expect_err(&text);
            assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
            assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
            assert!(!fault.detail.to_lowercase().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
