//! A recipient as dispatch needs it: resolved once, when the configuration is read.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::guard::By;
use crate::capability::egress::Grant;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::runtime::bindings::kind::Purpose;
use crate::runtime::{Context, Kind};

/// One configured account or server, and what it may reach.
#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub tenant: TenantId,
    pub name: String,
    pub kind: Arc<Kind>,
    pub grant: Grant,
    pub settings: Map<String, Value>,
}

/// One recipient, ready to be sent to.
#[derive(Debug)]
pub struct Destination {
    pub id: RecipientId,
    pub name: String,
    pub endpoint: Arc<Endpoint>,
    /// The effective settings as JSON: recipient keys override endpoint keys.
    pub settings: String,
    pub settings_sha256: [u8; 32],
    pub context: Context,
    pub zone: TimeZone,
    /// Micro-batches of it that are under way at once.
    pub concurrency: usize,
}

/// Who this installation is, to the components.
#[derive(Clone, Debug)]
pub struct Site {
    pub instance: String,
    pub locale: String,
    /// IANA name of `zone`.
    pub zone_name: String,
    pub zone: TimeZone,
}

impl Destination {
    pub fn new(
        id: RecipientId,
        name: &str,
        endpoint: Arc<Endpoint>,
        own: &Map<String, Value>,
        site: &Site,
    ) -> Self {
        let mut settings = endpoint.settings.clone();
        settings.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        let settings = Value::Object(settings).to_string();
        let context = Context {
            settings: settings.clone(),
            recipient_id: id.to_string(),
            recipient_name: name.to_owned(),
            endpoint_id: endpoint.id.to_string(),
            instance: site.instance.clone(),
            instance_link: None,
            engine: concat!("campanile/", env!("CARGO_PKG_VERSION")).to_owned(),
            zone: site.zone_name.clone(),
            locale: site.locale.clone(),
            purpose: Purpose::Live,
            omitted: 0,
            group: Vec::new(),
            extra: Vec::new(),
        };
        let asked = usize::try_from(endpoint.kind.descriptor.concurrency).unwrap_or(usize::MAX);
        Self {
            id,
            name: name.to_owned(),
            settings_sha256: Sha256::digest(&settings).into(),
            settings,
            context,
            zone: site.zone.clone(),
            concurrency: asked.clamp(1, 64),
            endpoint,
        }
    }

    /// Whose requests these are, to the guard.
    pub(super) fn by(&self) -> By {
        By { tenant: self.endpoint.tenant, endpoint: self.endpoint.id }
    }
}
