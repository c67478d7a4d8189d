//! Each test speaks with a peer of its own over real sockets.

mod datagram;
mod parked;
mod tls;

use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::capability::budget::CallLimits;
use crate::capability::egress::{Policy, Reach, TlsSettings, Way};
use crate::capability::secrets::{Credential, Credentials, Decoding, Form, Place};
use crate::config::Config;
use crate::ids::{EndpointId, Secret, TenantId};
use crate::runtime::bindings::net::NetError as Told;
use crate::runtime::bindings::secrets::{Encoding, Piece};
use crate::telemetry::LimitHits;

const CALLS: CallLimits =
    CallLimits { calls_max: 10_000, sends_max: 1, out_bytes_max: 64 << 20, in_bytes_max: 64 << 20 };

const PASSWORD: &str = "correct horse battery staple";

/// Lets an endpoint reach this machine.
const OPEN: &str =
    "[[egress.grant]]\nendpoints = ['*']\nnetworks = ['127.0.0.0/8']\nports = ['1-65535']\n";

/// What the stores of one endpoint have.
struct Ground {
    gate: Arc<NetGate>,
    calls: CallBudget,
    /// What the operator writes.
    config: String,
    /// A certificate in PEM that is trusted.
    ca: Option<String>,
    targets: Vec<String>,
}

impl Ground {
    fn new(targets: &[&str]) -> Self {
        Self {
            gate: Arc::default(),
            calls: CallBudget::new(CALLS, LimitHits::default()),
            config: OPEN.to_owned(),
            ca: None,
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        }
    }

    fn grant(&self, endpoint: u32) -> Grant {
        let config = Config::parse(Path::new("campanile.toml"), &self.config).unwrap();
        let way = Way::of(&Policy::read(&config).unwrap(), "default", "relay");
        let settings = self.ca.as_ref().map_or(json!({}), |ca| json!({ "tls_ca": ca }));
        let tls = TlsSettings::parse(settings.as_object().unwrap(), None).unwrap();
        let targets = self.targets.iter().map(|target| Target::parse(target).unwrap()).collect();
        let reach = Reach { origins: Vec::new(), targets };
        Grant::new(TenantId(1), EndpointId(endpoint), reach, Arc::new(way.with_tls(&tls)))
    }

    /// The door of a fresh store, in its first call.
    fn door(&self) -> NetDoor {
        self.door_of(self.grant(1), [0; 32])
    }

    fn door_of(&self, grant: Grant, revision: [u8; 32]) -> NetDoor {
        let mut door = NetDoor::new(Arc::clone(&self.gate), grant, revision);
        door.begin(soon());
        door
    }

    async fn dial(&self, door: &mut NetDoor) -> Connection {
        door.dial(&self.calls, &Keyring::default(), &self.targets[0]).await.unwrap()
    }

    async fn write(
        &self,
        door: &mut NetDoor,
        connection: &mut Connection,
        text: &str,
    ) -> Result<(), NetError> {
        door.write(&self.calls, &mut Keyring::default(), connection, text.as_bytes()).await
    }

    async fn read(&self, door: &mut NetDoor, connection: &mut Connection, max: u32) -> String {
        let read = door.read(&self.calls, connection, max, Duration::from_secs(10)).await;
        String::from_utf8(read.unwrap()).unwrap()
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    (listener, target)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout_at(soon(), listener.accept()).await.expect("a connection").unwrap().0
}

/// What comes until the guest closes.
async fn all_of(peer: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut all = String::new();
    let read = peer.read_to_string(&mut all);
    tokio::time::timeout_at(soon(), read).await.expect("an end").unwrap();
    all
}

/// The password of an endpoint, bound to `target`, and a placeholder of it.
fn secret(target: &str) -> (Keyring, String) {
    let credential = Credential {
        setting: "password".to_owned(),
        value: Secret::new(PASSWORD.to_owned()),
        form: Form::Text,
        places: vec![Place::Sasl],
        signs_into: Vec::new(),
        decode: Decoding::default(),
        bound_to: vec![target.to_owned()],
    };
    let mut keyring = Keyring::mint(Arc::new(Credentials::new(vec![credential]).unwrap()));
    let pieces = vec![Piece::Secret("password".to_owned())];
    let placeholder = keyring.compose(pieces, Encoding::Plain).unwrap();
    (keyring, placeholder)
}

/// An error as the component sees it: its case and code.
fn told<T: std::fmt::Debug>(result: Result<T, NetError>) -> String {
    match Told::from(result.unwrap_err()) {
        Told::Denied(problem) => format!("denied {}", problem.code),
        Told::Busy(problem) => format!("busy {}", problem.code),
        Told::Unreachable(problem) => format!("unreachable {}", problem.code),
        Told::Untrusted(problem) => format!("untrusted {}", problem.code),
        Told::Broken(problem) => format!("broken {}", problem.code),
        Told::TimedOut(problem) => format!("timed-out {}", problem.code),
        Told::TooLarge(bytes_max) => format!("too-large {bytes_max}"),
        Told::Other(problem) => format!("other {}", problem.code),
    }
}

#[tokio::test]
async fn only_a_granted_target_is_dialed_in_any_of_its_spellings() {
    let (listener, target) = listen().await;
    let port = listener.local_addr().unwrap().port();
    let (ground, keyring) = (Ground::new(&[&target, "udp://127.0.0.1:514"]), Keyring::default());
    let mut door = ground.door();
    let table = [
        (format!("tcp://127.0.0.1:{}", port ^ 1), "denied target"),
        (format!("tcp://127.0.0.2:{port}"), "denied target"),
        (format!("tcp://localhost:{port}"), "denied target"),
        (format!("tls://127.0.0.1:{port}"), "denied target"),
        (format!("tcp://127.0.0.1:{port}/"), "denied target"),
        (format!("tcp://user@127.0.0.1:{port}"), "denied target"),
        (format!("127.0.0.1:{port}"), "denied target"),
        ("udp://127.0.0.1:514".to_owned(), "denied target"),
        ("unix-dgram:/dev/log".to_owned(), "denied target"),
        (String::new(), "denied target"),
    ];
    for (asked, expected) in table {
        let found = door.dial(&ground.calls, &keyring, &asked).await;
        assert_eq!(told(found), expected, "{asked:?}");
    }
    for asked in [target.clone(), format!("TCP://0x7f.1:{port}")] {
        let found = door.dial(&ground.calls, &keyring, &asked).await;
        assert!(found.is_ok_and(|connection| !connection.reused()), "{asked:?}");
        accept(&listener).await;
    }
    let mut closed = Ground::new(&[]).door();
    let closed = closed.dial(&ground.calls, &keyring, &target).await;
    assert_eq!(told(closed), "denied target", "a door without a grant");
    assert_eq!(door.seen(), Seen::default(), "nothing was sent");
}

#[tokio::test]
async fn the_address_is_judged_by_the_gate_and_a_refused_connection_is_unreachable() {
    let (listener, target) = listen().await;
    let mut ground = Ground::new(&[&target]);
    ground.config.clear();
    let keyring = Keyring::default();
    let found = ground.door().dial(&ground.calls, &keyring, &target).await;
    assert_eq!(told(found), "denied address");
    ground.config = OPEN.to_owned();
    drop(listener);
    let found = ground.door().dial(&ground.calls, &keyring, &target).await;
    assert_eq!(told(found), "unreachable connect");
}

#[tokio::test]
async fn bytes_go_and_come_in_order_and_an_end_is_empty() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;

    ground.write(&mut door, &mut connection, "HELO").await.unwrap();
    let mut four = [0; 4];
    peer.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"HELO");
    peer.write_all(b"250 at your service").await.unwrap();
    assert_eq!(ground.read(&mut door, &mut connection, 3).await, "250");
    assert_eq!(ground.read(&mut door, &mut connection, 100).await, " at your service");
    let none = door.read(&ground.calls, &mut connection, 0, Duration::ZERO).await;
    assert_eq!(told(none), "other max");

    // The peer says no more, and still listens.
    peer.shutdown().await.unwrap();
    assert_eq!(ground.read(&mut door, &mut connection, 10).await, "");
    assert_eq!(ground.read(&mut door, &mut connection, 10).await, "", "it stays so");
    ground.write(&mut door, &mut connection, "QUIT").await.unwrap();
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, "QUIT");
    let seen = door.seen();
    assert_eq!(seen.origin.as_deref(), Some(target.as_str()));
    assert_eq!((seen.sent_bytes, seen.received_bytes), (8, 19));
}

#[tokio::test]
async fn without_time_a_read_gives_what_is_there() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    let now = Duration::ZERO;
    let nothing = door.read(&ground.calls, &mut connection, 10, now).await;
    assert_eq!(told(nothing), "timed-out timeout");
    peer.write_all(b"220").await.unwrap();
    assert_eq!(door.read(&ground.calls, &mut connection, 10, now).await.unwrap(), b"220");
    drop(peer);
    assert_eq!(door.read(&ground.calls, &mut connection, 10, now).await.unwrap(), b"");
}

#[tokio::test]
async fn a_silent_peer_costs_the_time_given_and_no_more() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    let begun = Instant::now();
    let brief = Duration::from_millis(30);
    let read = door.read(&ground.calls, &mut connection, 10, brief).await;
    assert_eq!(told(read), "timed-out timeout");
    door.begin(Instant::now() + brief);
    let read = door.read(&ground.calls, &mut connection, 10, Duration::MAX).await;
    assert_eq!(told(read), "timed-out timeout", "the call's deadline");
    // It can be gone on with.
    peer.write_all(b"220").await.unwrap();
    door.begin(soon());
    assert_eq!(ground.read(&mut door, &mut connection, 10).await, "220");

    // A peer that takes nothing.
    door.begin(Instant::now() + brief);
    let much = "x".repeat(16 << 20);
    let written = ground.write(&mut door, &mut connection, &much).await;
    assert_eq!(told(written), "timed-out timeout");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(door.seen().unanswered, "part of it may have arrived");
    let written = ground.write(&mut door, &mut connection, "more").await;
    assert_eq!(told(written), "broken closed", "in the middle nothing else is said");
}

#[tokio::test]
async fn a_peer_that_breaks_off_is_told_as_broken() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let peer = accept(&listener).await;
    ground.write(&mut door, &mut connection, "DATA").await.unwrap();
    peer.readable().await.unwrap();
    // Closing with something unread resets.
    drop(peer);
    let read = door.read(&ground.calls, &mut connection, 10, Duration::from_secs(10)).await;
    assert_eq!(told(read), "broken broken");
    assert!(door.seen().unanswered);
    let read = door.read(&ground.calls, &mut connection, 10, Duration::ZERO).await;
    assert_eq!(told(read), "broken closed");
}

#[tokio::test]
async fn a_store_has_at_most_eight_connections_open() {
    let (listener, target) = listen().await;
    let (ground, keyring) = (Ground::new(&[&target]), Keyring::default());
    let mut door = ground.door();
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(ground.dial(&mut door).await);
    }
    let ninth = door.dial(&ground.calls, &keyring, &target).await;
    assert_eq!(told(ninth), "busy connections-limit");
    door.close(open.pop().unwrap()).await;
    open.push(ground.dial(&mut door).await);
    door.park(open.pop().unwrap()).await;
    open.push(ground.dial(&mut door).await);
    drop(listener);
}

#[tokio::test]
async fn what_was_written_stays_in_doubt_until_an_answer_or_until_it_is_parked() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let mut first = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    assert!(!door.seen().unanswered, "nothing was said");
    ground.write(&mut door, &mut first, "MAIL").await.unwrap();
    ground.write(&mut door, &mut first, "RCPT").await.unwrap();
    assert!(door.seen().unanswered);
    peer.write_all(b"250").await.unwrap();
    ground.read(&mut door, &mut first, 10).await;
    assert!(!door.seen().unanswered, "answered");

    ground.write(&mut door, &mut first, "DATA").await.unwrap();
    door.park(first).await;
    assert!(!door.seen().unanswered, "parked");

    // What another connection says does not take the doubt back.
    let mut second = ground.dial(&mut door).await;
    assert!(second.reused());
    ground.write(&mut door, &mut second, "DATA").await.unwrap();
    door.close(second).await;
    let mut third = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    ground.write(&mut door, &mut third, "DATA").await.unwrap();
    peer.write_all(b"250").await.unwrap();
    ground.read(&mut door, &mut third, 10).await;
    assert!(door.seen().unanswered, "the second one never had an answer");

    ground.write(&mut door, &mut third, "DATA").await.unwrap();
    door.begin(soon());
    assert_eq!(door.seen(), Seen::default(), "each call anew");
    peer.write_all(b"250").await.unwrap();
    ground.read(&mut door, &mut third, 10).await;
    assert!(!door.seen().unanswered, "an answer to an earlier call");
}

#[tokio::test]
async fn a_call_sends_and_takes_in_so_many_bytes_and_no_more() {
    let (listener, target) = listen().await;
    let mut ground = Ground::new(&[&target]);
    let limits = CallLimits { calls_max: 6, out_bytes_max: 4, in_bytes_max: 4, ..CALLS };
    ground.calls = CallBudget::new(limits, LimitHits::default());
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    let written = ground.write(&mut door, &mut connection, "12345").await;
    assert_eq!(told(written), "denied bytes-out-limit");
    ground.write(&mut door, &mut connection, "1234").await.unwrap();
    peer.write_all(b"abcdef").await.unwrap();
    assert_eq!(ground.read(&mut door, &mut connection, 100).await, "abcd");
    let read = door.read(&ground.calls, &mut connection, 10, Duration::ZERO).await;
    assert_eq!(told(read), "denied bytes-in-limit");
    let read = door.read(&ground.calls, &mut connection, 10, Duration::ZERO).await;
    assert_eq!(told(read), "denied bytes-in-limit");
    let read = door.read(&ground.calls, &mut connection, 10, Duration::ZERO).await;
    assert_eq!(told(read), "denied calls-limit");
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, "1234", "a refused write sends nothing");
}

#[tokio::test]
async fn a_secret_goes_out_in_clear_text_only_where_the_operator_granted_it() {
    let (listener, target) = listen().await;
    let mut ground = Ground::new(&[&target, "tcp://127.0.0.1:1"]);
    let (mut keyring, placeholder) = secret(&target);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    let bytes = format!("AUTH PLAIN {placeholder}\r\n");
    let written = door.write(&ground.calls, &mut keyring, &mut connection, bytes.as_bytes()).await;
    assert_eq!(told(written), "denied secret-clear-text");
    assert_eq!(door.seen(), Seen::default(), "nothing was sent");
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, "");

    ground.config = format!("{OPEN}clear_text = true\n");
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    door.write(&ground.calls, &mut keyring, &mut connection, bytes.as_bytes()).await.unwrap();
    // What the peer repeats of it is not shown, whatever the pieces it comes in.
    let (head, tail) = PASSWORD.split_at(9);
    peer.write_all(format!("you said {head}").as_bytes()).await.unwrap();
    let mut read = ground.read(&mut door, &mut connection, 100).await;
    peer.write_all(format!("{tail}, I hear\r\n").as_bytes()).await.unwrap();
    while !read.contains("hear") {
        read.push_str(&ground.read(&mut door, &mut connection, 100).await);
    }
    assert_eq!(read, "you said [redacted], I hear\r\n");
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, format!("AUTH PLAIN {PASSWORD}\r\n"));

    // Not where it is not bound to.
    let (mut keyring, placeholder) = secret("tcp://127.0.0.1:1");
    let mut connection = ground.dial(&mut door).await;
    let bytes = format!("AUTH PLAIN {placeholder}\r\n");
    let written = door.write(&ground.calls, &mut keyring, &mut connection, bytes.as_bytes()).await;
    assert_eq!(told(written), "denied secret-origin");
}
