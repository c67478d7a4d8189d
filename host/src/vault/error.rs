//! Why keys or values cannot be used.

use std::io;
use std::path::PathBuf;

use super::keys::Keys;
use super::{KeyId, Owner, Sealed};
use crate::printable::printable;
use crate::privileged::key_command::KeyCommandError;

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

    #[error("the store holds secrets, and their key `{path}` is missing; put it back from your copy. \
             If it is lost, so are they: make a new one with `campanile secret new-key`, and give \
             each of them again", path = path.display())]
    Lost { path: PathBuf },

    #[error("cannot read the key of the secrets, `{path}`; make it readable for the user that runs \
             campanile", path = path.display())]
    File { path: PathBuf, source: io::Error },

    #[error("`{path}` must be a plain file with a key, and no link; put the file itself there",
            path = path.display())]
    NoFile { path: PathBuf },

    #[error("the key `{path}` belongs to user {owner}, who can read and change it; run `chown` on it \
             for the user that runs campanile", path = path.display())]
    Foreign { path: PathBuf, owner: u32 },

    #[error("others can read or write the key `{path}` (mode {mode:o}); run `chmod 600` on it, and \
             then `campanile secret rotate` if it may be known", path = path.display())]
    Open { path: PathBuf, mode: u32 },

    #[error(
        "{place} holds no keys: expected lines of `campanile-key-1` and 32 bytes in base64, the \
             newest first, or one key alone, in base64, hexadecimal, or as it is"
    )]
    Malformed { place: String },

    #[error("cannot write the key of the secrets, `{path}`; make its folder writable for the user \
             that runs campanile", path = path.display())]
    Unwritable { path: PathBuf, source: io::Error },

    #[error(
        "there is no credential `{name}`; start campanile by systemd with \
             `LoadCredentialEncrypted={name}:FILE`, or name another source in `[secrets]`"
    )]
    NoCredential { name: String },

    #[error(transparent)]
    Command(#[from] KeyCommandError),

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
