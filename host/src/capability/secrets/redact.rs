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
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use zeroize::Zeroizing;

use super::credential::{Held, Sort};
use super::spelling::{BYTES_MIN, Needles, add_value};

/// Segments of a secret URL's path and values of its query that are secrets by themselves.
const PART_MIN: usize = 16;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// A tail of so many bytes that a secret begins with is held back.
const TAIL_MIN: usize = 4;

/// The spellings of some secrets, ready to be looked for.
#[derive(Default)]
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
    pub(super) fn new<'a>(held: impl Iterator<Item = &'a Held>) -> Self {
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
    fn of(mut needles: Needles) -> Self {
        needles.retain(|needle| needle.len() >= BYTES_MIN);
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(needles.iter().map(|needle| &needle[..]));
        // Too many patterns are the only reason to fail: there are some dozens.
        let automaton = if needles.is_empty() { None } else { built.ok() };
        Self { needles, automaton }
    }

    /// These and others.
    pub(super) fn with<'a>(&self, more: impl Iterator<Item = &'a Zeroizing<Vec<u8>>>) -> Self {
        Self::of(self.needles.iter().cloned().chain(more.cloned()).collect())
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

    /// The same of the beginning of a text. As many bytes as could be the beginning of a secret are
    /// left out at its end, whatever they are: that tells nobody how a secret begins who makes a
    /// service repeat guesses.
    pub(super) fn redacted_cut(&self, bytes: &[u8]) -> Vec<u8> {
        let Some(longest) = self.needles.iter().map(|needle| needle.len()).max() else {
            return bytes.to_vec();
        };
        let until = bytes.len().saturating_sub(longest - 1);
        let (mut redacted, mut from) = (Vec::with_capacity(bytes.len()), 0);
        let found = self.automaton.iter().flat_map(|automaton| automaton.find_iter(bytes));
        for one in found.take_while(|one| one.start() < until) {
            redacted.extend_from_slice(&bytes[from..one.start()]);
            redacted.extend_from_slice(REDACTED.as_bytes());
            from = one.end();
        }
        redacted.extend_from_slice(bytes.get(from..until).unwrap_or_default());
        redacted.extend_from_slice(REDACTED.as_bytes());
        redacted
    }

    /// How many bytes at the end could be the beginning of a secret.
    fn tail(&self, bytes: &[u8]) -> usize {
        let of = |needle: &[u8]| {
            let most = bytes.len().min(needle.len() - 1);
            (1..=most).rev().find(|&length| bytes.ends_with(&needle[..length])).unwrap_or(0)
        };
        self.needles.iter().map(|needle| of(needle)).max().unwrap_or(0)
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

    /// Looks for what `other` looks for, from now on and in what is held back.
    pub fn change_to(&mut self, other: Self) {
        self.redactor = other.redactor;
    }

    /// What may be shown of all that came so far and was not shown yet.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let redactor = Arc::clone(&self.redactor);
        let Some(automaton) = &redactor.automaton else { return bytes.to_vec() };
        let given = self.given.len();
        let mut all = Zeroizing::new(Vec::with_capacity(given + self.held.len() + bytes.len()));
        for part in [&self.given[..], &self.held[..], bytes] {
            all.extend_from_slice(part);
        }
        let mut open = all.len() - redactor.tail(&all);
        let (mut shown, mut from) = (Vec::with_capacity(all.len()), 0);
        // What is found later may be part of a longer one.
        for one in automaton.find_iter(&all[..]).take_while(|one| one.start() < open) {
            // What was given cannot be taken back: fewer bytes than a secret is told by.
            shown.extend_from_slice(all.get(from.max(given)..one.start()).unwrap_or_default());
            shown.extend_from_slice(REDACTED.as_bytes());
            from = one.end();
        }
        if open < from {
            open = all.len() - redactor.tail(&all[from..]);
        }
        let is_long = all.len() - open >= TAIL_MIN;
        let until = if is_long { open.max(given) } else { all.len() };
        shown.extend_from_slice(all.get(from.max(given)..until).unwrap_or_default());
        self.given = Zeroizing::new(all[open..until].to_vec());
        self.held = Zeroizing::new(all[until..].to_vec());
        shown
    }

    /// What is still held back, when nothing more can come: it is no secret as a whole, but may be
    /// most of one.
    pub fn finish(&mut self) -> Vec<u8> {
        self.given.clear();
        if std::mem::take(&mut *self.held).is_empty() { Vec::new() } else { REDACTED.into() }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
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
            r#"hunter2/\u003ctr\u0026p\u003e+\"é 'x"#.to_owned(),
            r#"hunter2/\u003Ctr\u0026p\u003E\u002B\u0022\u00E9 \u0027x"#.to_owned(),
            "hunter2/%3Ctr%26p%3E%2B%22%C3%A9%20%27x".to_owned(),
            "hunter2%2F%3Ctr%26p%3E%2B%22%C3%A9%20'x".to_owned(),
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
        for user in ["", "u", "us"] {
            let basic = b64(format!("{user}:sesame"));
            let shown = redacted("sesame", &basic);
            assert!(shown.contains(REDACTED), "the shortest, in {basic}: {shown}");
        }
    }

    #[test]
    fn what_may_be_part_of_a_longer_one_waits_for_it() {
        let one = redactor(&["first-secret", "first-secret-and-more", "secret-and"]);
        let mut stream = StreamRedactor::new(one);
        assert_eq!(stream.push(b"said: first-secret"), b"said: ");
        assert_eq!(stream.push(b"-and-mo"), b"");
        assert_eq!(stream.push(b"re."), b"[redacted].");
        assert_eq!(stream.push(b"first-secret"), b"");
        assert_eq!(stream.push(b"-or-more."), b"[redacted]-or-more.");
        assert_eq!(stream.push(b"fir"), b"fir");
        assert_eq!(stream.push(b"st-secre"), b"");
        assert_eq!(stream.finish(), REDACTED.as_bytes());
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
