//! `[[endpoint]]` and `[[recipient]]`.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::is_label;
use super::reading::{Reading, is_name};
use crate::alert::Severity;

/// One `[[endpoint]]`: a configured account or server of a kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointConfig {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, unique among endpoints. Required.
    pub name: String,
    /// `slack`, or with a namespace `acme/opsgenie`. Required.
    pub kind: String,
    /// As the kind describes them. Default: none.
    pub settings: Settings,
}

impl EndpointConfig {
    pub(super) fn check(&self, place: &str, reading: &mut Reading) {
        if !self.kind.split('/').all(is_name) || self.kind.split('/').count() > 2 {
            reading.problem(
                &format!("{place}.kind"),
                "expected the name of a kind; `campanile component list` shows them",
            );
        }
    }
}

/// One `[[recipient]]`: a destination at an endpoint, and which alerts it gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecipientConfig {
    /// 1 to 64 of `A-Z a-z 0-9 . _ -`, unique among recipients. Required.
    pub name: String,
    /// Name of an `[[endpoint]]`. Required.
    pub endpoint: String,
    /// Least severity it gets. Default `notice`.
    pub minimum_severity: Severity,
    /// Categories it gets, such as `security`, each 1 to 64 printable characters; empty: all.
    /// Default: all.
    pub categories: Vec<String>,
    /// As the kind describes them. Default: none.
    pub settings: Settings,
}

impl Default for RecipientConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            endpoint: String::new(),
            minimum_severity: Severity::Notice,
            categories: Vec::new(),
            settings: Settings::default(),
        }
    }
}

impl RecipientConfig {
    pub(super) fn check(&self, place: &str, endpoints: &[EndpointConfig], reading: &mut Reading) {
        if !endpoints.iter().any(|one| one.name == self.endpoint) {
            let known: Vec<_> = endpoints.iter().map(|one| one.name.as_str()).collect();
            let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
            reading.problem(
                &format!("{place}.endpoint"),
                &format!(
                    "expected the name of an [[endpoint]] ({known}); add one, or correct this"
                ),
            );
        }
        for (at, one) in self.categories.iter().enumerate() {
            if !is_label(one, 64) {
                reading.problem(
                    &format!("{place}.categories[{at}]"),
                    "expected a category as alerts have it: 1 to 64 printable characters",
                );
            }
        }
    }
}

/// Settings of an endpoint or a recipient, as JSON. They can hold credentials, so they are not
/// printed.
#[derive(Clone, Default, PartialEq)]
pub struct Settings(Map<String, Value>);

impl Settings {
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// One JSON object.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({} of them)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Not the parser's own error: it quotes what it found, and that can be a credential.
        let table = toml::Table::deserialize(from)
            .map_err(|_| serde::de::Error::custom("expected a table of settings"))?;
        object(table).map(Self).map_err(serde::de::Error::custom)
    }
}

fn object(table: toml::Table) -> Result<Map<String, Value>, String> {
    table
        .into_iter()
        .map(|(key, value)| match json(value) {
            Ok(value) => Ok((key, value)),
            Err(expected) => Err(format!("`{key}`: {expected}")),
        })
        .collect()
}

fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or("expected a finite number, since JSON has no other")?,
        toml::Value::Boolean(truth) => truth.into(),
        // JSON has no dates.
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(list) => {
            Value::Array(list.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(object(table)?),
    })
}
