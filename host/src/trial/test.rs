//! Is the service there, does it take the credentials, and does a test alert arrive?

use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::Trial;
use super::preview::{delivery, of_a_test};
use super::target::{Aim, Target, TargetError};
use crate::alert::Alert;
use crate::capability::log::printable;
use crate::capability::offenses::Offenses;
use crate::delivery::{Message, OutcomeKind};
use crate::dispatch::record::{Tried, failure, judge};
use crate::dispatch::{Destination, TOKEN_MAX, offenses, without_token};
use crate::ids::{MessageId, TenantId};
use crate::runtime::bindings::kind::{Certainty, Purpose, Scope};
use crate::runtime::{Delivering, Draft, Told, Try, probe};

const TEXT_BYTES_MAX: usize = 1 << 10;

/// What a test showed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tested {
    pub probe: Probed,
    /// Null: no test alert was to be sent, or the probe said that it cannot arrive.
    pub sent: Option<Sent>,
}

/// What the component found, sending nothing where its service allows that.
#[derive(Debug, Serialize, ToSchema)]
pub struct Probed {
    /// `proven`, `likely`, `reachable`, `unchecked`; or `failed`.
    #[schema(pattern = "^(proven|likely|reachable|unchecked|failed)$")]
    pub certainty: &'static str,
    /// A stable word, where it failed: `401`, `unreachable`.
    pub code: Option<String>,
    /// For people.
    pub summary: String,
    /// Names and values, such as a version.
    pub facts: Vec<(String, String)>,
}

/// How the test alert fared.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    /// As in the record of a delivery: `delivered`, `misconfigured`, ...
    pub outcome: &'static str,
    pub code: String,
    pub detail: String,
    pub origin: Option<String>,
    pub status: Option<u16>,
    pub took_ms: u32,
    /// The title of what was sent.
    pub summary: String,
}

impl Trial {
    /// Probes the target's endpoint and, with `alert`, sends it to the target past its filter.
    pub async fn test(
        &self,
        tenant: TenantId,
        target: &Target,
        alert: Option<Arc<Alert>>,
    ) -> Result<Tested, TargetError> {
        let aim = target.aim(&self.roster, tenant)?;
        let probe = self.probe(&aim, target).await;
        let sent = match alert {
            Some(alert) if probe.certainty != "failed" => Some(self.send(&aim, &alert).await),
            _ => None,
        };
        Ok(Tested { probe, sent })
    }

    async fn probe(&self, aim: &Aim, target: &Target) -> Probed {
        let destination = &aim.destination;
        let names_recipient = target.recipient.is_some() || target.recipient_settings.is_some();
        let scope = if names_recipient { Scope::Recipient } else { Scope::Endpoint };
        let tokens = destination.tokens(&self.tokens, Instant::now() + TOKEN_MAX).await;
        let tokens = match tokens {
            Ok(tokens) => tokens,
            Err(error) => return failed(error.code(), error.to_string()),
        };
        let doors = destination.doors(&self.gate, &tokens);
        let settings = destination.settings(&doors);
        let _slot = self.slots.acquire(destination.endpoint.tenant).await;
        let kind = &destination.endpoint.kind;
        let probed = probe(&self.runtime, kind, doors, &settings, scope).await;
        self.tell(destination, &probed.offenses).await;
        match probed.found {
            Ok(Ok(finding)) => Probed {
                certainty: match finding.certainty {
                    Certainty::Unchecked => "unchecked",
                    Certainty::Reachable => "reachable",
                    Certainty::Likely => "likely",
                    Certainty::Proven => "proven",
                },
                code: None,
                summary: printable(&finding.summary, TEXT_BYTES_MAX),
                facts: finding.facts.iter().map(|(key, value)| shown(key, value)).collect(),
            },
            Ok(Err(found)) => {
                let (outcome, code, detail) = failure(&found);
                failed(&code, format!("{}: {detail}", outcome.name()))
            }
            Err(fault) => failed(fault.code(), fault.to_string()),
        }
    }

    async fn send(&self, aim: &Aim, alert: &Arc<Alert>) -> Sent {
        let destination = &aim.destination;
        let context = of_a_test(&destination.context);
        let mut left_out = Vec::new();
        let wanted = [(0, Arc::clone(alert))];
        let made = self.format(destination, &wanted, &context, &mut left_out).await;
        let draft = match made {
            Ok(drafts) => drafts.into_iter().next(),
            Err(fault) => return unsent(OutcomeKind::Fault, fault.code(), fault.to_string()),
        };
        match (draft, left_out.pop()) {
            (Some(draft), _) => self.deliver(aim, alert, draft).await,
            (None, Some(why)) => unsent(OutcomeKind::Skipped, "format", why.reason),
            (None, None) => unsent(OutcomeKind::Fault, "contract", "no message was made".into()),
        }
    }

    async fn deliver(&self, aim: &Aim, alert: &Arc<Alert>, draft: Draft) -> Sent {
        let destination = &aim.destination;
        let endpoint = &destination.endpoint;
        let deliveries = [delivery(alert, destination)];
        let members = vec![deliveries[0].id];
        let message = Message {
            id: MessageId::of(members.iter().copied()),
            members,
            summary: draft.summary.clone(),
            content_type: draft.content_type,
            body: draft.body,
            notes: draft.notes,
            repeat_safe_ms: draft.repeat_safe_ms,
            carry: None,
            component: endpoint.kind.digest,
            settings: destination.settings_sha256,
        };
        let at_ms = self.clock.now_ms();
        let this = Try {
            number: 1,
            now_ms: at_ms,
            first_ms: at_ms,
            zone: &destination.zone,
            purpose: Purpose::Test,
        };
        let tokens = destination.tokens(&self.tokens, Instant::now() + TOKEN_MAX).await;
        let told = match tokens {
            Ok(tokens) => {
                let doors = destination.doors(&self.gate, &tokens);
                let settings = destination.settings(&doors);
                let _slot = self.slots.acquire(endpoint.tenant).await;
                match Delivering::open(&self.runtime, &endpoint.kind, doors).await {
                    Ok(mut open) => open.call(&message, &deliveries, &settings, this).await,
                    Err(fault) => Told::unmade(Err(fault)),
                }
            }
            Err(error) => Told::unmade(Ok(without_token(&error))),
        };
        self.tell(destination, &told.offenses).await;
        let now_ms = self.clock.now_ms();
        let tried = Tried { number: 1, forgiven: 0, at_ms, now_ms, jitter: 0.0 };
        let attempt = judge(told, message, &deliveries, tried, &self.policy).settlement.attempt;
        Sent {
            outcome: attempt.outcome.name(),
            code: attempt.code,
            detail: attempt.detail,
            origin: attempt.seen.origin,
            status: attempt.seen.status,
            took_ms: attempt.took_ms,
            summary: draft.summary,
        }
    }

    async fn tell(&self, destination: &Destination, found: &Offenses) {
        let to = offenses::Telling {
            records: &self.records,
            metrics: &self.metrics,
            told: None,
            now_ms: self.clock.now_ms(),
        };
        offenses::tell(to, destination, "a test".to_owned(), found).await;
    }
}

fn shown(key: &str, value: &str) -> (String, String) {
    (printable(key, TEXT_BYTES_MAX), printable(value, TEXT_BYTES_MAX))
}

fn failed(code: &str, summary: String) -> Probed {
    Probed { certainty: "failed", code: Some(code.to_owned()), summary, facts: Vec::new() }
}

fn unsent(outcome: OutcomeKind, code: &str, detail: String) -> Sent {
    Sent {
        outcome: outcome.name(),
        code: code.to_owned(),
        detail,
        origin: None,
        status: None,
        took_ms: 0,
        summary: String::new(),
    }
}
