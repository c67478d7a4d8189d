//! What templates see of an alert: the names of our own schema, times as people read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::alert::{Alert, Flow, Party};

/// Tables whose keys are the sender's own.
const OPEN: [&str; 2] = ["labels", "annotations"];

/// What an alert does not have is not there, so that `default` speaks for it.
pub(super) fn of(alert: &Alert, zone: &TimeZone) -> Value {
    let when = |ms: u64| moment(ms, zone);
    present(json!({
        "id": alert.id.to_string(),
        "producer": alert.producer,
        "time": when(alert.time_ms),
        "received": when(alert.received_ms),
        "ended": alert.ended_ms.map(when),
        "severity": alert.severity.name(),
        "score": alert.score,
        "action": alert.action.name(),
        "category": alert.category,
        "type": alert.alert_type,
        "title": alert.title,
        "text": alert.text,
        "entity": { "kind": alert.entity_kind, "value": alert.entity_value },
        "interface": alert.interface_name,
        "flow": alert.flow.as_ref().map(flow),
        "host": alert.host.as_ref().map(party),
        "link": alert.link,
        "labels": table(&alert.labels),
        "annotations": table(&alert.annotations),
    }))
}

fn present(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

/// In the recipient's zone, to the second: `2026-11-24 03:51:00 +01:00`, or `... UTC`.
fn moment(ms: u64, zone: &TimeZone) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let Some(at) = at else { return String::new() };
    let offset = zone.to_offset(at);
    let day = offset.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S");
    let (minutes, sign) = (offset.seconds().unsigned_abs() / 60, offset.seconds() < 0);
    match (minutes, if sign { '-' } else { '+' }) {
        (0, _) => format!("{day} UTC"),
        (minutes, sign) => format!("{day} {sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }
}

fn flow(flow: &Flow) -> Value {
    present(json!({
        "client": party(&flow.client),
        "server": party(&flow.server),
        "transport": flow.transport,
        "application": flow.application,
        "vlan": flow.vlan,
        "community_id": flow.community_id,
        "blocked": flow.blocked,
    }))
}

fn party(party: &Party) -> Value {
    present(json!({
        "ip": party.ip,
        "port": party.port,
        "name": party.name,
        "mac": party.mac,
        "country": party.country,
        "city": party.city,
        "is_local": party.is_local,
        "is_attacker": party.is_attacker,
        "is_victim": party.is_victim,
        "is_blacklisted": party.is_blacklisted,
    }))
}

fn table(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
}

/// An alert that has every field, for trying templates out.
pub(super) fn sample() -> Value {
    let party = json!({
        "ip": "192.0.2.1", "port": 443, "name": "host.example", "mac": "00:00:5e:00:53:01",
        "country": "CH", "city": "Bern", "is_local": true, "is_attacker": false,
        "is_victim": false, "is_blacklisted": false,
    });
    json!({
        "id": "01JD8Q5W3V9T6Z0M4K2N7P1R5S", "producer": "ntopng",
        "time": "2026-11-24 03:51:00 +01:00", "received": "2026-11-24 03:51:01 +01:00",
        "ended": "2026-11-24 03:52:00 +01:00", "severity": "error", "score": 120,
        "action": "engage", "category": "security", "type": "sample", "title": "Sample",
        "text": "A sample.", "entity": { "kind": "host", "value": "192.0.2.1" },
        "interface": "eth0", "link": "https://ntop.example/",
        "flow": {
            "client": party, "server": party, "transport": "tcp", "application": "tls",
            "vlan": 12, "community_id": "1:x", "blocked": false,
        },
        "host": party, "labels": { "rack": "b7" }, "annotations": { "runbook": "see the wiki" },
    })
}

/// Whether `path`, such as `flow.client.ip`, is something that alerts can have.
pub(super) fn is_known(sample: &Value, path: &str) -> bool {
    let mut at = sample;
    for (depth, part) in path.split('.').enumerate() {
        if depth == 1 && OPEN.iter().any(|open| path.starts_with(open)) {
            return true;
        }
        match at.get(part) {
            Some(found) => at = found,
            None => return false,
        }
    }
    true
}

pub(super) fn names(sample: &Value) -> Vec<String> {
    sample.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}
