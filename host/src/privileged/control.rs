//! The engine's end of its connection to the monitor: single letters, and sockets handed over.
//!
//! Promise: the monitor reads no more from its engine than one letter at a time, so that nothing that
//! came from outside reaches it.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::warn;

use super::compiler::Compilers;
use super::natives::{Links, Native};

/// The engine asks for a compiler; the monitor hands a socket to one over.
pub(super) const COMPILER: u8 = b'c';
/// The engine answers: what a next one does wrong is no wrong configuration.
pub(super) const READY: u8 = b'r';

/// Compilers that are asked for and not there yet.
const ASKED_MAX: usize = 64;

/// The monitor, as the engine was given it.
#[derive(Debug)]
pub struct Monitor(StdUnixStream);

impl Monitor {
    /// What is open as stdin, where the monitor puts it.
    pub fn given() -> io::Result<Self> {
        let stream = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        // What is no socket is none of the monitor's.
        stream.peer_addr()?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Begins to hear it. Within a runtime.
    pub fn talk(self, links: Links) -> io::Result<(Compilers, Talking)> {
        let stream = UnixStream::from_std(self.0)?;
        let (ask, asked) = mpsc::channel(ASKED_MAX);
        let (ready, is_ready) = oneshot::channel();
        let mut hearing = JoinSet::new();
        hearing.spawn(hear(stream, links, asked, is_ready));
        Ok((Compilers::Monitor(ask), Talking { hearing, ready: Some(ready) }))
    }
}

/// A socket to a compiler, for whoever asked.
pub(super) type Asked = oneshot::Sender<UnixStream>;

/// The conversation with the monitor. Dropped, it ends.
#[derive(Debug)]
pub struct Talking {
    hearing: JoinSet<()>,
    ready: Option<oneshot::Sender<Said>>,
}

/// Dropped when the monitor can read it.
type Said = oneshot::Sender<()>;

impl Talking {
    /// Tells the monitor that the engine answers, before it does: whoever saw it answer can rely on
    /// its next start.
    pub async fn ready(&mut self) {
        let (said, is_said) = oneshot::channel();
        // If nobody hears it, `ended` returns.
        self.ready.take().map(|ready| ready.send(said));
        let _ = is_said.await;
    }

    /// Returns when the monitor is gone.
    pub async fn ended(&mut self) {
        let _ = self.hearing.join_next().await;
    }
}

async fn hear(
    mut stream: UnixStream,
    links: Links,
    mut asked: mpsc::Receiver<Asked>,
    mut is_ready: oneshot::Receiver<Said>,
) {
    let mut waiting = VecDeque::new();
    let mut was_ready = false;
    // Dropped with this conversation.
    let mut speaking = JoinSet::new();
    loop {
        while speaking.try_join_next().is_some() {}
        let mut said = None;
        let letter = tokio::select! {
            one = asked.recv(), if !asked.is_closed() => match one {
                Some(one) => {
                    waiting.push_back(one);
                    COMPILER
                }
                None => continue,
            },
            ready = &mut is_ready, if !was_ready => {
                was_ready = true;
                said = ready.ok();
                READY
            }
            received = receive(&stream) => {
                match received {
                    Ok(Some((letter, Some(socket)))) => {
                        let Ok(socket) = UnixStream::from_std(socket.into()) else { continue };
                        if let Some(native) = Native::of_letter(letter) {
                            let link = links.link(native).clone();
                            speaking.spawn(async move { link.speak(socket).await });
                        } else if letter == COMPILER {
                            give(&mut waiting, socket);
                        }
                    }
                    Ok(Some((letter, None))) => warn!(letter, "The monitor said what is unknown."),
                    Ok(None) => return,
                    Err(error) => {
                        warn!(%error, "The monitor cannot be heard.");
                        return;
                    }
                }
                continue;
            }
        };
        if stream.write_all(&[letter]).await.is_err() {
            return;
        }
        drop(said);
    }
}

/// Gives a socket to the first who still waits for one.
fn give(waiting: &mut VecDeque<Asked>, mut socket: UnixStream) {
    while let Some(one) = waiting.pop_front() {
        match one.send(socket) {
            Ok(()) => return,
            Err(back) => socket = back,
        }
    }
}

/// One letter, and the socket that came with it; `None`: the other side has closed. Safe to drop.
async fn receive(stream: &UnixStream) -> io::Result<Option<(u8, Option<OwnedFd>)>> {
    loop {
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || take(stream)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            taken => return taken,
        }
    }
}

fn take(stream: &UnixStream) -> io::Result<Option<(u8, Option<OwnedFd>)>> {
    let mut letter = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut letter)];
    let received = recvmsg(stream, into, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut sockets = beside.drain().filter_map(|one| match one {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let socket = sockets.next().and_then(|mut all| all.next());
    if let Some(socket) = &socket {
        rustix::io::ioctl_fionbio(socket, true)?;
    }
    Ok(Some((letter[0], socket)))
}

/// Hands a socket to the other side. The letter is one byte, and there is always room for it.
pub(super) fn hand(stream: &UnixStream, letter: u8, socket: &OwnedFd) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let sockets = [socket.as_fd()];
    beside.push(SendAncillaryMessage::ScmRights(&sockets));
    let letter = [letter];
    let from = [io::IoSlice::new(&letter)];
    sendmsg(stream, &from, &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_socket_that_is_handed_over_is_the_one_that_was_asked_for() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (compilers, mut talking) =
            Monitor(ours.into_std().unwrap()).talk(Links::default()).unwrap();
        let Compilers::Monitor(ask) = compilers else { panic!("not asked of the monitor") };
        talking.ready().await;
        assert_eq!(theirs.read_u8().await.unwrap(), READY);
        for text in [b'x', b'y'] {
            let (sender, socket) = oneshot::channel();
            ask.send(sender).await.unwrap();
            assert_eq!(theirs.read_u8().await.unwrap(), COMPILER);
            let (mut kept, given) = StdUnixStream::pair().unwrap();
            hand(&theirs, COMPILER, &OwnedFd::from(given)).unwrap();
            kept.write_all(&[text]).unwrap();
            assert_eq!(socket.await.unwrap().read_u8().await.unwrap(), text);
        }
        // Of two who ask one gives up: what comes is the other's.
        let (sender, given_up) = oneshot::channel();
        ask.send(sender).await.unwrap();
        assert_eq!(theirs.read_u8().await.unwrap(), COMPILER);
        drop(given_up);
        let (sender, socket) = oneshot::channel();
        ask.send(sender).await.unwrap();
        assert_eq!(theirs.read_u8().await.unwrap(), COMPILER);
        let (_kept, given) = StdUnixStream::pair().unwrap();
        hand(&theirs, COMPILER, &OwnedFd::from(given)).unwrap();
        tokio::time::timeout(Duration::from_secs(10), socket).await.unwrap().unwrap();
        drop(theirs);
        talking.ended().await;
    }
}
