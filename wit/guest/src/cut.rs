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
    if utf16(text, max).len() == text.len() {
        return text.to_owned();
    }
    format!("{}\u{2026}", utf16(text, max.saturating_sub(1)))
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
}
