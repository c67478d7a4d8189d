//! What is owed, what was made of it, and how each try ended.

use std::sync::Arc;

use crate::alert::Alert;
use crate::ids::{AlertId, DeliveryId, MessageId};

/// One alert owed to one recipient, leased for a try.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub alert: Arc<Alert>,
    /// Tries that are recorded for it.
    pub attempts: u32,
    /// Of them, those before it was sent again by hand: they do not count for its end.
    pub forgiven: u32,
    /// When the first of them was made, milliseconds since the Unix epoch.
    pub first_ms: Option<u64>,
    /// What the service calls the message that told of this episode before.
    pub previous: Option<String>,
}

/// What `format` made of one or more alerts for one recipient. Once attempted it keeps its bytes,
/// members and id until it is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    /// The alerts it tells about, in the order `format` gave.
    pub members: Vec<DeliveryId>,
    pub summary: String,
    /// IANA media type of `body`.
    pub content_type: String,
    pub body: Vec<u8>,
    /// Carried from `format` to `deliver` unread.
    pub notes: Vec<(String, String)>,
    /// For how long sending it again is harmless, in milliseconds; 0: never; `u32::MAX`: always.
    pub repeat_safe_ms: u32,
    /// What the last attempt handed on to the next.
    pub carry: Option<String>,
    /// The component that made it, SHA-256 of its wasm.
    pub component: [u8; 32],
    /// Hash of the effective settings it was made under.
    pub settings: [u8; 32],
}

/// One try to send a message, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub at_ms: u64,
    pub took_ms: u32,
    pub outcome: OutcomeKind,
    /// A stable machine word: `429`, `timeout`, `trap`.
    pub code: String,
    /// For people, at most 1 KiB, without secrets.
    pub detail: String,
    pub seen: Seen,
}

/// Most of what a program printed that is kept.
pub const OUTPUT_BYTES_MAX: usize = 8 << 10;

/// What the host itself saw of a try. Wins over what the component claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last origin spoken to: `https://hooks.example:443`.
    pub origin: Option<String>,
    pub status: Option<u16>,
    /// Bytes of request bodies handed to the network.
    pub sent_bytes: u64,
    /// Bytes of answer bodies received.
    pub received_bytes: u64,
    /// SHA-256 of the last answer's body.
    pub answer_sha256: Option<[u8; 32]>,
    /// What a program printed, cut at `OUTPUT_BYTES_MAX`.
    pub output: Option<String>,
    /// SHA-256 of the program that was run.
    pub program_sha256: Option<[u8; 32]>,
    /// A request was begun whose whole answer did not come.
    pub unanswered: bool,
}

/// How a try ended, for one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    Delivered,
    Skipped,
    /// Never acceptable: to the dead letters.
    Rejected,
    /// Acceptable if smaller.
    TooLarge,
    Unavailable,
    RateLimited,
    Misconfigured,
    /// It may or may not have arrived.
    Uncertain,
    /// The component broke: a trap, a limit, a verdict that makes no sense.
    Fault,
}

impl OutcomeKind {
    pub const ALL: [Self; 9] = [
        Self::Delivered,
        Self::Skipped,
        Self::Rejected,
        Self::TooLarge,
        Self::Unavailable,
        Self::RateLimited,
        Self::Misconfigured,
        Self::Uncertain,
        Self::Fault,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::TooLarge => "too-large",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate-limited",
            Self::Misconfigured => "misconfigured",
            Self::Uncertain => "uncertain",
            Self::Fault => "fault",
        }
    }
}

/// What becomes of a delivery after a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// `remote_id`: the service's own name for what it stored.
    Delivered { remote_id: Option<String> },
    /// The component had nothing to say about it here.
    Skipped,
    /// Kept, and not tried again by itself.
    Dead,
    /// To be tried again at `due_ms`, milliseconds since the Unix epoch.
    Retry { due_ms: u64 },
}

/// Where a delivery stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Delivered,
    Skipped,
    Dead,
}

/// One delivery as an operator sees it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct DeliveryRecord {
    #[schema(value_type = String)]
    pub id: DeliveryId,
    #[schema(value_type = String)]
    pub alert: AlertId,
    pub recipient: String,
    pub state: State,
    pub title: String,
    pub attempts: u32,
    /// When it is tried next, for a pending one, in milliseconds since the Unix epoch; in the past
    /// where only its turn is waited for. A fresh one is due since it was received.
    pub due_ms: Option<u64>,
    /// Why it ended without a try: `recipient-removed`.
    pub cause: Option<String>,
    pub last: Option<AttemptRecord>,
}

/// The newest try of a delivery as an operator sees it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct AttemptRecord {
    pub message: String,
    pub number: u32,
    pub at_ms: u64,
    pub took_ms: u32,
    pub outcome: String,
    pub code: String,
    pub detail: String,
    pub origin: Option<String>,
    pub status: Option<u16>,
    pub sent_bytes: u64,
    pub received_bytes: u64,
}

/// One try of a delivery, whole.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct TryRecord {
    #[serde(flatten)]
    pub attempt: AttemptRecord,
    /// What the program printed that a native kind ran, at most 8 KiB.
    pub output: Option<String>,
    /// SHA-256 of that program, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub program_sha256: Option<String>,
}
