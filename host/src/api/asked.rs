//! What handlers take out of a request: who asks, which version is meant, JSON, parts of lists.

use axum::extract::{FromRequestParts, Request};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::guard::Admitted;
use super::problem::{Place, Problem};
use super::{Api, body};
use crate::audit::Who;
use crate::ids::TenantId;
use crate::ingest::BadBody;
use crate::roster::Expect;
use crate::tenant::Role;

/// Largest body of a route that is no door for alerts.
const BODY_BYTES_MAX: usize = 4 << 20;

pub(super) const LIMIT_DEFAULT: u32 = 50;
pub(super) const LIMIT_MAX: u32 = 1000;

/// Where a request came from: peer, method and path. Put beside it by whoever accepts connections.
#[derive(Clone, Debug)]
pub(super) struct Source(pub(super) String);

/// Somebody with a token, and how the audit log names them.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) tenant: TenantId,
    pub(super) role: Role,
    pub(super) who: Who,
}

impl FromRequestParts<Api> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let admitted = parts.extensions.get::<Admitted>().and_then(|Admitted(caller)| *caller);
        let caller = admitted.ok_or_else(|| Problem::unauthorized(false))?;
        let source = parts.extensions.get::<Source>().map(|Source(source)| source.clone());
        // Enough of the token's hash to tell tokens apart, too little to find one.
        let token: String = caller.token[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let actor = format!("{} token {token}", caller.role.name());
        let who = Who { actor, source: source.unwrap_or_default() };
        Ok(Self { tenant: caller.tenant, role: caller.role, who })
    }
}

/// The body, which must be JSON.
pub(super) async fn json(request: Request) -> Result<(HeaderMap, Value), Problem> {
    let (head, body) = request.into_parts();
    body::layout(&head.headers)?;
    let bytes = body::read(body, BODY_BYTES_MAX).await?;
    let value = serde_json::from_slice(&bytes).map_err(|error| not_json(&error))?;
    Ok((head.headers, value))
}

/// The body as it was written, so that what it quotes keeps its bytes. `expected` describes it.
pub(super) async fn read<T: DeserializeOwned>(
    request: Request,
    expected: &str,
) -> Result<T, Problem> {
    let (head, body) = request.into_parts();
    body::layout(&head.headers)?;
    let bytes = body::read(body, BODY_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => Problem::bad_request(expected),
        _ => not_json(&error),
    })
}

fn not_json(error: &serde_json::Error) -> Problem {
    let expected = "JSON".to_owned();
    let bad = BadBody { line: error.line(), column: error.column(), expected };
    Problem::bad_input(vec![Place::Body(bad)], "the body is not JSON; correct it")
}

/// Which version must be there: `If-Match` and `If-None-Match` (RFC 9110, 13.1).
pub(super) fn expect(headers: &HeaderMap, otherwise: Expect) -> Result<Expect, Problem> {
    let one = |name: header::HeaderName| -> Result<Option<String>, Problem> {
        let mut values = headers.get_all(&name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(value.to_str().ok().map(|text| text.trim().to_owned())),
            _ => Err(Problem::bad_request(format!("expected one header `{name}`"))),
        }
    };
    match (one(header::IF_MATCH)?, one(header::IF_NONE_MATCH)?) {
        (None, None) => Ok(otherwise),
        (Some(tag), None) if tag == "*" => Ok(Expect::Present),
        (None, Some(tag)) if tag == "*" => Ok(Expect::Absent),
        (Some(tag), None) => {
            let number = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            // A tag that is none of ours is of no version that is there.
            Ok(Expect::Revision(number.and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX)))
        }
        _ => Err(Problem::bad_request(
            "expected `If-Match` with the `ETag` of a version, or `If-None-Match: *`, not both",
        )
        .unprocessable()),
    }
}

pub(super) fn etag(revision: u64) -> HeaderValue {
    // Digits between quotes are visible ASCII.
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// How many a list shows.
pub(super) fn limit(given: Option<u32>) -> Result<u32, Problem> {
    let limit = given.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::bad_request(format!("`limit`: expected 1 to {LIMIT_MAX}")))
    }
}

/// A `cursor` that an earlier page gave as `next`.
pub(super) fn cursor(given: Option<&str>) -> Result<Option<u64>, Problem> {
    let read =
        |text: &str| text.strip_prefix('c').and_then(|hex| u64::from_str_radix(hex, 16).ok());
    match given {
        None => Ok(None),
        Some(text) => read(text).map(Some).ok_or_else(|| {
            Problem::bad_request("`cursor`: expected the `next` of an earlier page")
        }),
    }
}

/// `next` of a page: its form is nobody's business.
pub(super) fn next(cursor: Option<u64>) -> Option<String> {
    cursor.map(|at| format!("c{at:x}"))
}

pub(super) fn not_found(what: &str, name: &str) -> Problem {
    let name = crate::printable::printable(name, 64);
    Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} `{name}`"))
}
