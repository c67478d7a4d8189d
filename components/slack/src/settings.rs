//! What an operator sets for Slack.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, since
//! the path of a webhook is a credential.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, OnRelease, Pace, Scope};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) way: Way,
    /// A name for the sender is set that a webhook cannot show. It is not sent, and that is told.
    pub(crate) is_sender_ignored: bool,
    /// Ids of members and user groups.
    pub(crate) mention: Vec<String>,
}

/// How messages reach Slack.
#[derive(Debug)]
pub(crate) enum Way {
    /// The URL is not there for `format`, which is given no secrets.
    Webhook {
        url: Option<String>,
    },
    Bot(Bot),
}

/// A bot of a Slack app: it posts by the Web API, into any channel that it may write to.
#[derive(Debug)]
pub(crate) struct Bot {
    /// Not there for `format`, which is given no secrets.
    token: Option<String>,
    /// Without a slash at its end.
    pub(crate) api_base: String,
    /// Not there where an endpoint is probed by itself.
    channel: Option<String>,
    /// Default: the name of the app.
    pub(crate) username: Option<String>,
    /// Default: the icon of the app.
    pub(crate) icon_emoji: Option<String>,
    /// Whatever is told again of an episode goes into the thread of its first message.
    pub(crate) is_threaded: bool,
    pub(crate) on_release: OnRelease,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const MENTIONS_MAX: usize = 10;
const SENDER_CHARS_MAX: usize = 80;
const CHANNEL_CHARS_MAX: usize = 80;
const EMOJI_BYTES_MAX: usize = 102;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "slack".into(),
        title: "Slack".into(),
        summary: "Posts each alert as a message, to an incoming webhook or as a bot".into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{webhook_url}".into(), "{api_base}".into()],
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 25_000,
        // <https://docs.slack.dev/apis/web-api/rate-limits>: who persists can be cut off for good.
        paces: vec![Pace { scope: Scope::Endpoint, count: 1, per_ms: 1000 }],
        extra: vec![],
    }
}

impl Bot {
    /// The value of `Authorization`: a placeholder of the token is in it.
    pub(crate) fn authorization(&self) -> Result<String, Fault> {
        let token = self.token.as_deref().ok_or_else(|| {
            settings::missing(Scope::Endpoint, "bot_token", "set the token of a Slack app's bot")
        })?;
        Ok(format!("Bearer {token}"))
    }

    /// Where to post.
    pub(crate) fn channel(&self) -> Result<&str, Fault> {
        self.channel.as_deref().ok_or_else(|| {
            settings::missing(Scope::Recipient, "channel", "set the id of a channel (C...)")
        })
    }

    /// The channel, if it is set by its id.
    pub(crate) fn channel_id(&self) -> Option<&str> {
        self.channel.as_deref().filter(|channel| is_id(channel, &['C', 'G', 'D']))
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let modes = [("incoming_webhook", false), ("bot", true)];
    let is_bot = given.choice("mode", Scope::Endpoint, &modes)?.unwrap_or(false);
    let url = given.url("webhook_url", Scope::Endpoint, &["https", "http"])?;
    let sender = given.text("sender_username", Scope::Endpoint, 0..=SENDER_CHARS_MAX)?;
    let bot = read_bot(&mut given)?;
    let expected = "an id of a member (U... or W...) or of a user group (S...)";
    let is_whom = |id: &str| is_id(id, &['U', 'W', 'S']);
    let mention = given.texts("mention", Scope::Recipient, MENTIONS_MAX, expected, is_whom)?;
    given.finish()?;

    let mention = mention.unwrap_or_default();
    if is_bot {
        let way = Way::Bot(bot.complete(sender)?);
        return Ok(Settings { way, is_sender_ignored: false, mention });
    }
    bot.refuse()?;
    let is_sender_ignored = sender.is_some() || bot.username.is_some() || bot.icon_emoji.is_some();
    Ok(Settings { way: Way::Webhook { url }, is_sender_ignored, mention })
}

/// What is set for a bot, as far as it is.
struct OfBot {
    token: Option<String>,
    api_base: Option<String>,
    channel: Option<String>,
    username: Option<String>,
    icon_emoji: Option<String>,
    is_threaded: Option<bool>,
    on_release: Option<OnRelease>,
}

fn read_bot(given: &mut Given) -> Result<OfBot, Fault> {
    let (endpoint, recipient) = (Scope::Endpoint, Scope::Recipient);
    let told = [("new", OnRelease::New), ("thread", OnRelease::Reply), ("update", OnRelease::Edit)];
    let expected = "a channel by its id (C...) or its name, without blanks";
    let emoji = "an emoji by its name between colons, such as `:bell:`";
    let api_base = given.url("api_base", endpoint, &["https", "http"])?;
    if api_base.as_ref().is_some_and(|url| url.contains('?')) {
        let expected = "expected a URL without `?`, such as `https://slack.com/api`";
        return Err(settings::wrong(endpoint, "api_base", expected));
    }
    Ok(OfBot {
        token: given.text_that("bot_token", endpoint, "a token", |token| !token.is_empty())?,
        api_base,
        channel: given.text_that("channel", recipient, expected, is_channel)?,
        username: given.text("username", recipient, 1..=SENDER_CHARS_MAX)?,
        icon_emoji: given.text_that("icon_emoji", recipient, emoji, is_emoji)?,
        is_threaded: given.flag("thread_by_alert", recipient)?,
        on_release: given.choice("on_release", recipient, &told)?,
    })
}

impl OfBot {
    /// `sender`: the name for recipients that have none of their own.
    fn complete(self, sender: Option<String>) -> Result<Bot, Fault> {
        let api_base = self.api_base.ok_or_else(|| {
            let what_to_do = "set `https://slack.com/api`, or where a server stands in for it";
            settings::missing(Scope::Endpoint, "api_base", what_to_do)
        })?;
        Ok(Bot {
            token: self.token,
            api_base: api_base.trim_end_matches('/').to_owned(),
            channel: self.channel,
            username: self.username.or(sender).filter(|name| !name.is_empty()),
            icon_emoji: self.icon_emoji,
            is_threaded: self.is_threaded.unwrap_or(false),
            on_release: self.on_release.unwrap_or(OnRelease::Reply),
        })
    }

    /// A webhook posts to its own channel, and never learns what a message is called.
    fn refuse(&self) -> Result<(), Fault> {
        let is_answer = self.on_release.is_some_and(|one| one != OnRelease::New);
        let asked = [
            ("channel", self.channel.is_some()),
            ("thread_by_alert", self.is_threaded == Some(true)),
            ("on_release", is_answer),
        ];
        match asked.into_iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => {
                let why = "a webhook cannot do that; set `mode` of the endpoint to `bot`, or leave \
                           it out";
                Err(settings::wrong(Scope::Recipient, name, why))
            }
            None => Ok(()),
        }
    }
}

/// Where to POST to, of a webhook.
pub(crate) fn webhook(url: Option<&str>) -> Result<&str, Fault> {
    url.ok_or_else(|| {
        settings::missing(Scope::Endpoint, "webhook_url", "set the URL of an incoming webhook")
    })
}

fn is_id(id: &str, first: &[char]) -> bool {
    (3..=32).contains(&id.len())
        && id.starts_with(first)
        && id.bytes().all(|one| one.is_ascii_uppercase() || one.is_ascii_digit())
}

fn is_channel(channel: &str) -> bool {
    let is_odd = |one: char| one.is_whitespace() || one.is_control() || one == '@';
    (1..=CHANNEL_CHARS_MAX).contains(&channel.chars().count()) && !channel.contains(is_odd)
}

fn is_emoji(name: &str) -> bool {
    let inner = name.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    let is_of_name =
        |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit() || b"_+'-".contains(&one);
    name.len() <= EMOJI_BYTES_MAX
        && inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(is_of_name))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn settings_are_taken_and_the_url_may_be_kept_from_format() {
        let settings = read("{}").expect("good");
        assert!(url(&settings).is_err() && settings.mention.is_empty());
        assert!(!settings.is_sender_ignored);

        let settings = read(
            r#"{"webhook_url":"https://hooks.slack-gov.com/services/T0/B0/x","mention":["U01","S02"],
                "sender_username":"Campanile"}"#,
        );
        let settings = settings.expect("good");
        assert_eq!(url(&settings), Ok("https://hooks.slack-gov.com/services/T0/B0/x"));
        assert_eq!(settings.mention, ["U01", "S02"]);
        assert!(settings.is_sender_ignored);
    }

    fn url(settings: &Settings) -> Result<&str, Fault> {
        let Way::Webhook { url } = &settings.way else { panic!("no webhook") };
        webhook(url.as_deref())
    }

    #[test]
    fn a_bot_has_what_is_set_for_it_and_the_rest_by_default() {
        let bot = |more: &str| {
            let text = format!(r#"{{"mode":"bot","api_base":"https://slack.com/api"{more}}}"#);
            let settings = read(&text).expect("good");
            assert!(!settings.is_sender_ignored, "{text}");
            let Way::Bot(bot) = settings.way else { panic!("no bot") };
            bot
        };
        let plain = bot("");
        assert!(plain.channel().is_err_and(|fault| fault.scope == Scope::Recipient));
        assert!(plain.authorization().is_err_and(|fault| fault.scope == Scope::Endpoint));
        assert_eq!((plain.username, plain.icon_emoji, plain.is_threaded), (None, None, false));
        assert_eq!(plain.on_release, OnRelease::Reply);

        let set =
            bot(r##","bot_token":"p1","channel":"#ops","username":"me","icon_emoji":":bell:",
                     "thread_by_alert":true,"on_release":"update","sender_username":"all of us""##);
        assert_eq!(set.authorization().as_deref(), Ok("Bearer p1"));
        assert_eq!((set.channel(), set.channel_id()), (Ok("#ops"), None));
        assert_eq!(
            (set.username.as_deref(), set.icon_emoji.as_deref()),
            (Some("me"), Some(":bell:"))
        );
        assert_eq!((set.is_threaded, set.on_release), (true, OnRelease::Edit));
        assert_eq!(bot(r#","sender_username":"all of us""#).username.as_deref(), Some("all of us"));
        assert_eq!(bot(r#","channel":"C012AB3CD""#).channel_id(), Some("C012AB3CD"));

        let fault = read(r#"{"mode":"bot"}"#).expect_err("no address");
        assert!(fault.detail.contains("`api_base`: is missing; set `https://slack.com/api`"));
    }

    #[test]
    fn what_a_webhook_cannot_do_is_refused_and_a_name_for_the_sender_is_told() {
        for (name, value) in [
            ("channel", r#""C012AB3CD""#),
            ("thread_by_alert", "true"),
            ("on_release", r#""thread""#),
            ("on_release", r#""update""#),
        ] {
            let text = format!(r#"{{"{name}":{value}}}"#);
            let fault = read(&text).expect_err(&text);
            assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, "settings"));
            assert!(fault.detail.contains(&format!("`{name}`: a webhook cannot")), "{text}");
        }
        let can = read(r#"{"thread_by_alert":false,"on_release":"new"}"#).expect("good");
        assert!(!can.is_sender_ignored);
        for one in [r#"{"username":"me"}"#, r#"{"icon_emoji":":bell:"}"#] {
            assert!(read(one).expect(one).is_sender_ignored);
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let url = |url: &str| format!(r#"{{"webhook_url":{}}}"#, Value::from(url));
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            (r#"{"webhook_url":7}"#.into(), "setting `webhook_url`: expected a URL"),
            (url(""), "setting `webhook_url`: expected"),
            (url("hunter2"), "setting `webhook_url`: expected"),
            (url("ftp://hunter2/"), "setting `webhook_url`: expected"),
            (url("https://"), "setting `webhook_url`: expected"),
            (url("https://:443/hunter2"), "setting `webhook_url`: expected"),
            (url("https://me:hunter2@h/"), "setting `webhook_url`: expected"),
            (url("https://h/#hunter2"), "setting `webhook_url`: expected"),
            (url("https://h\\hunter2"), "setting `webhook_url`: expected"),
            (url("https://h/hunter2 x"), "setting `webhook_url`: expected"),
            (url("https://h/\r\nhunter2"), "setting `webhook_url`: expected"),
            (r#"{"bot":"hunter2"}"#.into(), "no setting `bot`; there are mode, webhook_url"),
            (r#"{"sender_username":["hunter2"]}"#.into(), "setting `sender_username`: expected"),
            (r#"{"mode":"hunter2"}"#.into(), "setting `mode`: expected one of"),
            (r#"{"bot_token":""}"#.into(), "setting `bot_token`: expected a token"),
            (r#"{"api_base":"slack.com/hunter2"}"#.into(), "setting `api_base`: expected a URL"),
            (r#"{"api_base":"https://h/api?hunter2"}"#.into(), "expected a URL without `?`"),
            (
                format!(r#"{{"sender_username":"hunter2{}"}}"#, "x".repeat(74)),
                "setting `sender_username`: expected a text of 0 to 80",
            ),
        ];
        let ids = |ids: &[&str]| format!(r#"{{"mention":{}}}"#, Value::from(ids.to_vec()));
        let many: Vec<_> = (10..21).map(|at| format!("U{at}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(read(&ids(&many[1..])).is_ok());
        let bot = |name: &str, value: String| {
            let set = [("mode", "bot"), ("api_base", "https://h"), (name, &value)];
            read(&Value::from_iter(set).to_string())
        };
        let name = |count: usize| "x".repeat(count);
        assert!(bot("channel", name(80)).is_ok() && bot("channel", name(81)).is_err());
        let emoji = |count: usize| format!(":{}:", name(count));
        assert!(bot("icon_emoji", emoji(100)).is_ok() && bot("icon_emoji", emoji(101)).is_err());
        let recipient = [
            (r#"{"mention":"U0HUNTER2"}"#.into(), "setting `mention`: expected a list"),
            (r#"{"mention":[7]}"#.into(), "setting `mention`: expected"),
            (ids(&["!channel"]), "setting `mention`: expected"),
            (ids(&["U01>hunter2"]), "setting `mention`: expected"),
            (ids(&["C01"]), "setting `mention`: expected"),
            (ids(&["U1"]), "setting `mention`: expected"),
            (ids(&[&format!("U{}", "0".repeat(32))]), "setting `mention`: expected"),
            (ids(&["U01", "U01"]), "setting `mention`: expected"),
            (ids(&many), "setting `mention`: expected a list of at most 10"),
            (r##"{"channel":"#hunter2 x"}"##.into(), "setting `channel`: expected a channel"),
            (r#"{"channel":"@hunter2"}"#.into(), "setting `channel`: expected a channel"),
            (r#"{"channel":""}"#.into(), "setting `channel`: expected a channel"),
            (r#"{"username":""}"#.into(), "setting `username`: expected a text of 1 to 80"),
            (r#"{"username":"a\nhunter2"}"#.into(), "setting `username`: expected a text"),
            (r#"{"icon_emoji":"hunter2"}"#.into(), "setting `icon_emoji`: expected an emoji"),
            (r#"{"icon_emoji":"::"}"#.into(), "setting `icon_emoji`: expected an emoji"),
            (r#"{"icon_emoji":":hunter2 x:"}"#.into(), "setting `icon_emoji`: expected an emoji"),
            (r#"{"thread_by_alert":"hunter2"}"#.into(), "setting `thread_by_alert`: expected true"),
            (r#"{"on_release":"hunter2"}"#.into(), "setting `on_release`: expected one of"),
        ];
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
