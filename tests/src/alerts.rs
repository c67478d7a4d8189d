//! Alerts as senders write them.

use serde_json::{Value, json};

/// What ntopng's webhook posts: its envelope around alerts, byte for byte.
pub fn envelope<A: AsRef<str>>(alerts: impl IntoIterator<Item = A>) -> String {
    let mut text = r#"{"version":"0.2","timestamp":1790000000,"alerts":["#.to_owned();
    for (at, alert) in alerts.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text += alert.as_ref();
    }
    text + "]}"
}

/// An alert of ntopng about a host: `store`, `engage` or `release`. Its category is security.
pub fn host(ip: &str, action: &str, score: u32) -> String {
    let ended = if action == "release" { 1_790_000_060 } else { 0 };
    format!(
        r#"{{"ifid":3,"action":"{action}","alert_id":20,"alert_category":1,"score":{score},"subtype":"","ip_version":4,"ip":"{ip}","name":"printer.example.net","vlan_id":0,"entity_id":1,"entity_val":"{ip}@0","tstamp":1790000000,"tstamp_end":{ended},"is_attacker":true,"is_victim":false,"host_pool_id":1,"granularity":60,"json":"{{\"value\":61,\"threshold\":40,\"alert_generation\":{{\"script_key\":\"scan_detection\",\"subdir\":\"host\"}}}}"}}"#
    )
}

/// The name that a flow alert carries its serial number under.
pub const SERIAL: &str = "\"serial\":";

/// An alert of ntopng about a flow of its own, 1.2 KiB, with a serial number in front.
pub fn flow(serial: u32) -> String {
    let [_, a, b, c] = serial.to_be_bytes();
    format!(
        r#"{{{SERIAL}{serial},"ifid":1,"action":"store","first_seen":1790000000,"score":120,"acknowledged":false,"is_flow_alert":true,"tstamp":1790000009,"alert_id":26,"alert_category":1,"is_cli_attacker":true,"is_cli_victim":false,"is_srv_attacker":false,"is_srv_victim":true,"entity_id":4,"entity_val":"flow","vlan_id":12,"proto":6,"alerts_map":"04000000","proto.ndpi":"HTTP","l7_master_proto":7,"l7_proto":7,"l7_cat":5,"cli2srv_bytes":1840,"cli2srv_packets":11,"srv2cli_bytes":9200,"srv2cli_packets":13,"cli_ip":"10.{a}.{b}.{c}","cli_blacklisted":false,"cli_port":40123,"cli_location":1,"cli_name":"kiosk-{serial}.example.net","cli_os":"Linux","cli_asn":0,"cli_localhost":true,"srv_ip":"203.0.113.80","srv_blacklisted":true,"srv_port":8080,"srv_location":0,"srv_city_name":"Lyon","srv_country_name":"FR","srv_name":"updates.example.org","srv_asn":64500,"srv_localhost":false,"community_id":"1:3yBc0Yt5mvXo1iYJQ2v9m1k8d5E=","info":"updates.example.org/firmware.bin","json":"{{\"alert_generation\":{{\"script_key\":\"suspicious_file\",\"subdir\":\"flow\"}},\"proto\":{{\"http\":{{\"last_method\":\"GET\",\"last_return_code\":200,\"last_url\":\"/firmware.bin\",\"last_user_agent\":\"fetch/2.1\"}},\"confidence\":1}},\"alert_score\":{{\"26\":100,\"41\":20}}}}"}}"#
    )
}

/// An alert in the engine's own schema.
pub fn native(title: &str) -> Value {
    json!({
        "title": title,
        "severity": "error",
        "category": "system",
        "entity": {"kind": "host", "value": title},
        "text": "written by a test",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alert_is_json_and_the_flow_has_the_size_it_is_measured_with() {
        let text = envelope([host("192.0.2.7", "release", 100), flow(7), flow(1_000_000)]);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["alerts"].as_array().map(Vec::len), Some(3));
        assert!((1_180..=1_280).contains(&flow(99_999).len()), "{}", flow(99_999).len());
        assert_ne!(read["alerts"][1]["cli_ip"], read["alerts"][2]["cli_ip"]);
    }
}
