//! Mail servers that mean harm, and a component that speaks to one.

use std::fs;

use campanile_tests::peer::smtp::{Faults, Smtp};
use campanile_tests::peer::tls::Authority;
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::secrets::{TOKEN, holds_no_secret, shows_no_secret};
use super::{Attack, Chapter, thief};

struct Row {
    name: &'static str,
    does: &'static str,
    server: Server,
    /// As JSON.
    steps: &'static str,
    said: &'static str,
    /// Whether the server was told the login, over TLS.
    logs_in: bool,
}

#[derive(Clone, Copy)]
enum Server {
    Honest,
    Echoing,
    Stripping,
    Injecting,
    /// Its certificate is for another name.
    Misnamed,
    Expired,
    /// Nobody trusts who vouches for it.
    Unknown,
}

const OPEN: &str = r#"{"dial":"<mail>"},{"read":500},{"write":"EHLO me<crlf>"},{"read":500}"#;
const UPGRADE: &str =
    r#"{"write":"STARTTLS<crlf>"},{"read":14},"start-tls",{"write":"EHLO me<crlf>"},{"read":500}"#;
const LOGIN: &str = r#"{"compose":{"pieces":["\u0000user\u0000","$login"],"encoding":"base64"}},{"write":"AUTH PLAIN <last><crlf>"},{"read":500}"#;

const MISUSE: &str = r#"code: "secret-misuse""#;

/// `OPEN`, `UPGRADE` and `LOGIN` stand for what every mail client does.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "an honest server", does: "offers TLS, and takes the login", server: Server::Honest, steps: "OPEN,UPGRADE,LOGIN", said: "235 login accepted", logs_in: true },
    Row { name: "a login said back", does: "says the login back", server: Server::Echoing, steps: "OPEN,UPGRADE,LOGIN", said: "235 AUTH PLAIN [redacted]", logs_in: true },
    Row { name: "STARTTLS stripped", does: "does not offer TLS, and takes logins in clear", server: Server::Stripping, steps: "OPEN,LOGIN", said: r#"code: "secret-clear-text""#, logs_in: false },
    Row { name: "no upgrade", does: "logs in before the upgrade, where TLS is offered", server: Server::Honest, steps: "OPEN,LOGIN", said: r#"code: "secret-clear-text""#, logs_in: false },
    Row { name: "data before the upgrade", does: "sends an answer of somebody on the way together with the one to STARTTLS", server: Server::Injecting, steps: "OPEN,UPGRADE,LOGIN", said: "sent something before the upgrade", logs_in: false },
    Row { name: "another name", does: "has a certificate for another name", server: Server::Misnamed, steps: "OPEN,UPGRADE,LOGIN", said: "NetError::Untrusted", logs_in: false },
    Row { name: "an old certificate", does: "has a certificate that ran out", server: Server::Expired, steps: "OPEN,UPGRADE,LOGIN", said: "NetError::Untrusted", logs_in: false },
    Row { name: "an unknown authority", does: "has a certificate of an authority that nobody trusts", server: Server::Unknown, steps: "OPEN,UPGRADE,LOGIN", said: "NetError::Untrusted", logs_in: false },
    Row { name: "the login as a sender", does: "writes its login into an address", server: Server::Honest, steps: r#"OPEN,UPGRADE,{"write":"MAIL FROM:<<login>@mail.test><crlf>"}"#, said: MISUSE, logs_in: false },
    Row { name: "the login in a message", does: "writes its login into a message", server: Server::Honest, steps: r#"OPEN,UPGRADE,{"write":"DATA<crlf>"},{"read":500},{"write":"Subject: <login><crlf>.<crlf>"},{"read":500}"#, said: MISUSE, logs_in: false },
    Row { name: "the login in two writes", does: "writes one half of its placeholder, then the other", server: Server::Honest, steps: r#"OPEN,UPGRADE,{"write":"AUTH PLAIN <login:first-half>"},{"write":"<login:second-half><crlf>"},{"read":500}"#, said: "235 login accepted", logs_in: false },
    Row { name: "another secret", does: "logs in with a secret that is bound elsewhere", server: Server::Honest, steps: r#"OPEN,UPGRADE,{"write":"AUTH PLAIN <token><crlf>"}"#, said: r#"code: "secret-origin""#, logs_in: false },
    Row { name: "another transport", does: "dials its target as another transport", server: Server::Honest, steps: r#"[{"dial":"tls://localhost:PORT"}]"#, said: r#"code: "target""#, logs_in: false },
    Row { name: "another spelling", does: "dials its target by address", server: Server::Honest, steps: r#"[{"dial":"tcp://127.0.0.1:PORT"}]"#, said: r#"code: "target""#, logs_in: false },
    Row { name: "another port", does: "dials another port of its target", server: Server::Honest, steps: r#"[{"dial":"tcp://localhost:25"}]"#, said: r#"code: "target""#, logs_in: false },
    Row { name: "a user in a target", does: "puts a user before the host of a target", server: Server::Honest, steps: r#"[{"dial":"tcp://user@localhost:PORT"}]"#, said: "NetError::Denied", logs_in: false },
    Row { name: "an end of line in a target", does: "puts an end of line into a target", server: Server::Honest, steps: r#"[{"dial":"tcp://localhost:PORT<crlf>"}]"#, said: "NetError::Denied", logs_in: false },
    Row { name: "the log of the machine", does: "sends a datagram to the machine's log", server: Server::Honest, steps: r#"[{"datagram":["unix-dgram:/dev/log","<1>root: hello"]}]"#, said: "NetError::Denied", logs_in: false },
    Row { name: "another socket", does: "sends a datagram to a socket of the machine", server: Server::Honest, steps: r#"[{"datagram":["unix-dgram:/run/systemd/notify","STOPPING=1"]}]"#, said: "NetError::Denied", logs_in: false },
    Row { name: "a dialed datagram", does: "dials where datagrams go", server: Server::Honest, steps: r#"[{"dial":"<datagrams>"}]"#, said: "NetError::", logs_in: false },
    Row { name: "many connections", does: "dials a hundred times, and keeps all", server: Server::Honest, steps: r#"[{"times":[3,[{"dial":"<mail>"}]]}]"#, said: "connected", logs_in: false },
];

pub(super) fn chapter() -> Chapter {
    let attack = |row: &Row| Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: match row.logs_in {
            true => "the login is told over TLS, and the component is not shown it".to_owned(),
            false => format!("no login is told: `{}`", row.said.replace('"', "")),
        },
    };
    let more = [
        (
            "a guess on a connection",
            "lets the server repeat what may be the beginning of the login, and reads up to its end",
            "a right guess looks like a wrong one",
        ),
        (
            "somebody else's connection",
            "dials after another endpoint has parked a connection to the same server",
            "it has a connection of its own",
        ),
    ];
    let more = more.map(|(name, does, outcome)| Attack {
        name: name.to_owned(),
        does: does.to_owned(),
        outcome: outcome.to_owned(),
    });
    Chapter {
        title: "Connections",
        about: "A mail server that means harm, or a component that does, with a login that is bound to one server.\n",
        tested: ("hostile/mail.rs", "a_login_is_told_to_its_server_over_tls_and_nowhere_else"),
        attacks: ROWS.iter().map(attack).chain(more).collect(),
    }
}

impl Server {
    async fn start(self, trusted: &Authority) -> Smtp {
        let tls = match self {
            Self::Misnamed => trusted.server(&["mail.example"]),
            Self::Expired => trusted.expired(&["localhost"]),
            Self::Unknown => Authority::new().server(&["localhost"]),
            _ => trusted.server(&["localhost"]),
        };
        let faults = Faults {
            echoes_login: matches!(self, Self::Echoing),
            strips_starttls: matches!(self, Self::Stripping),
            injects: match self {
                Self::Injecting => "250 AUTH PLAIN\r\n".to_owned(),
                _ => String::new(),
            },
        };
        Smtp::start(tls, faults).await
    }
}

/// A site whose endpoints may speak to this machine, encrypted, and trust `authority`.
async fn site(authority: &Authority) -> Site {
    let grant = "[[egress.grant]]\nendpoints = [\"*\"]\nnetworks = [\"127.0.0.0/8\"]\n\
                 ports = [\"1-65535\"]\nca_files = [\"ca.pem\"]\n";
    let site = thief::site().await.with_egress_grant(grant);
    fs::write(site.folder().join("ca.pem"), authority.pem()).unwrap();
    site
}

fn wanted(smtp: &Smtp, steps: &Value) -> Value {
    let mail = format!("tcp://localhost:{}", smtp.address().port());
    json!({"mail": mail, "login": TOKEN, "token": TOKEN, "steps": steps})
}

fn steps(row: &str, smtp: &Smtp) -> Value {
    let text = row.replace("OPEN", OPEN).replace("UPGRADE", UPGRADE).replace("LOGIN", LOGIN);
    let text = text.replace("PORT", &smtp.address().port().to_string());
    let text = if text.starts_with('[') { text } else { format!("[{text}]") };
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_login_is_told_to_its_server_over_tls_and_nowhere_else() {
    let authority = Authority::new();
    let site = site(&authority).await;
    let engine = site.start().await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let smtp = row.server.start(&authority).await;
        let report = thief::acts(&engine, &wanted(&smtp, &steps(row.steps, &smtp))).await;
        holds_no_secret(row.name, &report);
        let told: Vec<_> =
            smtp.lines().into_iter().filter(|line| tells_login(&line.text)).collect();
        let is_right = told.len() == usize::from(row.logs_in)
            && told.iter().all(|line| line.encrypted)
            && report.contains(row.said);
        if !is_right {
            wrong.push(format!("{}: {report}, told {told:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shows_no_secret(&engine, &site.log()).await;
}

fn tells_login(line: &str) -> bool {
    thief::spellings(TOKEN).any(|spelling| line.contains(&spelling))
}

#[tokio::test]
async fn a_guess_on_a_connection_looks_the_same_right_or_wrong() {
    let authority = Authority::new();
    let smtp = Server::Honest.start(&authority).await;
    let engine = site(&authority).await.start().await;
    let mut reports = Vec::new();
    for guess in [&TOKEN[..9], "tkn-Wrong"] {
        // What the server says of a word that it does not know: `502 ` and the word.
        let steps = json!([
            {"dial": "<mail>"}, {"read": 500}, {"write": format!("{guess}<crlf>")},
            {"read": 4 + guess.len()}, {"read": 500},
        ]);
        let report = thief::acts(&engine, &wanted(&smtp, &steps)).await;
        reports.push(report.replace(guess, "(guess)"));
    }
    assert_eq!(reports[0], reports[1]);
}

#[tokio::test]
async fn a_parked_connection_is_not_given_to_another_endpoint() {
    let authority = Authority::new();
    let smtp = Server::Honest.start(&authority).await;
    let settings =
        thief::settings(&wanted(&smtp, &json!([{"dial": "<mail>"}, {"read": 500}, "park"])));
    let again = thief::settings(&wanted(&smtp, &json!([{"dial": "<mail>"}, "park"])));
    let site = site(&authority).await;
    let engine =
        site.endpoint("one", "thief", &settings).endpoint("two", "thief", &again).start().await;
    let acts = async |name: &str| {
        let answer =
            engine.call("POST", "/v1/test", &json!({"endpoint": name, "send": false})).await;
        answer.json()["probe"]["summary"].as_str().map(str::to_owned).unwrap_or_default()
    };
    let first = acts("one").await;
    assert!(first.starts_with("connected"), "{first}");
    let other = acts("two").await;
    assert!(other.starts_with("connected"), "{other}");
    let second = acts("one").await;
    assert!(second.starts_with("reused"), "{second}");
}
