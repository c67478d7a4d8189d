//! From an origin to a connection: resolve once, connect, TLS with the name of the grant.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Host;

use super::pool::Connection;
use super::{Origin, Scheme};

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// Makes connections.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

/// Why there is no connection. Nothing of a request was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error("the name `{name}` has no address")]
    Name { name: String, source: Option<io::Error> },
    #[error("no connection to `{origin}`")]
    Refused { origin: String, source: io::Error },
    #[error("the certificate of `{origin}` is not to be trusted: {source}")]
    Untrusted { origin: String, source: rustls::Error },
    #[error("TLS with `{origin}` failed")]
    Tls { origin: String, source: io::Error },
    #[error("HTTP with `{origin}` failed at the start")]
    Handshake { origin: String, source: hyper::Error },
}

impl Default for Connector {
    fn default() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring provides TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: Arc::new(config) }
    }
}

impl Connector {
    pub async fn connect(&self, origin: &Origin) -> Result<Connection, ConnectError> {
        let stream = dial(origin).await?;
        // Small requests must not wait for the answer to the last one.
        let _ = stream.set_nodelay(true);
        match origin.scheme {
            Scheme::Http => speak(origin, stream).await,
            Scheme::Https => {
                let name = server_name(&origin.host);
                let stream = TlsConnector::from(Arc::clone(&self.tls))
                    .connect(name, stream)
                    .await
                    .map_err(|error| tls_error(origin, error))?;
                speak(origin, stream).await
            }
        }
    }
}

async fn speak<S>(origin: &Origin, stream: S) -> Result<Connection, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, driver) = http1::Builder::new()
        .max_headers(128)
        .max_buf_size(64 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|source| ConnectError::Handshake { origin: origin.to_string(), source })?;
    let driver = Box::pin(async move {
        let _ = driver.await;
    });
    Ok(Connection::new(sender, driver))
}

async fn dial(origin: &Origin) -> Result<TcpStream, ConnectError> {
    let addresses = resolve(origin).await?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Refused { origin: origin.to_string(), source: last })
}

async fn resolve(origin: &Origin) -> Result<Vec<SocketAddr>, ConnectError> {
    let name = match &origin.host {
        Host::Ipv4(address) => return Ok(vec![SocketAddr::new(IpAddr::V4(*address), origin.port)]),
        Host::Ipv6(address) => return Ok(vec![SocketAddr::new(IpAddr::V6(*address), origin.port)]),
        Host::Domain(name) => name,
    };
    let unknown = |source| ConnectError::Name { name: name.clone(), source };
    let found = tokio::net::lookup_host((name.as_str(), origin.port))
        .await
        .map_err(|error| unknown(Some(error)))?;
    let addresses: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if addresses.is_empty() { Err(unknown(None)) } else { Ok(addresses) }
}

fn server_name(host: &Host<String>) -> ServerName<'static> {
    match host {
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        Host::Domain(name) => ServerName::try_from(name.clone())
            // A name that TLS cannot carry matches no certificate.
            .unwrap_or_else(|_| ServerName::from(IpAddr::from([0, 0, 0, 0]))),
    }
}

fn tls_error(origin: &Origin, error: io::Error) -> ConnectError {
    let origin = origin.to_string();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(source @ rustls::Error::InvalidCertificate(_)) => {
            ConnectError::Untrusted { origin, source: source.clone() }
        }
        _ => ConnectError::Tls { origin, source: error },
    }
}
