//! Microsoft Teams: posts alerts as Adaptive Cards to a webhook of Workflows (Power Automate).
//!
//! Source for every rule in this folder:
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>,
//! and the pages on the format of cards beside it.

mod answer;
mod card;
mod message;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(Teams);
struct Teams;

impl Kind for Teams {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let read = settings::read(&settings);
        match read.and_then(|settings| Ok((message::request(message, settings.url()?), settings))) {
            Ok((request, settings)) => answer::judge(http::send(&request), &settings, &attempt),
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        answer::find(&settings).map_err(Failure::Misconfigured)
    }
}
