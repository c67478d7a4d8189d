//! What the helper's answer means. One `match`, every branch visible.

use super::super::protocol::{Answer, Refusal, Trouble};
use super::message::{Act, Order, spared};
use crate::privileged::link::LinkError;
use crate::runtime::bindings::kind::{
    Attempt, Certainty, Delay, Failure, Fault, Finding, Proof, Reason, Receipt, Scope, Verdict,
};

/// So long a Fail2Ban that is not there, or has not the jail yet, may be starting; then somebody has to
/// look.
const STARTS_MS_MAX: u64 = 10 * 60 * 1000;

const ACCEPTED: &str = "accepted by fail2ban, firewall not checked";

pub(super) fn judge(answer: Answer, order: &Order, attempt: &Attempt) -> Verdict {
    let waited_ms = attempt.now.unix_ms.saturating_sub(attempt.first.unix_ms);
    match answer {
        Answer::Banned { new, ours } => {
            let name = ours.then(|| format!("{} {}", order.jail, order.address));
            delivered(name, new == 0, ACCEPTED)
        }
        Answer::Attempted => delivered(None, false, ACCEPTED),
        Answer::DryRun => delivered(None, false, "dry run: it was checked, and nothing was done"),
        Answer::Unbanned { lifted } => delivered(None, lifted == 0, "the ban is lifted"),
        Answer::NotOurs => skipped("not-ours", "the ban that stands is not of this alert"),
        Answer::Spared { rule } => skipped("spared", &spared(&order.address, &rule)),
        Answer::RateLimited { retry_after_ms } => Verdict::Failed(Failure::RateLimited(Delay {
            after_ms: Some(u32::try_from(retry_after_ms).unwrap_or(u32::MAX)),
            scope: Scope::Endpoint,
            code: "bans-per-minute".to_owned(),
            detail: "more bans than the policy allows; this one waits".to_owned(),
        })),
        other => Verdict::Failed(failure(other, waited_ms, order.act == Act::Attempt)),
    }
}

/// `is_counted`: once more is not the same as once.
fn failure(answer: Answer, waited_ms: u64, is_counted: bool) -> Failure {
    let fault = |scope, code: &str, detail| {
        Failure::Misconfigured(Fault { scope, code: code.to_owned(), detail })
    };
    let reason = |code: &str, detail| Reason { code: code.to_owned(), detail };
    match answer {
        Answer::Refused { refusal, detail } => match refusal {
            Refusal::Jail => fault(Scope::Recipient, "jail", detail),
            Refusal::Policy => fault(Scope::Recipient, "policy", detail),
            Refusal::Address => Failure::Rejected(reason("address", detail)),
            Refusal::Malformed => Failure::Rejected(reason("malformed", detail)),
        },
        Answer::Failed { trouble, detail } => match trouble {
            Trouble::UnknownJail if waited_ms < STARTS_MS_MAX => {
                unavailable("unknown-jail", detail)
            }
            Trouble::UnknownJail => fault(Scope::Recipient, "unknown-jail", detail),
            Trouble::BadValue => Failure::Rejected(reason("bad-value", detail)),
            Trouble::Denied => fault(Scope::Endpoint, "denied", detail),
            Trouble::Absent if waited_ms < STARTS_MS_MAX => unavailable("absent", detail),
            Trouble::Absent => fault(Scope::Endpoint, "absent", detail),
            Trouble::Broken if is_counted => Failure::Uncertain(reason("broken", detail)),
            Trouble::Broken => unavailable("broken", detail),
            Trouble::Unasked => unavailable("unasked", detail),
            Trouble::Helper => unavailable("helper", detail),
            Trouble::Other => Failure::Other(reason("refused", detail)),
        },
        // Of another question; only a helper of another version says so.
        _ => Failure::Other(reason("malformed-answer", LinkError::Malformed.to_string())),
    }
}

/// Without an answer of the helper.
pub(super) fn unlinked(error: &LinkError) -> Verdict {
    Verdict::Failed(unlinked_failure(error))
}

pub(super) fn unlinked_failure(error: &LinkError) -> Failure {
    let code = match error {
        LinkError::Down => "helper-down",
        LinkError::Lost => "helper-lost",
        LinkError::Late => "helper-late",
        LinkError::TooLarge => "too-large",
        LinkError::Malformed => "malformed-answer",
    };
    unavailable(code, error.to_string())
}

pub(super) fn finding(answer: Answer, is_of_jail: bool) -> Result<Finding, Failure> {
    match answer {
        Answer::Probed { facts } => Ok(Finding {
            certainty: if is_of_jail { Certainty::Proven } else { Certainty::Reachable },
            summary: if is_of_jail {
                "fail2ban answers and has the jail".to_owned()
            } else {
                "fail2ban answers".to_owned()
            },
            facts,
        }),
        // Who asks is told at once.
        other => Err(failure(other, STARTS_MS_MAX, false)),
    }
}

pub(super) fn rejected(code: &str, detail: &str) -> Verdict {
    let (code, detail) = (code.to_owned(), detail.to_owned());
    Verdict::Failed(Failure::Rejected(Reason { code, detail }))
}

pub(super) fn misconfigured(fault: Fault) -> Verdict {
    Verdict::Failed(Failure::Misconfigured(fault))
}

pub(super) fn skipped(code: &str, detail: &str) -> Verdict {
    Verdict::Skipped(Reason { code: code.to_owned(), detail: detail.to_owned() })
}

fn delivered(remote_id: Option<String>, duplicate: bool, detail: &str) -> Verdict {
    Verdict::Delivered(Receipt {
        remote_id,
        duplicate,
        proof: Proof::Accepted,
        warning: None,
        detail: detail.to_owned(),
    })
}

fn unavailable(code: &str, detail: String) -> Failure {
    Failure::Unavailable(Delay {
        after_ms: None,
        scope: Scope::Endpoint,
        code: code.to_owned(),
        detail,
    })
}
