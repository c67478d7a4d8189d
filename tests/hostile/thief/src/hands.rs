//! Takes the steps.

use campanile_guest::net::Connection;
use campanile_guest::{Filling, Request, Response, http, log, net, secrets};

use crate::steps::{Encoding, Send, Step};
use crate::words::Words;

/// Rounds of repeated steps are told one by one up to here.
const TOLD_MAX: u32 = 3;

pub(crate) struct Hands {
    words: Words,
    connection: Option<Connection>,
    pub(crate) carry: Option<String>,
}

impl Hands {
    pub(crate) fn new(words: Words) -> Self {
        Self { words, connection: None, carry: None }
    }

    /// What came of each, in order.
    pub(crate) fn take(&mut self, steps: &[Step]) -> String {
        let mut told = Vec::new();
        for step in steps {
            let came = self.step(step);
            if !came.is_empty() {
                told.push(came.clone());
            }
            self.words.last = came;
        }
        told.join("; ")
    }

    fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Send(send) => self.send(send),
            Step::Compose { pieces, encoding } => self.compose(pieces, *encoding),
            Step::Sign { pieces } => self.sign(pieces),
            Step::Dial(target) => match net::dial(&self.words.fill(target)) {
                Ok(connection) => {
                    let reused = if connection.reused() { "reused" } else { "connected" };
                    self.connection = Some(connection);
                    reused.into()
                }
                Err(error) => format!("{error:?}"),
            },
            Step::Datagram(target, text) => {
                let (target, text) = (self.words.fill(target), self.words.fill(text));
                format!("{:?}", net::send_datagram(&target, text.as_bytes()))
            }
            Step::Carry(text) => {
                self.carry = Some(self.words.fill(text));
                String::new()
            }
            Step::Log(text) => {
                log::write(log::Level::Error, &self.words.fill(text));
                String::new()
            }
            Step::Say(text) => self.words.fill(text),
            Step::Panic(text) => panic!("{}", self.words.fill(text)),
            Step::Times(count, steps) => {
                let rounds = (0..*count).map(|_| self.take(steps)).collect::<Vec<_>>();
                let told = usize::try_from((*count).min(TOLD_MAX)).unwrap_or_default();
                rounds[..told].join("; ")
            }
            Step::Write(_) | Step::Read(_) | Step::StartTls | Step::Park => self.converse(step),
        }
    }

    fn converse(&mut self, step: &Step) -> String {
        let Some(connection) = &self.connection else { return "not connected".into() };
        match step {
            Step::Write(text) => match connection.write(self.words.fill(text).as_bytes()) {
                Ok(()) => String::new(),
                Err(error) => format!("{error:?}"),
            },
            Step::Read(max) => match connection.read(*max, 500) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
                Err(error) => format!("{error:?}"),
            },
            Step::StartTls => format!("{:?}", connection.start_tls()),
            _ => {
                if let Some(connection) = self.connection.take() {
                    Connection::park(connection);
                }
                "parked".into()
            }
        }
    }

    fn send(&self, send: &Send) -> String {
        let words = &self.words;
        let mut headers: Vec<_> = send
            .headers
            .iter()
            .map(|(name, value)| (words.fill(name), words.fill(value)))
            .collect();
        let says_its_type =
            headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let (body, filling) = (words.fill(&send.body).into_bytes(), send.filling());
        // The engine fills in a body only as what it is said to be.
        let of_filling = match filling {
            Filling::Json => Some("application/json"),
            Filling::Form => Some("application/x-www-form-urlencoded"),
            Filling::None => None,
        };
        if let Some(media) = of_filling.filter(|_| !body.is_empty() && !says_its_type) {
            headers.push(("content-type".into(), media.into()));
        }
        let request = Request {
            method: send.method(),
            url: words.fill(&send.url),
            headers,
            body,
            filling,
            coding: send.coding(),
            timeout_ms: send.timeout_ms,
        };
        match http::send(&request) {
            Ok(answer) => told(&answer),
            Err(error) => format!("{error:?}"),
        }
    }

    fn compose(&self, pieces: &[String], encoding: Encoding) -> String {
        let piece = |text: &String| match text.strip_prefix('$') {
            Some(name) => secrets::Piece::Secret(name.into()),
            None => secrets::Piece::Text(self.words.fill(text)),
        };
        let pieces: Vec<_> = pieces.iter().map(piece).collect();
        let encoding = match encoding {
            Encoding::Plain => secrets::Encoding::Plain,
            Encoding::Base64 => secrets::Encoding::Base64,
            Encoding::Hex => secrets::Encoding::Hex,
        };
        secrets::compose(&pieces, encoding).unwrap_or_else(|error| format!("{error:?}"))
    }

    fn sign(&self, pieces: &[String]) -> String {
        let pieces = pieces.iter().map(|text| secrets::Signed::Bytes(self.words.fill(text).into()));
        let pieces: Vec<_> = pieces.collect();
        let signed =
            secrets::sign("key", secrets::Algorithm::HmacSha256, &pieces, secrets::Encoding::Hex);
        signed.unwrap_or_else(|error| format!("{error:?}"))
    }
}

/// Headers and the beginning of the body.
fn told(answer: &Response) -> String {
    const BODY_BYTES_MAX: usize = 600;
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let text = answer.text();
    let body: String = text.chars().take(BODY_BYTES_MAX).collect();
    format!(
        "{} {:?} of {} bytes [{}] {body}",
        answer.status,
        answer.ending,
        answer.body.len(),
        headers.join(" ")
    )
}
