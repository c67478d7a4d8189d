//! The fields of one ntopng alert, by their names of today.
//!
//! Promise: one pass over the alert's JSON, nothing copied that has no escapes. A key twice counts
//! as it stood last, as it does for ntopng itself; a key of today wins over its name of old.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::loose::Loose;
use crate::ingest::json::Text;

#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) ifid: Loose<'a>,
    pub(super) interface_name: Loose<'a>,
    pub(super) action: Loose<'a>,
    pub(super) tstamp: Loose<'a>,
    pub(super) tstamp_end: Loose<'a>,
    pub(super) alert_id: Loose<'a>,
    pub(super) alert_category: Loose<'a>,
    pub(super) score: Loose<'a>,
    pub(super) severity: Loose<'a>,
    pub(super) entity_id: Loose<'a>,
    pub(super) entity_val: Loose<'a>,
    pub(super) subtype: Loose<'a>,
    pub(super) granularity: Loose<'a>,
    pub(super) vlan_id: Loose<'a>,
    pub(super) observation_point_id: Loose<'a>,
    pub(super) device_type: Loose<'a>,
    pub(super) device_name: Loose<'a>,
    pub(super) is_flow_alert: Loose<'a>,
    pub(super) proto: Loose<'a>,
    pub(super) application: Loose<'a>,
    pub(super) cli2srv_bytes: Loose<'a>,
    pub(super) cli2srv_packets: Loose<'a>,
    pub(super) srv2cli_bytes: Loose<'a>,
    pub(super) srv2cli_packets: Loose<'a>,
    pub(super) dns_last_query: Loose<'a>,
    pub(super) ja4_client_hash: Loose<'a>,
    pub(super) l7_error_code: Loose<'a>,
    pub(super) probe_ip: Loose<'a>,
    pub(super) community_id: Loose<'a>,
    pub(super) info: Loose<'a>,
    pub(super) flow_status: Loose<'a>,
    pub(super) notification_type: Loose<'a>,
    pub(super) title: Loose<'a>,
    pub(super) message: Loose<'a>,
    pub(super) note: Loose<'a>,
    pub(super) periodicity: Loose<'a>,
    pub(super) success: Loose<'a>,
    /// A string, or an object with `url`.
    pub(super) link: Option<&'a RawValue>,
    /// What is particular to the type of alert: a string that holds JSON, or an object.
    pub(super) json: Option<&'a RawValue>,
    pub(super) client: Side<'a>,
    pub(super) server: Side<'a>,
    /// The keys without a prefix, for an alert about one host.
    pub(super) host: Side<'a>,
}

/// What is told of the client, of the server, or of the one host.
#[derive(Debug, Default)]
pub(super) struct Side<'a> {
    pub(super) ip: Loose<'a>,
    pub(super) port: Loose<'a>,
    pub(super) name: Loose<'a>,
    pub(super) mac: Loose<'a>,
    pub(super) os: Loose<'a>,
    pub(super) asn: Loose<'a>,
    pub(super) asname: Loose<'a>,
    pub(super) blacklisted: Loose<'a>,
    pub(super) localhost: Loose<'a>,
    /// 0 remote, 1 local, 2 multicast.
    pub(super) location: Loose<'a>,
    pub(super) host_pool_id: Loose<'a>,
    pub(super) network: Loose<'a>,
    pub(super) city: Loose<'a>,
    pub(super) country: Loose<'a>,
    pub(super) continent: Loose<'a>,
    pub(super) latitude: Loose<'a>,
    pub(super) longitude: Loose<'a>,
    pub(super) is_attacker: Loose<'a>,
    pub(super) is_victim: Loose<'a>,
}

/// Why an alert cannot be read, with the key at which it broke off.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) field: String,
    pub(super) reason: String,
}

impl<'a> Seen<'a> {
    pub(super) fn read(json: &'a str) -> Result<Self, Broken> {
        let (mut seen, mut field) = (Self::default(), Cow::Borrowed(""));
        let pass = Pass { seen: &mut seen, field: &mut field };
        match pass.deserialize(&mut serde_json::Deserializer::from_str(json)) {
            Ok(()) => Ok(seen),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or_default().into();
                Err(Broken { field: field.into_owned(), reason })
            }
        }
    }

    /// Where the value of `key` belongs. `true`: it is the name of today.
    fn slot(&mut self, key: &str) -> Option<(&mut Loose<'a>, bool)> {
        if let Some(key) = key.strip_prefix("cli_") {
            return self.client.slot(key);
        }
        if let Some(key) = key.strip_prefix("srv_") {
            return self.server.slot(key);
        }
        Some(match key {
            "ifid" => (&mut self.ifid, true),
            "score" => (&mut self.score, true),
            "action" => (&mut self.action, true),
            "tstamp" => (&mut self.tstamp, true),
            "alert_id" => (&mut self.alert_id, true),
            "alert_category" => (&mut self.alert_category, true),
            "entity_id" => (&mut self.entity_id, true),
            "entity_val" => (&mut self.entity_val, true),
            "subtype" => (&mut self.subtype, true),
            "tstamp_end" => (&mut self.tstamp_end, true),
            "severity" => (&mut self.severity, true),
            "granularity" => (&mut self.granularity, true),
            "vlan_id" => (&mut self.vlan_id, true),
            "observation_point_id" => (&mut self.observation_point_id, true),
            "is_flow_alert" => (&mut self.is_flow_alert, true),
            "is_cli_attacker" => (&mut self.client.is_attacker, true),
            "is_cli_victim" => (&mut self.client.is_victim, true),
            "is_srv_attacker" => (&mut self.server.is_attacker, true),
            "is_srv_victim" => (&mut self.server.is_victim, true),
            "is_attacker" => (&mut self.host.is_attacker, true),
            "is_victim" => (&mut self.host.is_victim, true),
            "proto" => (&mut self.proto, true),
            "proto.ndpi" => (&mut self.application, true),
            "cli2srv_bytes" => (&mut self.cli2srv_bytes, true),
            "cli2srv_packets" => (&mut self.cli2srv_packets, true),
            "srv2cli_bytes" => (&mut self.srv2cli_bytes, true),
            "srv2cli_packets" => (&mut self.srv2cli_packets, true),
            "dns_last_query" => (&mut self.dns_last_query, true),
            "ja4_client_hash" => (&mut self.ja4_client_hash, true),
            "l7_error_code" => (&mut self.l7_error_code, true),
            "probe_ip" => (&mut self.probe_ip, true),
            "community_id" => (&mut self.community_id, true),
            "info" => (&mut self.info, true),
            "interface_name" => (&mut self.interface_name, true),
            "device_type" => (&mut self.device_type, true),
            "device_name" => (&mut self.device_name, true),
            "notification_type" => (&mut self.notification_type, true),
            "title" => (&mut self.title, true),
            "message" => (&mut self.message, true),
            "note" => (&mut self.note, true),
            "periodicity" => (&mut self.periodicity, true),
            "success" => (&mut self.success, true),
            "flow_status" => (&mut self.flow_status, true),
            "alert_tstamp" => (&mut self.tstamp, false),
            "alert_tstamp_end" => (&mut self.tstamp_end, false),
            "alert_severity" => (&mut self.severity, false),
            "alert_type" | "type" => (&mut self.alert_id, false),
            "alert_entity" | "entity_type" => (&mut self.entity_id, false),
            "alert_entity_val" | "entity_value" => (&mut self.entity_val, false),
            "alert_subtype" => (&mut self.subtype, false),
            "alert_granularity" => (&mut self.granularity, false),
            "ifname" => (&mut self.interface_name, false),
            _ => return self.host.slot(key),
        })
    }
}

impl<'a> Side<'a> {
    fn slot(&mut self, key: &str) -> Option<(&mut Loose<'a>, bool)> {
        Some(match key {
            "ip" => (&mut self.ip, true),
            "port" => (&mut self.port, true),
            "name" => (&mut self.name, true),
            "mac" => (&mut self.mac, true),
            "os" => (&mut self.os, true),
            "asn" => (&mut self.asn, true),
            "asname" => (&mut self.asname, true),
            "blacklisted" => (&mut self.blacklisted, true),
            "localhost" => (&mut self.localhost, true),
            "location" => (&mut self.location, true),
            "host_pool_id" => (&mut self.host_pool_id, true),
            "network" => (&mut self.network, true),
            "city_name" => (&mut self.city, true),
            "country_name" => (&mut self.country, true),
            "continent_name" => (&mut self.continent, true),
            "location_lat" => (&mut self.latitude, true),
            "location_lon" => (&mut self.longitude, true),
            "addr" => (&mut self.ip, false),
            _ => return None,
        })
    }
}

/// Reads one object into `seen`, and leaves in `field` the key it was at.
struct Pass<'s, 'a> {
    seen: &'s mut Seen<'a>,
    field: &'s mut Cow<'a, str>,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Pass<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Pass<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Text(key)) = map.next_key()? {
            *self.field = key;
            match self.field.as_ref() {
                "json" => self.seen.json = Some(map.next_value()?),
                "alert_json" => {
                    let old: &RawValue = map.next_value()?;
                    self.seen.json.get_or_insert(old);
                }
                "link" => self.seen.link = Some(map.next_value()?),
                key => match self.seen.slot(key) {
                    Some((slot, true)) => *slot = map.next_value()?,
                    Some((slot, false)) => {
                        let old = map.next_value()?;
                        if slot.is_absent() {
                            *slot = old;
                        }
                    }
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_today_wins_over_its_name_of_old_in_either_order() {
        let table = [
            r#"{"alert_tstamp":1,"tstamp":2,"cli_addr":"a","cli_ip":"b"}"#,
            r#"{"tstamp":2,"alert_tstamp":1,"cli_ip":"b","cli_addr":"a"}"#,
            r#"{"tstamp":1,"tstamp":2,"cli_ip":"a","cli_ip":"b"}"#,
            r#"{"alert_tstamp":2,"cli_addr":"b"}"#,
        ];
        for json in table {
            let seen = Seen::read(json).unwrap();
            assert_eq!(seen.tstamp.number(), Some(2), "{json}");
            assert_eq!(seen.client.ip.text(), "b", "{json}");
        }
    }

    #[test]
    fn what_breaks_is_told_with_its_key() {
        let table = [
            (r#"{"score":1,"info":"\ud800"}"#, "info"),
            (r#"{"score":1e999}"#, "score"),
            ("7", ""),
            ("[]", ""),
        ];
        for (json, field) in table {
            assert_eq!(Seen::read(json).unwrap_err().field, field, "{json}");
        }
        assert!(Seen::read(r#"{"unknown":"\ud800"}"#).is_ok(), "it stays in raw");
    }
}
