//! What came of a try, in the words of the record: judged by what the host saw first, and by what
//! the component says second.
//!
//! Promise: a request whose whole answer did not come is uncertain, whatever the component claims,
//! and so is a 'delivered' without any egress.

use std::time::Duration;

use super::backoff::Backoff;
use crate::capability::log::printable;
use crate::delivery::{Attempt, Delivery, Fate, Message, OutcomeKind, Seen};
use crate::queue::Settlement;
use crate::runtime::bindings::kind::{self, Failure, Scope};
use crate::runtime::{Fault, Told};

const DETAIL_BYTES_MAX: usize = 1 << 10;
const CODE_BYTES_MAX: usize = 64;
const REMOTE_ID_BYTES_MAX: usize = 1 << 10;
const CARRY_BYTES_MAX: usize = 4 << 10;

/// When and how often to try again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    pub backoff: Backoff,
    /// After so many tries a delivery is dead.
    pub attempts_max: u32,
}

/// One try, as the engine knows it.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// From 1.
    pub number: u32,
    /// Tries before somebody sent it again by hand, which do not count for its end.
    pub forgiven: u32,
    pub at_ms: u64,
    /// When it ended.
    pub now_ms: u64,
    /// From 0 to 1, for the wait.
    pub jitter: f64,
}

/// A try's record, and what it means for the deliveries that come after it.
#[derive(Debug)]
pub struct Judged {
    pub settlement: Settlement,
    /// Whom to leave alone, and until when.
    pub pause: Option<Pause>,
    /// What is to be mended before anything more is sent.
    pub misconfigured: Option<Misconfigured>,
}

/// A setting is wrong: nothing that is sent before it is mended can arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misconfigured {
    pub scope: PauseScope,
    pub code: String,
    pub detail: String,
}

/// The service cannot take more now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    pub scope: PauseScope,
    /// The service said so itself; else it merely failed.
    pub asked: bool,
    pub until_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseScope {
    Recipient,
    Endpoint,
}

/// One verdict, in the engine's words.
struct Verdict {
    outcome: OutcomeKind,
    code: String,
    detail: String,
    asked: Option<Duration>,
    scope: Scope,
    remote_id: Option<String>,
}

impl Verdict {
    fn new(outcome: OutcomeKind, code: &str, detail: &str) -> Self {
        Self {
            outcome,
            code: printable(code, CODE_BYTES_MAX),
            detail: printable(detail, DETAIL_BYTES_MAX),
            asked: None,
            scope: Scope::Recipient,
            remote_id: None,
        }
    }
}

/// Judges the try of a message that was handed to `deliver`.
pub fn judge(
    told: Told,
    mut message: Message,
    deliveries: &[Delivery],
    tried: Tried,
    policy: &RetryPolicy,
) -> Judged {
    debug_assert_eq!(message.members.len(), deliveries.len());
    let seen = told.seen;
    let verdicts = match told.outcome {
        Ok(outcome)
            if outcome.carry.as_ref().is_some_and(|carry| carry.len() > CARRY_BYTES_MAX) =>
        {
            let detail = "`carry` is longer than 4 KiB";
            vec![Verdict::new(OutcomeKind::Uncertain, "contract", detail)]
        }
        Ok(outcome) => {
            message.carry = outcome.carry;
            read(outcome.verdicts, message.members.len(), &seen)
        }
        Err(fault) => vec![broken(&fault, &seen)],
    };
    settle(verdicts, message, seen, tried, policy)
}

/// Why there is no message.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    pub outcome: OutcomeKind,
    /// Whom it concerns, where something is misconfigured.
    pub scope: Scope,
    pub code: &'a str,
    pub detail: &'a str,
}

/// Records alerts for which there was no message to deliver: skipped or refused by `format`.
pub fn undelivered(
    refusal: Refusal<'_>,
    message: Message,
    tried: Tried,
    policy: &RetryPolicy,
) -> Judged {
    let Refusal { outcome, scope, code, detail } = refusal;
    let verdict = Verdict { scope, ..Verdict::new(outcome, code, detail) };
    let mut judged = settle(vec![verdict], message, Seen::default(), tried, policy);
    // There are no bytes to keep: it is formatted anew.
    judged.settlement.keep_message = false;
    judged
}

fn read(verdicts: Vec<kind::Verdict>, members: usize, seen: &Seen) -> Vec<Verdict> {
    if seen.unanswered {
        let detail = "the request was sent, and its whole answer did not come";
        return vec![Verdict::new(OutcomeKind::Uncertain, "no-answer", detail)];
    }
    if verdicts.len() != 1 && verdicts.len() != members {
        let detail = format!("{} verdicts for {members} alerts", verdicts.len());
        return vec![Verdict::new(OutcomeKind::Uncertain, "contract", &detail)];
    }
    verdicts.into_iter().map(|verdict| translate(verdict, seen)).collect()
}

fn translate(verdict: kind::Verdict, seen: &Seen) -> Verdict {
    match verdict {
        kind::Verdict::Delivered(_) if seen.origin.is_none() => {
            let detail = "the component says 'delivered' and sent nothing";
            Verdict::new(OutcomeKind::Uncertain, "no-egress", detail)
        }
        kind::Verdict::Delivered(receipt) => {
            let code = seen.status.map_or_else(String::new, |status| status.to_string());
            let detail = receipt.warning.as_deref().unwrap_or(&receipt.detail);
            Verdict {
                remote_id: receipt.remote_id.filter(|id| id.len() <= REMOTE_ID_BYTES_MAX),
                ..Verdict::new(OutcomeKind::Delivered, &code, detail)
            }
        }
        kind::Verdict::Skipped(reason) => {
            Verdict::new(OutcomeKind::Skipped, &reason.code, &reason.detail)
        }
        kind::Verdict::Failed(failure) => failed(&failure),
    }
}

fn failed(failure: &Failure) -> Verdict {
    let plain =
        |outcome, reason: &kind::Reason| Verdict::new(outcome, &reason.code, &reason.detail);
    let delayed = |outcome, delay: &kind::Delay| Verdict {
        asked: delay.after_ms.map(|ms| Duration::from_millis(ms.into())),
        scope: delay.scope,
        ..Verdict::new(outcome, &delay.code, &delay.detail)
    };
    match failure {
        Failure::Rejected(reason) => plain(OutcomeKind::Rejected, reason),
        Failure::TooLarge(reason) => plain(OutcomeKind::TooLarge, reason),
        Failure::Uncertain(reason) => plain(OutcomeKind::Uncertain, reason),
        Failure::Other(reason) => plain(OutcomeKind::Unavailable, reason),
        Failure::Unavailable(delay) => delayed(OutcomeKind::Unavailable, delay),
        Failure::RateLimited(delay) => delayed(OutcomeKind::RateLimited, delay),
        Failure::Misconfigured(fault) => Verdict {
            scope: fault.scope,
            ..Verdict::new(OutcomeKind::Misconfigured, &fault.code, &fault.detail)
        },
    }
}

/// What a failure of a probe means, in the words of the record: outcome, code, detail.
pub fn failure(failure: &Failure) -> (OutcomeKind, String, String) {
    let Verdict { outcome, code, detail, .. } = failed(failure);
    (outcome, code, detail)
}

fn broken(fault: &Fault, seen: &Seen) -> Verdict {
    let outcome = if seen.unanswered { OutcomeKind::Uncertain } else { OutcomeKind::Fault };
    Verdict::new(outcome, fault.code(), &fault.to_string())
}

/// `verdicts`: one for the whole message, or one per member.
fn settle(
    verdicts: Vec<Verdict>,
    message: Message,
    seen: Seen,
    tried: Tried,
    policy: &RetryPolicy,
) -> Judged {
    let whole = verdicts.len() == 1;
    let members = message.members.len();
    let alone = members == 1;
    let mut fates: Vec<_> =
        verdicts.iter().map(|verdict| fate(verdict, alone, tried, policy)).collect();
    if whole {
        fates = vec![fates[0].clone(); members];
    }
    let pause = verdicts.iter().find_map(|verdict| pause(verdict, tried, policy));
    let misconfigured = verdicts.iter().find_map(misconfigured);
    let retried = fates.iter().all(|fate| matches!(fate, Fate::Retry { .. }));
    let told = worst(verdicts);
    let keep_message = whole && retried && told.outcome != OutcomeKind::TooLarge;
    let attempt = Attempt {
        number: tried.number,
        at_ms: tried.at_ms,
        took_ms: u32::try_from(tried.now_ms.saturating_sub(tried.at_ms)).unwrap_or(u32::MAX),
        outcome: told.outcome,
        code: told.code,
        detail: told.detail,
        seen,
    };
    let settlement = Settlement { attempt, message, fates, keep_message };
    Judged { settlement, pause, misconfigured }
}

/// The verdict that the record shows for the whole try: the first that is not good.
fn worst(verdicts: Vec<Verdict>) -> Verdict {
    let bad = verdicts
        .iter()
        .position(|one| !matches!(one.outcome, OutcomeKind::Delivered | OutcomeKind::Skipped));
    verdicts
        .into_iter()
        .nth(bad.unwrap_or(0))
        // A message has at least one member, and so one verdict.
        .unwrap_or_else(|| Verdict::new(OutcomeKind::Fault, "contract", "no verdict"))
}

fn fate(verdict: &Verdict, alone: bool, tried: Tried, policy: &RetryPolicy) -> Fate {
    match verdict.outcome {
        OutcomeKind::Delivered => Fate::Delivered { remote_id: verdict.remote_id.clone() },
        OutcomeKind::Skipped => Fate::Skipped,
        OutcomeKind::Rejected => Fate::Dead,
        OutcomeKind::TooLarge if alone => Fate::Dead,
        // Its members go again at once, each in a message of its own.
        OutcomeKind::TooLarge => Fate::Retry { due_ms: tried.now_ms },
        // It waits for a person, however often that takes, and then goes at once.
        OutcomeKind::Misconfigured => Fate::Retry { due_ms: tried.now_ms },
        _ if tried.number.saturating_sub(tried.forgiven) >= policy.attempts_max => Fate::Dead,
        _ => {
            let wait = policy.backoff.wait(tried.number, verdict.asked, tried.jitter);
            Fate::Retry { due_ms: later(tried.now_ms, wait) }
        }
    }
}

fn pause(verdict: &Verdict, tried: Tried, policy: &RetryPolicy) -> Option<Pause> {
    let scope = scope(verdict);
    let wait = policy.backoff.wait(tried.number, verdict.asked, tried.jitter);
    let until_ms = later(tried.now_ms, wait);
    match verdict.outcome {
        OutcomeKind::RateLimited => Some(Pause { scope, asked: true, until_ms }),
        OutcomeKind::Unavailable if verdict.asked.is_some() => {
            Some(Pause { scope, asked: true, until_ms })
        }
        OutcomeKind::Unavailable | OutcomeKind::Uncertain => {
            Some(Pause { scope: PauseScope::Recipient, asked: false, until_ms })
        }
        _ => None,
    }
}

fn misconfigured(verdict: &Verdict) -> Option<Misconfigured> {
    (verdict.outcome == OutcomeKind::Misconfigured).then(|| Misconfigured {
        scope: scope(verdict),
        code: verdict.code.clone(),
        detail: verdict.detail.clone(),
    })
}

fn scope(verdict: &Verdict) -> PauseScope {
    match verdict.scope {
        Scope::Recipient => PauseScope::Recipient,
        Scope::Endpoint | Scope::Origin => PauseScope::Endpoint,
    }
}

fn later(now_ms: u64, wait: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
