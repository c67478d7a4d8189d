//! The words that the schema knows, where it knows only some.

use crate::{Action, Alert, Severity};

/// `event.category`: at least one of those for which `event.type` may be `info`.
pub(super) fn categories(alert: &Alert) -> impl Iterator<Item = &'static str> {
    let is_security = matches!(alert.category.as_str(), "security" | "ids_ips");
    let is_network = alert.flow.is_some()
        || (super::is_ntopng(alert) && alert.entity_kind != "system")
        || matches!(alert.category.as_str(), "network" | "snmp" | "active_monitoring")
        || matches!(
            alert.entity_kind.as_str(),
            "flow" | "interface" | "network" | "mac" | "asn" | "domain" | "snmp_device"
        );
    // For anything else: something happened to a machine.
    let is_host = !is_network && !is_security;
    let told = [(is_network, "network"), (is_security, "intrusion_detection"), (is_host, "host")];
    told.into_iter().filter_map(|(is_so, word)| is_so.then_some(word))
}

/// `event.action`, whose words are free.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Store => "stored",
        Action::Engage => "engaged",
        Action::Release => "released",
    }
}

/// `event.severity_label` is not of the schema, but ntopng writes it.
pub(super) fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::None | Severity::Debug | Severity::Info | Severity::Notice => "low",
        Severity::Warning => "medium",
        Severity::Error => "high",
        Severity::Critical | Severity::Alert | Severity::Emergency => "critical",
    }
}

/// `geo.continent_name` for a code; empty where there is none.
pub(super) fn continent(code: &str) -> &'static str {
    match code {
        "AF" => "Africa",
        "AN" => "Antarctica",
        "AS" => "Asia",
        "EU" => "Europe",
        "NA" => "North America",
        "OC" => "Oceania",
        "SA" => "South America",
        _ => "",
    }
}
