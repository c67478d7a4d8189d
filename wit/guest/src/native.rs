//! An alert in Campanile's own JSON: the keys of an alert as `POST /v1/alerts` takes them, and what
//! the engine added.

mod shape;

use crate::{Alert, Flow, Party, Traffic, raw};

pub use shape::{Pairs, without_raw};

/// One alert as a JSON object.
pub fn element(alert: &Alert) -> String {
    shape::with_raw(alert, raw::object(alert))
}
