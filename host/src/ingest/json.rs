//! What the readers ask of JSON before they look at its fields.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::{BadBody, NESTING_COUNT_MAX};

/// A JSON string, borrowed from the body where it has no escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.into())))
            }
        }
        from.deserialize_str(Reader)
    }
}

/// A byte order mark is no part of the text, and nothing else may stand outside of it.
pub(super) fn utf8(body: &[u8]) -> Result<&str, BadBody> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|error| {
        let valid = &body[..error.valid_up_to()];
        let valid = std::str::from_utf8(valid).unwrap_or_default();
        BadBody::at(valid, valid.len(), "text in UTF-8")
    })
}

/// What was `expected`, with the parser's own words, at the place that it puts behind them.
pub(super) fn not_as_expected(body: &str, expected: &str, error: &serde_json::Error) -> BadBody {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let before: usize =
        body.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // The parser's column is a byte's, from 1; 0 is the line's end before it.
    let at = before + error.column().saturating_sub(1);
    BadBody::at(body, at, format!("{expected}: {words}"))
}

/// Whether `json` has more than [`NESTING_COUNT_MAX`] objects and arrays inside one another.
pub(super) fn nests_too_deep(json: &str) -> bool {
    // Nearly always the mere count, which is cheap, says no.
    opened(json) > NESTING_COUNT_MAX && depth(json) > NESTING_COUNT_MAX
}

fn opened(json: &str) -> usize {
    // In steps that a byte can count, so that the compiler counts many bytes at once.
    let steps = json.as_bytes().chunks(usize::from(u8::MAX));
    let count = |step: &[u8]| {
        step.iter().fold(0_u8, |sum, byte| {
            // Both brackets are this but for the one bit.
            sum.wrapping_add(u8::from(byte & !0x20 == b'['))
        })
    };
    steps.map(|step| usize::from(count(step))).sum()
}

fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A piece of the sender's JSON, fit for an error: printable and at most 64 bytes.
pub(super) fn excerpt(json: &str) -> String {
    const BYTES_MAX: usize = 64;
    const MORE: &str = "...";
    let mut shown = String::with_capacity(BYTES_MAX);
    let mut whole = 0;
    for one in json.chars() {
        match one {
            // Quotes and backslashes stay: the piece is JSON already.
            '"' | '\'' | '\\' => shown.push(one),
            _ => shown.extend(one.escape_debug()),
        }
        if shown.len() > BYTES_MAX {
            shown.truncate(whole);
            return shown + MORE;
        }
        if shown.len() <= BYTES_MAX - MORE.len() {
            whole = shown.len();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_what_is_open_at_once_outside_of_strings() {
        let limit = NESTING_COUNT_MAX;
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        let table = [
            (nested(limit), false),
            (nested(limit + 1), true),
            ("{\"a\":".repeat(limit + 1) + "1" + &"}".repeat(limit + 1), true),
            (format!("[{}[]]", "[],".repeat(limit * 2)), false),
            (format!("[\"\\\"{}\"]", "[".repeat(limit * 2)), false),
            (format!("[\"\\\\\",{}]", nested(limit)), true),
        ];
        for (json, expected) in table {
            assert_eq!(nests_too_deep(&json), expected, "{json}");
        }
    }

    #[test]
    fn an_excerpt_is_printable_and_at_most_64_bytes() {
        let table = [
            ("\"10.0.0\"".to_owned(), "\"10.0.0\"".to_owned()),
            ("\"\u{202e}\"".into(), "\"\\u{202e}\"".into()),
            ("7".repeat(64), "7".repeat(64)),
            ("7".repeat(65), "7".repeat(61) + "..."),
            ("ä".repeat(40), "ä".repeat(30) + "..."),
            ("\u{202e}".repeat(40), "\\u{202e}".repeat(7) + "..."),
        ];
        for (json, expected) in table {
            let shown = excerpt(&json);
            assert!(shown.len() <= 64, "{shown}");
            assert_eq!(shown, expected);
        }
    }
}
