//! Builds the message for an alert, and the request for a message.
//!
//! Promise: the bytes depend on the alert, the context and the settings alone. Nothing that came
//! with an alert is markup in them, and Slack's limits hold for any alert: the bounds below, all
//! spent, count as less than 12,000, beyond which Slack calls the blocks too long.
//!
//! The header and the mentions are blocks of the message itself, so that they are always shown and
//! a mention notifies. The rest is an attachment: only that has a bar of color, and Slack may fold
//! it. With blocks, `text` is only what a notification shows; without, it would be shown twice.
//!
//! Not here: which channel and thread a bot's message goes into ([`crate::bot`]).

use campanile_guest::{
    Action, Alert, Coding, Context, Fault, Filling, Message, Method, Request, Subject, color,
    mrkdwn, story,
};
use serde::Serialize;

use crate::blocks::{Block, SECTION_MAX, Text};
use crate::bot::{self, Head};
use crate::settings::{Settings, Way};

/// What a telephone shows of a notification, and some more.
const NOTICE_MAX: usize = 400;
const SUMMARY_CHARS_MAX: usize = 200;
/// Of a value beside a name.
const VALUE_MAX: usize = 500;
const SHORT_MAX: usize = 200;
const LABELS_MAX: usize = 1000;
/// An address that is longer is left out.
const LINK_MAX: usize = 2000;
const INSTANCE_LINK_MAX: usize = 1000;

/// The message that tells of one alert, at position `at`. `Err`: it has nowhere to go.
pub(crate) fn tell(
    at: u32,
    subject: &Subject,
    context: &Context,
    settings: &Settings,
) -> Result<Message, Fault> {
    let alert = &subject.alert;
    let notice = story::notice(alert, context.purpose);
    let mut notes = vec![(USER_AGENT.into(), context.engine.clone())];
    let head = match &settings.way {
        Way::Webhook { .. } => Head::default(),
        Way::Bot(bot) => bot::head(subject, bot, &mut notes)?,
    };
    let body = Body {
        head,
        text: mrkdwn::escaped(&notice, NOTICE_MAX),
        unfurl_links: false,
        unfurl_media: false,
        blocks: top(alert, context, settings),
        attachments: [Attachment {
            color: color::hex(alert.action, alert.severity),
            blocks: details(alert, context),
        }],
    };
    // Into memory, and only strings, booleans and lists: this cannot fail.
    let written = serde_json::to_vec(&body);
    debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
    Ok(Message {
        alerts: vec![at],
        summary: mrkdwn::literal(&notice, SUMMARY_CHARS_MAX),
        content_type: JSON.into(),
        body: written.unwrap_or_default(),
        notes,
        // Slack has no handle by which it would know a message again.
        repeat_safe_ms: 0,
    })
}

/// The POST that hands a message over to a webhook.
pub(crate) fn request(message: Message, url: &str) -> Request {
    let agent = message.notes.into_iter().find(|(name, _)| name == USER_AGENT);
    let mut headers = vec![("content-type".to_owned(), message.content_type)];
    headers.extend(agent);
    Request { headers, body: message.body, ..bare(url) }
}

/// A message without a text: a live webhook refuses it, so nothing is posted.
pub(crate) fn probe(url: &str) -> Request {
    let headers = vec![("content-type".to_owned(), JSON.to_owned())];
    Request { headers, body: b"{}".to_vec(), ..bare(url) }
}

/// The note, and the header, that says who is asking; `deliver` is not told by itself.
pub(crate) const USER_AGENT: &str = "user-agent";

pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// How long to wait for the whole answer, in milliseconds.
const TIMEOUT_MS: u32 = 20_000;

pub(crate) fn bare(url: &str) -> Request {
    Request {
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![],
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}

#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    head: Head,
    text: String,
    unfurl_links: bool,
    unfurl_media: bool,
    blocks: Vec<Block>,
    attachments: [Attachment; 1],
}

/// Nothing but these two: beside blocks, Slack refuses the older fields.
#[derive(Serialize)]
struct Attachment {
    color: String,
    blocks: Vec<Block>,
}

/// What happened, and whom to call.
fn top(alert: &Alert, context: &Context, settings: &Settings) -> Vec<Block> {
    let mut blocks = vec![Block::header(&story::headline(alert, context.purpose))];
    // Nobody is to be called for what is over.
    if alert.action != Action::Release && !settings.mention.is_empty() {
        let mentions: Vec<_> = settings.mention.iter().map(|id| mention(id)).collect();
        blocks.push(Block::section(Text::markup(mentions.join(" "))));
    }
    blocks
}

/// The settings let through ids alone.
fn mention(id: &str) -> String {
    if id.starts_with('S') { format!("<!subteam^{id}>") } else { format!("<@{id}>") }
}

fn details(alert: &Alert, context: &Context) -> Vec<Block> {
    let mut blocks = vec![];
    if let Some(over) = story::over(alert) {
        blocks.push(Block::section(Text::plain(&over, SHORT_MAX)));
    }
    if let Some(text) = story::text(alert) {
        blocks.push(Block::section(Text::plain(&text, SECTION_MAX)));
    }
    let rows = story::rows(alert);
    let labels = story::labels(alert, &rows);
    if !rows.is_empty() {
        blocks.push(Block::table(rows.into_iter(), VALUE_MAX));
    }
    let page =
        alert.link.as_deref().and_then(|link| mrkdwn::link(link, "Open the alert", LINK_MAX));
    blocks.extend(page.map(|page| Block::section(Text::markup(page))));
    blocks.push(Block::context(origin(alert, context).into_iter()));
    if !labels.is_empty() {
        blocks.push(Block::context([Text::plain(&labels, LABELS_MAX)].into_iter()));
    }
    blocks
}

/// When, of what sort, and from where.
fn origin(alert: &Alert, context: &Context) -> Vec<Text> {
    let [when, sort, producer, instance] = story::origin(alert, context);
    let short = |text: &String| Text::plain(text, SHORT_MAX);
    let mut elements: Vec<_> = [when, sort, producer].iter().map(short).collect();
    let home = context.instance_link.as_deref().and_then(|address| {
        mrkdwn::link(address, &mrkdwn::escaped(&instance, SHORT_MAX), INSTANCE_LINK_MAX)
    });
    match home {
        Some(home) => elements.push(Text::markup(home)),
        None if instance.is_empty() => {}
        None => elements.push(short(&instance)),
    }
    elements.extend(story::left_out(context.omitted).as_ref().map(short));
    elements
}

#[cfg(test)]
mod tests;
