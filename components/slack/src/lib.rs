//! Slack: posts an alert to an incoming webhook.
//!
//! Source for every rule in this folder:
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, and the pages on
//! Block Kit and on formatting beside it.

mod answer;
mod blocks;
mod message;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(Slack);
struct Slack;

impl Kind for Slack {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        let tell = |(at, one): (u32, &Subject)| message::tell(at, &one.alert, &context, &settings);
        Ok((0..).zip(&subjects).map(tell).collect())
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
        let url = settings.url().map_err(Failure::Misconfigured)?;
        answer::find(http::send(&message::probe(url)))
    }
}
