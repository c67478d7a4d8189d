//! Builds the text that tells of an alert.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone. Nothing that came
//! with an alert is markup in them, or becomes a mention, a command or a link: it stands in `<code>`
//! or `<pre>`, where Telegram looks for none, or is set apart. What is shown counts at most 4096
//! UTF-16 units; what the producer wrote is cut to leave room for the rest, so that no tag is.
//!
//! The chat, and the message to answer, are added when it is sent.

use campanile_guest::{
    Action, Alert, Context, Message, Severity, Subject, mrkdwn, plain, story, telegram_html as html,
};
use serde::Serialize;

use crate::settings::{OnRelease, Settings};

/// In UTF-16 units of what is shown: Telegram's own.
pub(crate) const TEXT_MAX: usize = 4096;
const HEADLINE_MAX: usize = 256;
const VALUE_MAX: usize = 200;
const SHORT_MAX: usize = 100;
const LABELS_MAX: usize = 500;
const SUMMARY_CHARS_MAX: usize = 200;
/// In bytes, tags included.
const LINK_MAX: usize = 2000;

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
pub(crate) const USER_AGENT: &str = "user-agent";
/// The note that says what becomes of the message that told of the beginning.
pub(crate) const ON_RELEASE: &str = "on-release";

/// The message that tells of one alert, at position `at`.
pub(crate) fn tell(at: u32, subject: &Subject, context: &Context, settings: &Settings) -> Message {
    let alert = &subject.alert;
    let text = text(alert, context);
    let body = Body {
        text: if settings.is_html { text } else { html::shown(&text, TEXT_MAX) },
        parse_mode: settings.is_html.then_some("HTML"),
        link_preview_options: LinkPreview { is_disabled: true },
        disable_notification: settings.silent.unwrap_or_else(|| is_silent(alert)),
        protect_content: settings.protect_content,
    };
    // Into memory, and only strings, booleans and lists: this cannot fail.
    let written = serde_json::to_vec(&body);
    debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
    let mut notes = vec![(USER_AGENT.to_owned(), context.engine.clone())];
    let way = match settings.on_release {
        _ if alert.action != Action::Release || subject.previous.is_none() => None,
        OnRelease::Reply => Some("reply"),
        OnRelease::Edit => Some("edit"),
        OnRelease::New => None,
    };
    notes.extend(way.map(|way| (ON_RELEASE.to_owned(), way.to_owned())));
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

fn text(alert: &Alert, context: &Context) -> String {
    let headline = html::inert(&story::headline(alert, context.purpose), HEADLINE_MAX);
    let mut head = vec![format!("{} <b>{headline}</b>", sign(alert))];
    head.extend(story::over(alert).map(|over| html::inert(&over, VALUE_MAX)));
    let tail = details(alert, context);

    // Each line has a break: one of the head behind it, one of the tail before it.
    let counted = |lines: &[String]| lines.iter().map(|one| html::units(one) + 1).sum::<usize>();
    let room = TEXT_MAX.saturating_sub(counted(&head) + counted(&tail));
    let text = story::text(alert).map(|text| format!("<pre>{}</pre>", html::escaped(&text, room)));
    let lines: Vec<_> = head.into_iter().chain(text).chain(tail).collect();
    lines.join("\n")
}

/// Who and where, when, of what sort, and where to read on.
fn details(alert: &Alert, context: &Context) -> Vec<String> {
    let mut lines: Vec<_> = story::rows(alert)
        .iter()
        .map(|(name, value)| format!("<b>{name}</b> {}", code(value, VALUE_MAX)))
        .collect();
    let labels = story::labels(alert);
    if !labels.is_empty() {
        lines.push(format!("<b>Labels</b> {}", code(&labels, LABELS_MAX)));
    }
    let instance = plain::line(&context.instance);
    let parts = [
        story::when(alert),
        story::sort(alert),
        format!("by {}", plain::line(&alert.producer)),
        instance,
    ];
    let told = parts.iter().filter(|part| !part.is_empty());
    let told: Vec<_> = told.map(|part| html::inert(part, SHORT_MAX)).collect();
    lines.push(format!("<i>{}</i>", told.join(", ")));
    match context.omitted {
        0 => {}
        1 => lines.push("<i>1 alert was left out before this one</i>".to_owned()),
        count => lines.push(format!("<i>{count} alerts were left out before this one</i>")),
    }
    let link = alert.link.as_deref();
    lines.extend(link.and_then(|link| html::link(link, "Open the alert", LINK_MAX)));
    lines
}

/// To be tapped and copied, and never a link.
fn code(value: &str, max: usize) -> String {
    format!("<code>{}</code>", html::escaped(value, max))
}

#[cfg(test)]
mod tests;
