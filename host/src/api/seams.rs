//! PLACEHOLDER until `ingest`, `queue` and `records` stand: the types of theirs that the API
//! names. At the merge this file goes, and `use` lines point at the real ones.

use std::time::Duration;

use crate::alert::Alert;
use crate::delivery::State;
use crate::ids::{AlertIds, DeliveryId, Secret, TenantId};

/// `crate::ingest::Arrival`
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub tenant: TenantId,
    pub now_ms: u64,
    pub ids: &'a AlertIds,
}

/// `crate::ingest::Rejection`
#[derive(Clone, Debug, serde::Serialize, thiserror::Error)]
#[error("alert {position}: `{field}`: expected {expected}")]
pub struct Rejection {
    pub position: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub field: String,
    pub expected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// `crate::ingest::BadBody`
#[derive(Clone, Debug, serde::Serialize, thiserror::Error)]
#[error("line {line}, column {column}: expected {expected}")]
pub struct BadBody {
    pub line: usize,
    pub column: usize,
    pub expected: String,
}

/// `crate::ingest::ntopng::Envelope`
#[derive(Debug)]
pub struct Envelope {
    pub secret: Option<Secret>,
    pub alerts: Vec<Alert>,
}

/// `crate::queue::CommitError`
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("too much is waiting")]
    Overloaded { retry_after: Duration },
    #[error("the store failed")]
    Store(#[source] StoreError),
}

/// `crate::store::StoreError`
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// `crate::records::DeliveryQuery`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub state: Option<State>,
    pub limit: u32,
    /// Only deliveries that come after this one in the list, which begins with the newest.
    pub before: Option<DeliveryId>,
}
