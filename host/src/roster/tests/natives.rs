//! Who may use kinds that act on the machine of the engine.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Clock;
use crate::config::{Config, KeySource, LimitsConfig};
use crate::ids::EndpointId;
use crate::queue::QueueLimits;
use crate::records::rows::EndpointRow;
use crate::runtime::native::Natives;
use crate::runtime::native::tests::Keeper;
use crate::runtime::{Limits, Runtime};
use crate::setup::Settings;
use crate::store::StoreLimits;
use crate::vault::Vault;

const EXPECTED: &str = "is not granted to this tenant; the operator grants it with `native_kinds`";

/// Kinds with `natives`, under the tables `[tenant]` of this configuration.
fn kinds_of(folder: &tempfile::TempDir, natives: Natives, tenants: &str) -> Kinds {
    let limits = Limits::from(&LimitsConfig::default());
    let runtime = Runtime::new(limits, 1, &folder.path().join("cache")).unwrap();
    let catalog = Catalog::default().with_natives(&runtime, natives);
    let config = Config::parse(&folder.path().join("campanile.toml"), tenants).unwrap();
    let names = [(OURS, "default".to_owned()), (THEIRS, "theirs".to_owned())];
    Kinds::new(Arc::new(catalog), kinds().site)
        .with_natives_of(&config.tenants)
        .with_tenants(BTreeMap::from(names))
}

/// Why an endpoint of the kind cannot be used by this tenant, if it cannot.
fn refusal(kinds: &Kinds, tenant: TenantId, kind: &str) -> Option<String> {
    let row = EndpointRow {
        id: EndpointId(1),
        tenant,
        name: "a".to_owned(),
        setup: EndpointSetup { kind: kind.to_owned(), settings: Settings::default() },
        secrets: Default::default(),
        stamp: rows::Stamp { apply_set: None, revision: 1, created_ms: 0, changed_ms: 0 },
        pause: None,
    };
    kinds.endpoint(&row).err().map(|problems| problems[0].to_string())
}

#[test]
fn no_tenant_but_the_operators_uses_a_native_kind_unless_it_is_granted() {
    let table = [
        // configuration, tenant, whether it may
        ("", OURS, true),
        ("", THEIRS, false),
        ("[tenant.theirs]\nnative_kinds = ['keeper']", THEIRS, true),
        ("[tenant.theirs]\nnative_kinds = ['other']", THEIRS, false),
        ("[tenant.theirs]\nnative_kinds = ['keepe']", THEIRS, false),
        ("[tenant.others]\nnative_kinds = ['keeper']", THEIRS, false),
        ("[tenant.default]\nnative_kinds = ['keeper']", THEIRS, false),
        ("[tenant.default]\nnative_kinds = []", OURS, true),
        // A tenant without a row has no name that anybody could have written.
        ("[tenant.'']\nnative_kinds = ['keeper']", TenantId(9), false),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (config, tenant, may) in table {
        let kinds = kinds_of(&folder, Keeper::new("keeper").on(), config);
        match refusal(&kinds, tenant, "keeper") {
            None => assert!(may, "{config:?}, {tenant}"),
            Some(told) => {
                assert!(!may, "{config:?}, {tenant}: {told}");
                assert!(told.starts_with("kind: ") && told.contains(EXPECTED), "{told}");
            }
        }
    }
}

#[test]
fn a_kind_that_is_off_is_told_as_such_to_whoever_could_not_use_it_either() {
    let folder = tempfile::tempdir().unwrap();
    let off = Natives { on: Vec::new(), off: vec!["keeper".to_owned()] };
    let kinds = kinds_of(&folder, off, "");
    for tenant in [OURS, THEIRS] {
        let told = refusal(&kinds, tenant, "keeper").unwrap();
        assert_eq!(told, "kind: the kind `keeper` is off; `privileged.toml` turns it on");
    }
    assert!(refusal(&kinds, OURS, "keepers").unwrap().contains("one of the kinds"));
}

#[tokio::test]
async fn it_is_refused_when_it_is_saved_and_again_when_it_was_in_the_store_already() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        Store::open(folder.path(), Arc::new(Clock::fixed(1_000)), StoreLimits::default()).unwrap()
    };
    open().close();
    let file = rusqlite::Connection::open(folder.path().join("campanile.db")).unwrap();
    file.execute_batch("insert into tenant (id, name) values (2, 'theirs')").unwrap();
    drop(file);
    let key = KeySource::File(folder.path().join("secrets.key"));
    let granted = "[tenant.theirs]\nnative_kinds = ['keeper']";
    let setup = || wanted_setup(json!({ "endpoint": { "a": { "kind": "keeper" } } }));
    for (config, is_saved, is_built) in
        [("", false, None), (granted, true, Some(true)), ("", false, Some(false))]
    {
        let store = open();
        let queue = Queue::open(&store, QueueLimits::default()).await.unwrap();
        let kinds = kinds_of(&folder, Keeper::new("keeper").on(), config);
        let vault = Vault::open_key(&key, false).unwrap();
        let roster = Roster::open(&store, &queue, kinds, vault).await.unwrap();
        let built =
            |name: &str| roster.live().endpoint(THEIRS, name).map(|entry| entry.built.is_ok());
        // What the start before left.
        let before = built("a");
        let (set, who) = ("s".to_owned(), Who::engine("a test"));
        let saved = roster.apply(THEIRS, set, setup(), ApplyOptions::default(), who).await;
        match saved {
            // What is there as it is wanted changes nothing, and is checked all the same.
            Ok(_) => assert!(is_saved, "{config:?}"),
            Err(ChangeError::Problems(problems)) => {
                assert!(!is_saved, "{config:?}: {problems:?}");
                assert_eq!(problems[0].place, "endpoint.a.kind");
                assert!(problems[0].expected.contains(EXPECTED), "{problems:?}");
            }
            Err(other) => panic!("{other}"),
        }
        assert_eq!(built("a"), is_built, "{config:?}");
        assert_eq!(before, is_built.filter(|built| !built), "{config:?}");
        store.close();
    }
}

fn wanted_setup(setup: Value) -> Setup {
    let mut problems = Vec::new();
    let setup = setup::setup(setup, &mut problems);
    assert_eq!(problems, []);
    setup
}
