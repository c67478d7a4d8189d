//! How the operator, and whoever is stopped, is told about a change of the guard.
//!
//! Promise: a tenant is told about its own endpoints and nothing of others.

use std::collections::BTreeMap;

use serde_json::json;
use tracing::{error, info};

use super::{By, Change, Level};
use crate::audit::{Entry, Who};
use crate::dispatch::Dispatch;
use crate::ids::TenantId;

/// Writes each change to the log and to the audit log.
pub(crate) async fn tell(dispatch: &Dispatch, changes: Vec<Change>) {
    for change in changes {
        log(&change);
        for entry in entries(&change, dispatch.clock.now_ms()) {
            if let Err(error) = dispatch.records.note(entry).await {
                error!(error = %error, "A change of the ban guard could not be written to the audit log.");
            }
        }
    }
}

fn log(change: &Change) {
    let (origin, refusals, causes) = (&change.origin, change.refusals, change.causes.len());
    match change.level {
        Level::Calm => info!(origin, "Refusals have ceased; everybody sends there as before."),
        Level::Slowing => error!(
            origin,
            refusals,
            causes,
            "An origin refuses much of what is sent to it; the endpoints that caused it are slowed. \
             Mend them, before it bans this machine's address."
        ),
        Level::Stopping => error!(
            origin,
            refusals,
            causes,
            "An origin is about to ban this machine's address; the endpoints that caused it are \
             stopped until its refusals have worn off, and all others are slowed. Mend them."
        ),
    }
}

/// All of it to the operator, and to each other tenant its part.
fn entries(change: &Change, at_ms: u64) -> Vec<Entry> {
    let mut of_tenants: BTreeMap<TenantId, Vec<(By, usize)>> = BTreeMap::new();
    for (by, caused) in &change.causes {
        of_tenants.entry(by.tenant).or_default().push((*by, *caused));
    }
    of_tenants.remove(&TenantId::DEFAULT);
    let all = json!({
        "level": change.level.name(),
        "refusals": change.refusals,
        "causes": change.causes.iter().map(|(by, caused)| json!({
            "tenant": by.tenant, "endpoint": by.endpoint, "refusals": caused,
        })).collect::<Vec<_>>(),
    });
    let own = of_tenants.into_iter().map(|(tenant, causes)| {
        let causes: Vec<_> = causes
            .iter()
            .map(|(by, caused)| json!({ "endpoint": by.endpoint, "refusals": caused }))
            .collect();
        (tenant, json!({ "level": change.level.name(), "causes": causes }))
    });
    std::iter::once((TenantId::DEFAULT, all))
        .chain(own)
        .map(|(tenant, detail)| Entry {
            at_ms,
            tenant,
            who: Who::engine("answers of the origin"),
            action: "guard",
            object: format!("origin {}", change.origin),
            detail,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EndpointId;

    #[test]
    fn a_tenant_is_told_of_its_own_endpoints_only() {
        let by = |tenant, endpoint| By { tenant: TenantId(tenant), endpoint: EndpointId(endpoint) };
        let change = Change {
            origin: "https://a.example:443".to_owned(),
            level: Level::Stopping,
            refusals: 77,
            causes: vec![(by(1, 10), 5), (by(2, 20), 60), (by(3, 30), 12)],
        };
        let told: Vec<_> = entries(&change, 1)
            .into_iter()
            .map(|entry| (entry.tenant.0, entry.detail.to_string()))
            .collect();
        let tenants: Vec<_> = told.iter().map(|(tenant, _)| *tenant).collect();
        assert_eq!(tenants, [1, 2, 3]);
        assert!(["10", "20", "30", "77"].iter().all(|part| told[0].1.contains(part)), "{told:?}");
        assert_eq!(told[1].1, r#"{"causes":[{"endpoint":20,"refusals":60}],"level":"stopping"}"#);
    }
}
