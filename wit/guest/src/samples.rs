//! What the tests of components tell about: one plain alert, and one that is full of a text.

use crate::{
    Action, Alert, Context, Flow, Formatted, Instant, Message, Party, Purpose, Severity, Subject,
    Traffic,
};

pub fn context() -> Context {
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

pub fn alert() -> Alert {
    Alert {
        id: "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into(),
        fingerprint: "00".repeat(16),
        episode: "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into(),
        producer: "diskwatch".into(),
        time: instant(2, 0),
        received: instant(6, 0),
        ended: None,
        severity: Severity::Critical,
        score: 210,
        action: Action::Store,
        category: "system".into(),
        alert_type: "disk_full".into(),
        title: "Disk full".into(),
        text: "/var is at 97 %".into(),
        entity_kind: "disk".into(),
        entity_value: "db-1".into(),
        interface_name: None,
        flow: None,
        host: None,
        link: None,
        labels: vec![],
        annotations: vec![],
        raw: "{}".into(),
    }
}

/// An alert that has `text` wherever a text can be.
pub fn filled(text: &str) -> Alert {
    let party = party(text);
    let flow = Flow {
        client: party.clone(),
        server: party.clone(),
        transport: text.into(),
        transport_number: None,
        application: Some(text.into()),
        vlan: Some(4095),
        community_id: None,
        sent: Traffic { bytes: 0, packets: 0 },
        received: Traffic { bytes: 0, packets: 0 },
        blocked: true,
    };
    Alert {
        producer: text.into(),
        category: text.into(),
        alert_type: text.into(),
        title: text.into(),
        text: format!("{text}."),
        entity_kind: text.into(),
        entity_value: text.into(),
        interface_name: Some(text.into()),
        flow: Some(flow),
        host: Some(party),
        link: Some(format!("https://h/{text}")),
        // Not told already.
        labels: vec![(text.into(), format!("{text}!"))],
        ..alert()
    }
}

/// A party that has `text` wherever a text can be.
pub fn party(text: &str) -> Party {
    Party {
        ip: text.into(),
        port: Some(65_535),
        name: Some(text.into()),
        mac: None,
        autonomous_system: None,
        country: Some(text.into()),
        city: None,
        continent: None,
        location: None,
        is_local: true,
        is_attacker: true,
        is_victim: true,
        is_blacklisted: true,
    }
}

pub fn instant(hour: u64, minute: u64) -> Instant {
    let at = format!("2026-11-24T{hour:02}:{minute:02}:00.000");
    let unix_ms = 1_795_478_400_000 + (hour * 60 + minute) * 60_000;
    Instant { unix_ms, utc: format!("{at}Z"), local: format!("{at}+00:00") }
}

/// An alert becomes the same bytes alone and at any position among others. `told`: what a message
/// says of each of its alerts. One that tells of a single alert is the same in all.
pub fn assert_equal_anywhere(
    format: impl Fn(Vec<Subject>) -> Formatted,
    told: impl Fn(&Message) -> Vec<Vec<u8>>,
) {
    let of = |alert: Alert| Subject { alert, previous: None };
    let other = Alert {
        id: "01JD8Q5W3V9T6Z0M4K2N7P1R5T".into(),
        fingerprint: "11".repeat(16),
        episode: "01JD8Q5W3V9T6Z0M4K2N7P1R5T".into(),
        raw: r#"{"other":1}"#.into(),
        ..filled("other")
    };
    let (one, other) = (of(alert()), of(other));
    let parts = |subjects: Vec<Subject>| {
        let count = subjects.len();
        let mut parts = vec![];
        for message in format(subjects).messages {
            let at: Vec<_> = (0_u32..).skip(parts.len()).take(message.alerts.len()).collect();
            assert_eq!(message.alerts, at, "in order");
            let told = told(&message);
            assert_eq!(told.len(), message.alerts.len(), "{}", message.summary);
            let whole = (told.len() == 1).then(|| Message { alerts: vec![], ..message });
            let texts = told.iter().map(|part| String::from_utf8_lossy(part).into_owned());
            parts.extend(texts.map(|text| (text, whole.clone())));
        }
        assert_eq!(parts.len(), count, "each is told");
        parts
    };
    let alone = parts(vec![one.clone()]).remove(0);
    let batch = parts(vec![other.clone(), one.clone(), other, one]);
    for (at, (text, whole)) in [(1, &batch[1]), (3, &batch[3])] {
        assert_eq!(*text, alone.0, "at {at}");
        assert!(whole.is_none() || *whole == alone.1, "at {at}: {whole:?}, alone {:?}", alone.1);
    }
    assert_ne!(batch[0].0, alone.0, "what differs");
}

/// What `told` says of a text of so many characters is whole as long as it counts as `max`, and cut
/// to fit, with an ellipsis, where there is one more.
pub fn assert_cut_past(max: usize, units: fn(&str) -> usize, told: impl Fn(usize) -> String) {
    let others = units(&told(1)) - 1;
    let (whole, cut) = (told(max - others), told(max - others + 1));
    assert!(units(&whole) == max && !whole.contains('\u{2026}'), "{max}: {whole}");
    assert!(units(&cut) <= max && cut.contains('\u{2026}'), "{max}: {cut}");
}

/// What a message says of its one alert: all of it.
pub fn whole(message: &Message) -> Vec<Vec<u8>> {
    vec![message.body.clone()]
}
