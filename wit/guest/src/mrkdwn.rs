//! Slack's text: what its markup would read in it, and how much of it fits.
//!
//! Source: <https://docs.slack.dev/messaging/formatting-message-text>.
//!
//! Promise: a text is cut at the edge of a character and never inside an escape, and its end says
//! so with an ellipsis.
//!
//! Slack does not say how it counts. Here a character counts as the most that it can be: `&`, `<`
//! and `>` as their entities, any other as its UTF-16 code units.

use crate::plain;

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Keeps a character of the markup from its neighbors, and is not seen.
const APART: char = '\u{200b}';

/// For a `plain_text` object: as it is, at most `max` units.
pub fn literal(text: &str, max: usize) -> String {
    build(text, max, |one, to| to.push(one))
}

/// For `mrkdwn`: shown as it is, at most `max` units.
///
/// `&`, `<` and `>` become entities, which alone stops mentions and links. There is no escape for
/// `*`, `_`, `~` and the backtick: they begin or end a format at the edge of a word, so each is set
/// apart by U+200B on both sides, which works whether that counts as a blank or as a letter.
pub fn escaped(text: &str, max: usize) -> String {
    build(text, max, |one, to| match one {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        '*' | '_' | '~' | '`' => {
            if !to.ends_with(APART) {
                to.push(APART);
            }
            to.push(one);
            to.push(APART);
        }
        _ => to.push(one),
    })
}

/// A link, `<address|label>`; the label is markup already. `None` for what is no web address, or
/// would count as more than `max` units: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
        return None;
    }
    let mut link = String::from("<");
    for one in address.chars() {
        match one {
            '&' => link.push_str("&amp;"),
            '<' | '>' | '|' | '"' | '`' => push_percent(&mut link, one),
            _ if one.is_whitespace() || plain::is_control(one) => push_percent(&mut link, one),
            _ => link.push(one),
        }
    }
    link.push('|');
    link.push_str(label);
    link.push('>');
    (link.encode_utf16().count() <= max).then_some(link)
}

/// What a text counts as, at most.
pub fn units(text: &str) -> usize {
    text.chars().map(weight).sum()
}

fn weight(one: char) -> usize {
    match one {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        _ => one.len_utf16(),
    }
}

/// Appends character by character for as long as the whole, or a beginning and the ellipsis, fits.
fn build(text: &str, max: usize, append: impl Fn(char, &mut String)) -> String {
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(2)));
    // Entities in what was built are plain ASCII: what is escaped counts as it stands.
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    for one in text.chars() {
        let before = built.len();
        append(one, &mut built);
        counted += match &built[before..] {
            raw if raw.chars().eq([one]) => weight(one),
            escape => escape.encode_utf16().count(),
        };
        if counted > max {
            built.truncate(kept);
            if max > 0 {
                built.push(ELLIPSIS);
            }
            break;
        }
        if counted < max {
            kept = built.len();
        }
    }
    built
}

fn push_percent(to: &mut String, one: char) {
    for byte in one.encode_utf8(&mut [0; 4]).bytes() {
        to.push_str(&format!("%{byte:02X}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_read() {
        let table = [
            ("", ""),
            ("Disk full", "Disk full"),
            ("<!channel> & <@U012AB>", "&lt;!channel&gt; &amp; &lt;@U012AB&gt;"),
            ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
            ("<https://evil.example|bank>", "&lt;https://evil.example|bank&gt;"),
            ("*b*", "\u{200b}*\u{200b}b\u{200b}*\u{200b}"),
            ("**", "\u{200b}*\u{200b}*\u{200b}"),
            ("a_b~c`d", "a\u{200b}_\u{200b}b\u{200b}~\u{200b}c\u{200b}`\u{200b}d"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text, 1000), expected, "{text:?}");
            assert_eq!(literal(text, 1000), text);
        }
    }

    #[test]
    fn a_cut_is_never_inside_a_character_or_an_escape_and_can_be_seen() {
        let table = [
            // text, max, plain, escaped
            ("abcd", 4, "abcd", "abcd"),
            ("abcde", 4, "abc\u{2026}", "abc\u{2026}"),
            ("ab", 1, "\u{2026}", "\u{2026}"),
            ("ab", 0, "", ""),
            ("a&", 6, "a&", "a&amp;"),
            ("a&", 5, "a\u{2026}", "a\u{2026}"),
            ("a&b", 6, "a\u{2026}", "a\u{2026}"),
            ("a&b", 7, "a&b", "a&amp;b"),
            ("<<", 8, "<<", "&lt;&lt;"),
            ("<<", 7, "<\u{2026}", "&lt;\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
            ("a\u{1f514}b", 3, "a\u{2026}", "a\u{2026}"),
            ("ab*", 5, "ab*", "ab\u{200b}*\u{200b}"),
            ("ab*", 4, "ab*", "ab\u{2026}"),
        ];
        for (text, max, as_plain, as_escaped) in table {
            assert_eq!(literal(text, max), as_plain, "{text:?} in {max}, plain");
            assert_eq!(escaped(text, max), as_escaped, "{text:?} in {max}, escaped");
            assert!(units(&literal(text, max)) <= max, "{text:?} in {max}");
        }
    }

    #[test]
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("<https://h/a?b=1&amp;c=2|open>")),
            ("http://h/>|<!channel>", 100, Some("<http://h/%3E%7C%3C!channel%3E|open>")),
            ("https://h/a b\r\n\0", 100, Some("<https://h/a%20b%0D%0A%00|open>")),
            ("https://h/\u{202e}gpj", 100, Some("<https://h/%E2%80%AEgpj|open>")),
            ("https://h/caf\u{e9}", 100, Some("<https://h/caf\u{e9}|open>")),
            ("javascript:alert(1)", 100, None),
            ("ftp://h/", 100, None),
            ("", 100, None),
            ("https://h", 16, Some("<https://h|open>")),
            ("https://h", 15, None),
        ];
        for (address, max, expected) in table {
            assert_eq!(link(address, "open", max).as_deref(), expected, "{address:?} in {max}");
        }
    }
}
