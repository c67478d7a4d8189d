//! What becomes of an alert that cannot be read: an alert that says so and keeps its text.
//!
//! ntopng drops what it is refused, for good; so nothing it sends is.

use crate::alert::{Action, Alert, Severity};
use crate::ingest::{ALERT_BYTES_MAX, Arrival, canonical};
use crate::route::fingerprint;

/// `text` says why; `raw` is kept up to the bound of an alert, with a label where it was cut.
pub(super) fn alert(text: String, raw: &str, arrival: &Arrival<'_>) -> Alert {
    let kept = canonical::cut(raw, ALERT_BYTES_MAX);
    let mut labels = Vec::new();
    if kept.len() < raw.len() {
        labels.push(("raw_cut".into(), format!("{} of {} bytes", kept.len(), raw.len())));
    }
    let id = arrival.ids.next(arrival.now_ms);
    Alert {
        id,
        tenant: arrival.tenant,
        // By its text, so that one of these does not wait for another.
        fingerprint: fingerprint::of(arrival.tenant, super::PRODUCER, &["unparsed", kept]),
        episode: id,
        producer: super::PRODUCER.into(),
        time_ms: arrival.now_ms,
        received_ms: arrival.now_ms,
        ended_ms: None,
        severity: Severity::Warning,
        score: Severity::Warning.score(),
        action: Action::Store,
        category: "internals".into(),
        alert_type: "unparsed".into(),
        title: "Unparsed ntopng alert".into(),
        text,
        entity_kind: "system".into(),
        entity_value: super::PRODUCER.into(),
        interface_name: None,
        flow: None,
        host: None,
        link: None,
        labels,
        annotations: Vec::new(),
        raw: kept.to_owned(),
        may_ban: false,
    }
}
