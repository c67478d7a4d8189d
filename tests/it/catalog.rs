//! What may be installed: a component that is what its manifest says, and asks for no more.

use std::fs;
use std::path::{Path, PathBuf};

use campanile::runtime::{Catalog, RuntimeError};
use campanile_tests::capture::Capture;
use campanile_tests::site::{Site, target};
use serde_json::json;
use tempfile::TempDir;

use crate::runtime;

/// WebAssembly, but no component.
pub(crate) const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A folder of components.
pub(crate) struct Shelf(TempDir);

impl Shelf {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Copies a component that was built into a folder of this name.
    pub(crate) fn put(&self, kind: &str, folder: &str) {
        let manifest = fs::read_to_string(built(kind).join("component.toml")).unwrap();
        self.put_with(kind, folder, &manifest);
    }

    /// The same under another manifest.
    fn put_with(&self, kind: &str, folder: &str, manifest: &str) {
        put(self.path(), kind, folder, manifest);
    }

    async fn load(&self) -> Result<Catalog, RuntimeError> {
        let runtime = runtime::start(&target().join("test-cache"))?;
        Catalog::load(&runtime, self.path()).await
    }
}

fn put(shelf: &Path, kind: &str, folder: &str, manifest: &str) {
    let to = shelf.join(folder);
    fs::create_dir(&to).unwrap();
    fs::copy(built(kind).join("component.wasm"), to.join("component.wasm")).unwrap();
    fs::write(to.join("component.toml"), manifest).unwrap();
}

fn built(kind: &str) -> PathBuf {
    let folders = ["components", "test-components"].map(|one| target().join(one).join(kind));
    let found = folders.into_iter().find(|folder| folder.join("component.wasm").is_file());
    found
        .unwrap_or_else(|| panic!("component `{kind}` is not built; run `make components hostile`"))
}

#[tokio::test]
async fn a_component_that_is_not_what_its_manifest_says_is_refused_by_name() {
    let table = [
        // component, manifest, what is said (nothing: it is taken)
        ("hostile", "name = 'hostile'\nworld = 'component'", ""),
        (
            "hostile",
            "name = 'hostile'\nworld = 'http-component'",
            "component `hostile` imports `campanile:endpoint/net@0.9.0`, \
             which its world `http-component` does not give",
        ),
        (
            "hostile",
            "name = 'hostile'\nworld = 'file-component'",
            "component `hostile` imports `campanile:endpoint/http@0.9.0`, \
             which its world `file-component` does not give",
        ),
        (
            "webhook",
            "name = 'acme/hook'\nworld = 'http-component'",
            "component `acme/hook` says that its name is `webhook`; its manifest must agree",
        ),
        ("webhook", "name = 'Webhook'\nworld = 'http-component'", "expected 1 to 64 of a-z"),
        ("webhook", "name = '../webhook'\nworld = 'http-component'", "expected 1 to 64 of a-z"),
        ("webhook", "name = 'webhook'", "world"),
        ("webhook", "name = 'webhook'\nworld = 'all'", "unknown variant `all`"),
        ("webhook", "name = 'webhook'\nworld = 'component'\nfiles = true", "unknown field `files`"),
    ];
    for (kind, manifest, expected) in table {
        let shelf = Shelf::new();
        shelf.put_with(kind, "it", manifest);
        match shelf.load().await {
            Ok(catalog) => {
                assert!(expected.is_empty() && catalog.kind(kind).is_some(), "{manifest}")
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{manifest}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn two_folders_of_one_name_are_refused_and_the_second_is_named() {
    let shelf = Shelf::new();
    shelf.put("webhook", "first");
    shelf.put("webhook", "second");
    let text = shelf.load().await.expect_err("two of one name").to_string();
    assert!(text.contains("second component `webhook`") && text.contains("/second"), "{text}");
}

#[tokio::test]
async fn a_folder_without_a_manifest_is_no_component_and_one_without_code_is_refused() {
    let shelf = Shelf::new();
    shelf.put("webhook", "webhook");
    fs::create_dir(shelf.path().join("notes")).unwrap();
    assert_eq!(shelf.load().await.unwrap().kinds().len(), 1);
    fs::write(shelf.path().join("notes/component.toml"), "name = 'a'\nworld = 'component'")
        .unwrap();
    let text = shelf.load().await.expect_err("no code").to_string();
    assert!(text.contains("notes/component.wasm") && text.contains("make components"), "{text}");
}

#[tokio::test]
async fn an_import_outside_the_world_ends_the_start_with_its_name() {
    let site = Site::new().await;
    let manifest = "name = 'hostile'\nworld = 'http-component'";
    fs::remove_file(site.components().join("hostile")).unwrap();
    put(&site.components(), "hostile", "hostile", manifest);
    let (exit, said) = site.refused().await;
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("`campanile:endpoint/net@0.9.0`"), "{said}");
}

#[tokio::test]
async fn an_endpoint_whose_component_reaches_beyond_its_manifest_is_refused() {
    let capture = Capture::answering([200]).await;
    for origins in ["", "[[origin]]\nurl = '{target}'", "[[origin]]\nurl = 'https://hooks.example'"]
    {
        let secret = "the-path-is-a-secret";
        let url = format!("{}/{secret}", capture.url());
        let site = Site::new().await;
        fs::remove_file(site.components().join("hostile")).unwrap();
        let manifest = format!("name = 'hostile'\nworld = 'component'\n{origins}");
        put(&site.components(), "hostile", "hostile", &manifest);
        let engine = site.start_as_it_was().await;
        let hook = json!({"kind": "hostile", "settings": {"url": url}});
        let answer = engine.call("PUT", "/v1/endpoints/hook", &hook).await;
        let said = answer.text();
        assert_eq!(answer.status, 422, "{origins}: {said}");
        assert_eq!(answer.json()["errors"][0]["place"], "settings", "{origins}: {said}");
        assert!(said.contains("a reach of `{url}`, which its manifest does not ask for"), "{said}");
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(capture.attempts(), 0);
}
