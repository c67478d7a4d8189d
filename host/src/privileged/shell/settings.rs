//! Settings of the kind: which script, for whom, with what.

use serde::Deserialize;

use crate::runtime::bindings::alerts::Action;
use crate::runtime::bindings::kind::{Fault, Scope};

pub(super) const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
pub(super) const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

/// Endpoint and recipient together.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) script: String,
    pub(super) timeout_s: Option<u32>,
    #[serde(default)]
    pub(super) format: Format,
    #[serde(default)]
    pub(super) retry_on_nonzero: bool,
    #[serde(default)]
    pub(super) arguments: Vec<String>,
    #[serde(default)]
    pub(super) run_on: RunOn,
}

/// What a script reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    #[default]
    Ntopng,
    Native,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunOn {
    #[default]
    Always,
    Engage,
    Release,
}

impl Settings {
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| Fault {
            scope: Scope::Endpoint,
            code: "settings".to_owned(),
            detail: format!("the settings are not those of a script: {error}"),
        })
    }
}

impl RunOn {
    /// `store` counts as `engage`: something happened, and nothing is over.
    pub(super) fn takes(self, action: Action) -> bool {
        match self {
            Self::Always => true,
            Self::Engage => matches!(action, Action::Store | Action::Engage),
            Self::Release => action == Action::Release,
        }
    }
}
