//! From where the configuration says to keys in memory.

use std::path::Path;

use super::VaultError;
use super::file::{self, Rights};
use super::keys::{Key, Keys, TEXT_BYTES_MAX};
use crate::config::KeySource;
use crate::privileged::key_command;

/// What was found where the configuration says that the keys are.
#[derive(Debug)]
pub struct KeyFound {
    source: KeySource,
    /// `None`: there is no file yet.
    keys: Option<Keys>,
}

impl KeyFound {
    /// Looks while the process may still read it. `owner`: who runs the engine, and may own a key's
    /// file beside root. Blocks, for as long as a key command may take.
    pub fn read(source: &KeySource, owner: u32) -> Result<Self, VaultError> {
        let keys = match source {
            KeySource::File(path) => file::read(path, Rights::OwnerAlone, owner)?,
            KeySource::Credential { folder, name } => {
                let missing = || VaultError::NoCredential { name: name.clone() };
                let path = folder.as_ref().ok_or_else(missing)?.join(name);
                Some(file::read(&path, Rights::Credential, owner)?.ok_or_else(missing)?)
            }
            KeySource::Command(file) => {
                let printed = key_command::run(file, TEXT_BYTES_MAX)?;
                let malformed = || VaultError::Malformed {
                    place: format!("what the command in `{}` prints", file.display()),
                };
                Some(Keys::parse(&printed).ok_or_else(malformed)?)
            }
        };
        Ok(Self { source: source.clone(), keys })
    }

    /// `has_secrets`: the store holds some. Then a key that is missing is never made anew, since none
    /// of them would open with it.
    pub(super) fn or_made(self, has_secrets: bool) -> Result<(KeySource, Keys), VaultError> {
        let keys = match (self.keys, &self.source) {
            (Some(keys), _) => keys,
            (None, KeySource::File(path)) if has_secrets => {
                return Err(VaultError::Lost { path: path.clone() });
            }
            (None, KeySource::File(path)) => made(path)?,
            // They are found, or it is an error.
            (None, _) => return Err(VaultError::NoCredential { name: String::new() }),
        };
        Ok((self.source, keys))
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
