//! Ingest: bytes into alerts, one file per producer.
//!
//! Promise: pure. The clock and the ids come in as arguments, the same bytes read the same way,
//! and no bytes make a reader panic. Every element of a request ends as one alert or one reason.
//!
//! Not here: whether the alerts are taken in, and what the sender is answered.

pub mod alertmanager;
mod canonical;
mod fields;
mod json;
pub mod native;
pub mod ntopng;

use crate::ids::{AlertIds, TenantId};

/// Largest alert, in bytes of JSON as it was sent.
pub const ALERT_BYTES_MAX: usize = 64 * 1024;
/// Most alerts in one request.
pub const ALERTS_COUNT_MAX: usize = 10_000;
/// Most objects and arrays inside one another in one alert. JSON readers commonly stop at 128, and
/// an alert must still be read when it comes wrapped in somebody's envelope.
pub const NESTING_COUNT_MAX: usize = 100;

/// What an alert gets from the moment and the door of its arrival.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub tenant: TenantId,
    /// Milliseconds since the Unix epoch.
    pub now_ms: u64,
    pub ids: &'a AlertIds,
}

/// A body in which not even single alerts can be told apart. Line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, utoipa::ToSchema)]
#[error("line {line}, column {column}: expected {expected}")]
pub struct BadBody {
    pub line: usize,
    /// In characters.
    pub column: usize,
    pub expected: String,
}

impl BadBody {
    /// What is wrong at byte `at` of `body`.
    fn at(body: &str, at: usize, expected: impl Into<String>) -> Self {
        let before = &body[..body.floor_char_boundary(at)];
        let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            expected: expected.into(),
        }
    }
}

/// Why one alert of a request was not taken, in words for whoever wrote the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, utoipa::ToSchema)]
#[error("{}", self.sentence())]
pub struct Rejection {
    /// Which alert of the request, from 0.
    pub position: usize,
    /// Its line in the body, from 1, where the body has one alert per line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Where in the alert: `flow.client.ip`. Empty for the alert as a whole.
    pub field: String,
    pub expected: String,
    /// What stood there instead, as JSON: at most 64 bytes, printable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

impl Rejection {
    fn sentence(&self) -> String {
        let mut text = format!("alert {}", self.position);
        if let Some(line) = self.line {
            text += &format!(" (line {line})");
        }
        if !self.field.is_empty() {
            text += &format!(": `{}`", self.field);
        }
        text += &format!(": expected {}", self.expected);
        if let Some(found) = &self.found {
            text += &format!(", found {found}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_body_counts_lines_and_characters_from_one() {
        let table = [
            ("x", 0, (1, 1)),
            ("{\n  ä", 5, (2, 3)),
            ("{\n  äx", 6, (2, 4)),
            ("{\n\n", 3, (3, 1)),
            ("{", 9, (1, 2)),
        ];
        for (body, at, expected) in table {
            let bad = BadBody::at(body, at, "JSON");
            assert_eq!((bad.line, bad.column), expected, "byte {at} of {body:?}");
        }
    }

    #[test]
    fn a_rejection_reads_as_place_expectation_and_what_stood_there() {
        let rejection = Rejection {
            position: 3,
            line: Some(5),
            field: "flow.client.ip".into(),
            expected: "an IPv4 or IPv6 address".into(),
            found: Some("\"10.0.0\"".into()),
        };
        assert_eq!(
            rejection.to_string(),
            "alert 3 (line 5): `flow.client.ip`: expected an IPv4 or IPv6 address, found \"10.0.0\""
        );
    }
}
