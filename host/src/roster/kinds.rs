//! What rows are checked against, and made into what dispatch needs: kinds, their schemas, what the
//! operator lets endpoints reach, the site.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::approval::{Approvals, Shelf};
use super::schema::Schemas;
use super::secrets::{Bindings, SecretSettings};
use crate::capability::egress::{Policy, Way};
use crate::capability::files::{FilesGate, FolderGrant, folders};
use crate::capability::net::NetGate;
use crate::config::{Problem, TenantConfig};
use crate::dispatch::Site;
use crate::ids::TenantId;
use crate::records::rows::EndpointRow;
use crate::runtime::bindings::kind;
use crate::runtime::{Catalog, Kind, Manifest};
use crate::setup::Settings;

/// The installed kinds with their schemas, who may use which, and who this installation is.
#[derive(Debug)]
pub struct Kinds {
    pub(super) installed: Shelf,
    of_kinds: HashMap<String, OfKind>,
    pub(super) site: Site,
    egress: Policy,
    /// Names of tenants, as the configuration speaks of them.
    tenants: BTreeMap<TenantId, String>,
    /// Tenants that may use native kinds, and which.
    natives: BTreeMap<String, Vec<String>>,
    pub(super) net: Arc<NetGate>,
    pub(super) files: Arc<FilesGate>,
}

/// What settings of one kind are read by.
#[derive(Debug)]
pub(super) struct OfKind {
    pub(super) name: String,
    pub(super) manifest: Manifest,
    /// Templates that `describe` gives.
    pub(super) reach: Vec<String>,
    pub(super) schemas: Schemas,
    pub(super) secrets: SecretSettings,
}

impl OfKind {
    pub(super) fn new(
        manifest: &Manifest,
        descriptor: &kind::Descriptor,
    ) -> Result<Self, Vec<Problem>> {
        Ok(Self {
            name: manifest.name.clone(),
            manifest: manifest.clone(),
            reach: descriptor.reach.clone(),
            schemas: Schemas::of(&manifest.name, descriptor)?,
            secrets: SecretSettings::of(manifest),
        })
    }
}

impl Kinds {
    /// Of the kinds only those may be used that came with the engine.
    pub fn new(catalog: Arc<Catalog>, site: Site) -> Self {
        let mut of_kinds = HashMap::with_capacity(catalog.kinds().len());
        let mut faults = HashMap::new();
        for kind in catalog.kinds() {
            match OfKind::new(&kind.manifest, &kind.descriptor) {
                Ok(of_kind) => _ = of_kinds.insert(kind.name.clone(), of_kind),
                Err(found) => _ = faults.insert(kind.name.clone(), found),
            }
        }
        let installed = Shelf::new(catalog, faults);
        Self {
            installed,
            of_kinds,
            site,
            egress: Policy::default(),
            tenants: BTreeMap::new(),
            natives: BTreeMap::new(),
            net: Arc::default(),
            files: Arc::default(),
        }
    }

    /// What is in another catalog, under the same rules, for the same tenants.
    #[must_use]
    pub(super) fn with_catalog(&self, catalog: Arc<Catalog>) -> Self {
        let next = Self {
            egress: self.egress.clone(),
            tenants: self.tenants.clone(),
            natives: self.natives.clone(),
            net: Arc::clone(&self.net),
            files: Arc::clone(&self.files),
            ..Self::new(catalog, self.site.clone())
        };
        next.installed.decide(self.installed.approvals());
        next
    }

    /// The same kinds, under what the operator lets endpoints reach.
    #[must_use]
    pub fn with_egress(mut self, policy: Policy) -> Self {
        self.egress = policy;
        self
    }

    /// The same kinds, whose endpoints share these ways out.
    #[must_use]
    pub fn with_doors(mut self, net: Arc<NetGate>, files: Arc<FilesGate>) -> Self {
        self.net = net;
        self.files = files;
        self
    }

    /// The same kinds; what the operator says of tenants decides which native ones these may use.
    #[must_use]
    pub fn with_natives_of(mut self, tenants: &BTreeMap<String, TenantConfig>) -> Self {
        let granted = tenants.iter().map(|(name, one)| (name.clone(), one.native_kinds.clone()));
        self.natives = granted.collect();
        self
    }

    /// The same kinds; those that were approved may be used, too.
    #[must_use]
    pub fn approved(self, approvals: Approvals) -> Self {
        self.installed.decide(Arc::new(approvals));
        self
    }

    /// The same kinds, for these tenants.
    #[must_use]
    pub(super) fn with_tenants(mut self, tenants: BTreeMap<TenantId, String>) -> Self {
        self.tenants = tenants;
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

    /// `None`: it is not installed.
    pub(super) fn of_kind(&self, kind: &str) -> Option<&OfKind> {
        self.of_kinds.get(kind)
    }

    /// Whether the value of a setting is not shown although it is not kept apart.
    pub(super) fn is_unshown(&self, kind: &str, setting: &str) -> bool {
        self.of_kinds.get(kind).is_some_and(|of| {
            let top = super::secrets::top(setting);
            of.schemas.is_secret(setting) && of.secrets.at_top(top).is_none()
        })
    }

    /// What the secrets of an endpoint and its recipients are bound to. `None`: its kind is not
    /// installed, or its settings for TLS are wrong, which is told when it is built.
    pub(super) fn bindings(
        &self,
        tenant: TenantId,
        name: &str,
        kind: &str,
        settings: &Settings,
    ) -> Option<Bindings<'_>> {
        Bindings::new(self.of_kind(kind)?, settings.as_map(), self.way(tenant, name)).ok()
    }

    pub(super) fn bindings_of(&self, row: &EndpointRow) -> Option<Bindings<'_>> {
        self.bindings(row.tenant, &row.name, &row.setup.kind, &row.setup.settings)
    }

    /// The folders that an endpoint's settings name, or all that is wrong with them.
    pub(super) fn folders(
        &self,
        tenant: TenantId,
        kind: &OfKind,
        settings: &Settings,
    ) -> Result<Vec<FolderGrant>, Vec<Problem>> {
        let tenant = self.tenants.get(&tenant).map_or("", String::as_str);
        folders(&kind.manifest.folder, settings.as_map(), tenant, self.files.is_open())
    }

    /// What the operator grants an endpoint of this name.
    pub(super) fn way(&self, tenant: TenantId, name: &str) -> Way {
        // A tenant without a row has no name that the operator could have written.
        let tenant = self.tenants.get(&tenant).map_or("", String::as_str);
        Way::of(&self.egress, tenant, name)
    }

    /// As [`kind`](Self::kind), where this tenant may use it.
    pub(super) fn kind_for(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<(&Arc<Kind>, &OfKind), Vec<Problem>> {
        let (kind, of_kind) = self.kind(name)?;
        if !kind.is_native() || tenant == TenantId::DEFAULT {
            return Ok((kind, of_kind));
        }
        let tenant = self.tenants.get(&tenant);
        let granted = tenant.and_then(|tenant| self.natives.get(tenant));
        if granted.is_some_and(|kinds| kinds.iter().any(|one| one == name)) {
            return Ok((kind, of_kind));
        }
        let expected = format!(
            "the kind `{name}` acts on the machine of the engine, and is not granted to this tenant; \
             the operator grants it with `native_kinds` in `[tenant.NAME]`"
        );
        Err(vec![Problem { place: "kind".to_owned(), expected }])
    }

    /// A kind that may be used, with what its settings are read by; nothing is made of any other.
    pub(super) fn kind(&self, name: &str) -> Result<(&Arc<Kind>, &OfKind), Vec<Problem>> {
        let kind = self.installed.usable(name)?;
        // A kind whose schemas cannot be used is broken.
        let of_kind = self.of_kind(name).ok_or_else(Vec::new)?;
        Ok((kind, of_kind))
    }

    /// A kind without code.
    #[cfg(test)]
    pub(super) fn with_kind(mut self, manifest: &str, descriptor: &kind::Descriptor) -> Self {
        let manifest = Manifest::parse(manifest).unwrap();
        let of_kind = OfKind::new(&manifest, descriptor).unwrap();
        self.of_kinds.insert(of_kind.name.clone(), of_kind);
        self
    }
}
