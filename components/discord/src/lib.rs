//! Discord: posts alerts to a webhook of a channel, several in one message.
//!
//! Source for every rule in this folder: <https://docs.discord.com/developers/resources/webhook>,
//! and the pages on messages, on rate limits and on error codes beside it.

mod answer;
mod embed;
mod message;
mod request;
mod settings;
mod wait;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

use settings::Settings;

campanile_guest::export!(Discord);
struct Discord;

impl Kind for Discord {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        settings::read(&settings)
            .and_then(|settings| send(message, &settings, &attempt))
            .unwrap_or_else(Outcome::from)
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let request = request::probe(&settings).map_err(Failure::Misconfigured)?;
        answer::find(http::send(&request))
    }
}

/// Tries the ways to tell it in turn, for as long as what one of them refers to is gone.
fn send(message: Message, settings: &Settings, attempt: &Attempt) -> Result<Outcome, Fault> {
    let alerts = message.alerts.len();
    let ways = request::ways(message, settings, attempt)?;
    let mut answer = http::send(&ways.first);
    for way in &ways.otherwise {
        if !answer::is_gone(&answer) {
            break;
        }
        answer = http::send(way);
    }
    Ok(answer::judge(answer, alerts, settings, attempt))
}
