//! `key=value` on the command line, for settings and filters.
//!
//! Promise: nothing here prints a value, since it may be a credential.

use std::fmt;

use serde_json::{Map, Value};

use super::{Exit, Failure};

/// The parts of a filter that are one value; all others are lists.
const SINGLE: [&str; 1] = ["minimum_severity"];
/// The lists whose entries may have commas in them.
const WHOLE: [&str; 2] = ["matchers", "text_matches"];

/// One `key=value`, as it was typed.
#[derive(Clone)]
pub(super) struct Assigned(String);

impl From<String> for Assigned {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl fmt::Debug for Assigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assigned(***)")
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AssignError {
    #[error("value {number} of those given: expected `key=value`, such as `timeout_ms=5000`")]
    NoKey { number: usize },

    #[error("`{key}`: expected a value other than null; --unset takes it out")]
    Null { key: String },

    #[error(
        "`{key}`: `{part}` is not a table, so nothing can be set beneath it; set it as a whole"
    )]
    NotTable { key: String, part: String },

    #[error("`{key}` is not set; `show` tells what is")]
    NotSet { key: String },
}

impl From<AssignError> for Failure {
    fn from(error: AssignError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

/// Sets what is assigned in `settings`; `key.sub=value` reaches into tables, and makes them.
pub(super) fn settings(
    assigned: &[Assigned],
    settings: &mut Map<String, Value>,
) -> Result<(), AssignError> {
    for (at, one) in assigned.iter().enumerate() {
        let (key, text) = split(one, at)?;
        let value = value(text).ok_or_else(|| AssignError::Null { key: key.to_owned() })?;
        set(key, value, settings)?;
    }
    Ok(())
}

/// Sets `key`, or `key.sub` in a table that is made where it is missing.
pub(super) fn set(
    key: &str,
    value: Value,
    settings: &mut Map<String, Value>,
) -> Result<(), AssignError> {
    let (tables, last) = key.rsplit_once('.').map_or(("", key), |(before, last)| (before, last));
    let mut table = settings;
    for part in tables.split('.').filter(|part| !part.is_empty()) {
        table = table
            .entry(part)
            .or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut()
            .ok_or_else(|| AssignError::NotTable { key: key.into(), part: part.into() })?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

/// Takes `key`, or `key.sub` out of a table, out of `settings`.
pub(super) fn unset(key: &str, settings: &mut Map<String, Value>) -> Result<(), AssignError> {
    let not_set = || AssignError::NotSet { key: key.to_owned() };
    let (tables, last) = key.rsplit_once('.').map_or(("", key), |(before, last)| (before, last));
    let mut table = settings;
    for part in tables.split('.').filter(|part| !part.is_empty()) {
        table = table.get_mut(part).and_then(Value::as_object_mut).ok_or_else(not_set)?;
    }
    table.remove(last).map(|_| ()).ok_or_else(not_set)
}

/// Sets what is assigned in `filter`. The first value of a list replaces the list, the next ones
/// add to it; an empty one leaves the part to its default.
pub(super) fn filter(
    assigned: &[Assigned],
    filter: &mut Map<String, Value>,
) -> Result<(), AssignError> {
    let mut begun: Vec<&str> = Vec::new();
    for (at, one) in assigned.iter().enumerate() {
        let (key, text) = split(one, at)?;
        if SINGLE.contains(&key) {
            filter.insert(key.to_owned(), text.into());
        } else {
            let mut list = match filter.remove(key) {
                Some(Value::Array(list)) if begun.contains(&key) => list,
                _ => Vec::new(),
            };
            list.extend(entries(key, text));
            filter.insert(key.to_owned(), Value::Array(list));
            begun.push(key);
        }
        if text.is_empty() {
            filter.remove(key);
        }
    }
    Ok(())
}

/// Sets templates; an empty one goes.
pub(super) fn templates(
    assigned: &[Assigned],
    templates: &mut Map<String, Value>,
) -> Result<(), AssignError> {
    for (at, one) in assigned.iter().enumerate() {
        let (key, text) = split(one, at)?;
        templates.insert(key.to_owned(), text.into());
        if text.is_empty() {
            templates.remove(key);
        }
    }
    Ok(())
}

fn split(assigned: &Assigned, at: usize) -> Result<(&str, &str), AssignError> {
    assigned
        .0
        .split_once('=')
        .filter(|(key, _)| key.split('.').all(|part| !part.is_empty()))
        .ok_or(AssignError::NoKey { number: at + 1 })
}

/// What `text` says as JSON, and the text itself where it is none; `None`: there is a null in it.
fn value(text: &str) -> Option<Value> {
    match serde_json::from_str::<Value>(text) {
        // An id or a token all of digits must not lose any of them.
        Ok(Value::Number(_)) if is_long_integer(text) => Some(text.into()),
        Ok(value) => has_no_null(&value).then_some(value),
        Err(_) => Some(text.into()),
    }
}

fn is_long_integer(text: &str) -> bool {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && text.parse::<i64>().is_err()
}

fn has_no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().all(has_no_null),
        Value::Object(map) => map.values().all(has_no_null),
        _ => true,
    }
}

/// The entries of a list in a filter: a JSON array or object, else texts with commas between them.
fn entries(key: &str, text: &str) -> Vec<Value> {
    let is_whole = WHOLE.contains(&key);
    match serde_json::from_str::<Value>(text) {
        // A regular expression can look like a list of something else.
        Ok(Value::Array(list)) if !is_whole || list.iter().all(Value::is_string) => list,
        Ok(one @ Value::Object(_)) if !is_whole => vec![one],
        _ if is_whole => vec![text.into()],
        _ => text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assigned<const N: usize>(typed: [&str; N]) -> Vec<Assigned> {
        typed.map(|one| Assigned(one.to_owned())).to_vec()
    }

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("{value}") };
        map
    }

    #[test]
    fn a_value_is_json_where_it_reads_as_json_and_text_where_it_does_not() {
        let table = [
            ("k=5", json!(5)),
            ("k=-1.5", json!(-1.5)),
            ("k=true", json!(true)),
            ("k=[1,\"a\"]", json!([1, "a"])),
            ("k={\"a\":{\"b\":1}}", json!({"a": {"b": 1}})),
            ("k=\"5\"", json!("5")),
            ("k=True", json!("True")),
            ("k=0049", json!("0049")),
            ("k=+49 170", json!("+49 170")),
            ("k=https://a/?b=c", json!("https://a/?b=c")),
            ("k=", json!("")),
            ("k={half", json!("{half")),
            ("k=9223372036854775807", json!(i64::MAX)),
            ("k=9223372036854775808", json!("9223372036854775808")),
            ("k=-9223372036854775809", json!("-9223372036854775809")),
        ];
        for (typed, expected) in table {
            let mut into = Map::new();
            settings(&assigned([typed]), &mut into).unwrap();
            assert_eq!(into["k"], expected, "{typed}");
        }
    }

    #[test]
    fn a_key_reaches_into_tables_and_makes_those_that_are_missing() {
        let mut into =
            object(json!({"headers": {"a": "1"}, "url": "u", "old": 1, "deep": {"x": 1}}));
        let typed = assigned(["headers.b=2", "new.sub.key=true", "url=v"]);
        settings(&typed, &mut into).unwrap();
        unset("old", &mut into).unwrap();
        unset("deep.x", &mut into).unwrap();
        let expected = json!({
            "headers": {"a": "1", "b": 2}, "new": {"sub": {"key": true}}, "url": "v", "deep": {},
        });
        assert_eq!(Value::Object(into), expected);
    }

    #[test]
    fn what_cannot_be_assigned_is_told_without_its_value() {
        let key = |text: &str| text.to_owned();
        let table = [
            ("hunter2", AssignError::NoKey { number: 1 }),
            ("=hunter2", AssignError::NoKey { number: 1 }),
            ("a..b=hunter2", AssignError::NoKey { number: 1 }),
            ("k=null", AssignError::Null { key: key("k") }),
            ("k=[\"hunter2\",null]", AssignError::Null { key: key("k") }),
            ("k={\"hunter2\":{\"a\":null}}", AssignError::Null { key: key("k") }),
            ("url.x=hunter2", AssignError::NotTable { key: key("url.x"), part: key("url") }),
        ];
        for (typed, expected) in table {
            let typed = assigned([typed]);
            let error = settings(&typed, &mut object(json!({"url": "u"}))).unwrap_err();
            assert!(!format!("{error} {typed:?}").contains("hunter2"), "{error}");
            assert_eq!(error, expected);
        }
        for missing in ["none", "url.x", "none.x"] {
            let error = unset(missing, &mut object(json!({"url": "u"}))).unwrap_err();
            assert_eq!(error, AssignError::NotSet { key: key(missing) });
        }
    }

    #[test]
    fn filters_take_lists_with_commas_and_patterns_whole() {
        let saved =
            json!({"categories": ["flow"], "minimum_severity": "error", "matchers": ["a=b"]});
        let table = [
            (vec!["categories=security, network"], json!({"categories": ["security", "network"]})),
            (vec!["categories=a", "categories=b,c"], json!({"categories": ["a", "b", "c"]})),
            (vec!["categories="], json!({"categories": null})),
            (vec!["host_pools=1,2"], json!({"host_pools": ["1", "2"]})),
            (vec!["minimum_severity=warning"], json!({"minimum_severity": "warning"})),
            (vec!["minimum_severity="], json!({"minimum_severity": null})),
            (vec!["matchers=env=~\"a,b\""], json!({"matchers": ["env=~\"a,b\""]})),
            (vec!["matchers=x=1", "matchers=y=2"], json!({"matchers": ["x=1", "y=2"]})),
            (vec!["text_matches=[1,2]"], json!({"text_matches": ["[1,2]"]})),
            (vec!["text_matches=[\"a,b\",\"c\"]"], json!({"text_matches": ["a,b", "c"]})),
            (vec!["networks=[\"10.0.0.0/8\"]"], json!({"networks": ["10.0.0.0/8"]})),
            (
                vec!["times={\"from\":\"08:00\",\"to\":\"18:00\"}"],
                json!({"times": [{"from": "08:00", "to": "18:00"}]}),
            ),
        ];
        for (typed, changed) in table {
            let mut expected = object(saved.clone());
            for (key, value) in object(changed) {
                expected.insert(key, value);
            }
            expected.retain(|_, value| !value.is_null());
            let mut found = object(saved.clone());
            let all: Vec<_> = typed.iter().map(|one| Assigned((*one).to_owned())).collect();
            filter(&all, &mut found).unwrap();
            assert_eq!(found, expected, "{typed:?}");
        }
    }
}
