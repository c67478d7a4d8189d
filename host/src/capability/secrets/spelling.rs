//! The spellings in which services repeat what they were sent: as it is, base64 at any alignment,
//! hexadecimal, and what the usual libraries make of it in URLs, forms, JSON and HTML.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

/// Shorter values would be found in any text, and are known by nobody for a secret.
pub(super) const BYTES_MIN: usize = 6;

/// Of base64 the characters that are always the same are looked for if there are so many: as many as
/// the shortest value has.
const STABLE_MIN: usize = 7;

/// Spellings of secrets, each once.
pub(super) type Needles = Vec<Zeroizing<Vec<u8>>>;

/// Adds every spelling of a value.
pub(super) fn add_value(to: &mut Needles, value: &str) {
    if value.len() < BYTES_MIN {
        return;
    }
    add(to, value.as_bytes());
    add_base64(to, value.as_bytes());
    for letters in LETTERS {
        let spelled = value.bytes().flat_map(|byte| hexadecimal(byte, letters));
        add(to, &Zeroizing::new(spelled.collect::<Vec<_>>()));
    }
    add_url(to, value.as_bytes());
    add_json(to, value);
    add_html(to, value);
}

/// What was composed or signed is mostly base64 or hexadecimal: what URLs and JSON make of those.
pub(super) fn spellings_of_sent(value: &[u8]) -> Needles {
    let mut needles = Needles::new();
    add(&mut needles, value);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    if !value.iter().all(is_plain) {
        add_url(&mut needles, value);
        if let Ok(text) = std::str::from_utf8(value) {
            add_json(&mut needles, text);
        }
    }
    needles
}

const LETTERS: [&[u8; 16]; 2] = [b"0123456789abcdef", b"0123456789ABCDEF"];

fn hexadecimal(byte: u8, letters: &[u8; 16]) -> [u8; 2] {
    [letters[usize::from(byte >> 4)], letters[usize::from(byte & 15)]]
}

/// As libraries escape URLs and forms: they differ in what they leave as it is.
const PLAIN_IN_URLS: [&[u8]; 7] = [
    // RFC 3986: all but unreserved characters are escaped; Python; encodeURIComponent; forms.
    b"-._~",
    b"-._~/",
    b"-._~!'()*",
    b"-._*",
    // What may stand in a path; encodeURI; browsers, in a segment of a path.
    b"-._~!$&'()*+,;=:@/",
    b"-._~!$&'()*+,;=:@/?#",
    b"-._~!$&'()*+,;=:@[]^|",
];

fn add_url(to: &mut Needles, value: &[u8]) {
    let is_plain = |plain: &[u8], byte: u8| byte.is_ascii_alphanumeric() || plain.contains(&byte);
    for plain in PLAIN_IN_URLS {
        for letters in LETTERS {
            for blank in [&b"%20"[..], b"+"] {
                let mut url = Zeroizing::new(Vec::with_capacity(3 * value.len()));
                for &byte in value {
                    if byte == b' ' {
                        url.extend_from_slice(blank);
                    } else if is_plain(plain, byte) {
                        url.push(byte);
                    } else {
                        url.push(b'%');
                        url.extend(hexadecimal(byte, letters));
                    }
                }
                add(to, &url);
            }
        }
    }
}

fn add(to: &mut Needles, spelling: &[u8]) {
    if !to.iter().any(|known| **known == spelling) {
        to.push(Zeroizing::new(spelling.to_vec()));
    }
}

/// The characters of base64 that are the same whatever stands before and after the value.
fn add_base64(to: &mut Needles, value: &[u8]) {
    for before in 0..3_usize {
        let mut bytes = Zeroizing::new(vec![0; before]);
        bytes.extend_from_slice(value);
        let from = (before * 8).div_ceil(6);
        let until = bytes.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            let spelled = Zeroizing::new(engine.encode(&bytes));
            if until.saturating_sub(from) >= STABLE_MIN {
                add(to, &spelled.as_bytes()[from..until]);
            }
        }
    }
}

/// As libraries write JSON: they differ in what they escape beyond what they must.
fn add_json(to: &mut Needles, value: &str) {
    let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
    let plain = &quoted[1..quoted.len() - 1];
    let slashed = Zeroizing::new(plain.replace('/', "\\/"));
    // For HTML: Go, and .NET, which writes a quote in that manner, too.
    let quote_less = Zeroizing::new(plain.replace("\\\"", "\""));
    for (text, beyond) in [
        (plain, ""),
        (plain, "&<>"),
        (&*slashed, ""),
        (&*slashed, "&<>"),
        (&*quote_less, "&<>'\"+`"),
    ] {
        for (is_ascii, is_upper) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut spelled = Zeroizing::new(String::with_capacity(6 * text.len()));
            for one in text.chars() {
                if !beyond.contains(one) && (one.is_ascii() || !is_ascii) {
                    spelled.push(one);
                    continue;
                }
                for unit in one.encode_utf16(&mut [0; 2]) {
                    // Writing into a string does not fail.
                    let _ = match is_upper {
                        true => write!(spelled, "\\u{unit:04X}"),
                        false => write!(spelled, "\\u{unit:04x}"),
                    };
                }
            }
            add(to, spelled.as_bytes());
        }
    }
}

fn add_html(to: &mut Needles, value: &str) {
    for (double, single) in [("&quot;", "&#39;"), ("&#34;", "&#x27;"), ("\"", "'")] {
        let mut html = Zeroizing::new(String::new());
        for one in value.chars() {
            match one {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str(double),
                '\'' => html.push_str(single),
                _ => html.push(one),
            }
        }
        add(to, html.as_bytes());
    }
}
