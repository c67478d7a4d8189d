//! Takes the shared secret out of text that could not be read as JSON.
//!
//! Promise: in what is kept of such a text, no value of a key `sharedsecret` is left, however the
//! text is broken: cut in the middle, form-encoded, JSON within JSON. In doubt more is blanked.

use crate::ids::Secret;

const KEY: &[u8] = b"sharedsecret";
const BLANK: &str = "***";

/// The text without its secrets, and the first that stood there whole.
pub(super) fn blank(text: &str) -> (String, Option<Secret>) {
    let (mut kept, mut secret) = (String::with_capacity(text.len()), None);
    let mut rest = text;
    while let Some(key) = find(rest) {
        let (before, value) = rest.split_at(key + KEY.len());
        kept.push_str(before);
        let (start, end, whole) = value_in(value);
        kept.push_str(&value[..start]);
        kept.push_str(if start < end { BLANK } else { "" });
        secret = secret.or_else(|| whole.and_then(|json| serde_json::from_str(json).ok()));
        rest = &value[end..];
    }
    kept.push_str(rest);
    let secret = secret.filter(|text: &String| !text.is_empty());
    (kept, secret.map(Secret::new))
}

fn find(text: &str) -> Option<usize> {
    text.as_bytes().windows(KEY.len()).position(|window| window.eq_ignore_ascii_case(KEY))
}

/// Where in the text behind the key its value begins and ends, and the value if it is a JSON
/// string that ends. All three edges are at ASCII characters or at the end.
fn value_in(text: &str) -> (usize, usize, Option<&str>) {
    let bytes = text.as_bytes();
    let skip = |from: usize, skipped: &[u8]| {
        from + bytes[from..].iter().take_while(|byte| skipped.contains(byte)).count()
    };
    let mark = skip(0, b"\\\"' \t\r\n");
    if !matches!(bytes.get(mark), Some(b':' | b'=')) {
        return (0, 0, None);
    }
    let start = skip(mark + 1, b" \t\r\n");
    let quote = skip(start, b"\\");
    match bytes.get(quote) {
        Some(b'"') => {
            // Where the quote itself is escaped, so is the one at the end.
            let nested = quote > start;
            let inside = quote + 1;
            let end = closing(&bytes[inside..], nested).map(|at| inside + at);
            let whole = end.filter(|_| !nested).map(|end| &text[quote..=end]);
            (inside, end.unwrap_or(text.len()), whole)
        }
        _ => {
            let until = |byte: &u8| b",}]&;\"\\ \t\r\n".contains(byte);
            let length = bytes[start..].iter().position(until);
            (start, length.map_or(text.len(), |length| start + length), None)
        }
    }
}

/// Where the string ends: at its quote, or where that is escaped, at the backslash before it.
fn closing(bytes: &[u8], nested: bool) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped && !nested => escaped = false,
            b'\\' if !nested => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_broken_text_keeps_its_secret() {
        let table = [
            (r#"{"sharedsecret":"hunter2","alerts":[{"#, r#"{"sharedsecret":"***","alerts":[{"#),
            (r#"{"sharedsecret" : "hunter2" x"#, r#"{"sharedsecret" : "***" x"#),
            ("{\"sharedsecret\"\n:\t\"hunter2", "{\"sharedsecret\"\n:\t\"***"),
            (r#"{"sharedsecret":"hunter2\"#, r#"{"sharedsecret":"***"#),
            (r#"{"sharedsecret":"hunter2\" hunter2","a"#, r#"{"sharedsecret":"***","a"#),
            (r#"{"SharedSecret":"hunter2"}}"#, r#"{"SharedSecret":"***"}}"#),
            (r#"{"sharedsecret":hunter2,"a"#, r#"{"sharedsecret":***,"a"#),
            (r#"{"sharedsecret":hunter2"#, r#"{"sharedsecret":***"#),
            (r#"{'sharedsecret':'hunter2'}"#, r#"{'sharedsecret':***}"#),
            ("sharedsecret=hunter2&alerts=", "sharedsecret=***&alerts="),
            (r#"{\"sharedsecret\":\"hunter2\",\"a"#, r#"{\"sharedsecret\":\"***",\"a"#),
            (
                r#"{"sharedsecret":"hunter2","sharedsecret":"hunter2"#,
                r#"{"sharedsecret":"***","sharedsecret":"***"#,
            ),
            (r#"{"sharedsecret":"#, r#"{"sharedsecret":"#),
            (r#"{"sharedsecret":"""#, r#"{"sharedsecret":"""#),
            ("the sharedsecret is not told", "the sharedsecret is not told"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            let (kept, _) = blank(text);
            assert_eq!(kept, expected, "{text}");
            assert!(!kept.contains("hunter2"), "{kept}");
        }
    }

    #[test]
    fn no_cut_of_an_envelope_keeps_its_secret() {
        let body = r#"{"version":"0.2","sharedsecret":"hunter2\"é!","alerts":[{"alert_id":1}]}"#;
        for (cut, _) in body.char_indices() {
            let (kept, secret) = blank(&body[..cut]);
            assert!(!kept.contains("hu"), "{kept}");
            let whole = body[..cut].contains("!\"");
            assert_eq!(
                secret.map(|one| one.equals("hunter2\"é!")),
                whole.then_some(true),
                "{kept}"
            );
        }
    }
}
