//! What an engine that somebody took over can say to the shell helper.

use std::ffi::OsStr;
use std::path::Path;

use campanile::privileged::frame;
use campanile::privileged::helper::Numbered;
use campanile::privileged::shell::policy::{Policy, ShellTable};
use campanile::privileged::shell::program::Program;
use campanile::privileged::shell::protocol::{AlertNames, Ask, Run};

use crate::ITERATIONS;

/// Name of a script, whether its ending is right, arguments, and names of an alert.
type Asked = (Vec<u8>, bool, Vec<Vec<u8>>, [Vec<u8>; 5]);

/// A policy whose only folder does not exist.
fn policy() -> Policy {
    let table = "folders = [\"/nonexistent\"]\narguments = [\"[a-z=-]*\", \"[0-9]+\"]";
    toml::from_str::<ShellTable>(table).unwrap().check(1).unwrap()
}

fn is_within_bounds(policy: &Policy, run: &Run) {
    let Run { script, arguments, alert, .. } = run;
    if policy.allows_script(script).is_ok() {
        let path = Path::new("/scripts").join(script);
        assert_eq!(path.parent(), Some(Path::new("/scripts")), "{script:?}");
        assert_eq!(path.file_name(), Some(OsStr::new(script)), "{script:?}");
        assert!(script.ends_with(".sh") && script.len() <= 128, "{script:?}");
        assert!(!script.starts_with(['.', '-']), "{script:?}");
        assert!(!script.contains(|it: char| it.is_control()), "{script:?}");
    } else {
        assert!(Program::open(policy, script).is_err(), "{script:?}");
    }
    if policy.allows_arguments(arguments).is_ok() {
        assert!(arguments.len() <= 64);
        for argument in arguments {
            let is_of = |set: fn(u8) -> bool| argument.bytes().all(set);
            let is_word = is_of(|byte| byte.is_ascii_lowercase() || matches!(byte, b'=' | b'-'));
            let is_number = !argument.is_empty() && is_of(|byte| byte.is_ascii_digit());
            assert!(is_word || is_number, "{argument:?}");
            assert!(argument.len() <= 4096);
        }
    }
    if alert.check().is_ok() {
        let AlertNames { id, action, severity, recipient, version, .. } = alert;
        for name in [id, action, severity, recipient, version] {
            assert!(name.len() <= 256 && !name.contains(char::is_control), "{name:?}");
        }
    }
}

#[test]
fn a_message_is_read_or_refused_and_never_more() {
    let policy = policy();
    bolero::check!().with_iterations(ITERATIONS).with_max_len(2048).for_each(|bytes: &[u8]| {
        let Ok(asked) = frame::parse::<Numbered<Ask>>(bytes) else { return };
        // What is understood is written in one way, and means the same.
        let written = serde_json::to_vec(&asked).unwrap();
        let again: Numbered<Ask> = frame::parse(&written).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), written);
        if let Ask::Run(run) = &asked.what {
            is_within_bounds(&policy, run);
        }
    });
}

#[test]
fn whatever_a_question_asks_for_the_policy_holds() {
    let policy = policy();
    bolero::check!().with_iterations(ITERATIONS).with_type().for_each(
        |(script, ending, arguments, names): &Asked| {
            let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            let [id, action, severity, recipient, version] = names.each_ref().map(text);
            let mut script = text(script);
            if *ending {
                script.push_str(".sh");
            }
            let run = Run {
                script,
                // Half of them of the bytes that the patterns are about.
                arguments: arguments
                    .iter()
                    .enumerate()
                    .map(|(at, bytes)| match at % 2 {
                        0 => text(bytes),
                        _ => bytes
                            .iter()
                            .map(|byte| char::from(b"az09=-\n;"[usize::from(byte % 8)]))
                            .collect(),
                    })
                    .collect(),
                stdin: String::new(),
                alert: AlertNames {
                    id,
                    action,
                    severity,
                    recipient,
                    attempt: 1,
                    version,
                    is_test: false,
                },
                wall_ms: None,
            };
            is_within_bounds(&policy, &run);
            // As it goes over the wire.
            let bytes = frame::bytes(&Numbered { id: 1, what: Ask::Run(run.clone()) }).unwrap();
            let read: Numbered<Ask> = frame::parse(&bytes[4..]).unwrap();
            assert!(matches!(read.what, Ask::Run(read) if read.script == run.script));
        },
    );
}
