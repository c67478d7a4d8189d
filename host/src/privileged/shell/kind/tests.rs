use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::*;
use crate::privileged::frame;
use crate::privileged::helper::Numbered;
use crate::privileged::shell::protocol::{Ending, Limits};
use crate::runtime::bindings::alerts::{
    Action, Alert, AutonomousSystem, Flow, Instant, Party, Severity, Traffic,
};
use crate::runtime::bindings::kind::{Owed, Subject};

const SOON: Duration = Duration::from_secs(20);

fn instant(utc: &str) -> Instant {
    Instant { unix_ms: 1, utc: utc.to_owned(), local: "local".to_owned() }
}

fn party(ip: &str) -> Party {
    Party {
        ip: ip.to_owned(),
        port: Some(443),
        name: None,
        mac: None,
        autonomous_system: Some(AutonomousSystem { number: 64_500, name: None }),
        country: Some("NL".to_owned()),
        city: None,
        continent: None,
        location: Some((52.5, 4.25)),
        is_local: false,
        is_attacker: true,
        is_victim: false,
        is_blacklisted: false,
    }
}

fn alert(producer: &str, raw: &str) -> Alert {
    Alert {
        id: "01JDALERT".to_owned(),
        fingerprint: "f00".to_owned(),
        episode: "01JDALERT".to_owned(),
        producer: producer.to_owned(),
        time: instant("2026-11-24T02:51:00.000Z"),
        received: instant("2026-11-24T02:51:01.000Z"),
        ended: None,
        severity: Severity::Critical,
        score: 210,
        action: Action::Engage,
        category: "security".to_owned(),
        alert_type: "beacon".to_owned(),
        title: "Beacon $(reboot)".to_owned(),
        text: "line\n`id` \"x\" \u{1b}[31m".to_owned(),
        entity_kind: "flow".to_owned(),
        entity_value: "a-b".to_owned(),
        interface_name: None,
        flow: Some(Flow {
            client: party("192.0.2.5"),
            server: party("2001:db8::1"),
            transport: "tcp".to_owned(),
            transport_number: Some(6),
            application: None,
            vlan: None,
            community_id: None,
            sent: Traffic { bytes: 5, packets: 1 },
            received: Traffic { bytes: 7, packets: 2 },
            blocked: false,
        }),
        host: None,
        link: None,
        labels: vec![("z".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
        annotations: Vec::new(),
        raw: raw.to_owned(),
    }
}

fn context(settings: &Value) -> Context {
    Context {
        settings: settings.to_string(),
        recipient_id: "1".to_owned(),
        recipient_name: "on\ncall".to_owned(),
        endpoint_id: "1".to_owned(),
        instance: "tower".to_owned(),
        instance_link: None,
        engine: "campanile/0".to_owned(),
        zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        purpose: Purpose::Live,
        omitted: 0,
        group: Vec::new(),
        extra: Vec::new(),
    }
}

fn formatted(alerts: &[Alert], settings: &Value) -> Formatted {
    let subjects: Vec<_> =
        alerts.iter().map(|alert| Subject { alert: alert.clone(), previous: None }).collect();
    let subjects: Vec<_> =
        subjects.iter().map(|subject| NativeSubject { subject, may_ban: false }).collect();
    let kind = ShellKind { link: Link::default() };
    kind.format(&subjects, &context(settings)).unwrap()
}

fn attempt(purpose: Purpose) -> Attempt {
    Attempt {
        message_id: "m".to_owned(),
        number: 3,
        now: instant("2026-11-24T02:51:02.000Z"),
        first: instant("2026-11-24T02:51:02.000Z"),
        carry: None,
        deliveries: vec![Owed { delivery_id: "d".to_owned(), previous: None }],
        deadline_ms: 60_000,
        purpose,
    }
}

#[test]
fn settings_are_what_the_schemas_say() {
    let kind = ShellKind { link: Link::default() }.describe();
    let endpoint = serde_json::from_str(&kind.endpoint_schema).unwrap();
    let recipient = serde_json::from_str(&kind.recipient_schema).unwrap();
    let (endpoint, recipient) = (
        jsonschema::validator_for(&endpoint).unwrap(),
        jsonschema::validator_for(&recipient).unwrap(),
    );
    let good = [
        json!({ "script": "a.sh" }),
        json!({ "script": "a.sh", "timeout_s": 5, "format": "native", "retry_on_nonzero": true }),
    ];
    for settings in good {
        assert!(endpoint.is_valid(&settings), "{settings}");
        Settings::read(&settings.to_string()).unwrap();
    }
    let bad = [
        json!({}),
        json!({ "script": "" }),
        json!({ "script": "../a.sh" }),
        json!({ "script": "a/b.sh" }),
        json!({ "script": "/a.sh" }),
        json!({ "script": ".a.sh" }),
        json!({ "script": "-a.sh" }),
        json!({ "script": "a.sh", "timeout_s": 0 }),
        json!({ "script": "a.sh", "format": "ecs" }),
        json!({ "script": "a.sh", "user": "root" }),
    ];
    for settings in bad {
        assert!(!endpoint.is_valid(&settings), "{settings}");
    }
    assert!(recipient.is_valid(&json!({ "arguments": ["a", ""], "run_on": "release" })));
    for settings in [
        json!({ "arguments": "a b" }),
        json!({ "arguments": ["a\u{0}b"] }),
        json!({ "arguments": [1] }),
        json!({ "arguments": vec!["x"; 65] }),
        json!({ "run_on": "never" }),
        json!({ "script": "a.sh" }),
    ] {
        assert!(!recipient.is_valid(&settings), "{settings}");
    }
}

#[test]
fn a_script_reads_what_ntopng_sent_or_our_own_shape_as_one_document() {
    let raw = r#"{ "score": 210, "info": "$(reboot)" , "z":1, "a":1.0 }"#;
    let body = |alert: &Alert, format: &str| {
        let made =
            formatted(std::slice::from_ref(alert), &json!({ "script": "a.sh", "format": format }));
        String::from_utf8(made.messages[0].body.clone()).unwrap()
    };
    assert_eq!(body(&alert("ntopng", raw), "ntopng"), format!("{raw}\n"));

    let native = format!(
        concat!(
            r#"{{"id":"01JDALERT","fingerprint":"f00","episode":"01JDALERT","producer":"ntopng","#,
            r#""time":"2026-11-24T02:51:00.000Z","received":"2026-11-24T02:51:01.000Z","#,
            r#""severity":"critical","score":210,"action":"engage","category":"security","#,
            r#""type":"beacon","title":"Beacon $(reboot)","#,
            r#""text":"line\n`id` \"x\" \u001b[31m","entity":{{"kind":"flow","value":"a-b"}},"#,
            r#""flow":{{"client":{client},"server":{server},"transport":"tcp","#,
            r#""transport_number":6,"sent":{{"bytes":5,"packets":1}},"#,
            r#""received":{{"bytes":7,"packets":2}},"blocked":false}},"#,
            r#""labels":{{"z":"1","a":"2"}},"annotations":{{}},"raw":{raw}}}"#,
            "\n"
        ),
        client = PARTY.replace("IP", "192.0.2.5"),
        server = PARTY.replace("IP", "2001:db8::1"),
        raw = raw,
    );
    assert_eq!(body(&alert("ntopng", raw), "native"), native);
    // What did not come from ntopng has no shape of ntopng's.
    let other = body(&alert("api", raw), "ntopng");
    assert_eq!(other, native.replace(r#""producer":"ntopng""#, r#""producer":"api""#));
    // What could not be read is a text in our shape, and the document is whole all the same.
    for raw in ["{\"a\":", "no json", "", "[1]", "{} {}", "\"{\""] {
        let body = body(&alert("ntopng", raw), "ntopng");
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read["raw"], json!(raw));
        assert!(body.ends_with("}\n") && body.matches('\n').count() == 1, "{body}");
    }
}

const PARTY: &str = concat!(
    r#"{"ip":"IP","port":443,"autonomous_system":{"number":64500},"country":"NL","#,
    r#""location":[52.5,4.25],"is_local":false,"is_attacker":true,"is_victim":false,"#,
    r#""is_blacklisted":false}"#
);

#[test]
fn a_recipient_may_run_only_when_it_begins_or_only_when_it_is_over() {
    let alerts = [Action::Store, Action::Engage, Action::Release]
        .map(|action| Alert { action, ..alert("api", "{}") });
    for (run_on, expected) in
        [("always", vec![0, 1, 2]), ("engage", vec![0, 1]), ("release", vec![2])]
    {
        let made = formatted(&alerts, &json!({ "script": "a.sh", "run_on": run_on }));
        let told: Vec<_> = made.messages.iter().flat_map(|it| it.alerts.clone()).collect();
        let skipped: Vec<_> = made.skipped.iter().map(|it| it.alert).collect();
        assert_eq!(told, expected, "{run_on}");
        assert_eq!(told.len() + skipped.len(), 3, "{run_on}");
        assert!(skipped.iter().all(|at| !told.contains(at)), "{run_on}");
    }
}

/// The helper at the other end, which hears one question and gives one answer.
async fn heard(answer: Answer, settings: &Value, purpose: Purpose) -> (Ask, NativeTold) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let kind = ShellKind { link: Link::default() };
    let speaking = kind.link.speak(ours);
    let message = formatted(&[alert("api", "{}")], settings).messages.remove(0);
    let helper = async {
        frame::write(&mut theirs, &json!("hello")).await.unwrap();
        assert!(kind.link.met(SOON).await);
        let settings = settings.to_string();
        let attempt = attempt(purpose);
        let delivering = kind.deliver(&message, &settings, &attempt);
        let answering = async {
            let asked: Numbered<Ask> = frame::read(&mut theirs).await.unwrap().unwrap();
            frame::write(&mut theirs, &Numbered { id: asked.id, what: answer }).await.unwrap();
            asked.what
        };
        let (told, asked) = tokio::join!(delivering, answering);
        (asked, told)
    };
    tokio::select! {
        () = speaking => panic!("the link ended"),
        both = helper => both,
    }
}

fn ran(ending: Ending, output: &str) -> Answer {
    Answer::Ran(Ran {
        ending,
        output: output.to_owned(),
        output_bytes: 99,
        retry_after_s: None,
        script_sha256: "0a".repeat(32),
        took_ms: 5,
    })
}

#[tokio::test]
async fn nothing_of_an_alert_is_an_argument_and_the_record_has_what_was_seen() {
    let settings = json!({ "script": "a.sh", "arguments": ["--to", "$(x)"], "timeout_s": 5 });
    let answer = ran(Ending::Exit(0), "one\n\u{1b}[31mtwo\u{202e}\n");
    let (asked, told) = heard(answer, &settings, Purpose::Test).await;
    let Ask::Run(run) = asked else { panic!("{asked:?}") };
    assert_eq!((run.script.as_str(), run.wall_ms), ("a.sh", Some(5000)));
    assert_eq!(run.arguments, ["--to", "$(x)"]);
    assert!(run.stdin.contains("Beacon $(reboot)") && run.stdin.ends_with("}\n"));
    let names = &run.alert;
    names.check().unwrap();
    assert_eq!((names.id.as_str(), names.action.as_str()), ("01JDALERT", "engage"));
    assert_eq!((names.severity.as_str(), names.attempt), ("critical", 3));
    assert_eq!((names.recipient.as_str(), names.version.as_str()), ("on\\ncall", "1"));
    assert!(names.is_test);

    assert!(matches!(told.outcome.verdicts[..], [Verdict::Delivered(_)]), "{told:?}");
    let seen = told.seen;
    assert_eq!(seen.origin.as_deref(), Some("shell:a.sh"));
    assert_eq!((seen.sent_bytes, seen.received_bytes), (run.stdin.len() as u64, 99));
    assert_eq!(seen.output.as_deref(), Some("one\n\\u{1b}[31mtwo\\u{202e}"));
    assert_eq!((seen.program_sha256, seen.unanswered), (Some([0x0a; 32]), false));
}

#[tokio::test]
async fn a_live_alert_is_no_test_and_a_refusal_saw_nothing() {
    let refusal = super::super::protocol::Refusal {
        rule: super::super::protocol::Rule::Arguments,
        detail: "no".to_owned(),
    };
    let settings = json!({ "script": "a.sh" });
    let (asked, told) = heard(Answer::Refused(refusal), &settings, Purpose::Live).await;
    let Ask::Run(run) = asked else { panic!("{asked:?}") };
    assert!(!run.alert.is_test);
    // What is left of the deadline after a turn, a start and an end by force.
    assert_eq!(run.wall_ms, Some(48_000));
    let Verdict::Failed(Failure::Misconfigured(fault)) = &told.outcome.verdicts[0] else {
        panic!("{told:?}")
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, "arguments"));
    assert_eq!((told.seen.sent_bytes, told.seen.unanswered), (0, false));
}

#[tokio::test]
async fn a_helper_that_is_gone_means_later_and_one_that_goes_means_nobody_knows() {
    let kind = ShellKind { link: Link::default() };
    let settings = json!({ "script": "a.sh" });
    let message = formatted(&[alert("api", "{}")], &settings).messages.remove(0);
    let (settings, attempt) = (settings.to_string(), attempt(Purpose::Live));
    let told = kind.deliver(&message, &settings, &attempt).await;
    let failed = &told.outcome.verdicts[0];
    assert!(matches!(failed, Verdict::Failed(Failure::Unavailable(_))), "{failed:?}");
    assert!(!told.seen.unanswered);

    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let speaking = kind.link.speak(ours);
    let helper = async {
        frame::write(&mut theirs, &json!("hello")).await.unwrap();
        assert!(kind.link.met(SOON).await);
        let ending = async {
            let _: Numbered<Ask> = frame::read(&mut theirs).await.unwrap().unwrap();
            drop(theirs);
        };
        tokio::join!(kind.deliver(&message, &settings, &attempt), ending).0
    };
    let ((), told) = tokio::join!(speaking, helper);
    let failed = &told.outcome.verdicts[0];
    assert!(matches!(failed, Verdict::Failed(Failure::Uncertain(_))), "{failed:?}");
    assert!(told.seen.unanswered && told.seen.sent_bytes > 0);
}

#[test]
fn a_finding_says_what_would_run_and_as_whom() {
    let finding = finding(&Checked {
        script_sha256: "ab".to_owned(),
        folder: "/scripts".to_owned(),
        owner: 0,
        user: "nobody".to_owned(),
        limits: Limits {
            is_isolated: true,
            network: false,
            wall_s: 30,
            cpu_s: 30,
            memory_bytes: 1,
            processes: 2,
            output_bytes: 3,
            max_concurrency: 1,
        },
    });
    let fact = |name: &str| finding.facts.iter().find(|(it, _)| it == name).unwrap().1.as_str();
    assert_eq!((fact("script_sha256"), fact("folder"), fact("owner")), ("ab", "/scripts", "0"));
    assert_eq!((fact("runs_as"), fact("isolated"), fact("network")), ("nobody", "yes", "no"));
}
