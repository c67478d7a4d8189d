//! Text and blocks as Slack takes them, within its limits.
//!
//! Promise: what an alert says comes out as text. Where Slack has an object for plain text it is
//! used; elsewhere `&`, `<` and `>` are escaped, and an invisible space takes the meaning from the
//! characters that have no escape. A cut never falls inside an escape.

use serde_json::{Value, json};

/// Characters of a header.
pub(crate) const HEADER_MAX: usize = 150;
/// Characters of a section's text.
pub(crate) const SECTION_MAX: usize = 3000;
/// Characters of one field of a section.
pub(crate) const FIELD_MAX: usize = 2000;
/// Fields of a section.
pub(crate) const FIELDS_MAX: usize = 10;
/// Characters of the text for notifications.
pub(crate) const TEXT_MAX: usize = 4000;
/// Characters of all blocks together: somewhat above 13,000 Slack refuses the message, although
/// no document says so.
pub(crate) const SUM_MAX: usize = 12_000;

const MARK: char = '\u{200b}';
const ELLIPSIS: char = '…';

/// `text` for mrkdwn, at most `max` characters long after escaping.
pub(crate) fn escape(text: &str, max: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut length = 0;
    let mut characters = text.chars().filter(|one| !is_dropped(*one)).peekable();
    while let Some(one) = characters.next() {
        let (piece, count): (&str, usize) = match one {
            '&' => ("&amp;", 5),
            '<' => ("&lt;", 4),
            '>' => ("&gt;", 4),
            // They have no escape; a mark before each keeps it from opening or closing anything.
            '*' => ("\u{200b}*", 2),
            '_' => ("\u{200b}_", 2),
            '~' => ("\u{200b}~", 2),
            '`' => ("\u{200b}`", 2),
            // `@channel` and `#general` are linked by some clients.
            '@' => ("@\u{200b}", 2),
            '#' => ("#\u{200b}", 2),
            other => {
                let room = usize::from(characters.peek().is_some());
                if length + 1 + room > max {
                    escaped.push(ELLIPSIS);
                    return escaped;
                }
                escaped.push(other);
                length += 1;
                continue;
            }
        };
        let room = usize::from(characters.peek().is_some());
        if length + count + room > max {
            escaped.push(ELLIPSIS);
            return escaped;
        }
        escaped.push_str(piece);
        length += count;
    }
    escaped
}

/// `text` for an object of plain text, at most `max` characters, never empty: Slack refuses that.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let text: String = text.chars().filter(|one| !is_dropped(*one)).collect();
    let text = text.trim();
    if text.is_empty() {
        return MARK.to_string();
    }
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain([ELLIPSIS]).collect()
}

/// Control characters but the end of a line, and those that turn the direction of writing.
fn is_dropped(one: char) -> bool {
    one.is_control() && one != '\n'
        || matches!(one, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(crate) fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": plain(&one_line(text), HEADER_MAX), "emoji": false } })
}

pub(crate) fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "plain_text", "text": plain(text, SECTION_MAX), "emoji": false } })
}

/// Names in bold, what an alert says beneath each; at most ten.
pub(crate) fn fields(fields: &[(&str, String)]) -> Value {
    let shown: Vec<_> = fields
        .iter()
        .take(FIELDS_MAX)
        .map(|(name, value)| {
            let value = escape(&one_line(value), FIELD_MAX - name.len() - 3);
            json!({ "type": "mrkdwn", "text": format!("*{name}*\n{value}") })
        })
        .collect();
    json!({ "type": "section", "fields": shown })
}

/// Small text at the end, of parts that are mrkdwn already.
pub(crate) fn context(parts: &[String]) -> Value {
    json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": parts.join("  |  ") }] })
}

/// `text` in one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_means_nothing_and_is_cut_between_escapes() {
        let table = [
            ("a & b", 99, "a &amp; b"),
            ("<!channel>", 99, "&lt;!channel&gt;"),
            (
                "*b* _i_ ~s~ `c`",
                99,
                "\u{200b}*b\u{200b}* \u{200b}_i\u{200b}_ \u{200b}~s\u{200b}~ \u{200b}`c\u{200b}`",
            ),
            ("@here #general", 99, "@\u{200b}here #\u{200b}general"),
            ("a\u{0}b\u{202e}c\r\nd", 99, "abc\nd"),
            ("😀😀😀", 3, "😀😀😀"),
            ("😀😀😀😀", 3, "😀😀…"),
            ("ab<", 6, "ab&lt;"),
            ("ab<", 5, "ab…"),
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abc…"),
            ("a&&", 6, "a&amp;…"),
        ];
        for (text, max, expected) in table {
            let escaped = escape(text, max);
            assert_eq!(escaped, expected, "{text:?}, {max}");
            assert!(escaped.chars().count() <= max, "{text:?}");
        }
    }

    #[test]
    fn plain_text_is_never_empty_and_never_too_long() {
        assert_eq!(plain(" \u{7}\n ", 10), "\u{200b}");
        assert_eq!(plain("abc", 3), "abc");
        assert_eq!(plain("abcd", 3), "ab…");
        assert_eq!(one_line("a\n\n  b \r\n"), "a b");
    }
}
