//! `deliver`: one message to its service, in a store that has the doors of one endpoint; or by a
//! native kind.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::bindings::kind;
use super::catalog::Kind;
use super::format::tell_log;
use super::opened::Opened;
use super::session::Session;
use super::{Fault, Runtime, convert, redacted};
use crate::capability::doors::Doors;
use crate::capability::offenses::Offenses;
use crate::delivery::{Delivery, Message, Seen};

const FACTS_MAX: usize = 64;

/// What the messages of one micro-batch are delivered in, one after the other.
pub struct Delivering {
    opened: Opened,
    wall: Duration,
}

impl std::fmt::Debug for Delivering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Delivering")
    }
}

/// What came of one call: what the component says, and what the host saw.
#[derive(Debug)]
pub struct Told {
    /// After `Err` the store is spent.
    pub outcome: Result<kind::Outcome, Fault>,
    pub seen: Seen,
    /// What the component asked for and must not have.
    pub offenses: Offenses,
}

impl Told {
    /// Of a call that was not made.
    pub fn unmade(outcome: Result<kind::Outcome, Fault>) -> Self {
        Self { outcome, seen: Seen::default(), offenses: Offenses::default() }
    }
}

/// The circumstances of one try.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    pub number: u32,
    pub now_ms: u64,
    pub first_ms: u64,
    pub zone: &'a TimeZone,
    pub purpose: kind::Purpose,
}

impl Delivering {
    pub async fn open(runtime: &Arc<Runtime>, kind: &Kind, doors: Doors) -> Result<Self, Fault> {
        let opened = Opened::to_deliver(runtime, kind, doors).await?;
        let asked = Duration::from_millis(kind.descriptor.deliver_ms.into());
        Ok(Self { opened, wall: asked.min(runtime.limits.call_wall) })
    }

    /// CPU used since the last time this was asked.
    pub fn take_used(&self) -> Duration {
        self.opened.take_used()
    }

    /// `deliveries` are the members of `message`, in order.
    pub async fn call(
        &mut self,
        message: &Message,
        deliveries: &[Delivery],
        settings: &str,
        this: Try<'_>,
    ) -> Told {
        let told = contract_message(message);
        let wall = self.wall;
        match &mut self.opened {
            Opened::Component(session) => {
                let attempt = attempt(message, deliveries, wall, this);
                call(session, wall, &told, settings, &attempt).await
            }
            Opened::Native(native) => {
                // It has no doors that would end in time for its verdict.
                let until = wall.saturating_sub(verdict_time(wall));
                let attempt = attempt(message, deliveries, until, this);
                native.deliver(wall, &told, settings, &attempt).await
            }
        }
    }
}

async fn call(
    session: &mut Session,
    wall: Duration,
    message: &kind::Message,
    settings: &str,
    attempt: &kind::Attempt,
) -> Told {
    if let Some(doors) = &mut session.store.data_mut().doors {
        doors.begin(Instant::now() + wall - verdict_time(wall));
    }
    let outcome = session
        .call(wall, |instance, store| {
            instance.campanile_endpoint_kind().call_deliver(store, message, settings, attempt)
        })
        .await;
    let outcome = outcome.map_err(|end| session.fault(end));
    tell_log(session, "deliver");
    let Some(doors) = &mut session.store.data_mut().doors else {
        return Told::unmade(outcome);
    };
    let outcome = outcome.map(|outcome| redacted::outcome(outcome, &doors.keyring));
    Told { outcome, seen: doors.seen(), offenses: doors.take_offenses() }
}

/// What came of a probe.
#[derive(Debug)]
pub struct Probe {
    /// `Ok(Err(_))`: the component says that it is not so.
    pub found: Result<Result<kind::Finding, kind::Failure>, Fault>,
    /// What the component asked for and must not have.
    pub offenses: Offenses,
}

/// Asks the component whether the service is there and takes the credentials, with the doors of one
/// endpoint.
pub async fn probe(
    runtime: &Arc<Runtime>,
    kind: &Kind,
    doors: Doors,
    settings: &str,
    scope: kind::Scope,
) -> Probe {
    let mut probing = match Delivering::open(runtime, kind, doors).await {
        Ok(probing) => probing,
        Err(fault) => return Probe { found: Err(fault), offenses: Offenses::default() },
    };
    let wall = probing.wall;
    match &mut probing.opened {
        Opened::Component(session) => call_probe(session, wall, settings, scope).await,
        Opened::Native(native) => {
            let found = native.probe(wall, settings, scope).await.and_then(bounded);
            Probe { found, offenses: Offenses::default() }
        }
    }
}

async fn call_probe(
    session: &mut Session,
    wall: Duration,
    settings: &str,
    scope: kind::Scope,
) -> Probe {
    if let Some(doors) = &mut session.store.data_mut().doors {
        doors.begin(Instant::now() + wall - verdict_time(wall));
    }
    let found = session
        .call(wall, |instance, store| {
            instance.campanile_endpoint_kind().call_probe(store, settings, scope)
        })
        .await;
    tell_log(session, "probe");
    let found = found.map_err(|end| session.fault(end)).and_then(bounded);
    let Some(doors) = &mut session.store.data_mut().doors else {
        return Probe { found, offenses: Offenses::default() };
    };
    let found = found.map(|found| match found {
        Ok(finding) => Ok(redacted::finding(finding, &doors.keyring)),
        Err(failure) => Err(redacted::failure(failure, &doors.keyring)),
    });
    Probe { found, offenses: doors.take_offenses() }
}

fn bounded(
    found: Result<kind::Finding, kind::Failure>,
) -> Result<Result<kind::Finding, kind::Failure>, Fault> {
    match found {
        Ok(finding) if finding.facts.len() > FACTS_MAX => {
            Err(Fault::Contract("`probe` found more than 64 facts".to_owned()))
        }
        found => Ok(found),
    }
}

/// What a call keeps for its verdict once a request has used up the rest: a service that never
/// answers should end in the component's words, not in its interruption.
fn verdict_time(wall: Duration) -> Duration {
    (wall / 10).min(Duration::from_millis(500))
}

fn attempt(
    message: &Message,
    deliveries: &[Delivery],
    wall: Duration,
    this: Try<'_>,
) -> kind::Attempt {
    kind::Attempt {
        message_id: message.id.to_string(),
        number: this.number,
        now: convert::instant(this.now_ms, this.zone),
        first: convert::instant(this.first_ms, this.zone),
        carry: message.carry.clone(),
        deliveries: deliveries
            .iter()
            .map(|one| kind::Owed {
                delivery_id: one.id.to_string(),
                previous: one.previous.clone(),
            })
            .collect(),
        deadline_ms: u32::try_from(wall.as_millis()).unwrap_or(u32::MAX),
        purpose: this.purpose,
    }
}

fn contract_message(message: &Message) -> kind::Message {
    kind::Message {
        alerts: (0..).take(message.members.len()).collect(),
        summary: message.summary.clone(),
        content_type: message.content_type.clone(),
        body: message.body.clone(),
        notes: message.notes.clone(),
        repeat_safe_ms: message.repeat_safe_ms,
    }
}
