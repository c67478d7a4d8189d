//! Connections kept for the next request of the same tenant, endpoint, origin and grant.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;

use super::Peer;
use crate::ids::{EndpointId, TenantId};

/// Below the 60 s after which many load balancers close.
const IDLE_MAX: Duration = Duration::from_secs(55);

/// So that a change of an address or a certificate takes effect.
const AGE_MAX: Duration = Duration::from_secs(300);

/// Idle connections of one key.
const IDLE_COUNT_MAX: usize = 64;

/// Idle connections over all keys.
const IDLE_TOTAL_MAX: usize = 1024;

/// Whose connections may be used for a request; made by `Grant`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolKey {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) peer: Peer,
    pub(super) identity: [u8; 32],
    pub(super) revision: [u8; 32],
}

/// One connection, ready for a request or busy with one. Its bytes move only while it is driven:
/// whoever has a request under way drives it, so that no task of its own has to be woken.
pub struct Connection {
    pub sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    ended: bool,
    made: Instant,
    idle_since: Instant,
    /// Served a request before.
    pub reused: bool,
}

/// Moves the bytes of one connection until it closes. What goes wrong the request under way hears.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("reused", &self.reused).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(sender: SendRequest<Full<Bytes>>, driver: Driver) -> Self {
        let now = Instant::now();
        Self { sender, driver, ended: false, made: now, idle_since: now, reused: false }
    }

    /// Polls `work`, a use of this connection, and moves the connection's bytes meanwhile. If it
    /// is dropped in the middle, the connection is of no more use.
    pub async fn drive<T>(
        &mut self,
        mut work: impl FnMut(&mut SendRequest<Full<Bytes>>, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        poll_fn(|cx| {
            // Twice: what the first round hands to the connection goes out in the second.
            for _ in 0..2 {
                if !self.ended {
                    self.ended = self.driver.as_mut().poll(cx).is_ready();
                }
                if let Poll::Ready(done) = work(&mut self.sender, cx) {
                    return Poll::Ready(done);
                }
            }
            Poll::Pending
        })
        .await
    }

    fn fresh_enough(&self, now: Instant) -> bool {
        !self.ended
            && !self.sender.is_closed()
            && now.duration_since(self.idle_since) < IDLE_MAX
            && now.duration_since(self.made) < AGE_MAX
    }
}

#[derive(Debug, Default)]
pub struct Pool(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    by_key: HashMap<PoolKey, Vec<Connection>>,
    count: usize,
}

impl Pool {
    /// The connection that was used last, if one is alive.
    pub fn take(&self, key: &PoolKey) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let connections = idle.by_key.get_mut(key)?;
        let before = connections.len();
        let mut found = None;
        while let Some(connection) = connections.pop() {
            if connection.fresh_enough(now) {
                found = Some(connection);
                break;
            }
        }
        let gone = before - connections.len();
        if connections.is_empty() {
            idle.by_key.remove(key);
        }
        idle.count -= gone;
        found
    }

    /// Keeps a connection whose answer was read to its end.
    pub fn give_back(&self, key: PoolKey, mut connection: Connection) {
        let now = Instant::now();
        connection.idle_since = now;
        connection.reused = true;
        if !connection.fresh_enough(now) {
            return;
        }
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.count >= IDLE_TOTAL_MAX {
            idle.sweep(now);
        }
        if idle.count >= IDLE_TOTAL_MAX {
            return;
        }
        let connections = idle.by_key.entry(key).or_default();
        if connections.len() < IDLE_COUNT_MAX {
            connections.push(connection);
            idle.count += 1;
        }
    }

    /// Closes what is too old to be used again. Nobody drives an idle connection, so only this
    /// notices that it has become useless.
    pub fn sweep(&self, now: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sweep(now);
    }
}

impl Idle {
    fn sweep(&mut self, now: Instant) {
        self.by_key.retain(|_, connections| {
            connections.retain(|one| one.fresh_enough(now));
            !connections.is_empty()
        });
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use url::Url;

    use super::super::{Grant, Origin, Reach};
    use super::*;

    fn key(endpoint: u32) -> PoolKey {
        let origin = Origin::of(&Url::parse("http://127.0.0.1:9").unwrap()).unwrap();
        let (endpoint, way) = (EndpointId(endpoint), Arc::default());
        Grant::new(TenantId::DEFAULT, endpoint, Reach::default(), way).pool_key(&origin)
    }

    async fn connection() -> (Connection, DuplexStream) {
        let (near, far) = duplex(1024);
        let (sender, driver) = http1::handshake(TokioIo::new(near)).await.unwrap();
        let driver = Box::pin(async move {
            let _ = driver.await;
        });
        (Connection::new(sender, driver), far)
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed_once_it_is_too_old_to_be_used() {
        let pool = Pool::default();
        let (connection, mut far) = connection().await;
        pool.give_back(key(1), connection);
        pool.sweep(Instant::now() + IDLE_MAX - Duration::from_secs(1));
        assert!(pool.take(&key(2)).is_none(), "another endpoint's");
        let kept = pool.take(&key(1)).expect("still fresh");
        pool.give_back(key(1), kept);
        pool.sweep(Instant::now() + IDLE_MAX);
        assert!(pool.take(&key(1)).is_none());
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0, "the peer sees the end");
    }
}
