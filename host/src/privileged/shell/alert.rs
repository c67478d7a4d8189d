//! An alert as a script reads it: one JSON document, and a line break.
//!
//! Promise: equal alerts give equal bytes. What ntopng sent goes on as it came; everything else has
//! the keys of an alert as `POST /v1/alerts` takes them, and those that the engine added: the bytes
//! that components write.

// Two files of the guest library, over the engine's types of the same contract.
#[path = "../../../../wit/guest/src/names.rs"]
mod names;
#[path = "../../../../wit/guest/src/native/shape.rs"]
#[expect(unreachable_pub, reason = "the guest library offers parts of it to components")]
mod shape;

use serde_json::value::RawValue;

use super::settings::Format;
use crate::runtime::bindings::alerts::{Action, Alert, Flow, Party, Severity, Traffic};
use crate::runtime::bindings::kind::Purpose;

const NTOPNG: &str = "ntopng";

/// What goes to stdin.
pub(super) fn document(alert: &Alert, format: Format) -> Vec<u8> {
    let mut document = match raw(alert) {
        Some(raw) if format == Format::Ntopng && alert.producer == NTOPNG => raw.to_owned(),
        raw => shape::with_raw(alert, raw),
    };
    document.push('\n');
    document.into_bytes()
}

/// The alert as its producer sent it, if that is a JSON object.
fn raw(alert: &Alert) -> Option<&str> {
    let raw = serde_json::from_str::<&RawValue>(&alert.raw).ok()?.get();
    raw.starts_with('{').then_some(raw)
}
