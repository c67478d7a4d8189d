//! The keys of an alert in Campanile's own JSON, and their order.
//!
//! The engine compiles this file and `names.rs`, too, over its own types of the same contract: what a
//! script reads is what a component writes. So they name types by `super`, and nothing else of
//! this crate.

use super::{Alert, Flow, Party, Traffic};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Room for an alert without its raw form, so that it is seldom moved while it grows.
const BYTES_USUAL: usize = 2048;

/// One alert as a JSON object. `raw`: the JSON that its raw form is; `None`: it stands as a text.
pub(super) fn with_raw(alert: &Alert, raw: Option<&str>) -> String {
    let mut element = without_raw(alert);
    element.reserve_exact(alert.raw.len() + 16);
    // In place of the brace that closes the object.
    element.pop();
    element.push_str(r#","raw":"#);
    match raw {
        Some(raw) => element.push_str(raw),
        None => element.push_str(&written(&alert.raw, alert.raw.len() + 2)),
    }
    element.push('}');
    element
}

/// The same without the alert as its producer sent it.
pub fn without_raw(alert: &Alert) -> String {
    let shape = AlertShape {
        id: &alert.id,
        fingerprint: &alert.fingerprint,
        episode: &alert.episode,
        producer: &alert.producer,
        time: &alert.time.utc,
        received: &alert.received.utc,
        ended: alert.ended.as_ref().map(|ended| ended.utc.as_str()),
        severity: alert.severity.name(),
        score: alert.score,
        action: alert.action.name(),
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
    };
    written(&shape, BYTES_USUAL)
}

/// As JSON; `room`: the bytes that it will seldom exceed.
fn written(what: &impl Serialize, room: usize) -> String {
    let mut bytes = Vec::with_capacity(room);
    // Into memory, and only strings, numbers and maps with string keys: this cannot fail.
    let written = serde_json::to_writer(&mut bytes, what);
    debug_assert!(written.is_ok(), "an alert is always JSON: {written:?}");
    String::from_utf8(bytes).unwrap_or_default()
}

#[derive(Serialize)]
struct AlertShape<'a> {
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
        let system = party.autonomous_system.as_ref();
        Self {
            ip: &party.ip,
            port: party.port,
            name: party.name.as_deref(),
            mac: party.mac.as_deref(),
            autonomous_system: system
                .map(|one| SystemShape { number: one.number, name: one.name.as_deref() }),
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

/// Names and values as a JSON object, in the order given.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a>(pub &'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
