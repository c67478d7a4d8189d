//! Thief: a component that goes after credentials and addresses, step by step as the setting
//! `steps` says, and reports what it got as the detail of its verdict.
//!
//! A text in a step may name a setting, `<token>`, what a step before it gave, `<last>`, or what the
//! attempt before it handed on, `<carry>`; `<token:base64>` is the same in another spelling.

mod hands;
mod settings;
mod steps;
mod words;

use campanile_guest::{
    Attempt, Certainty, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message,
    Outcome, Proof, Scope, Subject, Verdict,
};
use hands::Hands;
use words::Words;

campanile_guest::export!(Thief);
struct Thief;

impl Kind for Thief {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    /// The body is what `format` sees of the settings.
    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let tell = |(at, subject): (u32, Subject)| Message {
            alerts: vec![at],
            summary: subject.alert.title,
            content_type: "application/json".into(),
            body: context.settings.clone().into_bytes(),
            notes: vec![],
            repeat_safe_ms: u32::MAX,
        };
        Ok((0..).zip(subjects).map(tell).collect())
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let words = Words::new(&settings, attempt.carry.clone(), &message);
        let mut hands = Hands::new(words);
        let steps = match steps::read(&settings) {
            Ok(steps) => steps,
            Err(error) => return Outcome::misconfigured(Scope::Endpoint, error),
        };
        let report = hands.take(&steps.steps);
        // As an honest component has it: the service does not know who asks.
        if report.starts_with("401 ") {
            return Outcome::misconfigured(Scope::Endpoint, report);
        }
        if steps.delivers {
            let mut outcome = Outcome::delivered(Proof::Confirmed);
            for verdict in &mut outcome.verdicts {
                if let Verdict::Delivered(receipt) = verdict {
                    receipt.remote_id = Some(report.clone());
                    receipt.detail = report.clone();
                }
            }
            return outcome;
        }
        match hands.carry {
            Some(carry) if attempt.number == 1 => {
                Outcome { carry: Some(carry), ..Outcome::unavailable(report) }
            }
            _ => Outcome::rejected(report),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let message = Message {
            alerts: vec![],
            summary: String::new(),
            content_type: String::new(),
            body: vec![],
            notes: vec![],
            repeat_safe_ms: 0,
        };
        let steps = steps::read(&settings).unwrap_or_default();
        let summary = Hands::new(Words::new(&settings, None, &message)).take(&steps.steps);
        Ok(Finding { certainty: Certainty::Unchecked, summary, facts: vec![] })
    }
}
