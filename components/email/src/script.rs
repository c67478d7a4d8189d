//! For tests: a server that follows a script.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use campanile_guest::net::{NetError, Problem};
use campanile_guest::secrets::{Piece, SecretError};

use crate::session::Peer;

/// A server that follows a script, and insists on it. A line is a step:
///
/// `S text` it says this line; `C text` it hears exactly this; `B` it hears anything, and keeps it;
/// `T` it is asked for TLS, and `F` refuses its certificate; `close`, `reset` and `hang`, from there
/// on; `late` all time is gone.
#[derive(Debug)]
pub(crate) struct Script {
    steps: VecDeque<String>,
    reused: bool,
    left_ms: u32,
    seen: Rc<RefCell<Seen>>,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What `B` heard, of all connections.
    pub(crate) heard: Vec<u8>,
    /// "parked" or "closed", connection by connection.
    pub(crate) fates: Vec<&'static str>,
    /// Steps that were not taken.
    pub(crate) left: Vec<String>,
    is_parked: bool,
    /// A write that nothing was read after: what puts the engine in doubt.
    pub(crate) in_doubt: bool,
}

impl Script {
    pub(crate) fn new(steps: &str, seen: &Rc<RefCell<Seen>>) -> Self {
        let mut steps: VecDeque<_> = steps.lines().map(|line| line.trim().to_owned()).collect();
        let reused = steps.front().is_some_and(|step| step == "reused");
        if reused {
            steps.pop_front();
        }
        Self { steps, reused, left_ms: 180_000, seen: Rc::clone(seen) }
    }

    fn ended(&mut self) -> Option<NetError> {
        if self.steps.front().is_some_and(|step| step == "late") {
            self.steps.pop_front();
            self.left_ms = 0;
        }
        match self.steps.front().map(String::as_str) {
            Some("reset") => Some(NetError::Broken(problem("broken"))),
            Some("hang") => Some(NetError::TimedOut(problem("timeout"))),
            _ => None,
        }
    }
}

pub(crate) fn problem(code: &str) -> Problem {
    Problem { code: code.into(), detail: format!("because of {code}") }
}

impl Peer for Script {
    fn reused(&self) -> bool {
        self.reused
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), NetError> {
        match self.ended() {
            Some(error @ NetError::Broken(_)) => {
                self.seen.borrow_mut().in_doubt = true;
                return Err(error);
            }
            // The network takes it, and nobody answers.
            Some(_) => {
                self.seen.borrow_mut().in_doubt = true;
                return Ok(());
            }
            None => {}
        }
        let mut seen = self.seen.borrow_mut();
        seen.in_doubt = true;
        let Some(step) = self.steps.pop_front() else { return Ok(()) };
        if step == "close" {
            self.steps.push_front(step);
            return Ok(());
        }
        if step == "B" {
            seen.heard.extend_from_slice(bytes);
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let line = text.strip_suffix("\r\n").expect("a line");
        assert_eq!(step.strip_prefix("C "), Some(line), "steps left: {:?}", self.steps);
        Ok(())
    }

    fn read(&mut self, _timeout_ms: u32) -> Result<Vec<u8>, NetError> {
        if let Some(error) = self.ended() {
            return Err(error);
        }
        match self.steps.front() {
            None => Ok(vec![]),
            Some(step) if step == "close" => Ok(vec![]),
            Some(_) => {
                let step = self.steps.pop_front().expect("a step");
                let said = step.strip_prefix("S ").unwrap_or_else(|| panic!("it waits: {step}"));
                self.seen.borrow_mut().in_doubt = false;
                Ok(format!("{}\r\n", said.replace("\\n", "\r\n")).into_bytes())
            }
        }
    }

    fn start_tls(&mut self) -> Result<(), NetError> {
        match self.steps.pop_front().as_deref() {
            Some("T") => Ok(()),
            Some("F") => Err(NetError::Untrusted(problem("certificate"))),
            other => panic!("nobody is to start TLS here: {other:?}"),
        }
    }

    fn compose(&mut self, pieces: &[Piece]) -> Result<String, SecretError> {
        let of_one = |piece: &Piece| match piece {
            Piece::Text(text) => text.escape_default().to_string(),
            Piece::Secret(name) => format!("${name}"),
        };
        Ok(format!("<{}>", pieces.iter().map(of_one).collect::<String>()))
    }

    fn left_ms(&self) -> u32 {
        self.left_ms
    }

    fn park(self) {
        let mut seen = self.seen.borrow_mut();
        seen.is_parked = true;
        seen.in_doubt = false;
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let mut seen = self.seen.borrow_mut();
        let is_parked = std::mem::take(&mut seen.is_parked);
        seen.fates.push(if is_parked { "parked" } else { "closed" });
        let stays = |step: &String| matches!(step.as_str(), "close" | "reset" | "hang");
        seen.left.extend(self.steps.drain(..).filter(|step| !stays(step)));
    }
}
