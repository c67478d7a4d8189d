//! Builds the text that tells of an alert.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone. Nothing that came
//! with an alert is markup in them, or becomes a mention, a command or a link: it stands in `<code>`
//! or `<pre>`, where Telegram looks for none, or is set apart. What is shown counts at most 4096
//! UTF-16 units; what the producer wrote leaves room for the rest, so that no tag is cut, and goes on
//! in two more messages at most.
//!
//! The chat, and the message to answer, are added when it is sent.

use campanile_guest::{
    Action, Alert, Context, Message, Severity, Subject, cut, mrkdwn, story, telegram_html as html,
};
use serde::Serialize;

use crate::settings::Settings;

/// In UTF-16 units of what is shown: Telegram's own.
pub(crate) const TEXT_MAX: usize = 4096;
const HEADLINE_MAX: usize = 256;
const VALUE_MAX: usize = 200;
const SHORT_MAX: usize = 100;
const LABELS_MAX: usize = 500;
const SUMMARY_CHARS_MAX: usize = 200;
/// In bytes, tags included. Plain text shows the whole address, and has to leave room for the rest.
const LINK_MAX: usize = 2000;
const PLAIN_LINK_MAX: usize = 1000;
/// The most messages that tell of one alert.
const PARTS_MAX: usize = 3;

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
pub(crate) const USER_AGENT: &str = "user-agent";
/// The key of the body under which the texts of further messages are; not one of Telegram's.
pub(crate) const MORE: &str = "more";

/// The message that tells of one alert, at position `at`.
pub(crate) fn tell(at: u32, subject: &Subject, context: &Context, settings: &Settings) -> Message {
    let alert = &subject.alert;
    let mut parts = parts(alert, context, settings.is_html);
    if !settings.is_html {
        parts.iter_mut().for_each(|part| *part = html::shown(part, TEXT_MAX));
    }
    let body = Body {
        text: parts.remove(0),
        parse_mode: settings.is_html.then_some("HTML"),
        link_preview_options: LinkPreview { is_disabled: true },
        disable_notification: settings.silent.unwrap_or_else(|| is_silent(alert)),
        protect_content: settings.protect_content,
        more: parts,
    };
    // Into memory, and only strings, booleans and lists: this cannot fail.
    let written = serde_json::to_vec(&body);
    debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
    let mut notes = vec![(USER_AGENT.to_owned(), context.engine.clone())];
    notes.extend(settings.on_release.note(subject));
    Message {
        alerts: vec![at],
        summary: mrkdwn::literal(&story::notice(alert, context.purpose), SUMMARY_CHARS_MAX),
        content_type: "application/json".into(),
        body: written.unwrap_or_default(),
        notes,
        // Telegram has no handle by which it would know a message again.
        repeat_safe_ms: 0,
    }
}

#[derive(Serialize)]
struct Body {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parse_mode: Option<&'static str>,
    link_preview_options: LinkPreview,
    disable_notification: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    protect_content: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more: Vec<String>,
}

#[derive(Serialize)]
struct LinkPreview {
    is_disabled: bool,
}

/// What is over calls nobody, and neither does what is below an error.
fn is_silent(alert: &Alert) -> bool {
    alert.action == Action::Release || alert.severity < Severity::Error
}

/// How bad it is, before any word of it: the nearest there is to the colors of other services.
fn sign(alert: &Alert) -> &'static str {
    match (alert.action, alert.severity) {
        (Action::Release, _) => "\u{2705}",
        (_, Severity::None | Severity::Debug) => "\u{26aa}",
        (_, Severity::Info | Severity::Notice) => "\u{1f535}",
        (_, Severity::Warning) => "\u{1f7e1}",
        (_, Severity::Error) => "\u{1f7e0}",
        (_, Severity::Critical) => "\u{1f534}",
        (_, Severity::Alert | Severity::Emergency) => "\u{1f7e3}",
    }
}

/// The texts of the messages that tell of an alert, one at least. The first tells all but the end of
/// a long text, which goes on in the others.
fn parts(alert: &Alert, context: &Context, is_html: bool) -> Vec<String> {
    let headline = html::inert(&story::headline(alert, context.purpose), HEADLINE_MAX);
    let mut head = vec![format!("{} <b>{headline}</b>", sign(alert))];
    head.extend(story::over(alert).map(|over| html::inert(&over, VALUE_MAX)));
    let mut tail = details(alert, context, is_html);
    let max = if is_html { LINK_MAX } else { PLAIN_LINK_MAX };
    let link = alert.link.as_deref().and_then(|link| html::link(link, "Open the alert", max));
    tail.extend(link.clone());

    // Each line has a break: one of the head behind it, one of the tail before it.
    let counted = |line: &String| 1 + units(line, is_html);
    let room = TEXT_MAX.saturating_sub(head.iter().chain(&tail).map(counted).sum());
    let whole = story::text(alert).map(|text| quoted(&text, is_html));
    let (text, rest) = whole.as_deref().map(|whole| block(whole, room)).unzip();
    let first: Vec<_> = head.into_iter().chain(text).chain(tail).collect();
    let mut parts = vec![first.join("\n")];
    let mut rest = rest.unwrap_or_default();
    while !rest.is_empty() && parts.len() < PARTS_MAX {
        let (mut text, behind) = block(rest, TEXT_MAX);
        let is_cut = parts.len() + 1 == PARTS_MAX && !behind.is_empty();
        // Where to read what has no room here.
        if let Some(link) = link.as_ref().filter(|_| is_cut) {
            text = format!("{}\n{link}", block(rest, TEXT_MAX - counted(link)).0);
        }
        parts.push(text);
        rest = behind;
    }
    parts
}

/// As much of a text as `max` units show, up to the end of a line if one ends in the second half of
/// it, and with an ellipsis if it goes on; and the rest.
fn block(text: &str, max: usize) -> (String, &str) {
    let (shown, rest, mark) = if cut::utf16(text, max).len() == text.len() {
        (text, "", "")
    } else {
        let fits = cut::utf16(text, max.saturating_sub(1));
        let is_line = text[fits.len()..].starts_with('\n');
        let end = fits.rfind('\n').filter(|end| !is_line && *end >= fits.len() / 2);
        let (shown, rest) = text.split_at(end.unwrap_or(fits.len()));
        (shown.trim_end_matches('\n'), rest.trim_start_matches('\n'), "\u{2026}")
    };
    (format!("<pre>{}{mark}</pre>", html::escaped(shown, max)), rest)
}

/// Who and where, when, and of what sort.
fn details(alert: &Alert, context: &Context, is_html: bool) -> Vec<String> {
    let row = |name: &str, value: &str, max| {
        let value = html::escaped(&quoted(value, is_html), max);
        // To be tapped and copied, and never a link.
        format!("<b>{name}</b> <code>{value}</code>")
    };
    let rows = story::rows(alert);
    let mut lines: Vec<_> = rows.iter().map(|(name, value)| row(name, value, VALUE_MAX)).collect();
    let labels = story::labels(alert, &rows);
    if !labels.is_empty() {
        lines.push(row("Labels", &labels, LABELS_MAX));
    }
    let parts = story::origin(alert, context);
    let told = parts.iter().filter(|part| !part.is_empty());
    let told: Vec<_> = told.map(|part| html::inert(part, SHORT_MAX)).collect();
    lines.push(format!("<i>{}</i>", told.join(", ")));
    lines.extend(story::left_out(context.omitted).map(|left_out| format!("<i>{left_out}</i>")));
    lines
}

/// What is to stand in `<code>` or `<pre>`: as it is, or set apart where those will be taken away.
fn quoted(text: &str, is_html: bool) -> String {
    if is_html {
        return text.to_owned();
    }
    html::shown(&html::inert(text, usize::MAX), usize::MAX)
}

/// What Telegram counts of a line.
fn units(line: &str, is_html: bool) -> usize {
    if is_html { html::units(line) } else { html::shown(line, TEXT_MAX).encode_utf16().count() }
}

#[cfg(test)]
mod tests;
