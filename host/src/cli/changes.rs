//! What `apply` changes, for people: one line a change, or a field of it.
//!
//! Promise: of a secret it is told only whether it is set; that is all the engine gives.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::output::{cell, plain};

/// Longest value that is shown; a text template can have pages.
const VALUE_CHARS_MAX: usize = 200;

/// How many changes the engine's answer has.
pub(super) fn count(answer: &Value) -> usize {
    answer["changes"].as_array().map_or(0, Vec::len)
}

/// Prints every change, then how many there are.
pub(super) fn print(out: &mut dyn Write, answer: &Value) -> io::Result<()> {
    let changes = answer["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    for change in changes {
        for line in lines(change) {
            writeln!(out, "{line}")?;
        }
    }
    let of = |action: &str| changes.iter().filter(|one| one["action"] == action).count();
    let [created, updated, removed] = ["create", "update", "remove"].map(of);
    let would =
        if answer["applied"] == false && !changes.is_empty() { " (not applied)" } else { "" };
    let unchanged = cell(&answer["unchanged"]);
    writeln!(
        out,
        "{created} created, {updated} updated, {removed} removed, {} unchanged{would}",
        plain(&unchanged)
    )
}

fn lines(change: &Value) -> Vec<String> {
    let fields = change["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let what = plain(&format!("{} {}", cell(&change["what"]), cell(&change["name"])));
    let sign = match change["action"].as_str() {
        Some("create") => {
            let after = |path: &str| {
                fields.iter().find(|one| one["path"] == path).map(|one| plain(&cell(&one["after"])))
            };
            let about = match (after("kind"), after("endpoint")) {
                (Some(kind), _) => format!(" ({kind})"),
                (None, Some(endpoint)) => format!(" (at {endpoint})"),
                (None, None) => String::new(),
            };
            return vec![format!("+ {what}{about}")];
        }
        Some("remove") => return vec![format!("- {what}")],
        Some("update") => "~",
        _ => "?",
    };
    if fields.is_empty() {
        return vec![format!("{sign} {what}")];
    }
    fields.iter().flat_map(field).map(|one| format!("{sign} {what}: {one}")).collect()
}

fn field(change: &Value) -> Vec<String> {
    let path = cell(&change["path"]);
    let (before, after) = (change.get("before"), change.get("after"));
    if change["secret"] == true {
        let became = match (before, after) {
            (None, _) => "set",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "unset",
        };
        return vec![format!("{} (secret) {became}", plain(&path))];
    }
    parts(&path, before, after)
}

/// A line a value. A table that came or went is told by what is in it.
fn parts(path: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let beneath = |key: &String| format!("{path}.{key}");
    match (before.map(filled), after.map(filled)) {
        (None, Some(Some(table))) => {
            table.iter().flat_map(|(key, one)| parts(&beneath(key), None, Some(one))).collect()
        }
        (Some(Some(table)), None) => {
            table.iter().flat_map(|(key, one)| parts(&beneath(key), Some(one), None)).collect()
        }
        _ => vec![format!("{} {} -> {}", plain(path), value(before), value(after))],
    }
}

/// The table that a value is, if there is something in it.
fn filled(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|table| !table.is_empty())
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(unset)".to_owned() };
    let shown = plain(&value.to_string());
    match shown.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &shown[..at]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_is_a_line_and_secrets_do_not_show() {
        let change = |action: &str, what: &str, name: &str, fields: Value| {
            let mut change = json!({"action": action, "what": what, "name": name});
            change["fields"] = fields;
            change
        };
        let field = |path: &str, secret: bool, before: Option<Value>, after: Option<Value>| {
            let mut field = json!({"path": path, "secret": secret});
            for (key, value) in [("before", before), ("after", after)] {
                if let Some(value) = value {
                    field[key] = value;
                }
            }
            field
        };
        let set = || Some(json!("set"));
        let updated = json!([
            field("endpoint", false, Some(json!("a")), Some(json!("b"))),
            field("filter.minimum_severity", false, Some(json!("notice")), Some(json!("error"))),
            field("filter.categories", false, None, Some(json!(["security", "\u{202e}x"]))),
            field("settings.timeout_ms", false, Some(json!(5)), None),
            field("settings.n", false, None, Some(json!({"a": {"b": 1}, "c": {}}))),
            field("settings.m", false, Some(json!({"a": 1})), None),
            field("settings.token", true, set(), set()),
            field("settings.key", true, None, set()),
            field("settings.old", true, set(), None),
            field("settings.template", false, Some(json!("x".repeat(300))), Some(json!("y"))),
        ]);
        let changes = [
            change(
                "create",
                "endpoint",
                "ops",
                json!([field("kind", false, None, Some(json!("webhook")))]),
            ),
            change(
                "create",
                "recipient",
                "day",
                json!([field("endpoint", false, None, Some(json!("ops")))]),
            ),
            change("update", "recipient", "oncall", updated),
            change("update", "endpoint", "mine", json!([])),
            change("remove", "recipient", "old", json!([])),
        ];
        let long = format!("\"{}...", "x".repeat(199));
        let mut expected = vec![
            "+ endpoint ops (webhook)".to_owned(),
            "+ recipient day (at ops)".into(),
            "~ recipient oncall: endpoint \"a\" -> \"b\"".into(),
            "~ recipient oncall: filter.minimum_severity \"notice\" -> \"error\"".into(),
            "~ recipient oncall: filter.categories (unset) -> [\"security\",\"\\u{202e}x\"]".into(),
            "~ recipient oncall: settings.timeout_ms 5 -> (unset)".into(),
            "~ recipient oncall: settings.n.a.b (unset) -> 1".into(),
            "~ recipient oncall: settings.n.c (unset) -> {}".into(),
            "~ recipient oncall: settings.m.a 1 -> (unset)".into(),
            "~ recipient oncall: settings.token (secret) changed".into(),
            "~ recipient oncall: settings.key (secret) set".into(),
            "~ recipient oncall: settings.old (secret) unset".into(),
            format!("~ recipient oncall: settings.template {long} -> \"y\""),
            "~ endpoint mine".into(),
            "- recipient old".into(),
        ];
        for (applied, end) in [(true, ""), (false, " (not applied)")] {
            let answer = json!({"applied": applied, "changes": changes, "unchanged": 4});
            let mut out = Vec::new();
            print(&mut out, &answer).unwrap();
            expected.push(format!("2 created, 2 updated, 1 removed, 4 unchanged{end}"));
            let printed = String::from_utf8(out).unwrap();
            assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
            assert_eq!(count(&answer), 5);
            expected.pop();
        }
    }
}
