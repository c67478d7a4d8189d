//! What differs between two versions of an endpoint or a recipient, field by field.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldChange {
    /// `settings.url`, `filter.categories`.
    pub path: String,
    /// Absent: it was not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Absent: it is not set any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Its values are not shown: `set` stands for each.
    pub secret: bool,
}

/// What differs between two objects; lists are compared as a whole. Of a setting that `is_secret`
/// only is told whether it is set.
pub fn differences(
    before: &Value,
    after: &Value,
    is_secret: impl Fn(&str) -> bool,
) -> Vec<FieldChange> {
    let mut found = Vec::new();
    let empty = Map::new();
    let mut open = vec![(String::new(), before, after)];
    while let Some((place, before, after)) = open.pop() {
        let (fields, others) =
            (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
        let mut keys: Vec<_> = fields.keys().chain(others.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let path = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            let secret = path.strip_prefix("settings.").is_some_and(&is_secret);
            match (fields.get(key), others.get(key)) {
                (before, after) if before == after => {}
                (Some(before @ Value::Object(_)), Some(after @ Value::Object(_))) if !secret => {
                    open.push((path, before, after));
                }
                (before, after) => {
                    let shown = |value: &Value| if secret { "set".into() } else { value.clone() };
                    let (before, after) = (before.map(shown), after.map(shown));
                    found.push(FieldChange { path, before, after, secret });
                }
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told_by_path_and_a_secret_only_as_set() {
        let before = json!({"kind": "k", "settings": {"url": "https://a", "n": {"x": 1, "y": 2}, "token": "old", "gone": true}});
        let after = json!({"kind": "k", "settings": {"url": "https://b", "n": {"x": 1, "y": 3}, "token": "new", "key": "k"}});
        let found = differences(&before, &after, |name| name == "token" || name == "key");
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.path.as_str(), one.before.clone(), one.after.clone(), one.secret))
            .collect();
        assert_eq!(
            found,
            [
                ("settings.gone", Some(json!(true)), None, false),
                ("settings.key", None, Some(json!("set")), true),
                ("settings.n.y", Some(json!(2)), Some(json!(3)), false),
                ("settings.token", Some(json!("set")), Some(json!("set")), true),
                ("settings.url", Some(json!("https://a")), Some(json!("https://b")), false),
            ]
        );
        assert_eq!(differences(&after, &after, |_| false), []);
    }

    #[test]
    fn a_secret_object_is_not_looked_into() {
        let (before, after) =
            (json!({"settings": {"h": {"a": "1"}}}), json!({"settings": {"h": {"a": "2"}}}));
        let found = differences(&before, &after, |name| name == "h");
        assert_eq!(found[0].path, "settings.h");
        assert_eq!(found[0].after, Some(json!("set")));
    }
}
