//! Connections that wait for the next message of their endpoint.
//!
//! Promise: one is used again only under the same tenant, endpoint, target, TLS identity, grant,
//! secrets and settings, while it is young, was not silent for long, and has nothing unread.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, sleep};

use super::super::egress::PoolKey;
use super::connection::{Line, Stream};
use super::pending::{self, Pending};

/// Below the 60 s after which many servers and load balancers close.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// So that a change of an address or a certificate takes effect.
const AGE_MAX: Duration = Duration::from_secs(300);

/// Of one key.
const COUNT_MAX: usize = 16;

/// Over all keys.
const TOTAL_MAX: usize = 256;

/// Whose connections may be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ParkedKey {
    pub(super) pool: PoolKey,
    pub(super) revision: [u8; 32],
}

#[derive(Debug, Default)]
pub struct Parked(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    by_key: HashMap<ParkedKey, Vec<Waits>>,
    count: usize,
}

#[derive(Debug)]
struct Waits {
    line: Line,
    since: Instant,
}

impl Waits {
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.since) < IDLE_MAX && now.duration_since(self.line.made) < AGE_MAX
    }
}

impl Parked {
    /// One that is alive and has nothing unread: encrypted rather than not, then the last parked.
    pub(super) async fn take(&self, key: &ParkedKey) -> Option<Line> {
        while let Some(waits) = self.pop(key) {
            let mut line = waits.line;
            if waits.since.elapsed() < IDLE_MAX && is_quiet(&mut line).await {
                line.reused = true;
                return Some(line);
            }
        }
        None
    }

    /// Keeps a connection; one that has something unread is closed.
    pub(super) async fn give(&self, key: ParkedKey, mut line: Line) {
        if is_quiet(&mut line).await {
            self.push(key, line, Instant::now());
        }
    }

    /// Closes what is too old to be used again.
    pub fn sweep(&self) {
        self.waiting(|waiting| waiting.sweep(Instant::now()));
    }

    fn pop(&self, key: &ParkedKey) -> Option<Waits> {
        self.waiting(|waiting| {
            let lines = waiting.by_key.get_mut(key)?;
            let now = Instant::now();
            let before = lines.len();
            lines.retain(|one| one.is_fresh(now));
            let encrypted = lines.iter().rposition(|one| one.line.is_encrypted());
            let found = match encrypted {
                Some(at) => Some(lines.remove(at)),
                None => lines.pop(),
            };
            waiting.count -= before - lines.len();
            if lines.is_empty() {
                waiting.by_key.remove(key);
            }
            found
        })
    }

    fn push(&self, key: ParkedKey, line: Line, now: Instant) {
        self.waiting(|waiting| {
            if waiting.count >= TOTAL_MAX {
                waiting.sweep(now);
            }
            let lines = waiting.by_key.get(&key).map_or(0, Vec::len);
            if waiting.count < TOTAL_MAX && lines < COUNT_MAX {
                waiting.by_key.entry(key).or_default().push(Waits { line, since: now });
                waiting.count += 1;
            }
        });
    }

    fn waiting<T>(&self, work: impl FnOnce(&mut Waiting) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting {
    fn sweep(&mut self, now: Instant) {
        self.by_key.retain(|_, lines| {
            lines.retain(|one| one.is_fresh(now));
            !lines.is_empty()
        });
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}

/// Whether the peer said nothing since the last read. What TLS says for itself does not count:
/// servers send tickets that nobody reads.
async fn is_quiet(line: &mut Line) -> bool {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let socket = match &mut line.stream {
            Stream::Plain(stream) => return is_nothing(&pending::of(stream)),
            Stream::Tls(stream) => {
                let mut room = [0; 1];
                let mut room = ReadBuf::new(&mut room);
                let polled = std::future::poll_fn(|cx| {
                    Poll::Ready(Pin::new(&mut **stream).poll_read(cx, &mut room))
                });
                if polled.await.is_ready() {
                    return false;
                }
                stream.get_ref().0
            }
        };
        if is_nothing(&pending::of(socket)) {
            return true;
        }
        // The kernel has bytes that the runtime was not told of yet.
        sleep(Duration::from_millis(1)).await;
    }
    false
}

fn is_nothing(found: &std::io::Result<Pending>) -> bool {
    matches!(found, Ok(Pending::Nothing))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::capability::egress::{Grant, Reach, Target, Way};
    use crate::ids::{EndpointId, TenantId};

    fn key(endpoint: u32) -> ParkedKey {
        let way = Arc::new(Way::default());
        let grant = Grant::new(TenantId(1), EndpointId(endpoint), Reach::default(), way);
        let target = Target::parse("tcp://127.0.0.1:25").unwrap();
        ParkedKey { pool: grant.target_key(&target), revision: [0; 32] }
    }

    async fn line(listener: &TcpListener, made: Instant) -> (Line, TcpStream) {
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Line { stream: Stream::Plain(near), made, reused: false }, far)
    }

    #[tokio::test]
    async fn what_was_silent_too_long_or_is_too_old_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let before = |ago: Duration| now.checked_sub(ago).unwrap();
        let table = [
            ("young", Duration::ZERO, Duration::ZERO, true),
            ("silent", IDLE_MAX - 5 * second, IDLE_MAX - 5 * second, true),
            ("silent too long", IDLE_MAX, IDLE_MAX, false),
            ("old", second, AGE_MAX - 5 * second, true),
            ("too old", second, AGE_MAX, false),
        ];
        for (what, silent, age, is_kept) in table {
            for is_swept in [false, true] {
                let parked = Parked::default();
                let (line, far) = line(&listener, before(age)).await;
                parked.push(key(1), line, before(silent));
                if is_swept {
                    parked.sweep();
                    assert_eq!(parked.0.lock().unwrap().count, usize::from(is_kept), "{what}");
                }
                assert_eq!(parked.take(&key(1)).await.is_some(), is_kept, "{what}, {is_swept}");
                let mut one = [0];
                let ended = far.readable().await.and_then(|()| far.try_read(&mut one));
                assert_eq!(ended.unwrap(), 0, "{what}: the peer sees the end");
                assert_eq!(parked.0.lock().unwrap().count, 0, "{what}");
            }
        }
    }

    #[tokio::test]
    async fn so_many_of_one_key_and_of_all_and_no_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (parked, now) = (Parked::default(), Instant::now());
        let mut peers = Vec::new();
        for endpoint in 1..=17 {
            for _ in 0..=COUNT_MAX {
                let (line, far) = line(&listener, now).await;
                parked.give(key(endpoint), line).await;
                peers.push(far);
            }
            let waiting = parked.0.lock().unwrap();
            let of_one = waiting.by_key.get(&key(endpoint)).map_or(0, Vec::len);
            let room = TOTAL_MAX - (usize::try_from(endpoint).unwrap() - 1) * COUNT_MAX;
            assert_eq!(of_one, COUNT_MAX.min(room), "{endpoint}");
        }
        assert_eq!(parked.0.lock().unwrap().count, TOTAL_MAX);
    }
}
