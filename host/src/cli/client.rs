//! Speaks to the running engine: one request per connection, each bounded in time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use url::{Host, Url};

use super::output::plain;
use super::{Common, Exit, Failure};
use crate::ids::Secret;
use crate::tenant::{Role, tokens};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where the engine is.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The running engine [default: `api.listen` of the configuration]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// File of the token [default: the one in the data folder]
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

impl Target {
    /// A client with the token of `role`. The configuration is read only for what is not given.
    pub(super) fn client(&self, common: &Common, role: Role) -> Result<Client, Failure> {
        let config = match (&self.url, &self.token_file) {
            (Some(_), Some(_)) => None,
            _ => Some(common.load()?),
        };
        let url = match (&self.url, &config) {
            (Some(url), _) => url.clone(),
            (None, Some(config)) if config.api.listen.port() != 0 => {
                let url = crate::api::base_url(config.api.listen);
                Url::parse(&url).map_err(|error| Failure::new(Exit::Config, error))?
            }
            _ => {
                return Err(Failure::says(
                    Exit::Usage,
                    "`api.listen` leaves the port to the system; name the address that `campanile \
                     serve` printed with --url",
                ));
            }
        };
        let own = |config: &crate::config::Config| tokens::path(&config.data_dir, role);
        let file = self.token_file.clone().or_else(|| config.as_ref().map(own)).unwrap_or_default();
        let body_bytes_max = config.map(|config| config.ingest.body_bytes_max.get());
        Ok(Client { body_bytes_max, ..Client::new(&url, &file)? })
    }
}

/// One engine, and the token for it.
#[derive(Debug)]
pub(super) struct Client {
    authority: String,
    token: Secret,
    /// What the engine takes at once, where the configuration was read.
    pub(super) body_bytes_max: Option<usize>,
}

/// What the engine said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Client {
    fn new(url: &Url, token_file: &Path) -> Result<Self, Failure> {
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "http" || !local || url.path() != "/" || url.query().is_some() {
            return Err(Failure::says(
                Exit::Usage,
                "--url: expected a loopback address such as `http://127.0.0.1:7700`, since the \
                 token would cross the network in clear text; run this on the engine's machine",
            ));
        }
        let token = tokens::read(token_file).map_err(|error| Failure::new(Exit::Config, error))?;
        // As browsers write it: the port only if it is not the scheme's own.
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { authority, token, body_bytes_max: None })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(Request::get(path), Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, key: &str, body: Bytes) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key);
        self.ask(request, body).await
    }

    async fn ask(
        &self,
        head: hyper::http::request::Builder,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let request = head
            .header(header::HOST, &self.authority)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|_| {
                Failure::says(
                    Exit::Usage,
                    "an argument cannot be sent; leave out control characters",
                )
            })?;
        let connect = TcpStream::connect(with_port(&self.authority));
        let stream = match tokio::time::timeout(CONNECT_WITHIN, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreachable(error)),
            Err(elapsed) => return Err(self.unreachable(elapsed)),
        };
        match tokio::time::timeout(ANSWER_WITHIN, exchange(stream, request)).await {
            Ok(Ok((status, headers, body))) => {
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                Ok(Answer { status, headers, body })
            }
            Ok(Err(error)) => Err(self.unreachable(error)),
            Err(elapsed) => Err(self.unreachable(elapsed)),
        }
    }

    fn unreachable(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        let text = format!(
            "campanile does not answer at http://{}; start it with `campanile serve`, or name \
             another with --url",
            self.authority
        );
        Failure::caused(Exit::Unreachable, text, source)
    }
}

impl Answer {
    /// The body of an answer that is good; else why it is not.
    pub(super) fn good(self) -> Result<Value, Failure> {
        if self.status.is_success() && !self.body.is_null() {
            return Ok(self.body);
        }
        let exit = if self.status.is_client_error() { Exit::Refused } else { Exit::Failed };
        let detail = self.body["detail"]
            .as_str()
            .unwrap_or("it is not campanile that answers there, or another version; check --url");
        let mut text = format!("the server answered {}: {}", self.status, plain(detail));
        for one in self.body["errors"].as_array().into_iter().flatten() {
            text.push_str("\n  ");
            text.push_str(&plain(&place(one)));
        }
        Err(Failure::says(exit, text))
    }
}

/// One line about one thing that is wrong with the input.
pub(super) fn place(error: &Value) -> String {
    let at = |key: &str, name: &str| error[key].as_u64().map(|at| format!("{name} {at}"));
    let place = [at("position", "alert"), at("line", "line"), at("column", "column")];
    let mut place: Vec<String> = place.into_iter().flatten().collect();
    place.extend(
        error["field"].as_str().filter(|it| !it.is_empty()).map(|field| format!("`{field}`")),
    );
    let expected = error["expected"].as_str().unwrap_or("something else");
    let found = error["found"].as_str().map(|found| format!(", found {found}"));
    format!("{}: expected {expected}{}", place.join(", "), found.unwrap_or_default())
}

async fn exchange(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, Bytes), Box<dyn std::error::Error + Send + Sync>> {
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

fn with_port(authority: &str) -> String {
    let bare = !authority.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    if bare { format!("{authority}:80") } else { authority.to_owned() }
}
