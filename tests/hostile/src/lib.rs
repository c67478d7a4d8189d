//! Hostile: a component that attacks the engine where and how its settings say, and else behaves.
//!
//! Behaving: one message per alert, POSTed to `url`; 2xx is delivered, anything else is rejected.
//! An attack that the engine answers instead of ending it is reported: by `format` in the body,
//! by `deliver` as the detail of a rejection, by `probe` in the summary.

mod attack;
mod behave;
mod settings;

use campanile_guest::{
    Attempt, Certainty, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message,
    Outcome, Scope, Subject,
};
use settings::Place;

campanile_guest::export!(Hostile);
struct Hostile;

impl Kind for Hostile {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        let is_bad = |subject: &Subject| subject.alert.title == "bad";
        let is_due = !settings.only_bad || subjects.iter().any(is_bad);
        Ok(match settings.attack_in(Place::Format) {
            Some(attack) if is_due => attack::format(attack, &subjects, &settings),
            _ => behave::format(&subjects),
        })
    }

    fn deliver(message: Message, settings: String, _attempt: Attempt) -> Outcome {
        let settings = match settings::read(&settings) {
            Ok(settings) => settings,
            Err(fault) => return fault.into(),
        };
        let is_due = !settings.only_bad || message.summary == "bad";
        match settings.attack_in(Place::Deliver) {
            Some(attack) if is_due => attack::deliver(attack, &message, &settings),
            _ => behave::deliver(message, &settings.url),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let (summary, facts) = match settings.attack_in(Place::Probe) {
            Some(attack) => attack::probe(attack, &settings),
            None => ("behaves".into(), vec![]),
        };
        Ok(Finding { certainty: Certainty::Unchecked, summary, facts })
    }
}
