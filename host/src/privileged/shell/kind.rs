//! The engine's face of the kind: settings and alerts in, questions to the helper, verdicts out.
//!
//! Promise: nothing of an alert is part of an argument; a script gets it on stdin. What may have run
//! and gave no answer is uncertain.
//!
//! Not here: running anything.

use std::time::Duration;

use super::alert;
use super::protocol::{AlertNames, Answer, Ask, Check, Checked, NAME_BYTES_MAX, Ran, Run};
use super::settings::{ENDPOINT_SCHEMA, RECIPIENT_SCHEMA, Settings};
use super::verdict::{rejected, verdict};
use crate::delivery::Seen;
use crate::printable::printable;
use crate::privileged::link::{Link, LinkError};
use crate::runtime::bindings::kind::{
    Attempt, Certainty, Context, Descriptor, Failure, Fault, Finding, Formatted, Message, Outcome,
    Purpose, Refusal, Scope, Verdict,
};
use crate::runtime::native::{Doing, NativeKind, NativeSubject, NativeTold};

/// Wall clock for one delivery: what the policy gives a script, its turn, its start and its end. The
/// operator's ceiling cuts it, and with it the time a script is given.
const DELIVER_MS: u32 = 180_000;
/// Of that, what is not the script's: its turn, its start, and its end by force.
const AROUND: Duration = Duration::from_secs(12);
/// Least time that a script is given, however short the call's deadline is.
const LEAST_MS: u32 = 1_000;
/// How long the helper may take to look at a script.
const CHECK_WITHIN: Duration = Duration::from_secs(10);
/// Largest summary, and longest name in the environment, in bytes.
const SUMMARY_BYTES_MAX: usize = 256;
/// What `ALERT_VERSION` says: the version of environment and stdin.
const VERSION: &str = "1";

/// The native kind `shell`.
#[derive(Clone, Debug)]
pub struct ShellKind {
    pub link: Link,
}

impl NativeKind for ShellKind {
    fn describe(&self) -> Descriptor {
        Descriptor {
            name: "shell".to_owned(),
            title: "Shell script".to_owned(),
            summary: "Runs a script of the operator for each alert, with the alert on its stdin."
                .to_owned(),
            endpoint_schema: ENDPOINT_SCHEMA.to_owned(),
            recipient_schema: RECIPIENT_SCHEMA.to_owned(),
            reach: Vec::new(),
            batch_max: 1,
            concurrency: 1,
            deliver_ms: DELIVER_MS,
            paces: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn format(
        &self,
        subjects: &[NativeSubject<'_>],
        context: &Context,
    ) -> Result<Formatted, Fault> {
        let settings = Settings::read(&context.settings)?;
        let mut made =
            Formatted { messages: Vec::new(), skipped: Vec::new(), rejected: Vec::new() };
        for (position, native) in (0..).zip(subjects) {
            let one = &native.subject.alert;
            let refusal = |detail: String| Refusal { alert: position, detail };
            if !settings.run_on.takes(one.action) {
                let detail = format!("`run_on` leaves `{}` out", one.action.name());
                made.skipped.push(refusal(detail));
                continue;
            }
            let notes = [
                ("id", one.id.clone()),
                ("action", one.action.name().to_owned()),
                ("severity", one.severity.name().to_owned()),
                ("recipient", printable(&context.recipient_name, NAME_BYTES_MAX)),
            ];
            made.messages.push(Message {
                alerts: vec![position],
                summary: printable(&one.title, SUMMARY_BYTES_MAX),
                content_type: "application/json".to_owned(),
                body: alert::document(one, settings.format),
                notes: notes.map(|(name, value)| (name.to_owned(), value)).into(),
                repeat_safe_ms: 0,
            });
        }
        Ok(made)
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        settings: &'a str,
        attempt: &'a Attempt,
    ) -> Doing<'a, NativeTold> {
        Box::pin(self.run(message, settings, attempt))
    }

    fn probe<'a>(
        &'a self,
        settings: &'a str,
        _scope: Scope,
    ) -> Doing<'a, Result<Finding, Failure>> {
        Box::pin(self.check(settings))
    }
}

impl ShellKind {
    async fn run(&self, message: &Message, settings: &str, attempt: &Attempt) -> NativeTold {
        let settings = match Settings::read(settings) {
            Ok(settings) => settings,
            Err(fault) => {
                return told(Verdict::Failed(Failure::Misconfigured(fault)), Seen::default());
            }
        };
        let mut seen =
            Seen { origin: Some(format!("shell:{}", settings.script)), ..Seen::default() };
        let Ok(stdin) = String::from_utf8(message.body.clone()) else {
            return told(rejected("body", "the alert is not UTF-8".to_owned()), seen);
        };
        let note = |name: &str| {
            let found = message.notes.iter().find(|(it, _)| it == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (within, wall_ms) = times(attempt.deadline_ms, settings.timeout_s);
        let sent_bytes = stdin.len() as u64;
        let ask = Ask::Run(Run {
            script: settings.script,
            arguments: settings.arguments,
            stdin,
            alert: AlertNames {
                id: note("id"),
                action: note("action"),
                severity: note("severity"),
                recipient: note("recipient"),
                attempt: attempt.number,
                version: VERSION.to_owned(),
                is_test: attempt.purpose == Purpose::Test,
            },
            wall_ms: Some(wall_ms),
        });
        let answer: Result<Answer, LinkError> = self.link.ask(&ask, within).await;
        match &answer {
            Ok(Answer::Ran(ran)) => {
                seen.sent_bytes = sent_bytes;
                seen.received_bytes = ran.output_bytes;
                seen.output = Some(lines(&ran.output));
                seen.program_sha256 = hash(ran);
            }
            // It may have run.
            Err(LinkError::Lost | LinkError::Late | LinkError::Malformed) => {
                seen.sent_bytes = sent_bytes;
                seen.unanswered = true;
            }
            _ => {}
        }
        told(verdict(&answer, settings.retry_on_nonzero), seen)
    }

    async fn check(&self, settings: &str) -> Result<Finding, Failure> {
        let settings = Settings::read(settings).map_err(Failure::Misconfigured)?;
        let ask = Ask::Check(Check { script: settings.script, arguments: settings.arguments });
        match self.link.ask(&ask, CHECK_WITHIN).await {
            Ok(Answer::Checked(checked)) => Ok(finding(&checked)),
            answer => match verdict(&answer, false) {
                Verdict::Failed(failure) => Err(failure),
                // An end of a script that was not run.
                _ => Err(Failure::Other(super::verdict::malformed())),
            },
        }
    }
}

/// How long the answer is waited for, and how long the script may take at most.
fn times(deadline_ms: u32, timeout_s: Option<u32>) -> (Duration, u32) {
    let within = Duration::from_millis(deadline_ms.into());
    let left = u32::try_from(within.saturating_sub(AROUND).as_millis()).unwrap_or(u32::MAX);
    let asked = timeout_s.map_or(u32::MAX, |seconds| seconds.saturating_mul(1000));
    (within, asked.min(left).max(LEAST_MS))
}

fn told(verdict: Verdict, seen: Seen) -> NativeTold {
    let outcome = Outcome {
        verdicts: vec![verdict],
        carry: None,
        budgets: Vec::new(),
        corrections: Vec::new(),
        extra: Vec::new(),
    };
    NativeTold { outcome, seen }
}

/// Line by line, without what could steer a terminal.
fn lines(output: &str) -> String {
    let lines = output.lines().map(|line| printable(line, usize::MAX));
    lines.collect::<Vec<_>>().join("\n")
}

fn hash(ran: &Ran) -> Option<[u8; 32]> {
    let (pairs, []) = ran.script_sha256.as_bytes().as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}

fn finding(checked: &Checked) -> Finding {
    let limits = &checked.limits;
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let facts = [
        ("script_sha256", checked.script_sha256.clone()),
        ("folder", printable(&checked.folder, SUMMARY_BYTES_MAX)),
        ("owner", checked.owner.to_string()),
        ("runs_as", printable(&checked.user, SUMMARY_BYTES_MAX)),
        ("isolated", yes(limits.is_isolated)),
        ("network", yes(limits.network)),
        ("wall_s", limits.wall_s.to_string()),
        ("cpu_s", limits.cpu_s.to_string()),
        ("memory_bytes", limits.memory_bytes.to_string()),
        ("processes", limits.processes.to_string()),
        ("output_bytes", limits.output_bytes.to_string()),
        ("max_concurrency", limits.max_concurrency.to_string()),
    ];
    Finding {
        certainty: Certainty::Likely,
        summary: "The script is there and may run; it was not run.".to_owned(),
        facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

#[cfg(test)]
mod tests;
