//! TLS toward an engine that stands behind a proxy.
//!
//! Promise: the proxy's certificate is always verified. `--ca` changes who may vouch for it;
//! nothing switches that off.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::cli::{Exit, Failure};

pub(super) struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts the certificates in the file `ca`, or the public ones.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, Failure> {
        let roots = match ca {
            Some(file) => read(file)?,
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(Exit::Failed, error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn connect(
        &self,
        host: &Host<String>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Box<dyn std::error::Error + Send + Sync>> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone())?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::V6(*address)),
        };
        Ok(self.0.connect(name, stream).await?)
    }
}

fn read(file: &Path) -> Result<RootCertStore, Failure> {
    let failed = |what: &str, source: Box<dyn std::error::Error + Send + Sync>| {
        let text = format!("--ca: {what} `{}`; name a file of certificates in PEM", file.display());
        Failure::caused(Exit::Config, text, source)
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed("cannot read", error.into()))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| failed("cannot use", error.into()))?;
    }
    if roots.is_empty() {
        return Err(failed("cannot use", "there is no certificate in it".into()));
    }
    Ok(roots)
}
