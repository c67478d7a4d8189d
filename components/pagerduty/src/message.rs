//! Builds the message for an alert, and the request for a message.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone. The integration key
//! comes to them in `deliver`, as a placeholder, at the one place where the engine fills it in.

use campanile_guest::{
    Action, Coding, Context, Fault, Filling, Formatted, Message, Method, Request, Subject, cut,
    json, release, story,
};

use crate::event;
use crate::settings::{OnRelease, Settings};

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";
/// The note of what PagerDuty knows the condition by.
const DEDUP_KEY: &str = "dedup-key";

/// The key of an alert that nobody triggers: those of alerts have a slash behind `campanile`.
pub(crate) const PROBE_KEY: &str = "campanile-probe";

const CONTENT_TYPE: &str = "application/json";
const SUMMARY_CHARS_MAX: usize = 200;
/// How long to wait for the whole answer, in milliseconds.
const TIMEOUT_MS: u32 = 20_000;

/// One message for each alert that is to be told.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut formatted = Formatted { messages: vec![], skipped: vec![], rejected: vec![] };
    for (at, subject) in (0_u32..).zip(subjects) {
        let alert = &subject.alert;
        if alert.action == Action::Release && settings.on_release == OnRelease::None {
            formatted.skipped.push(release::untold(at));
            continue;
        }
        let notice = story::notice(alert, context.purpose);
        formatted.messages.push(Message {
            alerts: vec![at],
            summary: cut::chars(&notice, SUMMARY_CHARS_MAX).to_owned(),
            content_type: CONTENT_TYPE.into(),
            body: event::of(alert, context, settings),
            notes: vec![
                (USER_AGENT.into(), context.engine.clone()),
                (DEDUP_KEY.into(), event::dedup_key(alert, context)),
            ],
            // PagerDuty knows the condition by its key.
            repeat_safe_ms: u32::MAX,
        });
    }
    formatted
}

/// The key by which PagerDuty knows the condition that a message tells about.
pub(crate) fn dedup_key(message: &Message) -> Option<&str> {
    note(message, DEDUP_KEY)
}

/// The POST that hands a message over.
pub(crate) fn request(message: &Message, settings: &Settings) -> Result<Request, Fault> {
    let mut request = bare(&message.body, settings)?;
    let agent = note(message, USER_AGENT);
    request.headers.extend(agent.map(|agent| (USER_AGENT.to_owned(), agent.to_owned())));
    Ok(request)
}

/// Resolves what was never triggered: PagerDuty drops that, so nobody is paged.
pub(crate) fn probe(settings: &Settings) -> Result<Request, Fault> {
    let key = json::string(PROBE_KEY);
    let event = format!(r#"{{"event_action":"resolve","dedup_key":{key}}}"#);
    bare(event.as_bytes(), settings)
}

/// `event`: a JSON object, into which the integration key goes.
fn bare(event: &[u8], settings: &Settings) -> Result<Request, Fault> {
    let key = json::string(settings.routing_key()?);
    let mut body = format!(r#"{{"routing_key":{key},"#).into_bytes();
    body.extend_from_slice(event.strip_prefix(b"{").unwrap_or(event));
    Ok(Request {
        method: Method::Post,
        url: settings.url(),
        headers: vec![("content-type".to_owned(), CONTENT_TYPE.to_owned())],
        body,
        filling: Filling::Json,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    })
}

fn note<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.notes.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests;
