//! Webhook: POSTs alerts as JSON, in the shape that the receiver knows.
//!
//! Source for the headers, and for what an answer means:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

mod alertmanager;
mod answer;
mod credentials;
mod message;
mod ntopng;
mod probe;
mod settings;
mod standard;

use std::time::{SystemTime, UNIX_EPOCH};

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Request, Scope, Subject, http,
};
use message::{Credentials, Stamp};
use settings::Settings;

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
            let seconds = attempt.now.unix_ms / 1000;
            let stamp = Stamp { id: &attempt.message_id, seconds };
            let request = stamped(message, &settings, stamp)?;
            Ok(answer::judge(http::send(&request), &settings, &attempt))
        };
        sent().unwrap_or_else(|fault: Fault| fault.into())
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        probe(&settings).map_err(Failure::Misconfigured)?
    }
}

fn stamped(message: Message, settings: &Settings, stamp: Stamp<'_>) -> Result<Request, Fault> {
    let credentials = Credentials {
        authorization: credentials::authorization(settings)?,
        signatures: credentials::signatures(settings, stamp.id, stamp.seconds)?,
    };
    Ok(message::request(message, settings, stamp, credentials))
}

fn probe(settings: &str) -> Result<Result<Finding, Failure>, Fault> {
    let settings = settings::read(settings)?;
    if !settings.probe_posts {
        let authorization = credentials::authorization(&settings)?;
        return Ok(answer::find(http::send(&probe::options(&settings, authorization))));
    }
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = format!("probe_{}", since.as_millis());
    let stamp = Stamp { id: &id, seconds: since.as_secs() };
    let request = stamped(probe::nothing(settings.payload, now), &settings, stamp)?;
    Ok(answer::find_posted(http::send(&request), &settings))
}
