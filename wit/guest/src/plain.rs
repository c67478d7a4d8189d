//! Text that may hold anything an attacker can put on the wire, made fit to be shown.
//!
//! Promise: no control character and no bidirectional override is in what comes out, so no text
//! can break a line, hide a part of itself or turn round what stands beside it. Each is replaced
//! by U+FFFD, so that a reader sees that something was there.
//!
//! Not here: the markup of a service ([`crate::escape`]), and how much fits ([`crate::cut`]).

/// One line: each run of blanks and line breaks becomes one blank; none at either end.
pub fn line(text: &str) -> String {
    if is_line(text) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for word in text.split(|one: char| one.is_whitespace()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().map(shown));
    }
    line
}

/// The same of a text that nobody else needs.
pub(crate) fn of_one_line(text: String) -> String {
    if is_line(&text) { text } else { line(&text) }
}

/// As most texts are: printable ASCII, and single blanks between words.
fn is_line(text: &str) -> bool {
    let mut before = b' ';
    text.bytes().all(|byte| {
        let is_fit = matches!(byte, b'!'..=b'~') || (byte == b' ' && before != b' ');
        before = byte;
        is_fit
    }) && before != b' '
}

/// Lines as they are, each ended by LF alone; no blanks at the end of a line or of the text, no
/// empty lines before it, and never two empty lines in a row.
pub fn lines(text: &str) -> String {
    if is_line(text) {
        return text.to_owned();
    }
    let mut lines = String::with_capacity(text.len());
    let mut is_after_gap = false;
    let text = text.replace("\r\n", "\n");
    for line in text.split(is_line_break) {
        let line = line.trim_end();
        if line.is_empty() {
            is_after_gap = !lines.is_empty();
            continue;
        }
        if !lines.is_empty() {
            lines.push_str(if is_after_gap { "\n\n" } else { "\n" });
        }
        is_after_gap = false;
        lines.extend(line.chars().map(|one| if one == '\t' { ' ' } else { shown(one) }));
    }
    lines
}

/// A web address that can stand where a service wants one: `http` or `https`, at most `max` UTF-16
/// code units, without blanks and controls.
pub fn is_address(link: &str, max: usize) -> bool {
    is_of_web(link)
        && link.encode_utf16().count() <= max
        && line(link) == link
        && !link.contains(char::is_whitespace)
}

pub(crate) fn is_of_web(link: &str) -> bool {
    link.starts_with("http://") || link.starts_with("https://")
}

/// CR, VT and FF too, NEL, and the separators of Unicode.
fn is_line_break(one: char) -> bool {
    matches!(one, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn shown(one: char) -> char {
    if is_control(one) { char::REPLACEMENT_CHARACTER } else { one }
}

/// Controls what is shown and is not shown itself: C0, C1, the bidirectional overrides.
pub(crate) fn is_control(one: char) -> bool {
    one.is_control() || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_out_as_lines_without_what_controls_them() {
        let table = [
            // text, as one line, as lines
            ("", "", ""),
            (" \t\r\n ", "", ""),
            ("a  b\tc", "a b c", "a  b c"),
            ("a\r\nb\rc\nd", "a b c d", "a\nb\nc\nd"),
            ("\n\n a \n\n\n b \n", "a b", " a\n\n b"),
            ("a\u{2028}b\u{85}c", "a b c", "a\nb\nc"),
            (
                "a\0b\u{1b}[31m\u{7f}",
                "a\u{fffd}b\u{fffd}[31m\u{fffd}",
                "a\u{fffd}b\u{fffd}[31m\u{fffd}",
            ),
            ("exe.\u{202e}gpj\u{2069}", "exe.\u{fffd}gpj\u{fffd}", "exe.\u{fffd}gpj\u{fffd}"),
            // What words of people need stays: joiners, marks, characters of four bytes.
            (
                "\u{1f468}\u{200d}\u{1f469} \u{5d0}\u{200f}",
                "\u{1f468}\u{200d}\u{1f469} \u{5d0}\u{200f}",
                "\u{1f468}\u{200d}\u{1f469} \u{5d0}\u{200f}",
            ),
        ];
        for (text, as_line, as_lines) in table {
            assert_eq!(line(text), as_line, "{text:?} as one line");
            assert_eq!(lines(text), as_lines, "{text:?} as lines");
        }
    }

    #[test]
    fn an_address_is_of_the_web_short_enough_and_without_what_cannot_be_seen() {
        let table = [
            // address, max, whether it is one
            ("https://h/a?b=1&c=2#d", 100, true),
            ("http://h", 8, true),
            ("http://h", 7, false),
            ("http://h/\u{1f514}", 11, true),
            ("http://h/\u{1f514}", 10, false),
            ("HTTP://h", 100, false),
            ("ftp://h", 100, false),
            ("javascript:alert(1)//http://", 100, false),
            (" http://h", 100, false),
            ("http://h ", 100, false),
            ("http://h/a b", 100, false),
            ("http://h/a\u{a0}b", 100, false),
            ("http://h/a\nb", 100, false),
            ("http://h/\0", 100, false),
            ("http://h/\u{202e}gpj", 100, false),
            ("", 100, false),
        ];
        for (link, max, expected) in table {
            assert_eq!(is_address(link, max), expected, "{link:?} in {max}");
        }
    }
}
