//! The Markdown that Adaptive Cards read in `TextBlock.text`, `Fact.title` and `Fact.value`.
//!
//! Source: <https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format>.
//!
//! Promise: a text is shown as it is, and neither mentions nor links nor formats come from it. It is
//! cut at the edge of a character and never inside an escape, and its end says so with an ellipsis.
//!
//! Not here: characters that control a line or turn it round ([`crate::plain`]).

use crate::escape::{self, APART, BLANK, Place};

/// What ends a line, outside of lists.
const BREAK: &str = "\n\n";

/// The longest name of an entity that is looked for, in bytes.
const ENTITY_BYTES_MAX: usize = 33;

/// `text` as it is to stand in a card: at most `max` UTF-16 code units, escapes included.
///
/// A backslash escapes what formats and links begin and end with, and what makes a list or a quote
/// of a line where it stands first. Cards have no escape for `<`, which begins a mention
/// (`<at>`), and `&`, which begins an entity: U+200B sets them apart from what follows.
pub fn escaped(text: &str, max: usize) -> String {
    escape::within(text, max, escape::utf16, &mut |near, to| match near.one {
        '\n' if to.is_empty() || to.ends_with(BREAK) => {}
        '\n' => to.push_str(BREAK),
        ' ' if near.place == Place::Start => to.push(BLANK),
        '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '~' | '`' => to.extend(['\\', near.one]),
        '#' | '>' | '-' | '+' if near.place == Place::Start => to.extend(['\\', near.one]),
        '.' if near.ends_number() => to.push_str("\\."),
        '<' if near.next().is_some_and(|next| !next.is_whitespace()) => to.extend(['<', APART]),
        '&' if begins_entity(near.behind) => to.extend(['&', APART]),
        one => to.push(one),
    })
}

/// `lt;`, `#60;`, `#x3c;`, ...
fn begins_entity(rest: &str) -> bool {
    let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|byte| byte == b';');
    end.is_some_and(|end| {
        let name = rest[..end].strip_prefix('#').unwrap_or(&rest[..end]);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_read() {
        let table = [
            ("", ""),
            ("Disk full", "Disk full"),
            ("**b** _i_ ~~s~~ `c`", r"\*\*b\*\* \_i\_ \~\~s\~\~ \`c\`"),
            ("[bank](https://evil.example)", r"\[bank\]\(https://evil.example\)"),
            (r"\*", r"\\\*"),
            ("<at>Jane</at>", "<\u{200b}at>Jane<\u{200b}/at>"),
            ("<AT id=1>", "<\u{200b}AT id=1>"),
            ("a < b <", "a < b <"),
            ("&lt;at&gt; &#60;at", "&\u{200b}lt;at&\u{200b}gt; &\u{200b}#60;at"),
            ("&#x3c;", "&\u{200b}#x3c;"),
            ("a&b; ? a=1&b=2 &; &#;", "a&\u{200b}b; ? a=1&b=2 &; &#;"),
            // What stands first in a line.
            ("# h\n> q\n- a\n+ b", "\\# h\n\n\\> q\n\n\\- a\n\n\\+ b"),
            ("a # b > c - d + e", "a # b > c - d + e"),
            ("1. a\n12) b\n3.5\n7.", "1\\. a\n\n12\\) b\n\n3.5\n\n7\\."),
            ("192.0.2.1 a1. b", "192.0.2.1 a1. b"),
            ("    code\n  - a", "\u{a0}\u{a0}\u{a0}\u{a0}code\n\n\u{a0}\u{a0}\\- a"),
            ("\n\na\n\n\nb\n", "a\n\nb\n\n"),
            ("caf\u{e9} \u{1f514}", "caf\u{e9} \u{1f514}"),
        ];
        escape::assert_shown(&table, escape::utf16, escaped);
    }

    #[test]
    fn a_cut_counts_escapes_and_utf_16_units() {
        let table = [
            ("a*", 3, r"a\*"),
            ("a*", 2, "a\u{2026}"),
            ("a**", 4, "a\\*\u{2026}"),
            ("a**", 3, "a\u{2026}"),
            ("a<b", 4, "a<\u{200b}b"),
            ("a<b", 3, "a\u{2026}"),
            ("a\nb", 4, "a\n\nb"),
            ("a\nb", 3, "a\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}"),
        ];
        for (text, max, expected) in table {
            assert_eq!(escaped(text, max), expected, "{text:?} in {max}");
        }
    }
}
