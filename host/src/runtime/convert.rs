//! An alert as the contract has it.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Withheld;
use super::bindings::alerts as contract;
use crate::alert::{Action, Alert, Flow, Party, Severity, Traffic};

/// The alert, without what the operator keeps from the kind it is for.
pub(super) fn alert(alert: &Alert, zone: &TimeZone, withheld: Withheld) -> contract::Alert {
    let told = contract::Alert {
        id: alert.id.to_string(),
        fingerprint: alert.fingerprint.to_string(),
        episode: alert.episode.to_string(),
        producer: alert.producer.clone(),
        time: instant(alert.time_ms, zone),
        received: instant(alert.received_ms, zone),
        ended: alert.ended_ms.map(|ms| instant(ms, zone)),
        severity: severity(alert.severity),
        score: alert.score,
        action: match alert.action {
            Action::Store => contract::Action::Store,
            Action::Engage => contract::Action::Engage,
            Action::Release => contract::Action::Release,
        },
        category: alert.category.clone(),
        alert_type: alert.alert_type.clone(),
        title: alert.title.clone(),
        text: alert.text.clone(),
        entity_kind: alert.entity_kind.clone(),
        entity_value: alert.entity_value.clone(),
        interface_name: alert.interface_name.clone(),
        flow: alert.flow.as_ref().filter(|_| !withheld.parties).map(flow),
        host: alert.host.as_ref().filter(|_| !withheld.parties).map(party),
        link: alert.link.clone(),
        labels: if withheld.labels { Vec::new() } else { alert.labels.clone() },
        annotations: if withheld.annotations { Vec::new() } else { alert.annotations.clone() },
        raw: withheld.raw(&alert.raw),
    };
    withheld.without_parties(told)
}

/// One moment, three ways. A moment beyond the year 9999 is told as its last millisecond.
pub(super) fn instant(unix_ms: u64, zone: &TimeZone) -> contract::Instant {
    let at = i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX);
    let here = zone.to_offset(at);
    let utc = civil(Offset::UTC.to_datetime(at));
    let mut local = if here == Offset::UTC { utc.clone() } else { civil(here.to_datetime(at)) };
    let minutes = here.seconds() / 60;
    local.push(if minutes < 0 { '-' } else { '+' });
    push_digits(&mut local, minutes.abs() / 60, 2);
    local.push(':');
    push_digits(&mut local, minutes.abs() % 60, 2);
    contract::Instant { unix_ms, utc: utc + "Z", local }
}

/// RFC 3339 without its zone. By hand, since each message has a handful of instants and `format!`
/// took a tenth of the time of formatting one.
fn civil(at: jiff::civil::DateTime) -> String {
    let mut text = String::with_capacity(32);
    push_digits(&mut text, at.year().into(), 4);
    for (before, value) in [
        ('-', at.month()),
        ('-', at.day()),
        ('T', at.hour()),
        (':', at.minute()),
        (':', at.second()),
    ] {
        text.push(before);
        push_digits(&mut text, value.into(), 2);
    }
    text.push('.');
    push_digits(&mut text, at.millisecond().into(), 3);
    text
}

/// The last `count` decimal digits of a number that is not negative.
fn push_digits(text: &mut String, number: i32, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_i32.pow(place) % 10;
        text.push(char::from_digit(digit.unsigned_abs(), 10).unwrap_or('0'));
    }
}

fn severity(severity: Severity) -> contract::Severity {
    match severity {
        Severity::None => contract::Severity::None,
        Severity::Debug => contract::Severity::Debug,
        Severity::Info => contract::Severity::Info,
        Severity::Notice => contract::Severity::Notice,
        Severity::Warning => contract::Severity::Warning,
        Severity::Error => contract::Severity::Error,
        Severity::Critical => contract::Severity::Critical,
        Severity::Alert => contract::Severity::Alert,
        Severity::Emergency => contract::Severity::Emergency,
    }
}

fn flow(flow: &Flow) -> contract::Flow {
    contract::Flow {
        client: party(&flow.client),
        server: party(&flow.server),
        transport: flow.transport.clone(),
        transport_number: flow.transport_number,
        application: flow.application.clone(),
        vlan: flow.vlan,
        community_id: flow.community_id.clone(),
        sent: traffic(flow.sent),
        received: traffic(flow.received),
        blocked: flow.blocked,
    }
}

fn traffic(traffic: Traffic) -> contract::Traffic {
    contract::Traffic { bytes: traffic.bytes, packets: traffic.packets }
}

fn party(party: &Party) -> contract::Party {
    contract::Party {
        ip: party.ip.clone(),
        port: party.port,
        name: party.name.clone(),
        mac: party.mac.clone(),
        autonomous_system: party.autonomous_system.as_ref().map(|system| {
            contract::AutonomousSystem { number: system.number, name: system.name.clone() }
        }),
        country: party.country.clone(),
        city: party.city.clone(),
        continent: party.continent.clone(),
        location: party.location,
        is_local: party.is_local,
        is_attacker: party.is_attacker,
        is_victim: party.is_victim,
        is_blacklisted: party.is_blacklisted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Withholding;

    #[test]
    fn an_instant_is_told_in_utc_and_in_the_recipients_zone() {
        let ms = 1_795_488_660_007;
        let table = [
            (TimeZone::UTC, "2026-11-24T02:51:00.007+00:00"),
            (TimeZone::fixed(Offset::constant(1)), "2026-11-24T03:51:00.007+01:00"),
            (
                TimeZone::fixed(Offset::from_seconds(-12_600).unwrap()),
                "2026-11-23T23:21:00.007-03:30",
            ),
        ];
        for (zone, local) in table {
            let told = instant(ms, &zone);
            assert_eq!(
                (told.utc.as_str(), told.local.as_str()),
                ("2026-11-24T02:51:00.007Z", local)
            );
        }
        assert_eq!(instant(u64::MAX, &TimeZone::UTC).utc, "9999-12-30T22:00:00.999Z");
    }

    /// What each part says, and nothing else does.
    const SAID: [&str; 4] = ["of-raw", "of-labels", "of-annotations", "of-parties"];

    /// An alert in which every part says its word.
    fn wordy() -> Alert {
        let [raw, labels, annotations, parties] = SAID.map(str::to_owned);
        let party = || Party {
            ip: "192.0.2.7".to_owned(),
            name: Some(parties.clone()),
            ..Party::default()
        };
        let flow = Flow {
            client: party(),
            server: party(),
            transport: "tcp".to_owned(),
            transport_number: None,
            application: None,
            vlan: None,
            community_id: Some(parties.clone()),
            sent: Traffic::default(),
            received: Traffic::default(),
            blocked: false,
        };
        Alert {
            flow: Some(flow),
            host: Some(party()),
            link: Some(format!("https://example.net/{parties}")),
            entity_value: parties.clone(),
            labels: vec![("a".to_owned(), labels)],
            annotations: vec![("b".to_owned(), annotations)],
            raw: format!("{{\"c\":\"{raw}\"}}"),
            ..crate::alert::tests::alert()
        }
    }

    #[test]
    fn what_is_withheld_is_nowhere_and_the_rest_is_as_it_was() {
        let none = Withheld::default();
        let table = [
            (none, [true, true, true, true]),
            (Withheld { raw: true, ..none }, [false, true, true, true]),
            (Withheld { labels: true, ..none }, [false, false, true, true]),
            (Withheld { annotations: true, ..none }, [false, true, false, true]),
            (Withheld { parties: true, ..none }, [false, true, true, false]),
        ];
        let whole = alert(&wordy(), &TimeZone::UTC, none);
        for (withheld, expected) in table {
            let told = alert(&wordy(), &TimeZone::UTC, withheld);
            let shown = format!("{told:?}");
            assert_eq!(SAID.map(|word| shown.contains(word)), expected, "{withheld:?}");
            assert_eq!((&told.title, &told.text), (&whole.title, &whole.text), "{withheld:?}");
            let raw: serde_json::Value = serde_json::from_str(&told.raw).unwrap();
            assert!(raw.is_object(), "{withheld:?}: {raw}");
        }
        let told = alert(&wordy(), &TimeZone::UTC, Withheld { parties: true, ..none });
        assert!(!format!("{told:?}").contains("192.0.2.7"));
    }

    #[test]
    fn a_kind_that_is_named_has_its_own_rule_and_the_star_spares_those_that_are_built_in() {
        let raw = Withheld { raw: true, ..Withheld::default() };
        let labels = Withheld { labels: true, ..Withheld::default() };
        let rules = Withholding { by_name: [("acme/a".to_owned(), labels)].into(), others: raw };
        let table = [
            ("acme/a", false, labels),
            ("acme/a", true, labels),
            ("acme/b", false, raw),
            ("slack", true, Withheld::default()),
        ];
        for (name, is_built_in, expected) in table {
            assert_eq!(rules.from(name, is_built_in), expected, "{name}, {is_built_in}");
        }
    }
}
