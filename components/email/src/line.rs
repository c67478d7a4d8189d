//! A connection as the engine gives it, and the clock of the call.

use std::time::Instant;

use campanile_guest::net::{self, Connection, NetError};
use campanile_guest::secrets::{self, Encoding, Piece, SecretError};

use crate::session::Peer;

/// Bytes asked for at once: any reply.
const READ_BYTES_MAX: u32 = 16 << 10;

/// When the call has to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    ms: u32,
}

impl Deadline {
    /// `ms` milliseconds from now.
    pub(crate) fn within(ms: u32) -> Self {
        Self { began: Instant::now(), ms }
    }

    fn left_ms(self) -> u32 {
        let gone_ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        self.ms.saturating_sub(gone_ms)
    }
}

pub(crate) struct Line {
    connection: Connection,
    deadline: Deadline,
}

impl Line {
    /// To one of the endpoint's own targets: one that was parked, or a new one.
    pub(crate) fn dial(target: &str, deadline: Deadline) -> Result<Self, NetError> {
        Ok(Self { connection: net::dial(target)?, deadline })
    }
}

impl Peer for Line {
    fn reused(&self) -> bool {
        self.connection.reused()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        self.connection.write(bytes)
    }

    fn read(&mut self, timeout_ms: u32) -> Result<Vec<u8>, NetError> {
        self.connection.read(READ_BYTES_MAX, timeout_ms)
    }

    fn start_tls(&mut self) -> Result<(), NetError> {
        self.connection.start_tls()
    }

    fn compose(&mut self, pieces: &[Piece]) -> Result<String, SecretError> {
        secrets::compose(pieces, Encoding::Base64)
    }

    fn left_ms(&self) -> u32 {
        self.deadline.left_ms()
    }

    fn park(self) {
        Connection::park(self.connection);
    }
}
