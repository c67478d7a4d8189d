//! Settings against the JSON Schemas that their kind describes.
//!
//! Promise: every fault is told with its path, and no value of a setting is, since it may be a
//! credential.

use jsonschema::error::{TypeKind, ValidationErrorKind as Fault};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::capability::log::printable;
use crate::config::Problem;
use crate::runtime::bindings::kind::Descriptor;
use crate::setup::wipe;

/// Longest text of a component that is quoted, in bytes.
const QUOTED_BYTES_MAX: usize = 256;

/// Largest program that one pattern of a schema may become, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What one kind wants of its settings, compiled once.
#[derive(Debug)]
pub(super) struct Schemas {
    endpoint: Schema,
    recipient: Schema,
    /// Settings that are credentials: marked `writeOnly` in either schema.
    secrets: Vec<String>,
}

impl Schemas {
    /// `Err`: why the component cannot be used.
    pub(super) fn of(name: &str, descriptor: &Descriptor) -> Result<Self, Vec<Problem>> {
        let endpoint = Schema::new(name, "endpoint_schema", &descriptor.endpoint_schema);
        let recipient = Schema::new(name, "recipient_schema", &descriptor.recipient_schema);
        let (endpoint, recipient) = match (endpoint, recipient) {
            (Ok(endpoint), Ok(recipient)) => (endpoint, recipient),
            (endpoint, recipient) => {
                return Err(endpoint.err().into_iter().chain(recipient.err()).collect());
            }
        };
        let torn = torn(name, &endpoint.json, &recipient.json);
        if !torn.is_empty() {
            return Err(torn);
        }
        let secret = |schema: &Schema| -> Vec<String> {
            let is_secret = |(_, about): &(&String, &Value)| about["writeOnly"] == true;
            properties(&schema.json).filter(is_secret).map(|(name, _)| name.clone()).collect()
        };
        let secrets = [secret(&endpoint), secret(&recipient)].concat();
        Ok(Self { endpoint, recipient, secrets })
    }

    /// What is wrong with an endpoint's settings, which are at `place`.
    pub(super) fn endpoint(&self, place: &str, settings: &Map<String, Value>) -> Vec<Problem> {
        self.endpoint.check(place, settings)
    }

    /// What is wrong with a recipient's settings, which are at `place`.
    pub(super) fn recipient(&self, place: &str, settings: &Map<String, Value>) -> Vec<Problem> {
        self.recipient.check(place, settings)
    }

    /// The endpoint's, as JSON.
    pub(super) fn of_endpoint(&self) -> &Value {
        &self.endpoint.json
    }

    /// Whether a component may say that a service renamed the value of this setting.
    pub(super) fn is_correctable(&self, name: &str) -> bool {
        let about = &self.recipient.json["properties"][name];
        about["x-campanile-correctable"] == true && !self.is_secret(name)
    }

    /// Whether the value of the setting `name` is never shown. Also of what is beneath it.
    pub(super) fn is_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| {
            name.strip_prefix(secret.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// Names to which the two schemas give different types: a recipient's key overrides the endpoint's,
/// so `deliver` would find a text where it looks for a number.
fn torn(component: &str, endpoint: &Value, recipient: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, about) in properties(endpoint) {
        let Some(other) = recipient["properties"].get(name) else { continue };
        if matches!((types(about), types(other)), (Some(one), Some(two)) if one != two) {
            problems.push(Problem {
                place: format!("component `{component}`"),
                expected: format!(
                    "expected its setting `{}` to have one type in `endpoint_schema` and \
                     `recipient_schema`, since a recipient's overrides the endpoint's; install \
                     another version of it, or remove it from `components_dir`",
                    printable(name, QUOTED_BYTES_MAX)
                ),
            });
        }
    }
    problems
}

/// The types a schema allows, sorted; `None` where it does not say.
fn types(schema: &Value) -> Option<Vec<&str>> {
    let mut types: Vec<_> = match schema.get("type")? {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => vec![one.as_str()?],
    };
    types.sort_unstable();
    Some(types)
}

/// Whether a part of a schema stands for another one. With it a few lines are a check that takes
/// twice as long for each of them, and a component is not trusted with the engine's time.
fn refers(schema: &Value) -> bool {
    const KEYWORDS: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
    match schema {
        Value::Object(parts) => parts.iter().any(|(name, part)| {
            (part.is_string() && KEYWORDS.contains(&name.as_str())) || refers(part)
        }),
        Value::Array(parts) => parts.iter().any(refers),
        _ => false,
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

#[derive(Debug)]
struct Schema {
    json: Value,
    validator: Validator,
}

impl Schema {
    fn new(component: &str, name: &str, text: &str) -> Result<Self, Problem> {
        let unusable = |error: String| Problem {
            place: format!("component `{component}`"),
            expected: format!(
                "expected its `{name}` to be a JSON Schema ({}); install another version of it, or \
                 remove it from `components_dir`",
                printable(&error, QUOTED_BYTES_MAX)
            ),
        };
        let json: Value =
            serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
        if refers(&json) {
            return Err(unusable("`$ref` and its like are not taken: write it out".to_owned()));
        }
        // Patterns that take time in proportion to what they look at, whoever wrote them.
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options().with_pattern_options(patterns).build(&json);
        let validator = validator.map_err(|error| unusable(error.to_string()))?;
        Ok(Self { json, validator })
    }

    fn check(&self, place: &str, settings: &Map<String, Value>) -> Vec<Problem> {
        let mut settings = Value::Object(settings.clone());
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(&settings) {
            for (at, expected) in self.faults(&error) {
                let at = path(place, error.instance_path(), at.as_deref());
                // The first fault of a place is the cause of the next.
                if !problems.iter().any(|one: &Problem| one.place == at) {
                    problems.push(Problem { place: at, expected });
                }
            }
        }
        wipe(&mut settings);
        problems
    }

    /// Names beneath the place of `error`, or nothing for the place itself, each with what is
    /// expected there.
    fn faults(&self, error: &ValidationError<'_>) -> Vec<(Option<String>, String)> {
        let here = |expected: String| vec![(None, self.described(error, None, &expected))];
        match error.kind() {
            Fault::AdditionalProperties { unexpected }
            | Fault::UnevaluatedProperties { unexpected } => {
                let known = self.known(error);
                let expected = format!("is no setting of this kind; expected one of: {known}");
                unexpected.iter().map(|name| (Some(name.clone()), expected.clone())).collect()
            }
            Fault::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let expected = self.described(error, Some(name), "is missing, and needed");
                vec![(Some(name.to_owned()), expected)]
            }
            Fault::PropertyNames { error: wrong } => {
                let name = wrong.instance().as_str().unwrap_or_default().to_owned();
                let expected = self.described(error, None, "expected another name");
                vec![(Some(name), expected)]
            }
            Fault::Type { kind: TypeKind::Single(kind) } => here(format!("expected {kind}")),
            Fault::Type { kind: TypeKind::Multiple(kinds) } => {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.to_string()).collect();
                here(format!("expected {}", kinds.join(" or ")))
            }
            Fault::Enum { options } => here(format!("expected one of {}", excerpt(options))),
            Fault::Constant { expected_value } => here(format!("expected {expected_value}")),
            Fault::Minimum { limit } => here(format!("expected at least {limit}")),
            Fault::Maximum { limit } => here(format!("expected at most {limit}")),
            Fault::ExclusiveMinimum { limit } => here(format!("expected more than {limit}")),
            Fault::ExclusiveMaximum { limit } => here(format!("expected less than {limit}")),
            Fault::MinLength { limit } => here(format!("expected {limit} characters or more")),
            Fault::MaxLength { limit } => here(format!("expected at most {limit} characters")),
            Fault::Pattern { pattern } => here(match self.description(error, None) {
                Some(_) => "expected another form".to_owned(),
                None => format!("expected a text like `{}`", printable(pattern, QUOTED_BYTES_MAX)),
            }),
            // Not the error's own text: it may quote what it found.
            other => here(format!("expected what `{}` in its schema says", other.keyword())),
        }
    }

    /// `expected`, and what the schema says about the setting, or about `name` beneath it.
    fn described(&self, error: &ValidationError<'_>, name: Option<&str>, expected: &str) -> String {
        match self.description(error, name) {
            Some(text) => format!("{expected}: {text}"),
            None => expected.to_owned(),
        }
    }

    fn description(&self, error: &ValidationError<'_>, name: Option<&str>) -> Option<String> {
        let around = self.around(error)?;
        let about = match name {
            Some(name) => around.get("properties")?.get(name)?,
            None => around,
        };
        let text = about.get("description")?.as_str()?;
        Some(printable(text.trim_end_matches('.'), QUOTED_BYTES_MAX))
    }

    fn known(&self, error: &ValidationError<'_>) -> String {
        let properties =
            self.around(error).and_then(|around| around.get("properties")?.as_object());
        let names: Vec<_> =
            properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        if names.is_empty() {
            "none".into()
        } else {
            printable(&names.join(", "), QUOTED_BYTES_MAX)
        }
    }

    /// The part of the schema that has the keyword which failed.
    fn around(&self, error: &ValidationError<'_>) -> Option<&Value> {
        // What follows the keyword is within it: `propertyNames/pattern`.
        let keyword = format!("/{}", error.kind().keyword());
        let (around, _) = error.schema_path().as_str().rsplit_once(&keyword)?;
        self.json.pointer(around)
    }
}

/// `place` and the path beneath it, as problems of the configuration are told.
fn path(place: &str, at: &Location, name: Option<&str>) -> String {
    let mut path = place.to_owned();
    for segment in at.segments() {
        match segment {
            LocationSegment::Property(name) => path += &format!(".{}", name.escape_debug()),
            LocationSegment::Index(at) => path += &format!("[{at}]"),
        }
    }
    if let Some(name) = name {
        path += &format!(".{}", name.escape_debug());
    }
    path
}

fn excerpt(options: &Value) -> String {
    let names = options.as_array().into_iter().flatten().map(Value::to_string);
    printable(&names.collect::<Vec<_>>().join(", "), QUOTED_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "description": "Where to.", "type": "string", "pattern": "^https:" },
            "code": { "pattern": "^[0-9]+$" },
            "headers": {
                "description": "None that frame.",
                "type": "object",
                "propertyNames": { "not": { "pattern": "^te$" } },
                "additionalProperties": { "type": "string", "maxLength": 9 }
            },
            "mode": { "enum": ["a", "b"] },
            "count": { "type": ["integer", "null"], "minimum": 1, "maximum": 3 },
            "list": { "items": { "type": "string" }, "uniqueItems": true },
            "one": { "anyOf": [{ "const": 1 }, { "const": 2 }] }
        }
    }"#;

    #[test]
    fn each_fault_of_settings_has_its_path_and_what_is_expected_and_shows_no_value() {
        let schema = Schema::new("hook", "endpoint_schema", SCHEMA).ok().unwrap();
        let with = |more: &str| format!(r#"{{"url":"https://hunter2",{more}}}"#);
        let table = [
            (r#"{"url":"https://x","count":null}"#.to_owned(), vec![]),
            ("{}".into(), vec![(".url", "is missing, and needed: Where to")]),
            (r#"{"url":7411}"#.into(), vec![(".url", "expected string: Where to")]),
            (r#"{"url":"hunter2"}"#.into(), vec![(".url", "expected another form: Where to")]),
            (with(r#""code":"hunter2""#), vec![(".code", "expected a text like `^[0-9]+$`")]),
            (
                with(r#""colour":"hunter2","\u001bx":1"#),
                vec![
                    (".colour", "is no setting of this kind"),
                    (r".\u{1b}x", "one of: code, count,"),
                ],
            ),
            (
                with(r#""headers":{"te":"hunter2"}"#),
                vec![(".headers.te", "expected another name: None that frame")],
            ),
            (with(r#""headers":{"a":7411}"#), vec![(".headers.a", "expected string")]),
            (
                with(r#""headers":{"a":"hunter2 and more"}"#),
                vec![(".headers.a", "at most 9 characters")],
            ),
            (with(r#""mode":"hunter2""#), vec![(".mode", r#"expected one of "a", "b""#)]),
            (with(r#""count":7411"#), vec![(".count", "expected at most 3")]),
            (with(r#""count":0"#), vec![(".count", "expected at least 1")]),
            (with(r#""count":"hunter2""#), vec![(".count", " or ")]),
            (with(r#""list":["a",7411]"#), vec![(".list[1]", "expected string")]),
            (with(r#""list":["hunter2","hunter2"]"#), vec![(".list", "what `uniqueItems` in its")]),
            (with(r#""one":"hunter2""#), vec![(".one", "what `anyOf` in its schema says")]),
        ];
        for (settings, expected) in table {
            let found =
                schema.check("endpoint[0].settings", &serde_json::from_str(&settings).unwrap());
            assert_eq!(found.len(), expected.len(), "{settings}: {found:?}");
            for (place, text) in expected {
                let place = format!("endpoint[0].settings{place}");
                let fault = found.iter().find(|one| one.place == place);
                let fault = fault.unwrap_or_else(|| panic!("{place} is not in {found:?}"));
                assert!(fault.expected.contains(text), "{settings}: {fault}");
            }
            let told = format!("{found:?}");
            assert!(!told.contains("hunter2") && !told.contains("7411"), "{told}");
        }
    }

    #[test]
    fn a_name_with_two_types_in_the_pair_of_schemas_is_a_problem() {
        let schema = |about: &str| {
            serde_json::from_str::<Value>(&format!(r#"{{"properties":{{"n":{about},"o":{{}}}}}}"#))
                .unwrap()
        };
        let table = [
            (r#"{"type":"string"}"#, r#"{"type":"string","maxLength":3}"#, false),
            (r#"{"type":["null","string"]}"#, r#"{"type":["string","null"]}"#, false),
            (r#"{"type":"string"}"#, r#"{"enum":["a"]}"#, false),
            (r#"{"type":"string"}"#, r#"{"type":"integer"}"#, true),
            (r#"{"type":["string","null"]}"#, r#"{"type":"string"}"#, true),
        ];
        for (one, two, expected) in table {
            let problems = torn("hook", &schema(one), &schema(two));
            assert_eq!(!problems.is_empty(), expected, "{one} {two}: {problems:?}");
        }
        assert_eq!(torn("hook", &schema("{}"), &Value::Null), []);
    }

    #[test]
    fn a_schema_that_is_none_is_a_problem_that_names_its_component() {
        let elsewhere = r#"{"$ref":"https://schemas.example/hook.json"}"#;
        for text in ["", "{", "7", r#"{"type":7}"#, r#"{"pattern":"("}"#, elsewhere] {
            let problem = Schema::new("acme/hook", "recipient_schema", text).err();
            let problem = problem.unwrap_or_else(|| panic!("{text} is taken"));
            assert_eq!(problem.place, "component `acme/hook`", "{text}");
            assert!(problem.expected.contains("`recipient_schema`"), "{text}: {problem}");
        }
    }
}
