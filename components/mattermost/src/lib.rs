//! Mattermost: posts an alert to a channel, by a bot's token or by an incoming webhook.
//!
//! Source for every rule in this folder: <https://developers.mattermost.com/api-documentation/>,
//! <https://developers.mattermost.com/integrate/webhooks/incoming/>, and the server's code.

mod answer;
mod message;
mod probe;
mod request;
mod send;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject,
};

campanile_guest::export!(Mattermost);
struct Mattermost;

impl Kind for Mattermost {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        settings.check_channel()?;
        let tell = |(at, one): (u32, &Subject)| message::tell(at, one, &context, &settings);
        Ok((0..).zip(&subjects).map(tell).collect())
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        settings::read(&settings)
            .and_then(|settings| send::send(&message, &settings, &attempt))
            .unwrap_or_else(Outcome::from)
    }

    fn probe(settings: String, scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        probe::find(&settings, scope)
    }
}
