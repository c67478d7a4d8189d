use super::tls::acceptor;
use super::*;

/// Parks a connection of the first endpoint, and gives the peer's side of it.
async fn parked(ground: &Ground, listener: &TcpListener) -> TcpStream {
    let mut door = ground.door();
    let connection = ground.dial(&mut door).await;
    let peer = accept(listener).await;
    door.park(connection).await;
    peer
}

#[tokio::test]
async fn a_parked_connection_goes_on_where_it_was_in_the_next_store() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);
    let mut peer = parked(&ground, &listener).await;
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    assert!(connection.reused());
    ground.write(&mut door, &mut connection, "RSET").await.unwrap();
    let mut four = [0; 4];
    peer.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"RSET");
}

#[tokio::test]
async fn nobody_else_gets_a_parked_connection() {
    let (listener, target) = listen().await;
    let mut ground = Ground::new(&[&target]);
    let _peer = parked(&ground, &listener).await;
    let same = ground.grant(1);
    let mut table = vec![
        ("another endpoint", ground.grant(2), [0; 32]),
        ("other settings", same.clone(), [1; 32]),
        ("other versions of its secrets", same.clone().with_secrets([1; 32]), [0; 32]),
    ];
    ground.config = format!("{OPEN}clear_text = true\n");
    table.push(("another way", ground.grant(1), [0; 32]));
    ground.config = OPEN.to_owned();
    ground.ca = Some(acceptor().1);
    table.push(("another TLS identity", ground.grant(1), [0; 32]));
    ground.ca = None;
    ground.targets.push("tcp://127.0.0.1:1".to_owned());
    table.push(("another reach", ground.grant(1), [0; 32]));
    for (who, grant, revision) in table {
        let mut door = ground.door_of(grant, revision);
        assert!(!ground.dial(&mut door).await.reused(), "{who}");
        accept(&listener).await;
    }
    let mut door = ground.door_of(same, [0; 32]);
    assert!(ground.dial(&mut door).await.reused(), "it was there all the time");
}

#[tokio::test]
async fn what_has_something_unread_is_closed_instead() {
    let (listener, target) = listen().await;
    let ground = Ground::new(&[&target]);

    // Read by the host, not by the guest.
    let mut door = ground.door();
    let mut connection = ground.dial(&mut door).await;
    let mut peer = accept(&listener).await;
    peer.write_all(b"421 bye").await.unwrap();
    peer.flush().await.unwrap();
    ground.read(&mut door, &mut connection, 3).await;
    door.park(connection).await;
    assert!(!ground.dial(&mut ground.door()).await.reused(), "unread when it was parked");
    accept(&listener).await;

    let mut peer = parked(&ground, &listener).await;
    peer.write_all(b"421 bye").await.unwrap();
    assert!(!ground.dial(&mut ground.door()).await.reused(), "unread when it was taken");
    accept(&listener).await;

    drop(parked(&ground, &listener).await);
    assert!(!ground.dial(&mut ground.door()).await.reused(), "closed by the peer");
    accept(&listener).await;
}

#[tokio::test]
async fn tickets_of_tls_do_not_keep_a_connection_from_being_parked() {
    let (listener, target) = listen().await;
    let (acceptor, ca) = acceptor();
    let mut ground = Ground::new(&[&target.replace("tcp:", "tls:")]);
    ground.ca = Some(ca);
    let mut door = ground.door();
    let peer = async { acceptor.accept(accept(&listener).await).await.unwrap() };
    let (mut connection, mut peer) = tokio::join!(ground.dial(&mut door), peer);
    // Nothing is ever read: the tickets of TLS 1.3 lie in the socket.
    ground.write(&mut door, &mut connection, "<14>1 log").await.unwrap();
    let mut nine = [0; 9];
    peer.read_exact(&mut nine).await.unwrap();
    door.park(connection).await;
    let connection = ground.dial(&mut door).await;
    assert!(connection.reused() && connection.is_encrypted());
    door.park(connection).await;
    peer.write_all(b"?").await.unwrap();
    peer.flush().await.unwrap();
    let peer = async { acceptor.accept(accept(&listener).await).await.unwrap() };
    let (connection, _peer) = tokio::join!(ground.dial(&mut door), peer);
    assert!(!connection.reused(), "what the peer itself says counts");
}

#[tokio::test]
async fn of_one_target_what_is_encrypted_comes_first() {
    let (listener, target) = listen().await;
    let (acceptor, ca) = acceptor();
    let mut ground = Ground::new(&[&target]);
    ground.ca = Some(ca);
    let mut door = ground.door();
    let mut first = ground.dial(&mut door).await;
    let peer = accept(&listener).await;
    let keyring = Keyring::default();
    let upgraded = door.start_tls(&ground.calls, &keyring, &mut first);
    let (upgraded, _tls_peer) = tokio::join!(upgraded, acceptor.accept(peer));
    upgraded.unwrap();
    let second = ground.dial(&mut door).await;
    let _peer = accept(&listener).await;
    door.park(first).await;
    door.park(second).await;
    assert!(ground.dial(&mut door).await.is_encrypted());
    assert!(!ground.dial(&mut door).await.is_encrypted());
}
