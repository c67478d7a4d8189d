//! The one gate toward the network: which origins an endpoint reaches, and the way there.
//!
//! Promise: nothing leaves but to an origin that was granted, spelled exactly, and a connection is
//! reused only under the same tenant, endpoint, origin and grant.
//!
//! Not here: what a request may contain (`capability::http`).

mod connect;
mod pool;
mod reach;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use url::{Host, Url};

pub use connect::{ConnectError, Connector};
pub use pool::{Connection, Pool, PoolKey};
pub use reach::{ReachError, origins};

use crate::ids::{EndpointId, TenantId};

/// Scheme, host and port of an `http` or `https` URL, in normal form: one spelling each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub scheme: Scheme,
    /// As `url` normalizes it: lower case, IDNA, IP addresses in their usual form.
    pub host: Host<String>,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Origin {
    /// The origin that `url` is at.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        let host = match url.host().ok_or(OriginError::Host)?.to_owned() {
            // The dot says that the name is absolute, which every name here is.
            Host::Domain(name) => Host::Domain(name.strip_suffix('.').unwrap_or(&name).to_owned()),
            address => address,
        };
        let port = url.port_or_known_default().ok_or(OriginError::Host)?;
        Ok(Self { scheme, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Why a URL has no origin that could be granted. Never shows the URL, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    #[error("expected a URL that begins with `https://` or `http://`")]
    Scheme,
    #[error("a URL must not hold a user name or a password")]
    UserInfo,
    #[error("expected a URL with a host name or an address")]
    Host,
}

/// What one endpoint may reach, and for whom.
#[derive(Clone, Debug)]
pub struct Grant {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    origins: Arc<[Origin]>,
    revision: [u8; 32],
}

impl Grant {
    pub fn new(tenant: TenantId, endpoint: EndpointId, origins: Vec<Origin>) -> Self {
        let mut hash = Sha256::new();
        for origin in &origins {
            hash.update(origin.to_string());
            hash.update([0]);
        }
        Self { tenant, endpoint, origins: origins.into(), revision: hash.finalize().into() }
    }

    pub fn allows(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The key under which this grant's connections to `origin` are kept.
    pub fn pool_key(&self, origin: &Origin) -> PoolKey {
        PoolKey {
            tenant: self.tenant,
            endpoint: self.endpoint,
            origin: origin.clone(),
            revision: self.revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Result<String, OriginError> {
        Origin::of(&Url::parse(url).unwrap()).map(|origin| origin.to_string())
    }

    #[test]
    fn every_spelling_of_an_origin_has_one_normal_form() {
        let table = [
            ("https://Hooks.Example/x", "https://hooks.example:443"),
            ("https://hooks.example:443", "https://hooks.example:443"),
            ("https://hooks.example.:443", "https://hooks.example:443"),
            ("http://0x7f.1:8080/", "http://127.0.0.1:8080"),
            ("http://2130706433/", "http://127.0.0.1:80"),
            ("http://[::0001]/", "http://[::1]:80"),
            ("https://bücher.example", "https://xn--bcher-kva.example:443"),
        ];
        for (url, expected) in table {
            assert_eq!(origin(url).as_deref(), Ok(expected), "{url}");
        }
        assert_eq!(origin("ftp://hooks.example"), Err(OriginError::Scheme));
        assert_eq!(origin("https://hooks.example@evil.example"), Err(OriginError::UserInfo));
    }

    #[test]
    fn a_grant_allows_its_origins_and_no_neighbor() {
        let granted = Origin::of(&Url::parse("https://hooks.example").unwrap()).unwrap();
        let grant = Grant::new(TenantId(1), EndpointId(1), vec![granted]);
        let table = [
            ("https://hooks.example/any/path", true),
            ("http://hooks.example/", false),
            ("https://hooks.example:8443/", false),
            ("https://evilhooks.example/", false),
            ("https://hooks.example.evil.example/", false),
        ];
        for (url, expected) in table {
            let asked = Origin::of(&Url::parse(url).unwrap()).unwrap();
            assert_eq!(grant.allows(&asked), expected, "{url}");
        }
    }
}
