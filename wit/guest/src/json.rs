//! JSON text, where a component builds it by hand.

/// Appends `text` as a JSON string, quotes included (RFC 8259, section 7).
pub fn push_string(to: &mut String, text: &str) {
    to.reserve(text.len() + 2);
    to.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = ESCAPES[usize::from(byte)];
        if escape == 0 {
            continue;
        }
        to.push_str(&text[plain..at]);
        plain = at + 1;
        if escape == b'u' {
            to.push_str("\\u00");
            to.push(hex_digit(byte >> 4));
            to.push(hex_digit(byte & 15));
        } else {
            to.push('\\');
            to.push(char::from(escape));
        }
    }
    to.push_str(&text[plain..]);
    to.push('"');
}

/// `text` as a JSON string, quotes included.
pub fn string(text: &str) -> String {
    let mut to = String::new();
    push_string(&mut to, text);
    to
}

/// What follows the backslash for a byte: 0 for one that stands as it is, `u` for a control
/// character without a short form. A table, because texts are most of what a document is made of.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x0c] = b'f';
    escapes[b'\n' as usize] = b'n';
    escapes[b'\r' as usize] = b'r';
    escapes[b'\t' as usize] = b't';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

fn hex_digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_escaped_exactly_where_json_asks_for_it() {
        let table = [
            ("", r#""""#),
            ("plain", r#""plain""#),
            (r#"say "hi" \o/"#, r#""say \"hi\" \\o/""#),
            ("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#),
            ("\0\u{1b}[31m\u{1f}", r#""\u0000\u001b[31m\u001f""#),
            ("</script> caf\u{e9} \u{1f514}\u{7f}", "\"</script> caf\u{e9} \u{1f514}\u{7f}\""),
        ];
        for (text, expected) in table {
            assert_eq!(string(text), expected, "{text:?}");
        }
    }
}
