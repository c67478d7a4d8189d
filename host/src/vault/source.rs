//! From where the configuration says to keys in memory.

use std::path::Path;

use super::VaultError;
use super::file::{self, Rights};
use super::keys::{Key, Keys, TEXT_BYTES_MAX};
use crate::config::KeySource;
use crate::privileged::key_command;

/// `has_secrets`: the store holds some. Then a key that is missing is never made anew, since none
/// of them would open with it.
pub(super) fn keys(source: &KeySource, has_secrets: bool) -> Result<Keys, VaultError> {
    match source {
        KeySource::File(path) => match file::read(path, Rights::OwnerAlone)? {
            Some(keys) => Ok(keys),
            None if has_secrets => Err(VaultError::Lost { path: path.clone() }),
            None => made(path),
        },
        KeySource::Credential { folder, name } => {
            let missing = || VaultError::NoCredential { name: name.clone() };
            let path = folder.as_ref().ok_or_else(missing)?.join(name);
            file::read(&path, Rights::Credential)?.ok_or_else(missing)
        }
        KeySource::Command(file) => {
            let printed = key_command::run(file, TEXT_BYTES_MAX)?;
            Keys::parse(&printed).ok_or_else(|| VaultError::Malformed {
                place: format!("what the command in `{}` prints", file.display()),
            })
        }
    }
}

fn made(path: &Path) -> Result<Keys, VaultError> {
    let keys = Keys::of(Key::generate()?);
    file::make(path, &keys)?;
    tracing::info!(
        file = %path.display(),
        key = %keys.newest().id(),
        "A key for secrets was made; keep a copy of its file apart from copies of the store."
    );
    Ok(keys)
}
