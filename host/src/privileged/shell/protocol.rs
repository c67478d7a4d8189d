//! What the engine asks the shell helper, and what it is told.
//!
//! Promise: a question says which script, with which arguments and which text on stdin, and nothing
//! about rights or limits but a shorter time. Unknown fields are refused.
//!
//! Not here: framing (`frame`), and whether the policy allows it (`policy`).

use serde::{Deserialize, Serialize};

/// Longest name that goes into a script's environment, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Ask {
    Run(Run),
    Check(Check),
}

/// Runs a script to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Name of the file, without its folder.
    pub script: String,
    pub arguments: Vec<String>,
    /// What it reads: one alert as one JSON document.
    pub stdin: String,
    pub alert: AlertNames,
    /// How long it may take; only ever less than the policy's.
    pub wall_ms: Option<u32>,
}

/// Looks at everything that must be right before a script can run, and runs nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub script: String,
    pub arguments: Vec<String>,
}

/// What a script finds in its environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertNames {
    pub id: String,
    pub action: String,
    pub severity: String,
    pub recipient: String,
    pub attempt: u32,
    /// Of what a script is given: `1`.
    pub version: String,
    pub is_test: bool,
}

impl AlertNames {
    /// Short and without control characters, so that a script may print them.
    pub fn check(&self) -> Result<(), Refusal> {
        let Self { id, action, severity, recipient, version, attempt: _, is_test: _ } = self;
        let names = [("id", id), ("action", action), ("severity", severity), ("version", version)];
        let is_word = |text: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
            !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
        };
        let wrong = names.iter().find(|(_, text)| !is_word(text)).map(|(name, _)| *name);
        let is_name = recipient.len() <= NAME_BYTES_MAX && !recipient.contains(char::is_control);
        match wrong.or((!is_name).then_some("recipient")) {
            Some(name) => {
                let detail = format!("`{name}` of the alert: expected a short name");
                Err(Refusal { rule: Rule::Names, detail })
            }
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Ran(Ran),
    Checked(Checked),
    /// Nothing ran: the policy forbids it, or the script is not what it allows.
    Refused(Refusal),
    /// Nothing ran: as many scripts run already as may.
    Busy,
    /// Nothing ran.
    NotStarted(NotStarted),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ran {
    pub ending: Ending,
    /// The first and the last of what it printed to stdout and stderr.
    pub output: String,
    /// All that it printed, kept or not.
    pub output_bytes: u64,
    /// What it asked for in its last line, with exit code 75.
    pub retry_after_s: Option<u32>,
    /// SHA-256 of what ran, in hexadecimal digits.
    pub script_sha256: String,
    pub took_ms: u32,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Exit(i32),
    /// By a signal that is not ours.
    Signal(i32),
    TimedOut,
    TooMuchOutput,
    /// Nobody knows: what ran it was killed itself.
    Lost,
}

/// What could not be done, and what the kernel said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStarted {
    pub stage: String,
    pub errno: Option<i32>,
    pub error: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub rule: Rule,
    /// For people: what was expected, and what to do.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Its name, or the file itself.
    Script,
    Arguments,
    /// Of the alert, for the environment.
    Names,
}

/// A script as it would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    pub script_sha256: String,
    pub folder: String,
    pub owner: u32,
    /// Who it would run as.
    pub user: String,
    #[serde(flatten)]
    pub limits: Limits,
}

/// What holds for every script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// In namespaces of its own.
    pub is_isolated: bool,
    pub network: bool,
    pub wall_s: u32,
    pub cpu_s: u32,
    pub memory_bytes: u64,
    pub processes: u32,
    pub output_bytes: u64,
    pub max_concurrency: usize,
}

/// What the helper tells of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    pub user: String,
    pub folders: Vec<String>,
    pub extensions: Vec<String>,
    #[serde(flatten)]
    pub limits: Limits,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privileged::frame;
    use crate::privileged::helper::Numbered;

    const RUN: &str = r#"{"id":1,"what":{"run":{"script":"a.sh","arguments":["x"],"stdin":"{}\n",
        "alert":{"id":"1","action":"store","severity":"info","recipient":"ops","attempt":1,
        "version":"1","is_test":false},"wall_ms":null}}}"#;

    #[test]
    fn a_question_that_is_not_exactly_one_is_refused() {
        let read = |text: &str| frame::parse::<Numbered<Ask>>(text.as_bytes());
        assert!(matches!(read(RUN).unwrap().what, Ask::Run(run) if run.script == "a.sh"));
        let table = [
            ("\"x\"", "7"),
            ("\"x\"", "\"x\",null"),
            ("\"wall_ms\":null", "\"wall_ms\":-1"),
            ("\"wall_ms\":null", "\"wall_ms\":4294967296"),
            ("\"wall_ms\":null", "\"user\":\"root\""),
            ("\"is_test\":false", "\"is_test\":false,\"LD_PRELOAD\":\"/x\""),
            ("\"run\"", "\"exec\""),
            ("\"id\":1,", "\"id\":1,\"to\":2,"),
            ("\"script\":\"a.sh\",", ""),
            ("\"script\":\"a.sh\",", "\"script\":\"a.sh\",\"script\":\"b.sh\","),
            ("}}}", "}}"),
            ("}}}", "}}}}"),
        ];
        for (from, to) in table {
            let text = RUN.replacen(from, to, 1);
            assert_ne!(text, RUN);
            assert!(read(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_an_alert_are_short_and_can_be_printed() {
        let Ask::Run(run) = frame::parse::<Numbered<Ask>>(RUN.as_bytes()).unwrap().what else {
            panic!("a run")
        };
        let with = |change: &dyn Fn(&mut AlertNames)| {
            let mut names = run.alert.clone();
            change(&mut names);
            names.check().is_ok()
        };
        assert!(with(&|_| ()));
        assert!(with(&|it| it.recipient = "Büro $(reboot)".into()));
        assert!(with(&|it| it.recipient = "x".repeat(256)));
        assert!(!with(&|it| it.recipient = "x".repeat(257)));
        assert!(!with(&|it| it.recipient = "a\nALERT_TEST=1".into()));
        assert!(!with(&|it| it.recipient = "a\0".into()));
        for wrong in ["", "a b", "a\n", "a\0b", &"x".repeat(65)] {
            assert!(!with(&|it| it.id = wrong.into()), "{wrong:?}");
            assert!(!with(&|it| it.action = wrong.into()), "{wrong:?}");
            assert!(!with(&|it| it.severity = wrong.into()), "{wrong:?}");
            assert!(!with(&|it| it.version = wrong.into()), "{wrong:?}");
        }
    }
}
