//! An alert as a script reads it: one JSON document, and a line break.
//!
//! Promise: equal alerts give equal bytes. What ntopng sent goes on as it came; everything else has
//! the keys of an alert as `POST /v1/alerts` takes them, and those that the engine added.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::settings::Format;
use crate::runtime::bindings::alerts::{
    Action, Alert, AutonomousSystem, Flow, Party, Severity, Traffic,
};

const NTOPNG: &str = "ntopng";

/// What goes to stdin.
pub(super) fn document(alert: &Alert, format: Format) -> serde_json::Result<Vec<u8>> {
    let mut document = match raw(alert) {
        Some(raw) if format == Format::Ntopng && alert.producer == NTOPNG => {
            raw.get().as_bytes().to_vec()
        }
        raw => serde_json::to_vec(&native(alert, raw))?,
    };
    document.push(b'\n');
    Ok(document)
}

/// The alert as its producer sent it, if that is a JSON object.
fn raw(alert: &Alert) -> Option<&RawValue> {
    let raw = serde_json::from_str::<&RawValue>(&alert.raw).ok()?;
    raw.get().starts_with('{').then_some(raw)
}

fn native<'a>(alert: &'a Alert, raw: Option<&'a RawValue>) -> NativeAlert<'a> {
    NativeAlert {
        id: &alert.id,
        fingerprint: &alert.fingerprint,
        episode: &alert.episode,
        producer: &alert.producer,
        time: &alert.time.utc,
        received: &alert.received.utc,
        ended: alert.ended.as_ref().map(|ended| ended.utc.as_str()),
        severity: severity(alert.severity),
        score: alert.score,
        action: action(alert.action),
        category: &alert.category,
        alert_type: &alert.alert_type,
        title: &alert.title,
        text: &alert.text,
        entity: Entity { kind: &alert.entity_kind, value: &alert.entity_value },
        interface: alert.interface_name.as_deref(),
        flow: alert.flow.as_ref().map(FlowShape::of),
        host: alert.host.as_ref().map(PartyShape::of),
        link: alert.link.as_deref(),
        labels: Pairs(&alert.labels),
        annotations: Pairs(&alert.annotations),
        raw: raw.map_or(Raw::Text(&alert.raw), Raw::Object),
    }
}

pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Store => "store",
        Action::Engage => "engage",
        Action::Release => "release",
    }
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "none",
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
        Severity::Alert => "alert",
        Severity::Emergency => "emergency",
    }
}

#[derive(Serialize)]
struct NativeAlert<'a> {
    id: &'a str,
    fingerprint: &'a str,
    episode: &'a str,
    producer: &'a str,
    time: &'a str,
    received: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a str>,
    severity: &'a str,
    score: u32,
    action: &'a str,
    category: &'a str,
    #[serde(rename = "type")]
    alert_type: &'a str,
    title: &'a str,
    text: &'a str,
    entity: Entity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<FlowShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<PartyShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    raw: Raw<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Raw<'a> {
    Object(&'a RawValue),
    Text(&'a str),
}

#[derive(Serialize)]
struct Entity<'a> {
    kind: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct FlowShape<'a> {
    client: PartyShape<'a>,
    server: PartyShape<'a>,
    transport: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport_number: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<&'a str>,
    sent: TrafficShape,
    received: TrafficShape,
    blocked: bool,
}

impl<'a> FlowShape<'a> {
    fn of(flow: &'a Flow) -> Self {
        Self {
            client: PartyShape::of(&flow.client),
            server: PartyShape::of(&flow.server),
            transport: &flow.transport,
            transport_number: flow.transport_number,
            application: flow.application.as_deref(),
            vlan: flow.vlan,
            community_id: flow.community_id.as_deref(),
            sent: TrafficShape::of(&flow.sent),
            received: TrafficShape::of(&flow.received),
            blocked: flow.blocked,
        }
    }
}

#[derive(Serialize)]
struct TrafficShape {
    bytes: u64,
    packets: u64,
}

impl TrafficShape {
    fn of(traffic: &Traffic) -> Self {
        Self { bytes: traffic.bytes, packets: traffic.packets }
    }
}

#[derive(Serialize)]
struct PartyShape<'a> {
    ip: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autonomous_system: Option<SystemShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<(f64, f64)>,
    is_local: bool,
    is_attacker: bool,
    is_victim: bool,
    is_blacklisted: bool,
}

impl<'a> PartyShape<'a> {
    fn of(party: &'a Party) -> Self {
        Self {
            ip: &party.ip,
            port: party.port,
            name: party.name.as_deref(),
            mac: party.mac.as_deref(),
            autonomous_system: party.autonomous_system.as_ref().map(SystemShape::of),
            country: party.country.as_deref(),
            city: party.city.as_deref(),
            continent: party.continent.as_deref(),
            location: party.location,
            is_local: party.is_local,
            is_attacker: party.is_attacker,
            is_victim: party.is_victim,
            is_blacklisted: party.is_blacklisted,
        }
    }
}

#[derive(Serialize)]
struct SystemShape<'a> {
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

impl<'a> SystemShape<'a> {
    fn of(system: &'a AutonomousSystem) -> Self {
        Self { number: system.number, name: system.name.as_deref() }
    }
}

/// Names and values as a JSON object, in the order given.
struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
