//! The engine's face of `fail2ban`: what an alert asks for, and what the helper's answer means.
//!
//! Promise: a ban is asked for only where exactly one side of the alert is an attacker and its sender
//! may ban. Of the alert's text nothing reaches the helper: an address, a jail, a fingerprint and an
//! id do.
//!
//! Source for what each answer means: docs/fail2ban.md.

mod message;
mod settings;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use super::protocol::{Answer, Ask, BanAsked, UnbanAsked};
use super::spared::Spared;
use crate::delivery::Seen;
use crate::privileged::link::{Link, LinkError};
use crate::runtime::bindings::kind;
use crate::runtime::native::{Doing, NativeKind, NativeSubject, NativeTold};
use crate::telemetry::BansPrevented;
use message::{Act, NoOrder, Order};
use settings::Settings;

/// Beyond what the helper gives Fail2Ban, for its way there and back.
const MARGIN: Duration = Duration::from_millis(200);
/// Longest wait for a probe.
const PROBE: Duration = Duration::from_secs(25);

/// The kind.
#[derive(Clone, Debug)]
pub struct Fail2banKind {
    pub link: Link,
    pub spared: Arc<dyn Spared>,
    pub prevented: BansPrevented,
}

impl Fail2banKind {
    /// Counts what a rule prevented; of a test nothing was to be banned.
    fn count(&self, rule: &str, purpose: kind::Purpose) {
        if purpose != kind::Purpose::Test {
            self.prevented.count(rule);
        }
    }
}

impl NativeKind for Fail2banKind {
    fn describe(&self) -> kind::Descriptor {
        settings::descriptor()
    }

    fn format(
        &self,
        subjects: &[NativeSubject<'_>],
        context: &kind::Context,
    ) -> Result<kind::Formatted, kind::Fault> {
        let settings = Settings::read(&context.settings)?;
        let (messages, skipped, rejected) = (Vec::new(), Vec::new(), Vec::new());
        let mut formatted = kind::Formatted { messages, skipped, rejected };
        for (at, subject) in (0..).zip(subjects) {
            match message::order(subject, &settings, context.purpose, &*self.spared) {
                Ok(order) => formatted.messages.push(order.message(at)),
                Err(refusal) => {
                    if let NoOrder::Spared { rule, .. } = refusal {
                        self.count(rule, context.purpose);
                    }
                    refusal.note(at, &mut formatted);
                }
            }
        }
        Ok(formatted)
    }

    fn deliver<'a>(
        &'a self,
        message: &'a kind::Message,
        settings: &'a str,
        attempt: &'a kind::Attempt,
    ) -> Doing<'a, NativeTold> {
        Box::pin(async move {
            let order = match Order::read(&message.body) {
                Ok(order) => order,
                Err(detail) => return told(verdict::rejected("bad-message", &detail), None),
            };
            let mut seen = Seen {
                origin: Some(format!("fail2ban:{}", order.jail)),
                sent_bytes: message.body.len() as u64,
                ..Seen::default()
            };
            let settings = match Settings::read(settings) {
                Ok(settings) => settings,
                Err(fault) => return told(verdict::misconfigured(fault), None),
            };
            // It may have been noted since the message was made.
            if order.act != Act::Unban
                && let Some(rule) = order.address().and_then(|it| self.spared.spares(it))
            {
                self.count(rule, attempt.purpose);
                return told(
                    verdict::skipped("spared", &message::spared(&order.address, rule)),
                    None,
                );
            }
            let is_test = attempt.purpose == kind::Purpose::Test;
            let dry_run = order.dry_run || settings.dry_run || is_test;
            let within = Duration::from_millis(attempt.deadline_ms.into());
            let within = within.saturating_sub(MARGIN).max(MARGIN);
            let answer = self.link.ask::<_, Answer>(&ask(&order, dry_run), within).await;
            let is_lost = matches!(answer, Err(LinkError::Lost | LinkError::Late));
            // A ban twice is a ban once; a failure twice is two.
            seen.unanswered = is_lost && order.act == Act::Attempt;
            if let Ok(Answer::Spared { rule }) = &answer {
                self.count(rule, attempt.purpose);
            }
            let verdict = match answer {
                Ok(answer) => verdict::judge(answer, &order, attempt),
                Err(error) => verdict::unlinked(&error),
            };
            told(verdict, Some(seen))
        })
    }

    fn probe<'a>(
        &'a self,
        settings: &'a str,
        _scope: kind::Scope,
    ) -> Doing<'a, Result<kind::Finding, kind::Failure>> {
        Box::pin(async move {
            let jail = settings::jail_of(settings);
            let is_of_jail = jail.is_some();
            match self.link.ask::<_, Answer>(&Ask::Probe { jail }, PROBE).await {
                Ok(answer) => verdict::finding(answer, is_of_jail),
                Err(error) => Err(verdict::unlinked_failure(&error)),
            }
        })
    }
}

fn ask(order: &Order, dry_run: bool) -> Ask {
    let (jail, address) = (order.jail.clone(), order.address.clone());
    let fingerprint = order.fingerprint.clone();
    match order.act.mode() {
        Some(mode) => {
            let reason = format!("campanile {}", order.alert);
            Ask::Ban(BanAsked { jail, address, mode, reason, fingerprint, dry_run })
        }
        None => Ask::Unban(UnbanAsked { jail, address, fingerprint, dry_run }),
    }
}

/// Without `seen`: nothing was asked of anybody.
fn told(verdict: kind::Verdict, seen: Option<Seen>) -> NativeTold {
    let outcome = kind::Outcome {
        verdicts: vec![verdict],
        carry: None,
        budgets: Vec::new(),
        corrections: Vec::new(),
        extra: Vec::new(),
    };
    NativeTold { outcome, seen: seen.unwrap_or_default() }
}

#[cfg(test)]
mod tests;
