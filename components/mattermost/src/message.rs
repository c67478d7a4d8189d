//! Builds the post that tells of an alert.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone. Nothing that came
//! with an alert is markup in them, and all bounds together stay below the 7900 characters that
//! older servers take of attachments.
//!
//! It is an attachment: only that has a bar of color, names beside values, and one look on any
//! server. Where it goes, and under which key, is added when it is sent.

use campanile_guest::{
    Action, Alert, Context, Message, Subject, color, mattermost_markdown as markdown, mrkdwn, story,
};
use serde::Serialize;

use crate::settings::{Mode, Settings};

/// In characters, escapes included. The server cuts a footer at 300.
const TITLE_MAX: usize = 250;
const FALLBACK_MAX: usize = 400;
const TEXT_MAX: usize = 3500;
const VALUE_MAX: usize = 300;
const LABELS_MAX: usize = 600;
const FOOTER_MAX: usize = 300;
const LINK_MAX: usize = 1000;
const SUMMARY_CHARS_MAX: usize = 200;
/// Two values that are longer do not fit side by side.
const SHORT_CHARS_MAX: usize = 40;

/// For how long the server knows a post by its key: `PendingPostIDsCacheTTL`.
const REPEAT_SAFE_MS: u32 = 30_000;

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
pub(crate) const USER_AGENT: &str = "user-agent";

/// The message that tells of one alert, at position `at`.
pub(crate) fn tell(at: u32, subject: &Subject, context: &Context, settings: &Settings) -> Message {
    let alert = &subject.alert;
    let notice = story::notice(alert, context.purpose);
    let attachments = [attachment(alert, &notice, context)];
    let written = match settings.mode {
        Mode::Rest => {
            let metadata = priority(alert, settings).map(|priority| Metadata { priority });
            serde_json::to_vec(&Post { message: "", props: Props { attachments }, metadata })
        }
        Mode::Webhook => serde_json::to_vec(&Hook {
            channel: settings.channel.as_deref(),
            username: settings.username.as_deref(),
            icon_url: settings.icon_url.as_deref(),
            icon_emoji: settings.icon_emoji.as_deref(),
            attachments,
            priority: priority(alert, settings),
        }),
    };
    // Into memory, and only strings, booleans and lists: this cannot fail.
    debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
    let mut notes = vec![(USER_AGENT.to_owned(), context.engine.clone())];
    notes.extend(settings.on_release.note(subject));
    Message {
        alerts: vec![at],
        summary: mrkdwn::literal(&notice, SUMMARY_CHARS_MAX),
        content_type: "application/json".into(),
        body: written.unwrap_or_default(),
        notes,
        repeat_safe_ms: if settings.mode == Mode::Rest { REPEAT_SAFE_MS } else { 0 },
    }
}

#[derive(Serialize)]
struct Post {
    message: &'static str,
    props: Props,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

#[derive(Serialize)]
struct Props {
    attachments: [Attachment; 1],
}

#[derive(Serialize)]
struct Metadata {
    priority: Priority,
}

#[derive(Serialize)]
struct Hook<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<&'a str>,
    attachments: [Attachment; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
}

#[derive(Serialize)]
struct Priority {
    priority: &'static str,
    requested_ack: bool,
}

#[derive(Serialize)]
struct Attachment {
    /// What is shown where an attachment cannot be.
    fallback: String,
    color: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title_link: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    footer: String,
}

#[derive(Serialize)]
struct Field {
    short: bool,
    title: &'static str,
    value: String,
}

/// What is over is urgent to nobody. The server takes none on an answer, and none on an edit.
fn priority(alert: &Alert, settings: &Settings) -> Option<Priority> {
    if alert.action == Action::Release {
        return None;
    }
    match settings.priority(alert.severity) {
        "" => None,
        priority => Some(Priority { priority, requested_ack: settings.requested_ack }),
    }
}

fn attachment(alert: &Alert, notice: &str, context: &Context) -> Attachment {
    let headline = story::headline(alert, context.purpose);
    let title_link = alert.link.as_deref().and_then(|link| markdown::address(link, LINK_MAX));
    // A title that is a link is shown as it is; any other is read as Markdown.
    let title = match title_link {
        Some(_) => markdown::inert(&headline, TITLE_MAX),
        None => markdown::escaped(&headline, TITLE_MAX),
    };
    let rows = story::rows(alert);
    let mut fields: Vec<_> =
        rows.iter().map(|(name, value)| field(name, value, VALUE_MAX)).collect();
    let labels = story::labels(alert, &rows);
    if !labels.is_empty() {
        fields.push(Field { short: false, ..field("Labels", &labels, LABELS_MAX) });
    }
    Attachment {
        fallback: markdown::inert(notice, FALLBACK_MAX),
        color: color::hex(alert.action, alert.severity),
        title,
        title_link,
        text: text(alert, context),
        fields,
        footer: footer(alert, context),
    }
}

fn field(title: &'static str, value: &str, max: usize) -> Field {
    Field {
        short: value.chars().count() <= SHORT_CHARS_MAX,
        title,
        value: markdown::escaped(value, max),
    }
}

/// That it is over, what the producer wrote, and what is not told.
fn text(alert: &Alert, context: &Context) -> String {
    let parts: Vec<_> = [story::over(alert), story::text(alert)].into_iter().flatten().collect();
    let mut text = markdown::escaped(&parts.join("\n\n"), TEXT_MAX);
    if let Some(left_out) = story::left_out(context.omitted) {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&format!("_{left_out}_"));
    }
    text
}

/// When, of what sort, and from where.
fn footer(alert: &Alert, context: &Context) -> String {
    let parts = story::origin(alert, context);
    let told: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    markdown::inert(&told.join(" | "), FOOTER_MAX)
}

#[cfg(test)]
mod tests;
