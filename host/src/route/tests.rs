mod decisions;
mod faults;
mod properties;
mod speed;
mod windows;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::alert::tests::alert;
use crate::alert::{Flow, Party, Severity, Traffic};

fn written(filter: Value) -> FilterSettings {
    serde_json::from_value(filter).unwrap()
}

fn compiled(filter: Value) -> Filter {
    Filter::compile(&written(filter), &TimeZone::UTC).unwrap()
}

fn party(ip: &str, is_local: bool, is_attacker: bool) -> Party {
    Party { ip: ip.into(), is_local, is_attacker, is_victim: !is_attacker, ..Party::default() }
}

/// A flow from a local attacker to a remote victim, with labels.
fn flow() -> Alert {
    let flow = Flow {
        client: party("192.0.2.29", true, true),
        server: party("2001:db8::35", false, false),
        transport: "tcp".into(),
        transport_number: None,
        application: None,
        vlan: None,
        community_id: None,
        sent: Traffic::default(),
        received: Traffic::default(),
        blocked: false,
    };
    let labels = [("env", "prod"), ("cli_host_pool_id", "3"), ("srv_host_pool_id", "0")];
    Alert {
        severity: Severity::Warning,
        flow: Some(flow),
        interface_name: Some("eth0".into()),
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        ..alert()
    }
}

/// Milliseconds of an RFC 3339 instant.
fn at(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap();
    at.as_millisecond().unsigned_abs()
}

#[test]
fn an_alert_reaches_only_recipients_of_its_own_tenant() {
    let all = Arc::new(Filter::default());
    let mut router = Router::default();
    router.add(TenantId(1), RecipientId(1), Arc::clone(&all));
    router.add(TenantId(2), RecipientId(2), all);
    let mut alert = alert();
    alert.tenant = TenantId(2);
    assert_eq!(router.route(&alert, Episode::Fresh), [RecipientId(2)]);
    alert.tenant = TenantId(3);
    assert_eq!(router.route(&alert, Episode::Fresh), []);
}

#[test]
fn a_release_goes_to_whom_its_engage_was_owed_and_a_repeat_to_nobody() {
    let mut router = Router::default();
    let high = compiled(json!({"minimum_severity": "emergency"}));
    router.add(TenantId::DEFAULT, RecipientId(1), Arc::new(high));
    router.add(TenantId::DEFAULT, RecipientId(2), Arc::new(Filter::default()));
    let alert = alert();
    let told = [RecipientId(1), RecipientId(9)];
    assert_eq!(router.route(&alert, Episode::Told(&told)), [RecipientId(1)]);
    let reasons: Vec<_> =
        router.decide(&alert, Episode::Told(&told)).map(|(_, it)| it.to_string()).collect();
    assert_eq!(reasons, ["it was told of the beginning", "it was not told of the beginning"]);
    assert_eq!(router.route(&alert, Episode::Repeated), []);
    assert_eq!(router.route(&alert, Episode::Told(&[])), []);
}
