//! What WeCom would read in a text, and how much of it fits.
//!
//! WeCom documents no escape. So a sign that could begin markup is replaced by its full-width form,
//! which looks much the same, or is set apart from its neighbors by U+200B, which is not seen.
//!
//! WeCom counts bytes of UTF-8, and so is counted here.

use campanile_guest::escape::{self, APART, Near, Place};

use crate::settings::Sort;

/// Shown as it is, at most `max` bytes.
///
/// Clients make a link of an address in any sort of message, and some read HTML's `a` even in a
/// text: those two are taken apart everywhere.
pub(crate) fn escaped(text: &str, max: usize, sort: Sort) -> String {
    escape::within(text, max, str::len, &mut |near, to| match sort {
        Sort::Text => push_text(near, to),
        Sort::Markdown | Sort::MarkdownV2 => push(near, to, sort),
    })
}

/// An address that leads somewhere, at most `max` bytes long; `None` for any other, since half an
/// address leads nowhere.
pub(crate) fn address(link: &str, max: usize) -> Option<String> {
    const ENDS_IT: [char; 8] = ['(', ')', '<', '>', '\\', '"', '`', '|'];
    escape::address(link, &ENDS_IT, "&").filter(|address| address.len() <= max)
}

fn push_text(near: Near<'_>, to: &mut String) {
    match near.one {
        '<' => to.push('\u{ff1c}'),
        ':' if near.behind.starts_with("//") => to.extend([':', APART]),
        one => to.push(one),
    }
}

fn push(near: Near<'_>, to: &mut String, sort: Sort) {
    let is_v2 = sort == Sort::MarkdownV2;
    let begins_entity = |next: char| next == '#' || next.is_ascii_alphabetic();
    match near.one {
        '`' => to.push('\u{ff40}'),
        '*' => to.push('\u{ff0a}'),
        '|' if is_v2 => to.push('\u{ff5c}'),
        one @ ('_' | '~') if is_v2 => {
            if !to.ends_with(APART) {
                to.push(APART);
            }
            to.extend([one, APART]);
        }
        // A link's label ends here.
        ']' if near.behind.starts_with(['(', '[']) => to.extend([']', APART]),
        // An entity of HTML begins here.
        '&' if near.next().is_some_and(begins_entity) => to.extend(['&', APART]),
        // A quote.
        '>' if near.place == Place::Start => to.push('\u{ff1e}'),
        one @ ('#' | '-' | '+' | '=') if near.place == Place::Start => to.extend([APART, one]),
        one @ ('.' | ')') if is_v2 && near.place == Place::Number && near.next() == Some(' ') => {
            to.extend([APART, one]);
        }
        _ => push_text(near, to),
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
            // Of one byte to four.
            (
                "a\u{e9}\u{4e2d}\u{1f514}",
                "a\u{e9}\u{4e2d}\u{1f514}",
                "a\u{e9}\u{4e2d}\u{1f514}",
                "a\u{e9}\u{4e2d}\u{1f514}",
            ),
        ];
        for (column, sort) in [Sort::Text, Sort::Markdown, Sort::MarkdownV2].into_iter().enumerate()
        {
            let table: Vec<_> =
                table.iter().map(|row| (row.0, [row.1, row.2, row.3][column])).collect();
            escape::assert_shown(&table, str::len, |text, max| escaped(text, max, sort));
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
