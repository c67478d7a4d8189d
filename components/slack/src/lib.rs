//! Slack: posts each alert to an incoming webhook.
//!
//! Sources for the rules in this folder:
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
//! <https://docs.slack.dev/messaging/formatting-message-text>,
//! <https://docs.slack.dev/reference/block-kit/blocks>,
//! <https://docs.slack.dev/apis/web-api/rate-limits>.

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
        let told = (0_u32..).zip(&subjects);
        Ok(told.map(|(at, subject)| message::tell(at, subject, &context, &settings)).collect())
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        match settings::read(&settings) {
            Ok(settings) => {
                let request = message::request(message, &settings);
                answer::judge(http::send(&request), &settings, attempt.now.unix_ms)
            }
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        answer::find(http::send(&message::probe(&settings)))
    }
}
