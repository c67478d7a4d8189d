//! What a mail tells, gathered once for both its parts.
//!
//! Promise: no text in it has a control character.
//!
//! Not here: how it is laid out (`text`, `html`).

use std::borrow::Cow;
use std::fmt::Write as _;

use campanile_guest::{Alert, Context, Purpose, cut, plain, story};

pub(crate) struct Content<'a> {
    /// Lines to stand before the alerts.
    pub(crate) preamble: Vec<String>,
    pub(crate) alerts: Vec<Told<'a>>,
    /// "Sent by edge-1, raised by diskwatch".
    pub(crate) origin: String,
    pub(crate) instance_link: Option<&'a str>,
}

/// One alert.
pub(crate) struct Told<'a> {
    pub(crate) alert: &'a Alert,
    pub(crate) headline: String,
    pub(crate) over: Option<String>,
    pub(crate) text: Option<String>,
    /// Who, where, when and what else, as names and values.
    pub(crate) facts: Vec<(Cow<'static, str>, String)>,
}

impl<'a> Content<'a> {
    pub(crate) fn of(alerts: &[&'a Alert], context: &'a Context) -> Self {
        let tell = |&alert: &&'a Alert| Told {
            alert,
            headline: story::headline(alert, context.purpose),
            over: story::over(alert),
            text: story::text(alert),
            facts: facts(alert),
        };
        Self {
            preamble: preamble(alerts.len(), context),
            alerts: alerts.iter().map(tell).collect(),
            origin: origin(alerts, context),
            instance_link: context.instance_link.as_deref(),
        }
    }
}

/// At most `max` characters, the last an ellipsis if there were more.
pub(crate) fn shortened<'a>(text: impl Into<Cow<'a, str>>, max: usize) -> Cow<'a, str> {
    let text = text.into();
    // No character has less than a byte.
    if text.len() <= max || cut::chars(&text, max).len() == text.len() {
        return text;
    }
    format!("{}\u{2026}", cut::chars(&text, max.saturating_sub(1)).trim_end()).into()
}

fn preamble(count: usize, context: &Context) -> Vec<String> {
    let mut lines = vec![];
    match context.purpose {
        Purpose::Test => lines.push("This is a test. Nothing happened.".to_owned()),
        Purpose::Reminder => lines.push("This is a reminder.".to_owned()),
        Purpose::Live | Purpose::Digest | Purpose::Folded => {}
    }
    if count > 1 {
        lines.push(format!("{count} alerts:"));
    }
    if !context.group.is_empty() {
        let group = context.group.iter().map(|(name, value)| format!("{name}={value}"));
        lines.push(plain::line(&format!("Of {}", group.collect::<Vec<_>>().join(", "))));
    }
    match context.omitted {
        0 => {}
        1 => lines.push("1 alert was left out before this mail.".to_owned()),
        count => lines.push(format!("{count} alerts were left out before this mail.")),
    }
    lines
}

fn origin(alerts: &[&Alert], context: &Context) -> String {
    let mut producers: Vec<String> = vec![];
    for alert in alerts {
        let producer = plain::line(&alert.producer);
        if !producer.is_empty() && !producers.contains(&producer) {
            producers.push(producer);
        }
    }
    let instance = plain::line(&context.instance);
    let mut origin = String::from("Sent by ");
    origin.push_str(if instance.is_empty() { "Campanile" } else { &instance });
    if !producers.is_empty() {
        let _ = write!(origin, ", raised by {}", producers.join(", "));
    }
    origin
}

fn facts(alert: &Alert) -> Vec<(Cow<'static, str>, String)> {
    let rows = story::rows(alert);
    let labels = story::labels(alert, &rows);
    let mut facts: Vec<(Cow<'static, str>, String)> = Vec::with_capacity(rows.len() + 8);
    facts.extend(rows.into_iter().map(|(name, value)| (name.into(), value)));
    facts.push(("When".into(), story::when(alert)));
    facts.push(("Type".into(), story::sort(alert)));
    if !labels.is_empty() {
        facts.push(("Labels".into(), labels));
    }
    for (name, value) in &alert.annotations {
        let (name, value) = (plain::line(name), plain::lines(value));
        if !value.is_empty() {
            facts.push((name.into(), value));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_can_be_seen_and_is_at_the_edge_of_a_character() {
        let table = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab\u{2026}"),
            ("a\u{1f514}b", 3, "a\u{1f514}b"),
            ("a\u{1f514}bc", 3, "a\u{1f514}\u{2026}"),
            ("a bcd", 3, "a\u{2026}"),
            ("", 3, ""),
        ];
        for (text, max, expected) in table {
            assert_eq!(shortened(text, max), expected, "{text:?}");
        }
    }
}
