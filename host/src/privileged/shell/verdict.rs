//! What the end of a script means: one table, by the exit codes of `sysexits.h`.
//!
//! Not here: what the engine does about it.

use std::time::Duration;

use super::protocol::{Answer, Ending, NotStarted, Refusal, Rule};
use super::run::LATER;
use crate::privileged::link::LinkError;
use crate::runtime::bindings::kind::{
    Delay, Failure, Fault, Proof, Reason, Receipt, Scope, Verdict,
};

/// `EX_USAGE`: it was called the wrong way.
const USAGE: i32 = 64;
/// `EX_NOPERM`, `EX_CONFIG`, and what shells say of commands that cannot be run.
const MISCONFIGURED: [i32; 4] = [77, 78, 126, 127];

/// What a script's end says about its alert. `retries`: the setting `retry_on_nonzero`.
pub(super) fn verdict(answer: &Result<Answer, LinkError>, retries: bool) -> Verdict {
    match answer {
        Ok(Answer::Ran(ran)) => ended(ran.ending, ran.retry_after_s, retries),
        Ok(Answer::Refused(refused)) => refusal(refused),
        Ok(Answer::NotStarted(failed)) => not_started(failed),
        Ok(Answer::Busy) => {
            let detail = "as many scripts run as may; raise `shell.max_concurrency`";
            unavailable("busy", detail.to_owned())
        }
        Ok(Answer::Checked(_)) => uncertain("malformed", LinkError::Malformed.to_string()),
        Err(error) => failed(error),
    }
}

fn ended(ending: Ending, retry_after_s: Option<u32>, retries: bool) -> Verdict {
    let code = match ending {
        Ending::Exit(code) => code,
        Ending::Signal(signal) => {
            return unavailable("signal", format!("it was ended by signal {signal}"));
        }
        Ending::TimedOut => {
            return unavailable("timeout", "it was not done in its time, and was ended".to_owned());
        }
        Ending::TooMuchOutput => {
            let detail = "it printed more than `shell.output_bytes`, and was ended";
            return rejected("output", detail.to_owned());
        }
        Ending::Lost => {
            return uncertain(
                "lost",
                "what ran it was killed; nobody knows how it ended".to_owned(),
            );
        }
    };
    let (word, detail) = (format!("exit-{code}"), format!("it ended with exit code {code}"));
    match (code, retry_after_s) {
        (0, _) => Verdict::Delivered(Receipt {
            remote_id: None,
            duplicate: false,
            proof: Proof::Confirmed,
            warning: None,
            detail: "exit code 0".to_owned(),
        }),
        (LATER, Some(seconds)) => {
            let wait = Duration::from_secs(seconds.into());
            let after_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
            let detail = format!("{detail} and asked for {seconds} s");
            let delay =
                Delay { after_ms: Some(after_ms), scope: Scope::Endpoint, code: word, detail };
            Verdict::Failed(Failure::RateLimited(delay))
        }
        (LATER, None) => unavailable(&word, detail),
        (USAGE, _) => misconfigured(Scope::Recipient, &word, detail),
        (code, _) if MISCONFIGURED.contains(&code) => misconfigured(Scope::Endpoint, &word, detail),
        _ if retries => unavailable(&word, detail),
        _ => rejected(&word, detail),
    }
}

fn refusal(Refusal { rule, detail }: &Refusal) -> Verdict {
    let (scope, code) = match rule {
        Rule::Script => (Scope::Endpoint, "script"),
        Rule::Arguments => (Scope::Recipient, "arguments"),
        Rule::Names => (Scope::Recipient, "names"),
    };
    misconfigured(scope, code, detail.clone())
}

/// Short of memory, processes or files for the moment; or the machine does not let it.
fn not_started(NotStarted { stage, errno, error }: &NotStarted) -> Verdict {
    let detail = format!("it could not be started ({stage}): {error}");
    let passing = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE, libc::EINTR];
    if errno.is_some_and(|errno| passing.contains(&errno)) {
        return unavailable("not-started", detail);
    }
    let detail = match (stage.as_str(), *errno) {
        ("exec", Some(libc::ENOEXEC)) => {
            format!("{detail}; begin the script with `#!` and a program, such as `#!/bin/sh`")
        }
        ("exec", Some(libc::ENOENT)) => format!("{detail}; is the program after `#!` there?"),
        ("exec", _) => detail,
        _ => format!("{detail}; the helper needs the rights of root, or to be a plain user"),
    };
    misconfigured(Scope::Endpoint, "not-started", detail)
}

fn failed(error: &LinkError) -> Verdict {
    let detail = error.to_string();
    match error {
        LinkError::Down => unavailable("helper-down", detail),
        LinkError::Lost => uncertain("helper-lost", detail),
        LinkError::Late => uncertain("helper-late", detail),
        LinkError::TooLarge => rejected("too-large", detail),
        LinkError::Malformed => uncertain("malformed", detail),
    }
}

pub(super) fn unavailable(code: &str, detail: String) -> Verdict {
    let (scope, code) = (Scope::Endpoint, code.to_owned());
    Verdict::Failed(Failure::Unavailable(Delay { after_ms: None, scope, code, detail }))
}

pub(super) fn misconfigured(scope: Scope, code: &str, detail: String) -> Verdict {
    Verdict::Failed(Failure::Misconfigured(Fault { scope, code: code.to_owned(), detail }))
}

pub(super) fn rejected(code: &str, detail: String) -> Verdict {
    Verdict::Failed(Failure::Rejected(Reason { code: code.to_owned(), detail }))
}

pub(super) fn malformed() -> Reason {
    Reason { code: "malformed".to_owned(), detail: LinkError::Malformed.to_string() }
}

fn uncertain(code: &str, detail: String) -> Verdict {
    Verdict::Failed(Failure::Uncertain(Reason { code: code.to_owned(), detail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privileged::shell::protocol::Ran;

    fn class(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Delivered(_) => "delivered".to_owned(),
            Verdict::Failed(Failure::Rejected(it)) => format!("rejected {}", it.code),
            Verdict::Failed(Failure::Unavailable(it)) => format!("unavailable {}", it.code),
            Verdict::Failed(Failure::Uncertain(it)) => format!("uncertain {}", it.code),
            Verdict::Failed(Failure::RateLimited(it)) => {
                format!("rate-limited {:?}", it.after_ms)
            }
            Verdict::Failed(Failure::Misconfigured(it)) => {
                format!("misconfigured {:?} {}", it.scope, it.code)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_end_of_a_script_has_one_meaning() {
        use Ending::{Exit, Lost, Signal, TimedOut, TooMuchOutput};
        let table = [
            // ending, seconds asked for, retry_on_nonzero, expected
            (Exit(0), None, false, "delivered"),
            (Exit(75), None, false, "unavailable exit-75"),
            (Exit(75), Some(90), false, "rate-limited Some(90000)"),
            (Exit(75), Some(0), false, "rate-limited Some(0)"),
            (Exit(75), Some(u32::MAX), true, "rate-limited Some(4294967295)"),
            (Exit(64), None, true, "misconfigured Scope::Recipient exit-64"),
            (Exit(77), None, true, "misconfigured Scope::Endpoint exit-77"),
            (Exit(78), None, false, "misconfigured Scope::Endpoint exit-78"),
            (Exit(126), None, false, "misconfigured Scope::Endpoint exit-126"),
            (Exit(127), None, true, "misconfigured Scope::Endpoint exit-127"),
            (Exit(1), None, false, "rejected exit-1"),
            (Exit(63), None, false, "rejected exit-63"),
            (Exit(65), None, false, "rejected exit-65"),
            (Exit(255), None, false, "rejected exit-255"),
            (Exit(1), None, true, "unavailable exit-1"),
            (Exit(65), None, true, "unavailable exit-65"),
            // As a shell tells of a child that was killed: an exit code, and no signal.
            (Exit(137), None, false, "rejected exit-137"),
            (Signal(9), None, false, "unavailable signal"),
            (TimedOut, None, false, "unavailable timeout"),
            (TooMuchOutput, None, true, "rejected output"),
            (Lost, None, true, "uncertain lost"),
        ];
        for (ending, retry_after_s, retries, expected) in table {
            let ran = Ran {
                ending,
                output: String::new(),
                output_bytes: 0,
                retry_after_s,
                script_sha256: String::new(),
                took_ms: 0,
            };
            let seen = class(&verdict(&Ok(Answer::Ran(ran)), retries));
            assert_eq!(seen, expected, "{ending:?} {retry_after_s:?} {retries}");
        }
    }

    #[test]
    fn what_did_not_run_is_tried_again_only_where_that_can_help() {
        let not_started = |stage: &str, errno| {
            Ok(Answer::NotStarted(NotStarted {
                stage: stage.to_owned(),
                errno: Some(errno),
                error: "no".to_owned(),
            }))
        };
        let refused =
            |rule| Ok(Answer::Refused(Refusal { rule, detail: "no such script".to_owned() }));
        let table = [
            (not_started("exec", libc::EAGAIN), "unavailable not-started"),
            (not_started("init", libc::ENOMEM), "unavailable not-started"),
            (not_started("exec", libc::ENOENT), "misconfigured Scope::Endpoint not-started"),
            (not_started("exec", libc::EACCES), "misconfigured Scope::Endpoint not-started"),
            (not_started("exec", libc::ENOEXEC), "misconfigured Scope::Endpoint not-started"),
            (not_started("namespaces", libc::EPERM), "misconfigured Scope::Endpoint not-started"),
            (refused(Rule::Script), "misconfigured Scope::Endpoint script"),
            (refused(Rule::Arguments), "misconfigured Scope::Recipient arguments"),
            (refused(Rule::Names), "misconfigured Scope::Recipient names"),
            (Ok(Answer::Busy), "unavailable busy"),
            (Err(LinkError::Down), "unavailable helper-down"),
            (Err(LinkError::Lost), "uncertain helper-lost"),
            (Err(LinkError::Late), "uncertain helper-late"),
            (Err(LinkError::Malformed), "uncertain malformed"),
            (Err(LinkError::TooLarge), "rejected too-large"),
        ];
        for (answer, expected) in table {
            assert_eq!(class(&verdict(&answer, true)), expected, "{answer:?}");
        }
    }
}
