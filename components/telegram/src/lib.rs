//! Telegram: sends an alert by a bot, as text in Telegram's HTML.
//!
//! Source for every rule in this folder: <https://core.telegram.org/bots/api>, and the code of the
//! server, <https://github.com/tdlib/telegram-bot-api>.

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

campanile_guest::export!(Telegram);
struct Telegram;

impl Kind for Telegram {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        settings.chat()?;
        let tell = |(at, one): (u32, &Subject)| message::tell(at, one, &context, &settings);
        Ok((0..).zip(&subjects).map(tell).collect())
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        settings::read(&settings)
            .and_then(|settings| send::send(&message, &settings, &attempt))
            // What was taken before the settings went wrong is not sent again.
            .unwrap_or_else(|fault| Outcome { carry: attempt.carry, ..fault.into() })
    }

    fn probe(settings: String, scope: Scope) -> Result<Finding, Failure> {
        let settings = settings::read(&settings).map_err(Failure::Misconfigured)?;
        probe::find(&settings, scope)
    }
}
