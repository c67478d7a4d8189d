//! Files of endpoints and recipients: read, joined, written.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::read::{join, read_settings};
use super::write;

fn file(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

#[test]
fn files_are_joined_into_one_setup() {
    let one = "[endpoint.ops]\nkind = 'webhook'\n[endpoint.ops.settings]\nurl = 'https://a'\n\
               timeout_ms = 5\nsince = 2026-01-02\n[recipient.night]\nendpoint = 'ops'\n";
    let two = "[recipient.day]\nendpoint = 'ops'\nfilter.categories = ['security']\n\
               [[recipient.day.filter.times]]\nweekdays = ['mon']\n";
    let expected = json!({
        "endpoint": {"ops": {
            "kind": "webhook",
            "settings": {"url": "https://a", "timeout_ms": 5, "since": "2026-01-02"},
        }},
        "recipient": {
            "night": {"endpoint": "ops"},
            "day": {
                "endpoint": "ops",
                "filter": {"categories": ["security"], "times": [{"weekdays": ["mon"]}]},
            },
        },
    });
    assert_eq!(join(&[file("a.toml", one), file("b.toml", two)]).unwrap(), expected);
    assert_eq!(join(&[file("a.toml", "")]).unwrap(), json!({}));
}

#[test]
fn each_fault_of_a_file_is_told_with_its_place_and_no_line_is_quoted() {
    let table = [
        ("[endpoint.a]\nurl = \"hunter2\nkind = 1", "`a.toml` is not TOML at line 2, column 15: "),
        ("[endpoint.a]\ntoken = hunter2", "`a.toml` is not TOML at line 2, column 9: "),
        (
            "[endpoint.a]\ntoken = 99999999999999999999",
            "`a.toml` is not TOML at line 2, column 9: expected a number",
        ),
        ("[[endpoint]]\nname = 'hunter2'", "a.toml: endpoint: expected tables with their names"),
        ("[endpoint]\nkind = 'hunter2'", "a.toml: endpoint.kind: expected a table"),
        ("[api]\nlisten = 'hunter2'", "a.toml: api: expected `[endpoint.NAME]`"),
        ("[endpoint.a.settings]\nhunter = { x = nan }", "a.toml: endpoint.a: `settings`: `hunter`"),
        ("[endpoint.b]\nkind = 'x'", "a.toml: endpoint.b: expected a name of its own; b.toml"),
    ];
    for (text, expected) in table {
        let other = "[endpoint.b]\nkind = 'hunter2'";
        let error = join(&[file("b.toml", other), file("a.toml", text)]).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("hunter2") && !told.contains("9999"), "{text}: {told}");
    }
    let both = [file("a.toml", "[api]\n[[recipient]]\n"), file("b.toml", "x = 1")];
    assert_eq!(join(&both).unwrap_err().to_string().lines().count(), 4);
}

#[test]
fn one_name_may_stand_for_an_endpoint_and_a_recipient() {
    let texts = [file("a", "[endpoint.x]\nkind = 'k'"), file("b", "[recipient.x]\nendpoint = 'x'")];
    join(&texts).unwrap();
}

#[test]
fn settings_alone_are_a_toml_table_or_a_json_object() {
    let table = [
        ("url = 'u'\n[headers]\na = '1'", json!({"url": "u", "headers": {"a": "1"}})),
        (" {\"url\": \"u\"}\n", json!({"url": "u"})),
        ("", json!({})),
    ];
    for (text, expected) in table {
        assert_eq!(Value::Object(read_settings("s", text).unwrap()), expected, "{text}");
    }
    for (text, expected) in [
        ("{\"token\": \"hunter2\",}", "`s` is not JSON at line 1, column 21"),
        ("token = hunter2", "`s` is not TOML at line 1, column 9"),
        ("token = inf", "s: `token`: expected a finite number"),
    ] {
        let told = read_settings("s", text).unwrap_err().to_string();
        assert!(told.contains(expected) && !told.contains("hunter2"), "{text}: {told}");
    }
}

#[test]
fn an_export_says_what_is_set_in_a_stable_order() {
    let setup = json!({
        "recipient": {"night": {
            "endpoint": "ops",
            "filter": {"minimum_severity": "error", "matchers": ["a=~\"b\"", "c!=d"]},
        }},
        "endpoint": {"ops": {"settings": {"url": "https://a", "on": true}, "kind": "acme/hook"}},
    });
    let expected = "[endpoint.ops]\nkind = \"acme/hook\"\n\n[endpoint.ops.settings]\non = true\n\
                    url = \"https://a\"\n\n[recipient.night]\nendpoint = \"ops\"\n\n\
                    [recipient.night.filter]\nmatchers = [\n    'a=~\"b\"',\n    \"c!=d\",\n]\n\
                    minimum_severity = \"error\"\n";
    assert_eq!(write(&setup).unwrap(), expected);
    assert_eq!(write(&json!({})).unwrap(), "");
}

#[test]
fn what_a_file_cannot_have_is_refused_with_its_place() {
    let table = [
        (json!({"endpoint": {"a": {"settings": {"l": [1, null]}}}}), "endpoint.a.settings.l[1]"),
        (json!({"endpoint": {"a": {"n": u64::MAX}}}), "endpoint.a.n"),
    ];
    for (setup, place) in table {
        let told = write(&setup).unwrap_err().to_string();
        assert!(told.contains(&format!("`{place}`")), "{told}");
    }
}

/// Whatever the engine takes as settings: JSON without null, integers of 64 bits with a sign.
fn value() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter("JSON has finite numbers", |one| one.is_finite());
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        float.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~\n\r\t'\"\\\\]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let key = prop_oneof![any::<String>(), "[a-z_.\"' \n]{0,8}"];
    prop::collection::vec((key, inner), 0..5).prop_map(|fields| fields.into_iter().collect())
}

fn named(entry: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let name = "[A-Za-z0-9][A-Za-z0-9._-]{0,8}";
    prop::collection::vec((name, entry), 1..4).prop_map(|all| all.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_exported_is_applied_as_it_was(
        endpoint in named(object(value()).prop_map(
            |settings| json!({"kind": "acme/hook", "settings": settings}),
        )),
        recipient in named((object(value()), object(value())).prop_map(
            |(filter, settings)| json!({"endpoint": "e", "filter": filter, "settings": settings}),
        )),
    ) {
        let setup = json!({"endpoint": endpoint, "recipient": recipient});
        let written = write(&setup).unwrap();
        let read = join(&[("export.toml".to_owned(), written.clone())]);
        prop_assert_eq!(read.unwrap(), setup, "{}", written);
    }
}
