//! The http door: one buffered request of a guest, checked, sent to a granted origin, and its
//! answer, bounded.
//!
//! Promise: what was not granted is `denied` before a byte leaves, and what the host itself saw of
//! each request is kept for the record of the attempt. Redirects are answers like any other.
//! Placeholders are filled in here, after everything else was checked, and what comes back is
//! searched for what was filled in.

#[cfg(test)]
mod echo;
mod problem;
mod redact;
mod request;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::budget::CallBudget;
use super::egress::{Connection, Connector, Grant, Origin, Pool, PoolKey, Scheme};
use super::secrets::{Fill, Keyring, Toward};
use crate::delivery::Seen;
use crate::runtime::bindings::http as contract;
use crate::telemetry::Limit;
pub(crate) use problem::denied;
use problem::{cause, misused, no_answer, not_connected, unreachable};
use redact::redact;
use request::{Target, checked, target};

/// Longest wait for a name, a connection and its TLS.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What all http doors share.
#[derive(Debug)]
pub struct HttpGate {
    pub connector: Connector,
    pub pool: Pool,
    /// Body of one answer that a guest is shown.
    pub response_bytes_max: usize,
}

/// One store's way to HTTP.
#[derive(Debug)]
pub struct HttpDoor {
    gate: Arc<HttpGate>,
    grant: Grant,
    deadline: Instant,
    seen: Seen,
    /// A request of this call, but for the present one, was sent and not answered whole. Nothing
    /// that the component asks later takes that back.
    lost: bool,
    /// Where the last request went: most components speak to one URL.
    last: Option<(String, Target)>,
}

impl HttpDoor {
    pub fn new(gate: Arc<HttpGate>, grant: Grant) -> Self {
        Self {
            gate,
            grant,
            deadline: Instant::now(),
            seen: Seen::default(),
            lost: false,
            last: None,
        }
    }

    /// Starts a call: no request lasts beyond `deadline`, and what was seen starts anew.
    pub fn begin(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.seen = Seen::default();
        self.lost = false;
    }

    /// What the host saw since the call began.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// `keyring`: what placeholders of this store stand for. `calls`: what the call may take in.
    pub async fn send(
        &mut self,
        request: contract::Request,
        keyring: &mut Keyring,
        calls: &CallBudget,
    ) -> Result<contract::Response, contract::HttpError> {
        let asked = request.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let until = asked.map_or(self.deadline, |asked| self.deadline.min(Instant::now() + asked));
        let target = self.target(&request.url, keyring)?;
        let is_safe = target.origin.scheme == Scheme::Https || self.grant.way.clear_text();
        let mut fill = Fill::new(keyring, Toward { to: &target.to, is_safe });
        let request = checked(request, &target, &mut fill)?;
        // As it goes out: what a secret leads to has to be granted, too.
        self.grant
            .allows(&target.origin, request.method(), request.uri().path())
            .map_err(|why| denied(why.code(), &why.to_string()))?;
        let body_bytes = request.body().size_hint().exact().unwrap_or_default();
        let (connection, answer) = self.exchange(&target, request, body_bytes, until).await?;
        let mut answer = self.read(target.key, connection, answer, until, calls).await?;
        redact(&mut answer, keyring, &target.to);
        Ok(answer)
    }

    /// A request of the engine's own: it holds no placeholders, and its answer goes to no component.
    pub(super) async fn ask(
        &mut self,
        request: contract::Request,
    ) -> Result<contract::Response, contract::HttpError> {
        self.send(request, &mut Keyring::default(), &CallBudget::unbounded()).await
    }

    fn target(&mut self, url: &str, keyring: &mut Keyring) -> Result<Target, contract::HttpError> {
        match &self.last {
            Some((last, target)) if last == url => Ok(target.clone()),
            _ => {
                let target = target(url, &self.grant, keyring)?;
                self.last = Some((url.to_owned(), target.clone()));
                Ok(target)
            }
        }
    }

    /// Sends on a kept connection, or on a new one; retries only what never left.
    async fn exchange(
        &mut self,
        target: &Target,
        mut request: Request<Full<Bytes>>,
        body_bytes: u64,
        until: Instant,
    ) -> Result<(Connection, Response<Incoming>), contract::HttpError> {
        loop {
            let mut connection = match self.gate.pool.take(&target.key) {
                Some(connection) => connection,
                None => self.connect(&target.origin, until).await?,
            };
            let ready = connection.drive(SendRequest::poll_ready);
            let ready = tokio::time::timeout_at(until, ready).await;
            if !matches!(ready, Ok(Ok(()))) || connection.sender.is_closed() {
                if connection.reused {
                    continue;
                }
                return Err(unreachable("closed", "the connection closed before the request"));
            }
            self.seen.origin = Some(target.origin.to_string());
            self.seen.status = None;
            self.lost = self.seen.unanswered;
            self.seen.unanswered = true;
            let mut sent = pin!(connection.sender.try_send_request(request));
            let sent = connection.drive(|_, cx| sent.as_mut().poll(cx));
            match tokio::time::timeout_at(until, sent).await {
                Ok(Ok(answer)) => {
                    self.seen.sent_bytes += body_bytes;
                    self.seen.status = Some(answer.status().as_u16());
                    return Ok((connection, answer));
                }
                Ok(Err(mut error)) => match error.take_message() {
                    Some(unsent) if connection.reused => {
                        self.seen.unanswered = self.lost;
                        request = unsent;
                    }
                    Some(_) => {
                        self.seen.unanswered = self.lost;
                        let detail = "the connection closed before the request";
                        return Err(unreachable("closed", detail));
                    }
                    None => {
                        self.seen.sent_bytes += body_bytes;
                        return Err(no_answer("closed", &cause(error.error())));
                    }
                },
                Err(_) => {
                    self.seen.sent_bytes += body_bytes;
                    return Err(no_answer("timeout", "no answer came in time"));
                }
            }
        }
    }

    async fn connect(
        &self,
        origin: &Origin,
        until: Instant,
    ) -> Result<Connection, contract::HttpError> {
        let until = until.min(Instant::now() + CONNECT_MAX);
        let connected = self.gate.connector.connect(&self.grant, origin);
        match tokio::time::timeout_at(until, connected).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(not_connected(&error)),
            Err(_) => Err(unreachable("connect-timeout", "no connection in time")),
        }
    }

    async fn read(
        &mut self,
        key: PoolKey,
        mut connection: Connection,
        answer: Response<Incoming>,
        until: Instant,
        calls: &CallBudget,
    ) -> Result<contract::Response, contract::HttpError> {
        let (head, mut incoming) = answer.into_parts();
        let mut body = BytesMut::new();
        // The request is out, so its answer is told, as far as it may be seen.
        let body_max = self.gate.response_bytes_max.min(calls.in_left());
        let ending = loop {
            let frame = connection.drive(|_, cx| Pin::new(&mut incoming).poll_frame(cx));
            match tokio::time::timeout_at(until, frame).await {
                Ok(None) => break contract::Ending::Complete,
                Ok(Some(Ok(frame))) => {
                    let Some(data) = frame.data_ref() else { continue };
                    let room = body_max - body.len();
                    body.extend_from_slice(&data[..data.len().min(room)]);
                    if data.len() > room {
                        break contract::Ending::Capped;
                    }
                }
                Ok(Some(Err(_))) => break contract::Ending::Cut,
                Err(_) => return Err(no_answer("timeout", "the answer did not end in time")),
            }
        };
        self.seen.unanswered = self.lost || ending == contract::Ending::Cut;
        self.seen.received_bytes += body.len() as u64;
        // What did not fit was not taken, and counts as a hit of the limit.
        let missed =
            usize::from(ending == contract::Ending::Capped && body.len() == calls.in_left());
        let _ = calls.take_in(body.len() + missed);
        if ending == contract::Ending::Capped && missed == 0 {
            calls.hit(Limit::Response);
        }
        self.seen.answer_sha256 = Some(Sha256::digest(&body).into());
        if ending == contract::Ending::Complete {
            self.gate.pool.give_back(key, connection);
        }
        Ok(contract::Response {
            status: head.status.as_u16(),
            headers: shown(&head.headers),
            body: body.into(),
            ending,
        })
    }
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use hyper::header::{CONTENT_ENCODING, HOST};
    use url::Url;

    use super::super::egress::{OriginGrant, Policy, Reach, Way};
    use super::request::gzip;
    use super::*;
    use crate::config::Config;
    use crate::ids::{EndpointId, TenantId};

    fn request(url: &str, headers: &[(&str, &str)]) -> contract::Request {
        contract::Request {
            method: contract::Method::Post,
            url: url.into(),
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            body: b"{}".to_vec(),
            filling: contract::Filling::None,
            coding: contract::Coding::Identity,
            timeout_ms: None,
        }
    }

    fn grant() -> Grant {
        to("http://127.0.0.1:9000")
    }

    pub(in crate::capability) fn to(url: &str) -> Grant {
        granted(url, "")
    }

    /// `more`: of what the operator grants.
    pub(super) fn granted(url: &str, more: &str) -> Grant {
        let origin = Origin::of(&Url::parse(url).unwrap()).unwrap();
        let origins = vec![OriginGrant::whole(origin)];
        let text = format!(
            "[[egress.grant]]\nendpoints = ['*']\nnetworks = ['127.0.0.0/8']\n\
             ports = ['1-65535']\n{more}"
        );
        let config = Config::parse(Path::new("campanile.toml"), &text).unwrap();
        let way = Way::of(&Policy::read(&config).unwrap(), "default", "hook");
        let reach = Reach { origins, targets: Vec::new() };
        Grant::new(TenantId(1), EndpointId(1), reach, Arc::new(way))
    }

    fn tried(asked: contract::Request) -> Result<Request<Full<Bytes>>, contract::HttpError> {
        let mut keyring = Keyring::default();
        let target = target(&asked.url, &grant(), &mut keyring)?;
        checked(asked, &target, &mut Fill::new(&mut keyring, Toward { to: "", is_safe: false }))
    }

    #[test]
    fn what_was_not_granted_is_denied_with_a_code() {
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
        let table: [Row<'_>; 13] = [
            ("http://127.0.0.1:9001/", &[], "origin"),
            ("https://127.0.0.1:9000/", &[], "origin"),
            ("http://127.0.0.1:9000@evil.example/", &[], "url"),
            ("file:///etc/passwd", &[], "url"),
            ("not a url", &[], "url"),
            ("http://127.0.0.1:9000/", &[("Host", "evil.example")], "header"),
            ("http://127.0.0.1:9000/", &[("content-length", "0")], "header"),
            ("http://127.0.0.1:9000/", &[("Keep-Alive", "timeout=5")], "header"),
            ("http://127.0.0.1:9000/", &[("proxy-authorization", "x")], "header"),
            ("http://127.0.0.1:9000/", &[("range", "bytes=0-3")], "header"),
            ("http://127.0.0.1:9000/", &[("If-Range", "x")], "header"),
            ("http://127.0.0.1:9000/", &[("x", "a\r\nb: c")], "header"),
            ("http://127.0.0.1:9000/", &[("a b", "c")], "header"),
        ];
        for (url, headers, code) in table {
            let asked = request(url, headers);
            match tried(asked) {
                Err(contract::HttpError::Denied(problem)) => {
                    assert_eq!(problem.code, code, "{url} {headers:?}: {}", problem.detail);
                }
                other => panic!("{url} {headers:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_granted_request_has_our_host_header_and_only_a_path_in_its_first_line() {
        let url = "http://0x7f.1:9000//evil.example/a?b=c#d";
        let request = tried(request(url, &[("x-a", "1"), ("x-a", "2")])).unwrap();
        assert_eq!(request.uri().to_string(), "//evil.example/a?b=c");
        assert_eq!(request.uri().authority(), None);
        assert_eq!(request.headers()[HOST], "127.0.0.1:9000");
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
    }

    #[tokio::test]
    async fn an_unanswered_request_stays_so_whatever_is_asked_after_it() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = async {
            // The first request gets no answer, the second one does.
            for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let grant = to(&url);
        let gate = HttpGate {
            connector: Connector::default(),
            pool: Pool::default(),
            response_bytes_max: 1 << 10,
        };
        let mut door = HttpDoor::new(Arc::new(gate), grant);
        door.begin(Instant::now() + Duration::from_secs(20));
        let ask = async {
            let lost = door.ask(request(&url, &[])).await;
            assert!(matches!(lost, Err(contract::HttpError::NoAnswer(_))), "{lost:?}");
            assert!(door.seen().unanswered);
            let answered = door.ask(request(&url, &[])).await;
            assert_eq!(answered.map(|answer| answer.status).ok(), Some(200));
            assert!(door.seen().unanswered, "the first may have arrived all the same");
        };
        tokio::join!(serve, ask);
        door.begin(Instant::now());
        assert!(!door.seen().unanswered, "another call");
    }

    #[test]
    fn gzip_says_so_and_reads_back() {
        let mut asked = request("http://127.0.0.1:9000/", &[]);
        asked.coding = contract::Coding::Gzip;
        let request = tried(asked).unwrap();
        assert_eq!(request.headers()[CONTENT_ENCODING], "gzip");
        let mut text = String::new();
        let packed = gzip(b"{}");
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text)
            .unwrap();
        assert_eq!(text, "{}");
    }
}
