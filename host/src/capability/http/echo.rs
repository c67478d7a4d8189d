//! Requests with credentials to a service that repeats all that it hears.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::secrets::{Credential, Credentials, Decoding, Form, Template};
use super::request::gzip;
use super::tests::{granted, to};
use super::*;
use crate::ids::Secret;
use crate::runtime::bindings::secrets::{Encoding, Piece};

const PASSWORD: &str = "correct/horse";
const TOKEN: &str = "battery+staple";

/// How the service writes its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    /// In chunks of so many bytes.
    Chunks(usize),
    Gzip,
    /// Says more than it sends.
    Cut,
}

struct Service {
    url: String,
    heard: mpsc::UnboundedReceiver<String>,
    _serving: JoinSet<()>,
}

impl Service {
    async fn answering(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, heard) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = hear(&mut stream).await;
                tell.send(request.clone()).unwrap();
                stream.write_all(&answer(&request, manner)).await.unwrap();
            }
        });
        Self { url, heard, _serving: serving }
    }
}

async fn hear(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap_or("0").parse().unwrap() {
            return text;
        }
    }
}

fn answer(request: &str, manner: Manner) -> Vec<u8> {
    let authorization = request.lines().find_map(|line| line.strip_prefix("authorization: "));
    let echo = authorization.unwrap_or_default();
    let mut answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\nx-echo: {echo}\r\n");
    let mut body = request.as_bytes().to_vec();
    match manner {
        Manner::Plain => answer += &format!("content-length: {}\r\n\r\n", body.len()),
        Manner::Cut => {
            let end = request.find(PASSWORD).unwrap() + 9;
            answer += &format!("content-length: {}\r\n\r\n", body.len());
            body.truncate(end);
        }
        Manner::Gzip => {
            body = gzip(&body);
            let length = body.len();
            answer += &format!("content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
        }
        Manner::Chunks(size) => {
            answer += "transfer-encoding: chunked\r\n\r\n";
            let chunk = |chunk: &[u8]| {
                [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
            };
            body = body.chunks(size).flat_map(chunk).chain(*b"0\r\n\r\n").collect();
        }
    }
    [answer.into_bytes(), body].concat()
}

/// A store's keyring, and the settings that a component is given.
fn given(url: &str) -> (Keyring, serde_json::Value) {
    let credential = |setting: &str, value: &str, form, places: &[&str]| Credential {
        setting: setting.into(),
        value: Secret::new(value.into()),
        form,
        places: places.iter().map(|place| place.parse().unwrap()).collect(),
        signs_into: Vec::new(),
        decode: Decoding::Raw,
        bound_to: vec![url.to_owned()],
    };
    let secret_url = format!("{url}/T0/s3cr3t%2Fpath?sig=s3cr3t-query");
    let credentials = Credentials::new(vec![
        credential("url", &secret_url, Form::Url, &["path", "query"]),
        credential("password", PASSWORD, Form::Text, &["header:authorization"]),
        credential("token", TOKEN, Form::Text, &["json:/token"]),
    ]);
    let credentials = Arc::new(credentials.unwrap());
    let keyring = Keyring::mint(Arc::clone(&credentials));
    let settings = keyring.settings(&Template::new(&serde_json::Map::new(), &credentials));
    (keyring, serde_json::from_str(&settings).unwrap())
}

fn door(url: &str) -> HttpDoor {
    let (connector, pool) = (Connector::default(), Pool::default());
    let gate = HttpGate { connector, pool, response_bytes_max: 64 << 10 };
    let mut door = HttpDoor::new(Arc::new(gate), with_clear_text(url));
    door.begin(Instant::now() + Duration::from_secs(20));
    door
}

fn with_clear_text(url: &str) -> Grant {
    granted(url, "clear_text = true")
}

fn request(keyring: &mut Keyring, seen: &serde_json::Value) -> contract::Request {
    let pieces = vec![Piece::Text("me:".into()), Piece::Secret("password".into())];
    let basic = keyring.compose(pieces, Encoding::Base64).unwrap();
    let plain = seen["password"].as_str().unwrap();
    contract::Request {
        method: contract::Method::Post,
        url: seen["url"].as_str().unwrap().to_owned(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("accept-encoding".into(), "gzip".into()),
            ("authorization".into(), format!("Basic {basic}, Plain {plain}")),
        ],
        body: serde_json::json!({"text": "hi", "token": seen["token"]}).to_string().into_bytes(),
        filling: contract::Filling::Json,
        coding: contract::Coding::Identity,
        timeout_ms: None,
    }
}

fn shows_a_secret(text: &str) -> bool {
    let basic = "bWU6Y29ycmVjdC9ob3JzZQ";
    [PASSWORD, TOKEN, basic, "s3cr3t", "correct"].iter().any(|secret| text.contains(secret))
}

#[tokio::test]
async fn the_service_gets_the_secrets_and_the_component_gets_none_back() {
    let manners = [1, 2, 3, 7, 64].map(Manner::Chunks);
    for manner in [Manner::Plain, Manner::Cut, Manner::Gzip].into_iter().chain(manners) {
        let mut service = Service::answering(manner).await;
        let (mut keyring, seen) = given(&service.url);
        let request = request(&mut keyring, &seen);
        assert!(!shows_a_secret(&format!("{seen} {request:?}")));
        let mut door = door(&service.url);
        let sent = door.send(request, &mut keyring, &CallBudget::unbounded()).await.unwrap();

        let heard = service.heard.recv().await.unwrap();
        let first = heard.lines().next().unwrap();
        assert_eq!(first, "POST /T0/s3cr3t%2Fpath?sig=s3cr3t-query HTTP/1.1");
        assert!(heard.contains("\r\naccept-encoding: identity\r\n"), "{heard}");
        let authorization =
            "authorization: Basic bWU6Y29ycmVjdC9ob3JzZQ==, Plain correct/horse\r\n";
        assert!(heard.contains(authorization), "{heard}");
        assert!(heard.ends_with(r#"{"text":"hi","token":"battery+staple"}"#), "{heard}");

        let body = String::from_utf8(sent.body).unwrap();
        assert!(!shows_a_secret(&format!("{body} {:?}", sent.headers)), "{body}");
        let (_, echo) = sent.headers.iter().find(|(name, _)| name == "x-echo").unwrap();
        assert_eq!(echo, "Basic [redacted], Plain [redacted]");
        let is_whole = matches!(manner, Manner::Plain | Manner::Chunks(_));
        assert_eq!(sent.ending == contract::Ending::Complete, is_whole);
        if is_whole {
            assert!(body.contains(r#""text":"hi""#), "{body}");
        }
    }
}

#[tokio::test]
async fn nothing_leaves_with_a_placeholder_where_it_must_not_be() {
    let mut service = Service::answering(Manner::Plain).await;
    let (mut keyring, seen) = given(&service.url);
    let mut door = door(&service.url);
    let mut text = request(&mut keyring, &seen);
    text.body = serde_json::json!({"text": seen["token"], "token": "x"}).to_string().into_bytes();
    let mut form = request(&mut keyring, &seen);
    form.headers[0].1 = "text/plain".into();
    let mut header = request(&mut keyring, &seen);
    header.headers.push(("x-note".into(), seen["password"].as_str().unwrap().into()));
    for wrong in [text, form, header] {
        let refused = door.send(wrong, &mut keyring, &CallBudget::unbounded()).await;
        let Err(contract::HttpError::Denied(problem)) = refused else { panic!("{refused:?}") };
        assert_eq!(problem.code, "secret-misuse");
        assert!(!shows_a_secret(&problem.detail) && !problem.detail.contains("plc"));
        assert_eq!(keyring.take_misuses().len(), 1);
    }
    let asked = request(&mut keyring, &seen);
    let mut without = HttpDoor::new(Arc::clone(&door.gate), to(&service.url));
    without.begin(Instant::now() + Duration::from_secs(20));
    let refused = without.send(asked, &mut keyring, &CallBudget::unbounded()).await;
    let Err(contract::HttpError::Denied(problem)) = refused else { panic!("{refused:?}") };
    assert_eq!(problem.code, "secret-clear-text");
    assert!(service.heard.try_recv().is_err(), "nothing was sent");
}
