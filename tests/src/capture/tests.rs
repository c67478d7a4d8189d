use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::client::{Ask, Client};

#[tokio::test]
async fn a_request_is_kept_as_it_came_and_answered_by_its_number() {
    let capture =
        Capture::answering([Reply::later(7), Reply::text(200, "error: no such room")]).await;
    let mut client = Client::connect(capture.address()).await.unwrap();

    let first =
        client.send(&Ask::post("/hook?a=b", "one").with("X-Odd-CASE", " v ")).await.unwrap();
    let second = client.send(&Ask::post("/hook", "two")).await.unwrap();
    let third =
        Client::connect(capture.address()).await.unwrap().send(&Ask::get("/x")).await.unwrap();

    assert_eq!((first.status, first.head.header("retry-after")), (429, Some("7")));
    assert_eq!((second.status, second.text().as_str()), (200, "error: no such room"));
    assert_eq!(third.status, 200);
    let requests = capture.sees(3).await;
    assert_eq!(requests[0].head.line, "POST /hook?a=b HTTP/1.1");
    assert!(requests[0].head.headers.contains(&("X-Odd-CASE".to_owned(), "v".to_owned())));
    assert_eq!((requests[0].text(), requests[1].text()), ("one".to_owned(), "two".to_owned()));
    assert_eq!([0, 1, 2].map(|at: usize| requests[at].connection), [0, 0, 1]);
    assert!(requests[0].arrived < requests[1].arrived);
}

#[tokio::test]
async fn a_rule_sees_the_request_it_answers() {
    let capture =
        Capture::deciding(|request| if request.body == b"bad" { 400 } else { 204 }.into()).await;
    let mut client = Client::connect(capture.address()).await.unwrap();
    for (body, expected) in [("good", 204), ("bad", 400), ("good", 204)] {
        assert_eq!(client.send(&Ask::post("/", body)).await.unwrap().status, expected, "{body}");
    }
}

#[tokio::test]
async fn every_fault_is_on_the_wire_what_it_says() {
    use io::ErrorKind::{ConnectionReset, UnexpectedEof};
    let cut = Reply::Cut { status: 200, promised: 10, body: b"abc".to_vec() };
    let table = [
        // reply, error the client gets, requests that arrived whole
        (Reply::ResetUnread, ConnectionReset, 0),
        (Reply::Reset, ConnectionReset, 1),
        (cut, UnexpectedEof, 1),
    ];
    for (reply, expected, arrived) in table {
        let capture = Capture::answering([reply.clone()]).await;
        let mut client = Client::connect(capture.address()).await.unwrap();
        let error = client.send(&Ask::post("/", "x")).await.expect_err("a fault");
        assert_eq!(error.kind(), expected, "{reply:?}");
        capture.sees_attempts(1).await;
        assert_eq!((capture.attempts(), capture.count()), (1, arrived), "{reply:?}");
    }
}

#[tokio::test]
async fn a_hanging_server_has_read_the_request_and_says_nothing() {
    let capture = Capture::answering([Reply::Hang]).await;
    let mut stream = TcpStream::connect(capture.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx").await.unwrap();
    assert_eq!(capture.sees(1).await[0].body, b"x");
    // Closing our half is what ends it, and not a byte came before.
    stream.shutdown().await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"");
}

#[tokio::test]
async fn a_slow_body_takes_its_time_and_many_headers_all_come() {
    let pace = std::time::Duration::from_millis(20);
    let slow = Reply::Slow { status: 200, body: b"abcd".to_vec(), pace };
    let capture = Capture::answering([slow, Reply::of_many_headers(200, 500)]).await;
    let mut client = Client::connect(capture.address()).await.unwrap();

    let begun = Instant::now();
    assert_eq!(client.send(&Ask::get("/")).await.unwrap().text(), "abcd");
    assert!(begun.elapsed() >= 3 * pace, "{:?}", begun.elapsed());
    let many = client.send(&Ask::get("/")).await.unwrap();
    assert_eq!(many.head.headers.len(), 501);
}

#[tokio::test]
async fn an_endless_body_goes_on_until_the_peer_leaves() {
    let capture = Capture::answering([Reply::Endless { status: 200 }]).await;
    let mut stream = TcpStream::connect(capture.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..8 {
        stream.read_exact(&mut chunk).await.unwrap();
    }
    drop(stream);
    // The server is free for the next one.
    assert_eq!(
        Client::connect(capture.address())
            .await
            .unwrap()
            .send(&Ask::get("/"))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn silence_comes_after_the_last_byte_of_a_peer_that_is_gone() {
    const PEERS: usize = 64;
    let capture = Capture::answering([200]).await;
    for _ in 0..PEERS {
        // Gone before the server has even seen it.
        let mut gone = TcpStream::connect(capture.address()).await.unwrap();
        gone.write_all(b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx").await.unwrap();
    }
    capture.falls_silent().await;
    assert_eq!(capture.count(), PEERS);
}
