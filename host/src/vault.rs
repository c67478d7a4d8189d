//! Secrets at rest: sealed with XChaCha20-Poly1305, each for one place.
//!
//! Promise: a stored value opens only for the tenant, owner, field, version and binding that it was
//! sealed for, and only with its key; a row that was edited, copied or moved in the store does not
//! open. Values and keys are wiped when they are let go, and are never printed.
//!
//! What it cannot show is a store that was put back as a whole, as it was earlier.
//!
//! Not here: which settings are secrets and what each is bound to (`roster`), and how they are
//! filled in (`capability::secrets`).

mod cipher;
mod error;
mod file;
mod keys;
mod rotate;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use error::VaultError;
pub use keys::KeyId;
use keys::Keys;
pub use rotate::{RotateError, Rotated};
pub use source::KeyFound;

use zeroize::Zeroizing;

use crate::config::KeySource;
use crate::ids::{EndpointId, RecipientId, Secret, TenantId};

/// A handle to the keys; handles are clones of it.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: RwLock<Arc<Keys>>,
    source: KeySource,
    /// One rotation at a time.
    turn: Mutex<()>,
}

/// Whose secret, and for what. Changing any of it makes the stored value unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub tenant: TenantId,
    pub owner: Owner,
    /// `password`, `headers.X-Key`, `access_token`.
    pub field: String,
    /// Never the same for two values of one field: the revision of the change that brought it.
    pub version: u64,
    /// Canonical text of everything it is bound to: equal texts for equal bindings alone.
    pub bound_to: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    Endpoint(EndpointId),
    Recipient(RecipientId),
}

impl Owner {
    /// `endpoint`, `recipient`.
    pub fn sort(self) -> &'static str {
        match self {
            Self::Endpoint(_) => "endpoint",
            Self::Recipient(_) => "recipient",
        }
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Endpoint(id) => id.0,
            Self::Recipient(id) => id.0,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sort(), self.number())
    }
}

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub about: About,
    /// The key that opens it.
    pub key_id: KeyId,
    pub nonce: [u8; 24],
    /// Ciphertext and tag.
    pub bytes: Vec<u8>,
    pub changed_ms: u64,
}

impl Vault {
    /// Reads the keys where `source` says, as [`KeyFound`] does, and opens with them.
    #[cfg(test)]
    pub(crate) fn open_key(source: &KeySource, has_secrets: bool) -> Result<Self, VaultError> {
        Self::with(KeyFound::read(source, rustix::process::geteuid().as_raw())?, has_secrets)
    }

    /// A vault with the keys that were found; makes the file at the first start, when `has_secrets`
    /// is not yet true of the store.
    pub fn with(found: KeyFound, has_secrets: bool) -> Result<Self, VaultError> {
        let (source, keys) = found.or_made(has_secrets)?;
        Ok(Self(Arc::new(Inner {
            keys: RwLock::new(Arc::new(keys)),
            source,
            turn: Mutex::default(),
        })))
    }

    /// Seals with the newest key. Within the write that stores it: see `records::secrets::put`.
    pub fn seal(&self, about: About, value: &Secret, now_ms: u64) -> Result<Sealed, VaultError> {
        cipher::seal(self.keys().newest(), about, value, now_ms)
    }

    /// The value, if nothing about it was changed and its key is here.
    pub fn open(&self, sealed: &Sealed) -> Result<Secret, VaultError> {
        let keys = self.keys();
        let key = keys.get(sealed.key_id).ok_or_else(|| VaultError::other_key(sealed, &keys))?;
        cipher::open(key, sealed)
    }

    /// A poisoned lock still guards a whole value: every change is one assignment.
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new key as a line of a key file.
    pub fn new_key() -> Result<Zeroizing<String>, VaultError> {
        Ok(Keys::of(keys::Key::generate()?).text())
    }

    fn set_keys(&self, keys: Keys) {
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}
