//! The alert as its producer sent it, where it may stand in a JSON body as it is.

use crate::Alert;
use serde_json::value::RawValue;

/// The engine's type for what it could not read, which may be no JSON at all.
const UNPARSED: &str = "unparsed";

/// The raw alert, if it is a JSON object.
///
/// What the engine could read is not read again: that would be a third of the cost of `format`.
pub fn object(alert: &Alert) -> Option<&str> {
    let raw = alert.raw.as_str();
    let is_object = raw.starts_with('{')
        && raw.ends_with('}')
        && (alert.alert_type != UNPARSED || serde_json::from_str::<&RawValue>(raw).is_ok());
    is_object.then_some(raw)
}
