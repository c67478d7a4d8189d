//! Telegram's HTML: what its markup would read in a text, how much of it fits, and the way back.
//!
//! Source: <https://core.telegram.org/bots/api#html-style>.
//!
//! Promise: a text is cut at the edge of a character and never inside an entity, and its end says
//! so with an ellipsis. Bounds count as Telegram does: UTF-16 code units of what is shown, that is
//! after tags and entities are read.
//!
//! Not here: control characters ([`crate::plain`]).

use crate::plain;

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '\u{2026}';

/// Keeps a character from what follows it, and is not seen.
const APART: char = '\u{200b}';

/// For within `<code>` and `<pre>`, where Telegram looks for no mentions, links and commands: shown
/// as it is, at most `max` units.
pub fn escaped(text: &str, max: usize) -> String {
    build(text, max, |_, _| false)
}

/// For anywhere else: shown as it is, at most `max` units, and nothing in it becomes a mention, a
/// hashtag, a command, an address or a link.
///
/// Telegram finds those in any text by the sign before a word, so U+200B is set behind it.
pub fn inert(text: &str, max: usize) -> String {
    build(text, max, |one, next| {
        matches!(one, '@' | '#' | '$' | '/' | '.')
            && next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

/// A link; the label is markup already. `None` for what is no web address, or would be longer than
/// `max` bytes: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
        return None;
    }
    let mut link = String::from("<a href=\"");
    for one in address.chars() {
        match one {
            '&' => link.push_str("&amp;"),
            '<' | '>' | '"' | '\'' | '\\' | '`' => push_percent(&mut link, one),
            _ if one.is_whitespace() || plain::is_control(one) => push_percent(&mut link, one),
            _ => link.push(one),
        }
    }
    link.push_str("\">");
    link.push_str(label);
    link.push_str("</a>");
    (link.len() <= max).then_some(link)
}

/// What Telegram counts of a text with markup: UTF-16 units without tags, an entity as what it
/// stands for.
pub fn units(html: &str) -> usize {
    pieces(html).map(|piece| if let Piece::Shown(one) = piece { one.len_utf16() } else { 0 }).sum()
}

/// What is shown of a text with markup that was made here, and where its links lead: the way out
/// where the service does not take the markup. At most `max` UTF-16 units.
pub fn shown(html: &str, max: usize) -> String {
    let mut shown = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Shown(one) => shown.push(one),
            Piece::Tag(tag) => {
                let address = tag.strip_prefix("a href=\"").and_then(|rest| rest.strip_suffix('"'));
                if let Some(address) = address {
                    shown.push_str(&address.replace("&amp;", "&"));
                    shown.push(' ');
                }
            }
        }
    }
    let cut = build_with(&shown, max, |_, _| false, |one, to| to.push(one));
    cut.trim_end().to_owned()
}

/// A part of a text with markup.
enum Piece<'a> {
    /// What stands between `<` and `>`.
    Tag(&'a str),
    Shown(char),
}

fn pieces(html: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let one = rest.chars().next()?;
        if one == '<'
            && let Some(end) = rest.find('>')
        {
            let tag = &rest[1..end];
            rest = &rest[end + 1..];
            return Some(Piece::Tag(tag));
        }
        for (entity, stands_for) in ENTITIES {
            if let Some(behind) = rest.strip_prefix(entity) {
                rest = behind;
                return Some(Piece::Shown(stands_for));
            }
        }
        rest = &rest[one.len_utf8()..];
        Some(Piece::Shown(one))
    })
}

/// All that Telegram knows by name.
const ENTITIES: [(&str, char); 4] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"')];

fn build(text: &str, max: usize, is_apart: impl Fn(char, Option<char>) -> bool) -> String {
    build_with(text, max, is_apart, |one, to| match one {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        _ => to.push(one),
    })
}

/// Appends character by character for as long as the whole, or a beginning and the ellipsis, fits.
fn build_with(
    text: &str,
    max: usize,
    is_apart: impl Fn(char, Option<char>) -> bool,
    append: impl Fn(char, &mut String),
) -> String {
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(3)));
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    let mut chars = text.chars().peekable();
    while let Some(one) = chars.next() {
        append(one, &mut built);
        counted += one.len_utf16();
        if is_apart(one, chars.peek().copied()) {
            built.push(APART);
            counted += 1;
        }
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
            // text, in code, elsewhere
            ("", "", ""),
            ("Disk full.", "Disk full.", "Disk full."),
            ("<b>&amp;\"'", "&lt;b&gt;&amp;amp;\"'", "&lt;b&gt;&amp;amp;\"'"),
            ("@everyone", "@everyone", "@\u{200b}everyone"),
            ("#a /b $C @ # /", "#a /b $C @ # /", "#\u{200b}a /\u{200b}b $\u{200b}C @ # /"),
            ("me@h.example", "me@h.example", "me@\u{200b}h.\u{200b}example"),
            ("tg://x", "tg://x", "tg://\u{200b}x"),
            ("a/_b", "a/_b", "a/\u{200b}_b"),
        ];
        for (text, in_code, elsewhere) in table {
            assert_eq!(escaped(text, 1000), in_code, "{text:?}");
            assert_eq!(inert(text, 1000), elsewhere, "{text:?}");
            assert_eq!(shown(&escaped(text, 1000), 1000), text, "{text:?}");
        }
    }

    #[test]
    fn a_cut_is_never_inside_a_character_or_an_entity_and_can_be_seen() {
        let table = [
            // text, max, in code, elsewhere
            ("abcd", 4, "abcd", "abcd"),
            ("abcde", 4, "abc\u{2026}", "abc\u{2026}"),
            ("ab", 1, "\u{2026}", "\u{2026}"),
            ("ab", 0, "", ""),
            ("a&", 2, "a&amp;", "a&amp;"),
            ("a&b", 2, "a\u{2026}", "a\u{2026}"),
            ("<<<", 2, "&lt;\u{2026}", "&lt;\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
            ("a\u{1f514}b", 3, "a\u{2026}", "a\u{2026}"),
            ("@ab", 3, "@ab", "@\u{200b}\u{2026}"),
            ("@ab", 4, "@ab", "@\u{200b}ab"),
            ("@ab", 2, "@\u{2026}", "\u{2026}"),
        ];
        for (text, max, in_code, elsewhere) in table {
            assert_eq!(escaped(text, max), in_code, "{text:?} in {max}, code");
            assert_eq!(inert(text, max), elsewhere, "{text:?} in {max}");
        }
    }

    #[test]
    fn whatever_is_cut_anywhere_is_whole_and_within_its_bound() {
        let signs = ['a', '&', '<', '>', '"', '\u{e9}', '\u{1f514}', '@', '.', '/', ' ', ';'];
        let mut state = 1_u32;
        for length in 0..200 {
            let text: String = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    signs[(state >> 16) as usize % signs.len()]
                })
                .collect();
            for max in [0, 1, 2, 3, 7, 20, 99, 1000] {
                for html in [escaped(&text, max), inert(&text, max)] {
                    assert!(units(&html) <= max, "{text:?} in {max}");
                    let back = shown(&html, max).replace(APART, "");
                    let begin = back.trim_end_matches(ELLIPSIS);
                    assert!(text.starts_with(begin), "{text:?} in {max}: {back:?}");
                    let is_cut = back.len() > begin.len();
                    assert!(is_cut || begin == text.trim_end() || max == 0, "{text:?} in {max}");
                }
            }
        }
    }

    #[test]
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("<a href=\"https://h/a?b=1&amp;c=2\">open</a>")),
            ("http://h/\"><b>", 100, Some("<a href=\"http://h/%22%3E%3Cb%3E\">open</a>")),
            ("https://h/a b\r\n\0", 100, Some("<a href=\"https://h/a%20b%0D%0A%00\">open</a>")),
            ("https://h/\u{202e}gpj", 100, Some("<a href=\"https://h/%E2%80%AEgpj\">open</a>")),
            ("javascript:alert(1)", 100, None),
            ("tg://user?id=1", 100, None),
            ("", 100, None),
            ("https://h", 28, Some("<a href=\"https://h\">open</a>")),
            ("https://h", 27, None),
        ];
        for (address, max, expected) in table {
            assert_eq!(link(address, "open", max).as_deref(), expected, "{address:?} in {max}");
        }
    }

    #[test]
    fn what_is_shown_has_no_markup_and_keeps_the_addresses() {
        let html =
            "<b>a &lt;b&gt;</b>\n<code>&amp;lt;</code> <a href=\"https://h/?a&amp;b\">open</a>";
        assert_eq!(shown(html, 100), "a <b>\n&lt; https://h/?a&b open");
        assert_eq!(units(html), "a <b>\n&lt; open".len());
        assert_eq!(shown(html, 4), "a <\u{2026}");
        assert_eq!(shown("a < b", 100), "a < b");
    }
}
