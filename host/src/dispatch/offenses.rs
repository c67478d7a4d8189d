//! How people are told of what a component asked for and must not have.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::error;

use super::Destination;
use crate::audit::{Entry, Who};
use crate::capability::offenses::Offenses;
use crate::ids::EndpointId;
use crate::records::Records;
use crate::telemetry::Metrics;

/// What one entry names: a component can invent as much as it likes.
const NAMED_MAX: usize = 8;

/// The audit log is never cut, so that a component which offends with each delivery is told of once
/// in this time, with the number of what came between.
const PAUSE_MS: u64 = 60_000;

/// Endpoints whose last entry is remembered.
const ENDPOINTS_MAX: usize = 4096;

/// When each endpoint's component was told of last, and how much it did since.
#[derive(Debug, Default)]
pub struct Told(Mutex<HashMap<EndpointId, Last>>);

#[derive(Debug, Default)]
struct Last {
    at_ms: u64,
    untold: usize,
}

impl Told {
    /// `Some`: it is time for an entry, which tells of so many more.
    fn due(&self, endpoint: EndpointId, now_ms: u64, count: usize) -> Option<usize> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ENDPOINTS_MAX {
            known.retain(|_, last| now_ms.saturating_sub(last.at_ms) < PAUSE_MS);
        }
        let last = known.entry(endpoint).or_default();
        if last.at_ms != 0 && now_ms.saturating_sub(last.at_ms) < PAUSE_MS {
            last.untold += count;
            return None;
        }
        last.at_ms = now_ms;
        Some(std::mem::take(&mut last.untold))
    }
}

/// Where it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) records: &'a Records,
    pub(crate) metrics: &'a Metrics,
    /// `None`: each time, since somebody asked for it.
    pub(crate) told: Option<&'a Told>,
    pub(crate) now_ms: u64,
}

/// Writes what a component did in one store to the log, to the audit log of the tenant, and into the
/// metrics. `source`: what the store was for.
pub(crate) async fn tell(
    to: Telling<'_>,
    destination: &Destination,
    source: String,
    offenses: &Offenses,
) {
    if offenses.is_empty() {
        return;
    }
    let Destination { endpoint, name, .. } = destination;
    let kind = &endpoint.kind.name;
    offenses.misuses.iter().for_each(|one| to.metrics.misused(kind, one.why.code()));
    offenses.denials.iter().for_each(|one| to.metrics.denied(kind, one.door));
    let count = offenses.misuses.len() + offenses.denials.len();
    let before = match to.told {
        None => 0,
        Some(told) => match told.due(endpoint.id, to.now_ms, count) {
            Some(before) => before,
            None => return,
        },
    };
    error!(
        component.name = kind,
        endpoint.name = endpoint.name,
        recipient.name = name,
        count = count + before,
        "A component asked for what it must not have; nothing of that was done."
    );
    let misuses = offenses
        .misuses
        .iter()
        .map(|one| json!({ "setting": one.setting, "code": one.why.code(), "place": one.place }));
    let denials = offenses
        .denials
        .iter()
        .map(|one| json!({ "door": one.door, "code": one.code, "detail": one.detail }));
    let entry = Entry {
        at_ms: to.now_ms,
        tenant: endpoint.tenant,
        who: Who::engine(source),
        action: if offenses.misuses.is_empty() { "denied" } else { "secret-misuse" },
        object: format!("endpoint {}", endpoint.name),
        detail: json!({
            "component": kind, "count": count + before,
            "misuses": named(misuses), "denials": named(denials),
        }),
    };
    if let Err(error) = to.records.note(entry).await {
        error!(%error, "What a component asked for could not be written to the audit log.");
    }
}

/// Each once, as many as there is room for.
fn named(all: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut named = Vec::new();
    for one in all {
        if named.len() < NAMED_MAX && !named.contains(&one) {
            named.push(one);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_of_once_in_a_while_and_nothing_is_uncounted() {
        let (told, one, two) = (Told::default(), EndpointId(1), EndpointId(2));
        assert_eq!(told.due(one, 1_000, 3), Some(0));
        assert_eq!(told.due(two, 1_001, 1), Some(0), "another endpoint's is its own");
        assert_eq!(told.due(one, 1_000 + PAUSE_MS - 1, 3), None);
        assert_eq!(told.due(one, 1_000 + PAUSE_MS - 1, 4), None);
        assert_eq!(told.due(one, 1_000 + PAUSE_MS, 1), Some(7));
        assert_eq!(told.due(one, 1_000 + 2 * PAUSE_MS, 1), Some(0));
    }
}
