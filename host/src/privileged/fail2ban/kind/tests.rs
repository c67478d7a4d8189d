use std::net::IpAddr;

use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::*;
use crate::alert::{Action, Alert, Flow, Party, tests::alert as sample};
use crate::privileged::fail2ban::protocol::{Refusal, Trouble};
use crate::privileged::frame;
use crate::privileged::helper::Numbered;
use crate::runtime::native::tests::given::{self, attempt};
use kind::{Failure, Purpose, Scope, Verdict};

const SOON: Duration = Duration::from_secs(10);
const ID: &str = "01JD8Q5W3V9T6Z0M4K2N7P1R5S";

#[derive(Debug)]
struct Sparing(IpAddr);

impl Spared for Sparing {
    fn spares(&self, address: IpAddr) -> Option<&'static str> {
        (address == self.0).then_some("alert-sender")
    }
}

fn fail2ban() -> Fail2banKind {
    let spared = Arc::new(Sparing("192.0.2.77".parse().unwrap()));
    Fail2banKind { link: Link::default(), spared, prevented: BansPrevented::default() }
}

fn party(ip: &str, is_attacker: bool) -> Party {
    Party { ip: ip.to_owned(), is_attacker, ..Party::default() }
}

fn flow(client: &Party, server: &Party) -> Flow {
    let flow = json!({ "client": client, "server": server, "transport": "tcp" });
    serde_json::from_value(flow).unwrap()
}

/// One that is full of what must reach nobody; its sender may ban.
fn alert(action: Action, flow: Option<Flow>, host: Option<Party>) -> Alert {
    let hostile = "$(touch /tmp/x)\n192.0.2.66 --all".to_owned();
    Alert {
        id: ID.parse().unwrap(),
        action,
        alert_type: hostile.clone(),
        title: hostile.clone(),
        text: hostile.clone(),
        entity_value: hostile.clone(),
        interface_name: Some(hostile.clone()),
        flow,
        host,
        labels: vec![(hostile.clone(), hostile.clone())],
        raw: hostile,
        may_ban: true,
        ..sample()
    }
}

fn attack() -> Alert {
    alert(Action::Store, None, Some(party("192.0.2.8", true)))
}

fn formatted(
    alert: &Alert,
    previous: Option<&str>,
    settings: &Value,
    purpose: Purpose,
) -> kind::Formatted {
    let subject = given::subject(alert, previous);
    let subject = NativeSubject { subject: &subject, may_ban: alert.may_ban };
    fail2ban().format(&[subject], &given::context(settings, purpose)).unwrap()
}

fn message() -> kind::Message {
    let settings = json!({"jail": "web"});
    formatted(&attack(), None, &settings, Purpose::Live).messages.remove(0)
}

/// What is asked for, or why nothing is.
fn made(formatted: &kind::Formatted) -> String {
    match (&formatted.messages[..], &formatted.skipped[..], &formatted.rejected[..]) {
        ([one], [], []) => {
            assert!(!one.body.contains(&b'\n'), "one line");
            let body: Value = serde_json::from_slice(&one.body).unwrap();
            let text = body.to_string();
            assert!(!text.contains("touch"), "nothing of the alert's text: {text}");
            format!("{} {} {}", body["act"], body["jail"], body["address"]).replace('"', "")
        }
        ([], [one], []) => format!("skipped: {}", one.detail),
        ([], [], [one]) => format!("rejected: {}", one.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_one_side_that_is_an_attacker_is_banned() {
    let (good, bad) = (party("192.0.2.1", false), party("192.0.2.8", true));
    let of = |flow, host| {
        let alert = alert(Action::Store, flow, host);
        made(&formatted(&alert, None, &json!({"jail": "web"}), Purpose::Live))
    };
    let rejected = |ip: &str| of(None, Some(party(ip, true)));
    let table = [
        (of(Some(flow(&bad, &good)), None), "ban web 192.0.2.8"),
        (of(Some(flow(&good, &bad)), None), "ban web 192.0.2.8"),
        (of(None, Some(bad.clone())), "ban web 192.0.2.8"),
        (of(Some(flow(&bad, &good)), Some(bad.clone())), "ban web 192.0.2.8"),
        (of(None, Some(party("::ffff:192.0.2.9", true))), "ban web 192.0.2.9"),
        (of(None, None), "skipped: no attacker"),
        (of(Some(flow(&good, &good)), Some(good.clone())), "skipped: no attacker"),
        (
            of(Some(flow(&bad, &party("192.0.2.9", true))), None),
            "skipped: both sides are attackers",
        ),
        (
            of(Some(flow(&good, &party("192.0.2.9", true))), Some(bad)),
            "skipped: both sides are attackers",
        ),
        (
            of(None, Some(party("192.0.2.77", true))),
            "skipped: 192.0.2.77 is never banned: alert-sender",
        ),
        (
            of(None, Some(party("::ffff:192.0.2.77", true))),
            "skipped: 192.0.2.77 is never banned: alert-sender",
        ),
    ];
    for (found, expected) in table {
        assert_eq!(found, expected);
    }
    for ip in ["192.0.2.8; touch /tmp/x", "-h", "192.0.2.0/24", "fe80::1%lo", "", "a\u{1b}[2Jb"] {
        let found = rejected(ip);
        assert!(found.starts_with("rejected: ") && !found.contains('\u{1b}'), "{ip:?}: {found}");
    }
}

#[test]
fn a_token_without_the_right_bans_nobody_and_lifts_nothing() {
    for action in [Action::Store, Action::Engage, Action::Release] {
        let alert = Alert { action, may_ban: false, ..attack() };
        let settings = json!({"jail": "web", "unban_on_release": true});
        let formatted = formatted(&alert, Some("web 192.0.2.8"), &settings, Purpose::Live);
        assert_eq!(made(&formatted), "skipped: its sender's token may not ban");
    }
}

#[test]
fn a_release_lifts_what_was_banned_and_only_where_that_is_wanted() {
    let of = |previous, settings: &Value| {
        let release = alert(Action::Release, None, Some(party("192.0.2.99", true)));
        made(&formatted(&release, previous, settings, Purpose::Live))
    };
    let lifts = json!({"jail": "other", "unban_on_release": true});
    assert_eq!(of(Some("web 192.0.2.8"), &lifts), "unban web 192.0.2.8");
    assert_eq!(of(None, &lifts), "skipped: nothing was banned for it");
    for bad in ["", "web", "--all 192.0.2.8", "web --all", "web 192.0.2.8 x", "web 192.0.2.0/24"] {
        assert_eq!(of(Some(bad), &lifts), "skipped: nothing was banned for it", "{bad:?}");
    }
    let keeps = json!({"jail": "web"});
    let expected = "skipped: a release lifts no ban; `unban_on_release` does";
    assert_eq!(of(Some("web 192.0.2.8"), &keeps), expected);
}

#[test]
fn a_test_and_a_dry_run_say_so_in_what_is_shown() {
    let of = |settings: &Value, purpose| {
        let formatted = formatted(&attack(), None, settings, purpose);
        let body: Value = serde_json::from_slice(&formatted.messages[0].body).unwrap();
        (body["act"].as_str().unwrap().to_owned(), body["dry_run"].as_bool().unwrap())
    };
    let table = [
        (json!({"jail": "w"}), Purpose::Live, "ban", false),
        (json!({"jail": "w"}), Purpose::Test, "ban", true),
        (json!({"jail": "w", "dry_run": true}), Purpose::Live, "ban", true),
        (json!({"jail": "w", "mode": "attempt"}), Purpose::Live, "attempt", false),
    ];
    for (settings, purpose, act, dry) in table {
        assert_eq!(of(&settings, purpose), (act.to_owned(), dry), "{settings}");
    }
    let wrong = [json!({}), json!({"jail": "--all"}), json!({"jail": "w", "mode": "x"})];
    for settings in wrong {
        let context = given::context(&settings, Purpose::Live);
        assert!(fail2ban().format(&[], &context).is_err(), "{settings}");
    }
}

/// One delivery with a helper that gives `answer`; what it was asked, and what came of it.
async fn delivered(kind: &Fail2banKind, waited_ms: u64, answer: Answer) -> (Ask, NativeTold) {
    let message = message();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let speaking = kind.link.speak(ours);
    let attempt = attempt(waited_ms);
    let helper = async {
        frame::write(&mut theirs, &"hello").await.unwrap();
        assert!(kind.link.met(SOON).await);
        let answering = async {
            let asked: Numbered<Ask> = frame::read(&mut theirs).await.unwrap().unwrap();
            frame::write(&mut theirs, &Numbered { id: asked.id, what: answer }).await.unwrap();
            asked.what
        };
        let delivering = kind.deliver(&message, r#"{"jail":"web"}"#, &attempt);
        tokio::join!(answering, delivering)
    };
    tokio::select! {
        () = speaking => panic!("the helper is gone"),
        done = helper => done,
    }
}

#[tokio::test]
async fn answers_become_verdicts_by_the_table() {
    let failed = |trouble| Answer::Failed { trouble, detail: "why".to_owned() };
    let refused = |refusal| Answer::Refused { refusal, detail: "why".to_owned() };
    let ten_minutes = 600_000;
    let table = [
        (Answer::Banned { new: 1, ours: true }, 0, "delivered Some(\"web 192.0.2.8\")"),
        (Answer::Banned { new: 0, ours: false }, 0, "duplicate None"),
        (Answer::Banned { new: 0, ours: true }, 0, "duplicate Some(\"web 192.0.2.8\")"),
        (Answer::Attempted, 0, "delivered None"),
        (Answer::DryRun, 0, "delivered None"),
        (Answer::Spared { rule: "gateway".to_owned() }, 0, "skipped spared"),
        (Answer::NotOurs, 0, "skipped not-ours"),
        (Answer::RateLimited { retry_after_ms: 1_500 }, 0, "rate-limited Some(1500)"),
        (refused(Refusal::Jail), 0, "misconfigured recipient jail"),
        (refused(Refusal::Address), 0, "rejected address"),
        (failed(Trouble::UnknownJail), ten_minutes - 1, "unavailable unknown-jail"),
        (failed(Trouble::UnknownJail), ten_minutes, "misconfigured recipient unknown-jail"),
        (failed(Trouble::BadValue), 0, "rejected bad-value"),
        (failed(Trouble::Denied), 0, "misconfigured endpoint denied"),
        (failed(Trouble::Absent), ten_minutes - 1, "unavailable absent"),
        (failed(Trouble::Absent), ten_minutes, "misconfigured endpoint absent"),
        (failed(Trouble::Broken), ten_minutes, "unavailable broken"),
        (failed(Trouble::Unasked), ten_minutes, "unavailable unasked"),
        (failed(Trouble::Helper), 0, "unavailable helper"),
        (Answer::Bans { bans: Vec::new(), more: false }, 0, "other malformed-answer"),
    ];
    for (answer, waited_ms, expected) in table {
        let shown = format!("{answer:?} after {waited_ms}");
        let (asked, told) = delivered(&fail2ban(), waited_ms, answer).await;
        let Ask::Ban(asked) = asked else { panic!("{asked:?}") };
        assert_eq!((asked.jail.as_str(), asked.address.as_str()), ("web", "192.0.2.8"));
        assert_eq!(asked.reason, format!("campanile {ID}"));
        assert_eq!(told.seen.origin.as_deref(), Some("fail2ban:web"));
        assert_eq!(of(&told.outcome.verdicts[0]), expected, "{shown}");
    }
}

fn of(verdict: &Verdict) -> String {
    let scope = |scope: Scope| if scope == Scope::Recipient { "recipient" } else { "endpoint" };
    match verdict {
        Verdict::Delivered(receipt) => {
            let word = if receipt.duplicate { "duplicate" } else { "delivered" };
            let is_dry = receipt.detail.starts_with("dry run");
            assert!(is_dry || receipt.detail == "accepted by fail2ban, firewall not checked");
            format!("{word} {:?}", receipt.remote_id)
        }
        Verdict::Skipped(reason) => format!("skipped {}", reason.code),
        Verdict::Failed(Failure::Rejected(one)) => format!("rejected {}", one.code),
        Verdict::Failed(Failure::Unavailable(one)) => format!("unavailable {}", one.code),
        Verdict::Failed(Failure::RateLimited(one)) => format!("rate-limited {:?}", one.after_ms),
        Verdict::Failed(Failure::Misconfigured(one)) => {
            format!("misconfigured {} {}", scope(one.scope), one.code)
        }
        Verdict::Failed(Failure::Other(one)) => format!("other {}", one.code),
        Verdict::Failed(other) => format!("{other:?}"),
    }
}

#[tokio::test]
async fn without_its_helper_a_ban_waits_and_who_was_noted_meanwhile_is_spared() {
    let kind = fail2ban();
    let message = message();
    let told = kind.deliver(&message, r#"{"jail":"web"}"#, &attempt(0)).await;
    assert_eq!(of(&told.outcome.verdicts[0]), "unavailable helper-down");

    let spared = Arc::new(Sparing("192.0.2.8".parse().unwrap()));
    let kind = Fail2banKind { spared, ..kind };
    let told = kind.deliver(&message, r#"{"jail":"web"}"#, &attempt(0)).await;
    assert_eq!(of(&told.outcome.verdicts[0]), "skipped spared");
    let message = kind::Message { body: b"{\"act\":\"ban\"}".to_vec(), ..message };
    let told = kind.deliver(&message, r#"{"jail":"web"}"#, &attempt(0)).await;
    assert_eq!(of(&told.outcome.verdicts[0]), "rejected bad-message");
}

#[test]
fn what_it_describes_are_schemas_that_take_what_they_say() {
    let descriptor = fail2ban().describe();
    assert_eq!((descriptor.name.as_str(), descriptor.batch_max), ("fail2ban", 1));
    let valid = |schema: &str, value: Value| {
        let schema: Value = serde_json::from_str(schema).unwrap();
        jsonschema::validator_for(&schema).unwrap().is_valid(&value)
    };
    assert!(valid(&descriptor.endpoint_schema, json!({"dry_run": true})));
    assert!(!valid(&descriptor.endpoint_schema, json!({"socket": "/tmp/x"})));
    assert!(valid(&descriptor.recipient_schema, json!({"jail": "sshd", "mode": "attempt"})));
    for bad in
        [json!({}), json!({"jail": "--all"}), json!({"jail": "a b"}), json!({"jail": "w", "x": 1})]
    {
        assert!(!valid(&descriptor.recipient_schema, bad.clone()), "{bad}");
    }
}
