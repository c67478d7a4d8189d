//! How a component is told of that put a credential where it must not be.

use serde_json::{Value, json};
use tracing::error;

use super::{Destination, Dispatch};
use crate::audit::{Entry, Who};
use crate::capability::secrets::Misuse;

/// Places that one entry names: a component can invent as many as it likes.
const PLACES_MAX: usize = 8;

/// Writes what one batch did to the log, to the audit log of the tenant, and into the metrics: one
/// entry, however often it was tried, since the audit log is never cut.
pub(super) async fn tell(dispatch: &Dispatch, destination: &Destination, misuses: &[Misuse]) {
    let Some(first) = misuses.first() else { return };
    let Destination { endpoint, name, .. } = destination;
    let kind = &endpoint.kind.name;
    misuses.iter().for_each(|one| dispatch.metrics.misused(kind, one.why.code()));
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
        at_ms: dispatch.clock.now_ms(),
        tenant: endpoint.tenant,
        who: Who::engine(format!("a delivery to recipient {name}")),
        action: "secret-misuse",
        object: format!("endpoint {}", endpoint.name),
        detail: json!({ "component": kind, "count": misuses.len(), "misuses": told(misuses) }),
    };
    if let Err(error) = dispatch.records.note(entry).await {
        error!(%error, "A misuse of a credential could not be written to the audit log.");
    }
}

/// Each once, as many as there is room for.
fn told(misuses: &[Misuse]) -> Vec<Value> {
    let mut told = Vec::new();
    for one in misuses {
        let value = json!({ "setting": one.setting, "code": one.why.code(), "place": one.place });
        if told.len() < PLACES_MAX && !told.contains(&value) {
            told.push(value);
        }
    }
    told
}
