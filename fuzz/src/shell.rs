//! What an engine that somebody took over can say to the shell helper.

use std::ffi::OsStr;
use std::path::Path;

use campanile::privileged::frame;
use campanile::privileged::helper::Numbered;
use campanile::privileged::link::Link;
use campanile::privileged::shell::kind::ShellKind;
use campanile::privileged::shell::policy::{Policy, ShellTable};
use campanile::privileged::shell::program::Program;
use campanile::privileged::shell::protocol::{AlertNames, Ask, Run};
use campanile::runtime::bindings::{alerts, kind};
use campanile::runtime::native::{NativeKind, NativeSubject};
use campanile_guest::{Action, Severity, samples};

use crate::ITERATIONS;

/// Name of a script, whether its ending is right, arguments, and names of an alert.
type Asked = (Vec<u8>, bool, Vec<Vec<u8>>, [Vec<u8>; 5]);

/// A policy whose only folder does not exist.
fn policy() -> Policy {
    let table = "folders = [\"/nonexistent\"]\narguments = [\"[a-z=-]*\", \"[0-9]+\"]";
    toml::from_str::<ShellTable>(table).unwrap().check(1).unwrap()
}

fn is_within_bounds(policy: &Policy, run: &Run) {
    let Run { script, arguments, alert, .. } = run;
    if policy.allows_script(script).is_ok() {
        let path = Path::new("/scripts").join(script);
        assert_eq!(path.parent(), Some(Path::new("/scripts")), "{script:?}");
        assert_eq!(path.file_name(), Some(OsStr::new(script)), "{script:?}");
        assert!(script.ends_with(".sh") && script.len() <= 128, "{script:?}");
        assert!(!script.starts_with(['.', '-']), "{script:?}");
        assert!(!script.contains(|it: char| it.is_control()), "{script:?}");
    } else {
        assert!(Program::open(policy, script).is_err(), "{script:?}");
    }
    if policy.allows_arguments(arguments).is_ok() {
        assert!(arguments.len() <= 64);
        for argument in arguments {
            let is_of = |set: fn(u8) -> bool| argument.bytes().all(set);
            let is_word = is_of(|byte| byte.is_ascii_lowercase() || matches!(byte, b'=' | b'-'));
            let is_number = !argument.is_empty() && is_of(|byte| byte.is_ascii_digit());
            assert!(is_word || is_number, "{argument:?}");
            assert!(argument.len() <= 4096);
        }
    }
    if alert.check().is_ok() {
        let AlertNames { id, action, severity, recipient, version, .. } = alert;
        for name in [id, action, severity, recipient, version] {
            assert!(name.len() <= 256 && !name.contains(char::is_control), "{name:?}");
        }
    }
}

#[test]
fn a_message_is_read_or_refused_and_never_more() {
    let policy = policy();
    bolero::check!().with_iterations(ITERATIONS).with_max_len(2048).for_each(|bytes: &[u8]| {
        let Ok(asked) = frame::parse::<Numbered<Ask>>(bytes) else { return };
        // What is understood is written in one way, and means the same.
        let written = serde_json::to_vec(&asked).unwrap();
        let again: Numbered<Ask> = frame::parse(&written).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), written);
        if let Ask::Run(run) = &asked.what {
            is_within_bounds(&policy, run);
        }
    });
}

#[test]
fn whatever_a_question_asks_for_the_policy_holds() {
    let policy = policy();
    bolero::check!().with_iterations(ITERATIONS).with_type().for_each(
        |(script, ending, arguments, names): &Asked| {
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            let [id, action, severity, recipient, version] = names.each_ref().map(text);
            let mut script = text(script);
            if *ending {
                script.push_str(".sh");
            }
            let run = Run {
                script,
                // Half of them of the bytes that the patterns are about.
                arguments: arguments
                    .iter()
                    .enumerate()
                    .map(|(at, bytes)| match at % 2 {
                        0 => text(bytes),
                        _ => bytes
                            .iter()
                            .map(|byte| char::from(b"az09=-\n;"[usize::from(byte % 8)]))
                            .collect(),
                    })
                    .collect(),
                stdin: String::new(),
                alert: AlertNames {
                    id,
                    action,
                    severity,
                    recipient,
                    attempt: 1,
                    version,
                    is_test: false,
                },
                wall_ms: None,
            };
            is_within_bounds(&policy, &run);
            // As it goes over the wire.
            let bytes = frame::bytes(&Numbered { id: 1, what: Ask::Run(run.clone()) }).unwrap();
            let read: Numbered<Ask> = frame::parse(&bytes[4..]).unwrap();
            assert!(matches!(read.what, Ask::Run(read) if read.script == run.script));
        },
    );
}

/// Scripts and components read the same JSON of an alert.
#[test]
fn our_own_shape_of_an_alert_is_the_one_that_components_write() {
    let kind = ShellKind { link: Link::default() };
    let settings = r#"{"script":"a.sh","format":"native"}"#;
    let context = context(settings);
    bolero::check!().with_iterations(ITERATIONS / 5).with_type().for_each(
        |(text, number, is_full): &(Vec<u8>, u32, [bool; 8])| {
            let text = String::from_utf8_lossy(text).into_owned();
            let guest = guest_alert(&text, *number, *is_full);
            let subject = kind::Subject { alert: host_alert(&guest), previous: None };
            let subject = NativeSubject { subject: &subject, may_ban: false };
            let made = kind.format(&[subject], &context).unwrap();
            let body = String::from_utf8(made.messages[0].body.clone()).unwrap();
            assert_eq!(body, campanile_guest::native::element(&guest) + "\n");
        },
    );
}

fn guest_alert(text: &str, number: u32, is_full: [bool; 8]) -> campanile_guest::Alert {
    let [flow, host, link, ended, system, location, raw, names] = is_full;
    let mut alert = samples::filled(text);
    let severities = [
        Severity::None,
        Severity::Debug,
        Severity::Info,
        Severity::Notice,
        Severity::Warning,
        Severity::Error,
        Severity::Critical,
        Severity::Alert,
        Severity::Emergency,
    ];
    alert.severity = severities[number as usize % severities.len()];
    alert.action = [Action::Store, Action::Engage, Action::Release][number as usize % 3];
    alert.score = number;
    let mut party = samples::party(text);
    if system {
        let name = names.then(|| text.to_owned());
        party.autonomous_system = Some(campanile_guest::AutonomousSystem { number, name });
    }
    if location {
        party.location = Some((f64::from(number) / 7.0, -4.25));
    }
    if names {
        (party.mac, party.city, party.continent) =
            (Some(text.into()), Some(text.into()), Some(text.into()));
    } else {
        (party.name, party.port, party.country) = (None, None, None);
    }
    alert.flow = alert.flow.filter(|_| flow).map(|flow| campanile_guest::Flow {
        server: party.clone(),
        transport_number: names.then_some(6),
        community_id: names.then(|| text.to_owned()),
        vlan: flow.vlan.filter(|_| location),
        ..flow
    });
    alert.host = host.then_some(party);
    alert.link = alert.link.filter(|_| link);
    alert.interface_name = alert.interface_name.filter(|_| link);
    alert.ended = ended.then(|| samples::instant(3, 4));
    alert.annotations = vec![(text.to_owned(), text.to_owned()), ("b".into(), text.into())];
    alert.raw = match raw {
        true => serde_json::json!({ "z": text, "a": number }).to_string(),
        false => format!("no JSON {text}"),
    };
    alert
}

fn host_alert(from: &campanile_guest::Alert) -> alerts::Alert {
    let severities = [
        alerts::Severity::None,
        alerts::Severity::Debug,
        alerts::Severity::Info,
        alerts::Severity::Notice,
        alerts::Severity::Warning,
        alerts::Severity::Error,
        alerts::Severity::Critical,
        alerts::Severity::Alert,
        alerts::Severity::Emergency,
    ];
    alerts::Alert {
        id: from.id.clone(),
        fingerprint: from.fingerprint.clone(),
        episode: from.episode.clone(),
        producer: from.producer.clone(),
        time: host_instant(&from.time),
        received: host_instant(&from.received),
        ended: from.ended.as_ref().map(host_instant),
        severity: severities[from.severity as usize],
        score: from.score,
        action: match from.action {
            Action::Store => alerts::Action::Store,
            Action::Engage => alerts::Action::Engage,
            Action::Release => alerts::Action::Release,
        },
        category: from.category.clone(),
        alert_type: from.alert_type.clone(),
        title: from.title.clone(),
        text: from.text.clone(),
        entity_kind: from.entity_kind.clone(),
        entity_value: from.entity_value.clone(),
        interface_name: from.interface_name.clone(),
        flow: from.flow.as_ref().map(|flow| alerts::Flow {
            client: host_party(&flow.client),
            server: host_party(&flow.server),
            transport: flow.transport.clone(),
            transport_number: flow.transport_number,
            application: flow.application.clone(),
            vlan: flow.vlan,
            community_id: flow.community_id.clone(),
            sent: alerts::Traffic { bytes: flow.sent.bytes, packets: flow.sent.packets },
            received: alerts::Traffic {
                bytes: flow.received.bytes,
                packets: flow.received.packets,
            },
            blocked: flow.blocked,
        }),
        host: from.host.as_ref().map(host_party),
        link: from.link.clone(),
        labels: from.labels.clone(),
        annotations: from.annotations.clone(),
        raw: from.raw.clone(),
    }
}

fn host_instant(from: &campanile_guest::Instant) -> alerts::Instant {
    alerts::Instant { unix_ms: from.unix_ms, utc: from.utc.clone(), local: from.local.clone() }
}

fn host_party(from: &campanile_guest::Party) -> alerts::Party {
    alerts::Party {
        ip: from.ip.clone(),
        port: from.port,
        name: from.name.clone(),
        mac: from.mac.clone(),
        autonomous_system: from.autonomous_system.as_ref().map(|system| alerts::AutonomousSystem {
            number: system.number,
            name: system.name.clone(),
        }),
        country: from.country.clone(),
        city: from.city.clone(),
        continent: from.continent.clone(),
        location: from.location,
        is_local: from.is_local,
        is_attacker: from.is_attacker,
        is_victim: from.is_victim,
        is_blacklisted: from.is_blacklisted,
    }
}

fn context(settings: &str) -> kind::Context {
    let from = samples::context();
    kind::Context {
        settings: settings.to_owned(),
        recipient_id: from.recipient_id,
        recipient_name: from.recipient_name,
        endpoint_id: from.endpoint_id,
        instance: from.instance,
        instance_link: from.instance_link,
        engine: from.engine,
        zone: from.zone,
        locale: from.locale,
        purpose: kind::Purpose::Live,
        omitted: from.omitted,
        group: from.group,
        extra: from.extra,
    }
}
