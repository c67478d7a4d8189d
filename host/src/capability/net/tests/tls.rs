use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

/// A server's side of TLS, and its certificate in PEM.
pub(super) fn acceptor() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

async fn read_line(peer: &mut TcpStream, line: &str) {
    let mut read = vec![0; line.len()];
    tokio::time::timeout_at(soon(), peer.read_exact(&mut read)).await.unwrap().unwrap();
    assert_eq!(read, line.as_bytes());
}

/// Up to the point where both sides would begin TLS.
async fn greeted(
    ground: &Ground,
    door: &mut NetDoor,
    listener: &TcpListener,
    answer: &str,
) -> (Connection, TcpStream) {
    let mut connection = ground.dial(door).await;
    let mut peer = accept(listener).await;
    ground.write(door, &mut connection, "STARTTLS\r\n").await.unwrap();
    read_line(&mut peer, "STARTTLS\r\n").await;
    peer.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(ground.read(door, &mut connection, 8).await, "220 go\r\n");
    (connection, peer)
}

async fn upgrade(
    ground: &Ground,
    door: &mut NetDoor,
    connection: &mut Connection,
) -> Result<(), NetError> {
    door.start_tls(&ground.calls, &Keyring::default(), connection).await
}

#[tokio::test]
async fn an_upgrade_in_place_encrypts_what_follows_and_lets_secrets_out() {
    let (listener, target) = listen().await;
    let (acceptor, ca) = acceptor();
    let mut ground = Ground::new(&[&target]);
    ground.ca = Some(ca);
    let mut door = ground.door();
    let (mut connection, peer) = greeted(&ground, &mut door, &listener, "220 go\r\n").await;
    let (mut keyring, placeholder) = secret(&target);
    let auth = format!("AUTH PLAIN {placeholder}\r\n");
    let early = door.write(&ground.calls, &mut keyring, &mut connection, auth.as_bytes()).await;
    assert_eq!(told(early), "denied secret-clear-text");

    let (upgraded, peer) =
        tokio::join!(upgrade(&ground, &mut door, &mut connection), acceptor.accept(peer));
    upgraded.unwrap();
    let mut peer: TlsStream<TcpStream> = peer.unwrap();
    let again = upgrade(&ground, &mut door, &mut connection).await;
    assert_eq!(told(again), "other encrypted");
    door.write(&ground.calls, &mut keyring, &mut connection, auth.as_bytes()).await.unwrap();
    let expected = format!("AUTH PLAIN {PASSWORD}\r\n");
    let mut read = vec![0; expected.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, expected.as_bytes());
    peer.write_all(b"235 welcome").await.unwrap();
    assert_eq!(ground.read(&mut door, &mut connection, 100).await, "235 welcome");
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, "", "closed in order: TLS says so itself");
}

#[tokio::test]
async fn what_came_before_an_upgrade_is_never_seen_after_it() {
    let (listener, target) = listen().await;
    let (acceptor, ca) = acceptor();
    let mut ground = Ground::new(&[&target]);
    ground.ca = Some(ca);
    let mut door = ground.door();

    // With the answer, in one piece.
    let answer = "220 go\r\n250 injected\r\n";
    let (mut connection, mut peer) = greeted(&ground, &mut door, &listener, answer).await;
    let upgraded = upgrade(&ground, &mut door, &mut connection).await;
    assert_eq!(told(upgraded), "other data-before-tls");
    let read = door.read(&ground.calls, &mut connection, 100, Duration::ZERO).await;
    assert_eq!(told(read), "broken closed");
    let mut rest = Vec::new();
    let _ = tokio::time::timeout_at(soon(), peer.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"", "no handshake was begun");

    // After the answer, before the handshake.
    let (mut connection, mut peer) = greeted(&ground, &mut door, &listener, "220 go\r\n").await;
    peer.write_all(b"250 injected\r\n").await.unwrap();
    let upgraded = upgrade(&ground, &mut door, &mut connection).await;
    assert_eq!(told(upgraded), "other data-before-tls");

    // In the handshake: that is no TLS.
    let (mut connection, mut peer) = greeted(&ground, &mut door, &listener, "220 go\r\n").await;
    let inject = async {
        peer.readable().await.unwrap();
        peer.write_all(b"250 injected\r\n").await.unwrap();
        acceptor.accept(peer).await.map(drop)
    };
    let (upgraded, _) = tokio::join!(upgrade(&ground, &mut door, &mut connection), inject);
    assert_eq!(told(upgraded), "unreachable tls");
    let read = door.read(&ground.calls, &mut connection, 100, Duration::ZERO).await;
    assert_eq!(told(read), "broken closed");

    // The peer is gone.
    let (mut connection, peer) = greeted(&ground, &mut door, &listener, "220 go\r\n").await;
    drop(peer);
    let upgraded = upgrade(&ground, &mut door, &mut connection).await;
    assert_eq!(told(upgraded), "broken closed");
}

#[tokio::test]
async fn without_the_upgrade_no_secret_goes_out() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let (mut keyring, placeholder) = secret(&target);
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    // Somebody in between took STARTTLS out, and the component goes on without.
    peer.write_all(b"250 AUTH PLAIN\r\n").await.unwrap();
    ground.read(&mut door, &mut connection, 100).await;
    let auth = format!("AUTH PLAIN {placeholder}\r\n");
    let sent = door.write(&ground.calls, &mut keyring, &mut connection, auth.as_bytes()).await;
    assert_eq!(told(sent), "denied secret-clear-text");
    door.close(connection).await;
    assert_eq!(all_of(&mut peer).await, "");
}

#[tokio::test]
async fn a_peer_that_cannot_prove_itself_is_untrusted() {
    let (listener, target) = listen().await;
    let (acceptor, _) = acceptor();
    let mut ground = Ground::new(&[&target]);
    let mut door = ground.door();
    let (mut connection, peer) = greeted(&ground, &mut door, &listener, "220 go\r\n").await;
    let (upgraded, _) =
        tokio::join!(upgrade(&ground, &mut door, &mut connection), acceptor.accept(peer));
    assert_eq!(told(upgraded), "untrusted certificate");

    ground.targets = vec![target.replace("tcp:", "tls:")];
    let mut door = ground.door();
    let keyring = Keyring::default();
    let peer = async { acceptor.accept(accept(&listener).await).await.map(drop) };
    let dialed = door.dial(&ground.calls, &keyring, &ground.targets[0]);
    let (dialed, _) = tokio::join!(dialed, peer);
    assert_eq!(told(dialed), "untrusted certificate");
}

#[tokio::test]
async fn an_end_without_the_word_of_tls_is_broken() {
    let (listener, target) = listen().await;
    let (acceptor, ca) = acceptor();
    let mut ground = Ground::new(&[&target.replace("tcp:", "tls:")]);
    ground.ca = Some(ca);
    let mut door = ground.door();
    let peer = async { acceptor.accept(accept(&listener).await).await.unwrap() };
    let (mut connection, mut peer) = tokio::join!(ground.dial(&mut door), peer);
    peer.write_all(b"250 half an ans").await.unwrap();
    peer.flush().await.unwrap();
    let (mut peer, _) = peer.into_inner();
    peer.shutdown().await.unwrap();
    assert_eq!(ground.read(&mut door, &mut connection, 100).await, "250 half an ans");
    let read = door.read(&ground.calls, &mut connection, 100, Duration::from_secs(10)).await;
    assert_eq!(told(read), "broken broken");
}
