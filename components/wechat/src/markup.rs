//! What WeCom would read in a text, and how much of it fits.
//!
//! WeCom documents no escape. So a sign that could begin markup is replaced by its full-width form,
//! which looks much the same, or is set apart from its neighbors by U+200B, which is not seen.
//!
//! Promise: a text is cut at the edge of a character, never between a sign and what sets it apart,
//! and its end says so with an ellipsis. WeCom counts bytes of UTF-8, and so is counted here.

use campanile_guest::cut;

use crate::settings::Sort;

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Keeps a sign from its neighbors, and is not seen.
const APART: char = '\u{200b}';

/// Shown as it is, at most `max` bytes.
///
/// Clients make a link of an address in any sort of message, and some read HTML's `a` even in a
/// text: those two are taken apart everywhere.
pub(crate) fn escaped(text: &str, max: usize, sort: Sort) -> String {
    let mut built = String::with_capacity(text.len().min(max) + 16);
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    let mut line = Line::Start;
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        let behind = rest.as_str();
        match sort {
            Sort::Text => push_text(&mut built, one, behind),
            Sort::Markdown | Sort::MarkdownV2 => push(&mut built, one, behind, line, sort),
        }
        line = line.after(one);
        if built.len() > max {
            built.truncate(kept);
            if kept + ELLIPSIS.len_utf8() <= max {
                built.push(ELLIPSIS);
            }
            break;
        }
        if built.len() + ELLIPSIS.len_utf8() <= max {
            kept = built.len();
        }
    }
    built
}

/// As it is, at most `max` bytes: for a log.
pub(crate) fn literal(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut kept = cut::bytes(text, max.saturating_sub(ELLIPSIS.len_utf8())).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// An address that leads somewhere, at most `max` bytes long; `None` for any other, since half an
/// address leads nowhere.
pub(crate) fn address(link: &str, max: usize) -> Option<String> {
    if !["http://", "https://"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let mut address = String::with_capacity(link.len());
    for one in link.chars() {
        let ends_it = matches!(one, '(' | ')' | '<' | '>' | '\\' | '"' | '`' | '|');
        if ends_it || one.is_whitespace() || is_hidden(one) {
            for byte in one.encode_utf8(&mut [0; 4]).bytes() {
                address.push_str(&format!("%{byte:02X}"));
            }
        } else {
            address.push(one);
        }
    }
    (address.len() <= max).then_some(address)
}

/// Controls, and what turns the reading round.
fn is_hidden(one: char) -> bool {
    one.is_control() || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_text(to: &mut String, one: char, behind: &str) {
    match one {
        '<' => to.push('\u{ff1c}'),
        ':' if behind.starts_with("//") => to.extend([one, APART]),
        _ => to.push(one),
    }
}

fn push(to: &mut String, one: char, behind: &str, line: Line, sort: Sort) {
    let is_v2 = sort == Sort::MarkdownV2;
    match one {
        '`' => to.push('\u{ff40}'),
        '*' => to.push('\u{ff0a}'),
        '|' if is_v2 => to.push('\u{ff5c}'),
        '_' | '~' if is_v2 => {
            if !to.ends_with(APART) {
                to.push(APART);
            }
            to.extend([one, APART]);
        }
        // A link's label ends here.
        ']' if behind.starts_with(['(', '[']) => to.extend([one, APART]),
        // An entity of HTML begins here.
        '&' if behind.starts_with(|next: char| next == '#' || next.is_ascii_alphabetic()) => {
            to.extend([one, APART]);
        }
        // A quote.
        '>' if line == Line::Start => to.push('\u{ff1e}'),
        '#' | '-' | '+' | '=' if line == Line::Start => to.extend([APART, one]),
        '.' | ')' if line == Line::Number && behind.starts_with(' ') && is_v2 => {
            to.extend([APART, one])
        }
        _ => push_text(to, one, behind),
    }
}

/// How much of a line there has been.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Blanks at most.
    Start,
    /// Digits, behind blanks at most: with a dot, an item of a list.
    Number,
    Inside,
}

impl Line {
    fn after(self, one: char) -> Self {
        match (self, one) {
            (_, '\n') => Self::Start,
            (Self::Start, ' ') => Self::Start,
            (Self::Start | Self::Number, '0'..='9') => Self::Number,
            _ => Self::Inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_read() {
        let table = [
            // text, as text, as markdown, as markdown_v2
            ("", "", "", ""),
            ("Disk full: 97 %", "Disk full: 97 %", "Disk full: 97 %", "Disk full: 97 %"),
            (
                "<@all> <a>",
                "\u{ff1c}@all> \u{ff1c}a>",
                "\u{ff1c}@all> \u{ff1c}a>",
                "\u{ff1c}@all> \u{ff1c}a>",
            ),
            ("a -> b\n >c", "a -> b\n >c", "a -> b\n \u{ff1e}c", "a -> b\n \u{ff1e}c"),
            ("https://h", "https:\u{200b}//h", "https:\u{200b}//h", "https:\u{200b}//h"),
            ("[b](u)", "[b](u)", "[b]\u{200b}(u)", "[b]\u{200b}(u)"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80", "[2001:db8::1]:80", "[2001:db8::1]:80"),
            (
                "`c` **b**",
                "`c` **b**",
                "\u{ff40}c\u{ff40} \u{ff0a}\u{ff0a}b\u{ff0a}\u{ff0a}",
                "\u{ff40}c\u{ff40} \u{ff0a}\u{ff0a}b\u{ff0a}\u{ff0a}",
            ),
            ("a_b", "a_b", "a_b", "a\u{200b}_\u{200b}b"),
            ("a|b", "a|b", "a|b", "a\u{ff5c}b"),
            (
                "&lt; &#60; & a&b",
                "&lt; &#60; & a&b",
                "&\u{200b}lt; &\u{200b}#60; & a&\u{200b}b",
                "&\u{200b}lt; &\u{200b}#60; & a&\u{200b}b",
            ),
            ("# h\n - l", "# h\n - l", "\u{200b}# h\n \u{200b}- l", "\u{200b}# h\n \u{200b}- l"),
            ("1. l", "1. l", "1. l", "1\u{200b}. l"),
            ("a #1 - b", "a #1 - b", "a #1 - b", "a #1 - b"),
        ];
        for (text, as_text, as_markdown, as_v2) in table {
            assert_eq!(escaped(text, 1000, Sort::Text), as_text, "{text:?}");
            assert_eq!(escaped(text, 1000, Sort::Markdown), as_markdown, "{text:?}");
            assert_eq!(escaped(text, 1000, Sort::MarkdownV2), as_v2, "{text:?}");
        }
    }

    #[test]
    fn a_cut_is_never_inside_a_character_or_an_escape_and_can_be_seen() {
        let table = [
            ("abcd", 4, "abcd"),
            ("abcde", 4, "a\u{2026}"),
            ("abcde", 2, ""),
            ("ab", 0, ""),
            ("\u{4e2d}\u{4e2d}", 6, "\u{4e2d}\u{4e2d}"),
            ("\u{4e2d}\u{4e2d}\u{4e2d}", 8, "\u{4e2d}\u{2026}"),
            ("a\u{1f514}", 5, "a\u{1f514}"),
            ("a\u{1f514}", 4, "a\u{2026}"),
            ("ab&x", 7, "ab&\u{200b}x"),
            ("ab&x", 6, "ab\u{2026}"),
        ];
        for (text, max, expected) in table {
            assert_eq!(escaped(text, max, Sort::Markdown), expected, "{text:?} in {max}");
        }
        let text = "# <a>_\u{1f514}\u{e9}`*| [x](y) &lt; https://h\n1. ~";
        for sort in [Sort::Text, Sort::Markdown, Sort::MarkdownV2] {
            let whole = escaped(text, 1000, sort);
            for max in 3..=whole.len() {
                let part = escaped(text, max, sort);
                assert!(part.len() <= max, "{max}: {part:?}");
                if max < whole.len() {
                    let part = part.strip_suffix(ELLIPSIS).expect("the cut can be seen");
                    assert!(whole.starts_with(part), "{max}: {part:?}");
                }
            }
        }
    }

    #[test]
    fn an_address_is_whole_or_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("https://h/a?b=1&c=2")),
            ("http://h/)[x](y", 100, Some("http://h/%29[x]%28y")),
            ("https://h/a b\r\n\0<|", 100, Some("https://h/a%20b%0D%0A%00%3C%7C")),
            ("javascript:alert(1)", 100, None),
            ("", 100, None),
            ("https://h", 9, Some("https://h")),
            ("https://h", 8, None),
        ];
        for (link, max, expected) in table {
            assert_eq!(address(link, max).as_deref(), expected, "{link:?} in {max}");
        }
    }
}
