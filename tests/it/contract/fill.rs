//! Placeholders of cases: `{{name}}`.

use serde_json::Value;

/// Fills placeholders in every string of a value. `of` gives the text for a name; a name that it
/// does not know stays as it is.
pub(super) fn all(value: &Value, of: &dyn Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => text_of(text, of).into(),
        Value::Array(items) => items.iter().map(|item| all(item, of)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), all(value, of))).collect()
        }
        plain => plain.clone(),
    }
}

pub(super) fn text_of(text: &str, of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled += before;
        match after.split_once("}}").and_then(|(name, after)| Some((of(name)?, after))) {
            Some((value, after)) => {
                filled += &value;
                rest = after;
            }
            None => {
                filled += "{{";
                rest = after;
            }
        }
    }
    filled + rest
}

#[test]
fn known_placeholders_are_filled_and_all_else_stays() {
    let of = |name: &str| (name == "a").then(|| "1".to_owned());
    for (text, expected) in
        [("{{a}}{{a}}", "11"), ("x{{b}}{{a}}", "x{{b}}1"), ("{{a", "{{a"), ("", "")]
    {
        assert_eq!(text_of(text, &of), expected, "{text:?}");
    }
    let value = serde_json::json!({"x": ["{{a}}", 1]});
    assert_eq!(all(&value, &of), serde_json::json!({"x": ["1", 1]}));
}
