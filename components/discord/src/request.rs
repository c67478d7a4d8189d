//! The requests that hand a message over, and the one that asks about the webhook.

use campanile_guest::{Attempt, Coding, Fault, Filling, Message, Method, Request};

use crate::message::{EDIT, ENGINE};
use crate::settings::{Settings, Thread, is_id};

/// How long to wait for a whole answer, in milliseconds. There are three ways at most.
const TIMEOUT_MS: u32 = 14_000;

/// Discord may block those that do not say in this form who they are: an address and a version.
const PRODUCT: &str = "DiscordBot (https://campanile.example, ";

/// The ways to tell of an alert: each one is for when what those before refer to is gone.
#[derive(Debug)]
pub(crate) struct Ways {
    pub(crate) first: Request,
    pub(crate) otherwise: Vec<Request>,
}

/// Where the message is that told of an episode before: its thread, if it is in one, and its id.
#[derive(Debug, PartialEq, Eq)]
struct Told<'a> {
    thread: Option<&'a str>,
    message: &'a str,
}

/// What a later edit or a later message of the same alert needs, as [`Told`] reads it.
pub(crate) fn handle(thread: Option<&str>, message: &str) -> String {
    match thread {
        Some(thread) => format!("{thread}:{message}"),
        None => message.to_owned(),
    }
}

impl<'a> Told<'a> {
    fn read(handle: &'a str) -> Option<Self> {
        let (thread, message) = match handle.split_once(':') {
            Some((thread, message)) => (Some(thread), message),
            None => (None, handle),
        };
        // They go into an address.
        let is_good = is_id(message) && thread.is_none_or(is_id);
        is_good.then_some(Self { thread, message })
    }
}

/// A message that is to be edited is posted anew where it is gone; one whose alert has a thread of
/// its own goes there, and begins another where that is gone.
pub(crate) fn ways(
    message: Message,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Ways, Fault> {
    let url = settings.url()?;
    let told = match &attempt.deliveries[..] {
        [one] => one.previous.as_deref().and_then(Told::read),
        _ => None,
    };
    let note = |name: &str| message.notes.iter().find(|(one, _)| one == name);
    let engine = note(ENGINE).map_or("", |(_, engine)| engine);
    let is_edit = note(EDIT).is_some();
    let request = |method, url, body| Request {
        headers: vec![
            ("content-type".to_owned(), message.content_type.clone()),
            ("user-agent".to_owned(), user_agent(engine)),
        ],
        body,
        ..bare(method, url)
    };

    let mut ways = vec![];
    if let Some(told) = told.as_ref().filter(|_| is_edit) {
        let thread = told.thread.map(|id| format!("?thread_id={id}")).unwrap_or_default();
        let url = format!("{url}/messages/{}{thread}", told.message);
        ways.push(request(Method::Patch, url, message.body.clone()));
    }
    let begins_thread = matches!(settings.thread, Some(Thread::New { .. }));
    if let Some(thread) = told.and_then(|told| told.thread).filter(|_| begins_thread) {
        ways.push(request(Method::Post, in_thread(url, thread), message.body.clone()));
    }
    let last = match &settings.thread {
        None => request(Method::Post, format!("{url}?wait=true"), message.body),
        Some(Thread::Known(id)) => request(Method::Post, in_thread(url, id), message.body),
        Some(Thread::New { name, tags }) => {
            let body = with_thread(message.body, name, tags);
            request(Method::Post, format!("{url}?wait=true"), body)
        }
    };
    ways.push(last);
    let first = ways.remove(0);
    Ok(Ways { first, otherwise: ways })
}

/// Asks about the webhook, which posts nothing.
pub(crate) fn probe(settings: &Settings) -> Result<Request, Fault> {
    let headers = vec![("user-agent".to_owned(), user_agent(env!("CARGO_PKG_VERSION")))];
    Ok(Request { headers, ..bare(Method::Get, settings.url()?.to_owned()) })
}

/// Without `wait`, Discord does not say that it could not store a message.
fn in_thread(url: &str, thread: &str) -> String {
    format!("{url}?wait=true&thread_id={thread}")
}

/// Puts the name of a new thread, and its tags, first into a body, which is an object with keys.
fn with_thread(mut body: Vec<u8>, name: &str, tags: &[String]) -> Vec<u8> {
    if body.first() == Some(&b'{') {
        let name = serde_json::Value::from(name);
        let mut keys = format!(r#""thread_name":{name},"#);
        if !tags.is_empty() {
            keys.push_str(&format!(r#""applied_tags":{},"#, serde_json::Value::from(tags)));
        }
        body.splice(1..1, keys.into_bytes());
    }
    body
}

/// `engine`: "campanile/1.2.0", or a version alone.
fn user_agent(engine: &str) -> String {
    let version = engine.rsplit('/').next().unwrap_or_default();
    format!("{PRODUCT}{version})")
}

fn bare(method: Method, url: String) -> Request {
    Request {
        method,
        url,
        headers: vec![],
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_holds_what_an_edit_needs_and_nothing_else_is_taken_for_one() {
        let (thread, message) = ("234567890123456789", "123456789012345678");
        for thread in [None, Some(thread)] {
            let handle = handle(thread, message);
            assert_eq!(Told::read(&handle), Some(Told { thread, message }));
        }
        let table = ["", "1", "x:123456789012345678", "123456789012345678/../x", ":", "a:b:c"];
        for handle in table {
            assert_eq!(Told::read(handle), None, "{handle:?}");
        }
    }

    #[test]
    fn who_asks_says_so_as_discord_wants_it() {
        assert_eq!(user_agent("campanile/1.2.3"), format!("{PRODUCT}1.2.3)"));
        let settings = crate::settings::read(r#"{"webhook_url":"https://h/api/webhooks/1/x?y=z"}"#);
        let request = probe(&settings.expect("good")).expect("a request");
        let expected = format!("{PRODUCT}{})", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.headers, [("user-agent".to_owned(), expected)]);
        assert_eq!(request.url, "https://h/api/webhooks/1/x");
    }
}
