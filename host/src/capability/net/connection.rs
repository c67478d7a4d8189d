//! One connection of a guest, plain or encrypted.
//!
//! Promise: after an error in the middle nothing more is sent or read; an upgrade leaves nothing of
//! what came before it; secrets that the peer repeats are taken out, also across reads.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::super::egress::{Connector, Grant, Target};
use super::super::secrets::{Login, StreamRedactor};
use super::error::NetError;
use super::parked::ParkedKey;
use super::pending::{self, Pending};

/// Longest wait for a peer when a connection is closed.
const CLOSE_MAX: Duration = Duration::from_millis(500);

/// How long what the kernel has already may take to be read.
const THERE_MAX: Duration = Duration::from_millis(100);

/// Bytes that are read at once: a TLS record.
const AT_ONCE: usize = 16 << 10;

/// The bytes of one connection.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream and its past: what is parked.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: Stream,
    pub(super) made: Instant,
    pub(super) reused: bool,
}

impl Line {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, made: Instant::now(), reused: false }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    async fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(buffer).await,
            Stream::Tls(stream) => stream.read(buffer).await,
        }
    }

    async fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn shutdown(&mut self) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
        }
    }
}

/// A guest's handle to a connection.
pub struct Connection {
    /// `None`: closed, by an error or an upgrade that failed.
    line: Option<Line>,
    /// The peer said that nothing more comes.
    is_ended: bool,
    redactor: StreamRedactor,
    /// Whether a secret may still be written on it.
    pub(super) login: Login,
    /// Read and redacted, and more than the guest had room for.
    shown: Vec<u8>,
    pub(super) grant: Grant,
    pub(super) target: Target,
    key: ParkedKey,
    /// The call in which something was written that nothing was read after.
    pub(super) awaits: Option<u64>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(
        line: Line,
        grant: Grant,
        target: Target,
        key: ParkedKey,
        redactor: StreamRedactor,
    ) -> Self {
        let login = if line.reused { Login::over() } else { Login::default() };
        Self {
            line: Some(line),
            is_ended: false,
            redactor,
            login,
            shown: Vec::new(),
            grant,
            target,
            key,
            awaits: None,
        }
    }

    /// An earlier call of this endpoint parked it.
    pub fn reused(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.reused)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.line.as_ref().is_some_and(Line::is_encrypted)
    }

    pub(super) fn line(&self) -> Result<&Line, NetError> {
        self.line.as_ref().ok_or(NetError::Closed)
    }

    /// Looks for other secrets from now on.
    pub(super) fn redact_with(&mut self, redactor: StreamRedactor) {
        self.redactor.change_to(redactor);
    }

    pub(super) async fn write(&mut self, bytes: &[u8], until: Instant) -> Result<(), NetError> {
        // Taken out, so that a write that is dropped in the middle leaves nothing to go on with.
        let mut line = self.line.take().ok_or(NetError::Closed)?;
        match timeout_at(until, line.write_all(bytes)).await {
            Ok(Ok(())) => {
                self.line = Some(line);
                Ok(())
            }
            Ok(Err(error)) => Err(NetError::Broken(error)),
            Err(_) => Err(NetError::WriteTimeout),
        }
    }

    pub(super) async fn read(
        &mut self,
        max: usize,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Vec<u8>, NetError> {
        let until = Instant::now().checked_add(timeout).map_or(deadline, |at| at.min(deadline));
        // As much as there is, whatever the guest has room for: else it could have a service repeat
        // a guess, end a read within it, and see whether it is held back.
        let mut buffer = vec![0; if self.shown.is_empty() { AT_ONCE } else { 0 }];
        while self.shown.is_empty() && !self.is_ended {
            let line = self.line.as_mut().ok_or(NetError::Closed)?;
            let read = match timeout_at(until, line.read(&mut buffer)).await {
                Ok(read) => read,
                Err(_) => match timeout.is_zero() {
                    true => there(line, &mut buffer).await.ok_or(NetError::ReadTimeout)?,
                    false => return Err(NetError::ReadTimeout),
                },
            };
            match read {
                Ok(0) => {
                    self.is_ended = true;
                    self.shown = self.redactor.finish();
                }
                // Nothing, if it could be the beginning of a secret.
                Ok(length) => self.shown = self.redactor.push(&buffer[..length]),
                Err(error) => {
                    self.line = None;
                    return Err(NetError::Broken(error));
                }
            }
        }
        let rest = self.shown.split_off(self.shown.len().min(max));
        Ok(std::mem::replace(&mut self.shown, rest))
    }

    /// From here on everything is encrypted, and nothing is left of what came before.
    pub(super) async fn upgrade(
        &mut self,
        connector: &Connector,
        redactor: StreamRedactor,
        until: Instant,
    ) -> Result<(), NetError> {
        if self.is_encrypted() {
            return Err(NetError::Encrypted);
        }
        let Target::Network { host, .. } = &self.target else { return Err(NetError::Closed) };
        let Some(Line { stream: Stream::Plain(stream), made, reused }) = self.line.take() else {
            return Err(NetError::Closed);
        };
        let held = self.redactor.finish();
        let has_unread = !held.is_empty() || !self.shown.is_empty();
        self.shown.clear();
        self.redactor = redactor;
        self.login = Login::default();
        match pending::of(&stream) {
            Ok(Pending::Nothing) if !has_unread && !self.is_ended => {}
            Ok(Pending::Ended) if !has_unread => return Err(NetError::Closed),
            Ok(_) => return Err(NetError::DataBeforeTls),
            Err(error) => return Err(NetError::Broken(error)),
        }
        match timeout_at(until, connector.tls(&self.grant, host, stream)).await {
            Ok(stream) => {
                self.line = Some(Line { stream: Stream::Tls(Box::new(stream?)), made, reused });
                Ok(())
            }
            Err(_) => Err(NetError::ConnectTimeout),
        }
    }

    /// What is kept of it; nothing if it is closed, or the peer said more than was read.
    pub(super) fn into_parked(mut self) -> Option<(ParkedKey, Line)> {
        let is_read = self.shown.is_empty() && self.redactor.finish().is_empty();
        let line = self.line.filter(|_| is_read && !self.is_ended)?;
        Some((self.key, line))
    }

    /// Says that nothing more comes, and waits for that to be taken, but not for long.
    pub(super) async fn close(self, deadline: Instant) {
        let until = deadline.min(Instant::now() + CLOSE_MAX);
        if let Some(mut line) = self.line {
            let _ = timeout_at(until, line.shutdown()).await;
            // What is unread when a socket closes would take back what was sent.
            let mut unread = [0; 4096];
            while let Some(Ok(1..)) = there(&mut line, &mut unread).await {
                if Instant::now() >= until {
                    break;
                }
            }
        }
    }
}

/// What the kernel has already but has not told yet; `None`: nothing.
async fn there(line: &mut Line, buffer: &mut [u8]) -> Option<std::io::Result<usize>> {
    let socket = match &line.stream {
        Stream::Plain(stream) => stream,
        Stream::Tls(stream) => stream.get_ref().0,
    };
    if matches!(pending::of(socket), Ok(Pending::Nothing)) {
        return None;
    }
    // With TLS, it may be less than a record.
    tokio::time::timeout(THERE_MAX, line.read(buffer)).await.ok()
}
