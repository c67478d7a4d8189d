//! E-mail at Exim.

use campanile_tests::alerts::host;
use campanile_tests::engine::Engine;
use campanile_tests::peer::tls::Authority;
use campanile_tests::peers::exim::{Door, Exim, Login, Mail, PASSWORD, USER};
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{LINES, alerts, probes, sends};
use crate::oauth2::Issued;

fn endpoint(exim: &Exim, authority: &Authority, more: &Value) -> Value {
    let mut settings = json!({
        "host": "127.0.0.1", "port": exim.address().port(), "tls_ca": authority.pem(),
        "sender": "Glockenturm \u{dc}ber <alerts@mail.test>",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

fn recipient() -> Value {
    json!({"to": ["Dienst \u{c4}rzte <ops@mail.test>"], "cc": ["copy@mail.test"],
        "bcc": ["hidden@mail.test"], "subject_prefix": "[edge-1]"})
}

async fn engine_for(settings: &Value, recipient: &Value) -> Engine {
    let site = Site::new().await.endpoint("mail", "email", settings);
    site.recipient("ops", "mail", recipient).start().await
}

/// What each mail has, whatever it tells.
fn is_well_formed(mail: &Mail, protocol: &str) {
    assert_eq!(mail.read["defects"], json!([]), "{}", mail.read);
    assert_eq!(mail.read["type"], "multipart/alternative", "{}", mail.read);
    let expected = [
        ("return-path", "<alerts@mail.test>"),
        ("from", "Glockenturm \u{dc}ber <alerts@mail.test>"),
        ("to", "Dienst \u{c4}rzte <ops@mail.test>"),
        ("cc", "<copy@mail.test>"),
        ("bcc", ""),
        ("mime-version", "1.0"),
        ("auto-submitted", "auto-generated"),
    ];
    for (name, value) in expected {
        let found = mail.header(name);
        let is_same = found == value || found == value.trim_matches(['<', '>']);
        assert!(is_same, "{name}: {found}, not {value}");
    }
    let envelope = mail.header("envelope-to");
    for to in ["ops@mail.test", "copy@mail.test", "hidden@mail.test"] {
        assert!(envelope.contains(to), "{to}: {envelope}");
    }
    let received = mail.header("received");
    assert!(received.contains(&format!(" with {protocol} ")), "{protocol}: {received}");
    for name in ["date", "message-id"] {
        assert!(!mail.header(name).contains('\n') && !mail.header(name).is_empty(), "{name}");
    }
}

async fn arrives_at(door: Door, logins: &[Login], more: &Value, protocol: &str) {
    let authority = Authority::new();
    let Some(exim) = Exim::start(door, logins, &authority).await else { return };
    let engine = engine_for(&endpoint(&exim, &authority, more), &recipient()).await;
    let (certainty, found) = probes(&engine).await;
    let expected = if logins.is_empty() { "likely" } else { "proven" };
    assert_eq!((certainty.as_str(), exim.count()), (expected, 0), "{found}");
    let mut ids = vec![];
    for alert in alerts() {
        let (id, record) = sends(&engine, &alert).await;
        assert!(record.starts_with("delivered"), "{record}\n{}", exim.said());
        ids.push(id);
    }

    let mails = exim.sees(ids.len()).await;

    assert_eq!(mails.len(), ids.len());
    for mail in &mails {
        is_well_formed(mail, protocol);
    }
    let with = |id: &String| {
        let found = mails.iter().find(|mail| mail.header("message-id").contains(id.as_str()));
        found.unwrap_or_else(|| panic!("no mail of {id}"))
    };
    let first = with(&ids[0]);
    for mail in &mails {
        // Nothing that an alert holds became a header, or ended them.
        assert_eq!(mail.names(), first.names(), "{}", mail.read);
    }
    let subject = first.header("subject");
    assert!(subject.starts_with("[edge-1] [CRITICAL] Disk full"), "{subject}");
    assert_eq!(first.header("importance"), "high");
    let text = first.part("text/plain");
    for part in
        ["Disk full", "/var is at 97 %", "192.0.2.5", "https://watch.example/alert/7?a=b&c=d"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let html = first.part("text/html");
    assert!(html.contains("href=\"https://watch.example/alert/7?a=b&amp;c=d\""), "{html}");
    let second = with(&ids[1]);
    assert!(second.header("subject").contains("Gr\u{fc}\u{df}e \u{65e5}\u{672c} \u{1f600}"));
    assert!(second.part("text/plain").contains("caf\u{e9} \u{1f4a5} ok"));
    let hostile = with(&ids[2]);
    let subject = hostile.header("subject");
    assert!(subject.contains("<b>&amp;</b> @everyone"), "{subject}");
    assert!(subject.contains("utf-8?q?=41"), "an encoded word is not decoded: {subject}");
    let text = hostile.part("text/plain");
    for part in ["Bcc: evil@mail.test", "\n.\n", "QUIT", "two"] {
        assert!(text.replace("\r\n", "\n").contains(part), "{part:?}: {text:?}");
    }
    let html = hostile.part("text/html");
    assert!(!html.contains("javascript:x\"") && !html.contains("<at>"), "{html}");
    let long = with(&ids[3]).part("text/plain");
    assert_eq!(long.matches("0123456789abcdef \u{1f4a5}\u{e9}<&>\"'").count(), LINES, "all of it");
}

#[tokio::test]
async fn a_mail_over_starttls_with_plain_is_read_field_by_field() {
    let login = json!({"security": "starttls", "username": USER, "password": PASSWORD});
    arrives_at(Door::StartTls, &[Login::Plain, Login::Login], &login, "esmtpsa").await;
}

#[tokio::test]
async fn a_mail_over_smtps_with_login_is_read_field_by_field() {
    let login = json!({"security": "implicit", "username": USER, "password": PASSWORD});
    arrives_at(Door::Tls, &[Login::Login], &login, "esmtpsa").await;
}

#[tokio::test]
async fn a_mail_to_a_relay_in_clear_text_is_read_field_by_field() {
    arrives_at(Door::Clear, &[], &json!({"security": "none"}), "esmtp").await;
}

#[tokio::test]
async fn a_mail_with_a_token_is_read_field_by_field() {
    let issued = Issued::default();
    let server = issued.server().await;
    let login = json!({"security": "starttls", "username": USER, "client_id": "campanile",
        "client_secret": "Zq81x7Lw", "token_url": format!("http://{}/token", server.address())});
    arrives_at(Door::StartTls, &[Login::XOAuth2], &login, "esmtpsa").await;
    let asked = server.requests().len();
    assert!(asked <= 1, "one token for all mails: {asked}");
}

#[tokio::test]
async fn exims_refusals_are_judged_by_whom_they_concern() {
    let authority = Authority::new();
    let Some(exim) = Exim::start(Door::StartTls, &[Login::Plain], &authority).await else { return };
    let right = json!({"security": "starttls", "username": USER, "password": PASSWORD});
    let wrong = json!({"security": "starttls", "username": USER, "password": "wrong"});
    let table = [
        // login, to, how the only attempt ends, mails in the box
        (&right, json!(["nobody@mail.test"]), "misconfigured: 550", 0),
        (&right, json!(["ops@elsewhere.test"]), "misconfigured: 550", 0),
        (&right, json!(["nobody@mail.test", "ops@mail.test"]), "delivered: ", 1),
        (&wrong, json!(["ops@mail.test"]), "misconfigured: 535", 1),
    ];
    for (login, to, expected, mails) in table {
        let engine = engine_for(&endpoint(&exim, &authority, login), &json!({"to": to})).await;
        let id = engine.accepts(&alerts()[0]).await.swap_remove(0);
        let first = campanile_tests::eventually("an attempt", || async {
            let delivery = engine.deliveries_of(&id).await.into_iter().next()?;
            let attempts = engine.attempts_of(delivery["id"].as_str()?).await;
            attempts.into_iter().next()
        })
        .await;
        assert_eq!(first, expected, "{to}\n{}", exim.said());
        exim.sees(mails).await;
        assert_eq!(exim.count(), mails, "{to}");
    }
}

#[tokio::test]
async fn what_closes_an_alert_is_in_its_thread() {
    let authority = Authority::new();
    let Some(exim) = Exim::start(Door::Clear, &[], &authority).await else { return };
    let settings = endpoint(&exim, &authority, &json!({"security": "none"}));
    let engine = engine_for(&settings, &json!({"to": ["ops@mail.test"]})).await;
    for action in ["engage", "release"] {
        let id = engine.accepts_ntopng([host("192.0.2.7", action, 100)]).await.swap_remove(0);
        engine.reaches(&id, "delivered").await;
    }

    let mails = exim.sees(2).await;

    let is_over = |mail: &&Mail| mail.header("subject").contains("RESOLVED");
    let (over, begun): (Vec<_>, Vec<_>) = mails.iter().partition(is_over);
    assert_eq!((over.len(), begun.len()), (1, 1), "{mails:?}");
    for name in ["in-reply-to", "references"] {
        let thread = begun[0].header(name);
        assert!(!thread.is_empty() && thread == over[0].header(name), "{name}: {mails:?}");
    }
    assert_ne!(begun[0].header("message-id"), over[0].header("message-id"));
    assert!(over[0].part("text/plain").contains("RESOLVED"), "{:?}", over[0]);
}

#[tokio::test]
async fn a_mail_server_with_a_strange_certificate_hears_no_login_and_gets_no_mail() {
    let authority = Authority::new();
    for (door, security) in [(Door::StartTls, "starttls"), (Door::Tls, "implicit")] {
        let Some(exim) = Exim::start(door, &[Login::Plain], &authority).await else { return };
        let login = json!({"security": security, "username": USER, "password": PASSWORD});
        let settings = endpoint(&exim, &Authority::new(), &login);
        let engine = engine_for(&settings, &recipient()).await;
        let (certainty, found) = probes(&engine).await;
        assert_eq!(certainty, "failed", "{found}");
        engine.accepts(&alerts()[0]).await;
        campanile_tests::eventually("the endpoint is paused", || async {
            let shown = engine.get("/v1/endpoints/mail").await.json();
            (shown["state"] == "paused").then_some(())
        })
        .await;
        assert_eq!(exim.count(), 0);
        assert!(!exim.said().contains("A=plain"), "{}", exim.said());
    }
}
