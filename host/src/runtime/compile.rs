//! Machine code: made once per component and engine, kept under a MAC.
//!
//! Promise: nothing is loaded as machine code but what this installation made itself: the file's
//! MAC is checked over the very bytes that are loaded, with a key that only the engine's user reads.
//! The folder is held open, and no name in it, nor a link, leads out of it.

use std::fs::DirBuilder;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, MetadataExt, OpenOptions, OpenOptionsExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{RuntimeError, engine};
use crate::privileged::compiler::{CompileError, Target};

const MAC_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const CODE_BYTES_MAX: u64 = 256 << 20;

/// A folder of compiled components.
#[derive(Debug)]
pub(super) struct CodeCache {
    folder: Dir,
    key: [u8; KEY_BYTES],
}

/// Where machine code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Compiled,
    Cached,
    /// None was loaded: the kind is a part of the engine.
    Native,
}

impl CodeCache {
    /// Opens the folder, and makes it and its key at the first start.
    pub(super) fn open(folder: &Path) -> Result<Self, RuntimeError> {
        let cannot = |source| RuntimeError::Cache { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(cannot)?;
        let held = Dir::open_ambient_dir(folder, ambient_authority()).map_err(cannot)?;
        let of = held.dir_metadata().map_err(cannot)?;
        // Who owns the folder can put a key and code of his own there.
        if of.mode() & 0o022 != 0 || of.uid() != rustix::process::geteuid().as_raw() {
            return Err(RuntimeError::CacheOpen { path: folder.to_owned() });
        }
        let key = key(&held).map_err(cannot)?;
        Ok(Self { folder: held, key })
    }

    /// The component as machine code. `digest` is the SHA-256 of `wasm`.
    pub(super) async fn load(
        &self,
        engine: &Engine,
        compile: impl AsyncFnOnce(&[u8]) -> Result<Vec<u8>, CompileError>,
        name: &str,
        wasm: &[u8],
        digest: [u8; 32],
    ) -> Result<(Component, Code), RuntimeError> {
        if Engine::detect_precompiled(wasm).is_some() {
            return Err(RuntimeError::Precompiled { component: name.to_owned() });
        }
        let file = file_name(engine, digest);
        if let Some(code) = self.read(&file) {
            // SAFETY: the MAC says that this engine's own `serialize` made these bytes, and they
            // are in memory that nobody else writes.
            #[expect(unsafe_code, reason = "the only way to load machine code")]
            let component = unsafe { Component::deserialize(engine, &code) };
            if let Ok(component) = component {
                return Ok((component, Code::Cached));
            }
        }
        let code = compile(wasm)
            .await
            .map_err(|source| RuntimeError::Compile { component: name.to_owned(), source })?;
        // SAFETY: the process that compiles made these bytes of this component for this engine; it
        // is the same program, and nobody else writes to it.
        #[expect(unsafe_code, reason = "the only way to load machine code")]
        let component = unsafe { Component::deserialize(engine, &code) };
        let component = component
            .map_err(|source| RuntimeError::DoesNotFit { component: name.to_owned(), source })?;
        if let Err(error) = self.write(&file, &code) {
            tracing::warn!(%error, component = name, "Machine code cannot be kept; the next start compiles again.");
        }
        Ok((component, Code::Compiled))
    }

    /// The file's machine code, if it is ours.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.folder.open(name).ok()?;
        let mut bytes = Vec::new();
        file.take(CODE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (code, tag) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.mac(name, code).verify_slice(tag).ok()?;
        bytes.truncate(bytes.len() - MAC_BYTES);
        Some(bytes)
    }

    /// Replaces the file whole, so that a crash leaves the old one or the new one.
    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let (new, mut file) = unfinished(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&self.mac(name, code).finalize().into_bytes())?;
        self.folder.rename(new, &self.folder, name)
    }

    /// The name is part of it, so that one component's code cannot stand in for another's.
    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }
}

/// Machine code of a component, for engines with these limits. In the process that calls.
pub fn compile(target: &Target, wasm: &[u8]) -> Result<Vec<u8>, String> {
    let told = |error: wasmtime::Error| format!("{error:#}");
    let engine = engine::compiling(target.store_memory_bytes).map_err(told)?;
    engine.precompile_component(wasm).map_err(told)
}

/// Hash of the wasm and of everything about the engine that machine code depends on.
fn file_name(engine: &Engine, digest: [u8; 32]) -> String {
    struct Hashed(Sha256);
    impl Hasher for Hashed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hashed = Hashed(Sha256::new());
    hashed.0.update(digest);
    engine.precompile_compatibility_hash().hash(&mut hashed);
    let name: [u8; 32] = hashed.0.finalize().into();
    let mut text: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push_str(".code");
    text
}

/// A file to be written before it gets its name; nobody else uses it.
fn unfinished(folder: &Dir) -> io::Result<(String, File)> {
    let name = format!("new-{:016x}", getrandom::u64().map_err(io::Error::other)?);
    let file =
        folder.open_with(&name, OpenOptions::new().write(true).create_new(true).mode(0o600))?;
    Ok((name, file))
}

/// The folder's key. Two processes that start at once agree on one.
fn key(folder: &Dir) -> io::Result<[u8; KEY_BYTES]> {
    const NAME: &str = "key";
    if !folder.try_exists(NAME)? {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let (new, mut file) = unfinished(folder)?;
        file.write_all(&key)?;
        file.sync_all()?;
        match folder.hard_link(&new, folder, NAME) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => folder.remove_file(&new)?,
        }
    }
    let mut key = [0; KEY_BYTES];
    folder.open(NAME)?.read_exact(&mut key)?;
    Ok(key)
}
