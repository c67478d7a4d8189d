//! What Checkmk's Event Console reads: an element `Checkmk@18662`, and a text behind it.
//!
//! Source: `cmk/ec/event.py` and `cmk/ec/syslog.py` of Checkmk. Its way of undoing escapes is naive,
//! so no backslash is in any value; other elements would become part of the text, so there is one.

use std::net::IpAddr;

use campanile_guest::{Alert, Context, rfc5424};

use crate::settings::Settings;
use crate::text;

/// The text is what rules look for: what does not fit is taken from the comment.
const TEXT_BYTES_MAX: usize = 512;

/// What a comment has at least, as far as that fits.
const COMMENT_BYTES_LEAST: usize = 64;

/// Element and text, in `bytes_max` bytes with what the caller puts between them.
pub(crate) struct Parts {
    pub(crate) element: String,
    pub(crate) text: String,
}

pub(crate) fn parts(
    alert: &Alert,
    context: &Context,
    settings: &Settings,
    bytes_max: usize,
) -> Parts {
    let level = settings.service_levels.get(usize::from(alert.severity.number()));
    let mut element = format!("[Checkmk@18662 sl=\"{}\"", level.copied().unwrap_or_default());
    if let Some(address) = address(alert) {
        rfc5424::push_param(&mut element, "ipaddress", address);
    }
    let severity = format!(" severity=\"{}\"]", text::severity(alert.severity));

    let text = spoken(alert, context);
    let fixed = element.len() + " comment=\"\"".len() + severity.len();
    let room = bytes_max.saturating_sub(fixed);
    let text_max = room.saturating_sub(COMMENT_BYTES_LEAST).min(TEXT_BYTES_MAX);
    let text = rfc5424::shortened(&text, text_max);

    let comment = comment(alert, context);
    let room = room.saturating_sub(text.len());
    rfc5424::push_param_within(&mut element, "comment", &comment, room);
    element.push_str(&severity);
    Parts { element, text }
}

/// "Low Goodput Ratio 192.0.2.1:60952 -> 192.0.2.9:80"; the same with "(Released)" when it is over,
/// so that a rule can cancel the event by it.
fn spoken(alert: &Alert, context: &Context) -> String {
    let mut text = text::title(alert);
    let whom = text::whom(alert);
    if !whom.is_empty() {
        text.push(' ');
        text.push_str(&whom);
    }
    // A text that begins like an element could be read as one.
    let mut text = without_mark(&text.replace('[', "(").replace(']', ")"));
    let action = text::action(alert.action).filter(|action| *action == "Released");
    for mark in action.into_iter().chain(text::purpose(context.purpose)) {
        text.push_str(&format!(" ({mark})"));
    }
    text
}

/// Only we say "(Released)": who can choose a host's name must not be able to cancel an event. Rules
/// take upper and lower case for the same.
fn without_mark(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.to_ascii_lowercase().match_indices("(released") {
        kept.push_str(&text[from..at]);
        // What stood before the bracket is before the word now.
        kept.truncate(kept.trim_end_matches('(').len());
        from = at + 1;
    }
    kept.push_str(&text[from..]);
    kept
}

/// The parts of ntopng's line, in round brackets: square ones would end the element.
fn comment(alert: &Alert, context: &Context) -> String {
    let mut comment = String::new();
    for part in text::ordered(alert, context) {
        comment.push_str(&format!("({part}) "));
    }
    comment.push_str(&text::rest(alert, context));
    text::line(&comment).replace('\\', "/")
}

/// The attacker, else the client, else the host.
fn address(alert: &Alert) -> Option<&str> {
    let sides = alert.flow.iter().flat_map(|flow| [&flow.client, &flow.server]);
    let mut parties = sides.chain(&alert.host);
    let attacker = parties.clone().find(|party| party.is_attacker);
    let address = attacker.or_else(|| parties.next())?.ip.as_str();
    address.parse::<IpAddr>().is_ok().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_an_alert_says_that_an_event_is_over() {
        let table = [
            ("up (Released)", "up Released)"),
            ("up (rElEaSeD) (released", "up rElEaSeD) released"),
            ("((((Released)", "Released)"),
            ("(release(released", "(releasereleased"),
            ("((released(((released", "releasedreleased"),
            ("caf\u{e9} (Released", "caf\u{e9} Released"),
            ("released", "released"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(without_mark(text), expected, "{text:?}");
        }
    }
}
