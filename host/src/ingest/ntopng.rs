//! ntopng's webhook: its envelope, of whatever version, into alerts.
//!
//! Promise: ntopng drops what it is refused, for good; so every element of a request becomes one
//! alert, an unreadable one an alert of type `unparsed` that keeps its text. The envelope's secret
//! goes into `secret` and nowhere else.
//!
//! Not here: what the secret is compared with.

mod element;
mod envelope;
mod inner;
mod labels;
mod loose;
mod names;
mod parties;
mod secret;
mod seen;
mod sentence;
#[cfg(test)]
mod tests;
mod unparsed;

use std::borrow::Cow;

use super::{ALERTS_COUNT_MAX, Arrival, BadBody};
use crate::alert::Alert;
use crate::ids::Secret;
use envelope::Unread;

const PRODUCER: &str = "ntopng";

/// What one request of ntopng's holds.
#[derive(Debug)]
pub struct Envelope {
    /// Its `sharedsecret`, where that is not empty.
    pub secret: Option<Secret>,
    /// In their order; empty for a test of the connection.
    pub alerts: Vec<Alert>,
}

/// Reads an envelope of any version; also a bare array, a bare alert, and one alert per line.
///
/// `Err` only for an empty body. Of more than [`ALERTS_COUNT_MAX`] alerts, which ntopng does not
/// send, the rest is counted in one more `unparsed` alert.
pub fn read(body: &[u8], arrival: &Arrival<'_>) -> Result<Envelope, BadBody> {
    let body = match std::str::from_utf8(body) {
        Ok(body) => Cow::Borrowed(body),
        Err(_) => String::from_utf8_lossy(body),
    };
    let body = body.trim_start_matches('\u{feff}');
    if body.trim().is_empty() {
        return Err(BadBody::at(body, 0, "an envelope with `alerts`; the body is empty"));
    }
    let opened = match envelope::open(body) {
        Ok(opened) => opened,
        Err(error) => return Ok(not_json(body, &error, arrival)),
    };
    let over = opened.alerts.len().saturating_sub(ALERTS_COUNT_MAX);
    let first = opened.alerts.iter().take(ALERTS_COUNT_MAX).enumerate();
    let mut alerts: Vec<_> = first.map(|(at, unread)| alert(at, unread, arrival)).collect();
    if over > 0 {
        let text = format!(
            "The request had {over} more alerts than the {ALERTS_COUNT_MAX} that are read of one."
        );
        alerts.push(unparsed::alert(text, "", arrival));
    }
    Ok(Envelope { secret: opened.secret, alerts })
}

fn alert(position: usize, unread: &Unread<'_>, arrival: &Arrival<'_>) -> Alert {
    let json = match unread {
        Unread::Json(json) => json,
        Unread::Blanked(json) => json.as_str(),
    };
    element::read(json, arrival).unwrap_or_else(|reason| {
        let text = format!("Alert {position} of the request could not be read: {reason}.");
        unparsed::alert(text, json, arrival)
    })
}

/// A body that was cut on its way, or is of something else.
fn not_json(body: &str, error: &serde_json::Error, arrival: &Arrival<'_>) -> Envelope {
    let (line, column) = (error.line(), error.column());
    let text = format!(
        "The request could not be read: expected JSON, which breaks off at line {line}, column \
         {column}."
    );
    // Also here the secret may tell who sent it.
    let (kept, secret) = secret::blank(body);
    Envelope { secret, alerts: vec![unparsed::alert(text, &kept, arrival)] }
}
