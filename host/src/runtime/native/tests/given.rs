//! What native kinds are given by the engine, for their own tests.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::super::super::{Withheld, convert};
use super::*;
use crate::alert::Alert;

/// `previous`: what was the service's own name for the first delivery of the episode.
pub(crate) fn subject(alert: &Alert, previous: Option<&str>) -> kind::Subject {
    let alert = convert::alert(alert, &TimeZone::UTC, Withheld::default());
    kind::Subject { alert, previous: previous.map(str::to_owned) }
}

pub(crate) fn context(settings: &Value, purpose: kind::Purpose) -> kind::Context {
    kind::Context {
        settings: settings.to_string(),
        recipient_id: "1".to_owned(),
        recipient_name: "r".to_owned(),
        endpoint_id: "1".to_owned(),
        instance: "test".to_owned(),
        instance_link: None,
        engine: "campanile/test".to_owned(),
        zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        purpose,
        omitted: 0,
        group: Vec::new(),
        extra: Vec::new(),
    }
}

/// The first try of a message that has waited so long.
pub(crate) fn attempt(waited_ms: u64) -> kind::Attempt {
    let at = |unix_ms| convert::instant(unix_ms, &TimeZone::UTC);
    kind::Attempt {
        message_id: "m".to_owned(),
        number: 1,
        now: at(1_000_000 + waited_ms),
        first: at(1_000_000),
        carry: None,
        deliveries: Vec::new(),
        deadline_ms: 5_000,
        purpose: kind::Purpose::Live,
    }
}
