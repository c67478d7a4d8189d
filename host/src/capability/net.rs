//! The net door: connections and datagrams of a guest toward the targets that it was granted.
//!
//! Promise: nothing is sent but to a target that was granted, spelled exactly; secrets go out on
//! encrypted connections alone, unless the operator granted clear text; and nothing that came
//! before an upgrade to TLS is seen after it.
//!
//! What the host sees: a connection awaits an answer from the first byte written until something
//! is read or it is parked. One that was left waiting puts the whole call in doubt, whatever the
//! component does next. Datagrams are never answered.
//!
//! Not here: names, addresses and certificates (`egress`), and what the bytes mean.

mod connection;
mod datagram;
mod error;
mod parked;
mod pending;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use connection::Connection;
pub use error::NetError;
pub use parked::Parked;

use super::budget::CallBudget;
use super::egress::{ConnectError, Connector, Grant, Target, Transport};
use super::secrets::{Fill, Keyring, Login, Toward};
use crate::delivery::Seen;
use connection::{Line, Stream};
use parked::ParkedKey;

/// Connections that one store may have open.
const OPEN_MAX: usize = 8;

/// Longest wait for a name, a connection and its TLS.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Bytes that one read gives.
const READ_MAX: usize = 64 << 10;

/// What all net doors share.
#[derive(Debug, Default)]
pub struct NetGate {
    pub connector: Connector,
    pub parked: Parked,
}

/// One store's way to TCP, TLS, UDP and local datagrams.
#[derive(Debug)]
pub struct NetDoor {
    gate: Arc<NetGate>,
    grant: Grant,
    /// What a parked connection depends on beside the grant: settings, component.
    revision: [u8; 32],
    deadline: Instant,
    open: usize,
    seen: Seen,
    /// Tells the connections of the present call from those of earlier ones.
    call: u64,
    /// Connections of this call that await an answer, and those that were left so.
    waiting: usize,
}

impl NetDoor {
    /// `revision`: a hash of what else decides how a connection is used; one that was parked under
    /// another is not used again.
    pub fn new(gate: Arc<NetGate>, grant: Grant, revision: [u8; 32]) -> Self {
        let deadline = Instant::now();
        Self {
            gate,
            grant,
            revision,
            deadline,
            open: 0,
            seen: Seen::default(),
            call: 0,
            waiting: 0,
        }
    }

    /// Starts a call: nothing lasts beyond `deadline`, and what was seen starts anew.
    pub fn begin(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.seen = Seen::default();
        self.call += 1;
        self.waiting = 0;
    }

    /// What the host saw since the call began.
    pub fn seen(&self) -> Seen {
        Seen { unanswered: self.waiting > 0, ..self.seen.clone() }
    }

    /// A connection to a `tcp` or `tls` target: one that was parked, or a new one.
    pub async fn dial(
        &mut self,
        calls: &CallBudget,
        keyring: &Keyring,
        target: &str,
    ) -> Result<Connection, NetError> {
        calls.take_call()?;
        let (grant, target) = self.granted(target)?;
        let Target::Network { transport: Transport::Tcp | Transport::Tls, .. } = target else {
            return Err(NetError::Datagrams);
        };
        if self.open >= OPEN_MAX {
            return Err(NetError::Open { count_max: OPEN_MAX });
        }
        let key = ParkedKey { pool: grant.target_key(&target), revision: self.revision };
        let until = self.deadline.min(Instant::now() + CONNECT_MAX);
        let line = match self.gate.parked.take(&key).await {
            Some(line) => line,
            None => match tokio::time::timeout_at(until, self.connect(&grant, &target)).await {
                Ok(connected) => Line::new(connected?),
                Err(_) => return Err(NetError::ConnectTimeout),
            },
        };
        self.open += 1;
        let redactor = keyring.stream(&target.to_string());
        Ok(Connection::new(line, grant, target, key, redactor))
    }

    /// Sends all bytes, credentials filled in.
    pub async fn write(
        &mut self,
        calls: &CallBudget,
        keyring: &mut Keyring,
        connection: &mut Connection,
        bytes: &[u8],
    ) -> Result<(), NetError> {
        calls.take_call()?;
        connection.line()?;
        let is_safe = connection.is_encrypted() || connection.grant.way.clear_text();
        let to = connection.target.to_string();
        let mut fill = Fill::new(keyring, Toward { to: &to, is_safe });
        let filled = fill.connection(bytes, &mut connection.login)?;
        let bytes = filled.as_ref().map_or(bytes, |filled| &filled[..]);
        calls.take_out(bytes.len())?;
        if filled.is_some() {
            // What was composed and goes out now is looked for in the answers.
            connection.redact_with(keyring.stream(&to));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.seen.origin = Some(to);
        self.seen.status = None;
        if connection.awaits.replace(self.call) != Some(self.call) {
            self.waiting += 1;
        }
        // As many as may have left, if it breaks in the middle.
        self.seen.sent_bytes += bytes.len() as u64;
        connection.write(bytes, self.deadline).await
    }

    /// At most `max` bytes; empty: the peer closed. Timeout 0: what is there.
    pub async fn read(
        &mut self,
        calls: &CallBudget,
        connection: &mut Connection,
        max: u32,
        timeout: Duration,
    ) -> Result<Vec<u8>, NetError> {
        calls.take_call()?;
        if max == 0 {
            return Err(NetError::NoRoom);
        }
        if calls.in_left() == 0 {
            calls.take_in(1)?;
        }
        let max = usize::try_from(max).unwrap_or(READ_MAX).min(READ_MAX).min(calls.in_left());
        let read = connection.read(max, timeout, self.deadline).await?;
        calls.take_in(read.len())?;
        if !read.is_empty() {
            self.seen.received_bytes += read.len() as u64;
            self.answered(connection);
        }
        Ok(read)
    }

    /// Upgrades in place, with the name of the grant.
    pub async fn start_tls(
        &mut self,
        calls: &CallBudget,
        keyring: &Keyring,
        connection: &mut Connection,
    ) -> Result<(), NetError> {
        calls.take_call()?;
        let until = self.deadline.min(Instant::now() + CONNECT_MAX);
        let connector = &self.gate.connector;
        let redactor = keyring.stream(&connection.target.to_string());
        connection.upgrade(connector, redactor, until).await
    }

    /// Keeps the connection for a later call of this endpoint, if it is fit for that.
    pub async fn park(&mut self, mut connection: Connection) {
        self.answered(&mut connection);
        self.open -= 1;
        if let Some((key, line)) = connection.into_parked() {
            self.gate.parked.give(key, line).await;
        }
    }

    /// Closes the connection in order. If it awaits an answer, that stays so.
    pub async fn close(&mut self, connection: Connection) {
        self.open -= 1;
        connection.close(self.deadline).await;
    }

    /// One datagram, credentials filled in.
    pub async fn send_datagram(
        &mut self,
        calls: &CallBudget,
        keyring: &mut Keyring,
        target: &str,
        bytes: &[u8],
    ) -> Result<(), NetError> {
        calls.take_call()?;
        let (grant, target) = self.granted(target)?;
        let to = target.to_string();
        let is_safe = grant.way.clear_text();
        // No login is a datagram: a secret in one is misuse.
        let mut fill = Fill::new(keyring, Toward { to: &to, is_safe });
        let filled = fill.connection(bytes, &mut Login::over())?;
        let bytes = filled.as_ref().map_or(bytes, |filled| &filled[..]);
        calls.take_out(bytes.len())?;
        let connector = &self.gate.connector;
        datagram::send(connector, &grant, &target, bytes, self.deadline).await?;
        self.seen.origin = Some(to);
        self.seen.status = None;
        self.seen.sent_bytes += bytes.len() as u64;
        Ok(())
    }

    fn granted(&self, target: &str) -> Result<(Grant, Target), NetError> {
        let target = Target::parse(target)?;
        self.grant.allows_target(&target)?;
        Ok((self.grant.clone(), target))
    }

    async fn connect(&self, grant: &Grant, target: &Target) -> Result<Stream, ConnectError> {
        let Target::Network { transport, host, port } = target else {
            unreachable!("`dial` takes network targets alone");
        };
        let stream = self.gate.connector.tcp(grant, host, *port).await?;
        if *transport != Transport::Tls {
            return Ok(Stream::Plain(stream));
        }
        let stream = self.gate.connector.tls(grant, host, stream).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    fn answered(&mut self, connection: &mut Connection) {
        if connection.awaits.take() == Some(self.call) {
            self.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
