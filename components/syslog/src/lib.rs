//! Syslog: sends alerts to a collector over UDP, TCP or TLS, or to the daemon of this machine.
//!
//! Sources for the rules in this folder: RFC 3164, 5424 (messages), 5425, 5426, 6587 (transports);
//! ntopng's user guide and code for its texts; Checkmk's code for its Event Console.

mod answer;
mod checkmk;
mod json;
mod message;
mod send;
mod settings;
mod text;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject,
};

campanile_guest::export!(Syslog);
struct Syslog;

impl Kind for Syslog {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::tell(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        match settings::read(&settings) {
            Ok(settings) => send::message(&message, &settings, attempt.number),
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        send::probe(&settings)
    }
}
