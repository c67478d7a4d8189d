//! How a component is told of that put a credential where it must not be.

use serde_json::{Value, json};
use tracing::error;

use super::Destination;
use crate::audit::{Entry, Who};
use crate::capability::secrets::Misuse;
use crate::records::Records;
use crate::telemetry::Metrics;

/// Places that one entry names: a component can invent as many as it likes.
const PLACES_MAX: usize = 8;

/// Who is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) records: &'a Records,
    pub(crate) metrics: &'a Metrics,
    pub(crate) now_ms: u64,
}

/// Writes what a component did in one store to the log, to the audit log of the tenant, and into the
/// metrics: one entry, however often it was tried, since the audit log is never cut. `source`: what
/// the store was for.
pub(crate) async fn tell(
    to: Told<'_>,
    destination: &Destination,
    source: String,
    misuses: &[Misuse],
) {
    let Some(first) = misuses.first() else { return };
    let Destination { endpoint, name, .. } = destination;
    let kind = &endpoint.kind.name;
    misuses.iter().for_each(|one| to.metrics.misused(kind, one.why.code()));
    error!(
        component.name = kind,
        endpoint.name = endpoint.name,
        recipient.name = name,
        code = first.why.code(),
        count = misuses.len(),
        misuse = %first,
        "A component put a credential where it must not be; nothing of that was sent."
    );
    let entry = Entry {
        at_ms: to.now_ms,
        tenant: endpoint.tenant,
        who: Who::engine(source),
        action: "secret-misuse",
        object: format!("endpoint {}", endpoint.name),
        detail: json!({ "component": kind, "count": misuses.len(), "misuses": shown(misuses) }),
    };
    if let Err(error) = to.records.note(entry).await {
        error!(%error, "A misuse of a credential could not be written to the audit log.");
    }
}

/// Each once, as many as there is room for.
fn shown(misuses: &[Misuse]) -> Vec<Value> {
    let mut told = Vec::new();
    for one in misuses {
        let value = json!({ "setting": one.setting, "code": one.why.code(), "place": one.place });
        if told.len() < PLACES_MAX && !told.contains(&value) {
            told.push(value);
        }
    }
    told
}
