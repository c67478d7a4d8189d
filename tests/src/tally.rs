//! A receiver for measuring: it notes when each serial number arrived, and nothing else.
//!
//! Not here: anything of a message but its serial number (`capture` keeps it whole).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::alerts::SERIAL;

/// A running receiver; it stops when dropped.
#[derive(Debug)]
pub struct Tally {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    begun: Instant,
    /// Nanoseconds after `begun` at which each number came first; 0: it did not.
    first: Vec<AtomicU64>,
    /// Requests, repeats included.
    requests: AtomicUsize,
    /// Numbers that have come.
    distinct: AtomicUsize,
    /// How many of them somebody waits for.
    awaited: AtomicUsize,
    enough: Notify,
}

impl Tally {
    /// Takes serial numbers below `count`.
    pub async fn start(count: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            first: (0..count).map(|_| AtomicU64::new(0)).collect(),
            requests: AtomicUsize::new(0),
            distinct: AtomicUsize::new(0),
            awaited: AtomicUsize::new(usize::MAX),
            enough: Notify::new(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _server: server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits until `count` different numbers have come; `false` once `deadline` has passed.
    /// One waiter at a time.
    pub async fn sees(&self, count: usize, deadline: Duration) -> bool {
        self.shared.awaited.store(count, Relaxed);
        let enough = async {
            while self.distinct() < count {
                self.shared.enough.notified().await;
            }
        };
        tokio::time::timeout(deadline, enough).await.is_ok()
    }

    pub fn distinct(&self) -> usize {
        self.shared.distinct.load(Relaxed)
    }

    /// Requests until now, repeats included.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Relaxed)
    }

    /// When this number came first.
    pub fn arrival(&self, serial: usize) -> Option<Instant> {
        let after = self.shared.first.get(serial)?.load(Relaxed);
        (after > 0).then(|| self.shared.begun + Duration::from_nanos(after))
    }
}

impl Shared {
    fn note(&self, body: &[u8]) {
        let now = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Relaxed);
        let Some(first) = serial(body).and_then(|serial| self.first.get(serial)) else { return };
        if first.compare_exchange(0, now.max(1), Relaxed, Relaxed).is_ok()
            && self.distinct.fetch_add(1, Relaxed) + 1 >= self.awaited.load(Relaxed)
        {
            self.enough.notify_one();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        conversations.spawn(converse(stream, Arc::clone(&shared)));
        while conversations.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 16);
    loop {
        let mut used = 0;
        while let Some((body, end)) = request(&buffer[used..])? {
            shared.note(&buffer[used..][body..end]);
            used += end;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
        buffer.drain(..used);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// Where the body of the first request starts and ends, once it is whole.
fn request(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head_text = std::str::from_utf8(&bytes[..head]).map_err(io::Error::other)?;
    let length = head_text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.ok_or_else(|| io::Error::other("expected a content-length"))?;
    let end = head + 4 + length;
    Ok((bytes.len() >= end).then_some((head + 4, end)))
}

/// The first serial number in a body.
fn serial(body: &[u8]) -> Option<usize> {
    let at = body.windows(SERIAL.len()).position(|word| word == SERIAL.as_bytes())?;
    let digits = body[at + SERIAL.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{envelope, flow};
    use crate::client::{Ask, Client};

    #[tokio::test]
    async fn each_number_is_counted_once_and_repeats_are_seen_as_requests() {
        let tally = Tally::start(10).await.unwrap();
        let mut client = Client::connect(tally.address()).await.unwrap();
        for serial in [3, 4, 3, 11] {
            let answer = client.send(&Ask::post("/hook", envelope([flow(serial)]))).await.unwrap();
            assert_eq!(answer.status, 200, "serial {serial}");
        }
        assert!(tally.sees(2, Duration::from_secs(5)).await);
        assert_eq!((tally.distinct(), tally.requests()), (2, 4));
        assert!(tally.arrival(3).unwrap() < tally.arrival(4).unwrap());
        assert_eq!(tally.arrival(5), None);
        assert!(!tally.sees(3, Duration::from_millis(1)).await);
    }

    #[test]
    fn a_request_is_whole_when_its_last_byte_is_there() {
        let whole = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST".as_slice();
        let end = whole.len() - 4;
        assert_eq!(request(whole).unwrap(), Some((end - 3, end)));
        assert_eq!(request(&whole[..end - 1]).unwrap(), None);
        assert_eq!(request(&whole[..10]).unwrap(), None);
        assert!(request(b"POST / HTTP/1.1\r\n\r\n").is_err());
    }
}
