use campanile_guest::net::Problem;

use super::*;
use crate::envelope::{Progress, Recipient};
use crate::reply::Reading;
use crate::session::at;

fn reply(text: &str) -> Reply {
    Reading::default().go_on(format!("{text}\r\n").as_bytes()).expect("a reply").expect("whole").0
}

fn refused(stage: Stage, text: &str) -> Failure {
    failure(&at(stage, Why::Refused(reply(text))))
}

/// "unavailable endpoint 300000", "misconfigured recipient", "rejected".
fn told(failure: &Failure) -> String {
    let scope = |scope: Scope| match scope {
        Scope::Recipient => "recipient",
        Scope::Endpoint => "endpoint",
        Scope::Origin => "origin",
    };
    let delay = |name: &str, delay: &Delay| {
        let after = delay.after_ms.map(|ms| format!(" {ms}")).unwrap_or_default();
        format!("{name} {}{after}", scope(delay.scope))
    };
    match failure {
        Failure::Rejected(_) => "rejected".into(),
        Failure::TooLarge(_) => "too-large".into(),
        Failure::Uncertain(_) => "uncertain".into(),
        Failure::Other(_) => "other".into(),
        Failure::Unavailable(one) => delay("unavailable", one),
        Failure::RateLimited(one) => delay("rate-limited", one),
        Failure::Misconfigured(fault) => format!("misconfigured {}", scope(fault.scope)),
    }
}

#[test]
fn what_a_server_says_no_to_decides_who_must_act() {
    use Stage::{Auth, Data, Ehlo, End, Greeting, Mail, Noop, Rcpt, Reset, StartTls};
    let table = [
        (Greeting, "421 4.3.2 shutting down", "unavailable endpoint"),
        (Greeting, "554 5.7.1 no service", "misconfigured endpoint"),
        (Greeting, "450 4.7.1 wait", "unavailable endpoint 300000"),
        (Ehlo, "502 what", "misconfigured endpoint"),
        (Ehlo, "451 later", "unavailable endpoint"),
        (StartTls, "454 4.7.0 not now", "unavailable endpoint"),
        (StartTls, "501 no", "misconfigured endpoint"),
        (Auth, "535 5.7.8 bad credentials", "misconfigured endpoint"),
        (Auth, "534 5.7.9 app password", "misconfigured endpoint"),
        (Auth, "538 5.7.11 encrypt", "misconfigured endpoint"),
        (Auth, "530 5.7.0 STARTTLS first", "misconfigured endpoint"),
        (Auth, "504 5.5.4 no such mechanism", "misconfigured endpoint"),
        (Auth, "550 5.7.30 Basic authentication is not supported", "misconfigured endpoint"),
        (Auth, "454 4.7.0 temporary", "rate-limited endpoint 900000"),
        (Auth, "421 4.7.0 too many logins", "rate-limited endpoint 900000"),
        (Auth, "451 4.3.0 later", "unavailable endpoint"),
        (Auth, "334 more", "unavailable endpoint"),
        (Mail, "530 5.7.0 log in", "misconfigured endpoint"),
        (Mail, "550 5.7.1 sender refused", "misconfigured endpoint"),
        (Mail, "553 5.7.1 not yours", "misconfigured endpoint"),
        (Mail, "550 5.7.30 basic", "misconfigured endpoint"),
        (Mail, "552 5.3.4 too big", "too-large"),
        (Mail, "552 too big", "too-large"),
        (Mail, "452 4.3.1 disk full", "unavailable endpoint"),
        (Mail, "421 4.7.28 rate", "rate-limited endpoint 900000"),
        (Rcpt, "450 4.7.1 greylisted", "unavailable recipient 300000"),
        (Rcpt, "451 4.7.1 try later", "unavailable recipient 300000"),
        (Rcpt, "450 4.2.2 mailbox full", "unavailable recipient 300000"),
        (Rcpt, "452 4.2.2 mailbox full", "unavailable recipient 300000"),
        (Rcpt, "450 You are greylisted", "unavailable recipient 300000"),
        (Rcpt, "451 4.7.0 Greylisting in action", "unavailable recipient 300000"),
        (Rcpt, "450 4.2.1 busy", "unavailable recipient"),
        (Rcpt, "421 4.7.0 unusual rate", "rate-limited endpoint 900000"),
        (Rcpt, "450 4.7.28 rate", "rate-limited endpoint 900000"),
        (Rcpt, "451 4.7.28 rate", "rate-limited endpoint 900000"),
        (Rcpt, "452 4.7.28 x", "unavailable recipient"),
        (Rcpt, "550 5.1.1 who", "misconfigured recipient"),
        (Rcpt, "535 5.7.8 log in", "misconfigured endpoint"),
        (Data, "451 4.3.0 later", "unavailable endpoint"),
        (Data, "554 5.5.1 no", "rejected"),
        (Data, "250 what", "unavailable endpoint"),
        (End, "552 5.3.4 too big", "too-large"),
        (End, "552 5.2.3 too big", "too-large"),
        (End, "552 too big", "too-large"),
        (End, "554 5.3.4 too big", "too-large"),
        (End, "554 5.6.0 bad content", "rejected"),
        (End, "550 5.7.1 looks like spam", "rejected"),
        (End, "554 5.7.1 looks like spam", "rejected"),
        (End, "451 4.7.1 later", "unavailable endpoint 300000"),
        (End, "421 4.7.0 rate", "rate-limited endpoint 900000"),
        (Reset, "421 bye", "unavailable endpoint"),
        (Noop, "500 what", "misconfigured endpoint"),
    ];
    for (stage, text, expected) in table {
        let failure = refused(stage, text);
        assert_eq!(told(&failure), expected, "{text} {}", stage.name());
        assert!(format!("{failure:?}").contains(&text[..3]), "{text} is quoted");
    }
    let Failure::Misconfigured(fault) = refused(Auth, "550 5.7.30 no") else { panic!("fault") };
    assert!(fault.detail.contains("set `auth` to `xoauth2`"), "{}", fault.detail);
}

#[test]
fn a_conversation_that_breaks_is_in_doubt_only_after_the_last_byte() {
    let problem = |code: &str| Problem { code: code.into(), detail: "why".into() };
    let fault = Fault::new(Scope::Recipient, "c", "d");
    let table = [
        (Why::Net(NetError::Denied(problem("target"))), "misconfigured endpoint", None),
        (Why::Net(NetError::Denied(problem("secret-clear-text"))), "misconfigured endpoint", None),
        (Why::Net(NetError::Untrusted(problem("certificate"))), "misconfigured endpoint", None),
        (Why::Net(NetError::Other(problem("data-before-tls"))), "misconfigured endpoint", None),
        (Why::Net(NetError::Busy(problem("limit"))), "unavailable recipient", None),
        (Why::Net(NetError::Unreachable(problem("refused"))), "unavailable endpoint", None),
        (Why::Net(NetError::Broken(problem("broken"))), "unavailable endpoint", Some("uncertain")),
        (
            Why::Net(NetError::TimedOut(problem("timeout"))),
            "unavailable endpoint",
            Some("uncertain"),
        ),
        (Why::Net(NetError::Other(problem("other"))), "unavailable endpoint", Some("uncertain")),
        (Why::Closed, "unavailable endpoint", Some("uncertain")),
        (Why::Odd, "unavailable endpoint", Some("uncertain")),
        (Why::Late, "unavailable endpoint", None),
        (Why::TooLarge { size: 2, max: 1 }, "too-large", None),
        (Why::Fault(fault), "misconfigured recipient", None),
    ];
    for (why, before, after) in table {
        for stage in [Stage::Connect, Stage::Ehlo, Stage::Rcpt, Stage::Data] {
            let failed = at(stage, why.clone());
            assert_eq!(told(&failure(&failed)), before, "{failed:?}");
        }
        let failed = at(Stage::End, why);
        assert_eq!(told(&failure(&failed)), after.unwrap_or(before), "{failed:?}");
    }
}

fn envelope(count: usize) -> Envelope {
    let one = |at| Recipient { place: format!("to[{at}]"), address: format!("hunter{at}@x") };
    Envelope { from: "me@h".into(), recipients: (0..count).map(one).collect(), time_ms: 0 }
}

fn sent(states: &str) -> Sent {
    let state = |one| match one {
        'd' => State::Done,
        'r' => State::Refused,
        _ => State::Owed,
    };
    let mut sent = Sent {
        progress: Progress(states.chars().map(state).collect()),
        ids: vec![],
        said: None,
        later: vec![],
        refused: vec![],
        failed: None,
    };
    if states.contains('d') {
        sent.ids.push("Q1".into());
        sent.said = Some(reply("250 2.0.0 Ok: queued as Q1"));
    }
    for (at, one) in states.chars().enumerate() {
        match one {
            'r' => sent.refused.push((at, reply("550 5.1.1 no such user"))),
            'l' => sent.later.push((at, reply("450 4.7.1 wait"))),
            'R' => sent.later.push((at, reply("450 4.7.28 rate"))),
            's' => sent.later.push((at, reply("450 4.2.1 busy"))),
            _ => {}
        }
    }
    sent
}

fn verdict(sent: &Sent) -> (Verdict, Option<String>) {
    let mut outcome = judge(sent, &envelope(sent.progress.0.len()));
    assert_eq!(outcome.verdicts.len(), 1);
    (outcome.verdicts.remove(0), outcome.carry)
}

#[test]
fn a_mail_is_delivered_if_somebody_has_it_and_nobody_is_owed_it() {
    let table = [
        // states, warning, carry
        ("d", None, "done 0"),
        ("dd", None, "done 0-1"),
        (
            "dr",
            Some("the server refuses 1 of 2 addresses: `to[1]`: 550 5.1.1 no such user"),
            "done 0 refused 1",
        ),
    ];
    for (states, warning, carry) in table {
        let (verdict, carried) = verdict(&sent(states));
        let Verdict::Delivered(receipt) = verdict else { panic!("{states}: {verdict:?}") };
        assert_eq!(receipt.warning.as_deref(), warning, "{states}");
        assert_eq!(receipt.remote_id.as_deref(), Some("Q1"), "{states}");
        assert_eq!(receipt.proof, Proof::Confirmed);
        assert_eq!(receipt.detail, "250 2.0.0 Ok: queued as Q1");
        assert_eq!(carried.as_deref(), Some(carry), "{states}");
    }
    // Refused by an earlier attempt: the words are gone, the fact is not.
    let mut earlier = sent("dr");
    earlier.refused.clear();
    let (Verdict::Delivered(receipt), _) = verdict(&earlier) else { panic!("not delivered") };
    assert!(receipt.warning.expect("one").ends_with("by an earlier attempt"));
}

#[test]
fn who_is_still_owed_a_mail_gets_it_later_and_alone() {
    let table = [
        // states, failure, carry
        ("l", "unavailable recipient 300000", None),
        ("dl", "unavailable recipient 300000", Some("done 0")),
        ("drl", "unavailable recipient 300000", Some("done 0 refused 1")),
        ("rs", "unavailable recipient", Some("refused 0")),
        ("dsl", "unavailable recipient 300000", Some("done 0")),
        ("dlR", "rate-limited endpoint 900000", Some("done 0")),
    ];
    for (states, expected, carry) in table {
        let (verdict, carried) = verdict(&sent(states));
        let Verdict::Failed(failure) = &verdict else { panic!("{states}: {verdict:?}") };
        assert_eq!((told(failure).as_str(), carried.as_deref()), (expected, carry), "{states}");
        assert!(format!("{failure:?}").contains("`to["), "{failure:?}");
        assert!(!format!("{failure:?}").contains("hunter"), "{failure:?}");
    }
}

#[test]
fn a_recipient_whose_every_address_is_refused_is_wrong() {
    let (verdict, carry) = verdict(&sent("rrrrrr"));
    let Verdict::Failed(Failure::Misconfigured(fault)) = verdict else { panic!("{verdict:?}") };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, "550"));
    assert!(fault.detail.starts_with("the server refuses 6 of 6 addresses: `to[0]`: 550"));
    assert!(fault.detail.contains("`to[4]`") && !fault.detail.contains("`to[5]`"));
    assert_eq!(carry.as_deref(), Some("refused 0-5"));
}

#[test]
fn what_stops_a_later_round_does_not_undo_an_earlier_one() {
    let failed = |stage, text: &str| Some(at(stage, Why::Refused(reply(text))));
    let with = |failed| Sent { failed, ..sent("do") };
    let carry = Some("done 0".to_owned());
    // Never for the others: told as delivered, with a warning.
    let (Verdict::Delivered(receipt), found) = verdict(&with(failed(Stage::End, "554 5.6.0 no")))
    else {
        panic!("not delivered")
    };
    assert!(receipt.warning.expect("one").contains("554 5.6.0 no"));
    assert_eq!(found, carry);
    let table = [
        (failed(Stage::End, "451 later"), "unavailable endpoint"),
        (failed(Stage::Mail, "530 5.7.0 log in"), "misconfigured endpoint"),
        (Some(at(Stage::End, Why::Closed)), "uncertain"),
    ];
    for (failed, expected) in table {
        let (found, carried) = verdict(&with(failed));
        let Verdict::Failed(failure) = found else { panic!("{found:?}") };
        assert_eq!((told(&failure).as_str(), &carried), (expected, &carry));
    }
    // And where nobody has it, no is no.
    let none = Sent { failed: failed(Stage::End, "554 5.6.0 no"), ..sent("oo") };
    let (Verdict::Failed(failure), None) = verdict(&none) else { panic!("carried") };
    assert_eq!(told(&failure), "rejected");
}
