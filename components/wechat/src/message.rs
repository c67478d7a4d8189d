//! Packs alerts into messages, a section for each, and messages into requests.
//!
//! Promise: alerts keep their order, the section of one does not depend on where it stands, and a
//! message is within WeCom's bytes. What is too long is cut in the producer's text first, for which
//! there is always room: the bounds of all other parts, all spent, leave some.

use campanile_guest::{
    Action, Alert, Coding, Context, Filling, Formatted, Message, Method, Request, Severity,
    Subject, cut, story,
};
use serde::Serialize;

use crate::markup::{address, escaped};
use crate::settings::{Settings, Sort};

const SUMMARY_BYTES_MAX: usize = 200;

/// Room for the line that tells how many alerts were left out.
const OMITTED_BYTES: usize = 60;
const OVER_BYTES_MAX: usize = 200;

/// Stands between two alerts.
const GAP: &str = "\n\n";

/// The most bytes of each part.
struct Bounds {
    /// WeCom's own.
    content: usize,
    headline: usize,
    value: usize,
    meta: usize,
    labels: usize,
    /// An address that is longer is left out.
    link: usize,
}

const OF_MARKDOWN: Bounds =
    Bounds { content: 4096, headline: 300, value: 160, meta: 300, labels: 200, link: 800 };
const OF_TEXT: Bounds =
    Bounds { content: 2048, headline: 250, value: 110, meta: 220, labels: 100, link: 400 };

/// Puts the alerts, in their order, into messages.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let bounds = bounds(settings.sort);
    // Kept free in each message, whether they are needed or not.
    let calls = calls(settings);
    let room = bounds.content - OMITTED_BYTES - calls.len();
    // Told once, in the first message.
    let mut omitted = context.omitted;
    let mut messages = vec![];
    let mut open = Open::default();
    for (at, subject) in (0_u32..).zip(subjects) {
        let section = section(&subject.alert, context, settings.sort, bounds, room);
        if !open.members.is_empty() && open.content.len() + GAP.len() + section.len() > room {
            let (open, omitted) = (std::mem::take(&mut open), std::mem::take(&mut omitted));
            messages.push(open.close(context, settings, &calls, omitted));
        }
        open.take(at, &subject.alert, &section, context);
    }
    if !open.members.is_empty() {
        messages.push(open.close(context, settings, &calls, omitted));
    }
    messages.into_iter().collect()
}

/// The POST that hands a message over.
pub(crate) fn request(message: Message, url: String) -> Request {
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let mut headers = vec![("content-type".to_owned(), message.content_type)];
    headers.extend(agent);
    Request { headers, body: message.body, ..bare(url) }
}

/// A message without a text: a live robot refuses it, so nothing is posted.
pub(crate) fn probe(url: String) -> Request {
    let headers = vec![("content-type".to_owned(), CONTENT_TYPE.to_owned())];
    let body = br#"{"msgtype":"text","text":{"content":""}}"#.to_vec();
    Request { headers, body, ..bare(url) }
}

const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";

/// How long to wait for the whole answer, in milliseconds.
const TIMEOUT_MS: u32 = 20_000;

fn bare(url: String) -> Request {
    Request {
        method: Method::Post,
        url,
        headers: vec![],
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}

fn bounds(sort: Sort) -> &'static Bounds {
    match sort {
        Sort::Markdown | Sort::MarkdownV2 => &OF_MARKDOWN,
        Sort::Text => &OF_TEXT,
    }
}

/// A message that may still take alerts.
#[derive(Default)]
struct Open {
    members: Vec<u32>,
    content: String,
    /// Of the first.
    summary: String,
    /// One of them is not over.
    calls: bool,
}

impl Open {
    fn take(&mut self, at: u32, alert: &Alert, section: &str, context: &Context) {
        if self.members.is_empty() {
            self.summary = story::notice(alert, context.purpose);
        } else {
            self.content.push_str(GAP);
        }
        self.members.push(at);
        self.content.push_str(section);
        // Nobody is to be called for what is over.
        self.calls |= alert.action != Action::Release;
    }

    fn close(self, context: &Context, settings: &Settings, calls: &str, omitted: u32) -> Message {
        let mut content = String::new();
        if self.calls {
            content.push_str(calls);
        }
        if let Some(left_out) = story::left_out(omitted) {
            content.push_str(&left_out);
            content.push('\n');
        }
        content.push_str(&self.content);
        let none: &[String] = &[];
        let (users, mobiles) =
            if self.calls { (&settings.users[..], &settings.mobiles[..]) } else { (none, none) };
        let body = match settings.sort {
            Sort::Markdown => Body::Markdown { markdown: Markdown { content } },
            Sort::MarkdownV2 => Body::MarkdownV2 { markdown_v2: Markdown { content } },
            Sort::Text => Body::Text {
                text: Text { content, mentioned_list: users, mentioned_mobile_list: mobiles },
            },
        };
        // Into memory, and only strings and lists: this cannot fail.
        let written = serde_json::to_vec(&body);
        debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
        let more = match self.members.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Message {
            alerts: self.members,
            summary: cut::short_bytes(&self.summary, SUMMARY_BYTES_MAX - more.len()) + &more,
            content_type: CONTENT_TYPE.into(),
            body: written.unwrap_or_default(),
            notes: vec![(USER_AGENT.into(), context.engine.clone())],
            // A robot has no handle by which it would know a message again.
            repeat_safe_ms: 0,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "msgtype", rename_all = "snake_case")]
enum Body<'a> {
    Markdown {
        markdown: Markdown,
    },
    #[serde(rename = "markdown_v2")]
    MarkdownV2 {
        markdown_v2: Markdown,
    },
    Text {
        text: Text<'a>,
    },
}

#[derive(Serialize)]
struct Markdown {
    content: String,
}

#[derive(Serialize)]
struct Text<'a> {
    content: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    mentioned_list: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    mentioned_mobile_list: &'a [String],
}

/// The line that calls users, where that stands in the content.
fn calls(settings: &Settings) -> String {
    if settings.sort != Sort::Markdown || settings.users.is_empty() {
        return String::new();
    }
    let users: Vec<_> = settings.users.iter().map(|id| format!("<@{id}>")).collect();
    users.join(" ") + "\n"
}

/// What tells of one alert, at most `room` bytes.
fn section(alert: &Alert, context: &Context, sort: Sort, bounds: &Bounds, room: usize) -> String {
    let shown = |text: &str, max| escaped(text, max, sort);
    let headline = shown(&story::headline(alert, context.purpose), bounds.headline);
    let mark = mark(alert);
    let mut before = match sort {
        Sort::Markdown => format!("### {mark} {}", in_font(font(alert), &headline)),
        Sort::MarkdownV2 => format!("### {mark} {headline}"),
        Sort::Text => format!("{mark} {headline}"),
    };
    if let Some(over) = story::over(alert) {
        before.push('\n');
        before.push_str(&shown(&over, OVER_BYTES_MAX));
    }

    let mut after = String::new();
    let mut row = |name: &str, value: String| {
        after.push_str(match sort {
            Sort::Text => "\n",
            Sort::Markdown | Sort::MarkdownV2 => "\n> ",
        });
        // What is to be read first is not gray: the name is, or a value that has none.
        after.push_str(&match (sort, name) {
            (Sort::Markdown, "") => in_font(COMMENT, &value),
            (_, "") => value,
            (Sort::Markdown, name) => format!("{} {value}", in_font(COMMENT, &format!("{name}:"))),
            (Sort::MarkdownV2 | Sort::Text, name) => format!("{name}: {value}"),
        });
    };
    let rows = story::rows(alert);
    for (name, value) in &rows {
        row(name, shown(value, bounds.value));
    }
    let labels = story::labels(alert, &rows);
    if !labels.is_empty() {
        row("Labels", shown(&labels, bounds.labels));
    }
    row("", shown(&meta(alert, context), bounds.meta));
    if let Some(page) = alert.link.as_deref().and_then(|one| address(one, bounds.link)) {
        after.push_str(&match sort {
            Sort::Markdown => format!("\n[Open the alert]({page})"),
            // Else it would be of the quote before it.
            Sort::MarkdownV2 => format!("\n\n[Open the alert]({page})"),
            Sort::Text => format!("\nOpen the alert: {page}"),
        });
    }

    let left = room.saturating_sub(before.len() + after.len() + 1);
    let text = story::text(alert).map(|text| shown(&unindented(&text, sort), left));
    let mut section = before;
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        section.push('\n');
        section.push_str(&text);
    }
    section + &after
}

/// When, of what sort, and from where.
fn meta(alert: &Alert, context: &Context) -> String {
    let parts = story::origin(alert, context);
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

/// An indented line is code in markdown.
fn unindented(text: &str, sort: Sort) -> String {
    if sort == Sort::Text {
        return text.to_owned();
    }
    text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// How bad it is: the colors tell too few apart, and a text has none.
fn mark(alert: &Alert) -> &'static str {
    match (alert.action, alert.severity) {
        (Action::Release, _) => "\u{2705}",
        (_, Severity::None | Severity::Debug) => "\u{26aa}",
        (_, Severity::Info | Severity::Notice) => "\u{1f535}",
        (_, Severity::Warning) => "\u{1f7e1}",
        (_, Severity::Error) => "\u{1f7e0}",
        (_, Severity::Critical | Severity::Alert | Severity::Emergency) => "\u{1f534}",
    }
}

/// Gray.
const COMMENT: &str = "comment";

/// WeCom's three colors: gray, green (`info`) and orange.
fn font(alert: &Alert) -> &'static str {
    match (alert.action, alert.severity) {
        (Action::Release, _) | (_, Severity::Notice) => "info",
        (_, Severity::None | Severity::Debug | Severity::Info) => COMMENT,
        _ => "warning",
    }
}

fn in_font(color: &str, text: &str) -> String {
    format!("<font color=\"{color}\">{text}</font>")
}

#[cfg(test)]
mod tests;
