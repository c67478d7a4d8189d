//! The kinds that this installation has: one folder each, found, checked and compiled at start.
//!
//! Promise: a component that imports what its world does not give is refused with the import's
//! name, before any of its code runs. `describe` runs once, when a component is installed, in a
//! store without grants; what it said must agree with the manifest. A component that cannot be used
//! is told of, and takes no other down. No kind is known by name here.
//!
//! Not here: which kinds may be used (`roster`), and where descriptions are kept (`records`).

mod natives;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, types::ComponentItem};

use super::bindings::{EveryKindPre, kind};
use super::builtin::{BuiltIns, ComponentHash, hexadecimal};
use super::compile::Code;
use super::guest::Guest;
use super::manifest::Manifest;
use super::native::{NativeKind, Natives};
use super::withheld::Withheld;
use super::{Runtime, RuntimeError, agree, descriptor, inert, words};
use crate::config::Problem;
use crate::privileged::compiler::WASM_BYTES_MAX;

const MANIFEST_BYTES_MAX: u64 = 64 << 10;
const CONTRACT: &str = "campanile:endpoint/";

/// Descriptions that were kept, by what they are of.
pub type Kept = HashMap<ComponentHash, String>;

/// All kinds, by name.
#[derive(Debug, Default)]
pub struct Catalog {
    kinds: Vec<Arc<Kind>>,
    broken: Vec<Broken>,
    /// Where it was looked for components.
    folder: PathBuf,
    natives: Natives,
}

/// One kind of endpoint, ready to be called.
pub struct Kind {
    pub name: String,
    pub manifest: Manifest,
    /// The manifest as it stands in its file; empty for a native kind.
    pub manifest_text: String,
    /// Of code and manifest together: what is approved.
    pub hash: ComponentHash,
    /// It came with the engine, as `builtin.lock` says; or it is in the engine.
    pub is_built_in: bool,
    /// SHA-256 of the wasm; of a native kind, of its name and the engine's version.
    pub digest: [u8; 32],
    /// 0 for a native kind.
    pub wasm_bytes: usize,
    /// All that the component imports.
    pub imports: Vec<String>,
    pub code: Code,
    pub descriptor: kind::Descriptor,
    /// It described itself at this start; else what was kept of that is taken.
    pub is_new: bool,
    /// What the operator keeps from it.
    pub(super) withheld: Withheld,
    pub(super) implementation: Implementation,
    /// Empty for a native kind.
    folder: PathBuf,
}

/// What the calls of a kind go to.
pub(super) enum Implementation {
    Component(Box<Linked>),
    Native(Arc<dyn NativeKind>),
}

/// A component with what it imports, once for each of its stores.
pub(super) struct Linked {
    pub(super) format: EveryKindPre<Guest>,
    pub(super) deliver: EveryKindPre<Guest>,
}

/// A folder whose component cannot be used.
#[derive(Debug)]
pub struct Broken {
    /// As its manifest says; where that cannot be read, the folder's name.
    pub name: String,
    pub folder: PathBuf,
    /// `None`: not all of it could be read.
    pub hash: Option<ComponentHash>,
    pub reason: RuntimeError,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Kind {
    /// The `digest`, in hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.digest)
    }

    /// Its code is in the engine.
    pub fn is_native(&self) -> bool {
        matches!(self.implementation, Implementation::Native(_))
    }

    /// What it says of itself, to be kept.
    pub fn kept(&self) -> String {
        descriptor::write(&self.descriptor)
    }

    /// What it may do, line by line, in words.
    pub fn words(&self) -> Vec<String> {
        words::words(&self.manifest, &self.descriptor, self.withheld)
    }
}

impl Broken {
    /// Why it cannot be used, with the causes.
    pub fn told(&self) -> String {
        let mut told = self.reason.to_string();
        let mut cause = std::error::Error::source(&self.reason);
        while let Some(error) = cause {
            told += &format!(": {error}");
            cause = error.source();
        }
        told
    }
}

impl Catalog {
    /// Loads every folder beneath `folder` that holds a `component.toml`; each describes itself.
    pub async fn load(runtime: &Arc<Runtime>, folder: &Path) -> Result<Self, RuntimeError> {
        Self::load_with(runtime, folder, &Kept::default()).await
    }

    /// As [`load`](Self::load); a component of which a description was kept is not asked again.
    pub async fn load_with(
        runtime: &Arc<Runtime>,
        folder: &Path,
        kept: &Kept,
    ) -> Result<Self, RuntimeError> {
        Self { folder: folder.to_owned(), ..Self::default() }.again(runtime, kept).await
    }

    /// As it is now in the same folder, with the same native kinds. What is as it was is taken over.
    pub async fn again(&self, runtime: &Arc<Runtime>, kept: &Kept) -> Result<Self, RuntimeError> {
        let built_ins = BuiltIns::read(&self.folder)?;
        let mut catalog = Self { folder: self.folder.clone(), ..Self::default() };
        for folder in folders(&self.folder)? {
            let mut found = Found { name: folder_name(&folder), hash: None };
            match load(runtime, &folder, kept, &built_ins, &self.kinds, &mut found).await {
                Ok(kind) => catalog.kinds.push(kind),
                Err(reason) => {
                    let Found { name, hash } = found;
                    catalog.broken.push(Broken { name, folder, hash, reason });
                }
            }
        }
        Ok(catalog.without_twins().with_natives(runtime, self.natives.clone()))
    }

    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    /// Sorted by folder; native ones come last.
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// Sorted by folder.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// How many components this start had to compile.
    pub fn compiled(&self) -> usize {
        self.kinds.iter().filter(|kind| kind.code == Code::Compiled).count()
    }

    /// Of two with one name nobody can tell which is meant, unless one came with the engine.
    fn without_twins(mut self) -> Self {
        let (kinds, mut twins) = (std::mem::take(&mut self.kinds), Vec::new());
        for (at, kind) in kinds.iter().enumerate() {
            let rivals = || kinds.iter().enumerate().filter(|(_, one)| one.name == kind.name);
            let chosen = rivals().find(|(_, one)| one.is_built_in);
            let other = match chosen {
                Some((chosen, _)) if chosen == at => None,
                Some((_, one)) => Some(one),
                None => rivals().find(|(other, _)| *other != at).map(|(_, one)| one),
            };
            match other {
                None => self.kinds.push(Arc::clone(kind)),
                Some(other) => twins.push(Broken {
                    name: kind.name.clone(),
                    folder: kind.folder.clone(),
                    hash: Some(kind.hash),
                    reason: RuntimeError::Twice {
                        component: kind.name.clone(),
                        path: kind.folder.clone(),
                        other: other.folder.clone(),
                    },
                }),
            }
        }
        self.broken.extend(twins);
        self.broken.sort_by(|one, other| one.folder.cmp(&other.folder));
        self
    }
}

/// The folders beneath `folder` that hold a component.
pub fn folders(folder: &Path) -> Result<Vec<PathBuf>, RuntimeError> {
    let cannot = |source| RuntimeError::Folder { path: folder.to_owned(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.join("component.toml").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads what is in the folder, and compiles nothing of it: how many components there are, and those
/// of them that cannot be used, as far as that can be seen.
pub fn look(folder: &Path) -> Result<(usize, Vec<Broken>), RuntimeError> {
    BuiltIns::read(folder)?;
    let folders = folders(folder)?;
    let look = |folder: &PathBuf| {
        let (manifest, _) = manifest(&folder.join("component.toml"))
            .map_err(|reason| (folder_name(folder), reason))?;
        match read(&folder.join("component.wasm"), WASM_BYTES_MAX as u64) {
            Ok(_) => Ok(()),
            Err(reason) => Err((manifest.name, reason)),
        }
    };
    let broken = folders.iter().filter_map(|folder| {
        let (name, reason) = look(folder).err()?;
        Some(Broken { name, folder: folder.clone(), hash: None, reason })
    });
    Ok((folders.len(), broken.collect()))
}

/// What is known of a component, however far it is loaded.
struct Found {
    name: String,
    hash: Option<ComponentHash>,
}

async fn load(
    runtime: &Arc<Runtime>,
    folder: &Path,
    kept: &Kept,
    built_ins: &BuiltIns,
    known: &[Arc<Kind>],
    found: &mut Found,
) -> Result<Arc<Kind>, RuntimeError> {
    let (manifest, manifest_text) = manifest(&folder.join("component.toml"))?;
    found.name.clone_from(&manifest.name);
    let wasm = read(&folder.join("component.wasm"), WASM_BYTES_MAX as u64)?;
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let hash = ComponentHash::with(digest, manifest_text.as_bytes());
    found.hash = Some(hash);
    let name = manifest.name.clone();
    let is_built_in = built_ins.has(hash, &name);
    let is_as_it_was = |one: &&Arc<Kind>| {
        one.hash == hash && one.folder == folder && one.is_built_in == is_built_in
    };
    if let Some(known) = known.iter().find(is_as_it_was) {
        return Ok(Arc::clone(known));
    }
    let (component, code) = {
        let compile = async |wasm: &[u8]| runtime.compiled(wasm).await;
        runtime.cache.load(&runtime.engine, compile, &name, &wasm, digest).await?
    };
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
    let known = kept.get(&hash).and_then(|text| descriptor::read(text));
    let is_known = known.is_some();
    let descriptor = match known {
        Some(descriptor) => descriptor,
        None => super::format::describe(runtime, &format)
            .await
            .map_err(|source| RuntimeError::Describe { component: name.clone(), source })?,
    };
    let problems = agree::agree(&manifest, &descriptor);
    if !problems.is_empty() {
        return Err(RuntimeError::Disagrees { component: name, problems });
    }
    Ok(Arc::new(Kind {
        withheld: runtime.withheld_from(&name, is_built_in),
        is_built_in,
        name,
        manifest,
        manifest_text,
        hash,
        digest,
        wasm_bytes: wasm.len(),
        imports,
        code,
        is_new: !is_known,
        descriptor,
        implementation: Implementation::Component(Box::new(Linked { format, deliver })),
        folder: folder.to_owned(),
    }))
}

fn folder_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    crate::printable::printable(&name, 64)
}

fn manifest(path: &Path) -> Result<(Manifest, String), RuntimeError> {
    let wrong = |problems| RuntimeError::Manifest { path: path.to_owned(), problems };
    let text = String::from_utf8(read(path, MANIFEST_BYTES_MAX)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let expected = "expected UTF-8".to_owned();
        wrong(vec![Problem { place: format!("byte {at}"), expected }])
    })?;
    let manifest = Manifest::parse(&text).map_err(wrong)?;
    Ok((manifest, text))
}
fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, RuntimeError> {
    let cannot = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied => RuntimeError::NotGiven { path: path.to_owned() },
        _ => RuntimeError::Unreadable { path: path.to_owned(), source },
    };
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
