//! What of an ntopng alert is worth matching or showing beside, in one order for all of them.

use super::loose::Loose;
use super::seen::Seen;
use crate::ingest::canonical;

/// Longest value, in bytes; the whole of it stays in the raw alert.
const VALUE_BYTES_MAX: usize = 1024;

pub(super) fn of(seen: &Seen<'_>) -> Vec<(String, String)> {
    // The second is what stands for `none` there.
    let table: [(&str, &Loose<'_>, &str); 26] = [
        ("ifid", &seen.ifid, ""),
        ("alert_id", &seen.alert_id, ""),
        ("subtype", &seen.subtype, ""),
        ("granularity", &seen.granularity, "0"),
        ("vlan", &seen.vlan_id, "0"),
        ("observation_point_id", &seen.observation_point_id, "0"),
        ("probe_ip", &seen.probe_ip, "0.0.0.0"),
        ("host_pool_id", &seen.host.host_pool_id, ""),
        ("network", &seen.host.network, "65535"),
        ("mac", &seen.host.mac, ""),
        ("os", &seen.host.os, ""),
        ("device_type", &seen.device_type, ""),
        ("device_name", &seen.device_name, ""),
        ("cli_os", &seen.client.os, ""),
        ("cli_host_pool_id", &seen.client.host_pool_id, ""),
        ("cli_network", &seen.client.network, "65535"),
        ("srv_os", &seen.server.os, ""),
        ("srv_host_pool_id", &seen.server.host_pool_id, ""),
        ("srv_network", &seen.server.network, "65535"),
        ("info", &seen.info, ""),
        ("dns_last_query", &seen.dns_last_query, ""),
        ("ja4_client_hash", &seen.ja4_client_hash, ""),
        ("l7_error_code", &seen.l7_error_code, "0"),
        ("flow_status", &seen.flow_status, ""),
        ("periodicity", &seen.periodicity, ""),
        ("success", &seen.success, ""),
    ];
    let mut labels = Vec::with_capacity(12);
    for (name, value, none) in table {
        let value = value.text();
        if !value.is_empty() && value != none {
            labels.push((name.to_owned(), canonical::cut(&value, VALUE_BYTES_MAX).to_owned()));
        }
    }
    labels
}
