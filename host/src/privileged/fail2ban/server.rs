//! Fail2Ban as the policy reaches it: its socket, or its own client program.
//!
//! Promise: one command at a time, each within the policy's time.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::protocol::{Command, Trouble};
use super::{client, socket};

/// What Fail2Ban said, or why it did not do it.
pub(super) type Reply = Result<Said, (Trouble, String)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Number(u64),
    Text(String),
    Facts(Vec<(String, String)>),
}

/// How it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Socket(PathBuf),
    /// The program, and the socket where the policy names one.
    Client(PathBuf, Option<PathBuf>),
}

#[derive(Debug)]
pub(super) struct Server {
    way: Way,
    timeout: Duration,
    turn: Mutex<()>,
}

/// Nobody else speaks to it meanwhile.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    server: &'a Server,
    _alone: MutexGuard<'a, ()>,
}

impl Server {
    pub(super) fn new(way: Way, timeout: Duration) -> Self {
        Self { way, timeout, turn: Mutex::new(()) }
    }

    /// Waits for a turn, as long as a command may take.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, (Trouble, String)> {
        match tokio::time::timeout(self.timeout, self.turn.lock()).await {
            Ok(alone) => Ok(Turn { server: self, _alone: alone }),
            Err(_) => Err((Trouble::Unasked, "others before it took all of its time".to_owned())),
        }
    }
}

impl Turn<'_> {
    pub(super) async fn ask(&self, command: Command<'_>) -> Reply {
        let Server { way, timeout, .. } = self.server;
        let asking = async {
            match way {
                Way::Socket(path) => socket::ask(path, command).await,
                Way::Client(program, socket) => {
                    client::ask(program, socket.as_deref(), command).await
                }
            }
        };
        tokio::time::timeout(*timeout, asking).await.unwrap_or_else(|_| {
            let seconds = timeout.as_secs();
            Err((Trouble::Broken, format!("fail2ban did not answer within {seconds} s")))
        })
    }

    /// A command whose answer is a number.
    pub(super) async fn count(&self, command: Command<'_>) -> Result<u64, (Trouble, String)> {
        match self.ask(command).await? {
            Said::Number(count) => Ok(count),
            _ => Err((Trouble::Other, "it answered something else than a number".to_owned())),
        }
    }
}
