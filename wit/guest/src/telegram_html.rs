//! Telegram's HTML: what its markup would read in a text, how much of it fits, and the way back.
//!
//! Source: <https://core.telegram.org/bots/api#html-style>.
//!
//! Promise: a text is cut at the edge of a character and never inside an entity, and its end says
//! so with an ellipsis. Bounds count as Telegram does: UTF-16 code units of what is shown, that is
//! after tags and entities are read.
//!
//! Not here: control characters ([`crate::plain`]).

use crate::cut;
use crate::escape::{self, APART, Near};

/// For within `<code>` and `<pre>`, where Telegram looks for no mentions, links and commands: shown
/// as it is, at most `max` units.
pub fn escaped(text: &str, max: usize) -> String {
    escape::within(text, max, units, &mut append)
}

/// For anywhere else: shown as it is, at most `max` units, and nothing in it becomes a mention, a
/// hashtag, a command, an address or a link.
///
/// Telegram finds those in any text by the sign before a word, so U+200B is set behind it.
pub fn inert(text: &str, max: usize) -> String {
    escape::within(text, max, units, &mut |near, to| {
        append(near, to);
        let is_before_word = near.next().is_some_and(|next| next.is_alphanumeric() || next == '_');
        if is_before_word && matches!(near.one, '@' | '#' | '$' | '/' | '.') {
            to.push(APART);
        }
    })
}

fn append(near: Near<'_>, to: &mut String) {
    match near.one {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        one => to.push(one),
    }
}

/// A link; the label is markup already. `None` for what is no web address, or would be longer than
/// `max` bytes: half an address leads nowhere.
pub fn link(address: &str, label: &str, max: usize) -> Option<String> {
    let address = escape::address(address, &['<', '>', '"', '\'', '\\', '`'], "&amp;")?;
    let link = format!("<a href=\"{address}\">{label}</a>");
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
    cut::short(&shown, max).trim_end().to_owned()
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
        if one == '&' {
            for (entity, stands_for) in ENTITIES {
                if let Some(behind) = rest.strip_prefix(entity) {
                    rest = behind;
                    return Some(Piece::Shown(stands_for));
                }
            }
        }
        rest = &rest[one.len_utf8()..];
        Some(Piece::Shown(one))
    })
}

/// All that Telegram knows by name.
const ENTITIES: [(&str, char); 4] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"')];

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
            ("\u{1f514}\u{e9}b", "\u{1f514}\u{e9}b", "\u{1f514}\u{e9}b"),
        ];
        escape::assert_shown(&table.map(|(text, in_code, _)| (text, in_code)), units, escaped);
        escape::assert_shown(&table.map(|(text, _, elsewhere)| (text, elsewhere)), units, inert);
        // And the way back.
        for (text, in_code, elsewhere) in table {
            assert_eq!(shown(in_code, 1000), text);
            assert_eq!(shown(elsewhere, 1000).replace(APART, ""), text);
        }
    }

    #[test]
    fn a_cut_counts_what_is_shown() {
        let table = [
            // text, max, in code, elsewhere
            ("a&", 2, "a&amp;", "a&amp;"),
            ("a&b", 2, "a\u{2026}", "a\u{2026}"),
            ("<<<", 2, "&lt;\u{2026}", "&lt;\u{2026}"),
            ("a\u{1f514}", 3, "a\u{1f514}", "a\u{1f514}"),
            ("a\u{1f514}", 2, "a\u{2026}", "a\u{2026}"),
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
    fn a_link_leads_where_its_address_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("<a href=\"https://h/a?b=1&amp;c=2\">open</a>")),
            ("http://h/\"><'\\`", 100, Some("<a href=\"http://h/%22%3E%3C%27%5C%60\">open</a>")),
            ("tg://user?id=1", 100, None),
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
