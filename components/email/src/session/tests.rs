use std::cell::RefCell;
use std::rc::Rc;

use campanile_guest::Certainty;

use super::*;
use crate::message::tests::settings;
use crate::script::{Script, Seen, problem};

/// Opens a session with a server that follows the first script, then the next.
fn open(
    scripts: &[&str],
    settings: &Settings,
) -> (Result<Session<Script>, Failed>, Rc<RefCell<Seen>>) {
    let seen = Rc::default();
    let mut scripts = scripts.iter();
    let session = Session::open(settings, || match scripts.next() {
        Some(script) => Ok(Script::new(script, &seen)),
        None => Err(NetError::Unreachable(problem("refused"))),
    });
    (session, seen)
}

const HELLO: &str = "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250-STARTTLS\nS 250 AUTH PLAIN LOGIN\n\
                     C STARTTLS\nS 220 go\nT\nC EHLO [127.0.0.1]\nS 250-h\nS 250-SIZE 1000\n";

#[test]
fn nothing_is_said_before_the_encryption_but_what_asks_for_it() {
    let login = r#"{"username":"me","password":"*"}"#;
    let rest = "S 250 AUTH PLAIN\nC AUTH PLAIN <\\u{0}me\\u{0}$password>\nS 235 ok";
    let (session, seen) = open(&[&format!("{HELLO}{rest}")], &settings(login));
    let session = session.expect("open");
    assert_eq!((session.mechanism, session.is_encrypted), (Some("PLAIN"), true));
    let offers = Offers {
        size: true,
        size_max: Some(1000),
        auth: vec!["PLAIN".into()],
        ..Offers::default()
    };
    assert_eq!(session.offers, offers, "what was offered in clear is forgotten");
    session.keep();
    let seen = seen.borrow();
    assert_eq!((&seen.fates[..], seen.left.len(), seen.in_doubt), (&["parked"][..], 0, false));
}

#[test]
fn without_encryption_nothing_is_sent_unless_the_settings_say_so() {
    let table = [
        // settings, script, stage, code of the fault
        (
            "{}",
            "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250 AUTH PLAIN\nC QUIT\nS 221 bye",
            "starttls-missing",
        ),
        (
            "{}",
            "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250 STARTTLS\nC STARTTLS\n\
             S 220 go\\n250 AUTH PLAIN\nC QUIT\nS 221 bye",
            "data-before-tls",
        ),
    ];
    for (more, script, code) in table {
        let (session, seen) = open(&[script], &settings(more));
        let failed = session.expect_err(code);
        assert!(matches!(&failed.why, Why::Fault(fault) if fault.code == code), "{failed:?}");
        assert_eq!(seen.borrow().left.len(), 0, "{code}");
    }
    // In clear, by the operator's own word.
    let script = "S 220 h\nC EHLO me.example\nS 250 h";
    let (session, _) =
        open(&[script], &settings(r#"{"security":"none","helo_name":"me.example"}"#));
    let session = session.expect("open");
    assert_eq!((session.mechanism, session.is_encrypted), (None, false));
    // From the first byte.
    let script = "S 220 h\nC EHLO [127.0.0.1]\nS 250 h";
    let (session, _) = open(&[script], &settings(r#"{"port":465}"#));
    assert!(session.expect("open").is_encrypted);
}

#[test]
fn a_login_takes_the_best_that_is_offered_and_reads_no_challenge() {
    let table = [
        // settings, what is offered, what is said and heard
        (
            r#"{"username":"me","password":"*"}"#,
            "AUTH LOGIN PLAIN",
            "C AUTH PLAIN <\\u{0}me\\u{0}$password>\nS 235 ok",
        ),
        (
            r#"{"username":"me","password":"*"}"#,
            "AUTH=LOGIN",
            "C AUTH LOGIN\nS 334 bmltIG1pciBkZW4gU2NobMO8c3NlbA==\nC bWU=\nS 334 never read\nC <$password>\nS 235 ok",
        ),
        (
            r#"{"username":"me","password":"*","auth":"login"}"#,
            "AUTH PLAIN LOGIN",
            "C AUTH LOGIN\nS 334\nC bWU=\nS 334\nC <$password>\nS 235 ok",
        ),
        (
            r#"{"username":"me","password":"*","auth":"plain"}"#,
            "AUTH GSSAPI",
            "C AUTH PLAIN <\\u{0}me\\u{0}$password>\nS 235 ok",
        ),
        (
            r#"{"username":"me","client_id":"c","access_token":"*"}"#,
            "AUTH PLAIN XOAUTH2",
            "C AUTH XOAUTH2 <user=me\\u{1}auth=Bearer $access_token\\u{1}\\u{1}>\nS 235 ok",
        ),
        (r#"{"username":"me","password":"*","auth":"none"}"#, "AUTH PLAIN", ""),
        ("{}", "AUTH PLAIN", ""),
    ];
    for (more, offer, steps) in table {
        let (session, seen) = open(&[&format!("{HELLO}S 250 {offer}\n{steps}")], &settings(more));
        session.unwrap_or_else(|failed| panic!("{more}: {failed:?}")).keep();
        let left = &seen.borrow().left;
        assert!(left.iter().all(String::is_empty), "{more}: {left:?}");
    }
}

#[test]
fn a_login_that_cannot_be_made_says_what_to_set() {
    let table = [
        (r#"{"username":"me","password":"*"}"#, "XX", "auth-missing", "offers no login here"),
        (
            r#"{"username":"me","password":"*"}"#,
            "AUTH NTLM",
            "auth-missing",
            "NTLM, and not PLAIN and LOGIN",
        ),
        (r#"{"password":"*"}"#, "AUTH PLAIN", "settings", "setting `username`: is missing"),
        (r#"{"username":"me"}"#, "AUTH PLAIN", "settings", "setting `password`: is missing"),
        (
            r#"{"username":"me","client_id":"c"}"#,
            "AUTH XOAUTH2",
            "settings",
            "no token for XOAUTH2",
        ),
        (
            r#"{"username":"me","auth":"xoauth2"}"#,
            "AUTH XOAUTH2",
            "settings",
            "no token for XOAUTH2",
        ),
    ];
    for (more, offer, code, told) in table {
        let script = format!("{HELLO}S 250 {offer}\nC QUIT\nS 221 bye");
        let (session, seen) = open(&[&script], &settings(more));
        let failed = session.expect_err(more);
        let Why::Fault(fault) = &failed.why else { panic!("{more}: {failed:?}") };
        assert_eq!(fault.code, code, "{more}");
        assert!(fault.detail.contains(told), "{more}: {}", fault.detail);
        assert_eq!(seen.borrow().left.len(), 0, "{more}");
    }
}

#[test]
fn where_it_goes_no_further_is_told_and_the_engine_is_not_left_in_doubt() {
    let me = r#"{"username":"me","password":"*"}"#;
    let plain = "S 250 AUTH PLAIN\nC AUTH PLAIN <\\u{0}me\\u{0}$password>\n";
    let login = "S 250 AUTH LOGIN\nC AUTH LOGIN\nS 334 x\nC bWU=\n";
    let token = r#"{"username":"me","client_id":"c","access_token":"*"}"#;
    let bearer =
        "S 250 AUTH XOAUTH2\nC AUTH XOAUTH2 <user=me\\u{1}auth=Bearer $access_token\\u{1}\\u{1}>\n";
    let bye = "C QUIT\nS 221 bye";
    let table = [
        // settings, script, stage, what became of the connection, doubt
        (me, "S 554 no service".to_owned() + "\n" + bye, Stage::Greeting, "closed", false),
        (me, "S 421 busy".into(), Stage::Greeting, "closed", false),
        (me, "S HTTP/1.1 400 Bad".into(), Stage::Greeting, "closed", false),
        (me, "close".into(), Stage::Greeting, "parked", false),
        (me, "hang".into(), Stage::Greeting, "closed", false),
        (me, "S 220 h\nC EHLO [127.0.0.1]\nclose".into(), Stage::Ehlo, "parked", false),
        (me, "S 220 h\nC EHLO [127.0.0.1]\nreset".into(), Stage::Ehlo, "parked", false),
        (me, "S 220 h\nC EHLO [127.0.0.1]\nhang".into(), Stage::Ehlo, "closed", true),
        (
            me,
            format!("S 220 h\nC EHLO [127.0.0.1]\nS 502 what\n{bye}"),
            Stage::Ehlo,
            "closed",
            false,
        ),
        (
            me,
            format!(
                "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250 STARTTLS\nC STARTTLS\nS 454 no\n{bye}"
            ),
            Stage::StartTls,
            "closed",
            false,
        ),
        (
            me,
            "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nF".into(),
            Stage::StartTls,
            "closed",
            false,
        ),
        (me, format!("{HELLO}{plain}S 535 5.7.8 no\n{bye}"), Stage::Auth, "closed", false),
        (me, format!("{HELLO}{plain}S 334 more\n{bye}"), Stage::Auth, "closed", false),
        (me, format!("{HELLO}{login}S 535 no such user\n{bye}"), Stage::Auth, "closed", false),
        (
            token,
            format!("{HELLO}{bearer}S 334 eyJzdGF0dXMiOiI0MDEifQ==\nC \nS 535 5.7.8 no\n{bye}"),
            Stage::Auth,
            "closed",
            false,
        ),
        // Who does not say good-bye leaves no doubt.
        (me, format!("{HELLO}{plain}S 535 no\nC QUIT\nclose"), Stage::Auth, "parked", false),
        // Who answers what it was not asked is asked nothing more.
        (me, "S 220 h\\n250 ok".into(), Stage::Ehlo, "closed", false),
        (
            me,
            "S 220 h\nC EHLO [127.0.0.1]\nS 250-h\nS 250 STARTTLS\\n220 go".into(),
            Stage::StartTls,
            "closed",
            false,
        ),
        (me, format!("{HELLO}{plain}S 535 no\nC QUIT\nhang"), Stage::Auth, "parked", false),
    ];
    for (more, script, stage, fate, doubt) in table {
        // Lines are trimmed, and this one is empty.
        let script = script.replace("C \n", "B\n");
        let (session, seen) = open(&[&script], &settings(more));
        let failed = session.expect_err(&script);
        let seen = seen.borrow();
        assert_eq!(failed.stage, stage, "{script}");
        assert_eq!((&seen.fates[..], seen.in_doubt), (&[fate][..], doubt), "{script}");
    }
}

#[test]
fn a_parked_connection_is_used_if_it_is_alive_and_else_another() {
    let alive = "reused\nC EHLO [127.0.0.1]\nS 250-h\nS 250 SIZE 5";
    let fresh = format!("{HELLO}S 250 h");
    let table: [(&[&str], &[&str], bool); 5] = [
        (&[alive], &[], true),
        (&["reused\nreset", alive], &["parked"], true),
        (&["reused\nC EHLO [127.0.0.1]\nclose", "reused\nS 421 bye", &fresh], &["parked"], true),
        (&["reused\nC EHLO [127.0.0.1]\nS 421 idle", &fresh], &["closed"], true),
        // Whether it is gone or slow is not known.
        (&["reused\nC EHLO [127.0.0.1]\nhang", &fresh], &["closed"], false),
    ];
    for (scripts, fates, is_open) in table {
        // A server that said something before it was asked is not given back by the engine.
        let scripts: Vec<_> =
            scripts.iter().filter(|one| !one.starts_with("reused\nS")).copied().collect();
        let (session, seen) = open(&scripts, &settings("{}"));
        assert_eq!(session.is_ok(), is_open, "{scripts:?}: {session:?}");
        assert_eq!(seen.borrow().fates, fates, "{scripts:?}");
    }
}

#[test]
fn a_probe_logs_in_anew_and_sends_nothing() {
    let login = r#"{"username":"me","password":"*"}"#;
    let rest = "S 250 AUTH PLAIN\nC AUTH PLAIN <\\u{0}me\\u{0}$password>\nS 235 ok\n";
    let whole = format!("{HELLO}{rest}C NOOP\nS 250 ok\nC QUIT\nS 221 bye");
    let seen = Rc::default();
    let mut scripts = ["reused\nC QUIT\nS 221 bye", whole.as_str()].into_iter();
    let finding =
        probe(&settings(login), || Ok(Script::new(scripts.next().expect("no third"), &seen)));
    let finding = finding.expect("found");
    assert_eq!(finding.certainty, Certainty::Proven);
    assert!(finding.facts.contains(&("login".into(), "PLAIN".into())), "{finding:?}");
    assert_eq!((seen.borrow().fates.len(), seen.borrow().left.len()), (2, 0));

    let whole = format!("{HELLO}S 250 h\nC NOOP\nS 250 ok\nC QUIT\nS 221 bye");
    let finding = probe(&settings("{}"), || Ok(Script::new(&whole, &seen))).expect("found");
    assert_eq!(finding.certainty, Certainty::Likely);

    let whole = format!("{HELLO}S 250 h\nC NOOP\nS 421 bye");
    let failed = probe(&settings("{}"), || Ok(Script::new(&whole, &seen))).expect_err("busy");
    assert_eq!(failed.stage, Stage::Noop);
}
