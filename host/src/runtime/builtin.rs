//! `builtin.lock`: which components came with the engine, by the hash of all that they are.
//!
//! What stands there needs nobody's approval. Whoever can write the folder of components can write
//! the file too; so it says what was built together, and proves nothing about who built it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::RuntimeError;

const FILE: &str = "builtin.lock";
const BYTES_MAX: u64 = 1 << 20;

/// Identifies a component: code and manifest together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentHash(pub [u8; 32]);

impl ComponentHash {
    /// SHA-256 over the SHA-256 of the wasm, in hexadecimal, and the bytes of the manifest.
    pub fn of(wasm: &[u8], manifest: &[u8]) -> Self {
        Self::with(Sha256::digest(wasm).into(), manifest)
    }

    pub(super) fn with(wasm_sha256: [u8; 32], manifest: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(hexadecimal(&wasm_sha256));
        hash.update(manifest);
        Self(hash.finalize().into())
    }

    /// Reads what [`fmt::Display`](std::fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let bytes: Option<Vec<u8>> =
            pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Some(Self(bytes?.try_into().ok()?))
    }
}

impl std::fmt::Display for ComponentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The components that need no approval.
#[derive(Debug, Default)]
pub(super) struct BuiltIns(HashSet<(ComponentHash, String)>);

impl BuiltIns {
    /// Reads the file in `folder`; where there is none, nothing is built in.
    pub(super) fn read(folder: &Path) -> Result<Self, RuntimeError> {
        let path = folder.join(FILE);
        let text = match fs::metadata(&path) {
            Ok(about) if about.len() > BYTES_MAX => {
                return Err(RuntimeError::TooLarge { path, bytes_max: BYTES_MAX });
            }
            _ => match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
                Err(source) => return Err(RuntimeError::LockUnreadable { path, source }),
                Ok(text) => text,
            },
        };
        Self::parse(&text).map_err(|line| RuntimeError::Lock { path, line })
    }

    /// `Err`: the number of the first line that is none.
    fn parse(text: &str) -> Result<Self, usize> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = lines.map(|(at, line)| {
            let (hash, name) = line.split_once("  ").ok_or(at + 1)?;
            Ok((ComponentHash::parse(hash).ok_or(at + 1)?, name.trim_end().to_owned()))
        });
        read.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn has(&self, hash: ComponentHash, name: &str) -> bool {
        self.0.contains(&(hash, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_hash_and_component_and_a_line_that_does_not_is_told() {
        let hash = ComponentHash::of(b"wasm", b"manifest");
        let text = format!("{hash}  acme/pager\n\n");
        let lock = BuiltIns::parse(&text).unwrap();
        assert!(lock.has(hash, "acme/pager"));
        assert!(!lock.has(hash, "pager"));
        assert!(!lock.has(ComponentHash::of(b"wasm", b"manifest "), "acme/pager"));
        assert!(!lock.has(ComponentHash::of(b"wasn", b"manifest"), "acme/pager"));
        for bad in ["x  pager", &format!("{hash}"), &format!("{hash} pager"), &text[1..]] {
            assert_eq!(BuiltIns::parse(&format!("{hash}  a\n{bad}")).err(), Some(2), "{bad}");
        }
    }
}
