//! Sending a mail on a session (RFC 5321, 3.3): sender, recipients, text, in as many rounds as it
//! takes.
//!
//! Promise: no address is told twice that has the mail or never takes one; what became of each is
//! noted before the next step; and a server may be unsure of a mail only once its last byte was
//! written.
//!
//! Not here: what a refusal means for the alerts (`answer`).

use std::borrow::Cow;

use campanile_guest::{Attempt, Scope};

use crate::envelope::{Envelope, Progress, State};
use crate::reply::Reply;
use crate::session::{Failed, Peer, Session, Stage, Why, at, fault};

/// What every server takes in one go (RFC 5321, 4.5.3.1.8).
const ROUND_MAX: usize = 100;

/// A server may take as long as this to say that it has a mail, and longer, in milliseconds.
const PATIENCE_MS: u32 = 120_000;

/// What comes before that may take this long, where time is short, in milliseconds.
const BEGIN_MS: u32 = 30_000;

/// What became of a mail in one attempt.
#[derive(Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) progress: Progress,
    /// Under what the server keeps it, as far as it said so.
    pub(crate) ids: Vec<String>,
    /// What it said to the last byte.
    pub(crate) said: Option<Reply>,
    /// For which addresses it asked to come back later, and how it said so.
    pub(crate) later: Vec<(usize, Reply)>,
    /// Which addresses it refused, and how it said so.
    pub(crate) refused: Vec<(usize, Reply)>,
    /// Why it went no further.
    pub(crate) failed: Option<Failed>,
}

/// Sends a mail to whom it is owed after earlier attempts, and gives the connection back.
pub(crate) fn deliver<P: Peer>(
    mut session: Session<P>,
    envelope: &Envelope,
    mail: &[u8],
    attempt: &Attempt,
) -> Sent {
    let progress = Progress::read(attempt.carry.as_deref(), envelope.recipients.len());
    let sent = send(&mut session, envelope, mail, progress, attempt.deadline_ms);
    match &sent.failed {
        Some(failed) => session.leave(failed),
        None => session.keep(),
    }
    sent
}

/// Sends `mail` to whom it is owed. `call_ms`: all the time that this call was given.
fn send<P: Peer>(
    session: &mut Session<P>,
    envelope: &Envelope,
    mail: &[u8],
    progress: Progress,
    call_ms: u32,
) -> Sent {
    let mut sent =
        Sent { progress, ids: vec![], said: None, later: vec![], refused: vec![], failed: None };
    let mail = on_the_wire(mail);
    let patience_ms = patience_ms(call_ms);
    sent.failed = fits(session, envelope, &mail).err();
    while sent.failed.is_none() {
        let is_asked = |at: &usize| sent.later.iter().any(|(later, _)| later == at);
        let owed = sent.progress.of(State::Owed).filter(|at| !is_asked(at));
        let round: Vec<_> = owed.take(ROUND_MAX).collect();
        if round.is_empty() {
            break;
        }
        sent.failed = send_round(session, envelope, &mail, &round, patience_ms, &mut sent).err();
    }
    sent
}

/// How long to wait at least for what the server says to the last byte. All else has half a minute,
/// or where the operator gives a call less than a minute, half of that.
fn patience_ms(call_ms: u32) -> u32 {
    PATIENCE_MS.min(call_ms.saturating_sub(BEGIN_MS).max(call_ms / 2))
}

/// Whether the server takes such a mail at all.
fn fits<P: Peer>(session: &Session<P>, envelope: &Envelope, mail: &[u8]) -> Result<(), Failed> {
    let offers = &session.offers;
    if let Some(max) = offers.size_max.filter(|max| mail.len() > *max) {
        return Err(at(Stage::Mail, Why::TooLarge { size: mail.len(), max }));
    }
    if envelope.is_foreign() && !offers.utf8 {
        let scope = if envelope.from.is_ascii() { Scope::Recipient } else { Scope::Endpoint };
        let detail = "an address has letters beyond ASCII, and the server does not take them \
                      (SMTPUTF8); write its domain as `xn--...`, or use another address";
        return Err(fault(Stage::Mail, scope, "smtputf8-missing", detail));
    }
    Ok(())
}

fn send_round<P: Peer>(
    session: &mut Session<P>,
    envelope: &Envelope,
    mail: &[u8],
    round: &[usize],
    patience_ms: u32,
    sent: &mut Sent,
) -> Result<(), Failed> {
    if session.left_ms() < patience_ms {
        return Err(at(Stage::Mail, Why::Late));
    }
    let offers = &session.offers;
    let mut from = format!("MAIL FROM:<{}>", envelope.from);
    if offers.size {
        from.push_str(&format!(" SIZE={}", mail.len()));
    }
    if offers.eight_bit && !mail.is_ascii() {
        from.push_str(" BODY=8BITMIME");
    }
    if envelope.is_foreign() {
        from.push_str(" SMTPUTF8");
    }
    session.command(Stage::Mail, &from)?;
    let accepted = tell_recipients(session, envelope, round, sent)?;
    if accepted.is_empty() {
        session.command(Stage::Reset, "RSET")?;
        return Ok(());
    }
    let spare_ms = session.left_ms().saturating_sub(patience_ms);
    if spare_ms == 0 {
        return Err(at(Stage::Reset, Why::Late));
    }
    let reply = session.say_within(Stage::Data, "DATA", spare_ms)?;
    if reply.code != 354 {
        return Err(at(Stage::Data, Why::Refused(reply)));
    }
    session.write(Stage::Data, &stuffed(mail))?;
    session.write(Stage::End, b".\r\n")?;
    let reply = session.last_answer()?;
    if !reply.is_good() {
        return Err(at(Stage::End, Why::Refused(reply)));
    }
    for one in accepted {
        sent.progress.set(one, State::Done);
    }
    sent.ids.extend(reply.queue_id());
    sent.said = Some(reply);
    Ok(())
}

/// Which of this round the server takes the mail for.
fn tell_recipients<P: Peer>(
    session: &mut Session<P>,
    envelope: &Envelope,
    round: &[usize],
    sent: &mut Sent,
) -> Result<Vec<usize>, Failed> {
    let mut accepted = vec![];
    for &one in round {
        let Some(recipient) = envelope.recipients.get(one) else { continue };
        let reply = session.say(Stage::Rcpt, &format!("RCPT TO:<{}>", recipient.address))?;
        if reply.is_good() {
            accepted.push(one);
        } else if is_too_many(&reply) && !accepted.is_empty() {
            // The others get it in the next round.
            break;
        } else if reply.code == 421 || is_of_endpoint(&reply) {
            return Err(at(Stage::Rcpt, Why::Refused(reply)));
        } else if reply.is_passing() {
            sent.later.push((one, reply));
        } else {
            sent.progress.set(one, State::Refused);
            sent.refused.push((one, reply));
        }
    }
    Ok(accepted)
}

/// "452 4.5.3"; some say 552 (RFC 5321, 4.5.3.1.10), and some no enhanced code.
fn is_too_many(reply: &Reply) -> bool {
    matches!(reply.code, 452 | 552) && reply.detail().is_none_or(|detail| detail == (5, 3))
}

/// The server refuses us, whomever we write to: it wants a login, or another one.
pub(crate) fn is_of_endpoint(reply: &Reply) -> bool {
    matches!(reply.code, 530 | 534 | 535 | 538) || reply.enhanced == Some((5, 7, 30))
}

/// With every line ended by CR LF, the last one too: a line break of another kind is refused by
/// some servers, and lets others see a second mail in the first.
fn on_the_wire(mail: &[u8]) -> Cow<'_, [u8]> {
    let is_right = |(at, byte): (usize, &u8)| match byte {
        b'\r' => mail.get(at + 1) == Some(&b'\n'),
        b'\n' => at > 0 && mail[at - 1] == b'\r',
        _ => true,
    };
    if mail.ends_with(b"\r\n") && mail.iter().enumerate().all(is_right) {
        return Cow::Borrowed(mail);
    }
    let mut right = Vec::with_capacity(mail.len() + 64);
    let mut bytes = mail.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if(|next| **next == b'\n');
                right.extend_from_slice(b"\r\n");
            }
            b'\n' => right.extend_from_slice(b"\r\n"),
            _ => right.push(byte),
        }
    }
    if !right.ends_with(b"\r\n") {
        right.extend_from_slice(b"\r\n");
    }
    Cow::Owned(right)
}

/// With a dot before each line that begins with one (RFC 5321, 4.5.2).
fn stuffed(mail: &[u8]) -> Cow<'_, [u8]> {
    let begins = |at: usize| at == 0 || mail[at - 1] == b'\n';
    let is_dot = |at: usize| mail[at] == b'.' && begins(at);
    if !(0..mail.len()).any(is_dot) {
        return Cow::Borrowed(mail);
    }
    let mut stuffed = Vec::with_capacity(mail.len() + 64);
    for (at, byte) in mail.iter().enumerate() {
        if is_dot(at) {
            stuffed.push(b'.');
        }
        stuffed.push(*byte);
    }
    Cow::Owned(stuffed)
}

#[cfg(test)]
mod tests;
