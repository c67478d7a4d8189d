//! Answers of a server that means harm: secrets repeated, and HTTP that is none.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use campanile_tests::peer::http::{Request, Say, Web, answer, chunks, endless, gzip, raw, slow};
use serde_json::{Value, json};

use super::secrets::{TOKEN, holds_no_secret, shows_no_secret, wanted};
use super::{Attack, Chapter, thief};

struct Row {
    name: &'static str,
    does: &'static str,
    /// Answers to a request that holds the token.
    says: fn(&Request) -> Vec<Say>,
    /// What the component is told.
    said: &'static str,
}

const REDACTED: &str = "[redacted]";
const COMPLETE: &str = "200 Ending::Complete";
const NO_ANSWER: &str = "HttpError::NoAnswer";

/// The token, as it came.
fn token(request: &Request) -> &str {
    request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
}

fn escaped(text: &str, each: impl Fn(u8) -> String) -> String {
    text.bytes().map(each).collect()
}

#[rustfmt::skip]
const ECHOES: &[Row] = &[
    Row { name: "in the body", does: "repeats all that it was sent", said: REDACTED,
        says: |request| answer(200, &[], request.text().as_bytes()) },
    Row { name: "in an error", does: "repeats the token in an error", said: "401 Ending::Complete",
        says: |request| answer(401, &[], format!("{} is no token", token(request)).as_bytes()) },
    Row { name: "in a header", does: "repeats the token in a header", said: REDACTED,
        says: |request| answer(200, &[("x-echo", token(request))], b"") },
    Row { name: "in a redirect", does: "repeats the token in the URL that it sends to", said: REDACTED,
        says: |request| answer(302, &[("location", &format!("/?t={}", token(request)))], b"") },
    Row { name: "in a cookie", does: "repeats the token in a cookie", said: REDACTED,
        says: |request| answer(200, &[("set-cookie", &format!("t={}; Secure", token(request)))], b"") },
    Row { name: "in the first line", does: "repeats the token beside the status", said: COMPLETE,
        says: |request| vec![Say::Bytes(format!("HTTP/1.1 200 {}\r\ncontent-length: 0\r\n\r\n", token(request)).into())] },
    Row { name: "in a trailer", does: "repeats the token behind the body", said: COMPLETE,
        says: |request| raw(200, "transfer-encoding: chunked\r\n", &format!("0\r\nx-echo: {}\r\n\r\n", token(request))) },
    Row { name: "across chunks", does: "repeats the token with the edge of a chunk within it", said: REDACTED,
        says: |request| { let (a, b) = token(request).split_at(7); chunks(200, &[], &[a.as_bytes(), b.as_bytes()]) } },
    Row { name: "byte by byte", does: "repeats the token in chunks of one byte", said: REDACTED,
        says: |request| { let parts: Vec<_> = token(request).as_bytes().chunks(1).collect(); chunks(200, &[], &parts) } },
    Row { name: "compressed", does: "repeats the token compressed, though it was asked not to", said: "200 Ending::Capped of 0 bytes",
        says: |request| answer(200, &[("content-encoding", "gzip")], &gzip(token(request).as_bytes())) },
    Row { name: "in base64", does: "repeats the token in base64", said: REDACTED,
        says: |request| answer(200, &[], STANDARD.encode(token(request)).as_bytes()) },
    Row { name: "as a Basic pair", does: "repeats the token as the password of a pair", said: REDACTED,
        says: |request| answer(200, &[], STANDARD.encode(format!("user:{}", token(request))).as_bytes()) },
    Row { name: "in hexadecimal", does: "repeats the token in hexadecimal", said: REDACTED,
        says: |request| answer(200, &[], escaped(token(request), |byte| format!("{byte:02x}")).as_bytes()) },
    Row { name: "cut within it", does: "ends in the middle of the token", said: "Ending::Cut",
        says: |request| { let mut said = raw(200, "content-length: 100\r\n", &token(request)[..12]); said.push(Say::Close); said } },
    Row { name: "in a cookie of two", does: "repeats the token twice, the second half first", said: REDACTED,
        says: |request| { let token = token(request); answer(200, &[], format!("{}{token}", &token[9..]).as_bytes()) } },
];

#[rustfmt::skip]
const BROKEN: &[Row] = &[
    Row { name: "silence", does: "never answers", said: NO_ANSWER, says: |_| vec![Say::Silence] },
    Row { name: "slow-loris", does: "answers a byte every 100 ms, for ever", said: NO_ANSWER, says: |_| slow(200, Duration::from_millis(100)) },
    Row { name: "endless body", does: "answers without end", said: "Ending::Capped of 1048501 bytes", says: |_| endless(200) },
    Row { name: "endless head", does: "sends headers without end", said: NO_ANSWER,
        says: |_| vec![Say::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()), Say::ForEver(b"x-more: and more\r\n".to_vec())] },
    Row { name: "10,000 headers", does: "sends ten thousand headers", said: NO_ANSWER,
        says: |_| raw(200, &(0..10_000).map(|at| format!("x-{at}: 1\r\n")).collect::<String>(), "") },
    Row { name: "a header of 1 MiB", does: "sends one header of a mebibyte", said: NO_ANSWER,
        says: |_| raw(200, &format!("x-large: {}\r\n", "x".repeat(1 << 20)), "") },
    Row { name: "interim answers without end", does: "says `100 Continue` for ever, which has to be read", said: "used up the CPU of one call",
        says: |_| vec![Say::ForEver(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())] },
    Row { name: "another protocol", does: "switches to a protocol of its own", said: "101 Ending::Complete of 0 bytes",
        says: |_| raw(101, "connection: upgrade\r\nupgrade: mine\r\n", "hello") },
    Row { name: "no HTTP", does: "answers in something else", said: NO_ANSWER,
        says: |_| vec![Say::Bytes(b"+OK POP3 ready\r\n\r\n".to_vec()), Say::Close] },
    Row { name: "nothing", does: "closes at once", said: NO_ANSWER, says: |_| vec![Say::Close] },
    Row { name: "reset", does: "resets the connection", said: NO_ANSWER, says: |_| vec![Say::Reset] },
    Row { name: "reset in the body", does: "resets the connection in the middle of its answer", said: "Ending::Cut",
        says: |_| { let mut said = raw(200, "content-length: 100\r\n", "half"); said.push(Say::Drip(b"xx".to_vec(), Duration::from_millis(100))); said.push(Say::Reset); said } },
    Row { name: "cut", does: "ends before the length that it gave", said: "Ending::Cut",
        says: |_| { let mut said = raw(200, "content-length: 100\r\n", "half"); said.push(Say::Close); said } },
    Row { name: "two lengths", does: "gives two lengths that differ", said: NO_ANSWER,
        says: |_| raw(200, "content-length: 2\r\ncontent-length: 5\r\n", "hello") },
    Row { name: "a list of lengths", does: "gives two lengths in one header", said: NO_ANSWER,
        says: |_| raw(200, "content-length: 2, 5\r\n", "hello") },
    Row { name: "a negative length", does: "gives a length below zero", said: NO_ANSWER,
        says: |_| raw(200, "content-length: -1\r\n", "hello") },
    Row { name: "a length beyond numbers", does: "gives a length that no number holds", said: NO_ANSWER,
        says: |_| raw(200, "content-length: 99999999999999999999999\r\n", "hello") },
    Row { name: "a chunk beyond numbers", does: "gives a chunk a length that no number holds", said: "Ending::Cut",
        says: |_| raw(200, "transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nhello\r\n") },
    Row { name: "a chunk of no number", does: "gives a chunk a length in words", said: "Ending::Cut",
        says: |_| raw(200, "transfer-encoding: chunked\r\n", "five\r\nhello\r\n0\r\n\r\n") },
    Row { name: "a folded header", does: "goes on with a header in the next line", said: NO_ANSWER,
        says: |_| raw(200, "x-a: 1\r\n  x-b: 2\r\ncontent-length: 0\r\n", "") },
    Row { name: "a header without a colon", does: "sends a line that is no header", said: NO_ANSWER,
        says: |_| raw(200, "x-a\r\ncontent-length: 0\r\n", "") },
    Row { name: "a zero byte in a header", does: "sends a header with a zero byte", said: NO_ANSWER,
        says: |_| raw(200, "x-a: a\0b\r\ncontent-length: 0\r\n", "") },
    Row { name: "a header that draws", does: "sends a header with a terminal's escapes", said: NO_ANSWER,
        says: |_| raw(200, "x-a: \u{1b}[2J\r\ncontent-length: 0\r\n", "") },
    Row { name: "a redirect", does: "sends to where the endpoint has no business", said: "302 Ending::Complete",
        says: |_| answer(302, &[("location", "http://169.254.169.254/latest/meta-data/")], b"") },
    Row { name: "a redirect that keeps the method", does: "sends to where the endpoint has no business, body and all", said: "307 Ending::Complete",
        says: |_| answer(307, &[("location", "http://127.0.0.2/")], b"") },
];

pub(super) fn chapter() -> Chapter {
    let echoes = ECHOES.iter().map(|row| Attack {
        name: format!("secret {}", row.name),
        does: row.does.to_owned(),
        outcome: "the component is shown no secret, nor a part of one".to_owned(),
    });
    let broken = BROKEN.iter().map(|row| Attack {
        name: row.name.to_owned(),
        does: row.does.to_owned(),
        outcome: format!("`{}`", row.said),
    });
    let more = [
        (
            "an answer too many",
            "sends a second answer behind the first, for the next request",
            "no other endpoint is given it, though it speaks to the same server",
        ),
        (
            "a guess at the end of an answer",
            "ends in the middle of what may be the beginning of a secret",
            "a right guess looks like a wrong one",
        ),
    ];
    let more = more.map(|(name, does, outcome)| Attack {
        name: name.to_owned(),
        does: does.to_owned(),
        outcome: outcome.to_owned(),
    });
    Chapter {
        title: "Answers",
        about: "A server that was sent a secret gives it back to the component, or does not keep to HTTP.\n",
        tested: ("hostile/answers.rs", "no_answer_shows_a_secret_or_holds_the_engine"),
        attacks: echoes.chain(broken).chain(more).collect(),
    }
}

/// Sends the token, and tells what came, forwards and backwards.
fn sends() -> Value {
    json!([
        {"send": {"url": "<url>", "headers": [["authorization", "Bearer <token>"]], "timeout_ms": 700}},
        {"say": "<last:backwards>"},
    ])
}

#[tokio::test]
async fn no_answer_shows_a_secret_or_holds_the_engine() {
    let site = thief::site().await;
    let engine = site.start().await;
    let mut wrong = Vec::new();
    for row in ECHOES.iter().chain(BROKEN) {
        let own = Web::saying(row.says).await;
        let other = Web::saying(|_| answer(200, &[], b"")).await;
        let report = thief::acts(&engine, &wanted(&own, &other, &sends())).await;
        assert!(own.requests()[0].text().contains(TOKEN), "{}: it was sent the token", row.name);
        holds_no_secret(row.name, &report);
        // Of what is compressed nobody can tell what is in it; and a half is too much.
        let shows_gzip = report.contains("\\u{1f}");
        if !report.contains(row.said) || shows_gzip || report.contains(&TOKEN[..12]) {
            wrong.push(format!("{}: {report}, expected {}", row.name, row.said));
        }
        assert_eq!(other.requests(), [], "{}", row.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(engine.memory().peak < 512 << 20, "{:?}", engine.memory());
    shows_no_secret(&engine, &site.log()).await;
}

/// HTTP/1.1 has no names for answers: whoever answers too early can only harm what is asked of it by
/// the same endpoint, whose connections are its own.
#[tokio::test]
async fn an_answer_too_many_reaches_no_other_endpoint() {
    let own = Web::saying(|request| {
        let mut said = answer(200, &[], b"asked");
        let more = format!("smuggled after {}", String::from_utf8_lossy(&request.body));
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", more.len());
        said.push(Say::Bytes((head + &more).into()));
        said
    })
    .await;
    let mut site = thief::site().await;
    for name in ["one", "two"] {
        let steps = json!([
            {"send": {"url": "<url>", "body": name, "filling": "none"}},
            {"send": {"url": "<url>", "body": name, "filling": "none"}},
        ]);
        let settings = thief::settings(&wanted(&own, &own, &steps));
        site = site.endpoint(name, "thief", &settings);
    }
    let engine = site.start().await;
    for round in 0..4 {
        for (name, other) in [("one", "two"), ("two", "one")] {
            let target = json!({"endpoint": name, "send": false});
            let answer = engine.call("POST", "/v1/test", &target).await;
            let told = answer.text();
            assert!(told.contains("asked") || told.contains(&format!("after {name}")), "{told}");
            assert!(!told.contains(&format!("after {other}")), "{round}: {told}");
        }
    }
}

#[tokio::test]
async fn the_end_of_a_cut_answer_does_not_tell_whether_a_guess_is_right() {
    let other = Web::saying(|_| answer(200, &[], b"")).await;
    let site = thief::site().await;
    let engine = site.start().await;
    let mut reports = Vec::new();
    for guess in [&TOKEN[..8], "tkn-Wrng"] {
        let guess = guess.to_owned();
        let own = Web::saying(move |_| {
            let mut said = raw(200, "content-length: 100\r\n", &guess);
            said.push(Say::Close);
            said
        })
        .await;
        reports.push(
            thief::acts(&engine, &wanted(&own, &other, &sends()))
                .await
                .replace("tkn-Wrng", &TOKEN[..8]),
        );
    }
    assert_eq!(reports[0], reports[1]);
}
