//! One connection to a mail server: greeting, encryption, login, and one command after the other
//! (RFC 5321, 3207, 4954).
//!
//! Promise: where the settings ask for encryption, nothing but `EHLO` and `STARTTLS` is said before
//! it, and nothing that was heard before it is believed after it.
//!
//! Not here: what is sent (`transaction`), and what a refusal means (`answer`).

mod login;

use campanile_guest::net::NetError;
use campanile_guest::secrets::{Piece, SecretError};
use campanile_guest::{Fault, Finding, Scope};

use crate::answer;
use crate::offers::Offers;
use crate::reply::{Reading, Reply};
use crate::settings::{Security, Settings};

/// What a conversation needs of the engine. In tests, a script has it.
pub(crate) trait Peer {
    /// An earlier call has parked it: greeting, encryption and login are done.
    fn reused(&self) -> bool;
    fn write(&mut self, bytes: &[u8]) -> Result<(), NetError>;
    /// Empty: the peer closed.
    fn read(&mut self, timeout_ms: u32) -> Result<Vec<u8>, NetError>;
    fn start_tls(&mut self) -> Result<(), NetError>;
    /// Base64 of the pieces joined; of secrets, a placeholder for that.
    fn compose(&mut self, pieces: &[Piece]) -> Result<String, SecretError>;
    /// Of the time for this call, in milliseconds.
    fn left_ms(&self) -> u32;
    /// Gives the connection back. One that broke is not kept; and no answer is owed on it.
    fn park(self);
}

/// How long a server may take for any answer but the last, in milliseconds.
const COMMAND_MS: u32 = 30_000;

/// How long it may take to say good-bye.
const QUIT_MS: u32 = 3_000;

/// Above what the engine keeps of one endpoint.
const DIALS_MAX: usize = 20;

/// Of the time for this call, what is kept to come to a verdict.
const VERDICT_MS: u32 = 1_000;

/// How long a test of the connection may take, in milliseconds.
pub(crate) const PROBE_MS: u32 = 60_000;

/// Where a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connect,
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    /// Before the last byte of the mail.
    Data,
    /// After it: the server may have the mail.
    End,
    Reset,
    Noop,
}

/// Why it went no further.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failed {
    pub(crate) stage: Stage,
    pub(crate) why: Why,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Why {
    Net(NetError),
    /// The peer closed in the middle.
    Closed,
    /// What it said is no reply, or none to what it was asked.
    Odd,
    Refused(Reply),
    /// Settings and server do not fit together.
    Fault(Fault),
    /// Larger than the server takes, both in bytes.
    TooLarge {
        size: usize,
        max: usize,
    },
    /// Too little of the time for this call is left to begin a mail.
    Late,
}

/// Greeting, encryption, login, and good-bye.
pub(crate) fn probe<P: Peer>(
    settings: &Settings,
    mut dial: impl FnMut() -> Result<P, NetError>,
) -> Result<Finding, Failed> {
    let mut dial_anew = || {
        for _ in 0..DIALS_MAX {
            let peer = dial()?;
            if !peer.reused() {
                return Ok(peer);
            }
            // It would show how things were.
            Session::new(peer).quit();
        }
        dial()
    };
    let mut session = Session::open(settings, &mut dial_anew)?;
    match session.command(Stage::Noop, "NOOP") {
        Ok(_) => {
            let finding = answer::finding(&session);
            session.quit();
            Ok(finding)
        }
        Err(failed) => {
            session.leave(&failed);
            Err(failed)
        }
    }
}

#[derive(Debug)]
pub(crate) struct Session<P> {
    peer: P,
    /// Read, and not yet understood.
    heard: Vec<u8>,
    pub(crate) offers: Offers,
    pub(crate) is_encrypted: bool,
    /// By which it logged in.
    pub(crate) mechanism: Option<&'static str>,
}

impl<P: Peer> Session<P> {
    /// A session on which mails can be sent: of a connection that was parked, if it is alive, or of
    /// a new one.
    pub(crate) fn open(
        settings: &Settings,
        mut dial: impl FnMut() -> Result<P, NetError>,
    ) -> Result<Self, Failed> {
        for _ in 0..DIALS_MAX {
            let peer = dial().map_err(|error| at(Stage::Connect, Why::Net(error)))?;
            let reused = peer.reused();
            let mut session = Self::new(peer);
            if !reused {
                return match session.begin(settings) {
                    Ok(()) => Ok(session),
                    Err(failed) => {
                        session.leave(&failed);
                        Err(failed)
                    }
                };
            }
            session.is_encrypted = settings.security != Security::None;
            // It also resets what an earlier mail left behind (RFC 5321, 4.1.4).
            match session.hello(settings) {
                Ok(()) => return Ok(session),
                // Who says nothing at all must not be asked a second time: a late answer would be
                // taken for another.
                Err(failed) if matches!(failed.why, Why::Net(NetError::TimedOut(_))) => {
                    return Err(failed);
                }
                Err(failed) => session.leave(&failed),
            }
        }
        Err(at(Stage::Connect, Why::Closed))
    }

    fn new(peer: P) -> Self {
        let offers = Offers::default();
        Self { peer, heard: vec![], offers, is_encrypted: false, mechanism: None }
    }

    /// From the greeting to the login.
    fn begin(&mut self, settings: &Settings) -> Result<(), Failed> {
        self.is_encrypted = settings.security == Security::Implicit;
        self.answer(Stage::Greeting, COMMAND_MS)?;
        self.hello(settings)?;
        if settings.security == Security::StartTls {
            self.encrypt()?;
            self.hello(settings)?;
        }
        self.log_in(&settings.login)
    }

    fn hello(&mut self, settings: &Settings) -> Result<(), Failed> {
        let reply = self.command(Stage::Ehlo, &format!("EHLO {}", settings.helo_name))?;
        self.offers = Offers::read(&reply.lines);
        Ok(())
    }

    fn encrypt(&mut self) -> Result<(), Failed> {
        if !self.offers.start_tls {
            let detail = "the server does not offer STARTTLS, so nothing was sent; check `port`, or \
                          set `security` to `implicit` if it speaks TLS from the first byte";
            return Err(fault(Stage::StartTls, Scope::Endpoint, "starttls-missing", detail));
        }
        self.command(Stage::StartTls, "STARTTLS")?;
        // Whoever is on the way may have added to the answer (RFC 3207, 6).
        if !self.heard.is_empty() {
            let detail = "the server said something between STARTTLS and the encryption, as \
                          somebody on the way would; nothing was sent";
            return Err(fault(Stage::StartTls, Scope::Endpoint, "data-before-tls", detail));
        }
        self.peer.start_tls().map_err(|error| at(Stage::StartTls, Why::Net(error)))?;
        self.offers = Offers::default();
        self.is_encrypted = true;
        Ok(())
    }

    /// Says a command, and takes a 2yz answer for yes.
    pub(crate) fn command(&mut self, stage: Stage, line: &str) -> Result<Reply, Failed> {
        let reply = self.say(stage, line)?;
        if reply.is_good() { Ok(reply) } else { Err(at(stage, Why::Refused(reply))) }
    }

    /// Says a line, and hears the answer.
    pub(crate) fn say(&mut self, stage: Stage, line: &str) -> Result<Reply, Failed> {
        self.say_within(stage, line, COMMAND_MS)
    }

    /// The same, with a bound on the wait that may be below the usual one.
    pub(crate) fn say_within(
        &mut self,
        stage: Stage,
        line: &str,
        wait_max_ms: u32,
    ) -> Result<Reply, Failed> {
        debug_assert!(!line.contains(['\r', '\n']), "one line is one command");
        self.write(stage, format!("{line}\r\n").as_bytes())?;
        self.hear(stage, COMMAND_MS.min(wait_max_ms))
    }

    /// Whoever answers what was not yet said would have each answer taken for that to the question
    /// before.
    pub(crate) fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Failed> {
        if !self.heard.is_empty() {
            return Err(at(stage, Why::Odd));
        }
        self.peer.write(bytes).map_err(|error| at(stage, Why::Net(error)))
    }

    fn answer(&mut self, stage: Stage, timeout_ms: u32) -> Result<Reply, Failed> {
        let reply = self.hear(stage, timeout_ms)?;
        if reply.is_good() { Ok(reply) } else { Err(at(stage, Why::Refused(reply))) }
    }

    /// The answer to the last byte of a mail, for as long as there is time: to stop waiting is how
    /// mails come twice (RFC 5321, 4.5.3.2.6).
    pub(crate) fn last_answer(&mut self) -> Result<Reply, Failed> {
        let left_ms = self.left_ms();
        self.hear(Stage::End, left_ms)
    }

    fn hear(&mut self, stage: Stage, timeout_ms: u32) -> Result<Reply, Failed> {
        let mut reading = Reading::default();
        loop {
            match reading.go_on(&self.heard) {
                Ok(Some((reply, used))) => {
                    self.heard.drain(..used);
                    return Ok(reply);
                }
                Ok(None) => {}
                Err(_) => return Err(at(stage, Why::Odd)),
            }
            let timeout_ms = timeout_ms.min(self.left_ms()).max(1);
            let bytes = self.peer.read(timeout_ms).map_err(|error| at(stage, Why::Net(error)))?;
            if bytes.is_empty() {
                return Err(at(stage, Why::Closed));
            }
            self.heard.extend_from_slice(&bytes);
        }
    }

    /// What is left for the conversation, in milliseconds.
    pub(crate) fn left_ms(&self) -> u32 {
        self.peer.left_ms().saturating_sub(VERDICT_MS)
    }

    /// Says good-bye.
    pub(crate) fn quit(mut self) {
        // What was said out of turn is not the answer to this.
        self.heard.clear();
        if self.write(Stage::Noop, b"QUIT\r\n").is_ok() && self.hear(Stage::Noop, QUIT_MS).is_ok() {
            return;
        }
        // What was left unanswered is only this, and nothing hangs on it.
        self.peer.park();
    }

    /// Keeps the connection for the next mail.
    pub(crate) fn keep(self) {
        // Who says more than the answer is about to close, or speaks out of turn.
        if self.heard.is_empty() {
            self.peer.park();
        }
    }

    /// Leaves a session that went no further, so that the engine is in doubt only where we are.
    pub(crate) fn leave(self, failed: &Failed) {
        let is_open_question = failed.stage == Stage::End;
        match &failed.why {
            Why::Refused(reply) if reply.code == 421 => {}
            Why::Refused(_) | Why::Fault(_) | Why::TooLarge { .. } | Why::Late => self.quit(),
            // It is gone, and cannot have taken a mail whose end it never saw.
            Why::Closed | Why::Net(NetError::Broken(_)) if !is_open_question => self.peer.park(),
            // Silent, or not understood: it is closed as it is.
            Why::Closed | Why::Net(_) | Why::Odd => {}
        }
    }
}

pub(crate) fn at(stage: Stage, why: Why) -> Failed {
    Failed { stage, why }
}

pub(crate) fn fault(stage: Stage, scope: Scope, code: &str, detail: &str) -> Failed {
    at(stage, Why::Fault(Fault::new(scope, code, detail)))
}

#[cfg(test)]
pub(crate) mod tests;
