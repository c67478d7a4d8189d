//! Builds mails: headers, and the alerts as text and as HTML.
//!
//! Promise: the bytes depend on the alerts, the context and the settings alone: date, names and
//! boundary come from the alerts. Nothing that came with an alert can end a header; each line is
//! short, plain ASCII, and ended by CR LF, unless an address is not.
//!
//! Not here: what a mail is wrapped in on its way (`envelope`, `transaction`).

use campanile_guest::settings::missing;
use campanile_guest::{
    Action, Alert, Attempt, Context, Fault, Formatted, Instant, Message, Purpose, Scope, Severity,
    Subject, plain, span, story,
};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::MimePart;

use crate::address::Mailbox;
use crate::content::{Content, shortened};
use crate::envelope::Envelope;
use crate::settings::{Format, Settings};
use crate::{answer, html, text, thread};

const CONTENT_TYPE: &str = "message/rfc822";

/// What an alert may take of a subject: programs show less. How long it lasted always stays.
const NOTICE_CHARS_MAX: usize = 120;
/// With all that stands before; some programs cut what is longer.
const SUBJECT_CHARS_MAX: usize = 200;

/// How far a producer's clock may be from ours, in milliseconds: what comes from further away looks
/// like spam, and sorts where nobody looks.
const CLOCK_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The mails for these alerts, as many in each as the recipient wants.
pub(crate) fn tell(
    subjects: &[Subject],
    context: &Context,
    settings: &Settings,
) -> Result<Formatted, Fault> {
    if settings.to.is_empty() {
        return Err(missing(Scope::Recipient, "to", "say who gets the mail"));
    }
    let mut from = 0_u32;
    let mails = subjects.chunks(settings.alerts_max.max(1)).map(|chunk| {
        let alerts: Vec<_> = chunk.iter().map(|one| &one.alert).collect();
        let count = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let at: Vec<_> = (from..from.saturating_add(count)).collect();
        from = from.saturating_add(count);
        tell_of(&alerts, at, context, settings)
    });
    Ok(mails.collect())
}

/// The mail to send, with what it is wrapped in. `None`: it was not made here.
pub(crate) fn mail(message: &Message, attempt: &Attempt) -> Option<(Envelope, Vec<u8>)> {
    let envelope = Envelope::of_notes(&message.notes)?;
    let mut mail = vec![];
    if let Some(late_ms) = answer::delayed_ms(&envelope, attempt) {
        // The same at every attempt.
        let late = span::length(late_ms);
        let first = plain::line(&attempt.first.utc);
        mail = format!("X-Campanile-Delayed: {late}; first tried {first}\r\n").into_bytes();
    }
    mail.extend_from_slice(&message.body);
    Some((envelope, mail))
}

fn tell_of(alerts: &[&Alert], at: Vec<u32>, context: &Context, settings: &Settings) -> Message {
    let summary = shortened(subject(alerts, context), SUBJECT_CHARS_MAX).into_owned();
    let prefix = &settings.subject_prefix;
    let blank = if prefix.is_empty() { "" } else { " " };
    let subject = undecodable(plain::line(&format!("{prefix}{blank}{summary}")));
    let subject = shortened(subject, SUBJECT_CHARS_MAX);
    let time_ms = alerts.iter().map(|alert| when_ms(alert)).max().unwrap_or_default();
    let (importance, priority) = importance(alerts);

    let mut mail = MessageBuilder::new()
        .from(address(&settings.sender))
        .to(addresses(&settings.to))
        .date(time_ms / 1000)
        .message_id(thread::message_id(alerts, context, settings));
    if !settings.cc.is_empty() {
        mail = mail.cc(addresses(&settings.cc));
    }
    if let Some(root) = thread::root(alerts, settings) {
        mail = mail.in_reply_to(root.clone()).references(root);
    }
    mail = mail
        .subject(subject.as_ref())
        // RFC 3834: nobody's vacation is to answer.
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header("Importance", Raw::new(importance))
        .header("X-Priority", Raw::new(priority));
    let content = Content::of(alerts, context);
    let text = || part("text/plain", &text::body(&content));
    let html = |is_alone| part("text/html", &html::body(&content, &subject, is_alone));
    let body = match settings.format {
        Format::Text => text(),
        Format::Html => html(true),
        Format::Multipart => {
            let boundary = thread::boundary(alerts);
            let of_both = ContentType::new("multipart/alternative").attribute("boundary", boundary);
            MimePart::new(of_both, vec![text(), html(false)])
        }
    };
    let mut bytes = vec![];
    mail.body(body).serialize(&mut bytes);
    Message {
        alerts: at,
        summary,
        content_type: CONTENT_TYPE.into(),
        body: bytes,
        notes: Envelope::new(settings, time_ms).to_notes(),
        // Many servers know a `Message-ID` again, and none promises it.
        repeat_safe_ms: 0,
    }
}

/// What looks like an encoded word (RFC 2047) is not to be read as one: an invisible blank parts it,
/// and everything is encoded then.
fn undecodable(text: String) -> String {
    if text.contains('=') { text.replace("=?", "=\u{200b}?") } else { text }
}

/// Always quoted-printable: most of it can be read as it is, and no line is too long.
fn part(media_type: &'static str, text: &str) -> MimePart<'static> {
    let content_type = ContentType::new(media_type).attribute("charset", "utf-8");
    MimePart::new(content_type, encodify::qp::BODY.encode(text))
        .transfer_encoding("quoted-printable")
}

/// How bad, what and whom, for the list of mails.
fn subject(alerts: &[&Alert], context: &Context) -> String {
    // The worst of what is not over, and of equals the first.
    let is_over = |alert: &Alert| alert.action == Action::Release;
    let rank = |alert: &Alert| (!is_over(alert), alert.severity.number());
    let mut alerts_by_rank = alerts.iter().copied();
    let Some(mut worst) = alerts_by_rank.next() else { return String::new() };
    for alert in alerts_by_rank {
        if rank(alert) > rank(worst) {
            worst = alert;
        }
    }
    let max = if is_over(worst) { SUBJECT_CHARS_MAX } else { NOTICE_CHARS_MAX };
    let notice = shortened(story::notice(worst, context.purpose), max);
    let of = if context.purpose == Purpose::Digest { "Digest of " } else { "" };
    match alerts.len() {
        1 if of.is_empty() => notice.into_owned(),
        1 => format!("{of}1 alert: {notice}"),
        count => format!("{of}{count} alerts: {notice}"),
    }
}

fn importance(alerts: &[&Alert]) -> (&'static str, &'static str) {
    let open = alerts.iter().filter(|alert| alert.action != Action::Release);
    match open.map(|alert| alert.severity.number()).max() {
        Some(worst) if worst >= Severity::Critical.number() => ("high", "1"),
        Some(worst) if worst >= Severity::Error.number() => ("high", "2"),
        Some(worst) if worst <= Severity::Info.number() => ("low", "5"),
        _ => ("normal", "3"),
    }
}

/// When it happened, or where that cannot be, when we were told.
fn when_ms(alert: &Alert) -> u64 {
    let told_ms = alert.received.unix_ms;
    let end = |ended: &Instant| ended.unix_ms;
    let when_ms = match alert.action {
        Action::Release => alert.ended.as_ref().map_or(told_ms, end),
        Action::Store | Action::Engage => alert.time.unix_ms,
    };
    if when_ms.abs_diff(told_ms) > CLOCK_MS_MAX { told_ms } else { when_ms }
}

fn addresses(list: &[Mailbox]) -> Address<'_> {
    Address::new_list(list.iter().map(address).collect())
}

fn address(mailbox: &Mailbox) -> Address<'_> {
    Address::new_address(mailbox.name.as_deref(), mailbox.address.as_str())
}

#[cfg(test)]
pub(crate) mod tests;
