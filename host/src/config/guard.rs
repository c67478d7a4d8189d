//! What protects this machine's name and the alerts' content: the tables `[guard]` and
//! `[[component]]`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::reading::Reading;

/// Longest name of a kind, with its vendor.
const NAME_BYTES_MAX: usize = 128;

/// The `[guard]` table: when an origin is near a ban. 401, 403 and 429 count as refusals.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardConfig {
    /// For how long a refusal counts, in seconds. Default 600.
    pub window_s: NonZeroU32,
    /// Refusals of an origin, over all tenants, from which on the endpoints that caused them are
    /// slowed. Default 20.
    pub refusals_slow: NonZeroU32,
    /// Refusals from which on these are stopped, and all others slowed. Default 50.
    pub refusals_stop: NonZeroU32,
}

impl Default for GuardConfig {
    fn default() -> Self {
        let count = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self { window_s: count(600), refusals_slow: count(20), refusals_stop: count(50) }
    }
}

impl GuardConfig {
    pub(super) fn check(&self, reading: &mut Reading) {
        if self.refusals_stop < self.refusals_slow {
            reading.problem("guard.refusals_stop", "expected at least `guard.refusals_slow`");
        }
        if self.refusals_stop.get() > 10_000 {
            reading.problem("guard.refusals_stop", "expected at most 10000");
        }
        if self.window_s.get() > 86_400 {
            reading.problem("guard.window_s", "expected at most 86400, one day");
        }
    }
}

/// One `[[component]]` table: what the operator says of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentConfig {
    /// The kind's name, or `*` for all that did not come with the engine.
    pub name: String,
    /// What of an alert it is not shown. Default: it is shown all.
    #[serde(default)]
    pub drop: BTreeSet<AlertPart>,
}

/// A part of an alert that can be kept from a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertPart {
    /// The alert as its producer sent it.
    Raw,
    Labels,
    Annotations,
    /// Who took part: the sides of a flow, the host, the entity, and the link to their page.
    Parties,
}

pub(super) fn check_components(components: &[ComponentConfig], reading: &mut Reading) {
    let mut names = BTreeSet::new();
    for (at, component) in components.iter().enumerate() {
        let place = format!("component[{at}].name");
        let is_name = !component.name.is_empty()
            && component.name.len() <= NAME_BYTES_MAX
            && !component.name.contains(|one: char| one.is_control() || one.is_whitespace());
        if !is_name {
            reading.problem(&place, "expected the name of a kind such as `acme/opsgenie`, or `*`");
        } else if !names.insert(&component.name) {
            reading.problem(&place, "stands here twice; put both into one `[[component]]`");
        }
    }
}
