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

use crate::{cut, plain};

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Keeps a sign from what follows it, and is not seen.
const APART: &str = "\u{200b}";

/// For what Discord shows as it is, such as a footer: at most `max` units.
pub fn literal(text: &str, max: usize) -> String {
    if units(text) <= max {
        return text.to_owned();
    }
    let Some(room) = max.checked_sub(1) else { return String::new() };
    let mut kept = cut::utf16(text, room).to_owned();
    kept.push(ELLIPSIS);
    kept
}

/// For what Discord reads as markdown: shown as it is, at most `max` units.
///
/// No format, list, heading, quote, mention, time, emoji or link comes of it, an address written
/// out included. `#`, `-` and `>` are markup only where a line begins, and are left alone elsewhere:
/// previews on telephones show the escapes.
pub fn escaped(text: &str, max: usize) -> String {
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(2)));
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    let mut line = Line::Start;
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        let behind = rest.as_str();
        let is_markup = match one {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' => true,
            '#' | '-' | '>' => line == Line::Start,
            '.' => line == Line::Number && behind.starts_with(' '),
            '/' => built.ends_with(':') && behind.starts_with('/'),
            _ => false,
        };
        if is_markup {
            built.push('\\');
            counted += 1;
        }
        built.push(one);
        counted += one.len_utf16();
        if one == '@' && is_mention(behind) {
            built.push_str(APART);
            counted += 1;
        }
        line = line.after(one);
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

/// A link, `[label](address)`; the label is markup already. `None` for what is no web address, or
/// would count as more than `max` units: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
        return None;
    }
    let mut link = format!("[{label}](");
    for one in address.chars() {
        let ends_it = matches!(one, '(' | ')' | '<' | '>' | '\\' | '"' | '`');
        if ends_it || one.is_whitespace() || plain::is_control(one) {
            for byte in one.encode_utf8(&mut [0; 4]).bytes() {
                link.push_str(&format!("%{byte:02X}"));
            }
        } else {
            link.push(one);
        }
    }
    link.push(')');
    (units(&link) <= max).then_some(link)
}

/// What a text counts as.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
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
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text, 1000), expected, "{text:?}");
            assert_eq!(literal(text, 1000), text);
        }
    }

    #[test]
    fn a_cut_can_be_seen() {
        let table = [
            // text, max, literal, escaped
            ("abcd", 4, "abcd", "abcd"),
            ("abcde", 4, "abc\u{2026}", "abc\u{2026}"),
            ("ab", 1, "\u{2026}", "\u{2026}"),
            ("ab", 0, "", ""),
            ("a*", 3, "a*", r"a\*"),
            ("a*", 2, "a*", "a\u{2026}"),
            ("a*b", 3, "a*b", "a\u{2026}"),
            ("a*b", 4, "a*b", r"a\*b"),
            ("://x", 4, "://x", ":\\/\u{2026}"),
            ("://x", 3, ":/\u{2026}", ":\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
            ("a\u{1f514}b", 3, "a\u{2026}", "a\u{2026}"),
            ("@here", 6, "@here", "@\u{200b}here"),
            ("@here", 2, "@\u{2026}", "\u{2026}"),
        ];
        for (text, max, as_literal, as_escaped) in table {
            assert_eq!(literal(text, max), as_literal, "{text:?} in {max}, literal");
            assert_eq!(escaped(text, max), as_escaped, "{text:?} in {max}, escaped");
        }
    }

    /// What Discord shows.
    fn shown(markdown: &str) -> String {
        let mut shown = String::new();
        let mut rest = markdown.chars();
        while let Some(one) = rest.next() {
            shown.extend(if one == '\\' { rest.next() } else { Some(one) });
        }
        shown.replace(APART, "")
    }

    #[test]
    fn a_cut_is_never_inside_an_escape_or_a_character() {
        let text = "# \\*a_\u{1f514}\u{e9} <@1> @everyone https://h\n- 1.\n1. `x`|~[y](z) \\";
        let whole = escaped(text, 1000);
        assert_eq!(shown(&whole), text);
        for max in 0..=units(&whole) + 1 {
            let part = escaped(text, max);
            assert!(units(&part) <= max, "{max}: {part:?}");
            if max >= units(&whole) {
                assert_eq!(part, whole);
            } else if max > 0 {
                let part = part.strip_suffix(ELLIPSIS).expect("the cut can be seen");
                assert!(whole.starts_with(part), "{max}: {part:?}");
                assert!(text.starts_with(&shown(part)), "{max}: {part:?}");
                let slashes = part.len() - part.trim_end_matches('\\').len();
                assert_eq!(slashes % 2, 0, "{max}: {part:?}");
            }
        }
    }

    #[test]
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("[open](https://h/a?b=1&c=2)")),
            ("http://h/)[x](y", 100, Some("[open](http://h/%29[x]%28y)")),
            ("https://h/a b\r\n\0\\", 100, Some("[open](https://h/a%20b%0D%0A%00%5C)")),
            ("https://h/\u{202e}gpj", 100, Some("[open](https://h/%E2%80%AEgpj)")),
            ("https://h/caf\u{e9}_*_", 100, Some("[open](https://h/caf\u{e9}_*_)")),
            ("javascript:alert(1)", 100, None),
            ("ftp://h/", 100, None),
            ("", 100, None),
            ("https://h", 17, Some("[open](https://h)")),
            ("https://h", 16, None),
        ];
        for (address, max, expected) in table {
            assert_eq!(link(address, "open", max).as_deref(), expected, "{address:?} in {max}");
        }
    }
}
