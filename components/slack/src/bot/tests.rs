use std::cell::RefCell;

use campanile_guest::{Ending, Instant, Method, Owed, Purpose, Receipt, Verdict};
use serde_json::json;

use super::*;
use crate::settings::{self, Way};

#[test]
fn what_is_told_again_goes_where_the_settings_say() {
    let answer = r#","on_release":"thread""#;
    let threaded = r#","thread_by_alert":true"#;
    let update = r#","on_release":"update""#;
    let new = r#","on_release":"new","thread_by_alert":true"#;
    let (root, reply) = (Some("C9:1.5"), Some("C9:2.5:1.5"));
    let posted = json!({"channel": "C0"});
    let answered = json!({"channel": "C9", "thread_ts": "1.5"});
    let updated = json!({"channel": "C9", "ts": "1.5"});
    let table = [
        // settings, action, previous, method, head
        ("", Action::Engage, None, POST, &posted),
        ("", Action::Engage, root, POST, &posted),
        ("", Action::Release, None, POST, &posted),
        ("", Action::Release, root, POST, &answered),
        (answer, Action::Release, reply, POST, &answered),
        (threaded, Action::Store, root, POST, &answered),
        (threaded, Action::Engage, reply, POST, &answered),
        (threaded, Action::Engage, None, POST, &posted),
        (update, Action::Engage, root, POST, &posted),
        (update, Action::Release, root, UPDATE, &updated),
        (update, Action::Release, reply, UPDATE, &updated),
        (update, Action::Release, None, POST, &posted),
        (new, Action::Release, root, POST, &posted),
        // Nothing of ours.
        ("", Action::Release, Some("msg_7"), POST, &posted),
        ("", Action::Release, Some("C9:x"), POST, &posted),
        ("", Action::Release, Some(":1.5"), POST, &posted),
        ("", Action::Release, Some("C9:1.5:1.6:1.7"), POST, &posted),
    ];
    for (more, action, previous, method, expected) in table {
        let shown = format!("{more} {action:?} {previous:?}");
        let mut alert = campanile_guest::samples::alert();
        alert.action = action;
        let subject = Subject { alert, previous: previous.map(Into::into) };
        let mut notes = vec![];
        let head = head(&subject, &bot(more), &mut notes).expect("a channel");
        assert_eq!(serde_json::to_value(head).expect("JSON"), *expected, "{shown}");
        assert_eq!(notes[0], (METHOD.to_owned(), method.to_owned()), "{shown}");
        let thread = notes.get(1).map(|(name, value)| (name.as_str(), value.as_str()));
        let expected = expected["thread_ts"].as_str().map(|root| (THREAD, root));
        assert_eq!(thread, expected, "{shown}");
    }
}

#[test]
fn a_sender_is_named_in_what_is_posted_and_not_in_what_is_changed() {
    let mut alert = campanile_guest::samples::alert();
    alert.action = Action::Release;
    let subject = Subject { alert, previous: Some("C9:1.5".into()) };
    let sender = r#","username":"me","icon_emoji":":bell:""#;
    let told = |more: &str| {
        let head = head(&subject, &bot(&format!("{sender}{more}")), &mut vec![]);
        serde_json::to_value(head.expect("a channel")).expect("JSON")
    };
    let posted =
        json!({"channel": "C9", "thread_ts": "1.5", "username": "me", "icon_emoji": ":bell:"});
    assert_eq!(told(""), posted);
    assert_eq!(told(r#","on_release":"update""#), json!({"channel": "C9", "ts": "1.5"}));
}

#[test]
fn without_a_channel_the_recipient_is_at_fault() {
    let alert = campanile_guest::samples::alert();
    let text = r#"{"mode":"bot","api_base":"https://h/api"}"#;
    let Way::Bot(bot) = settings::read(text).expect("settings").way else { panic!("no bot") };
    let fault = head(&Subject { alert, previous: None }, &bot, &mut vec![]).expect_err("nowhere");
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, "settings"));
}

#[test]
fn an_answer_to_what_is_gone_is_posted_by_itself_and_that_is_told() {
    let body = br#"{"channel":"C9","thread_ts":"1.5","text":"x & \"y\""}"#;
    for word in ["message_not_found", "thread_not_found", "cannot_reply_to_message"] {
        let (requests, outcome) = delivered(
            POST,
            Some("1.5"),
            body,
            &[
                &format!(r#"{{"ok":false,"error":"{word}"}}"#),
                r#"{"ok":true,"channel":"C0","ts":"7.5"}"#,
            ],
        );
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[1].url, "https://h/api/chat.postMessage");
        let body: Value = serde_json::from_slice(&requests[1].body).expect("JSON");
        assert_eq!(body, json!({"channel": "C0", "text": "x & \"y\"", "username": "me"}));
        let receipt = receipt(&outcome);
        assert_eq!(receipt.remote_id.as_deref(), Some("C0:7.5"));
        assert!(receipt.warning.as_ref().is_some_and(|warning| warning.contains(word)));
    }
    // What is posted by itself has nothing to be gone.
    let gone = r#"{"ok":false,"error":"message_not_found"}"#;
    let (requests, outcome) = delivered(POST, None, br#"{"channel":"C0"}"#, &[gone]);
    assert_eq!(requests.len(), 1);
    assert!(matches!(outcome.verdicts[..], [Verdict::Failed(Failure::Rejected(_))]), "{outcome:?}");
}

#[test]
fn a_message_is_known_by_its_channel_its_time_and_its_thread() {
    let said = r#"{"ok":true,"channel":"C9","ts":"7.5"}"#;
    let id = |method, thread, said| {
        let (requests, outcome) = delivered(method, thread, b"{}", &[said]);
        assert_eq!(requests[0].method, Method::Post);
        assert_eq!(requests[0].url, format!("https://h/api/{method}"));
        let bearer = ("authorization".to_owned(), "Bearer p1".to_owned());
        assert!(requests[0].headers.contains(&bearer));
        assert!(requests[0].headers.contains(&("user-agent".into(), "campanile/1".into())));
        receipt(&outcome).remote_id.clone()
    };
    assert_eq!(id(POST, None, said).as_deref(), Some("C9:7.5"));
    assert_eq!(id(POST, Some("1.5"), said).as_deref(), Some("C9:7.5:1.5"));
    assert_eq!(id(UPDATE, None, said).as_deref(), Some("C9:7.5"));
    assert_eq!(id(POST, None, r#"{"ok":true}"#), None);
}

fn bot(more: &str) -> Bot {
    let text = format!(
        r#"{{"mode":"bot","api_base":"https://h/api/","bot_token":"p1","channel":"C0"{more}}}"#
    );
    match settings::read(&text).expect("settings").way {
        Way::Bot(bot) => bot,
        Way::Webhook { .. } => panic!("no bot"),
    }
}

/// What is sent where Slack says these bodies, one after the other.
fn delivered(
    method: &str,
    thread: Option<&str>,
    body: &[u8],
    said: &[&str],
) -> (Vec<Request>, Outcome) {
    let mut notes = vec![
        (USER_AGENT.to_owned(), "campanile/1".to_owned()),
        (METHOD.to_owned(), method.to_owned()),
    ];
    notes.extend(thread.map(|root| (THREAD.to_owned(), root.to_owned())));
    let message = Message {
        alerts: vec![0],
        summary: String::new(),
        content_type: JSON.into(),
        body: body.into(),
        notes,
        repeat_safe_ms: 0,
    };
    let requests = RefCell::new(vec![]);
    let send = |request: &Request| {
        let mut requests = requests.borrow_mut();
        let body = said[requests.len()];
        requests.push(request.clone());
        let (status, ending) = (200, Ending::Complete);
        Ok(Response { status, headers: vec![], body: body.into(), ending })
    };
    let outcome =
        deliver(message, &bot(r#","username":"me""#), &attempt(), send).expect("settings");
    (requests.into_inner(), outcome)
}

fn receipt(outcome: &Outcome) -> &Receipt {
    match &outcome.verdicts[..] {
        [Verdict::Delivered(receipt)] => receipt,
        other => panic!("not delivered: {other:?}"),
    }
}

fn attempt() -> Attempt {
    let now = Instant { unix_ms: 1_795_488_660_250, utc: String::new(), local: String::new() };
    Attempt {
        message_id: "msg_1".into(),
        number: 1,
        now: now.clone(),
        first: now,
        carry: None,
        deliveries: vec![Owed { delivery_id: "1".into(), previous: None }],
        deadline_ms: 25_000,
        purpose: Purpose::Live,
    }
}
