//! One of several addresses: whichever answers first, the earlier ones with a head start (RFC 8305,
//! in short).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest wait for one address.
const ADDRESS_MAX: Duration = Duration::from_secs(3);

/// Head start of an address over the next.
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection to one of `addresses`, and to nothing else.
pub(super) async fn dial(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    if let [only] = addresses[..] {
        return one(only).await;
    }
    let mut tries = JoinSet::new();
    let mut next = addresses.into_iter();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(address) = next.next() {
            tries.spawn(one(address));
        } else if tries.is_empty() {
            return Err(last);
        }
        // Both are safe to drop: a try goes on in its task, and a wait has no effect.
        tokio::select! {
            biased;
            Some(ended) = tries.join_next() => match ended {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(error) => last = io::Error::other(error),
            },
            () = sleep(HEAD_START), if next.len() > 0 => {}
        }
    }
}

async fn one(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(ADDRESS_MAX, TcpStream::connect(address))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    // Small requests must not wait for the answer to the last one.
    let _ = stream.set_nodelay(true);
    if stream.peer_addr()? != address {
        return Err(io::Error::other("another peer than the one asked for"));
    }
    Ok(stream)
}
