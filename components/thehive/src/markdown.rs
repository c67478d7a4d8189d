//! TheHive's Markdown (CommonMark with tables): what it would read in a text, and how much fits.
//!
//! Promise: a text is shown as it is, and no link, image, format, table or tag comes from it. It is
//! cut at the edge of a character and never inside an escape, and its end says so with an ellipsis.

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Does not begin a block of code, as a blank at the beginning of a line may.
const BLANK: char = '\u{a0}';

/// `text` as it is to stand in a description: at most `max` UTF-16 code units, escapes included.
pub(crate) fn escaped(text: &str, max: usize) -> String {
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(2)));
    let mut place = Place::Start;
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    for (at, one) in text.char_indices() {
        let before = built.len();
        place = append(&mut built, one, text, at, place);
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

/// Appends the character of `text` that is `at`. The place of the next.
fn append(to: &mut String, one: char, text: &str, at: usize, place: Place) -> Place {
    let rest = &text[at + one.len_utf8()..];
    match one {
        '\n' => {
            // Two blanks break a line within a paragraph; an empty line ends it.
            to.push_str(if rest.starts_with('\n') || to.ends_with('\n') { "\n" } else { "  \n" });
            return Place::Start;
        }
        ' ' if place == Place::Start => {
            to.push(BLANK);
            return Place::Start;
        }
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        '&' => to.push_str("&amp;"),
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~'
        | '@' => to.extend(['\\', one]),
        '-' | '+' | '=' if place == Place::Start => to.extend(['\\', one]),
        '.' if place == Place::Number && ends_word(rest) => to.extend(['\\', one]),
        // Addresses become links by themselves.
        ':' if rest.starts_with("//") => to.extend(['\\', one]),
        '.' if ends_in_www(&text[..at]) => to.extend(['\\', one]),
        _ => to.push(one),
    }
    let is_number = one.is_ascii_digit() && place != Place::Inside;
    if is_number { Place::Number } else { Place::Inside }
}

/// Only then a number and a dot begin an item of a list: an address does not.
fn ends_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(char::is_whitespace)
}

fn ends_in_www(before: &str) -> bool {
    before.as_bytes().last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"www"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_read() {
        let table = [
            ("", ""),
            ("Disk full, 97 %", "Disk full, 97 %"),
            ("**b** _i_ `c` ~~s~~", r"\*\*b\*\* \_i\_ \`c\` \~\~s\~\~"),
            ("[a](https://h/) ![i](x)", r"\[a\]\(https\://h/\) \!\[i\]\(x\)"),
            ("<script>&lt;", "&lt;script&gt;&amp;lt;"),
            ("a | b", r"a \| b"),
            (r"\|", r"\\\|"),
            ("see https://h, www.h, WWW.h, a@b.c", r"see https\://h, www\.h, WWW\.h, a\@b.c"),
            (
                "# h\n> q\n- a\n+ b\n1. c\n===",
                "\\# h  \n&gt; q  \n\\- a  \n\\+ b  \n1\\. c  \n\\===",
            ),
            ("a - b + c 1. 03:51:00", "a - b + c 1. 03:51:00"),
            ("    code\n\nb", "\u{a0}\u{a0}\u{a0}\u{a0}code\n\nb"),
            ("{{x}} #tag", r"\{\{x\}\} \#tag"),
            ("\u{1f514}\u{e9}", "\u{1f514}\u{e9}"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text, 1000), expected, "{text:?}");
        }
    }

    #[test]
    fn whatever_is_cut_where_keeps_its_bound_and_its_escapes() {
        let text = "a*<b>&\u{1f514}\n- 1. [x](y)|`~_ \u{e9}\\@c";
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
            let entity = kept.rfind('&').map_or("", |at| &kept[at..]);
            assert!(entity.is_empty() || entity.contains(';'), "{max}: {cut:?}");
        }
    }
}
