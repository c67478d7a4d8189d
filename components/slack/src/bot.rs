//! A bot's messages: which channel and thread each goes into, and the calls of the Web API.
//!
//! A message is known by its channel and its `ts`. What is handed on for later is
//! `CHANNEL:TS`, or `CHANNEL:TS:THREAD` of an answer in a thread: Slack wants answers to the first
//! message of a thread, never to one another.
//!
//! Source: <https://docs.slack.dev/reference/methods/chat.postMessage>, `chat.update` beside it.

mod answer;

use campanile_guest::{
    Action, Attempt, Certainty, Failure, Fault, Filling, Finding, HttpError, Message, OnRelease,
    Outcome, Request, Response, Scope, Subject,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::message::{JSON, USER_AGENT, bare};
use crate::settings::Bot;

const POST: &str = "chat.postMessage";
const UPDATE: &str = "chat.update";

/// Notes: the method, and the thread that an answer goes into.
const METHOD: &str = "method";
const THREAD: &str = "thread";

/// Where a message goes. Nothing of it for a webhook, which has a channel of its own.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Head {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// The message to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<String>,
    /// The message to be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<String>,
}

/// Where the message about `subject` goes. Adds the notes that `deliver` needs.
pub(crate) fn head(
    subject: &Subject,
    bot: &Bot,
    notes: &mut Vec<(String, String)>,
) -> Result<Head, Fault> {
    let earlier = subject.previous.as_deref().and_then(Earlier::parse);
    let is_release = subject.alert.action == Action::Release;
    let mut note = |name: &str, value: &str| notes.push((name.to_owned(), value.to_owned()));
    let owned = |text: &str| Some(text.to_owned());
    let sender = (bot.username.clone(), bot.icon_emoji.clone());
    match earlier {
        // The sender of a message stays who it was.
        Some(earlier) if is_release && bot.on_release == OnRelease::Edit => {
            note(METHOD, UPDATE);
            let (channel, ts) = (owned(earlier.channel), owned(earlier.root));
            Ok(Head { channel, ts, ..Head::default() })
        }
        Some(earlier) if is_answer(is_release, bot) => {
            note(METHOD, POST);
            note(THREAD, earlier.root);
            let (channel, thread_ts) = (owned(earlier.channel), owned(earlier.root));
            let (username, icon_emoji) = sender;
            Ok(Head { channel, ts: None, thread_ts, username, icon_emoji })
        }
        _ => {
            note(METHOD, POST);
            let (username, icon_emoji) = sender;
            Ok(Head { channel: owned(bot.channel()?), username, icon_emoji, ..Head::default() })
        }
    }
}

fn is_answer(is_release: bool, bot: &Bot) -> bool {
    if is_release { bot.on_release == OnRelease::Reply } else { bot.is_threaded }
}

/// Hands a message over. Where the message that it changes or answers cannot be changed or answered
/// any more, it is posted by itself, in the recipient's channel.
pub(crate) fn deliver(
    message: Message,
    bot: &Bot,
    attempt: &Attempt,
    send: impl Fn(&Request) -> Result<Response, HttpError>,
) -> Result<Outcome, Fault> {
    let note = |name: &str| {
        message.notes.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    };
    let (method, thread) = (note(METHOD).unwrap_or(POST), note(THREAD));
    let mut request = call(bot, method, &message.content_type, message.body)?;
    request.headers.extend(note(USER_AGENT).map(|agent| (USER_AGENT.to_owned(), agent.to_owned())));
    let answer = send(&request);
    let is_alone = method == POST && thread.is_none();
    let gone = answer.as_ref().ok().filter(|_| !is_alone).and_then(answer::gone);
    let Some(why) = gone else { return Ok(answer::judge(answer, thread, attempt)) };
    request.url = url(bot, POST);
    request.body = alone(&request.body, bot)?;
    let outcome = answer::judge(send(&request), None, attempt);
    Ok(outcome.warned(format!(
        "the earlier message could not be changed or answered (`{why}`), so this one stands by \
         itself"
    )))
}

/// Whether the token works, may post, and sees the channel. Posts nothing.
pub(crate) fn probe(
    bot: &Bot,
    send: impl Fn(&Request) -> Result<Response, HttpError>,
) -> Result<Finding, Failure> {
    let test = call(bot, "auth.test", JSON, b"{}".to_vec()).map_err(Failure::Misconfigured)?;
    let token = answer::token(send(&test))?;
    let Some(channel) = bot.channel_id() else {
        let summary = match bot.channel() {
            Ok(_) => "the token works; a channel that is set by its name cannot be tested",
            Err(_) => "the token works",
        };
        return Ok(token.found(summary));
    };
    // An id has letters and digits alone.
    let form = format!("channel={channel}").into_bytes();
    let info = call(bot, "conversations.info", "application/x-www-form-urlencoded", form);
    let info = send(&info.map_err(Failure::Misconfigured)?);
    answer::channel(info, token)
}

fn call(bot: &Bot, method: &str, content_type: &str, body: Vec<u8>) -> Result<Request, Fault> {
    let headers = vec![
        ("content-type".to_owned(), content_type.to_owned()),
        ("authorization".to_owned(), bot.authorization()?),
    ];
    Ok(Request { headers, body, filling: Filling::None, ..bare(&url(bot, method)) })
}

fn url(bot: &Bot, method: &str) -> String {
    format!("{}/{method}", bot.api_base)
}

/// The same message, changing and answering none.
fn alone(body: &[u8], bot: &Bot) -> Result<Vec<u8>, Fault> {
    let mut body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Fault::new(Scope::Recipient, "message", "expected a message of this kind"))?;
    body.remove("ts");
    body.remove("thread_ts");
    body.insert("channel".into(), bot.channel()?.into());
    let sender = [("username", &bot.username), ("icon_emoji", &bot.icon_emoji)];
    for (name, value) in sender {
        if let Some(value) = value {
            body.insert(name.into(), value.as_str().into());
        }
    }
    Ok(Value::Object(body).to_string().into_bytes())
}

/// A message that told of an episode before.
#[derive(Debug, PartialEq)]
struct Earlier<'a> {
    channel: &'a str,
    /// The first message of its thread: itself, if it is no answer.
    root: &'a str,
}

impl<'a> Earlier<'a> {
    /// `None`: nothing that this kind has handed on, for instance of another kind before.
    fn parse(remote_id: &'a str) -> Option<Self> {
        let mut parts = remote_id.split(':');
        let (channel, ts) = (parts.next()?, parts.next()?);
        let root = parts.next().unwrap_or(ts);
        let is_ts = |one: &str| {
            !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        let is_good = !channel.is_empty() && is_ts(ts) && is_ts(root) && parts.next().is_none();
        is_good.then_some(Self { channel, root })
    }
}

/// A token that was tested.
struct Token {
    /// `None`: not told.
    scopes: Option<Vec<String>>,
    facts: Vec<(String, String)>,
}

impl Token {
    fn has(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_some_and(|scopes| scopes.iter().any(|one| one == scope))
    }

    /// What is found if nothing more can be.
    fn found(self, summary: &str) -> Finding {
        let certainty = if self.has("chat:write") { Certainty::Proven } else { Certainty::Likely };
        Finding { certainty, summary: summary.to_owned(), facts: self.facts }
    }
}

#[cfg(test)]
mod tests;
