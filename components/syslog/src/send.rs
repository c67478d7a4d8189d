//! Hands messages to the engine's net door, and looks whether a receiver is there.
//!
//! Nothing in the protocol answers. So before something is written on a connection, a look tells
//! whether the peer has closed it, and another one after that whether it did so meanwhile.

use campanile_guest::{Certainty, Failure, Finding, Message, Outcome, Proof, net};
use net::{Connection, NetError};

use crate::answer::{self, Step};
use crate::message;
use crate::settings::{Settings, Transport};

/// Connections that a peer may have closed before one is taken for an answer.
const DIALS_MAX: usize = 3;

/// More than any server says unasked.
const READ_BYTES: u32 = 4096;

/// `number`: of the attempt, from 1.
pub(crate) fn message(message: &Message, settings: &Settings, number: u32) -> Outcome {
    match settings.transport {
        Transport::Udp | Transport::Local => datagram(message, settings, number),
        Transport::Tcp | Transport::Tls => write(message, settings, number),
    }
}

fn datagram(message: &Message, settings: &Settings, number: u32) -> Outcome {
    let target = &settings.target;
    let sent = match net::send_datagram(target, &message.body) {
        Err(NetError::TooLarge(bytes_max)) => {
            let room = usize::try_from(bytes_max).unwrap_or(usize::MAX);
            match message::smaller(message, settings, room) {
                Some(smaller) => net::send_datagram(target, &smaller),
                None => Err(NetError::TooLarge(bytes_max)),
            }
        }
        sent => sent,
    };
    match sent {
        Ok(()) => Outcome::delivered(Proof::Sent),
        Err(error) => answer::judge(error, Step::Datagram, number),
    }
}

fn write(message: &Message, settings: &Settings, number: u32) -> Outcome {
    let connection = match connected(settings) {
        Ok(connection) => connection,
        Err(error) => return answer::judge(error, Step::Dial, number),
    };
    if let Err(error) = connection.write(&message.body) {
        return answer::judge(error, Step::Write, number);
    }
    if let Err(error) = look(&connection) {
        return answer::judge(error, Step::Write, number);
    }
    // Nobody will answer: from here on it counts as sent.
    Connection::park(connection);
    Outcome::delivered(Proof::Sent)
}

/// A connection that the peer has not closed, as far as that can be seen.
fn connected(settings: &Settings) -> Result<Connection, NetError> {
    let mut dials = 1;
    loop {
        let connection = net::dial(&settings.target)?;
        match look(&connection) {
            Ok(()) => return Ok(connection),
            // It waited for this message, and the peer did not.
            Err(_) if connection.reused() && dials < DIALS_MAX => dials += 1,
            Err(error) => return Err(error),
        }
    }
}

/// `Err`: the peer closed, or broke off.
fn look(connection: &Connection) -> Result<(), NetError> {
    match connection.read(READ_BYTES, 0) {
        Ok(read) if read.is_empty() => Err(answer::closed()),
        // What it says means nothing in this protocol; a greeting, perhaps.
        Ok(_) | Err(NetError::TimedOut(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Shows nothing to anybody: connects, or sends a datagram without bytes, which receivers discard.
pub(crate) fn probe(settings: &Settings) -> Result<Finding, Failure> {
    let tried = match settings.transport {
        Transport::Tcp | Transport::Tls => {
            connected(settings).map(drop).map_err(|it| (it, Step::Dial))
        }
        Transport::Udp | Transport::Local => {
            net::send_datagram(&settings.target, &[]).map_err(|it| (it, Step::Datagram))
        }
    };
    tried.map_err(|(error, step)| answer::failure(error, step, 1))?;
    let (certainty, summary) = match settings.transport {
        Transport::Tls => (
            Certainty::Reachable,
            "a connection and its TLS stand; whether messages are kept, syslog does not tell",
        ),
        Transport::Tcp => (
            Certainty::Reachable,
            "a connection stands; whether messages are kept, syslog does not tell",
        ),
        Transport::Local => (
            Certainty::Reachable,
            "the socket is there and takes datagrams; whether messages are kept, syslog does not \
             tell",
        ),
        Transport::Udp => (
            Certainty::Unchecked,
            "the name has an address and there is a way to it; whether anybody listens, UDP does \
             not tell",
        ),
    };
    Ok(Finding { certainty, summary: summary.into(), facts: vec![] })
}
