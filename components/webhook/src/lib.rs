//! Webhook: POSTs alerts as JSON, in ntopng's envelope or in Campanile's own.
//!
//! Source for the headers, and for what an answer means:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

mod answer;
mod credentials;
mod message;
mod native;
mod ntopng;
mod raw;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};
use message::Credentials;

campanile_guest::export!(Webhook);
struct Webhook;

impl Kind for Webhook {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let sent = || {
            let settings = settings::read(&settings)?;
            let credentials = Credentials {
                authorization: credentials::authorization(&settings)?,
                signatures: credentials::signatures(
                    &settings,
                    &attempt.message_id,
                    message::seconds(&attempt),
                )?,
            };
            let request = message::request(message, &settings, &attempt, credentials);
            Ok(answer::judge(http::send(&request), &settings, &attempt))
        };
        sent().unwrap_or_else(|fault: Fault| fault.into())
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let authorization =
            credentials::authorization(&settings).map_err(Failure::Misconfigured)?;
        answer::find(http::send(&message::probe(&settings, authorization)))
    }
}
