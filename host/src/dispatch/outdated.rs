//! Messages that their kind did not make: kept by the queue, and to be sent again.
//!
//! Promise: what a native kind delivers it has made itself. A component that had its name before, or
//! an earlier version of the engine, may have put anything there.

use super::Destination;
use super::record::Refusal;
use crate::delivery::{Message, OutcomeKind};
use crate::runtime::bindings::kind::Scope;

/// Such a message is not kept: its alerts are formatted at the next try.
pub(super) const REFUSAL: Refusal<'_> = Refusal {
    outcome: OutcomeKind::Fault,
    scope: Scope::Recipient,
    code: "outdated",
    detail: "the message was made by another version of the kind; it is made anew",
};

pub(super) fn is_outdated(destination: &Destination, message: &Message) -> bool {
    let kind = &destination.endpoint.kind;
    kind.is_native() && message.component != kind.digest
}
