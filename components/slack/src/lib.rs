//! Slack: posts an alert to an incoming webhook, or as the bot of a Slack app.
//!
//! Source for every rule in this folder:
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
//! <https://docs.slack.dev/reference/methods/chat.postMessage>, and the pages on Block Kit and on
//! formatting beside them.

mod answer;
mod blocks;
mod bot;
mod message;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

use crate::settings::Way;

campanile_guest::export!(Slack);
struct Slack;

impl Kind for Slack {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        (0..).zip(&subjects).map(|(at, one)| message::tell(at, one, &context, &settings)).collect()
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        deliver(message, &settings, &attempt).unwrap_or_else(Outcome::from)
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        match &settings.way {
            Way::Webhook { url } => {
                let url = settings::webhook(url.as_deref()).map_err(Failure::Misconfigured)?;
                answer::find(http::send(&message::probe(url)))
            }
            Way::Bot(bot) => bot::probe(bot, http::send),
        }
    }
}

fn deliver(message: Message, settings: &str, attempt: &Attempt) -> Result<Outcome, Fault> {
    let settings = settings::read(settings)?;
    match &settings.way {
        Way::Webhook { url } => {
            let request = message::request(message, settings::webhook(url.as_deref())?);
            Ok(answer::judge(http::send(&request), &settings, attempt))
        }
        Way::Bot(bot) => bot::deliver(message, bot, attempt, http::send),
    }
}
