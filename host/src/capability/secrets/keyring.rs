//! One store's placeholders, and what they stand for.
//!
//! Promise: a placeholder is good in the store that it was minted for and nowhere else; two stores
//! have none in common, and none can be guessed. What a component composes or signs are
//! placeholders, too: their values are made when a request leaves.

use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;
use zeroize::Zeroizing;

use super::credential::{Credentials, Sort};
use super::derived::{Composed, Signature, denied};
use super::redact::{REDACTED, StreamRedactor};
use super::spelling::{BYTES_MIN, Needles, spellings_of_sent};
use super::{Misuse, Place, Template};
use crate::runtime::bindings::secrets::{Algorithm, Encoding, Piece, SecretError, Signed};

/// Placeholders that one call may have made, beside those of settings.
const DERIVED_MAX: usize = 32;

/// Values that answers are searched for beside those of settings.
const SENT_MAX: usize = 256;

/// Misuses that are kept for the record of one call.
const MISUSES_MAX: usize = 16;

/// Letters and digits alone, so that no encoding of a URL, a form or JSON changes them.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `plc`, and 130 bits that only this store has.
const PREFIX_BYTES: usize = 3 + 26;

/// And two that say which of its placeholders it is.
pub(super) const PLACEHOLDER_BYTES: usize = PREFIX_BYTES + 2;

/// One store's placeholders.
pub struct Keyring {
    pub(super) credentials: Arc<Credentials>,
    /// Finds what its placeholders begin with; `None`: it has none.
    prefix: Option<Finder<'static>>,
    pub(super) stands: Vec<Stand>,
    /// How many of them are of settings.
    of_settings: usize,
    /// What was composed or signed and sent, to be found in answers, too; the newest last.
    sent: Vec<Sent>,
    misuses: Vec<Misuse>,
}

/// A value that is in no setting.
struct Sent {
    stand: Stand,
    spellings: Needles,
}

/// What a placeholder stands for.
#[derive(Clone)]
pub(super) enum Stand {
    /// A setting, by its position.
    Text(usize),
    UrlPath(usize),
    UrlQuery(usize),
    Key(usize),
    Composed(Arc<Composed>),
    Signed(Arc<Signature>),
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} placeholders)", self.stands.len())
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::mint(Arc::default())
    }
}

impl Keyring {
    pub fn mint(credentials: Arc<Credentials>) -> Self {
        let mut stands = Vec::with_capacity(credentials.held.len() + 2);
        for (at, held) in credentials.held.iter().enumerate() {
            match &held.sort {
                Sort::Text => stands.push(Stand::Text(at)),
                Sort::Key(_) => stands.push(Stand::Key(at)),
                Sort::Url(parts) => {
                    stands.push(Stand::UrlPath(at));
                    if parts.query.is_some() {
                        stands.push(Stand::UrlQuery(at));
                    }
                }
            }
        }
        let prefix = if stands.is_empty() { None } else { random_prefix() };
        let of_settings = stands.len();
        Self { credentials, prefix, stands, of_settings, sent: Vec::new(), misuses: Vec::new() }
    }

    /// Starts a call: what was composed and signed in the one before is forgotten, but for what
    /// answers are searched for.
    pub fn begin(&mut self) {
        self.stands.truncate(self.of_settings);
    }

    /// The settings that a component is given, with this store's placeholders.
    pub fn settings(&self, template: &Template) -> String {
        template.fill(self)
    }

    pub(super) fn push_placeholder(&self, to: &mut String, number: usize) {
        let prefix = self.prefix.iter().flat_map(Finder::needle);
        to.extend(prefix.copied().map(char::from));
        to.extend([number / 32 % 32, number % 32].map(|digit| char::from(ALPHABET[digit])));
    }

    /// Joins the pieces, then encodes.
    pub fn compose(
        &mut self,
        pieces: Vec<Piece>,
        encoding: Encoding,
    ) -> Result<String, SecretError> {
        let composed = Composed::new(pieces, encoding, &self.credentials)?;
        self.derive(Stand::Composed(Arc::new(composed)))
    }

    /// Signs the joined pieces.
    pub fn sign(
        &mut self,
        key: &str,
        algorithm: Algorithm,
        pieces: Vec<Signed>,
        encoding: Encoding,
    ) -> Result<String, SecretError> {
        let signature = Signature::new(key, algorithm, pieces, encoding, &self.credentials)?;
        self.derive(Stand::Signed(Arc::new(signature)))
    }

    fn derive(&mut self, stand: Stand) -> Result<String, SecretError> {
        if self.stands.len() >= self.of_settings + DERIVED_MAX {
            return Err(denied("more than 32 values were composed and signed in one call"));
        }
        let mut placeholder = String::with_capacity(PLACEHOLDER_BYTES);
        self.prefix = self.prefix.take().or_else(random_prefix);
        self.push_placeholder(&mut placeholder, self.stands.len());
        self.stands.push(stand);
        Ok(placeholder)
    }

    /// The placeholders in `bytes`: where each begins, and its number. Look-alikes are text.
    pub(super) fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let digit = |byte: u8| ALPHABET.iter().position(|one| *one == byte);
        let found = self.prefix.iter().flat_map(|prefix| prefix.find_iter(bytes));
        found.filter_map(move |at| {
            let number = bytes.get(at + PREFIX_BYTES..at + PLACEHOLDER_BYTES)?;
            let number = digit(number[0])? * 32 + digit(number[1])?;
            (number < self.stands.len()).then_some((at, number))
        })
    }

    /// Where a secret, or what was made of it, may stand.
    pub(super) fn may_stand(&self, stand: &Stand, is_meant: impl Fn(&Place, &str) -> bool) -> bool {
        let held = &self.credentials.held;
        let allows = |at: usize| {
            let credential = &held[at].credential;
            credential.places.iter().any(|place| is_meant(place, &credential.setting))
        };
        match stand {
            Stand::Text(at) | Stand::UrlPath(at) | Stand::UrlQuery(at) => allows(*at),
            Stand::Key(_) => false,
            Stand::Composed(composed) => composed.secrets().all(allows),
            Stand::Signed(signature) => {
                let key = &held[signature.key].credential;
                key.signs_into.iter().any(|place| is_meant(place, &key.setting))
            }
        }
    }

    /// Whether all that a placeholder is made of may be sent to `to`.
    pub(super) fn is_bound_to(&self, stand: &Stand, to: &str) -> bool {
        let held = &self.credentials.held;
        let is_bound = |at: usize| held[at].credential.bound_to.iter().any(|bound| bound == to);
        match stand {
            Stand::Text(at) | Stand::UrlPath(at) | Stand::UrlQuery(at) | Stand::Key(at) => {
                is_bound(*at)
            }
            Stand::Composed(composed) => composed.secrets().all(is_bound),
            Stand::Signed(signature) => is_bound(signature.key),
        }
    }

    /// The setting that a placeholder is about, for people.
    pub(super) fn setting(&self, stand: &Stand) -> String {
        let held = &self.credentials.held;
        let name = |at: usize| held[at].credential.setting.clone();
        match stand {
            Stand::Text(at) | Stand::UrlPath(at) | Stand::UrlQuery(at) | Stand::Key(at) => {
                name(*at)
            }
            Stand::Composed(composed) => composed.secrets().next().map_or_else(String::new, name),
            Stand::Signed(signature) => name(signature.key),
        }
    }

    /// What is sent in its place. `body`: what is signed, where it is known.
    pub(super) fn value(
        &mut self,
        stand: &Stand,
        body: Option<&[u8]>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let held = &self.credentials.held;
        let text = |at: usize| held[at].credential.value.expose();
        let value = match stand {
            Stand::Text(at) => return Some(Zeroizing::new(text(*at).as_bytes().to_vec())),
            Stand::UrlPath(at) | Stand::UrlQuery(at) => {
                let Sort::Url(parts) = &held[*at].sort else { return None };
                let part = match stand {
                    Stand::UrlPath(_) => Some(&parts.path),
                    _ => parts.query.as_ref(),
                };
                return part.map(|part| Zeroizing::new(part.expose().as_bytes().to_vec()));
            }
            Stand::Key(_) => return None,
            Stand::Composed(composed) => composed.make(&self.credentials),
            Stand::Signed(signature) => signature.make(&self.credentials, body)?,
        };
        self.remember(stand, &value);
        Some(value)
    }

    fn remember(&mut self, stand: &Stand, value: &Zeroizing<Vec<u8>>) {
        let is_secret = match stand {
            Stand::Composed(composed) => composed.secrets().next().is_some(),
            _ => true,
        };
        let is_known = self.sent.iter().any(|sent| sent.spellings.first() == Some(value));
        if !is_secret || is_known || value.len() < BYTES_MIN {
            return;
        }
        if self.sent.len() == SENT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(Sent { stand: stand.clone(), spellings: spellings_of_sent(value) });
    }

    /// Whether there is any secret that may be sent to `to`.
    pub fn may_fill_toward(&self, to: &str) -> bool {
        self.credentials.redactor_toward(to).is_some()
    }

    /// It stands for no secret.
    pub fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    /// Notes that a component put a placeholder where it must not be.
    pub(super) fn misused(&mut self, misuse: &Misuse) {
        if self.misuses.len() < MISUSES_MAX {
            self.misuses.push(misuse.clone());
        }
    }

    /// What was noted since the last time.
    pub fn take_misuses(&mut self) -> Vec<Misuse> {
        std::mem::take(&mut self.misuses)
    }

    /// The text without secrets, what was composed and sent included; `None`: there was none in it.
    pub fn redacted(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        // What was sent is the longer of the two.
        let first = without(bytes, self.sent.iter());
        let second = self.credentials.redactor().redacted(first.as_deref().unwrap_or(bytes));
        second.or(first)
    }

    /// The same of a text.
    pub fn redact_text(&self, text: String) -> String {
        match self.redacted(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text,
        }
    }

    /// The same of what `peer` answered: without those secrets that it may be given.
    pub fn redacted_from(&self, peer: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let redactor = self.credentials.redactor_toward(peer)?;
        let first = without(bytes, self.sent_to(peer));
        let second = redactor.redacted(first.as_deref().unwrap_or(bytes));
        second.or(first)
    }

    /// Redacts a body that `peer` answered. One that was cut may end in the middle of a secret.
    pub(in super::super) fn redact_body(&self, peer: &str, body: &mut Vec<u8>, is_whole: bool) {
        let redacted = match self.credentials.redactor_toward(peer) {
            Some(known) if !is_whole => Some(known.with(self.needles_to(peer)).redacted_cut(body)),
            _ => self.redacted_from(peer, body),
        };
        if let Some(redacted) = redacted {
            *body = redacted;
        }
    }

    /// Redacts what comes from `peer` in pieces from now on.
    pub fn stream(&self, peer: &str) -> StreamRedactor {
        let known = self.credentials.redactor_toward(peer).cloned().unwrap_or_default();
        StreamRedactor::new(match self.sent_to(peer).next() {
            None => known,
            Some(_) => Arc::new(known.with(self.needles_to(peer))),
        })
    }

    fn sent_to<'a>(&'a self, peer: &'a str) -> impl Iterator<Item = &'a Sent> {
        self.sent.iter().filter(move |sent| self.is_bound_to(&sent.stand, peer))
    }

    fn needles_to<'a>(&'a self, peer: &'a str) -> impl Iterator<Item = &'a Zeroizing<Vec<u8>>> {
        self.sent_to(peer).flat_map(|sent| &sent.spellings)
    }
}

/// `None`: nothing of it was there.
fn without<'a>(bytes: &[u8], sent: impl Iterator<Item = &'a Sent>) -> Option<Vec<u8>> {
    let mut redacted: Option<Vec<u8>> = None;
    for needle in sent.flat_map(|sent| &sent.spellings) {
        let text = redacted.as_deref().unwrap_or(bytes);
        let finder = Finder::new(&needle[..]);
        let (mut less, mut from) = (Vec::new(), 0);
        for at in finder.find_iter(text) {
            less.extend_from_slice(&text[from..at]);
            less.extend_from_slice(REDACTED.as_bytes());
            from = at + needle.len();
        }
        if from > 0 {
            less.extend_from_slice(&text[from..]);
            redacted = Some(less);
        }
    }
    redacted
}

/// What placeholders of one store begin with: letters that nobody can guess. Without randomness there
/// are no placeholders, so that no secret is sent.
fn random_prefix() -> Option<Finder<'static>> {
    let mut prefix = *b"plc__________________________";
    let mut random = [0; PREFIX_BYTES - 3];
    getrandom::fill(&mut random).ok()?;
    for (letter, byte) in prefix[3..].iter_mut().zip(random) {
        *letter = ALPHABET[usize::from(byte % 32)];
    }
    Some(Finder::new(&prefix).into_owned())
}

#[cfg(test)]
mod tests;
