//! Finds secrets in what comes back, in the spellings in which honest services repeat what they
//! were sent, and takes them out.
//!
//! Promise: a value of at least [`BYTES_MIN`] bytes is not shown as it is, in base64 (at any
//! alignment, so within a Basic pair too), hexadecimal, or as URLs, JSON and HTML write it, however
//! the answer is cut into pieces.
//!
//! Not here: a service that repeats a secret in a spelling of its own, say backwards. It has the
//! secret and can give it to whomever it likes.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

use super::credential::{Held, Sort};

/// Shorter values would be found in any text, and are known by nobody for a secret.
pub(super) const BYTES_MIN: usize = 6;

/// A spelling of a piece of a value is looked for if it has as many characters.
const SPELLING_MIN: usize = 8;

/// Segments of a secret URL's path and values of its query that are secrets by themselves.
const PART_MIN: usize = 16;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A tail of so many bytes that a secret begins with is held back.
const TAIL_MIN: usize = 4;

/// Spellings of secrets, each once.
pub(super) type Needles = Vec<Zeroizing<Vec<u8>>>;

/// The spellings of some secrets, ready to be looked for.
pub struct Redactor {
    needles: Needles,
    automaton: Option<AhoCorasick>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} spellings)", self.needles.len())
    }
}

impl Redactor {
    pub(super) fn none() -> Self {
        Self { needles: Vec::new(), automaton: None }
    }

    pub(super) fn new(held: &[Held]) -> Self {
        let mut needles = Needles::new();
        for one in held {
            add_value(&mut needles, one.credential.value.expose());
            if let Sort::Url(parts) = &one.sort {
                let query = parts.query.as_ref().map(|query| query.expose());
                add_value(&mut needles, parts.path.expose());
                add_value(&mut needles, query.unwrap_or_default());
                let segments = parts.path.expose().split('/');
                let pairs = query.unwrap_or_default().split('&');
                let values = pairs.filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
                for part in segments.chain(values).filter(|part| part.len() >= PART_MIN) {
                    add_value(&mut needles, part);
                }
            }
        }
        Self::of(needles)
    }

    /// Looks for these very texts.
    pub(super) fn of(needles: Needles) -> Self {
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(needles.iter().map(|needle| &needle[..]));
        // Too many patterns are the only reason to fail: there are some dozens.
        let automaton = if needles.is_empty() { None } else { built.ok() };
        Self { needles, automaton }
    }

    /// These and others.
    pub(super) fn with(&self, more: &Needles) -> Self {
        Self::of(self.needles.iter().chain(more).cloned().collect())
    }

    /// The text without secrets; `None`: there was none in it.
    pub fn redacted(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let automaton = self.automaton.as_ref()?;
        let mut found = automaton.find_iter(bytes).peekable();
        found.peek()?;
        let (mut redacted, mut from) = (Vec::with_capacity(bytes.len()), 0);
        for one in found {
            redacted.extend_from_slice(&bytes[from..one.start()]);
            redacted.extend_from_slice(REDACTED.as_bytes());
            from = one.end();
        }
        redacted.extend_from_slice(&bytes[from..]);
        Some(redacted)
    }

    /// The same of a text.
    pub fn redact_text(&self, text: String) -> String {
        match self.redacted(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text,
        }
    }

    /// How many bytes at the end could be the beginning of a secret.
    pub(super) fn tail(&self, bytes: &[u8]) -> usize {
        let of = |needle: &[u8]| {
            let most = bytes.len().min(needle.len() - 1);
            (1..=most).rev().find(|&length| bytes.ends_with(&needle[..length])).unwrap_or(0)
        };
        self.needles.iter().map(|needle| of(needle)).max().unwrap_or(0)
    }

    /// Takes out what a cut answer ends with, if that could be the beginning of a secret.
    pub(super) fn cut_tail(&self, bytes: &mut Vec<u8>) {
        let tail = self.tail(bytes);
        if tail >= TAIL_MIN {
            bytes.truncate(bytes.len() - tail);
            bytes.extend_from_slice(REDACTED.as_bytes());
        }
    }
}

/// Redacts what comes in pieces.
#[derive(Debug)]
pub struct StreamRedactor {
    redactor: Arc<Redactor>,
    /// Given out already, and perhaps the beginning of a secret: fewer than [`TAIL_MIN`] bytes.
    given: Zeroizing<Vec<u8>>,
    /// Not given out yet: with what was given, perhaps the beginning of a secret.
    held: Zeroizing<Vec<u8>>,
}

impl StreamRedactor {
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, given: Zeroizing::default(), held: Zeroizing::default() }
    }

    /// What may be shown of all that came so far and was not shown yet.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let redactor = Arc::clone(&self.redactor);
        let Some(automaton) = &redactor.automaton else { return bytes.to_vec() };
        let mut given = self.given.len();
        let mut all = Zeroizing::new(Vec::with_capacity(given + self.held.len() + bytes.len()));
        for part in [&self.given[..], &self.held[..], bytes] {
            all.extend_from_slice(part);
        }
        let (mut shown, mut from) = (Vec::with_capacity(all.len()), 0);
        for one in automaton.find_iter(&all[..]) {
            // What was given cannot be taken back: fewer bytes than a secret is told by.
            shown.extend_from_slice(&all[(from + given).min(one.start())..one.start()]);
            shown.extend_from_slice(REDACTED.as_bytes());
            (from, given) = (one.end(), 0);
        }
        let rest = &all[from..];
        let tail = rest.len() - redactor.tail(rest);
        let held = if rest.len() - tail >= TAIL_MIN { tail.max(given) } else { rest.len() };
        shown.extend_from_slice(&rest[given..held]);
        self.given = Zeroizing::new(rest[tail..held].to_vec());
        self.held = Zeroizing::new(rest[held..].to_vec());
        shown
    }

    /// What is still held back, when nothing more can come: it is no secret as a whole, but may be
    /// most of one.
    pub fn finish(&mut self) -> Vec<u8> {
        self.given.clear();
        if std::mem::take(&mut *self.held).is_empty() { Vec::new() } else { REDACTED.into() }
    }
}

/// Every spelling of a value.
fn add_value(to: &mut Needles, value: &str) {
    if value.len() < BYTES_MIN {
        return;
    }
    add(to, value.as_bytes());
    add_base64(to, value.as_bytes());
    for letters in ["0123456789abcdef", "0123456789ABCDEF"] {
        let letters = letters.as_bytes();
        let hex = |byte: &u8| [letters[usize::from(byte >> 4)], letters[usize::from(byte & 15)]];
        let spelled: Zeroizing<Vec<u8>> =
            Zeroizing::new(value.bytes().flat_map(|b| hex(&b)).collect());
        add(to, &spelled);
        for blank in ["%20", "+"] {
            let mut url = Zeroizing::new(String::new());
            for byte in value.bytes() {
                match byte {
                    b' ' => url.push_str(blank),
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        url.push(char::from(byte));
                    }
                    _ => url.extend(['%'].into_iter().chain(hex(&byte).map(char::from))),
                }
            }
            add(to, url.as_bytes());
        }
    }
    add_json(to, value);
    add_html(to, value);
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
            if until.saturating_sub(from) >= SPELLING_MIN {
                add(to, &spelled.as_bytes()[from..until]);
                // Where nothing follows, the last character and the padding are known, too.
                add(to, &spelled.as_bytes()[from..]);
            }
        }
    }
}

fn add_json(to: &mut Needles, value: &str) {
    let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
    let plain = &quoted[1..quoted.len() - 1];
    let slashed = Zeroizing::new(plain.replace('/', "\\/"));
    for text in [plain, &slashed] {
        add(to, text.as_bytes());
        for upper in [false, true] {
            let mut ascii = Zeroizing::new(String::new());
            for one in text.chars() {
                if one.is_ascii() {
                    ascii.push(one);
                    continue;
                }
                for unit in one.encode_utf16(&mut [0; 2]) {
                    // Writing into a string does not fail.
                    let _ = if upper {
                        write!(ascii, "\\u{unit:04X}")
                    } else {
                        write!(ascii, "\\u{unit:04x}")
                    };
                }
            }
            add(to, ascii.as_bytes());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Credentials;
    use super::super::credential::tests::credential;
    use super::*;

    const VALUE: &str = "hunter2/<tr&p>+\"é 'x";

    fn redactor(values: &[&str]) -> Arc<Redactor> {
        let list = values.iter().map(|value| credential("password", value, &[])).collect();
        Arc::clone(Credentials::new(list).unwrap().redactor())
    }

    fn redacted(value: &str, answer: &str) -> String {
        redactor(&[value]).redact_text(answer.to_owned())
    }

    #[test]
    fn a_secret_is_found_in_every_usual_spelling() {
        let b64 = |text: String| STANDARD.encode(text);
        let table = [
            VALUE.to_owned(),
            b64(VALUE.to_owned()),
            b64(format!("u:{VALUE}")),
            b64(format!("us:{VALUE}")),
            b64(format!("\0user\0{VALUE}")),
            URL_SAFE.encode(VALUE),
            "68756e746572322f3c747226703e2b22c3a9202778".to_owned(),
            "68756E746572322F3C747226703E2B22C3A9202778".to_owned(),
            "hunter2%2F%3Ctr%26p%3E%2B%22%C3%A9%20%27x".to_owned(),
            "hunter2%2f%3ctr%26p%3e%2b%22%c3%a9+%27x".to_owned(),
            r#"hunter2/<tr&p>+\"é 'x"#.to_owned(),
            r#"hunter2\/<tr&p>+\"\u00e9 'x"#.to_owned(),
            r#"hunter2/<tr&p>+\"\u00E9 'x"#.to_owned(),
            "hunter2/&lt;tr&amp;p&gt;+&quot;é &#39;x".to_owned(),
        ];
        for spelled in table {
            let answer = format!("you sent: {spelled}, and that is wrong");
            let shown = redacted(VALUE, &answer);
            assert!(
                shown.starts_with("you sent: ") && shown.contains(REDACTED),
                "{answer}: {shown}"
            );
            assert!(!shown.contains("unter2") && !shown.contains("756e74"), "{answer}: {shown}");
        }
        assert_eq!(redacted(VALUE, "nothing of it, hunter"), "nothing of it, hunter");
        assert_eq!(redacted("short", "a short text"), "a short text", "below the bound");
    }

    #[test]
    fn a_tail_that_a_secret_begins_with_is_cut_from_a_cut_answer() {
        let redactor = redactor(&["correct horse battery"]);
        for (answer, shown) in [
            ("said: correct horse batter", "said: [redacted]"),
            ("said: corr", "said: [redacted]"),
            ("said: cor", "said: cor"),
            ("said: correct!", "said: correct!"),
        ] {
            let mut bytes = answer.as_bytes().to_vec();
            redactor.cut_tail(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), shown);
        }
    }

    proptest! {
        #[test]
        fn pieces_never_show_what_the_whole_would_not(
            before in "[a-z ]{0,12}",
            after in "[a-z ]{0,12}",
            twice: bool,
            cuts in proptest::collection::vec(1_usize..9, 0..40),
        ) {
            let secret = "correct horse battery";
            let again = if twice { secret } else { "" };
            let answer = format!("{before}{secret}{again}{after}");
            let mut stream = StreamRedactor::new(redactor(&[secret]));
            let (mut shown, mut rest) = (Vec::new(), answer.as_bytes());
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                shown.extend(stream.push(piece));
                rest = more;
            }
            shown.extend(stream.push(rest));
            shown.extend(stream.finish());
            let shown = String::from_utf8(shown).unwrap();
            prop_assert!(!shown.contains(&secret[..TAIL_MIN + 1]), "{}", shown);
            prop_assert!(shown.starts_with(&before), "{}", shown);
            prop_assert!(shown.ends_with(&after) || shown.ends_with(REDACTED), "{}", shown);
        }
    }
}
