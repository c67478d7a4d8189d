//! A mail as plain text: all of it, for whoever reads no HTML.

use std::fmt::Write as _;

use campanile_guest::{Alert, Context, Purpose, cut, plain, story};

/// Width of the names before values.
const NAME_CHARS: usize = 10;

/// Between two alerts.
const RULE: &str = "----------------------------------------";

pub(crate) fn body(alerts: &[&Alert], context: &Context) -> String {
    let mut text = String::with_capacity(512 * alerts.len());
    for line in preamble(alerts, context) {
        line_of(&mut text, &line);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    for (at, alert) in alerts.iter().enumerate() {
        if at > 0 {
            let _ = write!(text, "\n{RULE}\n\n");
        }
        push_alert(&mut text, alert, context);
    }
    // Many programs fold what stands behind this.
    text.push_str("\n-- \n");
    line_of(&mut text, &origin(alerts, context));
    if let Some(link) = context.instance_link.as_deref() {
        line_of(&mut text, &plain::line(link));
    }
    text
}

/// What is to be said before the alerts.
pub(crate) fn preamble(alerts: &[&Alert], context: &Context) -> Vec<String> {
    let mut lines = vec![];
    match context.purpose {
        Purpose::Test => lines.push("This is a test. Nothing happened.".to_owned()),
        Purpose::Reminder => lines.push("This is a reminder.".to_owned()),
        Purpose::Live | Purpose::Digest | Purpose::Folded => {}
    }
    if alerts.len() > 1 {
        lines.push(format!("{} alerts:", alerts.len()));
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

/// "Sent by edge-1, for alerts of diskwatch".
pub(crate) fn origin(alerts: &[&Alert], context: &Context) -> String {
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

/// Who, where, when and what else, as names and values.
pub(crate) fn facts(alert: &Alert) -> Vec<(String, String)> {
    let mut facts: Vec<_> =
        story::rows(alert).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    facts.push(("When".into(), story::when(alert)));
    facts.push(("Type".into(), story::sort(alert)));
    let labels = story::labels(alert);
    if !labels.is_empty() {
        facts.push(("Labels".into(), labels));
    }
    for (name, value) in &alert.annotations {
        let (name, value) = (plain::line(name), plain::lines(value));
        if !value.is_empty() {
            facts.push((name, value));
        }
    }
    facts
}

/// At most `max` characters, the last an ellipsis if there were more.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if cut::chars(text, max).len() == text.len() {
        return text.to_owned();
    }
    format!("{}\u{2026}", cut::chars(text, max.saturating_sub(1)).trim_end())
}

fn push_alert(text: &mut String, alert: &Alert, context: &Context) {
    line_of(text, &story::headline(alert, context.purpose));
    if let Some(over) = story::over(alert) {
        line_of(text, &over);
    }
    if let Some(told) = story::text(alert) {
        text.push('\n');
        line_of(text, &told);
    }
    text.push('\n');
    for (name, value) in facts(alert) {
        let (name, blank) = (format!("{name}:"), "");
        let width = NAME_CHARS + 1;
        // What goes on is set below where it begins.
        let value = value.replace('\n', &format!("\n{blank:width$}"));
        let _ = writeln!(text, "{name:NAME_CHARS$} {value}");
    }
    if let Some(link) = alert.link.as_deref() {
        let _ = writeln!(text, "{:NAME_CHARS$} {}", "Open:", plain::line(link));
    }
}

fn line_of(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
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
