//! Durable queue (seam 1): holds a delivery until its outcome is recorded.
//!
//! Promise: a delivery is handed out at least once, and never to two workers at the same time: a
//! [`Lease`] owns what it was handed, and what is not settled when it is dropped is due again.
//! Order is kept per (recipient, fingerprint), not beyond: a delivery is not leased while an
//! earlier one of the same recipient and fingerprint is pending.
//!
//! Not here: deciding when to retry (`dispatch::backoff`) and what to send (`format`).

use std::path::Path;
use std::sync::Arc;

use crate::alert::Alert;
use crate::clock::Clock;
use crate::delivery::{Attempt, Delivery, Fate, Message};
use crate::ids::{RecipientId, TenantId};

/// Alerts to be taken in by one commit, all or none.
#[derive(Debug)]
pub struct Batch {
    pub tenant: TenantId,
    pub alerts: Vec<Owed>,
    /// How a repeat of the same batch is known; `None`: never.
    pub key: Option<BatchKey>,
    /// What the sender is answered; remembered with the key.
    pub answer: String,
}

/// One alert and whom it is owed to (may be nobody).
#[derive(Debug)]
pub struct Owed {
    pub alert: Alert,
    pub recipients: Vec<RecipientId>,
}

/// Identifies a batch for ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchKey {
    /// Who sent it and through which door: a hash of token and producer.
    pub sender: [u8; 16],
    /// SHA-256 of the Idempotency-Key, or of the body where there is none.
    pub key: [u8; 32],
    /// SHA-256 of the body.
    pub body: [u8; 32],
}

/// How `commit` ended. In the last two cases nothing was taken in.
#[derive(Debug, PartialEq, Eq)]
pub enum Committed {
    Fresh,
    /// The same batch was taken in within the last ten minutes, and was answered this.
    Repeated { answer: String },
    /// The key was used within the last ten minutes for another body.
    KeyReused,
}

/// What a lease holds: deliveries that have no message yet, or one message to be sent again.
#[derive(Debug)]
pub enum Work {
    Fresh(Vec<Delivery>),
    /// `deliveries` are the members of `message`, in their order.
    Again { message: Message, deliveries: Vec<Delivery> },
}

/// The record of one message's try: what becomes of each member.
#[derive(Debug)]
pub struct Settlement {
    pub attempt: Attempt,
    pub message: Message,
    /// One per member of the message, in order.
    pub fates: Vec<Fate>,
    /// All members go again as this message, bytes and id unchanged, at the due time of the first.
    /// Else each member that is to be retried starts anew, without a message.
    pub keep_message: bool,
}
