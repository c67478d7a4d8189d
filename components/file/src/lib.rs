//! File: appends alerts to files in a granted folder, one JSON object per line.
//!
//! Source for the shape of a file: <https://jsonlines.org>.

mod answer;
mod folder;
mod message;
mod rotation;
mod settings;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject,
};

campanile_guest::export!(File);
struct File;

impl Kind for File {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let lines = match message::lines(&message, &attempt) {
            Ok(lines) => lines,
            Err(why) => return Outcome::rejected(why),
        };
        match settings::read(&settings) {
            Ok(settings) => folder::write(&lines, &settings, &attempt),
            Err(fault) => fault.into(),
        }
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        folder::probe(&settings::read(&settings).map_err(Failure::Misconfigured)?)
    }
}
