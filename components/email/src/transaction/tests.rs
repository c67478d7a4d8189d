use std::cell::RefCell;
use std::rc::Rc;

use campanile_guest::Purpose;

use super::*;
use crate::envelope::Recipient;
use crate::message::tests::{instant, settings};
use crate::script::{Script, Seen};

fn envelope(addresses: &[&str]) -> Envelope {
    let recipient = |(at, address): (usize, &&str)| Recipient {
        place: format!("to[{at}]"),
        address: (*address).to_owned(),
    };
    let recipients = addresses.iter().enumerate().map(recipient).collect();
    Envelope { from: "me@h".into(), recipients, time_ms: 0 }
}

fn attempt(carry: Option<&str>) -> Attempt {
    Attempt {
        message_id: "m".into(),
        number: 1,
        now: instant(0),
        first: instant(0),
        carry: carry.map(str::to_owned),
        deliveries: vec![],
        deadline_ms: 180_000,
        purpose: Purpose::Live,
    }
}

/// What became of a mail on a server that offers `offers` and then follows the script.
fn told(
    offers: &str,
    script: &str,
    envelope: &Envelope,
    mail: &[u8],
    carry: Option<&str>,
) -> (Sent, Rc<RefCell<Seen>>) {
    let seen = Rc::default();
    let script = format!("S 220 h\nC EHLO [127.0.0.1]\nS 250-h\n{offers}S 250 HELP\n{script}");
    let settings = settings(r#"{"security":"none"}"#);
    let session = Session::open(&settings, || Ok(Script::new(&script, &seen)));
    let sent = deliver(session.expect("open"), envelope, mail, &attempt(carry));
    (sent, seen)
}

fn states(sent: &Sent) -> String {
    sent.progress
        .0
        .iter()
        .map(|state| match state {
            State::Owed => 'o',
            State::Done => 'd',
            State::Refused => 'r',
        })
        .collect()
}

/// The end of a round in which the server takes the mail.
const TAKEN: &str = "C DATA\nS 354 go\nB\nB\nS 250 2.0.0 Ok: queued as Q1";

#[test]
fn each_address_is_told_once_and_what_became_of_it_is_noted() {
    let from = "C MAIL FROM:<me@h>\nS 250 ok\n";
    let rcpt = |one: &str, said: &str| format!("C RCPT TO:<{one}@x>\nS {said}\n");
    let ok = "250 ok";
    let table = [
        // carry before, script, states, carry after, connection, doubt
        (
            None,
            format!("{from}{}{}{TAKEN}", rcpt("a", ok), rcpt("b", "251 forwarded")),
            "dd",
            Some("done 0-1"),
            "parked",
        ),
        (
            None,
            format!("{from}{}{}{TAKEN}", rcpt("a", "550 5.1.1 who"), rcpt("b", ok)),
            "rd",
            Some("done 1 refused 0"),
            "parked",
        ),
        (
            None,
            format!("{from}{}{}{TAKEN}", rcpt("a", "450 4.7.1 later"), rcpt("b", ok)),
            "od",
            Some("done 1"),
            "parked",
        ),
        (
            Some("done 1"),
            format!("{from}{}{TAKEN}", rcpt("a", ok)),
            "dd",
            Some("done 0-1"),
            "parked",
        ),
        (Some("done 0 refused 1"), String::new(), "dr", Some("done 0 refused 1"), "parked"),
        (
            None,
            format!("{from}{}{}C RSET\nS 250 ok", rcpt("a", "550 no"), rcpt("b", "553 5.1.3 no")),
            "rr",
            Some("refused 0-1"),
            "parked",
        ),
        // Too many at once: the next round.
        (
            None,
            format!(
                "{from}{}{}{TAKEN}\n{from}{}{TAKEN}",
                rcpt("a", ok),
                rcpt("b", "452 4.5.3 many"),
                rcpt("b", ok)
            ),
            "dd",
            Some("done 0-1"),
            "parked",
        ),
        (
            None,
            format!(
                "{from}{}{}{TAKEN}\n{from}{}{TAKEN}",
                rcpt("a", ok),
                rcpt("b", "552 many"),
                rcpt("b", ok)
            ),
            "dd",
            Some("done 0-1"),
            "parked",
        ),
        // Of one alone that is no help.
        (
            None,
            format!(
                "{from}{}{}C RSET\nS 250 ok",
                rcpt("a", "452 4.5.3 many"),
                rcpt("b", "452 4.5.3 many")
            ),
            "oo",
            None,
            "parked",
        ),
        // The first round arrives, the second does not.
        (
            None,
            format!(
                "{from}{}{}{TAKEN}\n{from}{}C DATA\nS 354 go\nB\nB\nclose",
                rcpt("a", ok),
                rcpt("b", "452 4.5.3 many"),
                rcpt("b", ok)
            ),
            "do",
            Some("done 0"),
            "closed",
        ),
        // We are refused, whoever it is for.
        (
            None,
            format!("{from}{}{}C QUIT\nS 221 bye", rcpt("a", ok), rcpt("b", "530 5.7.0 log in")),
            "oo",
            None,
            "closed",
        ),
        (None, format!("{from}{}{}", rcpt("a", ok), rcpt("b", "421 busy")), "oo", None, "closed"),
    ];
    for (before, script, expected, after, fate) in table {
        let (sent, seen) = told("", &script, &envelope(&["a@x", "b@x"]), b"x\r\n", before);
        assert_eq!(states(&sent), expected, "{script}");
        assert_eq!(sent.progress.to_carry().as_deref(), after, "{script}");
        let seen = seen.borrow();
        assert_eq!((&seen.fates[..], seen.left.len()), (&[fate][..], 0), "{script}");
    }
}

#[test]
fn a_server_is_unsure_only_after_the_last_byte() {
    let begin = "C MAIL FROM:<me@h>\nS 250 ok\nC RCPT TO:<a@x>\nS 250 ok\n";
    let (closed, odd) = (Some(Why::Closed), Some(Why::Odd));
    let table = [
        // script, stage, why (where it is not a refusal), connection, doubt
        ("C MAIL FROM:<me@h>\nclose".to_owned(), Stage::Mail, closed.clone(), "parked", false),
        (
            "C MAIL FROM:<me@h>\nS 550 5.7.1 no\nC QUIT\nS 221 bye".into(),
            Stage::Mail,
            None,
            "closed",
            false,
        ),
        (
            "C MAIL FROM:<me@h>\nS 250 ok\nC RCPT TO:<a@x>\nclose".into(),
            Stage::Rcpt,
            closed.clone(),
            "parked",
            false,
        ),
        (format!("{begin}C DATA\nclose"), Stage::Data, closed.clone(), "parked", false),
        (format!("{begin}C DATA\nS 451 no\nC QUIT\nS 221 bye"), Stage::Data, None, "closed", false),
        (
            format!("{begin}C DATA\nS 250 what\nC QUIT\nS 221 bye"),
            Stage::Data,
            None,
            "closed",
            false,
        ),
        (format!("{begin}C DATA\nS 354 go\nreset"), Stage::Data, None, "parked", false),
        // It takes a mail that it does not have.
        (format!("{begin}C DATA\nS 354 go\\n250 taken"), Stage::Data, odd.clone(), "closed", false),
        (format!("{begin}C DATA\nS 354 go\nB\nreset"), Stage::End, None, "closed", true),
        (format!("{begin}C DATA\nS 354 go\nB\nB\nreset"), Stage::End, None, "closed", true),
        (format!("{begin}C DATA\nS 354 go\nB\nB\nclose"), Stage::End, closed, "closed", true),
        (format!("{begin}C DATA\nS 354 go\nB\nB\nhang"), Stage::End, None, "closed", true),
        (format!("{begin}C DATA\nS 354 go\nB\nB\nS what"), Stage::End, odd, "closed", false),
        (
            format!("{begin}C DATA\nS 354 go\nB\nB\nS 554 5.6.0 no\nC QUIT\nS 221 bye"),
            Stage::End,
            None,
            "closed",
            false,
        ),
        (format!("{begin}C DATA\nS 354 go\nB\nB\nS 421 bye"), Stage::End, None, "closed", false),
    ];
    for (script, stage, why, fate, doubt) in table {
        let (sent, seen) = told("", &script, &envelope(&["a@x"]), b"x\r\n", None);
        let failed = sent.failed.as_ref().unwrap_or_else(|| panic!("{script}"));
        assert_eq!(failed.stage, stage, "{script}");
        if let Some(why) = why {
            assert_eq!(failed.why, why, "{script}");
        }
        assert_eq!(states(&sent), "o", "{script}");
        let seen = seen.borrow();
        assert_eq!((&seen.fates[..], seen.in_doubt), (&[fate][..], doubt), "{script}");
    }
}

#[test]
fn two_minutes_are_left_for_the_verdict_where_there_is_time() {
    let table = [
        (180_000, 120_000),
        (150_000, 120_000),
        (149_000, 119_000),
        (60_000, 30_000),
        (2000, 1000),
        (0, 0),
    ];
    for (call_ms, expected) in table {
        assert_eq!(patience_ms(call_ms), expected, "{call_ms} ms");
    }
}

#[test]
fn a_mail_is_not_begun_with_too_little_time_to_hear_its_verdict() {
    let late = "C MAIL FROM:<me@h>\nS 250 ok\nC RCPT TO:<a@x>\nlate\nS 250 ok\nC QUIT\nS 221 bye";
    let (sent, seen) = told("", late, &envelope(&["a@x"]), b"x\r\n", None);
    assert_eq!(sent.failed.expect("late").why, Why::Late);
    assert_eq!(seen.borrow().left.len(), 0);
    assert_eq!(seen.borrow().fates, ["closed"]);
}

#[test]
fn what_the_server_offers_decides_what_is_said_and_what_is_not_sent() {
    let plain = envelope(&["a@x"]);
    let foreign = envelope(&["\u{e9}@x"]);
    let from_foreign = Envelope { from: "\u{e9}@h".into(), ..plain.clone() };
    let sender = |from: &str, to: &str| {
        format!("C MAIL FROM:{from}\nS 250 ok\nC RCPT TO:<{to}>\nS 250 ok\n{TAKEN}")
    };
    let all = "S 250-SIZE 9\nS 250-8BITMIME\nS 250-SMTPUTF8\n";
    let bye = "C QUIT\nS 221 bye";
    let table = [
        // offers, envelope, mail, script, why not
        ("", &plain, "x\r\n", sender("<me@h>", "a@x"), None),
        ("S 250-SIZE\n", &plain, "x\r\n", sender("<me@h> SIZE=3", "a@x"), None),
        ("S 250-SIZE 0\n", &plain, "1234567\r\n", sender("<me@h> SIZE=9", "a@x"), None),
        (all, &plain, "1234567\r\n", sender("<me@h> SIZE=9", "a@x"), None),
        (all, &plain, "12345678\r\n", bye.into(), Some(Why::TooLarge { size: 10, max: 9 })),
        // The line break that is missing counts.
        (all, &plain, "12345678", bye.into(), Some(Why::TooLarge { size: 10, max: 9 })),
        (
            all,
            &foreign,
            "\u{e9}\r\n",
            sender("<me@h> SIZE=4 BODY=8BITMIME SMTPUTF8", "\u{e9}@x"),
            None,
        ),
    ];
    for (offers, envelope, mail, script, why) in table {
        let (sent, seen) = told(offers, &script, envelope, mail.as_bytes(), None);
        assert_eq!(sent.failed.map(|failed| failed.why), why, "{offers} {mail:?}");
        assert_eq!(seen.borrow().left.len(), 0, "{offers} {mail:?}");
    }
    for (envelope, scope) in [(foreign, Scope::Recipient), (from_foreign, Scope::Endpoint)] {
        let (sent, _) = told("S 250-8BITMIME\n", bye, &envelope, b"x\r\n", None);
        let Some(Failed { why: Why::Fault(fault), .. }) = sent.failed else { panic!("sent") };
        assert_eq!((fault.scope, fault.code.as_str()), (scope, "smtputf8-missing"));
    }
}

#[test]
fn a_mail_goes_out_with_right_line_breaks_and_its_dots_doubled() {
    let table = [
        ("a\r\n", "a\r\n.\r\n"),
        ("a", "a\r\n.\r\n"),
        ("", "\r\n.\r\n"),
        (".", "..\r\n.\r\n"),
        ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\r\n.\r\n..\r\n...a\r\nb.\r\n", "a\r\n..\r\n...\r\n....a\r\nb.\r\n.\r\n"),
        ("a\rb\nc\r\r\nd\n", "a\r\nb\r\nc\r\n\r\nd\r\n.\r\n"),
        ("a\n.\r\nRCPT TO:<evil@x>\r.\rDATA", "a\r\n..\r\nRCPT TO:<evil@x>\r\n..\r\nDATA\r\n.\r\n"),
        ("\r", "\r\n.\r\n"),
        ("a\r\n\r", "a\r\n\r\n.\r\n"),
    ];
    let script = format!("C MAIL FROM:<me@h>\nS 250 ok\nC RCPT TO:<a@x>\nS 250 ok\n{TAKEN}");
    for (mail, expected) in table {
        let (sent, seen) = told("", &script, &envelope(&["a@x"]), mail.as_bytes(), None);
        assert_eq!(states(&sent), "d");
        assert_eq!(sent.ids, ["Q1"]);
        let heard = String::from_utf8_lossy(&seen.borrow().heard).into_owned();
        assert_eq!(heard, expected, "{mail:?}");
        // The end is nowhere but at the end.
        assert_eq!(format!("\r\n{heard}").matches("\r\n.\r\n").count(), 1, "{mail:?}");
    }
}

#[test]
fn more_than_a_hundred_addresses_take_another_round() {
    let addresses: Vec<_> = (0..201).map(|at| format!("a{at}@x")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let mut script = String::new();
    for round in addresses.chunks(100) {
        script.push_str("C MAIL FROM:<me@h>\nS 250 ok\n");
        for one in round {
            script.push_str(&format!("C RCPT TO:<{one}>\nS 250 ok\n"));
        }
        script.push_str(TAKEN);
        script.push('\n');
    }
    let (sent, seen) = told("", &script, &envelope(&addresses), b"x\r\n", None);
    assert_eq!(sent.progress.to_carry().as_deref(), Some("done 0-200"));
    assert_eq!((sent.ids.len(), seen.borrow().left.len()), (3, 0));
}
