//! One datagram, to a host or to a socket of this machine.
//!
//! Promise: a socket of this machine is used only at a path that the operator granted, without
//! following a link, and what was looked at is what is sent to.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout_at};

use super::super::egress::{Connector, Grant, Target, Transport};
use super::CONNECT_MAX;
use super::error::NetError;

/// Of IPv4: 65,535 bytes less the headers of IP and UDP.
const UDP_BYTES_MAX: u32 = 65_507;

/// What every way takes that IPv6 goes: 1,280 bytes less the headers of IPv6 and UDP.
const ANY_WAY_BYTES_MAX: u32 = 1_232;

/// What the kernel keeps for itself of the send buffer of a local socket.
const OVERHEAD_BYTES: usize = 32;

pub(super) async fn send(
    connector: &Connector,
    grant: &Grant,
    target: &Target,
    bytes: &[u8],
    deadline: Instant,
) -> Result<(), NetError> {
    match target {
        Target::Network { transport: Transport::Udp, host, port } => {
            if bytes.len() > UDP_BYTES_MAX as usize {
                return Err(NetError::TooLarge { bytes_max: UDP_BYTES_MAX });
            }
            let until = deadline.min(Instant::now() + CONNECT_MAX);
            let socket = timeout_at(until, connector.udp(grant, host, *port))
                .await
                .map_err(|_| NetError::ConnectTimeout)??;
            let too_large = || NetError::TooLarge { bytes_max: ANY_WAY_BYTES_MAX };
            sent(timeout_at(deadline, socket.send(bytes)).await, too_large)
        }
        Target::Network { .. } => Err(NetError::NoDatagrams),
        Target::UnixDatagram(path) => {
            if !grant.way.unix_datagram(path) {
                return Err(NetError::SocketNotGranted);
            }
            let socket = local(path)?;
            sent(timeout_at(deadline, socket.send(bytes)).await, || {
                let buffer = rustix::net::sockopt::socket_send_buffer_size(&socket);
                let most = buffer.unwrap_or_default().saturating_sub(OVERHEAD_BYTES);
                NetError::TooLarge { bytes_max: u32::try_from(most).unwrap_or(u32::MAX) }
            })
        }
    }
}

fn sent(
    result: Result<io::Result<usize>, tokio::time::error::Elapsed>,
    too_large: impl FnOnce() -> NetError,
) -> Result<(), NetError> {
    match result {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
            Err(too_large())
        }
        Ok(Err(error)) => Err(NetError::Unsent(error)),
        Err(_) => Err(NetError::DatagramTimeout),
    }
}

/// A socket that sends to the one at `path`.
fn local(path: &Path) -> Result<UnixDatagram, NetError> {
    let found = look(path)?;
    let socket = UnixDatagram::unbound().map_err(NetError::Unsent)?;
    // By its number, and not by its name: that may lead elsewhere by now.
    let by_number = format!("/proc/self/fd/{}", found.as_raw_fd());
    socket.connect(by_number).map_err(|error| match error.raw_os_error() {
        // A socket for streams.
        Some(code) if code == Errno::PROTOTYPE.raw_os_error() => NetError::NoSocket,
        _ => NetError::Unsent(error),
    })?;
    Ok(socket)
}

/// The socket at `path`, which is absolute and plain, opened as a mere reference: part by part, and
/// no part may be a link.
fn look(path: &Path) -> Result<OwnedFd, NetError> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Not to be read: an engine that is shut in may not.
    let mut at = rustix::fs::open("/", step, Mode::empty())
        .map_err(|errno| NetError::Unsent(errno.into()))?;
    for part in path.components() {
        let Component::Normal(part) = part else { continue };
        at = rustix::fs::openat(&at, part, step, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => NetError::NoSocket,
            other => NetError::Unsent(other.into()),
        })?;
        let of = rustix::fs::fstat(&at).map_err(|errno| NetError::Unsent(errno.into()))?;
        if FileType::from_raw_mode(of.st_mode) == FileType::Symlink {
            return Err(NetError::SocketLink);
        }
    }
    let of = rustix::fs::fstat(&at).map_err(|errno| NetError::Unsent(errno.into()))?;
    let is_socket = FileType::from_raw_mode(of.st_mode) == FileType::Socket;
    if is_socket { Ok(at) } else { Err(NetError::NoSocket) }
}
