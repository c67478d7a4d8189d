//! Alerts as lines, and the lines of one message.
//!
//! Promise: a line depends on the alert and on why it is told alone; it is one JSON object, and no
//! text of an alert can end it: in JSON a line break is written as an escape.

use campanile_guest::{
    Attempt, Context, Formatted, Message, Purpose, Subject, cut, json, native, plain,
};

use crate::settings::Settings;

/// A message is closed before it would grow beyond this, in bytes; an alert that is larger goes
/// alone.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Up to this size files are read whole under the engine's default limits.
const READABLE_BYTES_MAX: u32 = 1 << 20;

const SUMMARY_CHARS_MAX: usize = 200;

/// The note with the number of alerts that were left out before these.
const OMITTED: &str = "omitted";

const MISCOUNTED: &str = "expected a line for each alert of the message";

/// Puts the alerts, in their order, into as few messages as they fit in.
pub(crate) fn pack(subjects: &[Subject], context: &Context, settings: &Settings) -> Formatted {
    let bytes_max = BODY_BYTES_MAX.min(settings.file_bytes_max as usize);
    let mut messages: Vec<Message> = vec![];
    for (at, subject) in (0_u32..).zip(subjects) {
        let line = line(subject, context.purpose);
        match messages.last_mut() {
            Some(message) if message.body.len() + line.len() <= bytes_max => {
                message.alerts.push(at);
                message.body.extend_from_slice(line.as_bytes());
            }
            _ => messages.push(open(at, subject, line, settings)),
        }
    }
    if let Some(first) = messages.first_mut().filter(|_| context.omitted > 0) {
        first.notes.push((OMITTED.into(), context.omitted.to_string()));
    }
    for message in &mut messages {
        if message.alerts.len() > 1 {
            message.summary.push_str(&format!(" and {} more", message.alerts.len() - 1));
        }
    }
    messages.into_iter().collect()
}

fn open(at: u32, subject: &Subject, line: String, settings: &Settings) -> Message {
    let title = plain::line(&subject.alert.title);
    let is_readable = settings.file_bytes_max <= READABLE_BYTES_MAX;
    Message {
        alerts: vec![at],
        summary: cut::chars(&title, SUMMARY_CHARS_MAX).to_owned(),
        content_type: "application/jsonl".into(),
        body: line.into_bytes(),
        notes: vec![],
        // Each attempt looks for what an earlier one wrote.
        repeat_safe_ms: if is_readable { u32::MAX } else { 0 },
    }
}

fn line(subject: &Subject, purpose: Purpose) -> String {
    let mut line = native::element(&subject.alert);
    // What a producer sent may be spread over lines: between its tokens a blank is as good.
    if line.contains(['\n', '\r']) {
        line = line.replace(['\n', '\r'], " ");
    }
    if purpose != Purpose::Live {
        line.insert_str(1, &format!(r#""purpose":"{}","#, purpose.name()));
    }
    line.push('\n');
    line
}

/// The lines of a message as they are written, each with its line break. The message's id stands
/// first in each, by which an attempt finds what an earlier one wrote, then that of the delivery, by
/// which a reader knows a line that is there twice.
pub(crate) fn lines(message: &Message, attempt: &Attempt) -> Result<Vec<String>, &'static str> {
    let expected = "expected lines, each a JSON object, as this kind writes them";
    let text = std::str::from_utf8(&message.body).map_err(|_| expected)?;
    let omitted = message.notes.iter().find(|(name, _)| name == OMITTED);
    let mut marks = omitted.map(|(name, count)| format!(r#","{name}":{count}"#));
    let mut deliveries = attempt.deliveries.iter();
    let mut lines = vec![];
    for line in text.lines() {
        let keys = line.strip_prefix('{').filter(|keys| keys.ends_with('}')).ok_or(expected)?;
        let delivery = json::string(&deliveries.next().ok_or(MISCOUNTED)?.delivery_id);
        let beginning = beginning(&attempt.message_id);
        let marks = marks.take().unwrap_or_default();
        let comma = if keys == "}" { "" } else { "," };
        lines.push(format!("{beginning},\"delivery_id\":{delivery}{marks}{comma}{keys}\n"));
    }
    if lines.is_empty() {
        Err(expected)
    } else if deliveries.next().is_some() {
        Err(MISCOUNTED)
    } else {
        Ok(lines)
    }
}

/// What each line of a message begins with, up to where a comma follows.
pub(crate) fn beginning(id: &str) -> String {
    format!(r#"{{"message_id":{}"#, json::string(id))
}

#[cfg(test)]
mod tests;
