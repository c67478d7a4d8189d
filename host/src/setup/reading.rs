//! Reads what is written field by field, so that one problem does not hide the next.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{EndpointSetup, RecipientSetup, SETTINGS_BYTES_MAX, Setup, name_problem};
use crate::config::{Problem, expectation};
use crate::route::FilterSettings;
use crate::wording::WordingSettings;

/// Entries of one sort that one request may have.
const ENTRIES_MAX: usize = 10_000;

/// An endpoint at `place`; problems go to `problems`, and then it is not to be used.
pub fn endpoint(place: &str, value: Value, problems: &mut Vec<Problem>) -> EndpointSetup {
    let Some(fields) = object(place, value, problems) else { return EndpointSetup::default() };
    settings(place, &fields, problems);
    let setup: EndpointSetup = by_field(place, fields, problems);
    let is_kind = (1..=64).contains(&setup.kind.len()) && !setup.kind.chars().any(char::is_control);
    if !is_kind {
        let expected = "expected the name of a kind; `campanile component list` shows them";
        problem(problems, &join(place, "kind"), expected);
    }
    setup
}

/// A recipient at `place`; problems go to `problems`, and then it is not to be used.
pub fn recipient(place: &str, value: Value, problems: &mut Vec<Problem>) -> RecipientSetup {
    let Some(mut fields) = object(place, value, problems) else {
        return RecipientSetup::default();
    };
    settings(place, &fields, problems);
    let filter = fields.remove("filter").map(|filter| {
        let place = join(place, "filter");
        let fields = object(&place, filter, problems).unwrap_or_default();
        by_field::<FilterSettings>(&place, fields, problems)
    });
    let templates = fields.remove("templates").map(|templates| {
        let place = join(place, "templates");
        let fields = object(&place, templates, problems).unwrap_or_default();
        by_field::<WordingSettings>(&place, fields, problems)
    });
    let setup: RecipientSetup = by_field(place, fields, problems);
    if name_problem(&setup.endpoint).is_some() {
        problem(problems, &join(place, "endpoint"), "expected the name of an endpoint");
    }
    RecipientSetup {
        filter: filter.unwrap_or_default(),
        templates: templates.unwrap_or_default(),
        ..setup
    }
}

/// All that a set of files says: `{"endpoint": {NAME: ...}, "recipient": {NAME: ...}}`.
pub fn setup(value: Value, problems: &mut Vec<Problem>) -> Setup {
    let mut setup = Setup::default();
    let Some(top) = object("", value, problems) else { return setup };
    for (key, value) in top {
        match key.as_str() {
            "endpoint" => {
                for (name, place, value) in entries(&key, value, problems) {
                    setup.endpoint.insert(name, endpoint(&place, value, problems));
                }
            }
            "recipient" => {
                for (name, place, value) in entries(&key, value, problems) {
                    setup.recipient.insert(name, recipient(&place, value, problems));
                }
            }
            _ => {
                let expected =
                    "expected `endpoint` or `recipient`, each a table with names as keys";
                problem(problems, &shown(&key), expected);
            }
        }
    }
    setup
}

fn entries(key: &str, value: Value, problems: &mut Vec<Problem>) -> Vec<(String, String, Value)> {
    let Some(entries) = object(key, value, problems) else { return Vec::new() };
    if entries.len() > ENTRIES_MAX {
        problem(problems, key, &format!("expected at most {ENTRIES_MAX} of them"));
        return Vec::new();
    }
    let mut good = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let place = join(key, &shown(&name));
        match name_problem(&name) {
            Some(expected) => problem(problems, &place, expected),
            None => good.push((name, place, value)),
        }
    }
    good
}

fn object(place: &str, value: Value, problems: &mut Vec<Problem>) -> Option<Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => {
            problem(problems, place, "expected a table: a JSON object");
            None
        }
    }
}

/// A `T` out of `fields`, which are at `place`. Every field of a `T` has a default, so each is tried
/// alone; those that are wrong are noted, and keep their default.
fn by_field<T: DeserializeOwned + Default>(
    place: &str,
    fields: Map<String, Value>,
    problems: &mut Vec<Problem>,
) -> T {
    let mut good = Map::new();
    for (key, value) in fields {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        match serde_json::from_value::<T>(Value::Object(alone)) {
            // Settings wipe themselves.
            Ok(_) => {
                good.insert(key, value);
            }
            Err(error) => {
                problem(problems, &join(place, &shown(&key)), &expectation(&error.to_string()));
            }
        }
    }
    serde_json::from_value(Value::Object(good)).unwrap_or_default()
}

/// What JSON can say and a file cannot is refused, so that what is taken can be exported.
fn settings(place: &str, fields: &Map<String, Value>, problems: &mut Vec<Problem>) {
    let Some(Value::Object(settings)) = fields.get("settings") else { return };
    let place = join(place, "settings");
    let mut open: Vec<(String, &Value)> =
        settings.iter().map(|(key, value)| (join(&place, &shown(key)), value)).collect();
    while let Some((at, value)) = open.pop() {
        match value {
            Value::Null => problem(problems, &at, "expected a value; leave it out for none"),
            Value::Number(number) if number.is_u64() && number.as_i64().is_none() => {
                problem(problems, &at, "expected a whole number below 2^63");
            }
            Value::Array(list) => {
                open.extend(list.iter().enumerate().map(|(n, one)| (format!("{at}[{n}]"), one)));
            }
            Value::Object(map) => {
                open.extend(map.iter().map(|(key, one)| (join(&at, &shown(key)), one)));
            }
            _ => {}
        }
    }
    let bytes = serde_json::to_string(settings).map_or(usize::MAX, |json| json.len());
    if bytes > SETTINGS_BYTES_MAX {
        problem(problems, &place, "expected at most 64 KiB of settings");
    }
}

/// Notes a problem, unless one is noted for that place: the first is the cause of the next.
fn problem(problems: &mut Vec<Problem>, place: &str, expected: &str) {
    if !problems.iter().any(|one| one.place == place) {
        problems.push(Problem { place: place.to_owned(), expected: expected.to_owned() });
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// A key as it may stand in a message: somebody else wrote it.
fn shown(key: &str) -> String {
    crate::capability::log::printable(key, 64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(value: Value) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        setup(value, &mut problems);
        problems.into_iter().map(|one| (one.place, one.expected)).collect()
    }

    #[test]
    fn each_fault_is_told_with_its_place_and_none_hides_another() {
        let table = [
            (json!([]), "", "a table"),
            (json!({"endpoints": {}}), "endpoints", "`endpoint` or `recipient`"),
            (json!({"endpoint": []}), "endpoint", "a table"),
            (json!({"endpoint": {"a b": {}}}), "endpoint.a b", "expected a name"),
            (json!({"endpoint": {"a": {}}}), "endpoint.a.kind", "the name of a kind"),
            (json!({"endpoint": {"a": {"kind": 7}}}), "endpoint.a.kind", "expected a string"),
            (
                json!({"endpoint": {"a": {"kind": "k", "url": "secret"}}}),
                "endpoint.a.url",
                "is not a field",
            ),
            (
                json!({"endpoint": {"a": {"kind": "k", "settings": {"x": {"y": [null]}}}}}),
                "endpoint.a.settings.x.y[0]",
                "leave it out",
            ),
            (
                json!({"endpoint": {"a": {"kind": "k", "settings": {"n": u64::MAX}}}}),
                "endpoint.a.settings.n",
                "below 2^63",
            ),
            (json!({"recipient": {"r": {}}}), "recipient.r.endpoint", "the name of an endpoint"),
            (
                json!({"recipient": {"r": {"endpoint": "e", "filter": {"minimum_severity": "bad"}}}}),
                "recipient.r.filter.minimum_severity",
                "expected",
            ),
            (
                json!({"recipient": {"r": {"endpoint": "e", "filter": {"severity": 1}}}}),
                "recipient.r.filter.severity",
                "is not a field",
            ),
        ];
        for (value, place, expected) in table {
            let found = problems(value.clone());
            assert!(
                found.iter().any(|(at, text)| at == place && text.contains(expected)),
                "{value}: {found:?}"
            );
            assert!(!format!("{found:?}").contains("secret"), "{found:?}");
        }
        let both = json!({"endpoint": {"a": {"kind": 1, "settings": 2}}, "recipient": {"r": 3}});
        assert_eq!(problems(both).len(), 3);
    }
}
