//! Errors of the API: RFC 9457 problem details, each with a stable `code`.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config;
use crate::ingest::{BadBody, Rejection};
use crate::queue::CommitError;
use crate::roster::{ApprovalError, ChangeError, Expect, ScanError};
use crate::store::StoreError;
use crate::trial::TargetError;

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

/// Why a request was not answered as asked (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    /// `urn:campanile:problem:` and the code.
    r#type: String,
    title: String,
    status: u16,
    /// A stable word for programs; docs/api.md lists them.
    code: &'static str,
    /// For people: what is wrong, and what to do.
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Place>,
}

/// Where bad input is. Positions count from 0, lines and columns from 1.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Place {
    Alert(Rejection),
    Body(BadBody),
    Setting(config::Problem),
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

    /// Input that is part of a request which has the right form.
    pub(super) fn bad_values(errors: Vec<Place>, detail: &str) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { status, ..Self::bad_input(errors, detail) }
    }

    /// Something that is written well and cannot be used, each fault with its place.
    pub(super) fn bad_setup(problems: Vec<config::Problem>) -> Self {
        let detail = "nothing was changed: what is written cannot be used; `errors` says where";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-setup", detail);
        problem.errors = problems.into_iter().map(Place::Setting).collect();
        problem
    }

    /// Something that is stored, and cannot be used.
    pub(super) fn unusable(problems: Vec<config::Problem>) -> Self {
        let mut problem = Self::bad_setup(problems);
        problem.detail = "it cannot be used as it is stored; `errors` says why".to_owned();
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

    /// The form of the request is right, and what it says is not.
    pub(super) fn unprocessable(self) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..self }
    }

    /// What a `PUT` that was only to make something is answered where there is something.
    pub(super) fn of_precondition(mut self, expect: Expect) -> Self {
        if expect == Expect::Absent && self.code == "name-taken" {
            (self.status, self.code) = (StatusCode::PRECONDITION_FAILED, "changed-meanwhile");
        }
        self
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

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let (status, code) = match error {
            ChangeError::Problems(problems) => return Self::bad_setup(problems),
            ChangeError::Store(error) => return error.into(),
            ChangeError::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found"),
            ChangeError::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken"),
            ChangeError::InUse { .. } => (StatusCode::CONFLICT, "in-use"),
            ChangeError::KindFixed { .. } => (StatusCode::CONFLICT, "kind-fixed"),
            ChangeError::OtherSet { .. } => (StatusCode::CONFLICT, "other-set"),
            ChangeError::Outdated { .. } => (StatusCode::PRECONDITION_FAILED, "changed-meanwhile"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let (status, code) = match error {
            ApprovalError::Store(error) => return error.into(),
            ApprovalError::NotFound { .. } | ApprovalError::Off { .. } => {
                (StatusCode::NOT_FOUND, "not-found")
            }
            ApprovalError::Broken { .. } => (StatusCode::CONFLICT, "component-broken"),
            ApprovalError::Other { .. } => (StatusCode::CONFLICT, "component-changed"),
            ApprovalError::BuiltIn { .. } | ApprovalError::Native { .. } => {
                (StatusCode::CONFLICT, "built-in")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<ScanError> for Problem {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Store(error) => error.into(),
            ScanError::Folder(error) => {
                Self::new(StatusCode::CONFLICT, "components-unreadable", error.to_string())
            }
        }
    }
}

impl From<TargetError> for Problem {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Problems(problems) => Self::bad_setup(problems),
            TargetError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not-found", error.to_string())
            }
            TargetError::Nobody | TargetError::TooMany { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-setup", error.to_string())
            }
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Overloaded { retry_after } => Self::busy(
                "overloaded",
                retry_after,
                "more waits than can be kept now; send the same again, unchanged, after \
                 `Retry-After`",
            ),
            CommitError::Slow { retry_after } => Self::busy(
                "slow-store",
                retry_after,
                "the store did not answer in time, and the batch may have been taken in; send the \
                 same again, unchanged: it is known by its key, and goes out once",
            ),
            CommitError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Details {
            r#type: format!("urn:campanile:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            errors: self.errors,
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
