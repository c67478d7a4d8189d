//! The folder of a case: what lies in it before a call, and what must lie there after it.
//!
//! `files_before` and `files_after` are objects: names, and for each a text, `{"bytes": 7}` (so many
//! `x`), or `{"folder": true}`. What `files_after` does not name must not be there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use campanile::capability::files::{FilesDoor, FilesGate, FolderGrant, FolderLimits, folders};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::{Held, KindRef, equal, fill};
use crate::runtime::LIMITS;

const TENANT: &str = "default";

/// What the kind's manifest asks for, at the places that the settings name.
pub(super) struct Folder {
    root: TempDir,
    gate: Arc<FilesGate>,
    /// None where the settings name no place, and the component is to say so.
    grants: Arc<[FolderGrant]>,
}

/// What lies under a name.
#[derive(Debug, PartialEq)]
enum Lying {
    File(String),
    Folder,
}

impl Folder {
    /// `quota` of a case, with `bytes` and `files`: the bounds on the folder.
    pub(super) fn of(
        kind: KindRef<'_>,
        case: &Value,
        settings: &Map<String, Value>,
    ) -> Result<Self, String> {
        let root = tempfile::tempdir().map_err(|error| error.to_string())?;
        let files_max = case["quota"]["files"].as_u64().unwrap_or(1000);
        let limits = FolderLimits {
            bytes_max: case["quota"]["bytes"].as_u64().unwrap_or(1 << 30),
            files_max: usize::try_from(files_max).map_err(|error| error.to_string())?,
            read_bytes_max: LIMITS.response_bytes_max,
        };
        let gate = FilesGate::open_root(root.path(), limits).map_err(|error| error.to_string())?;
        let grants = folders(&kind.manifest.folder, settings, TENANT, true).unwrap_or_default();
        Ok(Self { root, gate: Arc::new(gate), grants: grants.into() })
    }

    pub(super) fn door(&self) -> FilesDoor {
        FilesDoor::new(Arc::clone(&self.gate), Arc::clone(&self.grants))
    }

    /// Puts there what the case says. `of` knows the placeholders.
    pub(super) fn lay(&self, case: &Value, of: &dyn Fn(&str) -> Option<String>) -> Held {
        let Some(files) = case.get("files_before") else { return Ok(()) };
        let place = self.place().ok_or("`files_before`, and no folder is granted")?;
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&place).map_err(|error| error.to_string())?;
        for (name, lying) in read(&fill::all(files, of))? {
            let laid = match lying {
                Lying::File(text) => fs::write(place.join(name), text),
                Lying::Folder => private.create(place.join(name)),
            };
            laid.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Whether there is what the case says, and nothing else.
    pub(super) fn check(&self, case: &Value, of: &dyn Fn(&str) -> Option<String>) -> Held {
        let Some(files) = case.get("files_after") else { return Ok(()) };
        let expected = read(&fill::all(files, of))?;
        let found = self.found().map_err(|error| error.to_string())?;
        let names = |of: &BTreeMap<String, Lying>| of.keys().cloned().collect::<Vec<_>>();
        equal("names of files", &names(&found), &names(&expected))?;
        for (name, expected) in &expected {
            equal(name, &found.get(name), &Some(expected))?;
        }
        Ok(())
    }

    fn found(&self) -> std::io::Result<BTreeMap<String, Lying>> {
        let mut found = BTreeMap::new();
        let Some(place) = self.place().filter(|place| place.exists()) else { return Ok(found) };
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            let lying = if entry.file_type()?.is_dir() {
                Lying::Folder
            } else {
                Lying::File(String::from_utf8_lossy(&fs::read(entry.path())?).into_owned())
            };
            found.insert(entry.file_name().to_string_lossy().into_owned(), lying);
        }
        Ok(found)
    }

    fn place(&self) -> Option<PathBuf> {
        self.grants.first().map(|grant| self.root.path().join(grant.place.to_string()))
    }
}

fn read(files: &Value) -> Result<BTreeMap<String, Lying>, String> {
    let files = files.as_object().ok_or("expected files: an object of names")?;
    let mut found = BTreeMap::new();
    for (name, value) in files {
        let lying = match (value.as_str(), value["bytes"].as_u64()) {
            (Some(text), _) => Lying::File(text.to_owned()),
            (None, Some(count)) => {
                Lying::File("x".repeat(usize::try_from(count).map_err(|error| error.to_string())?))
            }
            (None, None) if value["folder"] == true => Lying::Folder,
            (None, None) => {
                return Err(format!("{name}: expected a text, `bytes` or `folder`, got {value}"));
            }
        };
        found.insert(name.clone(), lying);
    }
    Ok(found)
}

#[test]
fn what_lies_in_a_folder_is_read_as_the_case_says() {
    let files = serde_json::json!({"a": "x\n", "b": {"bytes": 3}, "c": {"folder": true}});
    let expected =
        [("a", Lying::File("x\n".into())), ("b", Lying::File("xxx".into())), ("c", Lying::Folder)];
    let expected = expected.map(|(name, lying)| (name.to_owned(), lying));
    assert_eq!(read(&files), Ok(BTreeMap::from(expected)));
    assert!(read(&serde_json::json!({"a": 7})).is_err());
    assert!(read(&serde_json::json!([])).is_err());
}
