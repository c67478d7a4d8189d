//! The Markdown that Adaptive Cards read in `TextBlock.text`, `Fact.title` and `Fact.value`.
//!
//! Source: <https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format>.
//!
//! Promise: a text is shown as it is, and neither mentions nor links nor formats come from it. It is
//! cut at the edge of a character and never inside an escape, and its end says so with an ellipsis.
//!
//! Not here: characters that control a line or turn it round ([`crate::plain`]).

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Keeps a character of the markup from its neighbor, and is not seen.
const APART: char = '\u{200b}';

/// Does not begin a block of code, as a blank at the beginning of a line may.
const BLANK: char = '\u{a0}';

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
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(2)));
    let mut place = Place::Start;
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    for (at, one) in text.char_indices() {
        let before = built.len();
        place = append(&mut built, one, &text[at + one.len_utf8()..], place);
        counted += built[before..].encode_utf16().count();
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

/// Where in its line a character stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but blanks is before it.
    Start,
    /// Nothing but digits is before it: a number of a list, if a dot follows.
    Number,
    Inside,
}

/// Appends one character of a text, of which `rest` follows. The place of the next.
fn append(to: &mut String, one: char, rest: &str, place: Place) -> Place {
    match one {
        '\n' => {
            if !to.is_empty() && !to.ends_with(BREAK) {
                to.push_str(BREAK);
            }
            return Place::Start;
        }
        ' ' if place == Place::Start => {
            to.push(BLANK);
            return Place::Start;
        }
        '\\' | '*' | '_' | '[' | ']' | '(' | ')' | '~' | '`' => to.extend(['\\', one]),
        '#' | '>' | '-' | '+' if place == Place::Start => to.extend(['\\', one]),
        '.' if place == Place::Number && ends_word(rest) => to.extend(['\\', one]),
        '<' if rest.starts_with(|next: char| !next.is_whitespace()) => to.extend([one, APART]),
        '&' if begins_entity(rest) => to.extend([one, APART]),
        _ => to.push(one),
    }
    let is_number = one.is_ascii_digit() && place != Place::Inside;
    if is_number { Place::Number } else { Place::Inside }
}

/// Only then a number and a dot begin an item of a list: an address does not.
fn ends_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(char::is_whitespace)
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
        for (text, expected) in table {
            assert_eq!(escaped(text, 1000), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_is_never_inside_a_character_or_an_escape_and_can_be_seen() {
        let table = [
            ("abcd", 4, "abcd"),
            ("abcde", 4, "abc\u{2026}"),
            ("ab", 1, "\u{2026}"),
            ("ab", 0, ""),
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
            ("a\u{1f514}b", 3, "a\u{2026}"),
        ];
        for (text, max, expected) in table {
            assert_eq!(escaped(text, max), expected, "{text:?} in {max}");
        }
    }

    #[test]
    fn whatever_is_cut_where_keeps_its_bound_and_its_escapes() {
        let text = "a*\\<at>&lt;\u{1f514}\n- 1. [x](y) `~_ \u{e9}<b";
        let whole = escaped(text, usize::MAX);
        let units = whole.encode_utf16().count();
        assert_eq!(escaped(text, units), whole);
        for max in 0..units {
            let cut = escaped(text, max);
            assert!(cut.encode_utf16().count() <= max, "{max}: {cut:?}");
            let Some(kept) = cut.strip_suffix(ELLIPSIS) else {
                assert_eq!((max, cut.as_str()), (0, ""));
                continue;
            };
            assert!(whole.starts_with(kept), "{max}: {cut:?}");
            let slashes = kept.bytes().rev().take_while(|byte| *byte == b'\\').count();
            assert_eq!(slashes % 2, 0, "{max}: {cut:?}");
            assert!(!kept.ends_with('<'), "{max}: {cut:?}");
        }
    }
}
