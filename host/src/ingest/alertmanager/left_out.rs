//! One more alert for those that did not come: nothing is lost without a word.

use crate::alert::{Action, Alert, Severity};
use crate::ingest::Arrival;
use crate::route::fingerprint;

/// `text` says how many, of which group, and why.
pub(super) fn alert(text: String, link: Option<String>, arrival: &Arrival<'_>) -> Alert {
    let id = arrival.ids.next(arrival.now_ms);
    Alert {
        id,
        tenant: arrival.tenant,
        // By its text, so that one of these does not wait for that of another group.
        fingerprint: fingerprint::of(arrival.tenant, super::PRODUCER, &["left-out", &text]),
        episode: id,
        producer: super::PRODUCER.into(),
        time_ms: arrival.now_ms,
        received_ms: arrival.now_ms,
        ended_ms: None,
        severity: Severity::Warning,
        score: Severity::Warning.score(),
        action: Action::Store,
        category: "internals".into(),
        alert_type: "alerts_left_out".into(),
        title: "Alerts left out".into(),
        text,
        entity_kind: "system".into(),
        entity_value: super::PRODUCER.into(),
        interface_name: None,
        flow: None,
        host: None,
        link,
        labels: Vec::new(),
        annotations: Vec::new(),
        raw: String::new(),
        may_ban: false,
    }
}
