use campanile_guest::{Kind, Party, Purpose, Subject};
use serde_json::Value;

use super::*;
use crate::blocks::{ELEMENTS_MAX, HEADER_MAX};
use crate::{Slack, settings};
use campanile_guest::samples::{
    alert, assert_equal_anywhere, context, filled, instant, party, whole,
};

#[test]
fn a_release_says_that_it_is_over_since_when_and_how_long_it_lasted() {
    // 02:00 and 04:05; an episode's id tells when its engage came in, here at 02:00:00.000.
    let (began, over) = (instant(2, 0), instant(4, 5));
    let engage = "01M85MG28000000000000000ZZ";
    let table = [
        // time, ended, episode, expected
        (
            &began,
            Some(&over),
            "",
            "Over since 2026-11-24 04:05:00 UTC. Began 2026-11-24 02:00:00 UTC, lasted 2 h 5 min.",
        ),
        (
            &began,
            None,
            "",
            "Over since 2026-11-24 06:00:00 UTC. Began 2026-11-24 02:00:00 UTC, lasted about 4 h 0 min.",
        ),
        (&over, Some(&over), engage, "Over since 2026-11-24 04:05:00 UTC. Lasted about 2 h 5 min."),
        (&over, Some(&over), "", "Over since 2026-11-24 04:05:00 UTC."),
        (&over, Some(&began), "", "Over since 2026-11-24 02:00:00 UTC."),
        (&over, Some(&began), engage, "Over since 2026-11-24 02:00:00 UTC."),
    ];
    for (time, ended, episode, expected) in table {
        let mut alert = alert();
        alert.action = Action::Release;
        alert.time = time.clone();
        alert.ended = ended.cloned();
        if !episode.is_empty() {
            alert.episode = episode.into();
        }
        let body = told(&alert, "{}");
        assert_eq!(body["blocks"][0]["text"]["text"], "RESOLVED: Disk full");
        let status = &body["attachments"][0]["blocks"][0]["text"];
        assert_eq!((&status["type"], &status["text"]), (&"plain_text".into(), &expected.into()));
        assert_eq!(body["text"], format!("[RESOLVED] Disk full: db-1. {expected}"));
        assert_eq!(body["attachments"][0]["color"], "#2ECC71");
    }
}

#[test]
fn a_notification_says_whom_it_is_about_once_and_never_leaves_it_out() {
    let host = |ip: &str, name: Option<&str>| Party {
        ip: ip.into(),
        port: None,
        name: name.map(Into::into),
        is_attacker: false,
        is_victim: false,
        is_blacklisted: false,
        country: None,
        ..party("")
    };
    let table = [
        // host, text, expected
        (host("192.0.2.1", None), "192.0.2.1 is slow", "192.0.2.1 is slow"),
        (host("192.0.2.1", None), "192.0.2.1@7: slow", "192.0.2.1@7: slow"),
        (host("192.0.2.1", None), "192.0.2.1", "192.0.2.1"),
        (host("192.0.2.1", None), "192.0.2.10 is slow", "192.0.2.1. 192.0.2.10 is slow"),
        (host("192.0.2.1", None), "192.0.2.1.9 is odd", "192.0.2.1. 192.0.2.1.9 is odd"),
        (host("192.0.2.1", None), "192.0.2.1. So slow", "192.0.2.1. So slow"),
        (host("2001:db8::1", None), "2001:db8::1: slow", "2001:db8::1: slow"),
        (host("2001:db8::1", None), "2001:db8::1:5 slow", "2001:db8::1. 2001:db8::1:5 slow"),
        (host("192.0.2.1", Some("db")), "db is slow", "db is slow"),
        (host("192.0.2.1", Some("db")), "192.0.2.1 is slow", "192.0.2.1 is slow"),
        (host("192.0.2.1", Some("db")), "db-7 is slow", "db. db-7 is slow"),
        (host("192.0.2.1", Some("db")), "db.example is slow", "db. db.example is slow"),
        (host("192.0.2.1", Some("db")), "db_old is slow", "db. db_old is slow"),
        (host("192.0.2.1", Some("d\u{e9}")), "d\u{e9}j\u{e0} vu", "d\u{e9}. d\u{e9}j\u{e0} vu"),
    ];
    for (host, text, expected) in table {
        let mut alert = alert();
        (alert.host, alert.text) = (Some(host), text.into());
        let notice = story::notice(&alert, Purpose::Live);
        assert_eq!(notice, format!("[CRITICAL] Disk full: {expected}"));
    }

    // A host by the name of a word of ours.
    let mut alert = alert();
    (alert.action, alert.host) = (Action::Release, Some(host("192.0.2.1", Some("Over"))));
    let notice = story::notice(&alert, Purpose::Live);
    assert!(notice.starts_with("[RESOLVED] Disk full: Over. Over since"), "{notice}");
}

#[test]
fn a_notification_of_a_flow_names_both_sides() {
    let side = |ip: &str, name: Option<&str>| Party {
        ip: ip.into(),
        port: Some(443),
        name: name.map(Into::into),
        ..party("")
    };
    let table = [
        // text, expected
        ("desk:443 -> web:443, TLS", "desk:443 -> web:443, TLS"),
        ("192.0.2.1:443 -> 192.0.2.9:443", "192.0.2.1:443 -> 192.0.2.9:443"),
        ("desk is slow", "192.0.2.1:443 -> 192.0.2.9:443. desk is slow"),
        ("desk -> website", "192.0.2.1:443 -> 192.0.2.9:443. desk -> website"),
        ("desk -> 192.0.2.99", "192.0.2.1:443 -> 192.0.2.9:443. desk -> 192.0.2.99"),
        ("website, then web", "192.0.2.1:443 -> 192.0.2.9:443. website, then web"),
        ("desk -> website, then web", "desk -> website, then web"),
    ];
    let long = format!("desk {}", "x".repeat(94));
    let (near, far) = (format!("{long} web"), format!("{long}x web"));
    let behind = format!("192.0.2.1:443 -> 192.0.2.9:443. {far}");
    let at_the_bound = [(near.as_str(), near.as_str()), (&far, &behind)];
    for (text, expected) in table.into_iter().chain(at_the_bound) {
        let mut alert = filled("x");
        (alert.title, alert.text) = ("Disk full".into(), text.into());
        let flow = alert.flow.as_mut().expect("a flow");
        flow.client = side("192.0.2.1", Some("desk"));
        flow.server = side("192.0.2.9", Some("web"));
        let notice = story::notice(&alert, Purpose::Live);
        assert_eq!(notice, format!("[CRITICAL] Disk full: {expected}"));
    }
}

#[test]
fn whom_to_call_is_called_unless_it_is_over() {
    let text = r#"{"mention":["U012AB","S034CD"]}"#;
    let mut alert = alert();
    let body = told(&alert, text);
    let expected = serde_json::json!({"type": "section", "text":
        {"type": "mrkdwn", "text": "<@U012AB> <!subteam^S034CD>", "verbatim": true}});
    assert_eq!(body["blocks"][1], expected);
    assert_eq!(told(&alert, "{}")["blocks"][1], Value::Null);
    alert.action = Action::Release;
    assert_eq!(told(&alert, text)["blocks"][1], Value::Null);
}

#[test]
fn a_text_that_fits_is_whole_and_one_past_it_is_cut_to_fit() {
    // Where, the bound, how an alert gets a text of so many characters there, what stands before.
    type Put = fn(&mut Alert, String);
    let table: [(&str, usize, Put, &str); 6] = [
        ("/blocks/0/text/text", 150, |alert, text| alert.title = text, "CRITICAL: "),
        ("/attachments/0/blocks/0/text/text", 3000, |alert, text| alert.text = text, ""),
        (
            "/attachments/0/blocks/1/elements/0/elements/1/text",
            // With the two blanks before it.
            502,
            |alert, text| alert.entity_value = text,
            "  disk ",
        ),
        ("/attachments/0/blocks/2/elements/1/text", 200, |alert, text| alert.category = text, ""),
        (
            "/attachments/0/blocks/3/elements/0/text",
            1000,
            |alert, text| alert.labels = vec![("a".into(), text)],
            "a=",
        ),
        ("/text", 400, |alert, text| alert.title = text, "[CRITICAL] "),
    ];
    for (place, max, put, before) in table {
        for (one, size) in [('x', 1), ('\u{e9}', 1), ('\u{1f514}', 2)] {
            let room = max - before.len();
            let at = |count: usize| {
                let mut alert = alert();
                if place.contains("blocks/2") {
                    // What follows the category is the shortest.
                    (alert.alert_type, alert.score) = (String::new(), 0);
                }
                if place == "/text" {
                    (alert.entity_value, alert.text) = (String::new(), String::new());
                }
                let behind = if place.contains("blocks/2") { "/, score 0".len() } else { 0 };
                let text = String::from(one).repeat((count - behind) / size);
                put(&mut alert, text);
                let body = told(&alert, "{}");
                body.pointer(place).and_then(Value::as_str).expect(place).to_owned()
            };
            // Of a character of two units an even number fits.
            let fits = room - room % size;
            assert!(
                at(fits).starts_with(before) && !at(fits).contains('\u{2026}'),
                "{place} {one}"
            );
            let cut = at(fits + size);
            assert!(cut.ends_with('\u{2026}'), "{place} {one}: {cut}");
            assert!((max - size..=max).contains(&mrkdwn::units(&cut)), "{place} {one}: {cut}");
        }
    }
}

#[test]
fn whatever_an_alert_holds_it_comes_out_as_text_within_every_limit() {
    let hostile = [
        "<!channel> <!everyone> @everyone @here <@U012AB> <https://evil.example|bank> & &lt;",
        "*b* _i_ ~s~ `c` ```\ncode\n``` > quote :fire: #general",
        "a\r\nb\0c\u{1b}[31m \u{202e}gpj.exe\u{2069}",
        "\u{1f514}",
        "&",
        "*",
        "\u{feff}\u{200b}",
        "]}\"}],\"channel\":\"#x\"",
    ];
    let mention: Vec<_> = (10..20).map(|at| format!("U{at}{}", "0".repeat(29))).collect();
    let text = serde_json::json!({ "mention": mention }).to_string();
    for one in hostile {
        let long = one.repeat(20_000 / one.len());
        for alert in [filled(one), filled(&long)] {
            let body = told(&alert, &text);
            let mut sum = 0;
            let attached = body["attachments"][0]["blocks"].as_array().expect("blocks");
            let blocks: Vec<_> =
                body["blocks"].as_array().expect("blocks").iter().chain(attached).collect();
            assert!(blocks.len() <= 50);
            for block in blocks {
                let items = |name: &str| block[name].as_array().map_or(0, Vec::len);
                assert!(items("elements") <= ELEMENTS_MAX);
                let max = if block["type"] == "header" { HEADER_MAX } else { 3000 };
                for text in texts(block) {
                    let told = text["text"].as_str().expect("a text");
                    let units = told.encode_utf16().count();
                    assert!((1..=max).contains(&units), "{units} units: {block}");
                    sum += mrkdwn::units(told);
                    if text["type"] != "mrkdwn" {
                        let is_rich = block["type"] == "rich_text";
                        assert_eq!(text["type"], if is_rich { "text" } else { "plain_text" });
                        assert_eq!(text["emoji"], if is_rich { Value::Null } else { false.into() });
                        let is_bad =
                            |one: char| one.is_control() && one != '\n' || one == '\u{202e}';
                        assert!(!told.contains(is_bad), "{block}");
                    } else {
                        assert_eq!(text["verbatim"], true);
                        assert!(is_ours(told), "{told}");
                    }
                }
            }
            assert!(sum <= 12_000, "{sum}");
            let notice = body["text"].as_str().expect("text");
            assert!(!notice.is_empty() && !notice.contains(['<', '>', '\n', '\0', '\u{202e}']));
            assert!(notice.encode_utf16().count() <= NOTICE_MAX);
            for (at, _) in notice.match_indices('&') {
                let is_whole =
                    ["&amp;", "&lt;", "&gt;"].iter().any(|one| notice[at..].starts_with(one));
                assert!(is_whole, "{notice}");
            }
            assert_eq!(body.as_object().expect("an object").len(), 5, "no key from an alert");
        }
    }
}

#[test]
fn equal_alerts_give_equal_bytes_at_any_position() {
    let format = |subjects| Slack::format(subjects, context()).expect("messages");
    assert_equal_anywhere(format, whole);
}

#[test]
fn an_address_that_is_no_link_is_left_out() {
    let section = |link: &str| {
        let mut alert = alert();
        alert.link = Some(link.into());
        let body = told(&alert, "{}");
        let text = &body["attachments"][0]["blocks"][2]["text"]["text"];
        text.as_str().map(str::to_owned)
    };
    let expected = "<https://h/?a=1&amp;b|Open the alert>";
    assert_eq!(section("https://h/?a=1&b").as_deref(), Some(expected));
    let room = 2000 - "<https://h/|Open the alert>".len();
    let longest = section(&format!("https://h/{}", "x".repeat(room))).expect("a link");
    assert!(longest.ends_with("xx|Open the alert>"));
    assert_eq!(section(&format!("https://h/{}", "x".repeat(room + 1))), None);
    assert_eq!(section("javascript:alert(1)"), None);

    let home = |count: usize| {
        let address = format!("https://h/{}", "x".repeat(count));
        let context = Context { instance_link: Some(address), ..context() };
        let subject = Subject { alert: alert(), previous: None };
        let settings = settings::read("{}").expect("settings");
        let body = tell(0, &subject, &context, &settings).expect("a message").body;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        body["attachments"][0]["blocks"][2]["elements"][3]["type"].clone()
    };
    let room = 1000 - "<https://h/|tower>".len();
    assert_eq!((home(room), home(room + 1)), ("mrkdwn".into(), "plain_text".into()));
}

/// Every text object in a block.
fn texts(block: &Value) -> Vec<&Value> {
    let elements = match block["type"].as_str() {
        Some("rich_text") => &block["elements"][0]["elements"],
        _ => &block["elements"],
    };
    let items = elements.as_array().into_iter().flatten();
    [&block["text"]].into_iter().filter(|text| text.is_object()).chain(items).collect()
}

/// Markup that this component wrote: mentions by id, one link.
fn is_ours(text: &str) -> bool {
    let is_link = text.starts_with("<https://h/")
        && text.ends_with('>')
        && text.matches(['<', '>', '|']).count() == 3;
    is_link || text.split(' ').all(|one| one.starts_with("<@U") && one.ends_with("0>"))
}

fn told(alert: &Alert, text: &str) -> Value {
    let settings = settings::read(text).expect("settings");
    let subject = Subject { alert: alert.clone(), previous: None };
    let message = tell(0, &subject, &context(), &settings).expect("a message");
    assert!(message.summary.chars().count() <= SUMMARY_CHARS_MAX);
    assert_eq!(message.repeat_safe_ms, 0, "it is not known again");
    serde_json::from_slice(&message.body).expect("JSON")
}
