//! From a host to a connection: resolved once, filtered, connected to the very addresses that
//! passed, and TLS with the name, the authorities and the identity of the grant.
//!
//! Promise: nothing is connected to that did not pass as an address, whatever a name says later;
//! who is at the other end is looked at again once it stands. With a proxy the same addresses are
//! asked of it.
//!
//! Not here: whether the origin or target was granted (`grant`), and HTTP (`capability::http`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::address::Rule;
use super::dial::dial;
use super::own::OwnAddresses;
use super::policy::Proxy;
use super::pool::Connection;
use super::proxy::tunnel;
use super::resolve::{ResolveError, Resolver, Ttl};
use super::sessions::Sessions;
use super::way::Barred;
use super::{Grant, Origin, Scheme};
use crate::privileged::fail2ban::spared::{Noted, Reason};

/// Longest wait for a TLS handshake, or for a proxy's answer.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// Makes connections. Copies share what is kept: names, addresses of this machine, TLS tickets.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    resolver: Resolver,
    own: OwnAddresses,
    sessions: Sessions,
    /// Where names have led to: nobody there is banned.
    spared: Arc<Noted>,
}

/// Why there is no connection. Nothing of a request was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    #[error("the name `{name}` has no address that is known")]
    Name { name: String, source: ResolveError },
    #[error(
        "`{host}` is refused, since its address {address} is {rule}; only the operator can grant \
         it ([[egress.grant]])"
    )]
    Forbidden { host: String, address: IpAddr, rule: Rule },
    #[error(
        "port {port} of `{host}` is refused; only the operator can grant it ([tenant.NAME], \
         [[egress.grant]])"
    )]
    Port { host: String, port: u16 },
    #[error("datagrams do not go through the proxy that the operator set for this endpoint")]
    Datagram,
    #[error("no connection to `{peer}`")]
    Refused { peer: String, source: io::Error },
    #[error("the proxy `{proxy}` gives no connection to `{peer}`")]
    Proxy { proxy: String, peer: String, source: io::Error },
    #[error("the certificate of `{host}` is not to be trusted: {source}")]
    Untrusted { host: String, source: rustls::Error },
    #[error("no certificate can be for the name `{name}`")]
    TlsName { name: String },
    #[error("TLS with `{host}` failed")]
    Tls { host: String, source: io::Error },
    #[error("HTTP with `{origin}` failed at the start")]
    Handshake { origin: String, source: hyper::Error },
}

impl ConnectError {
    /// For the component.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "name",
            Self::Forbidden { .. } => "address",
            Self::Port { .. } => "port",
            Self::Datagram | Self::Proxy { .. } => "proxy",
            Self::Refused { .. } => "connect",
            Self::Untrusted { .. } | Self::TlsName { .. } => "certificate",
            Self::Tls { .. } => "tls",
            Self::Handshake { .. } => "http",
        }
    }

    /// Whether policy forbids it, so that trying again changes nothing.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Forbidden { .. } | Self::Port { .. } | Self::Datagram)
    }

    /// Whether the peer is not who it should be.
    pub fn is_untrusted(&self) -> bool {
        matches!(self, Self::Untrusted { .. } | Self::TlsName { .. })
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Connector {
    /// Asks these name servers; if there are none, those of the machine.
    pub fn new(name_servers: &[SocketAddr]) -> Self {
        Self::with_ttl(name_servers, Ttl::default())
    }

    pub(super) fn with_ttl(name_servers: &[SocketAddr], ttl: Ttl) -> Self {
        Self(Arc::new(Inner {
            resolver: Resolver::new(name_servers, ttl),
            own: OwnAddresses::default(),
            sessions: Sessions::default(),
            spared: Arc::default(),
        }))
    }

    /// A connection for HTTP, over TLS where the origin says so.
    pub async fn connect(
        &self,
        grant: &Grant,
        origin: &Origin,
    ) -> Result<Connection, ConnectError> {
        let stream = self.tcp(grant, &origin.host, origin.port).await?;
        match origin.scheme {
            Scheme::Http => speak(origin, stream).await,
            Scheme::Https => {
                let port = Some(origin.port);
                speak(origin, self.encrypt(grant, &origin.host, port, stream).await?).await
            }
        }
    }

    /// A stream to one of the addresses of `host` that passed.
    pub async fn tcp(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: u16,
    ) -> Result<TcpStream, ConnectError> {
        let addresses = self.addresses(grant, host, port).await?;
        if let Some(proxy) = grant.way.proxy() {
            return self.through(proxy, host, port, &addresses).await;
        }
        let peer = format!("{host}:{port}");
        let stream = dial(addresses)
            .await
            .map_err(|source| ConnectError::Refused { peer: peer.clone(), source })?;
        let ends = stream.peer_addr().and_then(|far| Ok((stream.local_addr()?, far)));
        let (near, far) = ends.map_err(|source| ConnectError::Refused { peer, source })?;
        self.look_again(grant, host, near, far)?;
        Ok(stream)
    }

    /// TLS over `stream` with the name `host`. What the peer said before is the caller's business:
    /// nothing of it may be left in a buffer.
    pub async fn tls(
        &self,
        grant: &Grant,
        host: &Host<String>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        self.encrypt(grant, host, None, stream).await
    }

    /// A socket that sends to one of the addresses of `host` that passed, and hears only from there.
    pub async fn udp(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: u16,
    ) -> Result<UdpSocket, ConnectError> {
        let addresses = self.addresses(grant, host, port).await?;
        if grant.way.proxy().is_some() {
            return Err(ConnectError::Datagram);
        }
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match datagrams(address).await {
                Ok((socket, near, far)) => {
                    self.look_again(grant, host, near, far)?;
                    return Ok(socket);
                }
                // Such as IPv6 on a machine without.
                Err(error) => last = error,
            }
        }
        Err(ConnectError::Refused { peer: format!("{host}:{port}"), source: last })
    }

    /// The addresses of `host` that may be connected to, the best first. If none may: by which
    /// rule.
    async fn addresses(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: u16,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = self.resolve(host).await?;
        let mut passed = Vec::with_capacity(found.len());
        let mut barred = None;
        for address in found {
            match grant.way.judge(address, port, &self.0.own) {
                Ok(_) => passed.push(SocketAddr::new(address.to_canonical(), port)),
                Err(why) => {
                    barred.get_or_insert(why);
                }
            }
        }
        let host = host.to_string();
        match barred {
            Some(Barred::Address { address, rule }) if passed.is_empty() => {
                Err(ConnectError::Forbidden { host, address, rule })
            }
            Some(Barred::Port) if passed.is_empty() => Err(ConnectError::Port { host, port }),
            _ => Ok(passed),
        }
    }

    pub(super) async fn resolve(&self, host: &Host<String>) -> Result<Vec<IpAddr>, ConnectError> {
        let unknown = |source| ConnectError::Name { name: host.to_string(), source };
        let found = self.0.resolver.addresses(host).await.map_err(unknown)?;
        found.iter().for_each(|address| self.0.spared.note(*address, Reason::Endpoint));
        Ok(found)
    }

    /// Where names have led to.
    pub fn spared(&self) -> Arc<Noted> {
        Arc::clone(&self.0.spared)
    }

    pub(super) fn own(&self) -> &OwnAddresses {
        &self.0.own
    }

    /// Looks at who is at the other end. Both ends alike are this machine, even where the address
    /// is not yet, or never, among those of its interfaces.
    fn look_again(
        &self,
        grant: &Grant,
        host: &Host<String>,
        near: SocketAddr,
        far: SocketAddr,
    ) -> Result<(), ConnectError> {
        let (address, host) = (far.ip().to_canonical(), || host.to_string());
        match grant.way.judge(address, far.port(), &self.0.own) {
            Err(Barred::Address { address, rule }) => {
                Err(ConnectError::Forbidden { host: host(), address, rule })
            }
            Err(Barred::Port) => Err(ConnectError::Port { host: host(), port: far.port() }),
            Ok(_) => {
                let is_own = near.ip().to_canonical() == address;
                if is_own && grant.way.granted(address, far.port()).is_none() {
                    let rule = Rule::Own;
                    return Err(ConnectError::Forbidden { host: host(), address, rule });
                }
                Ok(())
            }
        }
    }

    /// Asks the proxy for one address after the other. Its own address is the operator's choice.
    async fn through(
        &self,
        proxy: &Proxy,
        host: &Host<String>,
        port: u16,
        addresses: &[SocketAddr],
    ) -> Result<TcpStream, ConnectError> {
        let failed = |source| ConnectError::Proxy {
            proxy: format!("{}:{}", proxy.host, proxy.port),
            peer: format!("{host}:{port}"),
            source,
        };
        let at = self.resolve(&proxy.host).await?;
        at.iter().for_each(|address| self.0.spared.note(*address, Reason::Proxy));
        let at: Vec<_> = at.into_iter().map(|ip| SocketAddr::new(ip, proxy.port)).collect();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            let mut stream = dial(at.clone()).await.map_err(failed)?;
            match timeout(HANDSHAKE_MAX, tunnel(&mut stream, proxy, *address)).await {
                Ok(Ok(())) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(failed(last))
    }

    async fn encrypt(
        &self,
        grant: &Grant,
        host: &Host<String>,
        port: Option<u16>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = server_name(host)?;
        let of_host = |source| ConnectError::Tls { host: host.to_string(), source };
        let config =
            self.0.sessions.config(grant, host, port).map_err(|e| of_host(io::Error::other(e)))?;
        match timeout(HANDSHAKE_MAX, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(match error.get_ref().and_then(|e| e.downcast_ref()) {
                Some(source @ rustls::Error::InvalidCertificate(_)) => {
                    ConnectError::Untrusted { host: host.to_string(), source: source.clone() }
                }
                _ => of_host(error),
            }),
            Err(_) => Err(of_host(io::ErrorKind::TimedOut.into())),
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

async fn datagrams(to: SocketAddr) -> io::Result<(UdpSocket, SocketAddr, SocketAddr)> {
    let any = match to {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    let (near, far) = (socket.local_addr()?, socket.peer_addr()?);
    Ok((socket, near, far))
}

/// The name that the certificate has to be for.
pub(super) fn server_name(host: &Host<String>) -> Result<ServerName<'static>, ConnectError> {
    Ok(match host {
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| ConnectError::TlsName { name: name.clone() })?,
    })
}

#[cfg(test)]
mod tests;
