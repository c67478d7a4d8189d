//! Machine code that is kept: what this installation made itself, whole, and nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use campanile::runtime::{Catalog, Code, RuntimeError};
use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use tempfile::TempDir;

use crate::catalog::{CORE_MODULE, Shelf};
use crate::path::webhook_at;
use crate::runtime;

/// What follows the code in its file.
const MAC_BYTES: usize = 32;

/// Components, and a folder for their machine code.
struct Installation {
    shelf: Shelf,
    cache: TempDir,
}

impl Installation {
    fn of(kinds: &[&str]) -> Self {
        let shelf = Shelf::new();
        kinds.iter().for_each(|kind| shelf.put(kind, kind));
        Self { shelf, cache: tempfile::tempdir().unwrap() }
    }

    async fn start(&self) -> Result<Catalog, RuntimeError> {
        let runtime = runtime::start(self.cache.path())?;
        Catalog::load(&runtime, self.shelf.path()).await
    }

    /// How each component came to its code, by name. Each has described itself by then.
    async fn codes(&self) -> Vec<(String, Code)> {
        let catalog = self.start().await.unwrap();
        let kinds = catalog.kinds().iter();
        kinds.map(|kind| (kind.descriptor.name.clone(), kind.code)).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache.path()).unwrap().map(|one| one.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|it| it == "code")).collect();
        files.sort();
        files
    }
}

/// Does something to a file of code.
type Spoil = Box<dyn Fn(&Path)>;

/// Changes the content; `at` counts from the front, or from the back where it is negative.
fn edit(change: impl Fn(&mut Vec<u8>) + 'static) -> Spoil {
    Box::new(move |path| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    })
}

fn flip(place: impl Fn(usize) -> usize + 'static) -> Spoil {
    edit(move |bytes| {
        let at = place(bytes.len());
        bytes[at] ^= 1;
    })
}

fn cut(place: impl Fn(usize) -> usize + 'static) -> Spoil {
    edit(move |bytes| bytes.truncate(place(bytes.len())))
}

fn linked(path: &Path) {
    let elsewhere = path.with_extension("elsewhere");
    fs::rename(path, &elsewhere).unwrap();
    symlink(&elsewhere, path).unwrap();
}

#[tokio::test]
async fn machine_code_that_is_not_whole_and_untouched_is_compiled_anew() {
    let table: [(&str, Spoil); 15] = [
        ("first byte flipped", flip(|_| 0)),
        ("a byte of the first quarter flipped", flip(|len| len / 4)),
        ("middle byte flipped", flip(|len| len / 2)),
        ("last byte of the code flipped", flip(|len| len - MAC_BYTES - 1)),
        ("first byte of the MAC flipped", flip(|len| len - MAC_BYTES)),
        ("last byte of the MAC flipped", flip(|len| len - 1)),
        ("empty", cut(|_| 0)),
        ("shorter than a MAC", cut(|_| MAC_BYTES - 1)),
        ("as long as a MAC", cut(|_| MAC_BYTES)),
        ("half", cut(|len| len / 2)),
        ("without its last byte", cut(|len| len - 1)),
        ("without its MAC", cut(|len| len - MAC_BYTES)),
        ("one byte more", edit(|bytes| bytes.push(0))),
        ("a link to the whole code", Box::new(linked)),
        ("gone", Box::new(|path| fs::remove_file(path).unwrap())),
    ];
    let installation = Installation::of(&["webhook"]);
    let codes = |code| vec![("webhook".to_owned(), code)];
    assert_eq!(installation.codes().await, codes(Code::Compiled), "the first start");
    for (name, spoil) in table {
        let [file] = &installation.files()[..] else { panic!("{:?}", installation.files()) };
        spoil(file);
        assert_eq!(installation.codes().await, codes(Code::Compiled), "{name}");
        assert!(file.symlink_metadata().unwrap().is_file(), "{name}");
        assert_eq!(installation.codes().await, codes(Code::Cached), "after: {name}");
    }
}

#[tokio::test]
async fn machine_code_under_the_name_of_another_component_is_compiled_anew() {
    let installation = Installation::of(&["hostile", "webhook"]);
    let codes = |code| ["hostile", "webhook"].map(|name| (name.to_owned(), code)).to_vec();
    assert_eq!(installation.codes().await, codes(Code::Compiled));
    let [one, other] = &installation.files()[..] else { panic!("{:?}", installation.files()) };
    let aside = installation.cache.path().join("aside");
    for (from, to) in [(one, &aside), (other, one), (&aside, other)] {
        fs::rename(from, to).unwrap();
    }
    assert_eq!(installation.codes().await, codes(Code::Compiled));
    assert_eq!(installation.codes().await, codes(Code::Cached));
}

#[tokio::test]
async fn machine_code_of_another_installation_is_compiled_anew() {
    let (own, other) = (Installation::of(&["webhook"]), Installation::of(&["webhook"]));
    let codes = |code| vec![("webhook".to_owned(), code)];
    for one in [&own, &other] {
        assert_eq!(one.codes().await, codes(Code::Compiled));
    }
    assert_eq!(own.files()[0].file_name(), other.files()[0].file_name());
    fs::copy(&other.files()[0], &own.files()[0]).unwrap();
    assert_eq!(own.codes().await, codes(Code::Compiled));
    fs::remove_file(own.cache.path().join("key")).unwrap();
    assert_eq!(own.codes().await, codes(Code::Compiled), "under a new key");
}

#[tokio::test]
async fn a_cache_that_others_can_write_to_is_refused_with_the_remedy() {
    let installation = Installation::of(&["webhook"]);
    installation.start().await.unwrap();
    for (mode, expected) in [(0o777, false), (0o770, false), (0o702, false), (0o755, true)] {
        fs::set_permissions(installation.cache.path(), Permissions::from_mode(mode)).unwrap();
        match (installation.start().await, expected) {
            (Ok(_), true) => {}
            (Err(error @ RuntimeError::CacheOpen { .. }), false) => {
                let (text, path) = (error.to_string(), installation.cache.path().to_string_lossy());
                assert!(text.contains("chmod go-w") && text.contains(&*path), "{text}");
            }
            (other, _) => panic!("mode {mode:o}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cache_of_another_user_is_refused_with_the_remedy() {
    let installation = Installation::of(&["webhook"]);
    // Only root can give a folder away; for anyone else there is nothing to see here.
    if std::os::unix::fs::chown(installation.cache.path(), Some(65_534), None).is_err() {
        return;
    }
    let text = installation.start().await.expect_err("another user's folder").to_string();
    assert!(text.contains("belongs to another user") && text.contains("cache_dir"), "{text}");
}

#[tokio::test]
async fn what_is_no_component_is_refused_though_it_is_called_one() {
    let installation = Installation::of(&["webhook"]);
    let wasm = installation.shelf.path().join("webhook/component.wasm");
    let component = fs::read(&wasm).unwrap();
    installation.start().await.unwrap();
    let mut code = fs::read(&installation.files()[0]).unwrap();
    code.truncate(code.len() - MAC_BYTES);
    let table: [(&str, &[u8], &str); 6] = [
        ("machine code", &code, "is machine code, not WebAssembly"),
        ("the head of machine code", &code[..64], "does not compile"),
        ("a core module", CORE_MODULE, "does not compile; build it for `wasm32-wasip2`"),
        ("garbage", b"#!/bin/sh\nexit 0\n", "does not compile; build it for `wasm32-wasip2`"),
        ("nothing", b"", "does not compile; build it for `wasm32-wasip2`"),
        ("half", &component[..component.len() / 2], "does not compile"),
    ];
    for (name, bytes, expected) in table {
        fs::write(&wasm, bytes).unwrap();
        let catalog = installation.start().await.unwrap();
        let [broken] = catalog.broken() else { panic!("{name} is taken") };
        let text = broken.told();
        assert!(text.contains("component `webhook`") && text.contains(expected), "{name}: {text}");
    }
    assert_eq!(installation.files().len(), 1, "nothing of it is kept");
}

#[tokio::test]
async fn machine_code_for_a_component_is_not_loaded_and_stops_no_other() {
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await.set("runtime.cache_dir", "\"code\"");
    site.start().await.kill().await;
    let mut files =
        fs::read_dir(site.folder().join("code")).unwrap().map(|one| one.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|it| it == "code")).unwrap();
    let mut code = fs::read(file).unwrap();
    code.truncate(code.len() - MAC_BYTES);
    let folder = site.components().join("posing");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("component.toml"), "name = 'posing'\nworld = 'http-component'").unwrap();
    fs::write(folder.join("component.wasm"), code).unwrap();

    let engine = site.start_as_it_was().await;

    let posing = engine.get("/v1/components/posing").await.json();
    assert_eq!(posing["state"], "broken");
    let said = posing["problem"].as_str().unwrap();
    assert!(said.contains("component `posing` is machine code, not WebAssembly"), "{said}");
    assert!(site.log().contains("is machine code"), "{}", site.log());
    assert_eq!(engine.get("/v1/components/webhook").await.json()["state"], "built-in");
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let capture = Capture::answering([200]).await;
    let site = webhook_at(&capture).await.set("runtime.cache_dir", "\"code\"");
    let files = || -> Vec<_> {
        let entries = fs::read_dir(site.folder().join("code")).unwrap().map(Result::unwrap);
        let mut files: Vec<_> =
            entries.map(|one| (one.path(), one.metadata().unwrap().modified().unwrap())).collect();
        files.sort();
        files
    };
    site.start().await.kill().await;
    let (first, first_log) = (files(), site.log());

    let engine = site.start().await;

    assert!(first.len() > 1, "{first:?}");
    assert_eq!(files(), first);
    let log = site.log();
    assert!(!first_log.contains("compiled=0"), "{first_log}");
    assert!(log[first_log.len()..].contains("compiled=0"), "{log}");
    let accepted = engine.accepts(&native("from cached code")).await;
    engine.reaches(&accepted[0], "delivered").await;
}
