//! Errors of the API: RFC 9457 problem details, each with a stable `code`.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;

use crate::ingest::{BadBody, Rejection};
use crate::store::StoreError;

/// Why a request is not answered as asked. Documented in `docs/api.md`.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Stable, for programs.
    pub(super) code: &'static str,
    /// For people: what is wrong and what to do.
    detail: String,
    errors: Vec<Place>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Where bad input is. Positions count from 0, lines and columns from 1.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Place {
    Alert(Rejection),
    Body(BadBody),
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// Input that could be read and is not what it should be.
    pub(super) fn bad_input(errors: Vec<Place>, detail: &str) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "bad-input", detail);
        problem.errors = errors;
        problem
    }

    pub(super) fn unauthorized(basic: bool) -> Self {
        let detail = "this needs a token; send `Authorization: Bearer <token>`, the token from \
                      `admin.token` or `ingest.token` in the data folder";
        let bearer = HeaderValue::from_static("Bearer realm=\"campanile\"");
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
            .with(header::WWW_AUTHENTICATE, bearer);
        if !basic {
            return problem;
        }
        let basic = HeaderValue::from_static("Basic realm=\"campanile\", charset=\"UTF-8\"");
        problem.with(header::WWW_AUTHENTICATE, basic)
    }

    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let detail = format!(
            "the body is larger than {bytes_max} bytes; send smaller batches, or raise \
             `ingest.body_bytes_max`"
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// Not now: to be sent again, unchanged, after `wait`.
    pub(super) fn busy(code: &'static str, wait: Duration, detail: &str) -> Self {
        // Rounded up, since zero would mean at once.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .with(header::RETRY_AFTER, seconds.max(1).into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The sender can do nothing about the cause; the operator finds it in the log.
        tracing::error!(error = &error as &dyn std::error::Error, "The store failed a request.");
        Self::busy(
            "store-failed",
            Duration::from_secs(5),
            "the store failed, and the server's log says why; send the same again, unchanged",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Place],
        }
        let body = Body {
            r#type: format!("urn:campanile:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (self.status, Json(&body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}
