//! Speaks to the running engine: one request per connection, each bounded in time.
//!
//! Promise: the token crosses a network only inside TLS that was verified. In clear text it goes to
//! this machine and to no other.
//!
//! Not here: what is asked (`ask`), and what an answer says (`answer`).

mod answer;
mod ask;
#[cfg(test)]
mod tests;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

pub(super) use answer::{Answer, place};
pub(super) use ask::{Ask, segment, with_query};
use tls::Tls;

use super::{Common, Exit, Failure};
use crate::config::Config;
use crate::ids::Secret;
use crate::tenant::{Role, tokens};

/// Above the options of a [`Target`].
const HEADING: &str = "Where the engine is";
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where the engine is.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Target {
    /// The running engine, on this machine or behind https [default: `api.listen` of the
    /// configuration]
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    url: Option<Url>,
    /// File of the token [default: the one in the data folder]
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    token_file: Option<PathBuf>,
    /// File of the certificates (PEM) that vouch for an https address, in place of the public ones
    #[arg(long, value_name = "PATH", help_heading = HEADING)]
    ca: Option<PathBuf>,
}

impl Target {
    /// A client with the token of `role`. The configuration is read only for what is not given.
    pub(super) fn client(&self, common: &Common, role: Role) -> Result<Client, Failure> {
        let config = match (&self.url, &self.token_file) {
            (Some(_), Some(_)) => None,
            _ => Some(common.load()?),
        };
        let place = Place::of(&self.address(config.as_ref())?)?;
        let tls = match (place.is_secure, &self.ca) {
            (true, ca) => Some(Tls::new(ca.as_deref())?),
            (false, None) => None,
            (false, Some(_)) => {
                let text = "--ca: expected an https address in --url beside it; leave it out, or \
                            name the address of the TLS proxy";
                return Err(Failure::says(Exit::Usage, text));
            }
        };
        let own = |config: &Config| tokens::path(&config.data_dir, role);
        let file = self.token_file.clone().or_else(|| config.as_ref().map(own)).unwrap_or_default();
        let token = tokens::read(&file).map_err(|error| Failure::new(Exit::Config, error))?;
        let body_bytes_max = config.map(|config| config.ingest.body_bytes_max.get());
        Ok(Client { place, tls, token, body_bytes_max })
    }

    /// Somebody says which engine is meant.
    pub(super) fn is_named(&self) -> bool {
        self.url.is_some()
    }

    fn address(&self, config: Option<&Config>) -> Result<Url, Failure> {
        match (&self.url, config) {
            (Some(url), _) => Ok(url.clone()),
            (None, Some(config)) if config.api.listen.port() != 0 => {
                let url = crate::api::base_url(config.api.listen);
                Url::parse(&url).map_err(|error| Failure::new(Exit::Config, error))
            }
            _ => Err(Failure::says(
                Exit::Usage,
                "`api.listen` leaves the port to the system; name the address that `campanile \
                 serve` printed with --url",
            )),
        }
    }
}

/// One engine, and the token for it.
#[derive(Debug)]
pub(super) struct Client {
    place: Place,
    tls: Option<Tls>,
    token: Secret,
    /// What the engine takes at once, where the configuration was read.
    pub(super) body_bytes_max: Option<usize>,
}

impl Client {
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Ask::get(path)).await
    }

    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, Failure> {
        let within = ask.within;
        let request = self.request(ask)?;
        let connect = TcpStream::connect((self.place.dialed.as_str(), self.place.port));
        let stream = match tokio::time::timeout(CONNECT_WITHIN, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreachable(error)),
            Err(elapsed) => return Err(self.unreachable(elapsed)),
        };
        let talk = async {
            match &self.tls {
                None => exchange(stream, request).await,
                Some(tls) => {
                    let stream = tls.connect(&self.place.host, stream).await?;
                    exchange(stream, request).await
                }
            }
        };
        match tokio::time::timeout(within, talk).await {
            Ok(Ok((status, headers, body))) => {
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                Ok(Answer { status, headers, body })
            }
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(elapsed) => Err(self.unreachable(elapsed)),
        }
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, Failure> {
        let mut head = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, &self.place.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::CONNECTION, "close");
        for (name, value) in ask.headers {
            head = head.header(name, value);
        }
        head.body(Full::new(ask.body)).map_err(|_| {
            Failure::says(Exit::Usage, "an argument cannot be sent; leave out control characters")
        })
    }

    fn unreachable(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        let scheme = if self.place.is_secure { "https" } else { "http" };
        let text = format!(
            "campanile does not answer at {scheme}://{}; start it with `campanile serve`, or name \
             another with --url",
            self.place.authority
        );
        Failure::caused(Exit::Unreachable, text, source)
    }
}

/// An address that a token may be sent to.
#[derive(Debug)]
struct Place {
    is_secure: bool,
    host: Host<String>,
    /// As the system's resolver takes it: IPv6 without brackets.
    dialed: String,
    port: u16,
    /// As browsers write it: the port only if it is not the scheme's own.
    authority: String,
}

impl Place {
    fn of(url: &Url) -> Result<Self, Failure> {
        let refused = |text| Err(Failure::says(Exit::Usage, text));
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return refused("--url: expected an address such as `http://127.0.0.1:7700`");
        };
        let is_local = match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let has_more = url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if has_more {
            return refused(
                "--url: expected scheme, host and port only, such as `https://alerts.example.org`",
            );
        }
        let is_secure = url.scheme() == "https";
        if !is_secure && (url.scheme() != "http" || !is_local) {
            return refused(
                "--url: expected https, or a loopback address such as `http://127.0.0.1:7700`, \
                 since the token would cross the network in clear text; name the TLS proxy before \
                 the engine, or run this on the engine's machine",
            );
        }
        let name = host.to_string();
        let authority = url.port().map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
        let dialed = match host {
            Host::Ipv6(address) => address.to_string(),
            _ => name,
        };
        Ok(Self { is_secure, host: host.to_owned(), dialed, port, authority })
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, Bytes), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let talk = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok((head.status, head.headers, body))
    };
    // The connection ends after the answer, since the sender is dropped with `talk`. How it ends
    // says nothing that the answer does not.
    let (answer, _ended) = tokio::join!(talk, connection);
    answer
}
