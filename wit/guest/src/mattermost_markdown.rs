//! Mattermost's Markdown: what it would read in a text, and how much of it fits.
//!
//! Source: <https://docs.mattermost.com/end-user-guide/collaborate/format-messages.html>, and the
//! parser of the web client, <https://github.com/mattermost/marked>: it takes a backslash before
//! some characters only, and reads HTML entities.
//!
//! Promise: a text is cut at the edge of a character and never inside an escape, and its end says
//! so with an ellipsis. Bounds count as Mattermost does: characters (Unicode scalar values) of what
//! is sent, escapes included.
//!
//! Not here: control characters ([`crate::plain`]).

use crate::escape::{self, APART, Near};

/// For where Markdown is read: shown as it is, at most `max` characters. No mention, link, format,
/// emoji, list or formula comes of it.
pub fn escaped(text: &str, max: usize) -> String {
    // Nothing but digits and dots stands between the edge of a word and here.
    let mut is_number = true;
    escape::within(text, max, escape::chars, &mut |near, to| {
        let last = near.before.chars().next_back();
        is_number = match near.one {
            '.' => is_number,
            '0'..='9' => {
                is_number || !last.is_some_and(|last| last.is_alphanumeric() || last == '.')
            }
            one => !one.is_alphanumeric(),
        };
        if matches!(last, None | Some('\n')) && begins_block(&near) {
            to.push(APART);
        }
        let next = near.next();
        match near.one {
            '`' | '*' | '_' | '~' | '[' | ']' | '(' | ')' | '|' | '>' | '!' | '{' | '}' => {
                to.extend(['\\', near.one]);
            }
            '#' => to.extend(['\\', '#', APART]),
            // Before a letter it is none to the parser of the web client, and two would be shown.
            '\\' if next.is_some_and(|next| next.is_ascii_alphanumeric()) => to.push('\\'),
            '\\' => to.push_str("\\\\"),
            '&' => to.push_str("&amp;"),
            // No HTML, no `<address>`, and no `<!channel>`, which the server would translate.
            '<' => to.push_str("&lt;"),
            // Two of them enclose a formula, and nothing escapes one.
            '$' => to.push_str("&#36;"),
            // A backslash before these would be shown.
            '@' => to.extend(['@', APART]),
            ':' => match Colon::of(&near) {
                Colon::Plain => to.push(':'),
                // To be copied as it is: nothing unseen may stand in it.
                Colon::InAddress => to.push_str("&#58;"),
                Colon::Opens => to.extend([':', APART]),
            },
            // A name with a slash behind it becomes a link.
            '.' => {
                let is_in_number = is_number && next.is_some_and(|next| next.is_ascii_digit());
                let is_before_word = next.is_some_and(char::is_alphanumeric);
                to.push_str(if is_before_word && !is_in_number { "\\." } else { "." });
            }
            one => to.push(one),
        }
    })
}

/// For where it is not certain that Markdown is read, such as the title of an attachment: shown as
/// it is, at most `max` characters. No mention or link comes of it, and no emoji but of a name that
/// stands in an address: that is to be copied as it is.
pub fn inert(text: &str, max: usize) -> String {
    escape::within(text, max, escape::chars, &mut |near, to| {
        to.push(near.one);
        let is_apart = match near.one {
            '@' | '#' | '<' | '&' => true,
            ']' => ends_label(&near),
            ':' => Colon::of(&near) == Colon::Opens,
            '.' => is_in_link(&near),
            _ => false,
        };
        if is_apart {
            to.push(APART);
        }
    })
}

/// An address that may stand for a link; `None` for what is no web address, or would be longer than
/// `max` characters: half an address leads nowhere.
pub fn address(address: &str, max: usize) -> Option<String> {
    escape::address(address, &['<', '>', '"', '(', ')', '\\', '`', '|'], "&")
        .filter(|told| escape::chars(told) <= max)
}

/// What a colon may be part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colon {
    Plain,
    /// Of an IPv6 or a MAC address, in which clients would see an emoji: `2001:db8:100::d`.
    InAddress,
    /// A link or an emoji would begin here.
    Opens,
}

impl Colon {
    fn of(near: &Near<'_>) -> Self {
        let is_link = near.next().is_some_and(|next| !next.is_whitespace())
            && LINKED_SCHEMES.iter().any(|scheme| ends_with_word(near.before, scheme));
        if is_link || near.behind.starts_with("//") {
            return Self::Opens;
        }
        let end = near.behind.find(|one| !is_of_emoji(one)).unwrap_or(near.behind.len());
        let (name, behind) = near.behind.split_at(end);
        if behind.starts_with(':') {
            let is_group = name.len() <= 4 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_group {
                return Self::Opens;
            }
            if HEX_EMOJI.contains(&name) {
                return Self::InAddress;
            }
        }
        let is_behind_word = near.before.ends_with(|one| is_of_emoji(one) && one != '-');
        match near.next() {
            Some(next) if !is_behind_word && FACES.contains(next) => {
                if near.before.ends_with(':') {
                    Self::InAddress
                } else {
                    Self::Opens
                }
            }
            _ => Self::Plain,
        }
    }
}

/// A bracket here may be the end of a link's label, or of the name of a link.
fn ends_label(near: &Near<'_>) -> bool {
    let behind = near.behind;
    let is_before_port = behind
        .strip_prefix(':')
        .is_some_and(|port| port.starts_with(|one: char| one.is_ascii_digit()));
    if is_before_port {
        // Only where a line begins is it the name of a link.
        let label = near.before.rfind('[').map_or("", |at| &near.before[..at]);
        let line = label.rsplit('\n').next().unwrap_or_default();
        return line.trim_start().is_empty();
    }
    behind.trim_start().starts_with(['(', '[', ':'])
}

/// With this dot a link begins: `www.`, or a name with a slash behind it.
fn is_in_link(near: &Near<'_>) -> bool {
    let before = near.before.trim_end_matches(|one: char| one.is_ascii_digit());
    let letters = near.behind.find(|one: char| !one.is_alphabetic());
    ends_with_word(before, "www")
        || letters.is_some_and(|end| end > 0 && near.behind[end..].starts_with('/'))
}

/// Of these the clients make links wherever they stand.
const LINKED_SCHEMES: [&str; 6] = ["http", "https", "ftp", "mailto", "tel", "mattermost"];

/// Names of emoji that may be a part of an address.
const HEX_EMOJI: [&str; 11] =
    ["100", "1234", "a", "ab", "abc", "abcd", "b", "bed", "bee", "cd", "de"];

/// Behind a colon these make a face.
const FACES: &str = "-'\u{2019})([]@/|$dDoOpPsSxX";

fn is_of_emoji(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | '+' | '-')
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let Some(at) = text.len().checked_sub(word.len()) else { return false };
    let is_same = text.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(word));
    is_same && !text[..at].ends_with(|one: char| one.is_ascii_alphanumeric())
}

/// At the beginning of a line this would begin a block: a list, a rule, an underlined heading, code
/// by its indentation.
fn begins_block(near: &Near<'_>) -> bool {
    let behind_digits = near.behind.trim_start_matches(|one: char| one.is_ascii_digit());
    matches!(near.one, ' ' | '-' | '+' | '=')
        || (near.one.is_ascii_digit() && behind_digits.starts_with(". "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_not_read() {
        let table = [
            ("", ""),
            ("Disk full.", "Disk full."),
            ("`a` *b* _c_ ~d~", r"\`a\` \*b\* \_c\_ \~d\~"),
            ("[a](b) ![c] {d} | > !", r"\[a\]\(b\) \!\[c\] \{d\} \| \> \!"),
            ("# a #b", "\\#\u{200b} a \\#\u{200b}b"),
            (r"C:\Windows\_x\", "C:\\Windows\\\\\\_x\\\\"),
            ("@channel me@h.example", "@\u{200b}channel me@\u{200b}h\\.example"),
            ("<!channel> &lt;", "&lt;\\!channel\\> &amp;lt;"),
            ("<https://h.example|bank>", "&lt;https:\u{200b}//h\\.example\\|bank\\>"),
            (":fire: $x$", ":\u{200b}fire: &#36;x&#36;"),
            (":) :-D a:) x::y", ":\u{200b}\\) :\u{200b}-D a:\\) x::y"),
            ("2001:db8:30::4d example:40112", "2001:db8:30::4d example:40112"),
            ("2001:db8:100::d", "2001:db8&#58;100:&#58;d"),
            ("00:11:ab:33:44:55", "00:11&#58;ab:33:44:55"),
            ("www.1.example www1.2", "www\\.1\\.example www1\\.2"),
            ("192.0.2.1 1.5 x-1.5", "192.0.2.1 1.5 x-1.5"),
            ("192.0.2.example", "192.0.2\\.example"),
            ("- a\n+ b\n= c\n    d", "\u{200b}- a\n\u{200b}+ b\n\u{200b}= c\n\u{200b}    d"),
            ("1. a\n12. b\n1.5 c", "\u{200b}1. a\n\u{200b}12. b\n1.5 c"),
            ("a - b 1. c", "a - b 1. c"),
        ];
        escape::assert_shown(&table, escape::chars, escaped);
    }

    #[test]
    fn where_no_backslash_helps_a_character_is_set_apart() {
        let table = [
            ("Disk full", "Disk full"),
            ("@channel", "@\u{200b}channel"),
            ("CRITICAL: a", "CRITICAL: a"),
            ("12:34:56 h:1", "12:34:56 h:1"),
            (":x: :+1: a:b_c: :)", ":\u{200b}x: :\u{200b}+1: a:\u{200b}b_c: :\u{200b})"),
            ("tel:9 hotel:80 x://y", "tel:\u{200b}9 hotel:80 x:\u{200b}//y"),
            ("2001:db8:100:: [2001:db8:30::4d]:80", "2001:db8:100:: [2001:db8:30::4d]:80"),
            ("fe80::d [::]:80 desk-7.example:40112", "fe80::d [::]:80 desk-7.example:40112"),
            ("[a](b) [c] [d] [e]", "[a]\u{200b}(b) [c]\u{200b} [d]\u{200b} [e]"),
            ("[a]: b\n [1]:2", "[a]\u{200b}: b\n [1]\u{200b}:2"),
            ("<!here> &lt;", "<\u{200b}!here> &\u{200b}lt;"),
            ("www.h.example 1.2 www2.h", "www.\u{200b}h.example 1.2 www2.\u{200b}h"),
            ("h.example/a h.example", "h.\u{200b}example/a h.example"),
            (r"*b* \o/", r"*b* \o/"),
        ];
        escape::assert_shown(&table, escape::chars, inert);
    }

    #[test]
    fn a_cut_counts_escapes_and_characters() {
        let table = [
            // text, max, escaped, inert
            ("a*", 3, r"a\*", "a*"),
            ("a*", 2, "a\u{2026}", "a*"),
            ("a&", 6, "a&amp;", "a&\u{200b}"),
            ("a&", 5, "a\u{2026}", "a&\u{200b}"),
            ("a&b", 6, "a\u{2026}", "a&\u{200b}b"),
            ("@a", 3, "@\u{200b}a", "@\u{200b}a"),
            ("@ab", 3, "@\u{200b}\u{2026}", "@\u{200b}\u{2026}"),
            ("@a", 2, "\u{2026}", "\u{2026}"),
            ("\u{1f514}\u{1f514}", 2, "\u{1f514}\u{1f514}", "\u{1f514}\u{1f514}"),
            ("\u{1f514}\u{1f514}\u{e9}", 2, "\u{1f514}\u{2026}", "\u{1f514}\u{2026}"),
        ];
        for (text, max, as_escaped, as_inert) in table {
            assert_eq!(escaped(text, max), as_escaped, "{text:?} in {max}, escaped");
            assert_eq!(inert(text, max), as_inert, "{text:?} in {max}, inert");
        }
    }

    #[test]
    fn an_address_leads_where_it_says_or_is_none() {
        let table = [
            ("https://h/a?b=1&c=2", 100, Some("https://h/a?b=1&c=2")),
            ("http://h/)[x](\"|<>\\`", 100, Some("http://h/%29[x]%28%22%7C%3C%3E%5C%60")),
            ("ftp://h/", 100, None),
            ("https://h", 9, Some("https://h")),
            ("https://h", 8, None),
        ];
        for (given, max, expected) in table {
            assert_eq!(address(given, max).as_deref(), expected, "{given:?} in {max}");
        }
    }
}
