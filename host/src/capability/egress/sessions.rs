//! TLS configurations, one per identity and peer: each with a memory for tickets of its own.
//!
//! Promise: TLS 1.2 or newer, no early data; a ticket that one endpoint, peer or identity was given
//! is never shown for another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use url::Host;

use super::Grant;
use super::tls::TlsIdentity;
use super::verify::Pinned;
use crate::ids::{EndpointId, TenantId};

/// Configurations that are kept; beyond, those that were used least recently go.
const KEPT_MAX: usize = 512;

/// Tickets of one configuration.
const TICKETS_MAX: usize = 8;

/// What a configuration is made for: the parts of the pool's key that matter to TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    endpoint: EndpointId,
    host: Host<String>,
    port: Option<u16>,
    revision: [u8; 32],
}

pub(super) struct Sessions {
    provider: Arc<CryptoProvider>,
    /// For identities that trust nobody else.
    public: Arc<WebPkiServerVerifier>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    by_key: HashMap<Key, (u64, Arc<ClientConfig>)>,
    uses: u64,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

impl Default for Sessions {
    fn default() -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let public = verifier(public_roots(), &provider)
            .expect("the public authorities can be trusted without lists of revocations");
        Self { provider, public, kept: Mutex::default() }
    }
}

impl Sessions {
    /// The configuration for connections of `grant` to `host`. `port`: where it is known.
    pub(super) fn config(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: Option<u16>,
    ) -> Result<Arc<ClientConfig>, rustls::Error> {
        let key = Key {
            tenant: grant.tenant,
            endpoint: grant.endpoint,
            host: host.clone(),
            port,
            revision: *grant.revision(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        if let Some((used, config)) = kept.by_key.get_mut(&key) {
            *used = now;
            return Ok(Arc::clone(config));
        }
        if kept.by_key.len() >= KEPT_MAX {
            // The older half: rarely, rather than one each time.
            let mut used: Vec<u64> = kept.by_key.values().map(|(used, _)| *used).collect();
            let (_, middle, _) = used.select_nth_unstable(KEPT_MAX / 2);
            let middle = *middle;
            kept.by_key.retain(|_, (used, _)| *used > middle);
        }
        let config = Arc::new(self.make(grant.way.tls())?);
        kept.by_key.insert(key, (now, Arc::clone(&config)));
        Ok(config)
    }

    fn make(&self, identity: &TlsIdentity) -> Result<ClientConfig, rustls::Error> {
        let usual = if identity.authorities.is_empty() {
            Arc::clone(&self.public)
        } else {
            let mut roots = public_roots();
            for authority in &identity.authorities {
                roots.add(authority.clone())?;
            }
            verifier(roots, &self.provider)?
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous();
        let builder = match identity.pin {
            None => builder.with_custom_certificate_verifier(usual),
            Some(pin) => builder.with_custom_certificate_verifier(Arc::new(Pinned { usual, pin })),
        };
        let mut config = match &identity.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let resolver = SingleCertAndKey::from(Arc::clone(client));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
        };
        // Some servers that ask for a certificate refuse a session that is resumed.
        config.resumption = match &identity.client {
            None => Resumption::in_memory_sessions(TICKETS_MAX),
            Some(_) => Resumption::disabled(),
        };
        config.enable_early_data = false;
        Ok(config)
    }
}

fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}
