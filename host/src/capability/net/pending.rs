//! What a socket has to read, by the kernel's word. The runtime's own view lags behind it.

use std::io;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::net::TcpStream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    Nothing,
    Bytes,
    /// The peer closed.
    Ended,
}

/// Looks, and takes nothing.
pub(super) fn of(socket: &TcpStream) -> io::Result<Pending> {
    let mut one = [0_u8];
    loop {
        match rustix::net::recv(socket, &mut one, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Ok(Pending::Ended),
            Ok(_) => return Ok(Pending::Bytes),
            Err(Errno::WOULDBLOCK) => return Ok(Pending::Nothing),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
