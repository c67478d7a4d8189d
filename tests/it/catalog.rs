//! What may be installed: a component that is what its manifest says, and asks for no more.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use campanile::runtime::native::Natives;
use campanile::runtime::{Catalog, ComponentHash, RuntimeError};
use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::client::Answer;
use campanile_tests::engine::Engine;
use campanile_tests::site::{Site, target};
use serde_json::{Value, json};
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
        self.load_with(Natives::default()).await
    }

    async fn load_with(&self, natives: Natives) -> Result<Catalog, RuntimeError> {
        let runtime = runtime::start(&target().join("test-cache"))?;
        Ok(Catalog::load(&runtime, self.path()).await?.with_natives(&runtime, natives))
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

/// A manifest of the component that attacks, with which it agrees.
const HOSTILE: &str = "name = 'hostile'\nworld = 'component'\n[[origin]]\nurl = '{url}'";

#[tokio::test]
async fn a_component_has_no_name_of_a_kind_of_the_engine_even_where_that_is_off() {
    let shelf = Shelf::new();
    ["hostile", "webhook"].iter().for_each(|kind| shelf.put(kind, kind));
    let off = |name: &str| Natives { on: Vec::new(), off: vec![name.to_owned()] };
    let catalog = shelf.load_with(off("webhook")).await.unwrap();
    assert!(catalog.kind("webhook").is_none() && catalog.kind("hostile").is_some());
    let [broken] = catalog.broken() else { panic!("{catalog:?}") };
    let told = broken.told();
    assert!(told.contains("taken by a kind of the engine") && told.contains("/webhook"), "{told}");
    let catalog = shelf.load_with(off("web")).await.unwrap();
    assert!(catalog.kind("webhook").is_some() && catalog.broken().is_empty());
}

#[tokio::test]
async fn a_component_that_is_not_what_its_manifest_says_is_broken_and_says_why() {
    let table = [
        // component, manifest, what is said (nothing: it is taken)
        ("hostile", HOSTILE, ""),
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
        ("hostile", "name = 'hostile'\nworld = 'component'", "reach[0]: `{url}` is not asked for"),
        (
            "hostile",
            "name = 'hostile'\nworld = 'component'\n[[origin]]\nurl = '{url}'\n\
             [[origin]]\nurl = 'https://{region}.example'",
            "origin[1].url: `region` is no setting of an endpoint",
        ),
        (
            "hostile",
            "name = 'hostile'\nworld = 'component'\n[[origin]]\nurl = '{url}'\n\
             [limits]\ndeliver_ms = 1000",
            "deliver_ms: expected at most 1000",
        ),
        (
            "webhook",
            "name = 'acme/hook'\nworld = 'http-component'",
            "name: says `webhook`; expected `acme/hook`",
        ),
        (
            "webhook",
            "name = 'webhook'\nworld = 'http-component'\n[[origin]]\nurl = '{url}'",
            "endpoint_schema.headers: is `writeOnly` and no secret in the manifest",
        ),
        ("webhook", "name = 'Webhook'\nworld = 'http-component'", "expected 1 to 64 of a-z"),
        ("webhook", "name = '../webhook'\nworld = 'http-component'", "expected 1 to 64 of a-z"),
        ("webhook", "name = 'webhook'", "world: is missing"),
        ("webhook", "name = 'webhook'\nworld = 'all'", "world: expected one of"),
        ("webhook", "name = 'webhook'\nworld = 'component'\nfiles = true", "files: is not a field"),
    ];
    for (kind, manifest, expected) in table {
        let shelf = Shelf::new();
        shelf.put_with(kind, "it", manifest);
        shelf.put("slack", "slack");
        let catalog = shelf.load().await.unwrap();
        assert!(catalog.kind("slack").is_some(), "{manifest}: another is taken down");
        match catalog.broken() {
            [] => assert!(expected.is_empty() && catalog.kind(kind).is_some(), "{manifest}"),
            [broken] => {
                let text = broken.told();
                assert!(!expected.is_empty() && text.contains(expected), "{manifest}: {text}");
            }
            more => panic!("{manifest}: {more:?}"),
        }
    }
}

#[tokio::test]
async fn of_two_folders_of_one_name_the_one_that_is_built_in_is_meant_else_none() {
    let shelf = Shelf::new();
    shelf.put("webhook", "first");
    shelf.put("webhook", "second");
    let catalog = shelf.load().await.unwrap();
    assert_eq!((catalog.kinds().len(), catalog.broken().len()), (0, 2));
    for broken in catalog.broken() {
        let text = broken.told();
        assert!(text.contains("/first`") && text.contains("/second`"), "{text}");
    }

    let manifest = fs::read_to_string(shelf.path().join("second/component.toml")).unwrap();
    let other = format!("{manifest}# other");
    fs::write(shelf.path().join("second/component.toml"), &other).unwrap();
    let wasm = fs::read(shelf.path().join("second/component.wasm")).unwrap();
    let lock = format!("{}  webhook\n", ComponentHash::of(&wasm, other.as_bytes()));
    fs::write(shelf.path().join("builtin.lock"), lock).unwrap();
    let catalog = shelf.load().await.unwrap();
    let [broken] = catalog.broken() else { panic!("{:?}", catalog.broken()) };
    assert!(broken.folder.ends_with("first") && catalog.kind("webhook").unwrap().is_built_in);
}

#[tokio::test]
async fn a_folder_without_a_manifest_is_no_component_and_one_without_code_is_broken() {
    let shelf = Shelf::new();
    shelf.put("webhook", "webhook");
    fs::create_dir(shelf.path().join("notes")).unwrap();
    let catalog = shelf.load().await.unwrap();
    assert_eq!((catalog.kinds().len(), catalog.broken().len()), (1, 0));
    fs::write(shelf.path().join("notes/component.toml"), "name = 'a'\nworld = 'component'")
        .unwrap();
    let catalog = shelf.load().await.unwrap();
    let [broken] = catalog.broken() else { panic!("{:?}", catalog.broken()) };
    let text = broken.told();
    assert!(broken.name == "a" && catalog.kinds().len() == 1, "{text}");
    assert!(text.contains("notes/component.wasm") && text.contains("make components"), "{text}");
}

/// A site whose component that attacks came later, and so is not built in; with an endpoint of it.
async fn with_stranger(capture: &Capture, manifest: &str) -> Site {
    let site = Site::new().await;
    fs::remove_file(site.components().join("hostile")).unwrap();
    put(&site.components(), "hostile", "hostile", manifest);
    site.endpoint("strange", "hostile", &json!({ "url": capture.url() })).recipient(
        "night",
        "strange",
        &json!({}),
    )
}

async fn component(engine: &Engine) -> Value {
    engine.get("/v1/components/hostile").await.json()
}

async fn approve(engine: &Engine, seen: &Value) -> Answer {
    let body = json!({ "hash": seen["hash"] });
    engine.call("POST", "/v1/components/hostile/approve", &body).await
}

#[tokio::test]
async fn a_component_waits_until_it_is_approved_and_works_from_then_on_without_a_restart() {
    let capture = Capture::answering([200]).await;
    let site = with_stranger(&capture, HOSTILE).await;
    let engine = site.start_as_it_was().await;
    let refused =
        engine.call("POST", "/v1/apply", &json!({ "set": "test", "setup": site.setup() })).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("campanile component approve hostile"), "{}", refused.text());
    let probe = json!({ "kind": "hostile", "endpoint_settings": { "url": capture.url() } });
    let refused = engine.call("POST", "/v1/test", &probe).await;
    assert!(refused.status == 422 && refused.text().contains("waits for approval"));

    let seen = component(&engine).await;
    assert_eq!((&seen["state"], &seen["approved"]), (&json!("waiting"), &json!(null)));
    let does = seen["does"].to_string();
    assert!(does.contains("sends HTTP requests to where the setting `url` points"), "{does}");
    assert!(does.contains("of an endpoint: attack, only_bad, target, url, where"), "{does}");
    let mut other = seen.clone();
    other["hash"] = json!("0".repeat(64));
    for (hash, status, code) in
        [(&other, 409, "component-changed"), (&json!({ "hash": "x" }), 422, "bad-setup")]
    {
        let answer = approve(&engine, hash).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)));
    }
    let answer = approve(&engine, &seen).await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("approved")));

    engine.apply(&site.setup()).await;
    let accepted = engine.accepts(&native("approved")).await;
    engine.reaches(&accepted[0], "delivered").await;
    let audit = engine.get("/v1/audit").await.json();
    let entry = audit["entries"].as_array().unwrap().iter().find(|one| one["action"] == "approve");
    let entry = entry.expect("an entry in the audit log");
    assert_eq!(
        (&entry["object"], &entry["detail"]["hash"]),
        (&json!("component hostile"), &seen["hash"])
    );
    assert!(entry["actor"].as_str().unwrap().starts_with("admin token "), "{entry}");
}

#[tokio::test]
async fn what_is_revoked_stops_at_once_and_a_changed_manifest_waits_again() {
    let capture = Capture::answering([200]).await;
    let site = with_stranger(&capture, HOSTILE).await;
    let engine = site.start_as_it_was().await;
    let first = component(&engine).await;
    approve(&engine, &first).await;
    engine.apply(&site.setup()).await;

    let answer = engine.call("POST", "/v1/components/hostile/revoke", &json!({})).await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("waiting")));
    let endpoint = engine.get("/v1/endpoints/strange").await.json();
    assert_eq!(endpoint["state"], "unusable");
    assert!(endpoint["problems"].to_string().contains("waits for approval"), "{endpoint}");
    let held = engine.accepts(&native("held back")).await.remove(0);
    // What was owed before is tried as soon as it may be, so nothing was tried until then.
    assert_eq!(capture.attempts(), 0);
    approve(&engine, &first).await;
    engine.reaches(&held, "delivered").await;
    assert_eq!(capture.attempts(), 1);
    engine.terminate().await;

    let asked = "[[origin]]\nurl = '{target}'\nmethods = ['GET']\n[limits]\ndeliver_ms = 90000";
    let manifest = site.components().join("hostile/component.toml");
    fs::write(&manifest, format!("{HOSTILE}\n{asked}")).unwrap();
    let engine = site.start_as_it_was().await;
    assert_eq!(engine.get("/v1/endpoints/strange").await.json()["state"], "unusable");
    let second = component(&engine).await;
    assert_eq!(
        (&second["state"], &second["changes"]["before"]),
        (&json!("waiting"), &first["hash"])
    );
    let added = json!([
        "sends HTTP requests to where the setting `target` points: GET; any path",
        "may take 90 s for one delivery",
    ]);
    assert_eq!(second["changes"]["added"], added);
    assert_eq!(second["changes"]["removed"], json!(["may take 60 s for one delivery"]));
    assert_eq!(approve(&engine, &first).await.status, 409);
    approve(&engine, &second).await;
    assert_eq!(engine.get("/v1/endpoints/strange").await.json()["state"], "active");
    engine.terminate().await;

    // The one before is not approved any more: there is no way back without saying so.
    fs::write(&manifest, HOSTILE).unwrap();
    let engine = site.start_as_it_was().await;
    assert_eq!(component(&engine).await["state"], "waiting");
}

#[tokio::test]
async fn a_component_describes_itself_once_and_what_it_said_is_kept() {
    let capture = Capture::answering([200]).await;
    let site = with_stranger(&capture, HOSTILE).await;
    let installed = || site.log().matches("A component is installed").count();
    let engine = site.start_as_it_was().await;
    let all =
        engine.get("/v1/components").await.json()["components"].as_array().map_or(0, Vec::len);
    engine.terminate().await;
    assert_eq!(installed(), all, "{}", site.log());
    // Only what is kept can have this title.
    let store = rusqlite::Connection::open(site.data().join("campanile.db")).unwrap();
    let kept = "update component set descriptor = replace(descriptor, '\"Hostile\"', '\"Kept\"')";
    assert_eq!(store.execute(kept, []).unwrap(), all);
    drop(store);
    let engine = site.start_as_it_was().await;
    assert_eq!(installed(), all, "{}", site.log());
    assert_eq!(component(&engine).await["about"]["title"], "Kept");
    engine.terminate().await;

    // What cannot be read is asked for anew; an approval stays what it is.
    let store = rusqlite::Connection::open(site.data().join("campanile.db")).unwrap();
    let spoil = "update component set descriptor = '{}', approved_ms = 7, approved_by = 'somebody',
        approved_text = '' where name = 'hostile'";
    assert_eq!(store.execute(spoil, []).unwrap(), 1);
    drop(store);
    let engine = site.start_as_it_was().await;
    assert_eq!(installed(), all + 1, "{}", site.log());
    let found = component(&engine).await;
    assert_eq!(
        (&found["about"]["title"], &found["state"]),
        (&json!("Hostile"), &json!("approved"))
    );
}

#[tokio::test]
async fn a_broken_component_is_told_of_and_the_engine_runs() {
    let capture = Capture::answering([200]).await;
    let manifest = "name = 'hostile'\nworld = 'http-component'";
    let site = with_stranger(&capture, manifest).await;
    let engine = site.start_as_it_was().await;
    let said = "`campanile:endpoint/net@0.9.0`";
    assert!(site.log().contains(said), "{}", site.log());
    let found = component(&engine).await;
    assert!(found["state"] == "broken" && found["problem"].as_str().unwrap().contains(said));
    let kinds = engine.get("/v1/kinds").await.json();
    assert!(!kinds.to_string().contains("hostile"), "{kinds}");
    assert_eq!(engine.get("/readyz").await.status, 200);
    let refused =
        engine.call("POST", "/v1/apply", &json!({ "set": "test", "setup": site.setup() })).await;
    assert!(refused.status == 422 && refused.text().contains(said), "{}", refused.text());
    let answer = approve(&engine, &found).await;
    assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("component-broken")));
    let answer = engine.call("POST", "/v1/components/slack/revoke", &json!({})).await;
    assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("built-in")));
}

#[tokio::test]
async fn the_command_shows_what_it_approves_and_never_approves_unasked() {
    let capture = Capture::answering([200]).await;
    let site = with_stranger(&capture, HOSTILE).await;
    let (exit, listed, _) = site.run(&["component", "list"]).await;
    assert_eq!(exit, Some(0));
    let state_of = |listed: &str, name: &str| {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(state_of(&listed, "slack"), "built-in", "{listed}");
    assert_eq!(state_of(&listed, "hostile"), "unknown", "{listed}");

    let engine = site.start_as_it_was().await;
    let url = format!("http://{}", engine.address());
    let run = async |words: &[&str]| site.run(&[words, &["--url", &url]].concat()).await;
    let (exit, _, said) = run(&["component", "approve", "hostile"]).await;
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("- sends HTTP requests to where") && said.contains("--yes"), "{said}");
    assert_eq!(component(&engine).await["state"], "waiting");

    let (exit, told, said) = run(&["component", "approve", "hostile", "--yes"]).await;
    assert_eq!(exit, Some(0), "{said}");
    assert!(told.contains("- reads in clear, of each alert: its raw text"), "{told}");
    assert!(told.ends_with("component hostile is approved\n"), "{told}");
    let (_, shown, _) = run(&["component", "show", "hostile"]).await;
    for part in ["state:    approved", "origin:   {url}: any method; paths from /", "import:   "] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let (_, listed, _) = run(&["component", "list"]).await;
    assert_eq!(state_of(&listed, "hostile"), "approved", "{listed}");
    let (exit, told, _) = run(&["component", "revoke", "hostile"]).await;
    assert_eq!((exit, told.as_str()), (Some(0), "component hostile is waiting\n"));
    let (exit, _, said) = run(&["component", "show", "nobody"]).await;
    assert!(exit == Some(1) && said.contains("there is no component `nobody`"), "{said}");
}

#[tokio::test]
async fn what_is_put_into_the_folder_while_the_engine_runs_is_found_and_what_is_taken_out_is_gone()
{
    let capture = Capture::answering([200]).await;
    let site = with_stranger(&capture, HOSTILE).await;
    let (there, away) = (site.components().join("hostile"), site.folder().join("away"));
    fs::rename(&there, &away).unwrap();
    let engine = site.start_as_it_was().await;
    let url = format!("http://{}", engine.address());
    let scan = async || site.run(&["component", "scan", "--url", &url]).await;
    let nothing = (Some(0), "nothing is new, and nothing is gone\n".to_owned(), String::new());
    assert_eq!(scan().await, nothing);

    fs::rename(&away, &there).unwrap();
    let (code, out, log) = scan().await;
    assert_eq!((code, out.as_str()), (Some(0), "component hostile is waiting\n"), "{log}");
    assert_eq!(scan().await, nothing);
    let seen = component(&engine).await;
    assert_eq!(approve(&engine, &seen).await.status, 200);
    engine.apply(&site.setup()).await;
    let accepted = engine.accepts(&native("found")).await;
    engine.reaches(&accepted[0], "delivered").await;
    let metrics = engine.get("/metrics").await.text();
    assert!(metrics.contains(r#"attempts_total{kind="hostile",outcome="delivered"} 1"#));

    fs::rename(&there, &away).unwrap();
    assert_eq!(scan().await.1, "component hostile is gone\n");
    let shown = engine.get("/v1/endpoints/strange").await.text();
    assert!(shown.contains("expected one of the kinds that are installed"), "{shown}");
    let waiting = engine.accepts(&native("gone")).await;
    // What it is owed waits, and goes once the component is back: it was approved.
    fs::rename(&away, &there).unwrap();
    assert_eq!(scan().await.1, "component hostile is approved\n");
    engine.reaches(&waiting[0], "delivered").await;
    // A link that was not there at the start leads nowhere, while the engine is shut in.
    let outside = tempfile::tempdir().unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o755)).unwrap();
    put(outside.path(), "hostile", "linked", "name = 'linked'\nworld = 'component'");
    symlink(outside.path().join("linked"), site.components().join("linked")).unwrap();
    assert_eq!(scan().await.1, "component linked is broken\n");
    let shown = engine.get("/v1/components/linked").await.text();
    assert!(shown.contains("needs a restart"), "{shown}");
    let audit = engine.get("/v1/audit").await.json();
    let entries = audit["entries"].as_array().unwrap().iter();
    let of_folder = entries.filter(|one| one["object"] == "component hostile");
    let mut actions: Vec<_> =
        of_folder.filter_map(|one| one["action"].as_str().map(str::to_owned)).collect();
    actions.sort();
    assert_eq!(actions, ["approve", "install", "install", "remove"]);
}

#[tokio::test]
async fn a_component_that_comes_back_while_the_engine_runs_has_its_secrets() {
    let capture = Capture::answering([200]).await;
    let settings = json!({ "url": capture.url(), "headers": { "X-Key": "s3cret" } });
    let site = Site::new().await.endpoint("hook", "webhook", &settings);
    let site = site.recipient("ops", "hook", &json!({}));
    site.start().await.terminate().await;
    let there = site.components().join("webhook");
    fs::remove_file(&there).unwrap();
    let engine = site.start_as_it_was().await;
    let waiting = engine.accepts(&native("waits")).await;

    // A link would lead to where the engine was not given a way at its start.
    let manifest = fs::read_to_string(built("webhook").join("component.toml")).unwrap();
    put(&site.components(), "webhook", "webhook", &manifest);
    let url = format!("http://{}", engine.address());
    let (code, out, log) = site.run(&["component", "scan", "--url", &url]).await;
    assert_eq!((code, out.as_str()), (Some(0), "component webhook is built-in\n"), "{log}");
    engine.reaches(&waiting[0], "delivered").await;
    let seen = capture.sees(1).await;
    assert_eq!(seen[0].head.header("x-key"), Some("s3cret"));
}
