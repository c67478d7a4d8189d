//! A client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}

#[derive(Debug)]
pub(super) struct Peer(TcpStream);

pub(super) async fn connect(to: SocketAddr) -> Peer {
    Peer(TcpStream::connect(to).await.unwrap())
}

pub(super) async fn exchange(to: SocketAddr, request: &[u8]) -> Answer {
    let mut peer = connect(to).await;
    peer.send(request).await;
    peer.answer().await
}

impl Peer {
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The answer, by its `Content-Length`.
    pub(super) async fn answer(mut self) -> Answer {
        let read = async {
            let mut bytes = Vec::new();
            loop {
                if let Some(answer) = parse(&bytes) {
                    return answer;
                }
                let read = self.0.read_buf(&mut bytes).await.unwrap();
                assert_ne!(read, 0, "ended in {:?}", String::from_utf8_lossy(&bytes));
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("an answer in time")
    }

    /// Whether the server closes the connection, in time and without a byte.
    pub(super) async fn reads_end(&mut self) -> bool {
        let read = self.0.read_u8();
        tokio::time::timeout(DEADLINE, read).await.is_ok_and(|read| read.is_err())
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let head: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = head.iter().find(|(name, _)| name == "content-length")?.1.parse().unwrap();
    (body.len() >= length).then(|| Answer { status, head, body: body[..length].to_owned() })
}
