//! Settings against the JSON Schema that their kind describes.

use serde_json::{Map, Value};

use crate::config::Problem;

/// Every fault of `settings`, each with its path beneath `place`. Never quotes a value, which may
/// be a credential.
pub(super) fn check(place: &str, schema: &str, settings: &Map<String, Value>) -> Vec<Problem> {
    let broken = |what: String| {
        vec![Problem {
            place: place.to_owned(),
            expected: format!(
                "the component's schema cannot be used ({what}); report it to its maker"
            ),
        }]
    };
    let schema: Value = match serde_json::from_str(schema) {
        Ok(schema) => schema,
        Err(error) => return broken(error.to_string()),
    };
    let validator = match jsonschema::validator_for(&schema) {
        Ok(validator) => validator,
        Err(error) => return broken(error.masked().to_string()),
    };
    let settings = Value::Object(settings.clone());
    validator
        .iter_errors(&settings)
        .map(|error| Problem {
            place: format!("{place}{}", error.instance_path().as_str().replace('/', ".")),
            expected: error.masked_with("what is there").to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"object","required":["url"],"additionalProperties":false,
        "properties":{"url":{"type":"string"},"deep":{"type":"object","properties":{"n":{"maximum":3}}}}}"#;

    #[test]
    fn each_fault_has_its_path_and_no_value() {
        let table = [
            (r#"{"url":"x"}"#, vec![]),
            ("{}", vec!["endpoint[0].settings"]),
            (r#"{"url":"x","hunter2":1}"#, vec!["endpoint[0].settings"]),
            (
                r#"{"url":4711,"deep":{"n":4711}}"#,
                vec!["endpoint[0].settings.deep.n", "endpoint[0].settings.url"],
            ),
        ];
        for (settings, expected) in table {
            let settings = serde_json::from_str(settings).unwrap();
            let mut found = check("endpoint[0].settings", SCHEMA, &settings);
            found.sort_by(|a, b| a.place.cmp(&b.place));
            let places: Vec<_> = found.iter().map(|one| one.place.as_str()).collect();
            assert_eq!(places, expected, "{settings:?}");
            assert!(found.iter().all(|one| !one.expected.contains("4711")), "{found:?}");
        }
    }

    #[test]
    fn a_schema_that_is_none_is_the_components_fault() {
        for schema in ["", "{", r#"{"type":7}"#] {
            let found = check("endpoint[0].settings", schema, &Map::new());
            assert!(found[0].expected.starts_with("the component's schema"), "{schema}: {found:?}");
        }
    }
}
