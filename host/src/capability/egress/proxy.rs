//! A tunnel through the operator's HTTP proxy.
//!
//! Promise: the proxy is asked for an address that has passed, never for a name; and not a byte
//! beyond its answer is read, so that what the peer says first is there for whoever speaks to it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::policy::Proxy;
use crate::ids::Secret;

/// Bytes of a proxy's answer to CONNECT.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Asks the proxy at the other end of `stream` for `address` (RFC 9110, 9.3.6).
pub(super) async fn tunnel(
    stream: &mut TcpStream,
    proxy: &Proxy,
    address: SocketAddr,
) -> io::Result<()> {
    let authorization = proxy.authorization.as_ref().map(Secret::expose);
    let authorization =
        authorization.map(|value| format!("proxy-authorization: {value}\r\n")).unwrap_or_default();
    let request = Secret::new(format!(
        "CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n{authorization}\r\n"
    ));
    stream.write_all(request.expose().as_bytes()).await?;
    let head = head(stream).await?;
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(io::Error::other(
            "the proxy asks for a login (407); see `proxy_authorization_file`",
        )),
        Some(status) => Err(io::Error::other(format!("the proxy answered {status}"))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the proxy does not speak HTTP")),
    }
}

/// Reads up to the empty line, and nothing after it.
async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut seen = [0; 1024];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = head.len();
        head.extend_from_slice(&seen[..count]);
        let from = before.saturating_sub(3);
        let end = head[from..].windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.map(|at| from + at + 4);
        head.truncate(end.unwrap_or(head.len()));
        let taken = head.len() - before;
        stream.read_exact(&mut seen[..taken]).await?;
        if end.is_some() {
            return Ok(head);
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the proxy's answer has no end",
            ));
        }
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut parts = line.split(|byte| *byte == b' ');
    parts.next().filter(|version| version.starts_with(b"HTTP/1."))?;
    let status = std::str::from_utf8(parts.next()?).ok()?;
    status.parse().ok().filter(|status| (100..=999).contains(status))
}
