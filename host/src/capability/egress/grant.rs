//! What one endpoint may reach, for whom, and by which way.
//!
//! Promise: exact origins and targets, nothing like them; two grants that differ in anything never
//! share a connection.

use std::fmt;
use std::sync::Arc;

use hyper::Method;
use sha2::{Digest, Sha256};

use super::path::{PathError, PathPrefix};
use super::pool::PoolKey;
use super::{Origin, Target, Way};
use crate::ids::{EndpointId, TenantId};

/// One origin, and what may be asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginGrant {
    pub origin: Origin,
    pub methods: Methods,
    pub path: PathPrefix,
}

impl OriginGrant {
    /// Every method and path of `origin`.
    pub fn whole(origin: Origin) -> Self {
        Self { origin, methods: Methods::ALL, path: PathPrefix::default() }
    }
}

/// Where an endpoint's manifest and settings lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub origins: Vec<OriginGrant>,
    pub targets: Vec<Target>,
}

/// A set of HTTP methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Methods(u8);

impl Methods {
    pub const NONE: Self = Self(0);
    /// All that the contract has; CONNECT and TRACE can stand in no set.
    pub const ALL: Self = Self(0x7f);

    #[must_use]
    pub fn with(self, method: &Method) -> Self {
        Self(self.0 | Self::bit(method))
    }

    pub fn contains(self, method: &Method) -> bool {
        self.0 & Self::bit(method) != 0
    }

    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];

    fn bit(method: &Method) -> u8 {
        Self::KNOWN.iter().position(|known| known == method).map_or(0, |at| 1 << at)
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("any method");
        }
        let own = Self::KNOWN.iter().filter(|method| self.contains(method));
        let names: Vec<_> = own.map(Method::as_str).collect();
        f.write_str(if names.is_empty() { "no method" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

/// Why a request is not granted. [`Self::code`] is for the component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    #[error("`{origin}` is not granted to this endpoint")]
    Origin { origin: Origin },
    #[error("{method} at `{origin}` is not granted to this endpoint")]
    Method { origin: Origin, method: Method },
    #[error("the path is not beneath `{prefix}`, which is granted at `{origin}`")]
    Path { origin: Origin, prefix: String },
    #[error("{source}")]
    Odd { origin: Origin, source: PathError },
    #[error("`{target}` is not granted to this endpoint")]
    Target { target: Target },
}

impl Denied {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Origin { .. } => "origin",
            Self::Method { .. } => "method",
            Self::Path { .. } | Self::Odd { .. } => "path",
            Self::Target { .. } => "target",
        }
    }
}

/// What one endpoint may reach, and for whom.
#[derive(Clone, Debug)]
pub struct Grant {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    pub way: Arc<Way>,
    reach: Arc<Reach>,
    revision: [u8; 32],
}

impl Grant {
    pub fn new(tenant: TenantId, endpoint: EndpointId, reach: Reach, way: Arc<Way>) -> Self {
        let mut hash = Sha256::new();
        for one in &reach.origins {
            let told = format!("{} {:?} {}", one.origin, one.methods, one.path);
            hash.update(told.len().to_be_bytes());
            hash.update(told);
        }
        for target in &reach.targets {
            let told = target.to_string();
            hash.update(told.len().to_be_bytes());
            hash.update(told);
        }
        way.feed(&mut hash);
        Self { tenant, endpoint, way, reach: Arc::new(reach), revision: hash.finalize().into() }
    }

    /// The same grant with the versions of its secrets mixed into the revision: a connection that
    /// proved itself with an older one is not used again.
    #[must_use]
    pub fn with_secrets(mut self, versions: [u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.revision);
        hash.update(versions);
        self.revision = hash.finalize().into();
        self
    }

    /// Whether this may be asked of `origin`. `path` is that of a URL, percent-encoded as it goes
    /// out.
    pub fn allows(&self, origin: &Origin, method: &Method, path: &str) -> Result<(), Denied> {
        let mut denied = None;
        // The same origin may be granted more than once, with other methods and paths.
        for one in self.reach.origins.iter().filter(|one| one.origin == *origin) {
            let origin = || origin.clone();
            let method_denied = || Denied::Method { origin: origin(), method: method.clone() };
            if !one.methods.contains(method) {
                denied.get_or_insert_with(method_denied);
                continue;
            }
            match one.path.holds(path) {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let prefix = one.path.to_string();
                    denied = Some(Denied::Path { origin: origin(), prefix });
                }
                Err(source) => denied = Some(Denied::Odd { origin: origin(), source }),
            }
        }
        Err(denied.unwrap_or_else(|| Denied::Origin { origin: origin.clone() }))
    }

    pub fn allows_target(&self, target: &Target) -> Result<(), Denied> {
        if self.reach.targets.contains(target) {
            return Ok(());
        }
        Err(Denied::Target { target: target.clone() })
    }

    pub fn origins(&self) -> &[OriginGrant] {
        &self.reach.origins
    }

    pub fn targets(&self) -> &[Target] {
        &self.reach.targets
    }

    /// Equal for equal grants alone.
    pub fn revision(&self) -> &[u8; 32] {
        &self.revision
    }

    /// The key under which this grant's connections to `origin` are kept.
    pub fn pool_key(&self, origin: &Origin) -> PoolKey {
        self.key(Peer::Origin(origin.clone()))
    }

    /// The key under which this grant's connections to `target` are kept.
    pub fn target_key(&self, target: &Target) -> PoolKey {
        self.key(Peer::Target(target.clone()))
    }

    fn key(&self, peer: Peer) -> PoolKey {
        PoolKey {
            tenant: self.tenant,
            endpoint: self.endpoint,
            peer,
            identity: self.way.tls().hash(),
            revision: self.revision,
        }
    }
}

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    Origin(Origin),
    Target(Target),
}

#[cfg(test)]
mod tests;
