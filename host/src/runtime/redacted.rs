//! What a component says and people read, without secrets.
//!
//! What the component is given back (`carry`, `remote-id`, corrections) stays as it is: whether a
//! guess of its own comes back redacted would tell it that the guess was right.

use super::bindings::kind::{Failure, Finding, Outcome, Verdict};
use crate::capability::secrets::Keyring;

pub(super) fn outcome(mut outcome: Outcome, keyring: &Keyring) -> Outcome {
    if keyring.is_empty() {
        return outcome;
    }
    let verdicts = outcome.verdicts.into_iter().map(|verdict| match verdict {
        Verdict::Delivered(mut receipt) => {
            receipt.warning.iter_mut().for_each(|warning| clean(warning, keyring));
            clean(&mut receipt.detail, keyring);
            Verdict::Delivered(receipt)
        }
        Verdict::Skipped(mut reason) => {
            clean(&mut reason.code, keyring);
            clean(&mut reason.detail, keyring);
            Verdict::Skipped(reason)
        }
        Verdict::Failed(failed) => Verdict::Failed(failure(failed, keyring)),
    });
    outcome.verdicts = verdicts.collect();
    outcome
}

pub(super) fn failure(mut failure: Failure, keyring: &Keyring) -> Failure {
    let (code, detail) = match &mut failure {
        Failure::Rejected(one)
        | Failure::TooLarge(one)
        | Failure::Uncertain(one)
        | Failure::Other(one) => (&mut one.code, &mut one.detail),
        Failure::Unavailable(one) | Failure::RateLimited(one) => (&mut one.code, &mut one.detail),
        Failure::Misconfigured(one) => (&mut one.code, &mut one.detail),
    };
    clean(code, keyring);
    clean(detail, keyring);
    failure
}

pub(super) fn finding(mut finding: Finding, keyring: &Keyring) -> Finding {
    clean(&mut finding.summary, keyring);
    for (name, value) in &mut finding.facts {
        clean(name, keyring);
        clean(value, keyring);
    }
    finding
}

fn clean(text: &mut String, keyring: &Keyring) {
    *text = keyring.redact_text(std::mem::take(text));
}
