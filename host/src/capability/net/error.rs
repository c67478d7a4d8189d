//! What can go wrong on connections and with datagrams, and which of the contract's errors it is.

use std::io;

use super::super::budget::BudgetError;
use super::super::egress::{ConnectError, Denied, TargetError};
use super::super::log::printable;
use super::super::secrets::Misuse;
use crate::runtime::bindings::net as contract;

const DETAIL_BYTES_MAX: usize = 1 << 10;

/// Why an operation of the net door came to nothing. Shown to the component and to people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    #[error("{0}")]
    Target(#[from] TargetError),
    #[error("{0}")]
    Denied(#[from] Denied),
    #[error("datagrams are sent, not dialed")]
    Datagrams,
    #[error("connections are dialed; only `udp://` and `unix-dgram:` take datagrams")]
    NoDatagrams,
    #[error(transparent)]
    Budget(#[from] BudgetError),
    #[error("{0}")]
    Misuse(#[from] Misuse),
    #[error("more than {count_max} connections would be open at once")]
    Open { count_max: usize },
    #[error("{}", cause(.0))]
    Connect(#[from] ConnectError),
    #[error("no connection in time")]
    ConnectTimeout,
    #[error("the connection is closed")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the peer took nothing more in time; the connection is closed")]
    WriteTimeout,
    #[error("nothing came in time")]
    ReadTimeout,
    #[error("a read needs room for a byte")]
    NoRoom,
    #[error("the connection is encrypted already")]
    Encrypted,
    #[error("the peer sent something before the upgrade to TLS; the connection is closed")]
    DataBeforeTls,
    #[error("a datagram may have at most {bytes_max} bytes here")]
    TooLarge { bytes_max: u32 },
    #[error("the path of the socket is not granted; only the operator can grant it")]
    SocketNotGranted,
    #[error(
        "the path of the socket leads over a link, which is not followed; name the place it \
             leads to"
    )]
    SocketLink,
    #[error("there is no datagram socket at the path")]
    NoSocket,
    #[error("the datagram could not be sent: {0}")]
    Unsent(io::Error),
    #[error("the receiver of datagrams took nothing more in time")]
    DatagramTimeout,
}

impl NetError {
    /// A stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Target(_) | Self::Datagrams | Self::NoDatagrams => "target",
            Self::Denied(denied) => denied.code(),
            Self::Budget(error) => error.code(),
            Self::Misuse(misuse) => misuse.why.code(),
            Self::Open { .. } => "connections-limit",
            Self::Connect(error) => error.code(),
            Self::ConnectTimeout => "connect-timeout",
            Self::Closed => "closed",
            Self::Broken(_) => "broken",
            Self::WriteTimeout | Self::ReadTimeout | Self::DatagramTimeout => "timeout",
            Self::NoRoom => "max",
            Self::Encrypted => "encrypted",
            Self::DataBeforeTls => "data-before-tls",
            Self::TooLarge { .. } => "too-large",
            Self::SocketNotGranted => "socket",
            Self::SocketLink => "socket-link",
            Self::NoSocket => "no-socket",
            Self::Unsent(_) => "unsent",
        }
    }
}

impl From<NetError> for contract::NetError {
    fn from(error: NetError) -> Self {
        let problem = contract::Problem {
            code: error.code().to_owned(),
            detail: printable(&error.to_string(), DETAIL_BYTES_MAX),
        };
        match error {
            NetError::Target(_)
            | NetError::Denied(_)
            | NetError::Datagrams
            | NetError::NoDatagrams
            | NetError::Budget(_)
            | NetError::Misuse(_)
            | NetError::SocketNotGranted
            | NetError::SocketLink
            | NetError::NoSocket => Self::Denied(problem),
            NetError::Connect(error) if error.is_denied() => Self::Denied(problem),
            NetError::Connect(error) if error.is_untrusted() => Self::Untrusted(problem),
            NetError::Open { .. } => Self::Busy(problem),
            NetError::Connect(_) | NetError::ConnectTimeout | NetError::Unsent(_) => {
                Self::Unreachable(problem)
            }
            NetError::Closed | NetError::Broken(_) => Self::Broken(problem),
            NetError::WriteTimeout | NetError::ReadTimeout | NetError::DatagramTimeout => {
                Self::TimedOut(problem)
            }
            NetError::TooLarge { bytes_max } => Self::TooLarge(bytes_max),
            NetError::NoRoom | NetError::Encrypted | NetError::DataBeforeTls => {
                Self::Other(problem)
            }
        }
    }
}

/// The error and what caused it, on one line.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
