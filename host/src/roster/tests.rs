mod natives;
mod secrets;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::live::{Live, Newest};
use super::plan::plan;
use super::*;
use crate::dispatch::Site;
use crate::records::rows::Rows;
use crate::runtime::Catalog;
use crate::setup;

const OURS: TenantId = TenantId(1);
const THEIRS: TenantId = TenantId(2);

/// A roster in memory, of kinds that are not installed: what is planned is not built.
struct House {
    kinds: Kinds,
    live: Live,
    now_ms: u64,
}

impl House {
    fn new() -> Self {
        Self::of(kinds())
    }

    fn of(kinds: Kinds) -> Self {
        let live = Live::open(Rows::default(), &kinds);
        Self { kinds, live, now_ms: 1_000 }
    }

    /// Makes what is wanted live; what it changed, as `action what name`.
    fn make(&mut self, tenant: TenantId, wanted: Wanted) -> Result<Vec<String>, ChangeError> {
        self.now_ms += 1;
        let plan = plan(&self.live, tenant, wanted, &self.kinds, self.now_ms)?;
        let told = plan.changes.iter().map(|one| {
            format!("{} {} {}", format!("{:?}", one.action).to_lowercase(), one.what, one.name)
        });
        let told = told.collect();
        self.live = self.live.next(plan.rows, plan.newest, &self.kinds);
        Ok(told)
    }

    fn apply(&mut self, set: &str, prune: bool, setup: Value) -> Result<Vec<String>, ChangeError> {
        self.make(OURS, wanted(set, prune, setup))
    }

    fn pause(&mut self, what: What, name: &str, by: Option<PausedBy>) -> Vec<String> {
        let pause = by.map(|by| (by, "401".to_owned(), String::new()));
        let edit = Edit::Pause { what, name: name.to_owned(), pause, expect: Expect::Present };
        self.make(OURS, Wanted::Edits(vec![edit])).unwrap()
    }

    fn paused_by(&self, name: &str) -> Option<PausedBy> {
        self.live.recipient(OURS, name).unwrap().row.pause.as_ref().map(|pause| pause.by)
    }
}

fn kinds() -> Kinds {
    let site = Site {
        instance: "test".to_owned(),
        locale: "en".to_owned(),
        link: None,
        zone_name: "UTC".to_owned(),
        zone: TimeZone::UTC,
    };
    Kinds::new(Arc::new(Catalog::default()), site)
}

fn wanted(set: &str, prune: bool, setup: Value) -> Wanted {
    let mut problems = Vec::new();
    let setup = setup::setup(setup, &mut problems);
    assert_eq!(problems, []);
    Wanted::Setup { set: set.to_owned(), setup, prune }
}

fn whole() -> Value {
    json!({
        "endpoint": { "a": { "kind": "k" }, "b": { "kind": "k" } },
        "recipient": { "x": { "endpoint": "a" }, "y": { "endpoint": "a" } },
    })
}

#[test]
fn the_same_again_changes_nothing_and_a_change_touches_only_what_differs() {
    let mut house = House::new();
    let made = house.apply("s", false, whole()).unwrap();
    assert_eq!(
        made,
        ["create endpoint a", "create endpoint b", "create recipient x", "create recipient y"]
    );
    assert_eq!(house.apply("s", true, whole()).unwrap(), [""; 0]);

    let (x, y) =
        (house.live.recipient(OURS, "x").cloned(), house.live.recipient(OURS, "y").cloned());
    let mut other = whole();
    other["recipient"]["x"]["filter"] = json!({ "categories": ["security"] });
    assert_eq!(house.apply("s", true, other).unwrap(), ["update recipient x"]);
    let now = |name| house.live.recipient(OURS, name).unwrap();
    assert!(now("x").row.stamp.revision > x.unwrap().row.stamp.revision);
    assert!(Arc::ptr_eq(now("y"), &y.unwrap()), "what did not change is shared");
}

#[test]
fn an_endpoint_goes_with_its_recipients_or_not_at_all() {
    let mut house = House::new();
    house.apply("s", false, whole()).unwrap();
    let without =
        json!({ "endpoint": { "b": { "kind": "k" } }, "recipient": { "x": { "endpoint": "b" } } });
    let changed = house.apply("s", true, without).unwrap();
    assert_eq!(changed, ["update recipient x", "remove recipient y", "remove endpoint a"]);
    let removed: Vec<_> = house.live.removed().collect();
    assert_eq!(removed.len(), 1);

    let edit = Edit::Remove { what: What::Endpoint, name: "b".into(), expect: Expect::Present };
    let refused = house.make(OURS, Wanted::Edits(vec![edit])).unwrap_err();
    assert!(
        matches!(refused, ChangeError::InUse { ref recipients, .. } if recipients == "x"),
        "{refused}"
    );
    let kind = house.apply("s", false, json!({ "endpoint": { "b": { "kind": "other" } } }));
    assert!(matches!(kind, Err(ChangeError::KindFixed { .. })));
    let set = house.apply("t", false, json!({ "endpoint": { "b": { "kind": "k" } } }));
    assert!(matches!(set, Err(ChangeError::OtherSet { .. })));
}

#[test]
fn a_verdict_is_void_when_a_setting_changes_and_a_person_is_not_overruled() {
    let mut house = House::new();
    house.apply("s", false, whole()).unwrap();
    assert_eq!(house.pause(What::Recipient, "x", Some(PausedBy::Verdict)), ["pause recipient x"]);
    assert_eq!(house.pause(What::Recipient, "x", Some(PausedBy::Verdict)), [""; 0]);
    assert_eq!(house.pause(What::Recipient, "y", Some(PausedBy::Person)), ["pause recipient y"]);
    assert_eq!(house.pause(What::Recipient, "y", Some(PausedBy::Verdict)), [""; 0]);
    assert_eq!(house.paused_by("y"), Some(PausedBy::Person));

    // The endpoint's settings are the recipients', too.
    let mut other = whole();
    other["endpoint"]["a"]["settings"] = json!({ "url": "https://new.example" });
    assert_eq!(
        house.apply("s", false, other).unwrap(),
        ["resume recipient x", "update endpoint a"]
    );
    assert_eq!((house.paused_by("x"), house.paused_by("y")), (None, Some(PausedBy::Person)));

    house.pause(What::Recipient, "x", Some(PausedBy::Verdict));
    assert_eq!(house.pause(What::Recipient, "x", Some(PausedBy::Person)), ["pause recipient x"]);
    assert_eq!(house.paused_by("x"), Some(PausedBy::Person), "a person takes it over");
    assert_eq!(house.pause(What::Recipient, "x", None), ["resume recipient x"]);
    assert_eq!(house.pause(What::Recipient, "x", None), [""; 0]);
}

#[test]
fn tenants_have_names_of_their_own_and_change_nothing_of_one_another() {
    let mut house = House::new();
    house.apply("s", false, whole()).unwrap();
    assert_eq!(house.make(THEIRS, wanted("s", true, whole())).unwrap().len(), 4);
    assert_eq!(house.make(THEIRS, wanted("s", true, json!({}))).unwrap().len(), 4);
    assert_eq!(house.live.recipients(OURS, "").count(), 2);
    assert_eq!(house.live.recipients(THEIRS, "").count(), 0);
    let elsewhere = json!({ "recipient": { "z": { "endpoint": "a" } } });
    let plan = plan(&house.live, THEIRS, wanted("s", false, elsewhere), &house.kinds, 9).unwrap();
    assert_eq!(plan.problems[0].place, "recipient.z.endpoint");
    let edit = Edit::Remove { what: What::Recipient, name: "x".into(), expect: Expect::Present };
    let refused = house.make(THEIRS, Wanted::Edits(vec![edit])).unwrap_err();
    assert!(matches!(refused, ChangeError::NotFound { .. }), "{refused}");
}

#[test]
fn a_name_that_is_free_again_means_somebody_else() {
    let mut house = House::new();
    house.apply("s", false, whole()).unwrap();
    let before = house.live.recipient(OURS, "x").unwrap().row.clone();
    house.apply("s", true, json!({})).unwrap();
    // Even under a clock that stands.
    house.now_ms -= 2;
    house.apply("s", false, whole()).unwrap();
    let after = &house.live.recipient(OURS, "x").unwrap().row;
    assert_ne!(after.id, before.id);
    assert_ne!(after.stamp.revision, before.stamp.revision);
    let Newest { endpoint, recipient, .. } = house.live.newest;
    assert_eq!((endpoint, recipient), (4, 4));
}
