//! Endpoints and recipients as people write them, in files and over the API.
//!
//! Promise: what is written can be written again: a setup read, shown and read anew is the same.
//! Nothing here prints the value of a setting, which may be a credential.
//!
//! Not here: whether a kind wants these settings (`roster`), and what a filter means (`route`).

mod difference;
mod reading;
mod wipe;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::route::FilterSettings;
use crate::wording::WordingSettings;

pub use difference::{FieldChange, differences};
pub use reading::{endpoint, recipient, setup};
pub use wipe::wipe;
use wipe::wipe_map;

/// What `name_problem` demands, for whoever describes it.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// All that one set of files says. Names are keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Setup {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoint: BTreeMap<String, EndpointSetup>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub recipient: BTreeMap<String, RecipientSetup>,
}

/// One configured account or server of a kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointSetup {
    /// Name of an installed kind: `slack`, or with a namespace `acme/opsgenie`.
    #[schema(min_length = 1, max_length = 64)]
    pub kind: String,
    /// As the kind's `endpoint_schema` describes them.
    #[serde(skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

/// One destination at an endpoint, and which alerts it gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecipientSetup {
    /// Name of an endpoint.
    #[schema(min_length = 1, max_length = 64)]
    pub endpoint: String,
    /// Which alerts it gets; all parts must hold.
    #[serde(skip_serializing_if = "is_default")]
    pub filter: FilterSettings,
    /// As the kind's `recipient_schema` describes them; they override the endpoint's.
    #[serde(skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Title and text in words of its own.
    #[serde(skip_serializing_if = "WordingSettings::is_empty")]
    pub templates: WordingSettings,
}

fn is_default(filter: &FilterSettings) -> bool {
    *filter == FilterSettings::default()
}

/// Settings of an endpoint or a recipient, as JSON. They can hold credentials, so they are not
/// printed, and overwritten when they are dropped.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Settings(Map<String, Value>);

impl Settings {
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The JSON object; whoever takes it wipes it.
    pub fn into_map(mut self) -> Map<String, Value> {
        std::mem::take(&mut self.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One JSON object.
    pub fn to_json(&self) -> String {
        // A map of JSON values with texts for keys is always JSON.
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl From<Map<String, Value>> for Settings {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        wipe_map(&mut self.0);
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({} of them)", self.0.len())
    }
}

/// Why `name` is no name of an endpoint, a recipient or a set; nothing where it is one.
pub fn name_problem(name: &str) -> Option<&'static str> {
    let is_name = (1..=64).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (!is_name).then_some(
        "expected a name of 1 to 64 characters out of `A-Z a-z 0-9 . _ -`, a letter or digit first",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path_and_in_a_file() {
        let table = [
            ("ops", true),
            ("9", true),
            ("a.b_c-d", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            (".", false),
            ("..", false),
            ("-x", false),
            ("a/b", false),
            ("a b", false),
            ("é", false),
        ];
        for (name, expected) in table {
            assert_eq!(name_problem(name).is_none(), expected, "{name:?}");
        }
    }

    #[test]
    fn settings_do_not_show_when_they_are_printed() {
        let settings: Settings = serde_json::from_str(r#"{"token":"hunter2"}"#).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
