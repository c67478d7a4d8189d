//! What a component makes of secrets without seeing them: joined and encoded, or signed.
//!
//! Promise: bounded in count and size, and a body is hashed once for each signature over it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use zeroize::Zeroizing;

use super::credential::{Credentials, Key, Sort};
use crate::runtime::bindings::secrets::{Algorithm, Encoding, Piece, SecretError, Signed};

pub(super) const PIECES_MAX: usize = 64;
pub(super) const PIECES_BYTES_MAX: usize = 64 << 10;

/// Pieces to be joined and encoded.
pub(super) struct Composed {
    pieces: Vec<ComposedPiece>,
    encoding: Encoding,
}

enum ComposedPiece {
    Text(String),
    /// A setting, by its position.
    Secret(usize),
}

/// Pieces to be joined and signed.
pub(super) struct Signature {
    pub(super) key: usize,
    algorithm: Algorithm,
    pieces: Vec<Signed>,
    encoding: Encoding,
}

impl Composed {
    pub(super) fn new(
        pieces: Vec<Piece>,
        encoding: Encoding,
        credentials: &Credentials,
    ) -> Result<Self, SecretError> {
        let bytes = pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Secret(text) => text.len(),
        });
        bounded(pieces.len(), bytes.sum())?;
        let read = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(ComposedPiece::Text(text)),
            Piece::Secret(setting) => match credentials.position(&setting) {
                Some(at) if matches!(credentials.held[at].sort, Sort::Text) => {
                    Ok(ComposedPiece::Secret(at))
                }
                Some(_) => {
                    Err(denied("keys sign, and URLs stand in URLs: neither can be composed"))
                }
                None => Err(SecretError::Unknown),
            },
        });
        Ok(Self { pieces: read.collect::<Result<_, _>>()?, encoding })
    }

    /// The settings that it is made of, by position.
    pub(super) fn secrets(&self) -> impl Iterator<Item = usize> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            ComposedPiece::Text(_) => None,
            ComposedPiece::Secret(at) => Some(*at),
        })
    }

    pub(super) fn make(&self, credentials: &Credentials) -> Zeroizing<Vec<u8>> {
        let mut joined = Zeroizing::new(Vec::new());
        for piece in &self.pieces {
            joined.extend_from_slice(match piece {
                ComposedPiece::Text(text) => text.as_bytes(),
                ComposedPiece::Secret(at) => {
                    credentials.held[*at].credential.value.expose().as_bytes()
                }
            });
        }
        encode(&joined, self.encoding)
    }
}

impl Signature {
    pub(super) fn new(
        key: &str,
        algorithm: Algorithm,
        pieces: Vec<Signed>,
        encoding: Encoding,
        credentials: &Credentials,
    ) -> Result<Self, SecretError> {
        let bytes = pieces.iter().map(|piece| match piece {
            Signed::Bytes(bytes) => bytes.len(),
            Signed::Body => 0,
        });
        bounded(pieces.len(), bytes.sum())?;
        // Each would be hashed at our cost.
        if pieces.iter().filter(|piece| matches!(piece, Signed::Body)).count() > 1 {
            return Err(denied("the body can be signed once in one signature"));
        }
        let key = credentials.position(key).ok_or(SecretError::Unknown)?;
        let fits = match (&credentials.held[key].sort, algorithm) {
            (Sort::Key(Key::Ed25519(_)), Algorithm::Ed25519) => true,
            (Sort::Key(Key::Symmetric(_)), algorithm) => algorithm != Algorithm::Ed25519,
            _ => false,
        };
        if !fits {
            return Err(denied("the setting is no key for this algorithm"));
        }
        Ok(Self { key, algorithm, pieces, encoding })
    }

    /// `None`: it signs a body, and there is none.
    pub(super) fn make(
        &self,
        credentials: &Credentials,
        body: Option<&[u8]>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let Sort::Key(key) = &credentials.held[self.key].sort else { return None };
        self.bytes(key, body).map(|bytes| encode(&bytes, self.encoding))
    }

    fn bytes(&self, key: &Key, body: Option<&[u8]>) -> Option<Vec<u8>> {
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

pub(super) fn denied(detail: &str) -> SecretError {
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
