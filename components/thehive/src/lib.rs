//! TheHive 5: creates an alert, and marks it when the condition is over.
//!
//! Source for every rule in this folder: <https://docs.strangebee.com/thehive/api-docs/>.

mod answer;
mod exchange;
mod markdown;
mod message;
mod observables;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(TheHive);
struct TheHive;

impl Kind for TheHive {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        match settings::read(&settings).and_then(|settings| settings.server()) {
            Ok(server) => exchange::deliver(&message, &server, &attempt, http::send),
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let server = settings.server().map_err(Failure::Misconfigured)?;
        exchange::probe(&server, http::send)
    }
}
