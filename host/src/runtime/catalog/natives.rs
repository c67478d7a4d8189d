//! The native kinds among the others: shown, checked and found as components are.
//!
//! Promise: a name that a native kind has is no component's, whether or not that kind is on.

use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Broken, Catalog, Code, Implementation, Kind, RuntimeError, agree};
use crate::runtime::builtin::ComponentHash;
use crate::runtime::format::described;
use crate::runtime::native::{NativeKind, Natives};
use crate::runtime::{Manifest, Runtime};

impl Catalog {
    /// The same, with these native kinds.
    #[must_use]
    pub fn with_natives(mut self, runtime: &Runtime, natives: Natives) -> Self {
        self.natives = natives.clone();
        let Natives { on, off } = natives;
        let described: Vec<_> = on.into_iter().map(|one| (one.describe(), one)).collect();
        let names = described.iter().map(|(descriptor, _)| descriptor.name.clone());
        let taken: Vec<_> = names.chain(off.iter().cloned()).collect();
        let (rivals, kinds) = self.kinds.into_iter().partition(|one| taken.contains(&one.name));
        self.kinds = kinds;
        self.broken.extend(rivals.iter().map(|one: &Arc<Kind>| Broken {
            name: one.name.clone(),
            folder: one.folder.clone(),
            hash: Some(one.hash),
            reason: RuntimeError::NameTaken {
                component: one.name.clone(),
                path: one.folder.clone(),
            },
        }));
        self.broken.sort_by(|one, other| one.folder.cmp(&other.folder));
        for (descriptor, native) in described {
            let name = descriptor.name.clone();
            match kind(runtime, descriptor, native) {
                Ok(kind) => self.kinds.push(Arc::new(kind)),
                Err(reason) => {
                    self.broken.push(Broken { name, folder: PathBuf::new(), hash: None, reason })
                }
            }
        }
        self
    }

    /// Whether there is a native kind of this name that is turned off.
    pub fn is_off(&self, name: &str) -> bool {
        self.natives.off.iter().any(|one| one == name)
    }
}

fn kind(
    runtime: &Runtime,
    descriptor: super::kind::Descriptor,
    native: Arc<dyn NativeKind>,
) -> Result<Kind, RuntimeError> {
    let name = descriptor.name.clone();
    let disagrees = |problems| RuntimeError::Disagrees { component: name.clone(), problems };
    let descriptor = described(descriptor)
        .map_err(|source| RuntimeError::Describe { component: name.clone(), source })?;
    let manifest = Manifest::of_native(&descriptor).map_err(disagrees)?;
    let problems = agree::agree(&manifest, &descriptor);
    if !problems.is_empty() {
        return Err(disagrees(problems));
    }
    let digest = digest(&name);
    Ok(Kind {
        withheld: runtime.withheld_from(&name, true),
        name,
        manifest,
        manifest_text: String::new(),
        hash: ComponentHash::with(digest, b""),
        is_built_in: true,
        digest,
        wasm_bytes: 0,
        imports: Vec::new(),
        code: Code::Native,
        descriptor,
        is_new: false,
        implementation: Implementation::Native(native),
        folder: PathBuf::new(),
    })
}

/// Stands where a component has the SHA-256 of its wasm: another one with another engine.
fn digest(name: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(concat!("campanile/", env!("CARGO_PKG_VERSION"), " native kind "));
    hash.update(name);
    hash.finalize().into()
}
