//! The guard before every route: `Host`, `Origin`, token, role, in this order.
//!
//! A page in a browser can make requests to loopback. The check of `Host` stops names that were
//! rebound to loopback, the check of `Origin` stops pages of other sites.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, Request, StatusCode};

use super::problem::Problem;
use super::{ALERTMANAGER, ALERTS, Api, NTOPNG};
use crate::tenant::tokens::Tokens;
use crate::tenant::{Caller, Role};

/// Who was let in. `None` only on ntopng's route, which then takes the secret in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admitted(pub(super) Option<Caller>);

pub(super) fn admit<B>(api: &Api, request: &Request<B>) -> Result<Admitted, Problem> {
    let host = api.hosts.check(request)?;
    check_origin(request.headers(), &host, api.hosts.is_proxied(&host))?;

    let path = request.uri().path();
    let from_ntopng = path == NTOPNG;
    let by_program = from_ntopng || path == ALERTMANAGER;
    let Some(given) = single(request.headers(), &header::AUTHORIZATION)? else {
        return if from_ntopng {
            Ok(Admitted(None))
        } else {
            Err(Problem::unauthorized(by_program))
        };
    };
    let caller = authenticate(&api.tokens, given, by_program)
        .ok_or_else(|| Problem::unauthorized(by_program))?;
    let hands_in = request.method() == Method::POST && (by_program || path == ALERTS);
    let needed = if hands_in { Role::Ingest } else { Role::Admin };
    if !caller.role.covers(needed) {
        return Err(Problem::forbidden(
            "wrong-role",
            "the ingest token can only hand in alerts; send the token from `admin.token`",
        ));
    }
    Ok(Admitted(Some(caller)))
}

/// Whose credentials these are. `Basic` is for the doors of other programs, and only with the
/// ingest token: it goes into their configuration.
fn authenticate(tokens: &Tokens, given: &str, basic: bool) -> Option<Caller> {
    let (scheme, credentials) = given.split_once(' ')?;
    let credentials = credentials.trim_start_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return tokens.caller(credentials);
    }
    if basic && scheme.eq_ignore_ascii_case("basic") {
        let pair = zeroize::Zeroizing::new(STANDARD.decode(credentials).ok()?);
        let (_, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        return tokens.caller(password).filter(|one| one.role == Role::Ingest);
    }
    None
}

/// The values of `Host` that mean us.
#[derive(Debug)]
pub(super) struct Hosts {
    own: Vec<String>,
    allowed: Vec<String>,
}

impl Hosts {
    pub(super) fn new(address: SocketAddr, allowed: &[String]) -> Self {
        let port = address.port();
        let mut own: Vec<String> = ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .map(|name| format!("{name}:{port}"))
            .chain([address.to_string()])
            .collect();
        if port == 80 {
            // Clients leave out the port that http has by itself.
            let bare = own.iter().map(|one| one.trim_end_matches(":80").to_owned());
            own.extend(bare.collect::<Vec<_>>());
        }
        Self { own, allowed: allowed.iter().map(|one| one.to_ascii_lowercase()).collect() }
    }

    /// The host that `request` is for, in lower case, if that is us.
    fn check<B>(&self, request: &Request<B>) -> Result<String, Problem> {
        // In the absolute form the target names the host, and `Host` is void (RFC 9112, 3.2.2).
        let target = request.uri().authority().map(hyper::http::uri::Authority::as_str);
        let host = single(request.headers(), &header::HOST)?;
        let host = target
            .or(host)
            .ok_or_else(|| Problem::bad_request("the header `Host` is missing; send it"))?
            .to_ascii_lowercase();
        if self.own.contains(&host) || self.allowed.contains(&host) {
            return Ok(host);
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown-host",
            "this server does not answer to that `Host`; use its loopback address and port, or \
             add the name to `api.allowed_hosts`",
        ))
    }

    fn is_proxied(&self, host: &str) -> bool {
        self.allowed.iter().any(|one| one == host)
    }
}

/// `Origin` must be ours, if there is one. Behind a proxy the outside speaks https.
fn check_origin(headers: &HeaderMap, host: &str, proxied: bool) -> Result<(), Problem> {
    let Some(origin) = single(headers, &header::ORIGIN)? else { return Ok(()) };
    let ours =
        |scheme: &str| origin.strip_prefix(scheme).is_some_and(|it| it.eq_ignore_ascii_case(host));
    if ours("http://") || proxied && ours("https://") {
        return Ok(());
    }
    Err(Problem::forbidden(
        "foreign-origin",
        "pages of other origins may not call this server; call it from a program, or from its own pages",
    ))
}

/// The header's only value. Twice is refused: two readers could take a different one.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(Problem::bad_request(format!(
            "the header `{name}` must be there once, in visible ASCII; correct it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_and_those_allowed_are_answered() {
        let hosts = Hosts::new("127.0.0.1:7700".parse().unwrap(), &["Alerts.Example".into()]);
        let table = [
            ("127.0.0.1:7700", true),
            ("localhost:7700", true),
            ("LOCALHOST:7700", true),
            ("[::1]:7700", true),
            ("alerts.example", true),
            ("127.0.0.1", false),
            ("127.0.0.1:7701", false),
            ("localhost", false),
            ("localhost:7700.evil.example", false),
            ("localhost.evil.example:7700", false),
            ("evil.example:7700", false),
            ("alerts.example:7700", false),
            ("127.1:7700", false),
            ("", false),
        ];
        for (host, expected) in table {
            let request = Request::get("/").header("host", host).body(()).unwrap();
            assert_eq!(hosts.check(&request).is_ok(), expected, "{host:?}");
        }
    }

    #[test]
    fn the_default_port_may_be_left_out() {
        let hosts = Hosts::new("127.0.0.1:80".parse().unwrap(), &[]);
        for host in ["127.0.0.1", "localhost", "[::1]", "localhost:80"] {
            let request = Request::get("/").header("host", host).body(()).unwrap();
            assert!(hosts.check(&request).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_host_that_is_missing_doubled_or_contradicted_is_refused() {
        let hosts = Hosts::new("127.0.0.1:7700".parse().unwrap(), &[]);
        let none = Request::get("/").body(()).unwrap();
        let doubled =
            Request::get("/").header("host", "localhost:7700").header("host", "evil.example");
        let absolute = Request::get("http://evil.example/").header("host", "localhost:7700");
        for request in [none, doubled.body(()).unwrap(), absolute.body(()).unwrap()] {
            assert!(hosts.check(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn an_origin_must_be_our_own() {
        let table = [
            (None, false, true),
            (Some("http://localhost:7700"), false, true),
            (Some("https://localhost:7700"), false, false),
            (Some("https://localhost:7700"), true, true),
            (Some("http://127.0.0.1:7700"), false, false),
            (Some("http://localhost"), false, false),
            (Some("http://localhost:7700.evil.example"), false, false),
            (Some("http://evil.example"), false, false),
            (Some("null"), false, false),
            (Some(""), false, false),
        ];
        for (origin, proxied, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let checked = check_origin(&headers, "localhost:7700", proxied);
            assert_eq!(checked.is_ok(), expected, "{origin:?}, proxied {proxied}");
        }
    }

    #[test]
    fn credentials_are_read_by_their_scheme() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let token = |role| {
            crate::tenant::tokens::read(&crate::tenant::tokens::path(folder.path(), role)).unwrap()
        };
        let (admin, ingest) = (token(Role::Admin), token(Role::Ingest));
        let (admin, ingest) = (admin.expose(), ingest.expose());
        let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
        let table = [
            (format!("Bearer {admin}"), false, Some(Role::Admin)),
            (format!("bearer  {ingest}"), false, Some(Role::Ingest)),
            (format!("Bearer {ingest}x"), false, None),
            (format!("Bearer{ingest}"), false, None),
            (ingest.to_owned(), false, None),
            (basic(format!("ntopng:{ingest}")), true, Some(Role::Ingest)),
            (basic(format!(":{ingest}")), true, Some(Role::Ingest)),
            (basic(format!("ntopng:{ingest}")), false, None),
            (basic(format!("ntopng:{admin}")), true, None),
            (basic(format!("{ingest}:")), true, None),
            (basic(ingest.to_owned()), true, None),
            ("Basic ???".to_owned(), true, None),
        ];
        for (given, from_ntopng, expected) in table {
            let role = authenticate(&tokens, &given, from_ntopng).map(|one| one.role);
            assert_eq!(role, expected, "{given:?}, ntopng {from_ntopng}");
        }
    }
}
