//! Packs alerts into bulk messages, and messages into requests.
//!
//! Promise: the bytes that tell of an alert depend on the alert, the context and the settings
//! alone. The order of the alerts is kept: the server answers in it.

use campanile_guest::ecs::{self, Options};
use campanile_guest::{
    Action, Coding, Context, Fault, Filling, Formatted, Message, Method, Request, Subject, cut,
    json, plain,
};

use crate::settings::Settings;

const SUMMARY_CHARS_MAX: usize = 200;

/// The server knows a document by its id: it answers 409 to one that it has.
const ALWAYS: u32 = u32::MAX;

/// What of the server's answer is wanted: what `answer` reads, and no echo of our documents.
const FILTER_PATH: &str = "took,errors,items.*.status,items.*.error.type,items.*.error.reason,\
                           items.*.failure_store,items.*._index,items.*._id";

/// How long to wait for the whole answer, in milliseconds.
const TIMEOUT_MS: u32 = 30_000;

/// Puts the alerts, in their order, into messages that keep the bounds of the settings.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let options = Options {
        original: settings.has_original,
        organization: settings.organization.as_deref(),
        data_stream: settings.target.parts(),
        ..Options::default()
    };
    let mut messages = vec![];
    let mut open = Open::default();
    for (at, subject) in (0_u32..).zip(subjects) {
        let lines = lines(subject, context, settings, &options);
        let is_full = open.members.len() == settings.docs_max
            || open.body.len() + lines.len() > settings.bytes_max;
        if is_full && !open.members.is_empty() {
            messages.push(std::mem::take(&mut open).close(context));
        }
        open.take(at, subject, lines);
    }
    if !open.members.is_empty() {
        messages.push(open.close(context));
    }
    messages.into_iter().collect()
}

/// What to do and the document, a line each. A data stream takes nothing but `create`.
fn lines(
    subject: &Subject,
    context: &Context,
    settings: &Settings,
    options: &Options<'_>,
) -> String {
    let alert = &subject.alert;
    let document = ecs::document(alert, context, options);
    let index = settings.target.of(alert);
    let mut lines = String::with_capacity(document.len() + index.len() + 64);
    lines.push_str(r#"{"create":{"_index":"#);
    json::push_string(&mut lines, &index);
    lines.push_str(r#","_id":"#);
    // Equal at every attempt; at most 512 bytes are allowed.
    let action = match alert.action {
        Action::Store => "stored",
        Action::Engage => "engaged",
        Action::Release => "released",
    };
    json::push_string(&mut lines, &format!("{}-{action}", alert.id));
    lines.push_str("}}\n");
    lines.push_str(&document);
    lines.push('\n');
    lines
}

/// The POST that hands a message over.
pub(crate) fn request(
    message: Message,
    settings: &Settings,
    authorization: Option<String>,
) -> Result<Request, Fault> {
    let mut url = format!("{}/_bulk?filter_path={FILTER_PATH}", settings.url()?);
    if settings.requires_data_stream() {
        url.push_str("&require_data_stream=true");
    }
    if let Some(refresh) = settings.refresh {
        url.push_str("&refresh=");
        url.push_str(refresh);
    }
    if let Some(pipeline) = &settings.pipeline {
        url.push_str("&pipeline=");
        push_encoded(&mut url, pipeline);
    }
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let mut headers = vec![("content-type".to_owned(), message.content_type)];
    headers.extend(agent);
    headers.extend(authorization.map(|one| ("authorization".to_owned(), one)));
    let coding = if settings.is_compressed { Coding::Gzip } else { Coding::Identity };
    Ok(Request { headers, body: message.body, coding, ..bare(Method::Post, url) })
}

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";

pub(crate) fn bare(method: Method, url: String) -> Request {
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

/// A value in a query (RFC 3986, 2.3).
fn push_encoded(to: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// A message that may still take alerts.
#[derive(Default)]
struct Open<'a> {
    members: Vec<u32>,
    first: Option<&'a Subject>,
    body: String,
}

impl<'a> Open<'a> {
    fn take(&mut self, at: u32, subject: &'a Subject, lines: String) {
        self.first.get_or_insert(subject);
        self.members.push(at);
        if self.body.is_empty() {
            self.body = lines;
        } else {
            self.body.push_str(&lines);
        }
    }

    fn close(self, context: &Context) -> Message {
        Message {
            summary: self.summary(),
            alerts: self.members,
            content_type: "application/x-ndjson".into(),
            body: self.body.into_bytes(),
            notes: vec![(USER_AGENT.into(), context.engine.clone())],
            repeat_safe_ms: ALWAYS,
        }
    }

    fn summary(&self) -> String {
        let title = self.first.map_or(String::new(), |subject| plain::line(&subject.alert.title));
        let title = cut::chars(&title, SUMMARY_CHARS_MAX);
        match self.members.len() {
            0 | 1 => title.to_owned(),
            count => format!("{title} and {} more", count - 1),
        }
    }
}

#[cfg(test)]
mod tests;
