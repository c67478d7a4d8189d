//! Why keys or values cannot be used.

use super::keys::Keys;
use super::{KeyId, Owner, Sealed};
use crate::printable::printable;

/// Shown to the operator as it stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    #[error(
        "the secret `{field}` of {owner} cannot be read: it was sealed with the key {sealed_with}, \
         and here are {here}; put that key back as a further line behind the newest, or give the \
         secret again"
    )]
    OtherKey { owner: Owner, field: String, sealed_with: KeyId, here: String },

    #[error(
        "the secret `{field}` of {owner} cannot be read: its key {sealed_with} is here, but the \
         value or what it is bound to was changed in the store; give the secret again"
    )]
    Altered { owner: Owner, field: String, sealed_with: KeyId },

    #[error("a secret is too long to be sealed; give a shorter one")]
    TooLong,

    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl VaultError {
    pub(super) fn other_key(sealed: &Sealed, keys: &Keys) -> Self {
        let here: Vec<_> = keys.ids().iter().map(ToString::to_string).collect();
        Self::OtherKey {
            owner: sealed.about.owner,
            field: printable(&sealed.about.field, 128),
            sealed_with: sealed.key_id,
            here: here.join(", "),
        }
    }

    pub(super) fn altered(sealed: &Sealed) -> Self {
        Self::Altered {
            owner: sealed.about.owner,
            field: printable(&sealed.about.field, 128),
            sealed_with: sealed.key_id,
        }
    }
}
