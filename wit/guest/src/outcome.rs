//! Short ways to say how a message fared.
//!
//! Each gives one verdict for the whole message. `coded`, `after` and `warned` add to it.

use crate::{
    Delay, Failure, Fault, Formatted, Message, Outcome, Proof, Reason, Receipt, Refusal, Scope,
    Verdict,
};

impl Outcome {
    /// One verdict for the whole message.
    pub fn of(verdict: Verdict) -> Self {
        Self::each(vec![verdict])
    }

    /// One verdict per alert of the message, in order.
    pub fn each(verdicts: Vec<Verdict>) -> Self {
        Self { verdicts, carry: None, budgets: vec![], corrections: vec![], extra: vec![] }
    }

    pub fn delivered(proof: Proof) -> Self {
        Self::of(Verdict::Delivered(Receipt {
            remote_id: None,
            duplicate: false,
            proof,
            warning: None,
            detail: String::new(),
        }))
    }

    /// The service said that it already had this message.
    pub fn duplicate() -> Self {
        let mut outcome = Self::delivered(Proof::Confirmed);
        for verdict in &mut outcome.verdicts {
            if let Verdict::Delivered(receipt) = verdict {
                receipt.duplicate = true;
            }
        }
        outcome
    }

    pub fn skipped(detail: impl Into<String>) -> Self {
        Self::of(Verdict::Skipped(reason("skipped", detail)))
    }

    /// Never acceptable, for these alerts.
    pub fn rejected(detail: impl Into<String>) -> Self {
        Failure::Rejected(reason("rejected", detail)).into()
    }

    /// Acceptable if smaller.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Failure::TooLarge(reason("too-large", detail)).into()
    }

    /// Worth another try later. Concerns this recipient, until [`Outcome::concerning`] says more.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Failure::Unavailable(Delay {
            after_ms: None,
            scope: Scope::Recipient,
            code: "unavailable".into(),
            detail: detail.into(),
        })
        .into()
    }

    /// Worth another try, not before `after_ms` milliseconds have passed.
    pub fn rate_limited(after_ms: Option<u32>, scope: Scope) -> Self {
        let (code, detail) = ("rate-limited".into(), String::new());
        Failure::RateLimited(Delay { after_ms, scope, code, detail }).into()
    }

    /// A wrong credential, URL or target.
    pub fn misconfigured(scope: Scope, detail: impl Into<String>) -> Self {
        Failure::Misconfigured(Fault { scope, code: "misconfigured".into(), detail: detail.into() })
            .into()
    }

    /// It may or may not have arrived.
    pub fn uncertain(detail: impl Into<String>) -> Self {
        Failure::Uncertain(reason("uncertain", detail)).into()
    }

    /// Gives each failure this code, a stable machine word: the status of the answer, mostly.
    #[must_use]
    pub fn coded(mut self, code: &(impl ToString + ?Sized)) -> Self {
        for failure in self.failures() {
            match failure {
                Failure::Rejected(reason)
                | Failure::TooLarge(reason)
                | Failure::Uncertain(reason)
                | Failure::Other(reason) => reason.code = code.to_string(),
                Failure::Unavailable(delay) | Failure::RateLimited(delay) => {
                    delay.code = code.to_string();
                }
                Failure::Misconfigured(fault) => fault.code = code.to_string(),
            }
        }
        self
    }

    /// Gives each failure that is to be tried again the wait that the service asked for.
    #[must_use]
    pub fn after(mut self, after_ms: Option<u32>) -> Self {
        self.delays(|delay| delay.after_ms = after_ms);
        self
    }

    /// Gives each failure that is to be tried again the scope of whom it concerns.
    #[must_use]
    pub fn concerning(mut self, scope: Scope) -> Self {
        self.delays(|delay| delay.scope = scope);
        self
    }

    /// Delivered, but an operator should know.
    #[must_use]
    pub fn warned(mut self, warning: impl Into<String>) -> Self {
        let warning = warning.into();
        for verdict in &mut self.verdicts {
            if let Verdict::Delivered(receipt) = verdict {
                receipt.warning = Some(warning.clone());
            }
        }
        self
    }

    fn failures(&mut self) -> impl Iterator<Item = &mut Failure> {
        self.verdicts.iter_mut().filter_map(|verdict| match verdict {
            Verdict::Failed(failure) => Some(failure),
            Verdict::Delivered(_) | Verdict::Skipped(_) => None,
        })
    }

    fn delays(&mut self, mut change: impl FnMut(&mut Delay)) {
        for failure in self.failures() {
            if let Failure::Unavailable(delay) | Failure::RateLimited(delay) = failure {
                change(delay);
            }
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::of(Verdict::Failed(failure))
    }
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        Failure::Misconfigured(fault).into()
    }
}

impl Fault {
    pub fn new(scope: Scope, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { scope, code: code.into(), detail: detail.into() }
    }
}

impl Refusal {
    /// `alert` is the position in the list that `format` was given.
    pub fn new(alert: u32, detail: impl Into<String>) -> Self {
        Self { alert, detail: detail.into() }
    }
}

/// A format that tells about every alert.
impl FromIterator<Message> for Formatted {
    fn from_iter<T: IntoIterator<Item = Message>>(messages: T) -> Self {
        Self { messages: messages.into_iter().collect(), skipped: vec![], rejected: vec![] }
    }
}

fn reason(code: &str, detail: impl Into<String>) -> Reason {
    Reason { code: code.into(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_to_an_outcome_lands_only_where_it_has_a_meaning() {
        let add = |outcome: Outcome| {
            let outcome = outcome.coded(&418).after(Some(5)).concerning(Scope::Origin);
            outcome.warned("look here").verdicts
        };
        let delay = || Delay {
            after_ms: Some(5),
            scope: Scope::Origin,
            code: "418".into(),
            detail: "why".into(),
        };
        let why = || reason("418", "why");
        let receipt = |duplicate| Receipt {
            remote_id: None,
            duplicate,
            proof: Proof::Confirmed,
            warning: Some("look here".into()),
            detail: String::new(),
        };
        let table = [
            (Outcome::delivered(Proof::Confirmed), Verdict::Delivered(receipt(false))),
            (Outcome::duplicate(), Verdict::Delivered(receipt(true))),
            (Outcome::skipped("why"), Verdict::Skipped(reason("skipped", "why"))),
            (Outcome::rejected("why"), Verdict::Failed(Failure::Rejected(why()))),
            (Outcome::too_large("why"), Verdict::Failed(Failure::TooLarge(why()))),
            (Outcome::uncertain("why"), Verdict::Failed(Failure::Uncertain(why()))),
            (Outcome::unavailable("why"), Verdict::Failed(Failure::Unavailable(delay()))),
            (
                Outcome::rate_limited(None, Scope::Recipient),
                Verdict::Failed(Failure::RateLimited(Delay { detail: String::new(), ..delay() })),
            ),
            (
                Outcome::misconfigured(Scope::Endpoint, "why"),
                Verdict::Failed(Failure::Misconfigured(Fault::new(Scope::Endpoint, "418", "why"))),
            ),
        ];
        for (outcome, expected) in table {
            let shown = format!("{outcome:?}");
            assert_eq!(add(outcome), [expected], "{shown}");
        }
    }
}
