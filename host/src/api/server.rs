//! The accept loop: HTTP/1.1 on a bounded number of connections, each a task of its own.
//!
//! Promise: a peer that is slow, silent or greedy costs one connection, for a bounded time; on the
//! stop token no new request is taken, and those under way are answered within the drain time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::Routes;

/// More wait in the kernel's queue until one ends.
const CONNECTIONS_MAX: usize = 1024;
/// Connections that wait in the kernel to be accepted.
const WAITING_MAX: i32 = 1024;
/// For a whole request head, and for the next request on a connection that is kept open.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 32 << 10;
/// When the process has no file handle left, accepting again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the address that the API listens on. Connections wait until [`Server::serve`].
pub fn bind(listen: SocketAddr) -> Result<std::net::TcpListener, BindError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        // The standard library asks for a shorter queue.
        rustix::net::listen(&listener, WAITING_MAX)?;
        Ok(listener)
    };
    bind().map_err(|source| BindError { listen, source })
}

/// A bound socket.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    allowed_hosts: Vec<String>,
}

impl Server {
    /// A socket that was bound, by [`bind`]. Within a runtime.
    pub(super) fn on(
        listener: std::net::TcpListener,
        allowed_hosts: Vec<String>,
    ) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, allowed_hosts })
    }

    /// Where it listens, the port included that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn allowed_hosts(&self) -> &[String] {
        &self.allowed_hosts
    }

    /// Serves `routes` until `stop` is cancelled, then lets requests end for at most `drain`.
    pub async fn serve(self, routes: Routes, stop: CancellationToken, drain: Duration) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(joined) = connections.join_next() => finish(joined),
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    match accepted {
                        Ok((stream, peer)) => {
                            connections.spawn(converse(stream, peer, routes.clone(), stop.clone()));
                        }
                        Err(error) => {
                            warn!(error = %error, "A connection could not be accepted; will retry.");
                            let _ = tokio::time::timeout(ACCEPT_PAUSE, stop.cancelled()).await;
                        }
                    }
                }
            }
        }
        drop(self.listener);
        info!(connections.count = connections.len(), "The API is draining.");
        let drained = async {
            while let Some(joined) = connections.join_next().await {
                finish(joined);
            }
        };
        if tokio::time::timeout(drain, drained).await.is_err() {
            warn!(
                connections.count = connections.len(),
                "Connections were cut at the end of the drain time."
            );
            connections.shutdown().await;
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn converse(stream: TcpStream, peer: SocketAddr, routes: Routes, stop: CancellationToken) {
    // Answers are small, and senders wait for them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(routes.answer(peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(error = %error, "A connection broke.");
    }
}

fn finish(joined: Result<(), JoinError>) {
    if let Err(panic) = joined {
        // Its peer sees the connection end without an answer, and sends again.
        error!(error = %panic, "A connection's task panicked.");
    }
}

/// Why the API has no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}; stop what uses that port, or set another `api.listen`")]
pub struct BindError {
    listen: SocketAddr,
    source: io::Error,
}
