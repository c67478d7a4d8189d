//! Cutting text to what a service takes, always at the edge of a character.
//!
//! Services count differently: in bytes, in characters (Unicode scalar values), or in UTF-16 code
//! units. Each function gives the longest beginning of `text` that keeps the bound.

/// At most `max` bytes of UTF-8.
pub fn bytes(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// At most `max` characters.
pub fn chars(text: &str, max: usize) -> &str {
    match text.char_indices().nth(max) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// At most `max` UTF-16 code units; a surrogate pair is never split.
pub fn utf16(text: &str, max: usize) -> &str {
    let mut units = 0;
    for (at, one) in text.char_indices() {
        units += one.len_utf16();
        if units > max {
            return &text[..at];
        }
    }
    text
}

/// At most `max` UTF-16 code units, the last of them an ellipsis where there was more.
pub fn short(text: &str, max: usize) -> String {
    ended(text, max, 1, utf16)
}

/// At most `max` bytes of UTF-8, the last three of them an ellipsis where there was more.
pub fn short_bytes(text: &str, max: usize) -> String {
    ended(text, max, ELLIPSIS.len(), bytes)
}

const ELLIPSIS: &str = "\u{2026}";

fn ended(text: &str, max: usize, ellipsis: usize, cut: fn(&str, usize) -> &str) -> String {
    if cut(text, max).len() == text.len() {
        return text.to_owned();
    }
    let Some(room) = max.checked_sub(ellipsis) else { return String::new() };
    format!("{}{ELLIPSIS}", cut(text, room))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_whole_characters_and_as_many_as_fit() {
        // One byte, two bytes, four bytes and two UTF-16 units, one byte.
        let text = "a\u{e9}\u{1f514}b";
        let table = [
            // max, bytes, chars, utf16
            (0, "", "", ""),
            (1, "a", "a", "a"),
            (2, "a", "a\u{e9}", "a\u{e9}"),
            (3, "a\u{e9}", "a\u{e9}\u{1f514}", "a\u{e9}"),
            (4, "a\u{e9}", text, "a\u{e9}\u{1f514}"),
            (5, "a\u{e9}", text, text),
            (6, "a\u{e9}", text, text),
            (7, "a\u{e9}\u{1f514}", text, text),
            (8, text, text, text),
            (usize::MAX, text, text, text),
        ];
        for (max, as_bytes, as_chars, as_utf16) in table {
            assert_eq!(bytes(text, max), as_bytes, "{max} bytes");
            assert_eq!(chars(text, max), as_chars, "{max} chars");
            assert_eq!(utf16(text, max), as_utf16, "{max} UTF-16 units");
        }
    }

    #[test]
    fn where_there_was_more_an_ellipsis_ends_it_within_the_bound() {
        let text = "a\u{e9}\u{1f514}b";
        let table = [
            // max, by UTF-16 units, by bytes
            (0, "", ""),
            (1, "\u{2026}", ""),
            (2, "a\u{2026}", ""),
            (3, "a\u{e9}\u{2026}", "\u{2026}"),
            (4, "a\u{e9}\u{2026}", "a\u{2026}"),
            (5, text, "a\u{2026}"),
            (6, text, "a\u{e9}\u{2026}"),
            (7, text, "a\u{e9}\u{2026}"),
            (8, text, text),
            (usize::MAX, text, text),
        ];
        for (max, by_units, by_bytes) in table {
            assert_eq!(short(text, max), by_units, "{max} UTF-16 units");
            assert_eq!(short_bytes(text, max), by_bytes, "{max} bytes");
        }
    }
}
