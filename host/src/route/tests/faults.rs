//! What can be written, what cannot, and who says so.

use super::*;

#[test]
fn each_fault_of_a_written_filter_is_told_with_its_place() {
    let table = [
        (json!({"categories": ["", "a\u{7}"]}), vec!["categories[0]", "categories[1]"]),
        (json!({"networks": ["10.0.0.0/33", "host", "::1"]}), vec!["networks[0]", "networks[1]"]),
        (json!({"matchers": ["a", "b=~\"(\""]}), vec!["matchers[0]", "matchers[1]"]),
        (
            json!({"text_matches": ["[", "x{999}{999}{999}"]}),
            vec!["text_matches[0]", "text_matches[1]"],
        ),
        (json!({"times": [{"from": "8:00", "to": "25:00"}]}), vec!["times[0].from", "times[0].to"]),
        (json!({"times": [{"from": "24:00"}]}), vec!["times[0].from"]),
        (
            json!({"maintenance": [{}, {"zone": "Mars", "days_of_month": [0, 32], "months": [13]}]}),
            vec![
                "maintenance[1].zone",
                "maintenance[1].days_of_month[0]",
                "maintenance[1].days_of_month[1]",
                "maintenance[1].months[0]",
            ],
        ),
        (
            json!({"times": [{"first_day": "24.11.2026", "last_day": "2026-02-30", "name": ""}]}),
            vec!["times[0].name", "times[0].first_day", "times[0].last_day"],
        ),
        (json!({"categories": vec!["a"; 257]}), vec!["categories"]),
        (json!({"matchers": vec!["a=b"; 65]}), vec!["matchers"]),
        (json!({"times": vec![json!({}); 65]}), vec!["times"]),
        (json!({"alert_types": ["a".repeat(257)]}), vec!["alert_types[0]"]),
        (json!({"roles": ["victim", "victim", "victim"]}), vec!["roles"]),
        (
            json!({"times": [{"weekdays": vec!["mon"; 8], "months": vec![1; 13]}]}),
            vec!["times[0].weekdays", "times[0].months"],
        ),
        (
            json!({"times": [{"first_day": "2026-11-24", "last_day": "2026-11-23"}]}),
            vec!["times[0].last_day"],
        ),
        // Everything at once.
        (
            json!({"interfaces": [""], "networks": ["x"], "matchers": ["a"], "times": [{"to": ""}]}),
            vec!["interfaces[0]", "networks[0]", "matchers[0]", "times[0].to"],
        ),
    ];
    for (filter, places) in table {
        let faults = Filter::compile(&written(filter.clone()), &TimeZone::UTC).unwrap_err();
        let found: Vec<_> = faults.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(found, places, "{filter}");
        assert!(faults.iter().all(|one| one.expected.starts_with("expected ")), "{faults:?}");
    }
}

#[test]
fn the_description_of_a_filter_refuses_what_its_compiler_refuses() {
    let mut parts = Vec::new();
    <FilterSettings as utoipa::ToSchema>::schemas(&mut parts);
    let parts: serde_json::Map<_, _> =
        parts.into_iter().map(|(name, one)| (name, serde_json::to_value(one).unwrap())).collect();
    let own = <FilterSettings as utoipa::PartialSchema>::schema();
    let mut description = serde_json::to_value(own).unwrap();
    description["components"] = json!({"schemas": parts});
    let described = jsonschema::validator_for(&description).unwrap();

    let table = [
        (json!({}), true),
        (
            json!({"categories": vec!["a"; 2], "roles": ["victim"], "minimum_severity": "debug"}),
            true,
        ),
        (json!({"categories": [""]}), false),
        (json!({"interfaces": ["a\nb"]}), false),
        (json!({"interfaces": ["\u{e4} b"]}), true),
        (json!({"alert_types": ["\u{e4}".repeat(256)]}), true),
        (json!({"alert_types": ["a".repeat(257)]}), false),
        (json!({"host_pools": vec!["1"; 256]}), true),
        (json!({"host_pools": vec!["1"; 257]}), false),
        (json!({"matchers": vec!["a=b"; 64]}), true),
        (json!({"matchers": vec!["a=b"; 65]}), false),
        (json!({"text_matches": vec!["a"; 65]}), false),
        (json!({"locality": ["local", "local", "local"]}), false),
        (json!({"times": vec![json!({}); 65]}), false),
        (
            json!({"times": [{"name": "n", "weekdays": ["mon"], "days_of_month": [1, 31, -1, -31]}]}),
            true,
        ),
        (json!({"times": [{"name": ""}]}), false),
        (json!({"times": [{"name": "a\u{7f}"}]}), false),
        (json!({"times": [{"name": "n".repeat(65)}]}), false),
        (json!({"times": [{"weekdays": vec!["mon"; 8]}]}), false),
        (json!({"times": [{"days_of_month": [0]}]}), false),
        (json!({"times": [{"days_of_month": [32]}]}), false),
        (json!({"times": [{"days_of_month": [-32]}]}), false),
        (json!({"times": [{"months": [1, 12]}]}), true),
        (json!({"times": [{"months": [0]}]}), false),
        (json!({"times": [{"months": [13]}]}), false),
        (json!({"times": [{"from": "00:00", "to": "24:00"}]}), true),
        (json!({"times": [{"from": "24:00"}]}), false),
        (json!({"times": [{"to": "24:01"}]}), false),
        (json!({"times": [{"to": "7:00"}]}), false),
        (json!({"maintenance": [{"first_day": "2026-01-01", "last_day": "2026-01-01"}]}), true),
        (json!({"maintenance": [{"first_day": "2026-1-1"}]}), false),
        (json!({"maintenance": [{"last_day": "1.1.2026"}]}), false),
    ];
    for (filter, expected) in table {
        let compiled = Filter::compile(&written(filter.clone()), &TimeZone::UTC);
        assert_eq!(compiled.is_ok(), expected, "{filter}: {compiled:?}");
        let refused = described.validate(&filter).err().map(|error| error.to_string());
        assert_eq!(refused.is_none(), expected, "{filter}: {refused:?}");
    }
}

#[test]
fn a_written_filter_leaves_out_what_has_its_default() {
    assert_eq!(serde_json::to_value(FilterSettings::default()).unwrap(), json!({}));
    let filter = json!({"minimum_severity": "error", "times": [{"weekdays": ["sat", "sun"]}]});
    assert_eq!(serde_json::to_value(written(filter.clone())).unwrap(), filter);
    for wrong in [json!({"severity": 1}), json!({"roles": ["boss"]}), json!({"times": [{"at": 1}]})]
    {
        assert!(serde_json::from_value::<FilterSettings>(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn expressions_of_one_filter_take_a_bounded_memory_together() {
    // Each alone is within its bound.
    let large = |count: usize| json!({"text_matches": vec![r"\w{4}"; count]});
    let compile = |filter| Filter::compile(&written(filter), &TimeZone::UTC);
    assert!(compile(large(1)).is_ok());
    let faults = compile(large(64)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].place, "text_matches");
    let matchers = json!({"matchers": vec![r#"a=~"\w{4}""#; 64]});
    assert_eq!(compile(matchers).unwrap_err()[0].place, "matchers");
    // Plain words stay far below it.
    let words: Vec<_> = (0..64).map(|at| format!("word-{at}")).collect();
    assert!(compile(json!({"text_matches": words})).is_ok());
}
