//! Slack's text: what its markup would read in it, and how much of it fits.
//!
//! Source: <https://docs.slack.dev/messaging/formatting-message-text>.
//!
//! Promise: a text is cut at the edge of a character and never inside an escape, and its end says
//! so with an ellipsis.
//!
//! Slack does not say how it counts. Here a character counts as the most that it can be: `&`, `<`
//! and `>` as their entities, any other as its UTF-16 code units.

use crate::escape::{self, APART};

/// For a `plain_text` object: as it is, at most `max` units.
pub fn literal(text: &str, max: usize) -> String {
    escape::within(text, max, units, &mut |near, to| to.push(near.one))
}

/// For `mrkdwn`: shown as it is, at most `max` units.
///
/// `&`, `<` and `>` become entities, which alone stops mentions and links. There is no escape for
/// `*`, `_`, `~` and the backtick: they begin or end a format at the edge of a word, so each is set
/// apart by U+200B on both sides, which works whether that counts as a blank or as a letter.
pub fn escaped(text: &str, max: usize) -> String {
    // An entity is plain ASCII, and counts as it stands.
    escape::within(text, max, escape::utf16, &mut |near, to| match near.one {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        '*' | '_' | '~' | '`' => {
            if !to.ends_with(APART) {
                to.push(APART);
            }
            to.extend([near.one, APART]);
        }
        _ => to.push(near.one),
    })
}

/// A link, `<address|label>`; the label is markup already. `None` for what is no web address, or
/// would count as more than `max` units: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    let address = escape::address(address, &['<', '>', '|', '"', '`'], "&amp;")?;
    let link = format!("<{address}|{label}>");
    (escape::utf16(&link) <= max).then_some(link)
}

/// What a text counts as, at most.
pub fn units(text: &str) -> usize {
    let weight = |one| match one {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        _ => one.len_utf16(),
    };
    text.chars().map(weight).sum()
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
            ("a\u{1f514}b", "a\u{1f514}b"),
        ];
        escape::assert_shown(&table, escape::utf16, escaped);
        escape::assert_shown(&table.map(|(text, _)| (text, text)), units, literal);
    }

    #[test]
    fn what_is_plain_counts_as_the_most_that_it_can_be() {
        let table = [
            // text, max, plain, escaped
            ("a&", 6, "a&", "a&amp;"),
            ("a&", 5, "a\u{2026}", "a\u{2026}"),
            ("<<", 8, "<<", "&lt;&lt;"),
            ("<<", 7, "<\u{2026}", "&lt;\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
            ("ab*", 5, "ab*", "ab\u{200b}*\u{200b}"),
            ("ab*", 4, "ab*", "ab\u{2026}"),
        ];
        for (text, max, as_plain, as_escaped) in table {
            assert_eq!(literal(text, max), as_plain, "{text:?} in {max}, plain");
            assert_eq!(escaped(text, max), as_escaped, "{text:?} in {max}, escaped");
        }
    }

    #[test]
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("<https://h/a?b=1&amp;c=2|open>")),
            ("http://h/>|<!a>\"`", 100, Some("<http://h/%3E%7C%3C!a%3E%22%60|open>")),
            ("ftp://h/", 100, None),
            ("https://h", 16, Some("<https://h|open>")),
            ("https://h", 15, None),
        ];
        for (address, max, expected) in table {
            assert_eq!(link(address, "open", max).as_deref(), expected, "{address:?} in {max}");
        }
    }
}
