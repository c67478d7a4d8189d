//! ntopng's payload: the envelope that its own webhook POSTs, so that receivers need no change.
//!
//! An alert that came from ntopng goes on byte for byte. Any other is told with ntopng's keys, as
//! far as it has something to say under them.

use std::borrow::Cow;

use campanile_guest::native::Pairs;
use campanile_guest::{Action, Alert, Flow, Party, raw};
use serde::Serialize;

/// The body up to the first alert. `newest_ms` takes the place of the clock, which `format` does
/// not have: the last moment that the alerts speak of, in milliseconds since the Unix epoch.
pub(crate) fn head(newest_ms: u64) -> String {
    format!(r#"{{"version":"0.2","timestamp":{},"alerts":["#, newest_ms / 1000)
}

/// One alert as a JSON object.
pub(crate) fn element(alert: &Alert) -> Cow<'_, str> {
    let as_it_came = raw::object(alert).filter(|_| alert.producer == PRODUCER);
    match as_it_came {
        Some(raw) => Cow::Borrowed(raw),
        // Strings, numbers and maps with string keys: there is nothing here that can fail.
        None => Cow::Owned(serde_json::to_string(&Element::of(alert)).unwrap_or_default()),
    }
}

/// Whose alerts are in this shape already.
const PRODUCER: &str = "ntopng";

/// The system interface's `ifid`, and an `alert_id` that no type of ntopng has.
const NONE: i32 = -1;

#[derive(Serialize)]
struct Element<'a> {
    ifid: i32,
    action: &'a str,
    /// Seconds since the Unix epoch, like `tstamp_end`.
    tstamp: u64,
    /// 0 while the condition lasts.
    tstamp_end: u64,
    alert_id: i32,
    alert_category: u8,
    score: u32,
    severity: u8,
    entity_id: u8,
    entity_val: &'a str,
    name: &'a str,
    subtype: &'a str,
    granularity: u32,
    acknowledged: bool,
    title: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(flatten)]
    host: Option<HostKeys<'a>>,
    #[serde(flatten)]
    flow: Option<FlowKeys<'a>>,
    /// JSON in a string, as ntopng has it.
    json: String,
}

impl<'a> Element<'a> {
    fn of(alert: &'a Alert) -> Self {
        let tstamp = alert.time.unix_ms / 1000;
        let ended = alert.ended.as_ref().map(|ended| ended.unix_ms / 1000);
        let tstamp_end = match alert.action {
            Action::Engage => 0,
            Action::Store | Action::Release => ended.unwrap_or(tstamp),
        };
        let host_name = alert.host.as_ref().and_then(|host| host.name.as_deref());
        Self {
            ifid: NONE,
            action: alert.action.name(),
            tstamp,
            tstamp_end,
            alert_id: NONE,
            alert_category: category_number(&alert.category),
            score: alert.score,
            severity: alert.severity.number(),
            entity_id: entity_number(&alert.entity_kind),
            entity_val: &alert.entity_value,
            name: host_name.unwrap_or(&alert.entity_value),
            subtype: &alert.alert_type,
            granularity: 0,
            acknowledged: false,
            title: &alert.title,
            message: &alert.text,
            link: alert.link.as_deref(),
            host: alert.host.as_ref().map(HostKeys::of),
            flow: alert.flow.as_ref().map(FlowKeys::of),
            json: serde_json::to_string(&Inner::of(alert)).unwrap_or_default(),
        }
    }
}

#[derive(Serialize)]
struct HostKeys<'a> {
    ip: &'a str,
    is_attacker: bool,
    is_victim: bool,
}

impl<'a> HostKeys<'a> {
    fn of(host: &'a Party) -> Self {
        Self { ip: &host.ip, is_attacker: host.is_attacker, is_victim: host.is_victim }
    }
}

#[derive(Serialize)]
struct FlowKeys<'a> {
    is_flow_alert: bool,
    #[serde(rename = "proto.ndpi", skip_serializing_if = "Option::is_none")]
    application: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<&'a str>,
    cli_ip: &'a str,
    cli_port: u16,
    cli_name: &'a str,
    cli_localhost: bool,
    cli_blacklisted: bool,
    is_cli_attacker: bool,
    is_cli_victim: bool,
    srv_ip: &'a str,
    srv_port: u16,
    srv_name: &'a str,
    srv_localhost: bool,
    srv_blacklisted: bool,
    is_srv_attacker: bool,
    is_srv_victim: bool,
    cli2srv_bytes: u64,
    cli2srv_packets: u64,
    srv2cli_bytes: u64,
    srv2cli_packets: u64,
}

impl<'a> FlowKeys<'a> {
    fn of(flow: &'a Flow) -> Self {
        let (client, server) = (&flow.client, &flow.server);
        Self {
            is_flow_alert: true,
            application: flow.application.as_deref(),
            proto: flow.transport_number,
            vlan_id: flow.vlan,
            community_id: flow.community_id.as_deref(),
            cli_ip: &client.ip,
            cli_port: client.port.unwrap_or(0),
            cli_name: client.name.as_deref().unwrap_or_default(),
            cli_localhost: client.is_local,
            cli_blacklisted: client.is_blacklisted,
            is_cli_attacker: client.is_attacker,
            is_cli_victim: client.is_victim,
            srv_ip: &server.ip,
            srv_port: server.port.unwrap_or(0),
            srv_name: server.name.as_deref().unwrap_or_default(),
            srv_localhost: server.is_local,
            srv_blacklisted: server.is_blacklisted,
            is_srv_attacker: server.is_attacker,
            is_srv_victim: server.is_victim,
            cli2srv_bytes: flow.sent.bytes,
            cli2srv_packets: flow.sent.packets,
            srv2cli_bytes: flow.received.bytes,
            srv2cli_packets: flow.received.packets,
        }
    }
}

/// What ntopng has no keys for.
#[derive(Serialize)]
struct Inner<'a> {
    producer: &'a str,
    id: &'a str,
    fingerprint: &'a str,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    /// An alert from ntopng that could not be read, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
}

impl<'a> Inner<'a> {
    fn of(alert: &'a Alert) -> Self {
        Self {
            producer: &alert.producer,
            id: &alert.id,
            fingerprint: &alert.fingerprint,
            labels: Pairs(&alert.labels),
            annotations: Pairs(&alert.annotations),
            raw: (alert.producer == PRODUCER).then_some(&alert.raw),
        }
    }
}

/// ntopng's number of the category; 0 is `other`.
fn category_number(name: &str) -> u8 {
    match name {
        "security" => 1,
        "internals" => 2,
        "network" => 3,
        "system" => 4,
        "ids_ips" => 5,
        "active_monitoring" => 6,
        "snmp" => 7,
        _ => 0,
    }
}

/// ntopng's number of the sort of entity; 15 is `other`.
fn entity_number(kind: &str) -> u8 {
    match kind {
        "interface" => 0,
        "host" => 1,
        "network" => 2,
        "snmp_device" => 3,
        "flow" => 4,
        "mac" => 5,
        "host_pool" => 6,
        "user" => 7,
        "am_host" => 8,
        "system" => 9,
        "asn" => 11,
        "domain" => 12,
        "mitre" => 13,
        _ => 15,
    }
}
