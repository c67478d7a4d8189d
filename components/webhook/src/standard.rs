//! An event as Standard Webhooks have it: one alert, what happened to it, and when.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use campanile_guest::{Action, Alert, json, native};

/// What an event should keep below, in bytes.
const BYTES_MAX: usize = 20_000;

/// The whole body. `marks` stand before the alert: keys with their values, and a comma.
pub(crate) fn event(alert: &Alert, marks: &str) -> String {
    let event = body(alert, marks, &native::element(alert));
    // What the producer sent is the part that can be missed.
    if event.len() > BYTES_MAX { body(alert, marks, &native::without_raw(alert)) } else { event }
}

/// What a probe posts.
pub(crate) fn ping(utc: &str) -> String {
    format!(r#"{{"type":"ping","timestamp":{},"data":{{}}}}"#, json::string(utc))
}

fn body(alert: &Alert, marks: &str, element: &str) -> String {
    let (word, at) = match alert.action {
        Action::Store => ("alert.stored", &alert.time),
        Action::Engage => ("alert.engaged", &alert.time),
        Action::Release => ("alert.released", alert.ended.as_ref().unwrap_or(&alert.received)),
    };
    let at = json::string(&at.utc);
    // An element is an object, and has keys.
    let keys = element.strip_prefix('{').unwrap_or(element);
    format!(r#"{{"type":"{word}","timestamp":{at},"data":{{{marks}{keys}}}"#)
}
