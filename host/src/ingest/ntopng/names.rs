//! ntopng's numbers and what they are called.

use std::sync::LazyLock;

/// Where an alert's number counts: the same number means other things in another scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Flow,
    Host,
    Other,
}

#[derive(Debug)]
pub(super) struct AlertType {
    scope: Scope,
    id: i64,
    /// `low_goodput`
    pub(super) name: &'static str,
    /// `Low Goodput`
    pub(super) title: &'static str,
}

/// Sorted by scope and id.
static ALERT_TYPES: LazyLock<Vec<AlertType>> = LazyLock::new(|| {
    let rows = include_str!("alert-types.csv").lines().skip(1);
    let mut types: Vec<_> = rows.filter_map(alert_type_in).collect();
    types.sort_unstable_by_key(|one| (one.scope, one.id));
    types
});

fn alert_type_in(row: &'static str) -> Option<AlertType> {
    let mut cells = row.splitn(4, ',');
    let scope = match cells.next()? {
        "flow" => Scope::Flow,
        "host" => Scope::Host,
        _ => Scope::Other,
    };
    let id = cells.next()?.parse().ok()?;
    Some(AlertType { scope, id, name: cells.next()?, title: cells.next()? })
}

pub(super) fn alert_type(scope: Scope, id: i64) -> Option<&'static AlertType> {
    let at = ALERT_TYPES.binary_search_by_key(&(scope, id), |one| (one.scope, one.id)).ok()?;
    ALERT_TYPES.get(at)
}

/// Old producers name the type; some of them with `alert_` before it.
pub(super) fn alert_type_named(scope: Scope, name: &str) -> Option<&'static AlertType> {
    let bare = name.strip_prefix("alert_").unwrap_or(name);
    ALERT_TYPES.iter().find(|one| one.scope == scope && (one.name == name || one.name == bare))
}

const ENTITIES: [(i64, &str); 15] = [
    (0, "interface"),
    (1, "host"),
    (2, "network"),
    (3, "snmp_device"),
    (4, "flow"),
    (5, "mac"),
    (6, "host_pool"),
    (7, "user"),
    (8, "am_host"),
    (9, "system"),
    (10, "test"),
    (11, "asn"),
    (12, "domain"),
    (13, "mitre"),
    (15, "other"),
];

pub(super) fn entity(id: i64) -> Option<&'static str> {
    ENTITIES.iter().find(|(number, _)| *number == id).map(|(_, name)| *name)
}

const CATEGORIES: [&str; 8] =
    ["other", "security", "internals", "network", "system", "ids_ips", "active_monitoring", "snmp"];

pub(super) fn category(id: i64) -> Option<&'static str> {
    CATEGORIES.get(usize::try_from(id).ok()?).copied()
}

const TRANSPORTS: [(i64, &str); 14] = [
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (17, "udp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (132, "sctp"),
];

pub(super) fn transport(number: i64) -> Option<&'static str> {
    TRANSPORTS.iter().find(|(one, _)| *one == number).map(|(_, name)| *name)
}

pub(super) fn transport_number(name: &str) -> Option<i64> {
    TRANSPORTS.iter().find(|(_, one)| one.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read_and_none_twice() {
        let rows = include_str!("alert-types.csv").lines().count() - 1;
        assert_eq!(ALERT_TYPES.len(), rows);
        assert!(ALERT_TYPES.is_sorted_by(|a, b| (a.scope, a.id) < (b.scope, b.id)));
        assert!(ALERT_TYPES.iter().all(|one| !one.title.contains([',', '"'])));
    }

    #[test]
    fn one_number_means_other_things_in_other_scopes() {
        let table = [
            (Scope::Flow, 1, Some("blacklisted")),
            (Scope::Flow, 28, Some("tls_certificate_selfsigned")),
            (Scope::Host, 20, Some("scan_detected")),
            (Scope::Other, 4137, Some("too_many_drops")),
            (Scope::Other, 28, None),
            (Scope::Flow, -1, None),
        ];
        for (scope, id, expected) in table {
            let found = alert_type(scope, id).map(|one| one.name);
            assert_eq!(found, expected, "{scope:?} {id}");
        }
    }
}
