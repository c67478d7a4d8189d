//! How a component is told of that put a credential where it must not be.

use serde_json::json;
use tracing::error;

use super::{Destination, Dispatch};
use crate::audit::{Entry, Who};
use crate::capability::secrets::Misuse;

/// Writes each to the log, to the audit log of the tenant, and into the metrics.
pub(crate) async fn tell(dispatch: &Dispatch, destination: &Destination, misuses: &[Misuse]) {
    let Destination { endpoint, name, .. } = destination;
    let kind = &endpoint.kind.name;
    for misuse in misuses {
        let code = misuse.why.code();
        error!(
            component.name = kind,
            endpoint.name = endpoint.name,
            recipient.name = name,
            code,
            misuse = %misuse,
            "A component put a credential where it must not be; nothing was sent."
        );
        dispatch.metrics.misused(kind, code);
        let entry = Entry {
            at_ms: dispatch.clock.now_ms(),
            tenant: endpoint.tenant,
            who: Who::engine(format!("a delivery to recipient {name}")),
            action: "secret-misuse",
            object: format!("endpoint {}", endpoint.name),
            detail: json!({
                "component": kind, "setting": misuse.setting, "code": code, "place": misuse.place,
            }),
        };
        if let Err(error) = dispatch.records.note(entry).await {
            error!(%error, "A misuse of a credential could not be written to the audit log.");
        }
    }
}
