//! A mail as plain text: all of it, for whoever reads no HTML.

use campanile_guest::plain;

use crate::content::{Content, Told};

/// Between two alerts.
const RULE: &str = "\n----------------------------------------\n\n";

/// Width of the names before values, with the blank behind them.
const NAME_CHARS: usize = 11;

pub(crate) fn body(content: &Content<'_>) -> String {
    let mut text = String::with_capacity(1024 * content.alerts.len());
    for line in &content.preamble {
        push_line(&mut text, line);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    for (at, told) in content.alerts.iter().enumerate() {
        if at > 0 {
            text.push_str(RULE);
        }
        push_alert(&mut text, told);
    }
    // Many programs fold what stands behind this.
    text.push_str("\n-- \n");
    push_line(&mut text, &content.origin);
    if let Some(link) = content.instance_link {
        push_line(&mut text, &plain::line(link));
    }
    text
}

fn push_alert(text: &mut String, told: &Told<'_>) {
    push_line(text, &told.headline);
    if let Some(over) = &told.over {
        push_line(text, over);
    }
    if let Some(words) = &told.text {
        text.push('\n');
        push_line(text, words);
    }
    text.push('\n');
    for (name, value) in &told.facts {
        push_fact(text, name, value);
    }
    if let Some(link) = &told.alert.link {
        push_fact(text, "Open", &plain::line(link));
    }
}

fn push_fact(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(':');
    let mut blanks = NAME_CHARS.saturating_sub(name.chars().count() + 1).max(1);
    for line in value.split('\n') {
        text.extend(std::iter::repeat_n(' ', blanks));
        push_line(text, line);
        // What goes on is set below where it begins.
        blanks = NAME_CHARS;
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
