//! The kinds that this installation has: one folder each, found, checked and compiled at start.
//!
//! Promise: a component that imports what its world does not give is refused with the import's
//! name, before any of its code runs. No kind is known by name here.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, types::ComponentItem};

use super::bindings::{EveryKindPre, kind};
use super::compile::Code;
use super::guest::Guest;
use super::manifest::Manifest;
use super::{Runtime, RuntimeError, inert};

const WASM_BYTES_MAX: u64 = 32 << 20;
const MANIFEST_BYTES_MAX: u64 = 64 << 10;
const CONTRACT: &str = "campanile:endpoint/";

/// All kinds, by name.
#[derive(Debug, Default)]
pub struct Catalog {
    kinds: Vec<Arc<Kind>>,
}

/// One kind of endpoint, ready to be called.
pub struct Kind {
    pub name: String,
    pub manifest: Manifest,
    /// SHA-256 of the wasm.
    pub digest: [u8; 32],
    pub wasm_bytes: usize,
    /// All that the component imports.
    pub imports: Vec<String>,
    pub code: Code,
    pub descriptor: kind::Descriptor,
    pub(super) format: EveryKindPre<Guest>,
    pub(super) deliver: EveryKindPre<Guest>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Kind {
    /// SHA-256 of the wasm, in hexadecimal.
    pub fn sha256(&self) -> String {
        self.digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Catalog {
    /// Loads every folder beneath `folder` that holds a `component.toml`.
    pub async fn load(runtime: &Arc<Runtime>, folder: &Path) -> Result<Self, RuntimeError> {
        let cannot = |source| RuntimeError::Folder { path: folder.to_owned(), source };
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.join("component.toml").is_file() {
                folders.push(path);
            }
        }
        folders.sort();
        let mut catalog = Self::default();
        for path in folders {
            let kind = load(runtime, &path).await?;
            if let Some(other) = catalog.kind(&kind.name) {
                return Err(RuntimeError::Twice { component: other.name.clone(), path });
            }
            catalog.kinds.push(Arc::new(kind));
        }
        Ok(catalog)
    }

    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Sorted by folder.
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// How many components this start had to compile.
    pub fn compiled(&self) -> usize {
        self.kinds.iter().filter(|kind| kind.code == Code::Compiled).count()
    }
}

async fn load(runtime: &Arc<Runtime>, folder: &Path) -> Result<Kind, RuntimeError> {
    let manifest = manifest(&folder.join("component.toml"))?;
    let wasm = read(&folder.join("component.wasm"), WASM_BYTES_MAX)?;
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let name = manifest.name.clone();
    let (component, code) = runtime.cache.load(&runtime.engine, &name, &wasm, digest)?;
    let imports = imports(runtime, &component);
    if let Some(import) = imports.iter().find(|import| !allowed(import, &manifest)) {
        return Err(RuntimeError::Import {
            component: name,
            import: import.clone(),
            world: manifest.world.name(),
        });
    }
    let link = |linker: &wasmtime::component::Linker<Guest>| {
        linker
            .instantiate_pre(&component)
            .and_then(EveryKindPre::new)
            .map_err(|source| RuntimeError::Link { component: name.clone(), source })
    };
    let format = link(&runtime.format_linker)?;
    let deliver = link(&runtime.deliver_linker)?;
    let descriptor = super::format::describe(runtime, &format)
        .await
        .map_err(|source| RuntimeError::Describe { component: name.clone(), source })?;
    if descriptor.name != name {
        return Err(RuntimeError::Name {
            component: name,
            described: crate::capability::log::printable(&descriptor.name, 64),
        });
    }
    Ok(Kind {
        name,
        manifest,
        digest,
        wasm_bytes: wasm.len(),
        imports,
        code,
        descriptor,
        format,
        deliver,
    })
}

fn manifest(path: &Path) -> Result<Manifest, RuntimeError> {
    let bytes = read(path, MANIFEST_BYTES_MAX)?;
    let unclear = |detail: String| RuntimeError::Manifest { path: path.to_owned(), detail };
    let text = str::from_utf8(&bytes).map_err(|error| unclear(error.to_string()))?;
    let manifest: Manifest = toml::from_str(text).map_err(|error| unclear(error.to_string()))?;
    let named = !manifest.name.is_empty()
        && manifest.name.len() <= 64
        && manifest
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-/".contains(&b));
    if !named {
        return Err(unclear("`name`: expected 1 to 64 of a-z, 0-9, `-` and `/`".to_owned()));
    }
    Ok(manifest)
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, RuntimeError> {
    let cannot = |source| RuntimeError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > bytes_max {
        return Err(RuntimeError::TooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

fn imports(runtime: &Runtime, component: &Component) -> Vec<String> {
    let mut names: Vec<_> = component
        .component_type()
        .imports(&runtime.engine)
        .map(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(_) => name.to_owned(),
            // A bare function or type belongs to no interface that could be granted.
            _ => format!("{name} (not an interface)"),
        })
        .collect();
    names.sort();
    names
}

fn allowed(import: &str, manifest: &Manifest) -> bool {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    match interface.strip_prefix(CONTRACT) {
        Some(name) => manifest.world.interfaces().contains(&name),
        None => version.starts_with("0.2.") && inert::INTERFACES.contains(&interface),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_may_import_its_world_and_the_inert_parts_and_nothing_else() {
        let manifest: Manifest = toml::from_str("name = 'a'\nworld = 'http-component'").unwrap();
        let table = [
            ("campanile:endpoint/http@0.9.0", true),
            ("campanile:endpoint/net@0.9.0", false),
            ("campanile:endpoint/files@0.9.0", false),
            ("wasi:io/poll@0.2.6", true),
            ("wasi:io/poll@0.3.0", false),
            ("wasi:sockets/tcp@0.2.6", false),
            ("wasi:filesystem/preopens@0.2.6", false),
            ("wasi:http/outgoing-handler@0.2.6", false),
            ("evil:endpoint/http@0.9.0", false),
            ("run (not an interface)", false),
        ];
        for (import, expected) in table {
            assert_eq!(allowed(import, &manifest), expected, "{import}");
        }
    }
}
