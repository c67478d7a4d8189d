//! Packs alerts into cards, and builds the request for a card.
//!
//! Promise: alerts keep their order, the bytes depend on the alerts, the context and the settings
//! alone, and no body is larger than [`BODY_BYTES_MAX`]. Teams takes about 28 KB, but says so inside
//! the flow, when our POST was answered long ago: a larger card would be lost without a word.

use campanile_guest::{
    Action, Alert, Coding, Context, Filling, Formatted, Message, Method, OnRelease, Request,
    Severity, Subject, cut, release, story,
};
use serde::Serialize;

use crate::card::{self, Bounds, Element, OpenUrl};
use crate::settings::{Mention, Settings};

/// The most that a body has, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 20_000;

/// What is told of an alert that stands alone: of the first row that fits. The text is shortened
/// first, then the labels, then names and values.
const ALONE: [Bounds; 6] = [
    Bounds { text: 4000, labels: 1000, value: 500 },
    Bounds { text: 1500, labels: 1000, value: 500 },
    Bounds { text: 500, labels: 1000, value: 500 },
    Bounds { text: 500, labels: 200, value: 500 },
    Bounds { text: 500, labels: 200, value: 200 },
    Bounds { text: 100, labels: 0, value: 50 },
];

/// What is told of an alert beside others.
const BESIDE: Bounds = Bounds { text: 600, labels: 200, value: 200 };

const FALLBACK_MAX: usize = 400;
const SUMMARY_CHARS_MAX: usize = 200;

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
const USER_AGENT: &str = "user-agent";

/// How long to wait for the whole answer, in milliseconds.
const TIMEOUT_MS: u32 = 30_000;

/// Puts the alerts, in their order, into cards.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut formatted = Formatted { messages: vec![], skipped: vec![], rejected: vec![] };
    let mut told: Vec<(u32, &Alert)> = Vec::with_capacity(subjects.len());
    for (at, subject) in (0_u32..).zip(subjects) {
        if subject.alert.action == Action::Release && settings.on_release == OnRelease::None {
            formatted.skipped.push(release::untold(at));
        } else {
            told.push((at, &subject.alert));
        }
    }
    // Told once, in the first card.
    let mut omitted = context.omitted;
    let mut rest = told.as_slice();
    while !rest.is_empty() {
        let count = fitting(rest, omitted, context, settings);
        let (now, later) = rest.split_at(count);
        formatted.messages.push(message(now, omitted, context, settings));
        (rest, omitted) = (later, 0);
    }
    formatted
}

/// The POST that hands a message over.
pub(crate) fn request(message: Message, url: &str) -> Request {
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let mut headers = vec![("content-type".to_owned(), message.content_type)];
    headers.extend(agent);
    Request {
        method: Method::Post,
        url: url.to_owned(),
        headers,
        body: message.body,
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment<'a> {
    content_type: &'static str,
    content_url: Option<&'static str>,
    content: Card<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Card<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    r#type: &'static str,
    version: &'static str,
    fallback_text: String,
    msteams: ForTeams<'a>,
    body: Vec<Element>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<OpenUrl>,
}

#[derive(Serialize)]
struct ForTeams<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<Entity<'a>>,
}

/// Says who is meant by a text between `<at>` and `</at>`.
#[derive(Serialize)]
struct Entity<'a> {
    r#type: &'static str,
    text: String,
    mentioned: Mentioned<'a>,
}

#[derive(Serialize)]
struct Mentioned<'a> {
    id: &'a str,
    name: &'a str,
}

/// How many alerts, from the first, one card has room for: at least one.
fn fitting(
    alerts: &[(u32, &Alert)],
    omitted: u32,
    context: &Context,
    settings: &Settings,
) -> usize {
    let most = alerts.len().min(settings.alerts_max);
    if most < 2 {
        return 1;
    }
    // No heading is longer.
    let longest = Heading { text: format!("{most} alerts, worst EMERGENCY"), color: "Attention" };
    let mut bytes = many(&[], &longest, omitted, context, settings).len();
    let fallback = card::fallback(alerts[0].1, context.purpose, FALLBACK_MAX);
    // Mentions come with the first alert that is not over; here they count in any case.
    bytes += written(&fallback).len() + written(&calls(settings)).len();
    let mut count = 0;
    for (_, alert) in &alerts[..most] {
        bytes += written(&card::section(alert, context, BESIDE)).len() + 1;
        if bytes > BODY_BYTES_MAX {
            break;
        }
        count += 1;
    }
    count.max(1)
}

fn message(
    alerts: &[(u32, &Alert)],
    omitted: u32,
    context: &Context,
    settings: &Settings,
) -> Message {
    let first = story::notice(alerts[0].1, context.purpose);
    let (body, summary) = if let [(_, alert)] = alerts {
        (alone(alert, omitted, context, settings), first)
    } else {
        let heading = heading(alerts);
        let body = many(alerts, &heading, omitted, context, settings);
        (body, format!("{}: {first}", heading.text))
    };
    debug_assert!(body.len() <= BODY_BYTES_MAX, "{} bytes", body.len());
    Message {
        alerts: alerts.iter().map(|(at, _)| *at).collect(),
        summary: cut::chars(&summary, SUMMARY_CHARS_MAX).to_owned(),
        content_type: "application/json".into(),
        body,
        notes: vec![(USER_AGENT.into(), context.engine.clone())],
        // A flow does not know a message again.
        repeat_safe_ms: 0,
    }
}

fn alone(alert: &Alert, omitted: u32, context: &Context, settings: &Settings) -> Vec<u8> {
    let is_called = is_called([alert].into_iter(), settings);
    let mut body = vec![];
    for bounds in ALONE {
        let call = is_called.then(|| card::call(&settings.mention));
        let mut parts = card::whole(alert, context, call, bounds);
        parts.extend(left_out(omitted));
        let fallback = card::fallback(alert, context.purpose, FALLBACK_MAX);
        body = written(&envelope(fallback, parts, card::open(alert), is_called, settings));
        if body.len() <= BODY_BYTES_MAX {
            break;
        }
    }
    body
}

/// What several alerts are headed by.
struct Heading {
    text: String,
    color: &'static str,
}

/// How many, and how bad it is: the worst of what is not over.
fn heading(alerts: &[(u32, &Alert)]) -> Heading {
    let count = alerts.len();
    let open = alerts.iter().map(|(_, alert)| *alert).filter(|one| one.action != Action::Release);
    match open.max_by_key(|alert| alert.severity.number()) {
        Some(worst) if worst.severity == Severity::None => {
            Heading { text: format!("{count} alerts"), color: card::color(worst) }
        }
        Some(worst) => {
            let severity = worst.severity.name().to_uppercase();
            let text = format!("{count} alerts, worst {severity}");
            Heading { text, color: card::color(worst) }
        }
        None => Heading { text: format!("{count} alerts, all RESOLVED"), color: "Good" },
    }
}

fn many(
    alerts: &[(u32, &Alert)],
    heading: &Heading,
    omitted: u32,
    context: &Context,
    settings: &Settings,
) -> Vec<u8> {
    let is_called = is_called(alerts.iter().map(|(_, alert)| *alert), settings);
    let mut parts = vec![card::title(&heading.text, heading.color)];
    if is_called {
        parts.push(card::call(&settings.mention));
    }
    parts.extend(alerts.iter().map(|(_, alert)| card::section(alert, context, BESIDE)));
    parts.extend(left_out(omitted));
    let first = alerts.first().map(|(_, alert)| *alert);
    let fallback = first.map(|alert| card::fallback(alert, context.purpose, FALLBACK_MAX));
    let fallback = format!("{}: {}", heading.text, fallback.unwrap_or_default());
    written(&envelope(fallback, parts, None, is_called, settings))
}

fn envelope(
    fallback_text: String,
    body: Vec<Element>,
    open: Option<OpenUrl>,
    is_called: bool,
    settings: &Settings,
) -> Body<'_> {
    let called: &[Mention] = if is_called { &settings.mention } else { &[] };
    let content = Card {
        schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        r#type: "AdaptiveCard",
        version: settings.card_version.0,
        fallback_text,
        msteams: ForTeams {
            width: settings.full_width.then_some("Full"),
            entities: called.iter().map(entity).collect(),
        },
        body,
        actions: open.into_iter().collect(),
    };
    let content_type = "application/vnd.microsoft.card.adaptive";
    Body {
        r#type: "message",
        attachments: [Attachment { content_type, content_url: None, content }],
    }
}

fn entity(mention: &Mention) -> Entity<'_> {
    let mentioned = Mentioned { id: &mention.id, name: &mention.name };
    Entity { r#type: "mention", text: card::at(mention), mentioned }
}

/// All that mentions add to a card.
fn calls(settings: &Settings) -> (Vec<Entity<'_>>, Element) {
    (settings.mention.iter().map(entity).collect(), card::call(&settings.mention))
}

/// Nobody is to be called for what is over.
fn is_called<'a>(mut alerts: impl Iterator<Item = &'a Alert>, settings: &Settings) -> bool {
    !settings.mention.is_empty() && alerts.any(|alert| alert.action != Action::Release)
}

fn left_out(omitted: u32) -> Option<Element> {
    story::left_out(omitted).map(card::remark)
}

fn written(value: &impl Serialize) -> Vec<u8> {
    // Into memory, and only strings, booleans and lists: this cannot fail.
    let written = serde_json::to_vec(value);
    debug_assert!(written.is_ok(), "a card is always JSON: {written:?}");
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests;
