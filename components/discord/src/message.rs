//! Packs alerts into messages, an embed for each.
//!
//! Promise: alerts keep their order, an embed does not depend on where it stands, and a message is
//! within Discord's limits. An alert whose message will be changed or has a thread of its own goes
//! alone.

use campanile_guest::discord_markdown::literal;
use campanile_guest::{
    Action, Alert, Context, Formatted, Message, OnRelease, Subject, release, story,
};
use serde::Serialize;

use crate::embed::{EMBEDS_MAX, Embed, UNITS_MAX};
use crate::settings::{Settings, Thread};

/// The note that says who is asking; `deliver` is not told by itself.
pub(crate) const ENGINE: &str = "engine";
/// The note of a message that takes the place of the one that told of its alert before.
pub(crate) const EDIT: &str = "edit";

const SUMMARY_CHARS_MAX: usize = 200;

/// Puts the alerts, in their order, into messages.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut formatted = Formatted { messages: vec![], skipped: vec![], rejected: vec![] };
    let mut open = Open::default();
    // Told once, in the first message.
    let mut omitted = context.omitted;
    let close = |open: &mut Open, omitted: &mut u32, messages: &mut Vec<Message>| {
        let open = std::mem::take(open);
        if !open.members.is_empty() {
            messages.push(open.close(context, settings, std::mem::take(omitted)));
        }
    };
    for (at, subject) in (0_u32..).zip(subjects) {
        let alert = &subject.alert;
        if alert.action == Action::Release && settings.on_release == OnRelease::None {
            formatted.skipped.push(release::untold(at));
            continue;
        }
        let embed = Embed::of(alert, context);
        let is_alone = is_alone(alert, settings);
        if is_alone || open.is_full(&embed) {
            close(&mut open, &mut omitted, &mut formatted.messages);
        }
        open.take(at, alert, embed, context);
        if is_alone {
            open.is_edit = is_edit(alert, settings);
            close(&mut open, &mut omitted, &mut formatted.messages);
        }
    }
    close(&mut open, &mut omitted, &mut formatted.messages);
    formatted
}

fn is_alone(alert: &Alert, settings: &Settings) -> bool {
    let has_own_thread = matches!(settings.thread, Some(Thread::New { .. }));
    alert.action != Action::Store && (settings.on_release == OnRelease::Edit || has_own_thread)
}

fn is_edit(alert: &Alert, settings: &Settings) -> bool {
    alert.action == Action::Release && settings.on_release == OnRelease::Edit
}

/// A message that may still take alerts.
#[derive(Default)]
struct Open {
    members: Vec<u32>,
    embeds: Vec<Embed>,
    units: usize,
    /// Of the first.
    summary: String,
    /// One of them is not over.
    calls: bool,
    is_edit: bool,
}

impl Open {
    fn is_full(&self, next: &Embed) -> bool {
        self.embeds.len() >= EMBEDS_MAX as usize || self.units + next.units() > UNITS_MAX
    }

    fn take(&mut self, at: u32, alert: &Alert, embed: Embed, context: &Context) {
        if self.members.is_empty() {
            self.summary = story::notice(alert, context.purpose);
        }
        self.members.push(at);
        self.units += embed.units();
        self.embeds.push(embed);
        // Nobody is to be called for what is over.
        self.calls |= alert.action != Action::Release;
    }

    fn close(self, context: &Context, settings: &Settings, omitted: u32) -> Message {
        let none: &[String] = &[];
        let (roles, users) =
            if self.calls { (&settings.roles[..], &settings.users[..]) } else { (none, none) };
        let body = Body {
            username: settings.username.as_deref(),
            avatar_url: settings.avatar_url.as_deref(),
            content: content(roles, users, omitted),
            allowed_mentions: Mentions { parse: [], roles, users },
            embeds: self.embeds,
        };
        // Into memory, and only strings, numbers and lists: this cannot fail.
        let written = serde_json::to_vec(&body);
        debug_assert!(written.is_ok(), "a message is always JSON: {written:?}");
        let more = match self.members.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let mut notes = vec![(ENGINE.to_owned(), context.engine.clone())];
        notes.extend(self.is_edit.then(|| (EDIT.to_owned(), String::new())));
        Message {
            alerts: self.members,
            summary: literal(&self.summary, SUMMARY_CHARS_MAX - more.len()) + &more,
            content_type: "application/json".into(),
            body: written.unwrap_or_default(),
            notes,
            // A webhook has no handle by which it would know a message again.
            repeat_safe_ms: 0,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<&'a str>,
    /// Empty too: an edit takes away what was there.
    content: String,
    allowed_mentions: Mentions<'a>,
    embeds: Vec<Embed>,
}

/// Whom a message may notify: these, whatever its texts hold.
#[derive(Serialize)]
struct Mentions<'a> {
    /// No sort of mention is looked for in the content.
    parse: [&'static str; 0],
    roles: &'a [String],
    users: &'a [String],
}

/// The settings let through ids alone.
fn content(roles: &[String], users: &[String], omitted: u32) -> String {
    let roles = roles.iter().map(|id| format!("<@&{id}>"));
    let mentions: Vec<_> = roles.chain(users.iter().map(|id| format!("<@{id}>"))).collect();
    let mut lines = vec![mentions.join(" ")];
    lines.extend(story::left_out(omitted));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

#[cfg(test)]
mod tests;
