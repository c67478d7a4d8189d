//! Discord's markdown: what it would read in a text, and how much of it fits.
//!
//! Source: <https://docs.discord.com/developers/reference#message-formatting>. Discord publishes no
//! list of what has to be escaped; a backslash before any sign of ASCII shows that sign.
//!
//! Promise: a text is cut at the edge of a character and never inside an escape, and its end says
//! so with an ellipsis.
//!
//! Discord does not say how it counts. Here a character counts as its UTF-16 code units, which is
//! the most it can be.

use crate::escape::{self, APART, Place};

pub use crate::cut::short as literal;
pub use crate::escape::utf16 as units;

/// For what Discord reads as markdown: shown as it is, at most `max` units.
///
/// No format, list, heading, quote, mention, time, emoji or link comes of it, an address written
/// out included. `#`, `-` and `>` are markup only where a line begins, and are left alone elsewhere:
/// previews on telephones show the escapes.
pub fn escaped(text: &str, max: usize) -> String {
    escape::within(text, max, units, &mut |near, to| {
        let is_markup = match near.one {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' => true,
            '#' | '-' | '>' => near.place == Place::Start,
            '.' => near.place == Place::Number && near.behind.starts_with(' '),
            '/' => near.before.ends_with(':') && near.behind.starts_with('/'),
            _ => false,
        };
        if is_markup {
            to.push('\\');
        }
        to.push(near.one);
        if near.one == '@' && is_mention(near.behind) {
            to.push(APART);
        }
    })
}

/// A link, `[label](address)`; the label is markup already. `None` for what is no web address, or
/// would count as more than `max` units: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    let link = format!(
        "[{label}]({})",
        escape::address(address, &['(', ')', '<', '>', '\\', '"', '`'], "&")?
    );
    (units(&link) <= max).then_some(link)
}

/// Behind an `@`: everyone, who is here, or an id.
fn is_mention(behind: &str) -> bool {
    let id = behind.strip_prefix(['!', '&']).unwrap_or(behind);
    behind.starts_with("everyone")
        || behind.starts_with("here")
        || id.starts_with(|one: char| one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_shown_and_not_read() {
        let table = [
            ("", ""),
            ("Disk full: 97 % (why?)", "Disk full: 97 % (why?)"),
            ("*b* __u__ ~~s~~ ||h||", r"\*b\* \_\_u\_\_ \~\~s\~\~ \|\|h\|\|"),
            ("`code` ```\nblock```", "\\`code\\` \\`\\`\\`\nblock\\`\\`\\`"),
            (r"C:\temp \*", r"C:\\temp \\\*"),
            ("[bank](https://evil.example)", r"\[bank\](https:\//evil.example)"),
            ("see https://evil.example now", r"see https:\//evil.example now"),
            ("steam://run discord:///x", r"steam:\//run discord:\///x"),
            ("a: /b//c", "a: /b//c"),
            ("<@1> <@!1> <@&1> <#2>", "\\<@\u{200b}1> \\<@\u{200b}!1> \\<@\u{200b}&1> \\<#2>"),
            ("<t:1:R> <:x:1> </c:1>", r"\<t:1:R> \<:x:1> \</c:1>"),
            ("@everyone @here", "@\u{200b}everyone @\u{200b}here"),
            ("ops@example.org @ops", "ops@example.org @ops"),
            ("# h\n ## h\n-# s\n>>> q", "\\# h\n \\## h\n\\-# s\n\\>>> q"),
            ("- a\n  - b\n1. c\n 23. d", "\\- a\n  \\- b\n1\\. c\n 23\\. d"),
            ("a-b #1 -> c, 1.2", "a-b #1 -> c, 1.2"),
            ("192.0.2.1 is slow", "192.0.2.1 is slow"),
            ("a\u{1f514}b\u{e9}", "a\u{1f514}b\u{e9}"),
        ];
        escape::assert_shown(&table, units, escaped);
        escape::assert_shown(&table.map(|(text, _)| (text, text)), units, literal);
    }

    #[test]
    fn a_cut_counts_escapes_and_utf_16_units() {
        let table = [
            // text, max, literal, escaped
            ("a*", 3, "a*", r"a\*"),
            ("a*", 2, "a*", "a\u{2026}"),
            ("://x", 4, "://x", ":\\/\u{2026}"),
            ("://x", 3, ":/\u{2026}", ":\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
            ("@here", 6, "@here", "@\u{200b}here"),
            ("@here", 2, "@\u{2026}", "\u{2026}"),
        ];
        for (text, max, as_literal, as_escaped) in table {
            assert_eq!(literal(text, max), as_literal, "{text:?} in {max}, literal");
            assert_eq!(escaped(text, max), as_escaped, "{text:?} in {max}, escaped");
        }
    }

    #[test]
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=_*_", 100, Some("[open](https://h/a?b=1&c=_*_)")),
            ("http://h/)[x](<>\\\"`", 100, Some("[open](http://h/%29[x]%28%3C%3E%5C%22%60)")),
            ("ftp://h/", 100, None),
            ("https://h", 17, Some("[open](https://h)")),
            ("https://h", 16, None),
        ];
        for (address, max, expected) in table {
            assert_eq!(link(address, "open", max).as_deref(), expected, "{address:?} in {max}");
        }
    }
}
