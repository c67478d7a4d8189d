//! A request of a guest as it goes out: its URL taken apart, its headers and body checked, secrets
//! filled in.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HOST, HeaderMap,
    HeaderName, HeaderValue, IF_RANGE, RANGE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};
use url::Url;

use super::super::egress::{Grant, Origin, PoolKey};
use super::super::log::printable;
use super::super::secrets::{Fill, Keyring, Toward};
use super::{contract, denied, misused};

const URL_BYTES_MAX: usize = 8 << 10;
const HEADERS_COUNT_MAX: usize = 64;
const HEADERS_BYTES_MAX: usize = 16 << 10;
const FILLED_BYTES_MAX: usize = 64 << 10;

/// Headers that frame or route a message: the engine writes them itself.
const OURS: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers that ask for a piece of an answer, which may be a piece of a secret.
const PARTIAL: [HeaderName; 2] = [RANGE, IF_RANGE];

/// A URL that the grant allows, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    pub(super) key: PoolKey,
    /// Normal form of `origin`, which secrets are bound to.
    pub(super) to: String,
    /// Path and query, placeholders in it.
    pub(super) path: String,
    pub(super) host: HeaderValue,
}

/// Takes a URL apart, if the grant allows it.
pub(super) fn target(
    url: &str,
    grant: &Grant,
    keyring: &mut Keyring,
) -> Result<Target, contract::HttpError> {
    if url.len() > URL_BYTES_MAX {
        return Err(denied("url", "the URL is longer than 8 KiB"));
    }
    let url = Url::parse(url).map_err(|error| denied("url", &error.to_string()))?;
    let before_path = &url[..url::Position::BeforePath];
    let nowhere = Toward { to: "", is_safe: false };
    Fill::new(keyring, nowhere).authority(before_path).map_err(|misuse| misused(&misuse))?;
    let origin = Origin::of(&url).map_err(|error| denied("url", &error.to_string()))?;
    if !grant.origins().iter().any(|granted| granted.origin == origin) {
        return Err(denied("origin", &format!("`{origin}` is not granted to this endpoint")));
    }
    let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
    let (key, host) = (grant.pool_key(&origin), host_header(&url));
    Ok(Target { key, to: origin.to_string(), path, host, origin })
}

/// The request as hyper sends it, secrets in it, if the rules of HTTP allow it.
pub(super) fn checked(
    request: contract::Request,
    target: &Target,
    fill: &mut Fill<'_>,
) -> Result<Request<Full<Bytes>>, contract::HttpError> {
    let filled = fill
        .body(&request.body, request.filling, &request.headers)
        .map_err(|misuse| misused(&misuse))?;
    let mut body = filled.map_or_else(|| Bytes::from(request.body), Bytes::from_owner);
    let mut headers = headers(&request.headers, &body, fill)?;
    let filled = fill.path(&target.path).map_err(|misuse| misused(&misuse))?;
    let uri = origin_form(filled.map_or_else(|| target.path.clone().into(), Bytes::from_owner))?;
    if fill.may_fill() {
        // A packed answer cannot be searched for secrets.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if request.coding == contract::Coding::Gzip {
        body = gzip(&body).into();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(HOST, target.host.clone());
    let mut checked = Request::new(Full::new(body));
    *checked.method_mut() = method(request.method);
    *checked.uri_mut() = uri;
    *checked.headers_mut() = headers;
    Ok(checked)
}

/// `body`: as it is sent, for what signs it.
fn headers(
    asked: &[(String, String)],
    body: &[u8],
    fill: &mut Fill<'_>,
) -> Result<HeaderMap, contract::HttpError> {
    let bytes: usize = asked.iter().map(|(name, value)| name.len() + value.len()).sum();
    if asked.len() > HEADERS_COUNT_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(denied("headers", "more than 64 headers or 16 KiB of them"));
    }
    let mut headers = HeaderMap::with_capacity(asked.len() + 3);
    let mut filled_bytes = 0;
    for (name, value) in asked {
        let shown = printable(name, 64);
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| denied("header", &format!("`{shown}` is not a header's name")))?;
        if OURS.contains(&name) || name.as_str().starts_with("proxy-") {
            return Err(denied("header", &format!("`{name}` is written by the engine")));
        }
        if PARTIAL.contains(&name) {
            let detail = format!("`{name}` would show a secret in parts, and is not sent");
            return Err(denied("header", &detail));
        }
        let filled = fill.header(name.as_str(), value, body).map_err(|misuse| misused(&misuse))?;
        let is_secret = filled.is_some();
        let made = match filled {
            Some(filled) => {
                filled_bytes += filled.len();
                HeaderValue::from_maybe_shared(Bytes::from_owner(filled))
            }
            None => HeaderValue::from_str(value),
        };
        let mut value = made.map_err(|_| {
            denied("header", &format!("the value of `{name}` has control characters"))
        })?;
        value.set_sensitive(is_secret);
        headers.append(name, value);
    }
    if filled_bytes > FILLED_BYTES_MAX {
        return Err(denied("headers", "more than 64 KiB of headers with credentials filled in"));
    }
    Ok(headers)
}

/// `host[:port]` of the URL, the port only where it is not the scheme's own.
fn host_header(url: &Url) -> HeaderValue {
    let host = url.host_str().unwrap_or_default();
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    // `url` leaves only ASCII in a host.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn origin_form(path: Bytes) -> Result<Uri, contract::HttpError> {
    // A path that begins with `//` would read as an authority.
    PathAndQuery::from_maybe_shared(path)
        .map(Uri::from)
        .map_err(|_| denied("url", "the URL's path cannot be sent"))
}

pub(super) fn method(method: contract::Method) -> Method {
    match method {
        contract::Method::Get => Method::GET,
        contract::Method::Head => Method::HEAD,
        contract::Method::Options => Method::OPTIONS,
        contract::Method::Post => Method::POST,
        contract::Method::Put => Method::PUT,
        contract::Method::Patch => Method::PATCH,
        contract::Method::Delete => Method::DELETE,
    }
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}
