//! What rows are checked against, and made into what dispatch needs: kinds, their schemas, the site.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::approval::{Approvals, Shelf};
use super::schema::Schemas;
use crate::capability::egress::{Grant, OriginGrant, Policy, Reach, Way, origins};
use crate::config::Problem;
use crate::dispatch::{Destination, Endpoint, Site};
use crate::ids::TenantId;
use crate::records::rows::{EndpointRow, RecipientRow};
use crate::runtime::{Catalog, Kind};

/// The installed kinds with their schemas, who may use which, and who this installation is.
#[derive(Debug)]
pub struct Kinds {
    pub(super) installed: Shelf,
    schemas: HashMap<String, Schemas>,
    site: Site,
    egress: Policy,
}

impl Kinds {
    /// Of the kinds only those may be used that came with the engine.
    pub fn new(catalog: Arc<Catalog>, site: Site) -> Self {
        let mut schemas = HashMap::with_capacity(catalog.kinds().len());
        let mut faults = HashMap::new();
        for kind in catalog.kinds() {
            match Schemas::of(kind) {
                Ok(of_kind) => _ = schemas.insert(kind.name.clone(), of_kind),
                Err(found) => _ = faults.insert(kind.name.clone(), found),
            }
        }
        let installed = Shelf::new(catalog, faults);
        Self { installed, schemas, site, egress: Policy::default() }
    }

    /// The same kinds, under what the operator lets endpoints reach.
    #[must_use]
    pub fn with_egress(mut self, policy: Policy) -> Self {
        self.egress = policy;
        self
    }

    /// The same kinds; those that were approved may be used, too.
    #[must_use]
    pub fn approved(self, approvals: Approvals) -> Self {
        self.installed.decide(Arc::new(approvals));
        self
    }

    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.installed.catalog
    }

    /// Whether there is a kind that may be used.
    pub fn are_any(&self) -> bool {
        self.catalog().kinds().iter().any(|kind| self.kind(&kind.name).is_ok())
    }

    /// The zone that filters and messages are in where they name none.
    pub fn zone(&self) -> &TimeZone {
        &self.site.zone
    }

    /// Whether the value of this setting is never shown.
    pub fn is_secret(&self, kind: &str, setting: &str) -> bool {
        self.schemas.get(kind).is_some_and(|schemas| schemas.is_secret(setting))
    }

    /// An endpoint that can be sent through, or all that is wrong with it, by place beneath it.
    pub fn endpoint(&self, row: &EndpointRow) -> Result<Arc<Endpoint>, Vec<Problem>> {
        let kind = self.kind(&row.setup.kind)?;
        let settings = row.setup.settings.as_map();
        if let Some(schemas) = self.schemas.get(&kind.name) {
            let problems = schemas.endpoint("settings", settings);
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        let reach = origins(&kind.descriptor.reach, &kind.manifest.origins(), settings).map_err(
            |error| vec![Problem { place: "settings".to_owned(), expected: error.to_string() }],
        )?;
        let origins = reach.into_iter().map(OriginGrant::whole).collect();
        let reach = Reach { origins, targets: Vec::new() };
        let way = Way::of(&self.egress, &tenant_name(row.tenant), &row.name);
        let grant = Grant::new(row.tenant, row.id, reach, Arc::new(way));
        let problems = grant.problems("settings");
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Arc::new(Endpoint {
            id: row.id,
            tenant: row.tenant,
            name: row.name.clone(),
            kind: Arc::clone(kind),
            grant,
            settings: settings.clone(),
        }))
    }

    /// A recipient that can be sent to, or all that is wrong with its settings.
    pub fn recipient(
        &self,
        row: &RecipientRow,
        endpoint: &Arc<Endpoint>,
    ) -> Result<Arc<Destination>, Vec<Problem>> {
        let settings = row.setup.settings.as_map();
        if let Some(schemas) = self.schemas.get(&endpoint.kind.name) {
            let problems = schemas.recipient("settings", settings);
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        let endpoint = Arc::clone(endpoint);
        Ok(Arc::new(Destination::new(row.id, &row.name, endpoint, settings, &self.site)))
    }

    /// A kind that may be used; nothing is made of any other.
    fn kind(&self, name: &str) -> Result<&Arc<Kind>, Vec<Problem>> {
        self.installed.usable(name)
    }
}

/// The name under which the configuration speaks of a tenant.
fn tenant_name(tenant: TenantId) -> String {
    if tenant == TenantId::DEFAULT { "default".to_owned() } else { tenant.to_string() }
}
