//! What a probe asks: with OPTIONS, or by a message that tells of nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use campanile_guest::{Message, Method, Request};

use crate::message::{JSON, bare};
use crate::settings::{Payload, Settings};
use crate::{alertmanager, ntopng, standard};

/// Asks what the URL takes, which posts nothing.
pub(crate) fn options(settings: &Settings, authorization: Option<String>) -> Request {
    let mut headers = settings.headers.clone();
    headers.extend(authorization.map(|one| ("authorization".to_owned(), one)));
    Request { headers, ..bare(Method::Options, settings) }
}

/// A message that tells of nothing, at `at`.
pub(crate) fn nothing(payload: Payload, at: SystemTime) -> Message {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let body = match payload {
        Payload::Ntopng => format!("{}]}}", ntopng::head(seconds * 1000)),
        Payload::Native => r#"{"purpose":"test","alerts":[]}"#.into(),
        Payload::StandardWebhooks => standard::ping(&utc(seconds)),
        Payload::AlertmanagerV4 => alertmanager::nothing(),
        Payload::Ecs => "[]".into(),
    };
    Message {
        alerts: vec![],
        summary: String::new(),
        content_type: JSON.into(),
        body: body.into_bytes(),
        notes: vec![],
        repeat_safe_ms: 0,
    }
}

/// RFC 3339, in UTC. What a calendar knows (H. Hinnant, `civil_from_days`).
fn utc(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_a_probe_is_told_by_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_795_488_660, "2026-11-24T02:51:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
            (1_798_761_600, "2027-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ];
        for (seconds, expected) in table {
            assert_eq!(utc(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_message_of_nothing_is_json_in_the_shape_of_the_payload() {
        let at = UNIX_EPOCH + std::time::Duration::from_secs(1_795_488_660);
        let table = [
            (Payload::Ntopng, r#"{"version":"0.2","timestamp":1795488660,"alerts":[]}"#),
            (Payload::Native, r#"{"purpose":"test","alerts":[]}"#),
            (
                Payload::StandardWebhooks,
                r#"{"type":"ping","timestamp":"2026-11-24T02:51:00.000Z","data":{}}"#,
            ),
            (
                Payload::AlertmanagerV4,
                r#"{"receiver":"campanile","status":"resolved","alerts":[],"groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"","version":"4","groupKey":"{}:{}","truncatedAlerts":0}"#,
            ),
            (Payload::Ecs, "[]"),
        ];
        for (payload, expected) in table {
            let body = nothing(payload, at).body;
            assert_eq!(String::from_utf8_lossy(&body), expected, "{payload:?}");
        }
    }
}
