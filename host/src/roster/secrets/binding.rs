//! What a secret is bound to: everything that decides who gets to see it.
//!
//! Promise: computed from settings and from what the operator grants as both are now, so that
//! whoever changes either, in whatever way, loses what was bound to the other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::kinds::OfKind;
use super::{SecretSetting, reach_view};
use crate::capability::egress::{
    AskedOrigin, Grant, Methods, Reach, ReachError, TlsIdentity, TlsSettings, Way, reach,
    with_defaults,
};
use crate::config::Problem;
use crate::ids::{EndpointId, TenantId};
use crate::runtime::{Manifest, MethodAsked};

/// Equal texts for equal bindings alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Binding {
    kind: String,
    /// Normal forms of origins and targets, sorted.
    to: Vec<String>,
    /// `host:port`; absent: directly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    proxy: Option<String>,
    /// SHA-256 over what is trusted beside the public authorities, and the pin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    trust: Option<String>,
    /// Credentials may go over unencrypted connections.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    clear_text: bool,
}

impl Binding {
    fn new(kind: &str, mut to: Vec<String>, way: &Way) -> Self {
        to.sort_unstable();
        to.dedup();
        let proxy = way.proxy().map(|proxy| format!("{}:{}", proxy.host, proxy.port));
        let trust = way.tls().trust_hash().map(|hash| hexadecimal(&hash));
        Self { kind: kind.to_owned(), to, proxy, trust, clear_text: way.clear_text() }
    }

    /// Where the secret may go.
    pub(in super::super) fn to(&self) -> &[String] {
        &self.to
    }

    pub(in super::super) fn to_text(&self) -> String {
        // A map of texts and lists of them is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A binding's text, for people.
    pub(in super::super) fn read_out(text: &str) -> String {
        match serde_json::from_str::<Self>(text) {
            Ok(binding) if !binding.to.is_empty() => binding.told(),
            _ => "something else".to_owned(),
        }
    }

    fn told(&self) -> String {
        let mut told = format!("`{}`", crate::printable::printable(&self.to.join(" "), 256));
        if let Some(proxy) = &self.proxy {
            told += &format!(" by the proxy `{}`", crate::printable::printable(proxy, 128));
        }
        if self.trust.is_some() {
            told += " under certificates of its own";
        }
        if self.clear_text {
            told += " with clear text allowed";
        }
        told
    }
}

/// Everything that the secrets of one endpoint and of its recipients are bound to.
pub(in super::super) struct Bindings<'k> {
    pub(super) kind: &'k OfKind,
    /// Settings of the endpoint with the origins of secret URLs, and nothing else that is secret.
    pub(super) view: Map<String, Value>,
    pub(in super::super) way: Way,
    /// To token servers: they have keys of their own, so that no pin is theirs.
    pub(super) way_of_tokens: Way,
    pub(in super::super) reach: Result<Reach, ReachError>,
}

impl<'k> Bindings<'k> {
    /// `settings`: the endpoint's, with markers. `way`: what the operator grants. `Err`: what is
    /// wrong with the settings for TLS.
    pub(in super::super) fn new(
        kind: &'k OfKind,
        settings: &Map<String, Value>,
        way: Way,
    ) -> Result<Self, Vec<Problem>> {
        let view = with_defaults(&reach_view(settings, &kind.secrets), kind.schemas.of_endpoint());
        // The client's own certificate says nothing about whom it talks to.
        let of_peer = Map::from_iter(
            [TlsSettings::CA, TlsSettings::PIN]
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), view.get(*name)?.clone()))),
        );
        let tls = TlsSettings::parse(&of_peer, None)?;
        let mut authorities = of_peer;
        authorities.remove(TlsSettings::PIN);
        let way_of_tokens = way.clone().with_tls(&TlsSettings::parse(&authorities, None)?);
        let reach = reach_of(kind, &view);
        Ok(Self { kind, view, way: way.with_tls(&tls), way_of_tokens, reach })
    }

    /// What `field` is bound to. `None`: it is no secret. `Err`: a setting is missing that says
    /// where it may go.
    pub(in super::super) fn of_field(&self, field: &str) -> Option<Result<Binding, ReachError>> {
        self.setting(field).map(|(_, binding)| binding)
    }

    pub(in super::super) fn setting(
        &self,
        field: &str,
    ) -> Option<(&'k SecretSetting, Result<Binding, ReachError>)> {
        let secret = self.kind.secrets.of_field(field)?;
        let to = match &secret.bound_to {
            Some(templates) => self.resolved(templates),
            None => self.reach.clone().map(|reach| {
                let origins = reach.origins.iter().map(|one| one.origin.to_string());
                origins.chain(reach.targets.iter().map(ToString::to_string)).collect()
            }),
        };
        let binding = to.map(|to| Binding::new(&self.kind.name, to, &self.way));
        Some((secret, binding))
    }

    /// Where the templates lead whose settings are set. `Err`: none does.
    pub(super) fn resolved(&self, templates: &[String]) -> Result<Vec<String>, ReachError> {
        let mut to = Vec::new();
        let mut missing = None;
        for template in templates {
            match resolve(&self.kind.manifest, template, &self.view) {
                Ok(one) => to.push(one),
                Err(error @ ReachError::Missing { .. }) => missing = missing.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if to.is_empty() => Err(error),
            _ => Ok(to),
        }
    }

    /// The endpoint's grant, with the certificate that it proves itself with.
    pub(in super::super) fn grant(
        &self,
        tenant: TenantId,
        endpoint: EndpointId,
        tls: &TlsIdentity,
    ) -> Result<Grant, ReachError> {
        let way = self.way.clone().with_tls(tls);
        Ok(Grant::new(tenant, endpoint, self.reach.clone()?, Arc::new(way)))
    }
}

fn reach_of(kind: &OfKind, view: &Map<String, Value>) -> Result<Reach, ReachError> {
    let origins: Vec<_> = kind
        .manifest
        .origin
        .iter()
        .map(|one| AskedOrigin { url: &one.url, methods: methods(&one.methods), path: &one.path })
        .collect();
    let targets: Vec<_> = kind.manifest.target.iter().map(|one| one.to.as_str()).collect();
    reach(&kind.reach, &origins, &targets, view)
}

/// The one origin or target that `template` leads to, in normal form.
fn resolve(
    manifest: &Manifest,
    template: &str,
    view: &Map<String, Value>,
) -> Result<String, ReachError> {
    let alone = [template.to_owned()];
    let is_target = manifest.target.iter().any(|one| one.to == template);
    let found = if is_target {
        reach(&alone, &[], &[template], view)?
    } else {
        let asked = AskedOrigin { url: template, methods: Methods::ALL, path: "/" };
        reach(&alone, &[asked], &[], view)?
    };
    let origin = found.origins.first().map(|one| one.origin.to_string());
    Ok(origin.or_else(|| found.targets.first().map(ToString::to_string)).unwrap_or_default())
}

fn methods(asked: &[MethodAsked]) -> Methods {
    use hyper::Method;
    if asked.is_empty() {
        return Methods::ALL;
    }
    asked.iter().fold(Methods::NONE, |methods, one| {
        methods.with(&match one {
            MethodAsked::Get => Method::GET,
            MethodAsked::Head => Method::HEAD,
            MethodAsked::Options => Method::OPTIONS,
            MethodAsked::Post => Method::POST,
            MethodAsked::Put => Method::PUT,
            MethodAsked::Patch => Method::PATCH,
            MethodAsked::Delete => Method::DELETE,
        })
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
