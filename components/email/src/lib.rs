//! E-mail: sends alerts as mails over a mail server.
//!
//! Sources for the rules in this folder: RFC 5321 (SMTP), 3207 (STARTTLS), 4954 (AUTH), 1870 (SIZE),
//! 3463 (enhanced codes), 6531 (SMTPUTF8), 5322 and 2045 to 2047 (messages), 3834
//! (`Auto-Submitted`), and for XOAUTH2
//! <https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>.

mod address;
mod answer;
mod content;
mod envelope;
mod html;
mod line;
mod message;
mod offers;
mod reply;
#[cfg(test)]
mod script;
mod session;
mod settings;
mod text;
mod thread;
mod transaction;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject,
};

use line::{Deadline, Line};
use session::Session;

campanile_guest::export!(Email);
struct Email;

impl Kind for Email {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        message::tell(&subjects, &context, &settings)
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let deadline = Deadline::within(attempt.deadline_ms);
        let (settings, mail) = match settings::read(&settings) {
            Ok(settings) => (settings, message::mail(&message, &attempt)),
            Err(fault) => return fault.into(),
        };
        let Some((envelope, mail)) = mail else {
            return Outcome::rejected("the message is not a mail of this component");
        };
        let dial = || Line::dial(&settings.target, deadline);
        match Session::open(&settings, dial) {
            Ok(session) => {
                let sent = transaction::deliver(session, &envelope, &mail, &attempt);
                answer::judge(&sent, &envelope)
            }
            Err(failed) => Outcome { carry: attempt.carry, ..answer::failure(&failed).into() },
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        let deadline = Deadline::within(session::PROBE_MS);
        let dial = || Line::dial(&settings.target, deadline);
        session::probe(&settings, dial).map_err(|failed| answer::failure(&failed))
    }
}
