//! What the tests make documents of.

use crate::{
    Action, Alert, AutonomousSystem, Context, Flow, Instant, Party, Purpose, Severity, Traffic,
};

pub(super) fn context() -> Context {
    Context {
        settings: "{}".into(),
        recipient_id: "1".into(),
        recipient_name: "ops".into(),
        endpoint_id: "1".into(),
        instance: "tower".into(),
        instance_link: None,
        engine: "campanile/1.2.3".into(),
        zone: "UTC".into(),
        locale: "en".into(),
        purpose: Purpose::Live,
        omitted: 0,
        group: vec![],
        extra: vec![],
    }
}

pub(super) fn plain_alert() -> Alert {
    Alert {
        id: "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into(),
        fingerprint: "f1".into(),
        episode: "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into(),
        producer: "diskwatch".into(),
        time: Instant { utc: "2026-11-24T02:51:00.250Z".into(), ..instant(1_795_488_660_250) },
        received: Instant { utc: "2026-11-24T02:51:01.000Z".into(), ..instant(1_795_488_661_000) },
        ended: None,
        severity: Severity::Error,
        score: 0,
        action: Action::Store,
        category: "system".into(),
        alert_type: "disk_full".into(),
        title: "Disk".into(),
        text: String::new(),
        entity_kind: "disk".into(),
        entity_value: "sda1".into(),
        interface_name: None,
        flow: None,
        host: None,
        link: None,
        labels: vec![],
        annotations: vec![],
        raw: "{}".into(),
    }
}

pub(super) fn flow_alert() -> Alert {
    let client = Party {
        port: Some(60952),
        mac: Some("00:00:5e:00:53:af".into()),
        is_victim: true,
        ..party("192.0.2.1", Some("pc-1.example"))
    };
    let server = Party {
        port: Some(443),
        autonomous_system: Some(AutonomousSystem { number: 64500, name: Some("Example".into()) }),
        country: Some("US".into()),
        city: Some("Chicago".into()),
        continent: Some("NA".into()),
        location: Some((41.5, -87.625)),
        is_attacker: true,
        ..party("2001:db8::9", None)
    };
    let flow = Flow {
        client,
        server,
        transport: "tcp".into(),
        transport_number: Some(6),
        application: Some("tls.youtube".into()),
        vlan: Some(30),
        community_id: Some("1:fUGQhJ6nxu/LILCAW+Lb8dF4sKU=".into()),
        sent: Traffic { bytes: 1000, packets: 10 },
        received: Traffic { bytes: 20, packets: 2 },
        blocked: true,
    };
    Alert {
        producer: "ntopng".into(),
        score: 120,
        category: "security".into(),
        alert_type: "low_goodput".into(),
        title: "Low Goodput".into(),
        text: "slow\n\"now\"".into(),
        entity_kind: "flow".into(),
        entity_value: "f".into(),
        interface_name: Some("eno1".into()),
        flow: Some(flow),
        link: Some("https://n.example/?a=1&b=2".into()),
        labels: vec![("ifid".into(), "3".into()), ("dns_last_query".into(), "q.example".into())],
        raw: r#"{"a":"\u0000"}"#.into(),
        ..plain_alert()
    }
}

pub(super) fn party(ip: &str, name: Option<&str>) -> Party {
    Party {
        ip: ip.into(),
        port: None,
        name: name.map(Into::into),
        mac: None,
        autonomous_system: None,
        country: None,
        city: None,
        continent: None,
        location: None,
        is_local: false,
        is_attacker: false,
        is_victim: false,
        is_blacklisted: false,
    }
}

pub(super) fn instant(unix_ms: u64) -> Instant {
    Instant { unix_ms, utc: format!("at {unix_ms}"), local: String::new() }
}
