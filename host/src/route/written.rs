//! A filter as it is written.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::described::{DayOfMonth, Month, Text};
use crate::alert::Severity;

/// Which alerts a recipient gets. All parts must hold; an empty list means 'all'. The three parts
/// about hosts (`networks`, `roles`, `locality`) must hold for one and the same host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilterSettings {
    /// Least severity. Default `notice`.
    #[serde(skip_serializing_if = "is_default_severity")]
    pub minimum_severity: Severity,
    /// One of these categories, such as `security`, `reports`, `vulnerability_scans`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(
        max_items = 256, inline, value_type = Vec<Text>,
        examples(json!(["security", "reports"]))
    )]
    pub categories: Vec<String>,
    /// One of these kinds of entity, such as `flow`, `host`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256, inline, value_type = Vec<Text>)]
    pub entities: Vec<String>,
    /// One of these types, such as `low_goodput`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256, inline, value_type = Vec<Text>)]
    pub alert_types: Vec<String>,
    /// None of these types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256, inline, value_type = Vec<Text>)]
    pub except_alert_types: Vec<String>,
    /// The host, the client or the server is in one of these host pools of ntopng, by number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256, inline, value_type = Vec<Text>, examples(json!(["1"])))]
    pub host_pools: Vec<String>,
    /// One of these interfaces, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 256, inline, value_type = Vec<Text>)]
    pub interfaces: Vec<String>,
    /// A host in one of these networks: `192.0.2.0/24`, `2001:db8::/32`, or one address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(
        max_items = 256, inline, value_type = Vec<Text>,
        examples(json!(["192.0.2.0/24", "2001:db8::/32"]))
    )]
    pub networks: Vec<String>,
    /// A host with one of these roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub roles: Vec<Role>,
    /// A host that is local, or one that is remote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 2)]
    pub locality: Vec<Locality>,
    /// Each must hold: `team="db"`, `env!="dev"`, `service=~"web.*"`, `service!~"web.*"`. A regular
    /// expression is of the whole value; a label that is absent is the empty text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(
        max_items = 64, inline, value_type = Vec<Text>,
        examples(json!(["team=\"db\"", "env!~\"dev.*\""]))
    )]
    pub matchers: Vec<String>,
    /// One of these regular expressions is found in title or text, in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 64, inline, value_type = Vec<Text>, examples(json!(["disk .* full"])))]
    pub text_matches: Vec<String>,
    /// It comes within one of these; empty: at any time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(
        max_items = 64,
        examples(json!([{"weekdays": ["sat", "sun"], "from": "08:00", "to": "18:00"}]))
    )]
    pub times: Vec<Window>,
    /// It comes within none of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(
        max_items = 64,
        examples(json!([{"name": "backup", "from": "23:30", "to": "01:00", "zone": "Europe/Rome"}]))
    )]
    pub maintenance: Vec<Window>,
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self {
            minimum_severity: Severity::Notice,
            categories: Vec::new(),
            entities: Vec::new(),
            alert_types: Vec::new(),
            except_alert_types: Vec::new(),
            host_pools: Vec::new(),
            interfaces: Vec::new(),
            networks: Vec::new(),
            roles: Vec::new(),
            locality: Vec::new(),
            matchers: Vec::new(),
            text_matches: Vec::new(),
            times: Vec::new(),
            maintenance: Vec::new(),
        }
    }
}

fn is_default_severity(severity: &Severity) -> bool {
    *severity == Severity::Notice
}

/// A part that a host plays in an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Attacker,
    Victim,
}

/// Where a host is, as its producer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locality {
    Local,
    Remote,
}

/// Times that come again and again. All parts must hold; an empty list means 'all'. Where `to` is
/// not after `from`, it reaches past midnight, and belongs to the day on which it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 7)]
    pub weekdays: Vec<Weekday>,
    /// 1 to 31, or from the end: -1 is the last day of the month.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 62, inline, value_type = Vec<DayOfMonth>)]
    pub days_of_month: Vec<i8>,
    /// 1 to 12.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 12, inline, value_type = Vec<Month>)]
    pub months: Vec<i8>,
    /// `HH:MM`, included. Default `00:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: Option<String>,
    /// `HH:MM`, not included. Default `24:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
    pub to: Option<String>,
    /// IANA time zone. Default: that of the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("Europe/Rome"))]
    pub zone: Option<String>,
    /// Not before this day: `2026-11-24`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub first_day: Option<String>,
    /// Not after this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub last_day: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
