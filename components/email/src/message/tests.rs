mod opened;

use campanile_guest::{Party, samples};

use super::*;
use crate::settings;
use opened::{decoded_words, header, is_fit, opened, parts, subject_of};

/// 2026-11-24T02:51:00Z.
const NOW_MS: u64 = 1_795_488_660_000;

pub(crate) fn instant(unix_ms: u64) -> Instant {
    let local = "2026-11-24T03:51:00.000+01:00".into();
    Instant { unix_ms, local, ..samples::instant(2, 51) }
}

pub(crate) fn alert(id: &str) -> Alert {
    let host = Party {
        ip: "192.0.2.5".into(),
        port: None,
        name: Some("db-1.example".into()),
        country: None,
        is_attacker: false,
        is_victim: false,
        is_blacklisted: false,
        ..samples::party("")
    };
    Alert {
        id: id.into(),
        episode: id.into(),
        fingerprint: "f00d".into(),
        time: instant(NOW_MS),
        received: instant(NOW_MS),
        action: Action::Engage,
        entity_kind: "host".into(),
        entity_value: host.ip.clone(),
        host: Some(host),
        link: Some("https://watch.example/?a=1&b=2".into()),
        labels: vec![("rack".into(), "b7".into())],
        ..samples::alert()
    }
}

pub(crate) fn context() -> Context {
    Context {
        recipient_id: "12".into(),
        instance: "edge-1".into(),
        zone: "Europe/Zurich".into(),
        ..samples::context()
    }
}

/// Of an endpoint and a recipient that have what they need, and `more`.
pub(crate) fn settings(more: &str) -> Settings {
    let mut all: serde_json::Value = serde_json::json!({
        "host": "h.example", "port": 587, "sender": "Watch <watch@h.example>",
        "to": ["soc@x.example"],
    });
    let more: serde_json::Value = serde_json::from_str(more).expect("JSON");
    all.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    settings::read(&all.to_string()).expect("good settings")
}

fn subjects(alerts: &[&Alert]) -> Vec<Subject> {
    alerts.iter().map(|&one| Subject { alert: one.clone(), previous: None }).collect()
}

fn told(alerts: &[&Alert], context: &Context, settings: &Settings) -> Vec<Message> {
    tell(&subjects(alerts), context, settings).expect("mails").messages
}

#[test]
fn a_mail_has_its_headers_and_both_parts() {
    let one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    let settings = settings(r#"{"cc":["Ann, \u00fc <ann@x.example>"],"bcc":["secret@x.example"]}"#);
    let messages = told(&[&one], &context(), &settings);
    let [message] = messages.as_slice() else { panic!("one mail") };
    is_fit(message);
    let (head, _) = opened(message);
    let table = [
        ("From", Some("\"Watch\" <watch@h.example>")),
        ("To", Some("<soc@x.example>")),
        ("Date", Some("Tue, 24 Nov 2026 02:51:00 +0000")),
        ("Message-ID", Some("<01JD8Q5W3V9T6Z0M4K2N7P1R5S.engage.12@h.example>")),
        ("In-Reply-To", Some("<01JD8Q5W3V9T6Z0M4K2N7P1R5S.thread@h.example>")),
        ("References", Some("<01JD8Q5W3V9T6Z0M4K2N7P1R5S.thread@h.example>")),
        ("Subject", Some("[CRITICAL] Disk full: db-1.example. /var is at 97 %")),
        ("Auto-Submitted", Some("auto-generated")),
        ("Importance", Some("high")),
        ("X-Priority", Some("1")),
        ("MIME-Version", Some("1.0")),
        (
            "Content-Type",
            Some("multipart/alternative; boundary=\"=_01JD8Q5W3V9T6Z0M4K2N7P1R5S_1\""),
        ),
        ("Bcc", None),
    ];
    for (name, expected) in table {
        assert_eq!(header(&head, name), expected, "{name}");
    }
    let cc = header(&head, "Cc").expect("Cc");
    assert_eq!(decoded_words(cc), "Ann, \u{fc} <ann@x.example>");
    assert!(!String::from_utf8_lossy(&message.body).contains("secret@"), "blind is blind");
    let (text, html) = parts(message);
    assert_eq!(
        text,
        "CRITICAL: Disk full\n\n/var is at 97 %\n\n\
         Host:      192.0.2.5 (db-1.example)\n\
         When:      2026-11-24 03:51:00 +01:00\n\
         Type:      system/disk_full, score 210\n\
         Labels:    rack=b7\n\
         Open:      https://watch.example/?a=1&b=2\n\
         \n-- \nSent by edge-1, raised by diskwatch\n"
    );
    for told in
        ["CRITICAL: Disk full", "/var is at 97 %", "192.0.2.5 (db-1.example)", "a=1&amp;b=2"]
    {
        assert!(html.contains(told), "{told}");
    }
    assert_eq!(message.summary, "[CRITICAL] Disk full: db-1.example. /var is at 97 %");
    assert_eq!((message.content_type.as_str(), &message.alerts[..]), ("message/rfc822", &[0][..]));
}

#[test]
fn hostile_text_ends_no_header_and_comes_out_as_text() {
    let evil = "x\r\nBcc: evil@x.example\r\n\r\n.\r\nMAIL FROM:<a@b>\0\u{202e}\u{1f514}\"<b>\u{2028}=_=?utf-8?q?x?=";
    let mut one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    one.title = evil.into();
    one.text = format!("{evil}\n.\n..\nFrom me\n{}", "\u{e9}".repeat(20_000));
    one.producer = evil.into();
    one.labels = vec![(evil.into(), format!("{evil}!"))];
    one.annotations = vec![(evil.into(), evil.into())];
    one.link = Some(format!("https://h/{evil}"));
    one.fingerprint = evil.into();
    let mut context = context();
    context.instance = evil.into();
    context.recipient_id = evil.into();
    context.instance_link = Some(evil.into());
    context.group = vec![(evil.into(), evil.into())];
    for threading in ["alert", "day", "none"] {
        for format in ["multipart", "text", "html"] {
            let more = format!(r#"{{"threading":"{threading}","format":"{format}"}}"#);
            let messages = told(&[&one, &one], &context, &settings(&more));
            is_fit(&messages[0]);
            let (head, _) = opened(&messages[0]);
            assert!(header(&head, "Bcc").is_none(), "{head:?}");
            // Two alerts of one episode; of a part alone, how it is encoded.
            let count = if threading == "none" { 10 } else { 12 };
            assert_eq!(head.len() - usize::from(format != "multipart"), count, "{head:?}");
            assert!(subject_of(&messages[0]).chars().count() <= 200);
        }
    }
    let (text, html) = parts(&told(&[&one], &context, &settings("{}"))[0]);
    assert!(text.contains(&"\u{e9}".repeat(20_000)), "the text part is complete");
    assert!(text.contains("\n.\n..\nFrom me\n") && !text.contains(['\0', '\u{202e}']));
    assert!(html.contains("\u{e9}\u{2026}</p>") && !html.contains("<b>"));
}

#[test]
fn a_subject_has_at_most_120_characters_behind_its_prefix_and_decodes_to_what_it_says() {
    let mut one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    one.text = String::new();
    let fixed = "[CRITICAL] : db-1.example".chars().count();
    let table = [
        ("x".repeat(120 - fixed), "", 120, false),
        ("x".repeat(121 - fixed), "", 120, true),
        ("\u{1f514}".repeat(120 - fixed), "", 120, false),
        ("\u{1f514}".repeat(300), "", 120, true),
        ("x y ".repeat(300), "", 120, true),
        ("x".repeat(121 - fixed), "[e-1]", 126, true),
        ("x".repeat(120 - fixed), "[e-1]", 126, false),
    ];
    for (title, prefix, count, is_cut) in table {
        one.title = title;
        let settings = settings(&format!(r#"{{"subject_prefix":"{prefix}"}}"#));
        let messages = told(&[&one], &context(), &settings);
        is_fit(&messages[0]);
        let subject = subject_of(&messages[0]);
        assert!(subject.starts_with(prefix) && subject.contains("[CRITICAL] "), "{subject}");
        assert!(subject.chars().count() <= count, "{subject}");
        assert_eq!(subject.ends_with('\u{2026}'), is_cut, "{subject}");
        let raw = String::from_utf8_lossy(&messages[0].body).into_owned();
        let head = raw.split("\r\n\r\n").next().expect("a head").to_owned();
        for line in head.split("\r\n").filter(|line| line.contains("=?")) {
            assert!(line.len() <= 76, "{line}");
            for word in line.split_ascii_whitespace().filter(|word| word.starts_with("=?")) {
                assert!(word.len() <= 75, "{word}");
            }
        }
    }
}

#[test]
fn what_looks_like_an_encoded_word_is_not_read_as_one() {
    let mut one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    one.title = "=?us-ascii?Q?all_is_well?=".into();
    let subject = subject_of(&told(&[&one], &context(), &settings("{}"))[0]);
    let expected = "[CRITICAL] =\u{200b}?us-ascii?Q?all_is_well?=: db-1.example. /var is at 97 %";
    assert_eq!(subject, expected);
}

#[test]
fn several_alerts_go_in_as_few_mails_as_the_recipient_takes() {
    let ids: Vec<_> = (0..7).map(|at| format!("01JD8Q5W3V9T6Z0M4K2N7P1R5{at}")).collect();
    let mut alerts: Vec<_> = ids.iter().map(|id| alert(id)).collect();
    alerts[1].severity = Severity::Emergency;
    alerts[0].severity = Severity::Info;
    let all: Vec<_> = alerts.iter().collect();
    let positions = |max: u32| {
        let settings = settings(&format!(r#"{{"max_alerts_per_mail":{max}}}"#));
        let messages = told(&all, &context(), &settings);
        messages.iter().map(|one| one.alerts.clone()).collect::<Vec<_>>()
    };
    assert_eq!(positions(50), [[0, 1, 2, 3, 4, 5, 6]]);
    assert_eq!(positions(3), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    assert_eq!(positions(1).len(), 7);
    let message = &told(&all, &context(), &settings("{}"))[0];
    assert!(message.summary.starts_with("7 alerts: [EMERGENCY] Disk full"), "{}", message.summary);
    let (head, _) = opened(message);
    assert_eq!(header(&head, "In-Reply-To"), None, "seven threads are none");
    let (text, html) = parts(message);
    assert!(text.starts_with("7 alerts:\n\nINFO: Disk full\n"), "{text}");
    assert_eq!(text.matches(": Disk full\n").count(), 7);
    assert_eq!(html.matches("overflow:hidden").count(), 7);
}

#[test]
fn equal_alerts_give_equal_mails_at_any_position() {
    let settings = settings(r#"{"max_alerts_per_mail":1}"#);
    let format = |subjects: Vec<_>| tell(&subjects, &context(), &settings).expect("mails");
    samples::assert_equal_anywhere(format, samples::whole);
}

#[test]
fn what_is_over_says_so_and_is_not_urgent() {
    let mut one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5T");
    one.action = Action::Release;
    one.episode = "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into();
    one.ended = Some(instant(NOW_MS + 7_500_000));
    let messages = told(&[&one], &context(), &settings("{}"));
    let (head, _) = opened(&messages[0]);
    assert!(subject_of(&messages[0]).starts_with("[RESOLVED] Disk full"));
    assert_eq!(header(&head, "Importance"), Some("normal"));
    assert_eq!(header(&head, "Date"), Some("Tue, 24 Nov 2026 04:56:00 +0000"));
    let thread = "<01JD8Q5W3V9T6Z0M4K2N7P1R5S.thread@h.example>";
    assert_eq!(header(&head, "References"), Some(thread));
    let (text, html) = parts(&messages[0]);
    assert!(text.contains("lasted 2 h 5 min") && html.contains("lasted 2 h 5 min"));
    assert!(html.contains("#2ECC71"));
}

#[test]
fn a_test_says_that_it_is_one_and_what_was_left_out_is_counted() {
    let one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    let context = Context { purpose: Purpose::Test, omitted: 3, ..context() };
    let message = &told(&[&one], &context, &settings("{}"))[0];
    assert!(message.summary.starts_with("[CRITICAL (test)]"), "{}", message.summary);
    let (text, html) = parts(message);
    for part in [text, html] {
        assert!(part.contains("This is a test. Nothing happened."), "{part}");
        assert!(part.contains("3 alerts were left out before this mail."), "{part}");
    }
}

#[test]
fn a_clock_that_is_wrong_does_not_date_a_mail() {
    let day_ms = 24 * 60 * 60 * 1000;
    let table = [
        (NOW_MS, NOW_MS),
        (NOW_MS - day_ms, NOW_MS - day_ms),
        (NOW_MS - day_ms - 1, NOW_MS),
        (NOW_MS + day_ms + 1, NOW_MS),
        (0, NOW_MS),
    ];
    for (time_ms, expected) in table {
        let mut one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        one.time = instant(time_ms);
        assert_eq!(when_ms(&one), expected, "{time_ms}");
    }
}

#[test]
fn urgent_is_what_is_open_and_bad() {
    let table = [
        (Severity::None, "low"),
        (Severity::Debug, "low"),
        (Severity::Info, "low"),
        (Severity::Notice, "normal"),
        (Severity::Warning, "normal"),
        (Severity::Error, "high"),
        (Severity::Critical, "high"),
        (Severity::Alert, "high"),
        (Severity::Emergency, "high"),
    ];
    for (severity, expected) in table {
        let open = Alert { severity, ..alert("a") };
        let over = Alert { action: Action::Release, ..open.clone() };
        assert_eq!(importance(&[&open]).0, expected, "{severity:?}");
        assert_eq!(importance(&[&over]).0, "normal", "{severity:?}");
    }
}

#[test]
fn a_mail_that_was_first_tried_late_says_so_at_every_attempt() {
    let one = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
    let message = &told(&[&one], &context(), &settings("{}"))[0];
    let hour_ms = 60 * 60 * 1000;
    let head = |first_ms: u64, number: u32, now_ms: u64| {
        let attempt = Attempt {
            message_id: "m".into(),
            number,
            now: instant(now_ms),
            first: instant(first_ms),
            carry: None,
            deliveries: vec![],
            deadline_ms: 1000,
            purpose: Purpose::Live,
        };
        let (_, mail) = mail(message, &attempt).expect("a mail");
        assert!(mail.ends_with(&message.body));
        String::from_utf8(mail[..mail.len() - message.body.len()].to_vec()).expect("text")
    };
    assert_eq!(head(NOW_MS + hour_ms, 1, NOW_MS + hour_ms), "");
    assert_eq!(head(NOW_MS + 1, 9, NOW_MS + 9 * hour_ms), "", "late since, not at first");
    let late = "X-Campanile-Delayed: 1 h 0 min; first tried 2026-11-24T02:51:00.000Z\r\n";
    for number in [1, 2] {
        let now_ms = NOW_MS + u64::from(number) * 2 * hour_ms;
        assert_eq!(head(NOW_MS + hour_ms + 1, number, now_ms), late, "attempt {number}");
    }
}
