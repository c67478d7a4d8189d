use std::collections::BTreeMap;

use super::*;
use crate::capability::egress::Policy;
use crate::config::Config;
use crate::config::Problem;
use crate::records::rows::Secrets;
use crate::roster::plan::Plan;
use crate::runtime::bindings::kind::Descriptor;
use crate::setup::FieldChange;

const MANIFEST: &str = "name = 'k'
world = 'component'
[[origin]]
url = '{url}'
[[target]]
to = 'tls://{host}:6514'
[[secret]]
setting = 'url'
form = 'url'
bound_to = ['{url}']
places = ['path']
[[secret]]
setting = 'headers.*'
bound_to = ['{url}']
places = ['header:*']
[[secret]]
setting = 'token'
bound_to = ['{url}']
places = ['header:x-token']
[[secret]]
setting = 'password'
bound_to = ['tls://{host}:6514', '{url}']
places = ['sasl']
";

fn descriptor() -> Descriptor {
    Descriptor {
        name: "k".into(),
        title: String::new(),
        summary: String::new(),
        endpoint_schema: "{}".into(),
        recipient_schema: "{}".into(),
        reach: vec!["{url}".into()],
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 1,
        paces: Vec::new(),
        extra: Vec::new(),
    }
}

fn house(config: &str) -> House {
    let config = Config::parse(std::path::Path::new("/etc/campanile.toml"), config).unwrap();
    let tenants = BTreeMap::from([(OURS, "default".to_owned()), (THEIRS, "theirs".to_owned())]);
    let kinds = kinds().with_kind(MANIFEST, &descriptor()).with_tenants(tenants);
    House::of(kinds.with_egress(Policy::read(&config).unwrap()))
}

#[expect(clippy::needless_pass_by_value, reason = "written as literals")]
fn hook(settings: Value) -> Value {
    json!({ "endpoint": { "hook": { "kind": "k", "settings": settings } } })
}

impl House {
    /// Makes what is wanted, unless something is wrong with it; changes and problems, as told.
    fn put(&mut self, tenant: TenantId, setup: Value) -> (Vec<String>, Vec<String>) {
        self.now_ms += 1;
        let plan = self.plan(tenant, setup);
        let problems: Vec<_> = plan.problems.iter().map(Problem::to_string).collect();
        let told = plan.changes.iter().flat_map(|one| {
            let name = &one.name;
            one.fields.iter().map(move |field| format!("{name} {}", told(field)))
        });
        let told = told.collect();
        if problems.is_empty() {
            self.live = self.live.next(plan.rows, plan.newest, &self.kinds);
        }
        (told, problems)
    }

    fn plan(&self, tenant: TenantId, setup: Value) -> Plan {
        plan(&self.live, tenant, wanted("s", false, setup), &self.kinds, self.now_ms).unwrap()
    }

    fn changes(&mut self, setup: Value) -> Vec<String> {
        let (changes, problems) = self.put(OURS, setup);
        assert_eq!(problems, [""; 0]);
        changes
    }

    fn problems(&mut self, setup: Value) -> Vec<String> {
        self.put(OURS, setup).1
    }

    fn secrets(&self, name: &str) -> &Secrets {
        &self.live.endpoint(OURS, name).unwrap().row.secrets
    }
}

fn told(field: &FieldChange) -> String {
    let shown = |value: &Option<Value>| match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    format!("{} {} {}", field.path, shown(&field.before), shown(&field.after))
}

const URL: &str = "https://hooks.example/T0/s3cret";

#[test]
fn a_secret_is_kept_apart_told_only_as_set_and_its_marker_keeps_it() {
    let mut house = house("");
    let settings = json!({ "url": URL, "token": "hunter2", "headers": { "A": "hunter3" }, "n": 1 });
    let changes = house.changes(hook(settings.clone()));
    let expected = [
        "hook kind - k",
        r#"hook settings - {"n":1,"url":{"origin":"https://hooks.example:443"}}"#,
        "hook settings.headers.A - set",
        "hook settings.token - set",
        "hook settings.url - set",
    ];
    assert_eq!(changes, expected);
    let shown = json!({
        "url": {"secret": "stored", "origin": "https://hooks.example:443"},
        "token": {"secret": "stored"}, "headers": {"A": {"secret": "stored"}}, "n": 1,
    });
    let setup = serde_json::to_value(house.live.setup(OURS, None)).unwrap();
    assert_eq!(setup["endpoint"]["hook"]["settings"], shown);
    let revision = house.live.endpoint(OURS, "hook").unwrap().row.stamp.revision;
    let versions: Vec<_> = house.secrets("hook").values().map(|one| one.version).collect();
    assert_eq!(versions, [revision; 3]);

    // The plain values again, the markers, and both together change nothing.
    assert_eq!(house.changes(hook(settings)), [""; 0]);
    assert_eq!(house.changes(setup), [""; 0]);
    let bare = json!({ "url": {"secret": "stored"}, "token": "hunter2",
        "headers": {"A": {"secret": "stored"}}, "n": 1 });
    assert_eq!(house.changes(hook(bare)), [""; 0]);

    let other = json!({ "url": {"secret": "stored"}, "token": "hunter4", "n": 2 });
    let expected =
        ["hook settings.headers.A set -", "hook settings.n 1 2", "hook settings.token set changed"];
    assert_eq!(house.changes(hook(other)), expected);
    let (url, token) = (&house.secrets("hook")["url"], &house.secrets("hook")["token"]);
    assert!(url.version == revision && token.version > revision, "{url:?} {token:?}");
    assert!(!format!("{:?}", house.live).contains("hunter"));
}

#[test]
fn a_marker_keeps_nothing_that_would_go_elsewhere_than_it_was_bound_to() {
    let clear = "[[egress.grant]]\nendpoints = ['hook']\nclear_text = true\n\
                 networks = ['10.0.0.0/8']\nports = [80]";
    let proxy = "[egress]\nproxy = 'http://proxy.example:3128'";
    let pin = format!("sha256:{}", "ab".repeat(32));
    let kept = json!({ "secret": "stored" });
    let now = |settings: Value| settings;
    let table = [
        (
            "as it was",
            "",
            now(json!({ "url": "https://hooks.example/other", "token": kept })),
            true,
        ),
        ("another host", "", now(json!({ "url": "https://evil.example", "token": kept })), false),
        (
            "another port",
            "",
            now(json!({ "url": "https://hooks.example:444", "token": kept })),
            false,
        ),
        (
            "another scheme",
            "",
            now(json!({ "url": "http://hooks.example:443", "token": kept })),
            false,
        ),
        ("a pin", "", now(json!({ "url": kept, "token": kept, "tls_pin": pin })), false),
        ("a proxy", proxy, now(json!({ "url": URL, "token": kept })), false),
        ("clear text", clear, now(json!({ "url": URL, "token": kept })), false),
        ("no value", "", now(json!({ "url": URL, "password": kept })), false),
        (
            "another origin's marker",
            "",
            now(json!({
            "url": { "secret": "stored", "origin": "https://evil.example:443" } })),
            false,
        ),
    ];
    for (case, config, settings, is_kept) in table {
        let mut before = house("");
        before.changes(hook(json!({ "url": URL, "token": "hunter2" })));
        let mut after = house(config);
        after.live = after.live.next(before.live.table.clone(), before.live.newest, &after.kinds);
        let problems = after.problems(hook(settings));
        assert_eq!(problems.is_empty(), is_kept, "{case}: {problems:?}");
        let told = problems.join("\n");
        assert!(!told.contains("hunter2") && !told.contains("s3cret"), "{case}: {told}");
        if !is_kept {
            assert!(told.contains("give its value"), "{case}: {told}");
        }
    }
}

#[test]
fn what_was_bound_tells_where_and_leaving_it_out_unsets_it() {
    let mut house = house("");
    house.changes(hook(json!({ "url": URL, "token": "hunter2" })));
    let moved = json!({ "url": "https://new.example/x", "token": { "secret": "stored" } });
    let problems = house.problems(hook(moved));
    let expected = "endpoint.hook.settings.token: the stored one was bound to \
                    `https://hooks.example:443`, which is not where it would go now; give its \
                    value again, or leave it out";
    assert_eq!(problems, [expected]);
    let expected = [
        "hook settings.token set -",
        "hook settings.url set changed",
        r#"hook settings.url.origin https://hooks.example:443 https://new.example:443"#,
    ];
    assert_eq!(house.changes(hook(json!({ "url": "https://new.example/x" }))), expected);
    // It does not come back with the origin.
    let back = json!({ "url": URL, "token": { "secret": "stored" } });
    assert!(house.problems(hook(back))[0].contains("nothing is stored"));
}

#[test]
fn an_endpoint_that_moves_unsets_the_secrets_of_its_recipients() {
    let mut house = house("");
    let mut setup = hook(json!({ "url": URL, "host": "a.example", "n": 1 }));
    setup["recipient"] = json!({
        "x": { "endpoint": "hook", "settings": { "token": "hunter2", "colour": "red" } },
        "y": { "endpoint": "hook", "settings": { "colour": "red" } },
        "z": { "endpoint": "hook", "settings": { "password": "hunter3" } },
    });
    house.changes(setup);
    let of = |house: &House, name: &str| {
        let row = house.live.recipient(OURS, name).unwrap().row.clone();
        (row.secrets.keys().cloned().collect::<Vec<_>>(), row.setup.settings.to_json())
    };
    let put = |host: &str, url: &str, n: u8| hook(json!({ "url": url, "host": host, "n": n }));
    assert_eq!(house.changes(put("a.example", URL, 2)), ["hook settings.n 1 2"]);
    assert_eq!(of(&house, "x").0, ["token"]);

    let changes = house.changes(put("b.example", URL, 2));
    assert_eq!(changes, ["z settings.password set -", "hook settings.host a.example b.example"]);
    let changes = house.changes(put("b.example", "https://new.example", 2));
    assert!(changes.contains(&"x settings.token set -".to_owned()), "{changes:?}");
    assert_eq!(of(&house, "x"), (Vec::new(), r#"{"colour":"red"}"#.to_owned()));
    assert_eq!(of(&house, "z"), (Vec::new(), "{}".to_owned()));
}

#[test]
fn a_recipient_that_moves_does_not_take_its_secrets_elsewhere() {
    let mut house = house("");
    let endpoint = |url: &str| json!({ "kind": "k", "settings": { "url": url } });
    let at = |endpoint: &str, token: Value| json!({ "recipient": { "x": { "endpoint": endpoint, "settings": { "token": token } } } });
    house.changes(json!({ "endpoint": {
        "a": endpoint(URL), "same": endpoint(URL), "b": endpoint("https://b.example") } }));
    house.changes(at("a", json!("hunter2")));
    let kept = json!({ "secret": "stored" });
    assert!(house.problems(at("b", kept.clone()))[0].contains("was bound to"));
    assert_eq!(house.changes(at("same", kept)), ["x endpoint a same"]);
}

#[test]
fn the_ceilings_of_one_tenant_are_not_those_of_another() {
    let config = "[[egress.grant]]\ntenant = 'theirs'\nendpoints = ['*']\nclear_text = true";
    let mut house = house(config);
    let settings = json!({ "url": URL, "token": "hunter2" });
    house.put(OURS, hook(settings.clone()));
    house.put(THEIRS, hook(settings));
    let bound =
        |tenant| house.live.endpoint(tenant, "hook").unwrap().row.secrets["token"].bound_to.clone();
    assert!(bound(THEIRS).contains("clear_text") && !bound(OURS).contains("clear_text"));
}
