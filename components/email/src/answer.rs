//! What became of a mail, as a verdict. One `match` for all that a server can refuse.
//!
//! What counts is where in the conversation it was said, its code, and its enhanced code (RFC 3463);
//! the words are for people, and are asked only where no code says it.

use campanile_guest::net::{self, NetError};
use campanile_guest::{
    Attempt, Certainty, Delay, Failure, Fault, Finding, Outcome, Proof, Reason, Scope, Verdict,
};

use crate::envelope::{Envelope, State};
use crate::reply::Reply;
use crate::session::{Failed, Session, Stage, Why};
use crate::transaction::Sent;

/// Below this, a server that lets strangers wait turns them away again.
const GREYLIST_MS: u32 = 5 * 60 * 1000;

/// No server says for how long it wants to be left alone.
const RATE_MS: u32 = 15 * 60 * 1000;

/// How many addresses of a mail are named in a text for people.
const NAMED_MAX: usize = 5;

/// What the attempt means for all alerts of the mail.
pub(crate) fn judge(sent: &Sent, envelope: &Envelope) -> Outcome {
    let has_arrived = sent.progress.count(State::Done) > 0;
    let mut outcome: Outcome = match &sent.failed {
        // Some have it, and the others never will.
        Some(failed) => match failure(failed) {
            Failure::Rejected(reason) | Failure::TooLarge(reason) if has_arrived => {
                delivered(sent).warned(format!("not for all addresses: {}", reason.detail))
            }
            failure => failure.into(),
        },
        None if !sent.later.is_empty() => come_back(sent, envelope),
        None if has_arrived => match refusals(sent, envelope) {
            Some(refusals) => delivered(sent).warned(refusals),
            None => delivered(sent),
        },
        None => {
            let why = refusals(sent, envelope);
            let why = why.unwrap_or_else(|| "the server took the mail for nobody".to_owned());
            let code =
                sent.refused.first().map_or("refused".into(), |(_, reply)| reply.code.to_string());
            Outcome::misconfigured(Scope::Recipient, format!("{why}; correct the recipient"))
                .coded(&code)
        }
    };
    outcome.carry = sent.progress.to_carry();
    outcome
}

fn delivered(sent: &Sent) -> Outcome {
    let mut outcome = Outcome::delivered(Proof::Confirmed);
    for verdict in &mut outcome.verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            receipt.remote_id = Some(sent.ids.join(" ")).filter(|ids| !ids.is_empty());
            receipt.detail = sent.said.as_ref().map(Reply::quoted).unwrap_or_default();
        }
    }
    outcome
}

/// Which addresses are refused for good; `None`: none is.
fn refusals(sent: &Sent, envelope: &Envelope) -> Option<String> {
    let count = sent.progress.count(State::Refused);
    let of = envelope.recipients.len();
    let mut named = named(&sent.refused, envelope);
    if named.is_empty() {
        named = "by an earlier attempt".into();
    }
    (count > 0).then(|| format!("the server refuses {count} of {of} addresses: {named}"))
}

/// "to[1]: 550 5.1.1 user unknown"
fn named(list: &[(usize, Reply)], envelope: &Envelope) -> String {
    let told = list.iter().take(NAMED_MAX).filter_map(|(at, reply)| {
        Some(format!("`{}`: {}", envelope.recipients.get(*at)?.place, reply.quoted()))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Some addresses are for later: of their waits, the longest.
fn come_back(sent: &Sent, envelope: &Envelope) -> Outcome {
    let worst = sent.later.iter().max_by_key(|(_, reply)| wait_ms(reply));
    let reply = worst.map(|(_, reply)| reply);
    let failure = reply.map(|reply| refusal(Stage::Rcpt, reply));
    let of = envelope.recipients.len();
    let told = named(&sent.later, envelope);
    let detail = format!("{} of {of} addresses are for later: {told}", sent.later.len());
    match failure {
        Some(Failure::Unavailable(delay)) => Failure::Unavailable(Delay { detail, ..delay }).into(),
        Some(Failure::RateLimited(delay)) => Failure::RateLimited(Delay { detail, ..delay }).into(),
        _ => Outcome::unavailable(detail),
    }
}

/// Why a conversation went no further, as the failure that it is.
pub(crate) fn failure(failed: &Failed) -> Failure {
    let Failed { stage, why } = failed;
    let name = stage.name();
    match why {
        Why::Refused(reply) => refusal(*stage, reply),
        Why::Fault(fault) => Failure::Misconfigured(fault.clone()),
        Why::TooLarge { size, max } => {
            let detail = format!("the mail has {size} bytes, and the server takes {max}");
            Failure::TooLarge(reason("size", detail))
        }
        Why::Late => {
            let detail = "the server was so slow that too little time was left to wait for its \
                          verdict; nothing was sent to the addresses that are left";
            later(Scope::Endpoint, "slow", detail.to_owned())
        }
        Why::Closed if *stage == Stage::End => lost("closed", "the server closed"),
        Why::Closed => later(Scope::Endpoint, "closed", format!("the server closed {name}")),
        Why::Odd if *stage == Stage::End => lost("no-smtp", "the server said what is no reply"),
        Why::Odd => {
            let detail = format!("the server said what is no reply {name}; is it a mail server?");
            later(Scope::Endpoint, "no-smtp", detail)
        }
        Why::Net(error) => of_net(*stage, error),
    }
}

fn of_net(stage: Stage, error: &NetError) -> Failure {
    let fault = |problem: &net::Problem| {
        let detail = format!("{} {}", problem.detail, stage.name());
        Failure::Misconfigured(Fault::new(Scope::Endpoint, problem.code.clone(), detail))
    };
    let again = |scope, problem: &net::Problem| {
        later(scope, &problem.code, format!("{} {}", problem.detail, stage.name()))
    };
    match error {
        NetError::Untrusted(problem) => fault(problem),
        NetError::Denied(problem) if problem.code == "secret-clear-text" => {
            let detail = "the login would go over an unencrypted connection; set `security` to \
                          `starttls` or `implicit`, or have the operator grant clear text";
            Failure::Misconfigured(Fault::new(Scope::Endpoint, problem.code.clone(), detail))
        }
        NetError::Denied(problem) => fault(problem),
        NetError::Other(problem) if problem.code == "data-before-tls" => fault(problem),
        NetError::Broken(problem) | NetError::TimedOut(problem) | NetError::Other(problem)
            if stage == Stage::End =>
        {
            lost(&problem.code, &problem.detail)
        }
        NetError::Busy(problem) => again(Scope::Recipient, problem),
        NetError::Unreachable(problem)
        | NetError::Broken(problem)
        | NetError::TimedOut(problem)
        | NetError::Other(problem) => again(Scope::Endpoint, problem),
        NetError::TooLarge(_) => later(Scope::Endpoint, "too-large", "a datagram?".to_owned()),
    }
}

/// What the server says no to, and what that means.
fn refusal(stage: Stage, reply: &Reply) -> Failure {
    let said = format!("{} {}", reply.quoted(), stage.name());
    let code = reply.code.to_string();
    let fault = |what_to_do: &str| {
        let detail =
            if what_to_do.is_empty() { said.clone() } else { format!("{said}; {what_to_do}") };
        Failure::Misconfigured(Fault::new(Scope::Endpoint, code.clone(), detail))
    };
    let delay =
        |scope, after_ms| Delay { after_ms, scope, code: code.clone(), detail: said.clone() };
    let of_whom = if stage == Stage::Rcpt { Scope::Recipient } else { Scope::Endpoint };
    match (stage, reply.code, reply.detail()) {
        _ if reply.enhanced == Some((5, 7, 30)) => {
            fault("this server takes no passwords any more: set `auth` to `xoauth2`")
        }
        (_, 530, _) => {
            fault("the server wants a login, or encryption: check `auth` and `security`")
        }
        (_, 534 | 535 | 538, _) => fault("the login is refused: check `username` and its secret"),
        (Stage::Auth, 500.., _) => fault("check `auth` and `username`"),
        (Stage::Auth, 454, _) => Failure::RateLimited(delay(Scope::Endpoint, Some(RATE_MS))),
        _ if is_rate(reply) => Failure::RateLimited(delay(Scope::Endpoint, Some(RATE_MS))),
        (_, 400..500, _) => Failure::Unavailable(delay(of_whom, wait_ms(reply))),
        (Stage::Mail | Stage::Data | Stage::End, 552, None | Some((3, 4) | (2, 3))) => {
            Failure::TooLarge(reason(&code, said))
        }
        (Stage::Mail | Stage::Data | Stage::End, 500.., Some((3, 4))) => {
            Failure::TooLarge(reason(&code, said))
        }
        (Stage::Mail, 500.., _) => fault("the server refuses the sender: check `sender`"),
        (Stage::Data | Stage::End, 500.., _) => Failure::Rejected(reason(&code, said)),
        (Stage::Rcpt, 500.., _) => {
            Failure::Misconfigured(Fault::new(Scope::Recipient, code.clone(), said.clone()))
        }
        (Stage::Greeting, 500.., _) => fault("the server does not talk to this address"),
        (_, 500.., _) => fault("check `host`, `port` and `security`"),
        // 2yz and 3yz where they mean nothing.
        _ => later(Scope::Endpoint, &code, format!("the server said {said}, which is no answer")),
    }
}

/// The server wants less of us: "4.7.28", or "4.7.0" as Gmail has it. Only that, since others say
/// 4.7.0 to strangers whom they let wait.
fn is_rate(reply: &Reply) -> bool {
    matches!(reply.code, 421 | 450 | 451)
        && match reply.detail() {
            Some((7, 28)) => true,
            Some((7, 0)) => !is_greylisted(reply),
            _ => false,
        }
}

fn is_greylisted(reply: &Reply) -> bool {
    ["greylist", "graylist", "grey list", "gray list"].iter().any(|word| reply.says(word))
}

/// How long at least to stay away, where it is known.
fn wait_ms(reply: &Reply) -> Option<u32> {
    if is_rate(reply) {
        return Some(RATE_MS);
    }
    // Strangers wait (4.7.1), or the mailbox is full (4.2.2).
    let is_slow = matches!(reply.detail(), Some((7, 1) | (2, 2))) || is_greylisted(reply);
    (is_slow && reply.is_passing()).then_some(GREYLIST_MS)
}

fn later(scope: Scope, code: &str, detail: String) -> Failure {
    Failure::Unavailable(Delay { after_ms: None, scope, code: code.to_owned(), detail })
}

/// The server has the whole mail, and did not say what became of it.
fn lost(code: &str, what: &str) -> Failure {
    Failure::Uncertain(reason(code, format!("{what} after the last byte of the mail")))
}

fn reason(code: &str, detail: String) -> Reason {
    Reason { code: code.to_owned(), detail }
}

impl Stage {
    /// To stand behind what was said: "550 no at RCPT TO".
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "when connecting",
            Self::Greeting => "as a greeting",
            Self::Ehlo => "at EHLO",
            Self::StartTls => "at STARTTLS",
            Self::Auth => "at AUTH",
            Self::Mail => "at MAIL FROM",
            Self::Rcpt => "at RCPT TO",
            Self::Data => "at DATA",
            Self::End => "after the mail",
            Self::Reset => "at RSET",
            Self::Noop => "at NOOP",
        }
    }
}

/// How much later than its alerts a mail was first tried, in milliseconds; `None`: in time.
pub(crate) fn delayed_ms(envelope: &Envelope, attempt: &Attempt) -> Option<u64> {
    const IN_TIME_MS: u64 = 60 * 60 * 1000;
    let late_ms = attempt.first.unix_ms.saturating_sub(envelope.time_ms);
    (late_ms > IN_TIME_MS).then_some(late_ms)
}

/// What a test of the connection showed.
pub(crate) fn finding<P>(session: &Session<P>) -> Finding {
    let offers = &session.offers;
    let (certainty, summary) = match session.mechanism {
        Some(_) => (Certainty::Proven, "logged in; nothing was sent"),
        None => (Certainty::Likely, "the server is there, without a login; nothing was sent"),
    };
    let mut facts = vec![
        ("encrypted".to_owned(), session.is_encrypted.to_string()),
        ("login".to_owned(), session.mechanism.unwrap_or("none").to_owned()),
    ];
    if let Some(max) = offers.size_max {
        facts.push(("size_max_bytes".into(), max.to_string()));
    }
    facts.push(("smtputf8".into(), offers.utf8.to_string()));
    Finding { certainty, summary: summary.into(), facts }
}

#[cfg(test)]
mod tests;
