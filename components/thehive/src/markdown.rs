//! TheHive's Markdown (CommonMark with tables): what it would read in a text, and how much fits.
//!
//! Promise: a text is shown as it is, and no link, image, format, table or tag comes from it. It is
//! cut at the edge of a character and never inside an escape, and its end says so with an ellipsis.

use campanile_guest::escape::{self, BLANK, Place};

/// `text` as it is to stand in a description: at most `max` UTF-16 code units, escapes included.
pub(crate) fn escaped(text: &str, max: usize) -> String {
    escape::within(text, max, escape::utf16, &mut |near, to| match near.one {
        // Two blanks break a line within a paragraph; an empty line ends it.
        '\n' if near.behind.starts_with('\n') || to.ends_with('\n') => to.push('\n'),
        '\n' => to.push_str("  \n"),
        ' ' if near.place == Place::Start => to.push(BLANK),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        '&' => to.push_str("&amp;"),
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~'
        | '@' => to.extend(['\\', near.one]),
        '-' | '+' | '=' if near.place == Place::Start => to.extend(['\\', near.one]),
        // Addresses become links by themselves.
        ':' if near.behind.starts_with("//") => to.push_str("\\:"),
        '.' if near.ends_number() || ends_in_www(near.before) => to.push_str("\\."),
        one => to.push(one),
    })
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
        escape::assert_shown(&table, escape::utf16, escaped);
    }
}
