//! Builds the messages for alerts: one datagram for each, or all of them for one write.
//!
//! Promise: the bytes of an alert's message depend on the alert, the context and the settings alone,
//! wherever it stands in a batch. It is within the length that is set, and with newline framing no
//! line feed is in it.

use campanile_guest::{
    Action, Alert, Context, Formatted, Message, Refusal, Subject, cut, ecs, plain, rfc5424, story,
};

use crate::settings::{Format, Framing, Header, Settings, Transport};
use crate::{checkmk, json, text};

const SUMMARY_CHARS_MAX: usize = 200;

/// Bytes of one write; a message that is longer stands alone.
const WRITE_BYTES_MAX: usize = 256 << 10;

/// Structured data is left out where less than this would be left for the text.
const TEXT_BYTES_LEAST: usize = 128;

/// The note that says where in a datagram the text begins, in bytes.
pub(crate) const TEXT_AT: &str = "text-at";

/// Notice: what is over is told as no more urgent than this.
const SEVERITY_OF_RELEASE: u8 = 5;

/// One syslog message.
struct One {
    bytes: String,
    /// Where the text begins.
    text_at: usize,
}

pub(crate) fn tell(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let mut formatted = Formatted { messages: vec![], skipped: vec![], rejected: vec![] };
    let framing = settings.framing();
    for (at, Subject { alert, .. }) in (0..).zip(subjects) {
        let Some(one) = one(alert, context, settings) else {
            let detail = format!(
                "not even its shortest form fits in the {} bytes of a message; raise \
                 `max_message_bytes`",
                settings.bytes_max()
            );
            formatted.rejected.push(Refusal::new(at, detail));
            continue;
        };
        let summary = plain::line(&story::notice(alert, context.purpose));
        let summary = cut::chars(&summary, SUMMARY_CHARS_MAX);
        let Some(framing) = framing else {
            let notes = vec![(TEXT_AT.into(), one.text_at.to_string())];
            formatted.messages.push(message(at, summary, one.bytes.into_bytes(), notes));
            continue;
        };
        let framed = framed(&one.bytes, framing);
        match formatted.messages.last_mut() {
            Some(last) if last.body.len() + framed.len() <= WRITE_BYTES_MAX => {
                last.alerts.push(at);
                last.body.extend(framed.into_bytes());
            }
            _ => formatted.messages.push(message(at, summary, framed.into_bytes(), vec![])),
        }
    }
    for message in &mut formatted.messages {
        match message.alerts.len() {
            0 | 1 => {}
            count => message.summary.push_str(&format!(" (and {} more)", count - 1)),
        }
    }
    formatted
}

fn message(at: u32, summary: &str, body: Vec<u8>, notes: Vec<(String, String)>) -> Message {
    Message {
        alerts: vec![at],
        summary: summary.into(),
        content_type: "text/plain; charset=utf-8".into(),
        body,
        notes,
        // A receiver knows no message again.
        repeat_safe_ms: 0,
    }
}

/// As it stands on a connection (RFC 6587, 3.4).
fn framed(one: &str, framing: Framing) -> String {
    match framing {
        Framing::Newline => format!("{one}\n"),
        Framing::OctetCounting => format!("{} {one}", one.len()),
    }
}

/// `None`: it does not fit.
fn one(alert: &Alert, context: &Context, settings: &Settings) -> Option<One> {
    let bytes_max = settings.bytes_max();
    let (mut bytes, whole) = match settings.format {
        Format::Checkmk => {
            // Behind the older header the element is a part of the text, as ntopng sends it to a
            // daemon.
            let head = head(alert, context, settings);
            let room = bytes_max.saturating_sub(head.len() + 1 + rfc5424::BOM.len());
            let checkmk::Parts { element, text } = checkmk::parts(alert, context, settings, room);
            (format!("{head}{element} "), text)
        }
        Format::Json => {
            let head = head_with_data(alert, context, settings);
            let room = bytes_max.checked_sub(head.len() + rfc5424::BOM.len())?;
            let document = json::document(alert, context, room)?;
            (head, document)
        }
        Format::Ecs => {
            let head = head_with_data(alert, context, settings);
            let room = bytes_max.checked_sub(head.len() + rfc5424::BOM.len())?;
            // What cannot fit is not even tried.
            let options =
                ecs::Options { original: alert.raw.len() < room, ..ecs::Options::default() };
            let document = ecs::document_within(alert, context, &options, room)
                .or_else(|| shorter_ecs(alert, context, room))?;
            (head, document)
        }
        Format::Text => (head_with_data(alert, context, settings), text::guide(alert, context)),
        Format::TextNtopng => {
            (head_with_data(alert, context, settings), text::ntopng(alert, context))
        }
    };
    let is_ascii = whole.is_ascii() && bytes.len() + whole.len() <= bytes_max;
    if settings.has_bom(is_ascii) {
        bytes.push_str(rfc5424::BOM);
    }
    let text_at = bytes.len();
    let room = bytes_max.checked_sub(text_at)?;
    bytes.push_str(&rfc5424::shortened(&whole, room));
    Some(One { bytes, text_at })
}

/// With less in it than the schema's own writer leaves out.
fn shorter_ecs(alert: &Alert, context: &Context, bytes_max: usize) -> Option<String> {
    let options = ecs::Options {
        original: false,
        labels: false,
        surroundings: false,
        message_bytes_max: bytes_max,
        ..ecs::Options::default()
    };
    json::shorter(&ecs::document(alert, context, &options), bytes_max)
}

/// A datagram in at most `bytes_max` bytes: its text is cut, its JSON has less in it. `None`: not
/// even so.
pub(crate) fn smaller(message: &Message, settings: &Settings, bytes_max: usize) -> Option<Vec<u8>> {
    let note = message.notes.iter().find(|(name, _)| name == TEXT_AT);
    let text_at: usize = note.and_then(|(_, at)| at.parse().ok())?;
    let (head, text) = message.body.split_at_checked(text_at)?;
    let text = str::from_utf8(text).ok()?;
    let room = bytes_max.checked_sub(text_at)?;
    let text = match settings.format {
        Format::Json | Format::Ecs => json::shorter(text, room)?,
        Format::Text | Format::TextNtopng | Format::Checkmk => rfc5424::shortened(text, room),
    };
    Some([head, text.as_bytes()].concat()).filter(|_| !text.is_empty())
}

/// Everything before the text, the blank included.
fn head_with_data(alert: &Alert, context: &Context, settings: &Settings) -> String {
    let mut head = head(alert, context, settings);
    if settings.header() == Header::Rfc3164 {
        return head;
    }
    let element = settings.sd_id.as_ref().map(|sd_id| element(sd_id, alert, context));
    let room = settings.bytes_max().saturating_sub(head.len() + TEXT_BYTES_LEAST);
    match element.filter(|element| element.len() <= room) {
        Some(element) => head.push_str(&element),
        None => head.push('-'),
    }
    head.push(' ');
    head
}

/// The header, with the blank behind it.
fn head(alert: &Alert, context: &Context, settings: &Settings) -> String {
    let severity = match alert.action {
        Action::Release => alert.severity.syslog().max(SEVERITY_OF_RELEASE),
        Action::Store | Action::Engage => alert.severity.syslog(),
    };
    let moment = text::moment(alert);
    let hostname = settings.hostname.as_deref().unwrap_or(&context.instance);
    if settings.header() == Header::Rfc3164 {
        let priority = rfc5424::priority(settings.facility, severity);
        let time = rfc5424::old_timestamp(&moment.local);
        let time = time.unwrap_or_else(|| moment.utc.clone());
        let tag = &settings.app_name;
        // A daemon knows which host it is on, and takes no name there.
        if settings.transport == Transport::Local {
            return format!("{priority}{time} {tag}: ");
        }
        let hostname = rfc5424::field(hostname, rfc5424::HOSTNAME_MAX);
        return format!("{priority}{time} {hostname} {tag}: ");
    }
    let is_checkmk = settings.format == Format::Checkmk;
    let header = rfc5424::Header {
        facility: settings.facility,
        severity,
        // It reads an offset, and not everywhere a `Z`.
        timestamp: &match (is_checkmk, moment.utc.strip_suffix('Z')) {
            (true, Some(time)) => format!("{time}000+00:00"),
            _ => moment.utc.clone(),
        },
        hostname,
        app_name: &settings.app_name,
        // Checkmk reads a number there, and there is no process that one would lead to.
        procid: if is_checkmk { "0" } else { "" },
        msgid: if is_checkmk { "" } else { &settings.msgid },
    };
    format!("{} ", header.write())
}

/// For machines: which alert this is, and what it belongs to.
fn element(sd_id: &str, alert: &Alert, context: &Context) -> String {
    let mut element = format!("[{sd_id}");
    let action = match alert.action {
        Action::Store => "stored",
        Action::Engage => "engaged",
        Action::Release => "released",
    };
    let score = alert.score.to_string();
    let params = [
        ("id", alert.id.as_str()),
        ("episode", &alert.episode),
        ("action", action),
        ("score", &score),
        ("purpose", context.purpose.name()),
        ("link", alert.link.as_deref().unwrap_or_default()),
    ];
    for (name, value) in params {
        if !value.is_empty() && (name, value) != ("purpose", "live") {
            rfc5424::push_param(&mut element, name, value);
        }
    }
    element.push(']');
    element
}

#[cfg(test)]
mod tests;
