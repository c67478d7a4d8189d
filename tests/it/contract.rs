//! The cases of every component (`components/*/cases/*.json`), run through the real runtime.
//!
//! The format of a case is described in `components/README.md`.

mod deliver;
mod doors;
mod files;
mod fill;
mod format;
mod net;
mod probe;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use campanile::alert::Alert;
use campanile::capability::egress::{Connector, Pool};
use campanile::capability::http::HttpGate;
use campanile::capability::net::NetGate;
use campanile::delivery::Delivery;
use campanile::ids::{AlertIds, DeliveryId, RecipientId, TenantId};
use campanile::ingest::{Arrival, native, ntopng};
use campanile::runtime::bindings::kind::Purpose;
use campanile::runtime::{Catalog, Kind, Runtime};
use campanile_tests::alerts::envelope;
use campanile_tests::site::{project, target};
use serde_json::{Map, Value};

use crate::runtime::{self, LIMITS};

#[tokio::test]
async fn every_case_of_every_component_holds() {
    let stage = Stage::set().await;
    let files = case_files();
    assert!(!files.is_empty(), "no components/*/cases/*.json");
    // Whoever writes a component runs its cases alone.
    let only = std::env::var("CAMPANILE_KIND").ok();
    let (mut run, mut wrong) = (0, Vec::new());
    for (kind, path) in files {
        if only.as_ref().is_some_and(|only| *only != kind) {
            continue;
        }
        let kind = stage.catalog.kind(&kind).unwrap_or_else(|| {
            panic!("component `{kind}` is not in target/components; run `make components`")
        });
        for case in cases(&path) {
            run += 1;
            let name = case["name"].as_str().unwrap_or("without a name").to_owned();
            let held = match case["kind"].as_str() {
                Some("format") => format::run(&stage, kind, &case).await,
                Some("deliver") => deliver::run(&stage, kind, &case).await,
                Some("probe") => probe::run(&stage, kind, &case).await,
                other => {
                    Err(format!("expected the kind `format`, `deliver` or `probe`, got {other:?}"))
                }
            };
            if let Err(what) = held {
                wrong.push(format!("{}, `{name}`: {what}", path.display()));
            }
        }
    }
    assert!(run > 0, "no cases of the kind {only:?}");
    assert!(wrong.is_empty(), "{} of {run} cases do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a case runs on.
struct Stage {
    runtime: Arc<Runtime>,
    catalog: Catalog,
    gate: Arc<HttpGate>,
    net: Arc<NetGate>,
}

impl Stage {
    async fn set() -> Self {
        let runtime = runtime::start(&target().join("test-cache")).unwrap();
        let catalog = Catalog::load(&runtime, &target().join("components")).await.unwrap();
        let gate = HttpGate {
            connector: Connector::default(),
            pool: Pool::default(),
            response_bytes_max: LIMITS.response_bytes_max,
        };
        Self { runtime, catalog, gate: Arc::new(gate), net: Arc::default() }
    }
}

/// The moment at which alerts of cases arrive and messages are tried.
const NOW_MS: u64 = 1_795_488_660_123;

/// Takes alerts in through the engine's own readers.
fn deliveries(case: &Value) -> Result<Vec<Delivery>, String> {
    let alerts = case["alerts"].as_array().ok_or("expected `alerts`")?;
    // A string is the text of an alert, where bytes matter.
    let texts =
        alerts.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
    let arrival = Arrival { tenant: TenantId::DEFAULT, now_ms: NOW_MS, ids: &AlertIds::default() };
    let read = match case["producer_format"].as_str() {
        Some("native") => {
            let body = format!("[{}]", texts.collect::<Vec<_>>().join(","));
            let read =
                native::read(body.as_bytes(), false, &arrival).map_err(|bad| bad.to_string())?;
            read.into_iter().collect::<Result<Vec<_>, _>>().map_err(|bad| bad.to_string())?
        }
        Some("ntopng") => {
            let read = ntopng::read(envelope(texts).as_bytes(), &arrival);
            read.map_err(|bad| bad.to_string())?.alerts
        }
        other => {
            return Err(format!(
                "expected the producer_format `native` or `ntopng`, got {other:?}"
            ));
        }
    };
    Ok(read.into_iter().map(owed).collect())
}

/// `previous` of a case: for each alert the `remote-id` of the message that told its episode before.
fn with_previous(case: &Value, mut deliveries: Vec<Delivery>) -> Vec<Delivery> {
    let previous = case["previous"].as_array().into_iter().flatten();
    for (delivery, previous) in deliveries.iter_mut().zip(previous) {
        delivery.previous = previous.as_str().map(str::to_owned);
    }
    deliveries
}

fn owed(alert: Alert) -> Delivery {
    let id = DeliveryId { alert: alert.id, recipient: RecipientId(1) };
    Delivery {
        id,
        alert: Arc::new(alert),
        attempts: 0,
        forgiven: 0,
        first_ms: None,
        previous: None,
    }
}

/// Every file of cases, with the name of its component.
fn case_files() -> Vec<(String, PathBuf)> {
    let components = fs::read_dir(project().join("components")).unwrap();
    let mut found = Vec::new();
    for folder in components.flatten().map(|one| one.path()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in fs::read_dir(folder.join("cases")).into_iter().flatten().flatten() {
            found.push((name.clone(), file.path()));
        }
    }
    found.sort();
    found
}

/// The cases of a file, each with what the file says for all of them.
fn cases(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let file = serde_json::from_str(&text);
    let mut file: Map<String, Value> =
        file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Some(Value::Array(cases)) = file.remove("cases") else {
        panic!("{}: expected `cases`, a list", path.display());
    };
    assert!(!cases.is_empty(), "{}: no case", path.display());
    cases.into_iter().map(|case| with_defaults(&file, case)).collect()
}

fn with_defaults(file: &Map<String, Value>, case: Value) -> Value {
    let mut whole = file.clone();
    let Value::Object(own) = case else { panic!("expected a case to be an object, got {case}") };
    whole.extend(own);
    // An attempt that hands on nothing is something to expect.
    whole.retain(|name, value| !value.is_null() || name == "carry_out");
    Value::Object(whole)
}

/// `Err` says what was expected and what there is.
fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {found:?}"))
    }
}

/// Why messages are sent, from its word; `live` where there is none.
fn purpose(word: &Value) -> Result<Purpose, String> {
    match word.as_str() {
        None | Some("live") => Ok(Purpose::Live),
        Some("test") => Ok(Purpose::Test),
        Some("reminder") => Ok(Purpose::Reminder),
        Some("digest") => Ok(Purpose::Digest),
        Some("folded") => Ok(Purpose::Folded),
        Some(other) => Err(format!("there is no purpose `{other}`")),
    }
}

fn kind_settings(case: &Value, origin: &str) -> Map<String, Value> {
    let filled =
        fill::all(&case["settings"], &|name| (name == "origin").then(|| origin.to_owned()));
    filled.as_object().cloned().unwrap_or_default()
}

type Held = Result<(), String>;
type KindRef<'a> = &'a Arc<Kind>;

#[test]
fn a_case_has_what_its_file_says_for_all_unless_it_says_otherwise() {
    let file = serde_json::json!({"kind": "deliver", "attempt": 1, "request": {"method": "POST"}});
    let case = serde_json::json!({"name": "x", "attempt": 2, "request": null, "carry_out": null});
    let whole = with_defaults(file.as_object().unwrap(), case);
    let expected =
        serde_json::json!({"kind": "deliver", "attempt": 2, "name": "x", "carry_out": null});
    assert_eq!(whole, expected);
}
