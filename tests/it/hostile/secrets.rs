//! Placeholders where they must not stand: nothing is sent, or what is sent is only text. Where a
//! secret may go, it arrives: else the rest would prove nothing.

use campanile_tests::engine::Engine;
use campanile_tests::peer::http::{Web, answer};
use serde_json::{Value, json};

use super::{Attack, Chapter, thief};

pub(super) const TOKEN: &str = "tkn-Zq81x7Lw03Vb-secret";
const KEY: &str = "key-9s8d7f6g5h4j-secret";
const HOOK: &str = "hook-7Ym2w9Qe-secret";

struct Row {
    name: &'static str,
    does: &'static str,
    /// As JSON.
    steps: &'static str,
    /// What the component is told.
    said: &'static str,
    arrives: Arrives,
}

/// What reaches the origin that the secrets are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrives {
    Nothing,
    /// A request without a secret.
    Text,
    /// A request with one.
    Secret,
}

use Arrives::{Nothing, Secret, Text};

const MISUSE: &str = r#"code: "secret-misuse""#;
const ELSEWHERE: &str = r#"code: "secret-origin""#;
const DONE: &str = "200 Ending::Complete";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // What is allowed.
    Row { name: "as declared", does: "sends its token where the manifest says", steps: r#"[{"send":{"url":"<url>?key=<token>"}}]"#, said: DONE, arrives: Secret },
    Row { name: "as declared, in a header", does: "sends its token in the header that the manifest says", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","Bearer <token>"]]}}]"#, said: DONE, arrives: Secret },
    Row { name: "as declared, in JSON", does: "sends its token in the field that the manifest says", steps: r#"[{"send":{"url":"<url>","body":"{\"token\":\"<token>\"}"}}]"#, said: DONE, arrives: Secret },
    Row { name: "as declared, in a form", does: "sends its token in the field that the manifest says", steps: r#"[{"send":{"url":"<url>","body":"a=b&token=<token>","filling":"form"}}]"#, said: DONE, arrives: Secret },
    // At its own origin, elsewhere in the request.
    Row { name: "as what it is not", does: "has JSON filled in, and says that it is plain text", steps: r#"[{"send":{"url":"<url>","headers":[["content-type","text/plain"]],"body":"{\"token\":\"<token>\"}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "as another sort", does: "has a form filled in, and says that it is JSON", steps: r#"[{"send":{"url":"<url>","headers":[["content-type","application/json"]],"body":"{\"text\":\"&token=<token>&\"}","filling":"form"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "as message text", does: "writes its token into a message, where people read it", steps: r#"[{"send":{"url":"<url>","body":"{\"text\":\"<token>\"}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "within a text", does: "writes its token into the middle of the field where it may stand alone", steps: r#"[{"send":{"url":"<url>","body":"{\"token\":\"see: <token>\"}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "one level down", does: "writes its token into a field of that name elsewhere", steps: r#"[{"send":{"url":"<url>","body":"{\"a\":{\"token\":\"<token>\"}}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "as a name of JSON", does: "makes its token the name of a field", steps: r#"[{"send":{"url":"<url>","body":"{\"<token>\":1}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "a field twice", does: "has the field twice, of which readers take one or the other", steps: r#"[{"send":{"url":"<url>","body":"{\"token\":\"<token>\",\"token\":\"<token>\"}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "no JSON", does: "says that its body is JSON, and it is not", steps: r#"[{"send":{"url":"<url>","body":"\"token\":\"<token>\""}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "another field of a form", does: "writes its token into a field for people", steps: r#"[{"send":{"url":"<url>","body":"note=<token>","filling":"form"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "another header", does: "puts its token into a header that is not declared", steps: r#"[{"send":{"url":"<url>","headers":[["x-note","<token>"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "a header's name", does: "makes its token the name of a header", steps: r#"[{"send":{"url":"<url>","headers":[["<token>","1"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "another part of the query", does: "puts its token into a parameter that is not declared", steps: r#"[{"send":{"url":"<url>?note=<token>"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "the path", does: "puts its token into the path, which is in logs", steps: r#"[{"send":{"url":"<url><token>"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "compressed", does: "hides its token in a body that is compressed", steps: r#"[{"send":{"url":"<url>","body":"{\"text\":\"<token>\"}","gzip":true}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "doubled", does: "puts its token twice into one header", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","<token:twice>"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "in two places", does: "puts its token into two places of one request", steps: r#"[{"send":{"url":"<url>?key=<token>","headers":[["authorization","Bearer <token>"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "a key", does: "sends the key that it may sign with", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","<key>"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "a signature elsewhere", does: "puts a signature into a header that is not declared", steps: r#"[{"sign":{"pieces":["a"]}},{"send":{"url":"<url>","headers":[["x-note","<last>"]]}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "what it composed", does: "composes a text with its token, and writes it into a message", steps: r#"[{"compose":{"pieces":["my token is ","$token"],"encoding":"hex"}},{"send":{"url":"<url>","body":"{\"text\":\"<last>\"}"}}]"#, said: MISUSE, arrives: Nothing },
    Row { name: "a key composed", does: "asks for its key in base64", steps: r#"[{"compose":{"pieces":["$key"],"encoding":"base64"}}]"#, said: "SecretError::Denied", arrives: Nothing },
    Row { name: "a secret URL as text", does: "writes the path of its secret URL into a message", steps: r#"[{"send":{"url":"<url>","body":"{\"token\":\"<hook>\"}"}}]"#, said: "secret-", arrives: Nothing },
    // Elsewhere.
    Row { name: "another origin", does: "sends its token to the other origin that it has", steps: r#"[{"send":{"url":"<other>","headers":[["authorization","Bearer <token>"]]}}]"#, said: ELSEWHERE, arrives: Nothing },
    Row { name: "another origin, composed", does: "sends what it composed to the other origin", steps: r#"[{"compose":{"pieces":["$token"],"encoding":"base64"}},{"send":{"url":"<other>","headers":[["authorization","Basic <last>"]]}}]"#, said: ELSEWHERE, arrives: Nothing },
    Row { name: "another origin, signed", does: "sends a signature to the other origin, to guess the key by", steps: r#"[{"sign":{"pieces":["a"]}},{"send":{"url":"<other>","headers":[["x-signature","<last>"]]}}]"#, said: ELSEWHERE, arrives: Nothing },
    Row { name: "another path", does: "uses the other origin beyond the path that it has", steps: r#"[{"send":{"url":"<other>/../admin","method":"GET"}}]"#, said: r#"code: "path""#, arrives: Nothing },
    Row { name: "another method", does: "uses the other origin by a method that it has not", steps: r#"[{"send":{"url":"<other>","method":"DELETE"}}]"#, said: r#"code: "method""#, arrives: Nothing },
    Row { name: "in the host name", does: "has its token looked up as a name", steps: r#"[{"send":{"url":"http://<token>.test/"}}]"#, said: "HttpError::Denied", arrives: Nothing },
    Row { name: "as a user name", does: "makes its token the user of a URL", steps: r#"[{"send":{"url":"http://<token>@127.0.0.1/"}}]"#, said: "HttpError::Denied", arrives: Nothing },
    Row { name: "in a datagram", does: "sends its login over UDP", steps: r#"[{"datagram":["<datagrams>","AUTH PLAIN <login>"]}]"#, said: "NetError::Denied", arrives: Nothing },
    // What is no placeholder is text.
    Row { name: "split", does: "sends one half of its placeholder here and the other there", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","<token:first-half>"],["x-rest","<token:second-half>"]]}}]"#, said: DONE, arrives: Text },
    Row { name: "in base64", does: "sends its placeholder in base64", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","Basic <token:base64>"]]}}]"#, said: DONE, arrives: Text },
    Row { name: "in hexadecimal", does: "sends its placeholder in hexadecimal", steps: r#"[{"send":{"url":"<url>","body":"{\"text\":\"<token:hex>\"}"}}]"#, said: DONE, arrives: Text },
    Row { name: "in capitals", does: "sends its placeholder in capitals", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","Bearer <token:upper>"]]}}]"#, said: DONE, arrives: Text },
    Row { name: "percent-encoded", does: "sends its placeholder percent-encoded", steps: r#"[{"send":{"url":"<url>?key=<token:percent>"}}]"#, said: DONE, arrives: Text },
    Row { name: "escaped", does: "sends its placeholder in escapes of JSON", steps: r#"[{"send":{"url":"<url>","body":"{\"token\":\"<token:json>\"}"}}]"#, said: DONE, arrives: Text },
    Row { name: "unfilled", does: "sends its placeholder in a body that is not filled in", steps: r#"[{"send":{"url":"<url>","body":"<token>","filling":"none"}}]"#, said: DONE, arrives: Text },
    Row { name: "another of the same store", does: "guesses another placeholder by changing its own", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","Bearer <token:guess>"]]}}]"#, said: DONE, arrives: Text },
    Row { name: "of another store", does: "makes up a placeholder", steps: r#"[{"send":{"url":"<url>","headers":[["authorization","Bearer plcabcdefghijklmnopqrstuvwxyz23aa"]]}}]"#, said: DONE, arrives: Text },
    Row { name: "in the fragment", does: "hides its token behind a `#`", steps: r#"[{"send":{"url":"<url>#<token>"}}]"#, said: DONE, arrives: Text },
    // What stays in the engine.
    Row { name: "in a log line", does: "logs its token", steps: r#"[{"log":"<token> <key> <hook>"},{"say":"logged"}]"#, said: "logged", arrives: Nothing },
    Row { name: "a signature in a log line", does: "logs a signature, to guess the key by", steps: r#"[{"sign":{"pieces":["a"]}},{"log":"<last>"},{"say":"logged"}]"#, said: "logged", arrives: Nothing },
];

pub(super) fn chapter() -> Chapter {
    let more = [
        (
            "kept from an earlier store",
            "hands its placeholder on to its next attempt, and sends it then",
            "what arrives is text",
        ),
        (
            "of another endpoint",
            "sends the placeholder that another endpoint's store told",
            "what arrives is text",
        ),
    ];
    let more = more.map(|(name, does, outcome)| Attack {
        name: name.to_owned(),
        does: does.to_owned(),
        outcome: outcome.to_owned(),
    });
    let attack = |row: &Row| Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: match row.arrives {
            Nothing => format!("nothing is sent: `{}`", row.said.replace('"', "")),
            Text => "what arrives is text".to_owned(),
            Secret => "the secret arrives, as it should".to_owned(),
        },
    };
    Chapter {
        title: "Placeholders",
        about: "A component has a placeholder for each of its secrets, and two origins, to one of which they are\nbound. No secret is in what the component is told, in logs, records or the audit log.\n",
        tested: ("hostile/secrets.rs", "a_placeholder_is_a_secret_only_where_it_may_be"),
        attacks: ROWS.iter().map(attack).chain(more).collect(),
    }
}

/// The settings of a thief at `own`, to which its secrets are bound, with `other` beside it.
pub(super) fn wanted(own: &Web, other: &Web, steps: &Value) -> Value {
    json!({
        "url": format!("http://{}/", own.address()),
        "other": format!("http://{}/open", other.address()),
        "hook": format!("http://{}/{HOOK}", own.address()),
        "token": TOKEN, "key": KEY, "login": TOKEN,
        "steps": steps,
    })
}

/// Panics where a secret is in `text`, in any spelling.
pub(super) fn holds_no_secret(of: &str, text: &str) {
    for secret in [TOKEN, KEY, HOOK] {
        for spelling in thief::spellings(secret) {
            assert!(!text.contains(&spelling), "{of} holds `{secret}` as `{spelling}`: {text}");
        }
    }
}

/// Nothing that can be asked of an engine shows a secret.
pub(super) async fn shows_no_secret(engine: &Engine, log: &str) {
    for path in ["/v1/deliveries?limit=1000", "/v1/audit", "/metrics", "/v1/export", "/v1/alerts"] {
        holds_no_secret(path, &engine.get(path).await.text());
    }
    holds_no_secret("the log", log);
}

#[tokio::test]
async fn a_placeholder_is_a_secret_only_where_it_may_be() {
    let site = thief::site().await;
    let engine = site.start().await;
    let mut wrong = Vec::new();
    for row in ROWS {
        let own = Web::saying(|_| answer(200, &[], b"thanks")).await;
        let other = Web::saying(|_| answer(200, &[], b"thanks")).await;
        let steps: Value = serde_json::from_str(row.steps).unwrap();
        let report = thief::acts(&engine, &wanted(&own, &other, &steps)).await;
        holds_no_secret(row.name, &report);
        let received: String = own.requests().iter().map(|one| one.text()).collect();
        let has_secret =
            [TOKEN, KEY].iter().any(|one| thief::spellings(one).any(|it| received.contains(&it)));
        let arrived = match (own.requests().len(), has_secret) {
            (0, _) => Nothing,
            (_, false) => Text,
            (_, true) => Secret,
        };
        if arrived != row.arrives || !report.contains(row.said) {
            wrong.push(format!("{}: {arrived:?}, {report}", row.name));
        }
        assert_eq!(other.requests(), [], "{}", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shows_no_secret(&engine, &site.log()).await;
    is_told_of(&engine).await;
}

/// Each misuse of a row is in the audit log, and in the metrics.
async fn is_told_of(engine: &Engine) {
    let is_misuse = |row: &&Row| [MISUSE, ELSEWHERE].contains(&row.said);
    let expected = ROWS.iter().filter(is_misuse).count();
    let audit = engine.get("/v1/audit?limit=1000").await.json();
    let entries = audit["entries"].as_array().unwrap();
    let misuses: Vec<_> = entries.iter().filter(|one| one["action"] == "secret-misuse").collect();
    assert!(misuses.len() >= expected, "{} of {expected}", misuses.len());
    assert_eq!(misuses[0]["detail"]["component"], "thief");
    let denied: Vec<_> = entries.iter().filter(|one| one["action"] == "denied").collect();
    for code in ["path", "method"] {
        let of_code = |one: &&&Value| one["detail"]["denials"][0]["code"] == code;
        assert!(denied.iter().any(|one| of_code(&one)), "{code}: {denied:?}");
    }
    for code in ["secret-misuse", "secret-origin"] {
        let of_code = |one: &&&Value| one["detail"]["misuses"][0]["code"] == code;
        assert!(misuses.iter().filter(of_code).count() > 2, "{code}: {misuses:?}");
        let metrics = engine.get("/metrics").await.text();
        let counted = format!("campanile_secret_misuses_total{{kind=\"thief\",code=\"{code}\"}}");
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

#[tokio::test]
async fn a_placeholder_that_is_handed_on_to_the_next_attempt_is_text_there() {
    let own = Web::saying(|_| answer(200, &[], b"thanks")).await;
    let other = Web::saying(|_| answer(200, &[], b"thanks")).await;
    let steps = json!([
        {"send": {"url": "<url>", "headers": [["authorization", "Bearer <carry>"]]}},
        {"carry": "<token>"},
    ]);
    let settings = thief::settings(&wanted(&own, &other, &steps));
    let site = thief::site().await.endpoint("it", "thief", &settings);
    let site = site.recipient("all", "it", &json!({}));
    let engine = site.start().await;
    let alert = engine.accepts(&campanile_tests::alerts::native("carry")).await.swap_remove(0);
    engine.record_of(&alert).await;
    let requests = own.sees(2).await;
    let sent = requests[1].header("authorization").unwrap();
    assert!(sent.starts_with("Bearer plc"), "a placeholder arrives as text: {sent}");
    for request in &requests {
        holds_no_secret("a request", &request.text());
    }
    shows_no_secret(&engine, &site.log()).await;
}

#[tokio::test]
async fn a_placeholder_of_another_endpoint_is_text() {
    let own = Web::saying(|_| answer(200, &[], b"thanks")).await;
    let other = Web::saying(|_| answer(200, &[], b"thanks")).await;
    let site = thief::site().await;
    let engine = site.start().await;
    let told = thief::acts(&engine, &wanted(&own, &other, &json!([{"say": "<token>"}]))).await;
    assert!(told.starts_with("plc"), "{told}");
    let steps = json!([{"send": {"url": "<url>", "headers": [["authorization", format!("Bearer {told}")]]}}]);
    let report = thief::acts(&engine, &wanted(&own, &other, &steps)).await;
    assert!(report.contains(DONE), "{report}");
    assert_eq!(own.requests()[0].header("authorization"), Some(format!("Bearer {told}").as_str()));
}
