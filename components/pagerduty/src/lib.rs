//! PagerDuty: triggers an alert for a condition, and resolves it when the condition is over.
//!
//! Source for every rule in this folder:
//! <https://developer.pagerduty.com/docs/events-api-v2/overview/>, and the pages beside it.

mod answer;
mod event;
mod message;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(PagerDuty);
struct PagerDuty;

impl Kind for PagerDuty {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let read = settings::read(&settings);
        match read.and_then(|settings| message::request(&message, &settings)) {
            Ok(request) => {
                answer::judge(http::send(&request), message::dedup_key(&message), &attempt)
            }
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let request = message::probe(&settings).map_err(Failure::Misconfigured)?;
        answer::find(http::send(&request))
    }
}
