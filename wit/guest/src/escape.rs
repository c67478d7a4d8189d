//! A text in a markup: what stands for each of its characters, and how much of it fits.
//!
//! Promise: what comes out is at most `max`, as the service counts. A text that is cut ends between
//! two characters, never inside of what stands for one, and an ellipsis says so.
//!
//! Not here: what a markup reads, which each service's module states; control characters
//! ([`crate::plain`]).

use crate::plain;

/// Keeps a character from its neighbors, and is not seen.
pub const APART: char = '\u{200b}';

/// Does not begin a block of code, as a blank at the beginning of a line may.
pub const BLANK: char = '\u{a0}';

/// Stands at the end of a text that was cut.
const ELLIPSIS: &str = "\u{2026}";

/// A character of a text, and what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Near<'a> {
    pub one: char,
    pub before: &'a str,
    pub behind: &'a str,
    pub place: Place,
}

/// Where in its line a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing but blanks is before it.
    Start,
    /// Nothing but digits is before it, behind blanks at most: a number of a list, if a dot follows.
    Number,
    Inside,
}

impl Near<'_> {
    pub fn next(&self) -> Option<char> {
        self.behind.chars().next()
    }

    /// This dot makes an item of a list of the number before it. Behind one in an address stands no
    /// blank.
    pub fn ends_number(&self) -> bool {
        self.one == '.'
            && self.place == Place::Number
            && self.next().is_none_or(char::is_whitespace)
    }
}

impl Place {
    fn after(self, one: char) -> Self {
        match (self, one) {
            (_, '\n') | (Self::Start, ' ') => Self::Start,
            (Self::Start | Self::Number, '0'..='9') => Self::Number,
            _ => Self::Inside,
        }
    }
}

/// At most `max` of a text, by the `count` of what is written. `append` writes what stands for a
/// character behind what stands for those before it.
pub fn within(
    text: &str,
    max: usize,
    count: fn(&str) -> usize,
    append: &mut dyn FnMut(Near<'_>, &mut String),
) -> String {
    let ellipsis = count(ELLIPSIS);
    let mut built = String::with_capacity(text.len().min(max.saturating_mul(2)));
    let mut counted = 0;
    // The longest beginning that leaves room for the ellipsis.
    let mut kept = 0;
    let mut place = Place::Start;
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        let from = built.len();
        let behind = rest.as_str();
        let before = &text[..text.len() - behind.len() - one.len_utf8()];
        append(Near { one, before, behind, place }, &mut built);
        place = place.after(one);
        counted += count(&built[from..]);
        if counted > max {
            built.truncate(kept);
            if ellipsis <= max {
                built.push_str(ELLIPSIS);
            }
            break;
        }
        if counted + ellipsis <= max {
            kept = built.len();
        }
    }
    built
}

/// What a text counts as in UTF-16 code units.
pub fn utf16(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// What a text counts as in characters (Unicode scalar values).
pub fn chars(text: &str) -> usize {
    text.chars().count()
}

/// An address that a link can lead to: what cannot be seen and the `signs` that would end it are
/// percent-encoded, and an ampersand is what the markup has for one. `None` for what is no web
/// address.
pub fn address(address: &str, signs: &[char], ampersand: &str) -> Option<String> {
    if !plain::is_of_web(address) {
        return None;
    }
    let mut told = String::with_capacity(address.len());
    for one in address.chars() {
        if one == '&' {
            told.push_str(ampersand);
        } else if signs.contains(&one) || one.is_whitespace() || plain::is_control(one) {
            push_encoded(&mut told, one);
        } else {
            told.push(one);
        }
    }
    Some(told)
}

/// The bytes of a character, percent-encoded.
pub(crate) fn push_encoded(to: &mut String, one: char) {
    for byte in one.encode_utf8(&mut [0; 4]).bytes() {
        let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
        to.extend(['%', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// For the tests of tables: each text becomes what is expected, and whatever is cut of it keeps its
/// bound, by the `count` of the service, and can be seen to be cut.
#[cfg(not(target_family = "wasm"))]
pub fn assert_shown(
    table: &[(&str, &str)],
    count: impl Fn(&str) -> usize,
    escaped: impl Fn(&str, usize) -> String,
) {
    for (text, expected) in table {
        let all = count(expected);
        for max in [all, all + 1, usize::MAX] {
            assert_eq!(escaped(text, max), *expected, "{text:?} in {max}");
        }
        for max in 0..all {
            let cut = escaped(text, max);
            assert!(count(&cut) <= max, "{text:?} in {max}: {cut:?}");
            let kept = if max < count(ELLIPSIS) { Some("") } else { cut.strip_suffix(ELLIPSIS) };
            let is_beginning = kept.is_some_and(|kept| expected.starts_with(kept));
            assert!(is_beginning, "{text:?} in {max}: {cut:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sign of a table of its own: three units for one character, four for another.
    fn told(text: &str, max: usize, count: fn(&str) -> usize) -> String {
        within(text, max, count, &mut |near, to| match near.one {
            '*' => to.extend(['(', '*', ')']),
            '\u{1f514}' => to.extend(['<', near.one, '>']),
            _ => to.push(near.one),
        })
    }

    #[test]
    fn a_cut_is_between_two_characters_as_far_as_fits_and_can_be_seen() {
        let whole = "a(*)\u{e9}<\u{1f514}>b";
        let (none, a, star, acute) =
            ("\u{2026}", "a\u{2026}", "a(*)\u{2026}", "a(*)\u{e9}\u{2026}");
        let table = [
            // max, by characters, by UTF-16 units, by bytes
            (0, "", "", ""),
            (1, none, none, ""),
            (2, a, a, ""),
            (3, a, a, none),
            (4, a, a, a),
            (5, star, star, a),
            (6, acute, acute, a),
            (7, acute, acute, star),
            (8, acute, acute, star),
            (9, whole, acute, acute),
            (10, whole, whole, acute),
            (12, whole, whole, acute),
            (13, whole, whole, whole),
            (usize::MAX, whole, whole, whole),
        ];
        for (max, by_chars, by_utf16, by_bytes) in table {
            let told = |count| told("a*\u{e9}\u{1f514}b", max, count);
            assert_eq!(told(chars), by_chars, "{max} characters");
            assert_eq!(told(utf16), by_utf16, "{max} UTF-16 units");
            assert_eq!(told(str::len), by_bytes, "{max} bytes");
        }
    }

    #[test]
    fn a_table_sees_what_stands_around_a_character() {
        let mut seen = vec![];
        within(" 12. a\n3\u{e9}.", usize::MAX, chars, &mut |near, _| {
            seen.push((near.place, near.before.len() + near.behind.len(), near.ends_number()));
        });
        let (start, number, inside) = (Place::Start, Place::Number, Place::Inside);
        let places = [start, start, number, number, inside, inside, inside, start, number, inside];
        let expected: Vec<_> = places
            .into_iter()
            .enumerate()
            .map(|(at, place)| (place, if at == 8 { 9 } else { 10 }, at == 3))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_address_of_the_web_has_no_sign_that_ends_it() {
        let table = [
            ("https://h/a?b=1&c=2", Some("https://h/a?b=1+c=2")),
            ("http://h/>[x](y", Some("http://h/%3E[x]%28y")),
            ("https://h/a b\r\n\0", Some("https://h/a%20b%0D%0A%00")),
            ("https://h/\u{202e}gpj\u{2028}", Some("https://h/%E2%80%AEgpj%E2%80%A8")),
            ("https://h/caf\u{e9}%41", Some("https://h/caf\u{e9}%41")),
            ("javascript:alert(1)", None),
            ("ftp://h/", None),
            (" https://h/", None),
            ("", None),
        ];
        for (given, expected) in table {
            assert_eq!(address(given, &['(', '>'], "+").as_deref(), expected, "{given:?}");
        }
    }
}
