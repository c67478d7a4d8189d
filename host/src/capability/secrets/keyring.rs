//! One store's placeholders, and what they stand for.
//!
//! Promise: a placeholder is good in the store that it was minted for and nowhere else; two stores
//! have none in common, and none can be guessed. What a component composes or signs are
//! placeholders, too: their values are made when a request leaves.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memchr::memmem;
use ring::hmac;
use zeroize::Zeroizing;

use super::credential::{Credentials, Key, Sort};
use super::redact::{Needles, Redactor, StreamRedactor};
use super::{Misuse, Place, Template};
use crate::runtime::bindings::secrets::{Algorithm, Encoding, Piece, SecretError, Signed};

/// Placeholders that one store may have made, beside those of its settings.
const DERIVED_MAX: usize = 64;
const PIECES_MAX: usize = 64;
const PIECES_BYTES_MAX: usize = 64 << 10;

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
    prefix: [u8; PREFIX_BYTES],
    pub(super) stands: Vec<Stand>,
    /// Values that were composed or signed and sent: to be found in answers, too.
    sent: Needles,
    misuses: Vec<Misuse>,
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

pub(super) struct Composed {
    pieces: Vec<ComposedPiece>,
    encoding: Encoding,
}

enum ComposedPiece {
    Text(String),
    Secret(usize),
}

pub(super) struct Signature {
    key: usize,
    algorithm: Algorithm,
    pieces: Vec<Signed>,
    encoding: Encoding,
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
        let mut prefix = *b"plc__________________________";
        if !stands.is_empty() {
            random_letters(&mut prefix[3..]);
        }
        Self { credentials, prefix, stands, sent: Needles::new(), misuses: Vec::new() }
    }

    /// The settings that a component is given, with this store's placeholders.
    pub fn settings(&self, template: &Template) -> String {
        template.fill(self)
    }

    pub(super) fn push_placeholder(&self, to: &mut String, number: usize) {
        to.extend(self.prefix.iter().copied().map(char::from));
        to.extend([number / 32 % 32, number % 32].map(|digit| char::from(ALPHABET[digit])));
    }

    /// Joins the pieces, then encodes.
    pub fn compose(
        &mut self,
        pieces: Vec<Piece>,
        encoding: Encoding,
    ) -> Result<String, SecretError> {
        let bytes = pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Secret(text) => text.len(),
        });
        bounded(pieces.len(), bytes.sum())?;
        let read = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(ComposedPiece::Text(text)),
            Piece::Secret(setting) => match self.credentials.position(&setting) {
                Some(at) if matches!(self.credentials.held[at].sort, Sort::Text) => {
                    Ok(ComposedPiece::Secret(at))
                }
                Some(_) => {
                    Err(denied("keys sign, and URLs stand in URLs: neither can be composed"))
                }
                None => Err(SecretError::Unknown),
            },
        });
        let pieces = read.collect::<Result<Vec<_>, _>>()?;
        self.derive(Stand::Composed(Arc::new(Composed { pieces, encoding })))
    }

    /// Signs the joined pieces.
    pub fn sign(
        &mut self,
        key: &str,
        algorithm: Algorithm,
        pieces: Vec<Signed>,
        encoding: Encoding,
    ) -> Result<String, SecretError> {
        let bytes = pieces.iter().map(|piece| match piece {
            Signed::Bytes(bytes) => bytes.len(),
            Signed::Body => 0,
        });
        bounded(pieces.len(), bytes.sum())?;
        let at = self.credentials.position(key).ok_or(SecretError::Unknown)?;
        let fits = match (&self.credentials.held[at].sort, algorithm) {
            (Sort::Key(Key::Ed25519(_)), Algorithm::Ed25519) => true,
            (Sort::Key(Key::Symmetric(_)), algorithm) => algorithm != Algorithm::Ed25519,
            _ => false,
        };
        if !fits {
            return Err(denied("the setting is no key for this algorithm"));
        }
        self.derive(Stand::Signed(Arc::new(Signature { key: at, algorithm, pieces, encoding })))
    }

    fn derive(&mut self, stand: Stand) -> Result<String, SecretError> {
        if self.stands.len() >= self.settings_count() + DERIVED_MAX {
            return Err(denied("more than 64 values were composed and signed in one store"));
        }
        let mut placeholder = String::with_capacity(PLACEHOLDER_BYTES);
        if self.prefix[3] == b'_' {
            random_letters(&mut self.prefix[3..]);
        }
        self.push_placeholder(&mut placeholder, self.stands.len());
        self.stands.push(stand);
        Ok(placeholder)
    }

    fn settings_count(&self) -> usize {
        let last = self.credentials.held.last();
        last.map_or(0, |held| held.first + 2)
    }

    /// The placeholders in `bytes`: where each begins, and its number. Look-alikes are text.
    pub(super) fn find<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, usize)> + 'a {
        let digit = |byte: u8| ALPHABET.iter().position(|one| *one == byte);
        let has_any = !self.stands.is_empty();
        let found = memmem::find_iter(if has_any { bytes } else { &[] }, &self.prefix[..]);
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
            Stand::Composed(composed) => {
                let mut joined = Zeroizing::new(Vec::new());
                for piece in &composed.pieces {
                    joined.extend_from_slice(match piece {
                        ComposedPiece::Text(text) => text.as_bytes(),
                        ComposedPiece::Secret(at) => text(*at).as_bytes(),
                    });
                }
                encode(&joined, composed.encoding)
            }
            Stand::Signed(signature) => {
                let Sort::Key(key) = &held[signature.key].sort else { return None };
                encode(&signature.make(key, body)?, signature.encoding)
            }
        };
        if !self.sent.contains(&value) {
            self.sent.push(value.clone());
        }
        Some(value)
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
        let first = self.redactor_of_sent().and_then(|sent| sent.redacted(bytes));
        let second = self.credentials.redactor.redacted(first.as_deref().unwrap_or(bytes));
        second.or(first)
    }

    /// The same of a text.
    pub fn redact_text(&self, text: String) -> String {
        match self.redacted(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text,
        }
    }

    /// Redacts an answer's body; of one that was cut also the beginning of a secret at its end.
    pub(super) fn redact_body(&self, body: &mut Vec<u8>, is_whole: bool) {
        if let Some(redacted) = self.redacted(body) {
            *body = redacted;
        }
        if !is_whole {
            self.credentials.redactor.cut_tail(body);
            if let Some(sent) = self.redactor_of_sent() {
                sent.cut_tail(body);
            }
        }
    }

    /// Redacts what comes in pieces from now on.
    pub fn stream(&self) -> StreamRedactor {
        let known = &self.credentials.redactor;
        StreamRedactor::new(match &self.sent[..] {
            [] => Arc::clone(known),
            _ => Arc::new(known.with(&self.sent)),
        })
    }

    fn redactor_of_sent(&self) -> Option<Redactor> {
        (!self.sent.is_empty()).then(|| Redactor::of(self.sent.clone()))
    }
}

impl Composed {
    fn secrets(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            ComposedPiece::Text(_) => None,
            ComposedPiece::Secret(at) => Some(*at),
        })
    }
}

impl Signature {
    /// Whether it cannot be made before the body is known.
    pub(super) fn is_of_body(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Signed::Body))
    }

    /// `None`: it signs a body, and there is none.
    fn make(&self, key: &Key, body: Option<&[u8]>) -> Option<Vec<u8>> {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            pieces.push(match piece {
                Signed::Bytes(bytes) => &bytes[..],
                Signed::Body => body?,
            });
        }
        let algorithm = match self.algorithm {
            Algorithm::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
            Algorithm::Ed25519 => {
                let Key::Ed25519(pair) = key else { return None };
                return Some(pair.sign(&pieces.concat()).as_ref().to_vec());
            }
        };
        let Key::Symmetric(key) = key else { return None };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        pieces.into_iter().for_each(|piece| context.update(piece));
        Some(context.sign().as_ref().to_vec())
    }
}

fn bounded(count: usize, bytes: usize) -> Result<(), SecretError> {
    if count > PIECES_MAX || bytes > PIECES_BYTES_MAX {
        return Err(denied("more than 64 pieces or 64 KiB of them"));
    }
    Ok(())
}

fn denied(detail: &str) -> SecretError {
    SecretError::Denied(detail.to_owned())
}

fn encode(bytes: &[u8], encoding: Encoding) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match encoding {
        Encoding::Plain => bytes.to_vec(),
        Encoding::Base64 => STANDARD.encode(bytes).into_bytes(),
        Encoding::Base64url => URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        Encoding::Hex => {
            let digits = b"0123456789abcdef";
            let hex = |byte: &u8| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
            bytes.iter().flat_map(hex).collect()
        }
    })
}

/// Letters that nobody can guess. Without randomness there are no placeholders that could be sent:
/// the letters are then such as no placeholder has.
fn random_letters(to: &mut [u8]) {
    let mut random = [0; 26];
    let is_random = getrandom::fill(&mut random).is_ok();
    for (letter, byte) in to.iter_mut().zip(random) {
        *letter = if is_random { ALPHABET[usize::from(byte % 32)] } else { b'!' };
    }
}
