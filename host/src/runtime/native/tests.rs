//! What the engine believes of a native kind's answers, and what it gives it.

pub(crate) mod given;
mod keeper;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;
use tempfile::TempDir;

use super::super::{
    Catalog, Context, Delivering, Fault, Formatting, Limits, Probe, Runtime, RuntimeError, Try,
    Withheld, Withholding, probe,
};
use super::*;
use crate::capability::doors::Doors;
use crate::capability::egress::{Connector, Grant, Policy, Pool, Reach, Way};
use crate::capability::files::FilesDoor;
use crate::capability::http::{HttpDoor, HttpGate};
use crate::capability::net::{NetDoor, NetGate};
use crate::capability::secrets::{Credentials, Keyring};
use crate::config::LimitsConfig;
use crate::delivery::{Delivery, Message, OUTPUT_BYTES_MAX, OutcomeKind};
use crate::dispatch::RetryPolicy;
use crate::dispatch::backoff::Backoff;
use crate::dispatch::record::{Judged, Tried, judge};
use crate::ids::{AlertIds, DeliveryId, EndpointId, MessageId, RecipientId, TenantId};
use crate::telemetry::Limit;
use keeper::DELIVER_MS;
pub(crate) use keeper::Keeper;

/// A runtime, and a catalog of one native kind.
struct House {
    _folder: TempDir,
    runtime: Arc<Runtime>,
    catalog: Catalog,
    keeper: Arc<Keeper>,
}

impl House {
    fn open() -> Self {
        Self::withholding(Withholding::default())
    }

    fn withholding(withholding: Withholding) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime =
            Runtime::new(Limits::from(&LimitsConfig::default()), 1, &folder.path().join("cache"))
                .unwrap();
        runtime.withhold(withholding);
        let keeper = Keeper::new("keeper");
        let catalog = Catalog::default().with_natives(&runtime, keeper.on());
        Self { _folder: folder, runtime, catalog, keeper }
    }

    /// What `format` makes of alerts of which each may ban or not.
    async fn format(&self, may_ban: &[bool], does: &str) -> Result<String, Fault> {
        let kind = self.catalog.kind("keeper").unwrap();
        let mut formatting = Formatting::open(&self.runtime, kind).await?;
        let deliveries: Vec<_> = may_ban.iter().map(|one| delivery(*one)).collect();
        let made = formatting.call(&deliveries, &context(does), &TimeZone::UTC).await?;
        Ok(match made {
            Err(fault) => format!("fault {} {}", fault.code, fault.detail),
            Ok(made) => {
                let of_drafts = made.drafts.iter().map(|one| {
                    let body = String::from_utf8_lossy(&one.body);
                    format!("{:?} {} {body}", one.alerts, one.summary)
                });
                let skipped = made.skipped.iter().map(|(at, why)| format!("skipped {at} {why}"));
                of_drafts.chain(skipped).collect::<Vec<_>>().join("; ")
            }
        })
    }

    /// How a delivery of one alert is recorded.
    async fn deliver(&self, does: &str) -> Judged {
        let kind = self.catalog.kind("keeper").unwrap();
        let mut delivering = Delivering::open(&self.runtime, kind, doors()).await.unwrap();
        let deliveries = [delivery(false)];
        let members = vec![deliveries[0].id];
        let message = Message {
            id: MessageId::of(members.iter().copied()),
            members,
            summary: String::new(),
            content_type: "application/json".to_owned(),
            body: b"{}".to_vec(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
            carry: None,
            component: kind.digest,
            settings: [0; 32],
        };
        let purpose = kind::Purpose::Live;
        let this = Try { number: 1, now_ms: 1, first_ms: 1, zone: &TimeZone::UTC, purpose };
        let settings = json!({ "does": does }).to_string();
        let told = delivering.call(&message, &deliveries, &settings, this).await;
        let tried = Tried { number: 1, forgiven: 0, at_ms: 1, now_ms: 2, jitter: 1.0 };
        let second = std::time::Duration::from_secs(1);
        let policy = RetryPolicy {
            backoff: Backoff { first: second, max: second, asked_max: second },
            attempts_max: 9,
        };
        judge(told, message, &deliveries, tried, &policy)
    }
}

/// Doors that lead nowhere.
fn doors() -> Doors {
    let way = Arc::new(Way::of(&Policy::default(), "default", "e"));
    let grant = Grant::new(TenantId::DEFAULT, EndpointId(1), Reach::default(), way);
    let (connector, pool) = (Connector::default(), Pool::default());
    let gate = Arc::new(HttpGate { connector, pool, response_bytes_max: 1 });
    let http = HttpDoor::new(gate, grant.clone());
    let net = NetDoor::new(Arc::new(NetGate::default()), grant, [0; 32]);
    Doors::new(http, net, FilesDoor::default(), Keyring::mint(Arc::new(Credentials::default())))
}

fn delivery(may_ban: bool) -> Delivery {
    let id = AlertIds::default().next(1_000);
    let alert = crate::alert::Alert { id, may_ban, ..crate::alert::tests::alert() };
    Delivery {
        id: DeliveryId { alert: id, recipient: RecipientId(1) },
        alert: Arc::new(alert),
        attempts: 0,
        forgiven: 0,
        first_ms: None,
        previous: None,
    }
}

fn context(does: &str) -> Context {
    given::context(&json!({ "does": does }), kind::Purpose::Live)
}

#[tokio::test]
async fn what_a_native_kind_formats_is_checked_as_a_components_is() {
    let house = House::open();
    let table = [
        // What it does, what comes of two alerts.
        ("", Ok(r#"[0, 1] \u{1b}[31mred {"may_ban":[true,false],"raw":["{}","{}"]}"#)),
        ("skips", Ok(r"skipped 0 no\u{1b}; skipped 1 no\u{1b}")),
        ("faults", Ok(r"fault c\u{7} wrong\u{1b}")),
        ("leaves-out", Err("contract")),
        ("twice", Err("contract")),
        ("floods", Err("result-too-large")),
        ("panics", Err("trap")),
    ];
    for (does, expected) in table {
        let found = house.format(&[true, false], does).await;
        let found = found.as_deref().map_err(Fault::code);
        assert_eq!(found, expected, "{does:?}");
    }
}

#[tokio::test]
async fn what_the_operator_keeps_from_a_native_kind_it_is_not_shown() {
    let raw = Withheld { raw: true, ..Withheld::default() };
    let by_name = [("keeper".to_owned(), Withheld { labels: true, ..raw })].into();
    let house = House::withholding(Withholding { by_name, ..Withholding::default() });
    let mut alert = crate::alert::tests::alert();
    (alert.may_ban, alert.raw) = (true, "\"unseen\"".to_owned());
    let kind = house.catalog.kind("keeper").unwrap();
    let mut formatting = Formatting::open(&house.runtime, kind).await.unwrap();
    let one = Delivery { alert: Arc::new(alert), ..delivery(true) };
    let made = formatting.call(&[one], &context(""), &TimeZone::UTC).await.unwrap().unwrap();
    let body = String::from_utf8_lossy(&made.drafts[0].body);
    assert_eq!(body, r#"{"may_ban":[true],"raw":["{}"]}"#);
    assert!(!kind.words().iter().any(|line| line.contains("raw")), "{:?}", kind.words());
}

#[tokio::test]
async fn an_outcome_is_judged_by_what_was_seen_and_a_call_without_one_is_uncertain() {
    let house = House::open();
    let table = [
        ("", OutcomeKind::Delivered, ""),
        ("is-silent", OutcomeKind::Uncertain, "no-egress"),
        // What it began may be done: it is not known to have failed.
        ("hangs", OutcomeKind::Uncertain, "wall-limit"),
        ("panics-late", OutcomeKind::Uncertain, "trap"),
    ];
    for (does, outcome, code) in table {
        let Judged { settlement, .. } = house.deliver(does).await;
        let attempt = settlement.attempt;
        assert_eq!((attempt.outcome, attempt.code.as_str()), (outcome, code), "{does:?}");
        let is_told = outcome == OutcomeKind::Delivered;
        assert_eq!(
            attempt.seen.output.as_deref() == Some("kept\n"),
            is_told || does == "is-silent"
        );
    }
    let told = house.keeper.told(4).await;
    // A tenth of its time is left for its verdict.
    assert!(told.iter().all(|one| one["deadline_ms"] == DELIVER_MS - DELIVER_MS / 10), "{told:?}");
    assert_eq!(house.runtime.limit_hits().of(Limit::Wall), 1);
}

#[tokio::test]
async fn what_was_seen_is_within_bounds() {
    let attempt = House::open().deliver("is-wordy").await.settlement.attempt;
    let (output, origin) = (attempt.seen.output.unwrap(), attempt.seen.origin.unwrap());
    // The bound is in the middle of a character.
    assert_eq!(output.len(), OUTPUT_BYTES_MAX - 1);
    assert!(origin.len() <= 256 && !origin.contains('\u{1b}'), "{origin}");
}

#[tokio::test]
async fn a_probe_ends_in_time_and_within_bounds() {
    let house = House::open();
    let kind = house.catalog.kind("keeper").unwrap();
    let table = [
        ("", Ok(1)),
        ("hangs", Err("wall-limit")),
        ("panics-late", Err("trap")),
        ("is-wordy", Err("contract")),
    ];
    for (does, expected) in table {
        let settings = json!({ "does": does }).to_string();
        let (doors, scope) = (doors(), kind::Scope::Endpoint);
        let Probe { found, .. } = probe(&house.runtime, kind, doors, &settings, scope).await;
        let found = found.as_ref().map_err(Fault::code).map(|it| it.as_ref().unwrap().facts.len());
        assert_eq!(found, expected, "{does:?}");
    }
}

#[test]
fn a_native_kind_is_a_kind_of_its_own_that_needs_no_approval() {
    let house = House::open();
    let [kind] = house.catalog.kinds() else { panic!("{:?}", house.catalog) };
    assert!(kind.is_built_in && kind.is_native() && !kind.is_new);
    assert_eq!((kind.wasm_bytes, house.catalog.compiled()), (0, 0));
    assert_eq!((kind.manifest.world.name(), kind.manifest.reach().count()), ("native", 0));
    assert!(kind.words()[0].contains("a part of the engine"), "{:?}", kind.words());
    let other = Catalog::default().with_natives(&house.runtime, Keeper::new("other").on());
    let other = other.kind("other").unwrap();
    assert!(kind.digest != other.digest && kind.hash != other.hash);
}

#[test]
fn the_name_of_a_native_kind_is_taken_and_one_that_does_not_hold_together_is_broken() {
    let house = House::open();
    let off = Natives { on: Vec::new(), off: vec!["keeper".to_owned()] };
    for natives in [house.keeper.on(), off] {
        let is_on = !natives.on.is_empty();
        let before = Catalog::default().with_natives(&house.runtime, house.keeper.on());
        let catalog = before.with_natives(&house.runtime, natives);
        let [broken] = catalog.broken() else { panic!("{catalog:?}") };
        assert!(matches!(broken.reason, RuntimeError::NameTaken { .. }), "{}", broken.told());
        assert!(broken.told().contains("taken by a kind of the engine"), "{}", broken.told());
        assert_eq!((catalog.kind("keeper").is_some(), catalog.is_off("keeper")), (is_on, !is_on));
    }
    for name in ["endless", "Not a name"] {
        let catalog = Catalog::default().with_natives(&house.runtime, Keeper::new(name).on());
        let [broken] = catalog.broken() else { panic!("{catalog:?}") };
        assert!(matches!(broken.reason, RuntimeError::Disagrees { .. }), "{}", broken.told());
    }
}
