//! One micro-batch: formatted in one store, delivered in another, each message settled as its
//! `deliver` returns.

mod changes;

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use tracing::{debug, warn};

use super::backoff::Backoff;
use super::guard::{Change, tell::tell};
use super::lane::Health;
use super::members::{Calls, fate_name, groups, ids, jitter, number};
use super::open::Open;
use super::record::{Judged, Misconfigured, Pause, PauseScope, Refusal, Tried, judge, undelivered};
use super::{Destination, Dispatch, offenses, outdated};
use crate::capability::offenses::Offenses;
use crate::delivery::{Delivery, Message, OutcomeKind};
use crate::ids::MessageId;
use crate::queue::{Lease, Work};
use crate::runtime::bindings::kind;
use crate::runtime::{Draft, Fault, Formatting, Made, Told, Try};
use crate::store::StoreError;

/// A settlement that was handed to the store; says when it is on disk.
pub(super) type Settled = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + Sync>>;

/// When every place for an instance is taken.
const BUSY_WAIT_MS: u64 = 100;

/// Longest that a failing service is left alone where it did not ask for it.
const COOL_MAX: Duration = Duration::from_secs(30);

/// A message and the deliveries it settles, in its members' order.
type Parcel = (Message, Vec<Delivery>);

/// Sends what the lease holds. What comes back are the settlements under way.
pub(super) async fn send(
    dispatch: &Dispatch,
    destination: &Destination,
    health: &Health,
    mut lease: Lease,
) -> Result<Vec<Settled>, StoreError> {
    let mut batch = Batch {
        dispatch,
        destination,
        health,
        settled: Vec::new(),
        stopped: None,
        misconfigured: None,
        changes: Vec::new(),
        offenses: Offenses::default(),
        corrections: Vec::new(),
        formats: Calls::default(),
        delivers: Calls::default(),
        jitter: jitter(),
    };
    let parcels = match lease.work() {
        Work::Fresh(deliveries) => batch.format(&lease, deliveries).await,
        Work::Again { message, deliveries } => VecDeque::from([(message, deliveries)]),
    };
    batch.deliver(&lease, parcels).await;
    batch.count_calls();
    batch.correct().await;
    if let Some(found) = batch.misconfigured.take() {
        batch.ask_for_a_person(&found).await;
    }
    tell(dispatch, std::mem::take(&mut batch.changes)).await;
    let to = offenses::Telling {
        records: &dispatch.records,
        metrics: &dispatch.metrics,
        told: Some(&dispatch.told),
        now_ms: dispatch.clock.now_ms(),
    };
    let source = format!("a delivery to recipient {}", destination.name);
    offenses::tell(to, destination, source, &batch.offenses).await;
    Ok(batch.settled)
}

struct Batch<'a> {
    dispatch: &'a Dispatch,
    destination: &'a Destination,
    health: &'a Health,
    settled: Vec<Settled>,
    /// The rest waits until then, milliseconds since the Unix epoch.
    stopped: Option<u64>,
    /// The first that was found.
    misconfigured: Option<Misconfigured>,
    /// What the operator is to be told of the guard.
    changes: Vec<Change>,
    /// What the component asked for and must not have.
    offenses: Offenses,
    /// Settings that the service renamed.
    corrections: Vec<(String, String)>,
    formats: Calls,
    delivers: Calls,
    /// From 0 to 1; one for all, since the first failure ends the batch.
    jitter: f64,
}

impl<'a> Batch<'a> {
    /// Makes messages of deliveries that have none. A group that breaks the component is halved
    /// until the one bad alert stands alone.
    async fn format(&mut self, lease: &Lease, deliveries: Vec<Delivery>) -> VecDeque<Parcel> {
        let mut parcels = VecDeque::new();
        let mut groups = groups(deliveries, self.destination.endpoint.kind.batch_max());
        let mut open: Option<Formatting> = None;
        while let Some(group) = groups.pop_front() {
            if let Some(until_ms) = self.stopped {
                lease.give_back(&ids(&group), Some(until_ms));
                continue;
            }
            let made = self.format_group(&mut open, &group).await;
            self.formats.add(open.as_ref().map(Formatting::take_used).unwrap_or_default());
            match made {
                Ok(Ok(made)) => {
                    let skipped = (OutcomeKind::Skipped, made.skipped);
                    for (outcome, refusals) in [skipped, (OutcomeKind::Rejected, made.rejected)] {
                        for (position, detail) in refusals {
                            let (code, detail) = ("format", detail.as_str());
                            let scope = kind::Scope::Recipient;
                            let refusal = Refusal { outcome, scope, code, detail };
                            self.refuse(lease, &group[position], refusal);
                        }
                    }
                    parcels.extend(made.drafts.into_iter().map(|draft| self.parcel(draft, &group)));
                }
                Ok(Err(fault)) => {
                    let refusal = Refusal {
                        outcome: OutcomeKind::Misconfigured,
                        scope: fault.scope,
                        code: &fault.code,
                        detail: &fault.detail,
                    };
                    for one in &group {
                        self.refuse(lease, one, refusal);
                    }
                }
                Err(Fault::Busy) => self.stopped = Some(self.busy_until(lease, &group)),
                Err(fault) => {
                    open = None;
                    if group.len() > 1 {
                        let mut first = group;
                        let second = first.split_off(first.len() / 2);
                        groups.push_front(second);
                        groups.push_front(first);
                    } else {
                        for one in &group {
                            let refusal = Refusal {
                                outcome: OutcomeKind::Fault,
                                scope: kind::Scope::Recipient,
                                code: fault.code(),
                                detail: &fault.to_string(),
                            };
                            self.refuse(lease, one, refusal);
                        }
                    }
                }
            }
        }
        parcels
    }

    async fn format_group(
        &self,
        open: &mut Option<Formatting>,
        group: &[Delivery],
    ) -> Result<Result<Made, kind::Fault>, Fault> {
        let kind = &self.destination.endpoint.kind;
        let formatting = match open {
            Some(formatting) => formatting,
            None => open.insert(Formatting::open(&self.dispatch.runtime, kind).await?),
        };
        self.destination.format(formatting, group, &self.destination.context).await
    }

    async fn deliver(&mut self, lease: &Lease, parcels: VecDeque<Parcel>) {
        let mut open: Option<Open> = None;
        for (message, deliveries) in parcels {
            if let Some(until_ms) = self.stopped {
                lease.give_back(&message.members, Some(until_ms));
                continue;
            }
            let at_ms = self.dispatch.clock.now_ms();
            if let Some(until_ms) = self.held_back(at_ms) {
                self.stopped = Some(until_ms);
                lease.give_back(&message.members, Some(until_ms));
                continue;
            }
            if let Err(until_ms) = self.dispatch.paces.take(self.destination, at_ms) {
                self.dispatch.queue.hold(self.destination.id, until_ms);
                self.stopped = Some(until_ms);
                lease.give_back(&message.members, Some(until_ms));
                continue;
            }
            if outdated::is_outdated(self.destination, &message) {
                let tried = self.tried(&deliveries, at_ms);
                let policy = &self.dispatch.policy;
                self.settle(lease, undelivered(outdated::REFUSAL, message, tried, policy));
                continue;
            }
            let number = number(&deliveries);
            let mut told = self.deliver_one(&mut open, &message, &deliveries, number, at_ms).await;
            if open.as_ref().is_some_and(|open| open.wants_other_tokens(&told, self.dispatch)) {
                open = None;
                self.offenses.append(std::mem::take(&mut told.offenses));
                told = self.deliver_one(&mut open, &message, &deliveries, number, at_ms).await;
            }
            self.offenses.append(std::mem::take(&mut told.offenses));
            match &told.outcome {
                Err(Fault::Busy) => {
                    self.stopped = Some(self.busy_until(lease, &deliveries));
                    continue;
                }
                Err(_) => open = None,
                Ok(outcome) => self.corrected(&outcome.corrections),
            }
            let tried = self.tried(&deliveries, at_ms);
            let judged = judge(told, message, &deliveries, tried, &self.dispatch.policy);
            self.settle(lease, judged);
        }
    }

    /// Until when the guard lets nothing be sent where this recipient's requests go.
    fn held_back(&self, now_ms: u64) -> Option<u64> {
        let origin = self.health.origin()?;
        let held = self.dispatch.guard.admit(&origin, self.destination.by(), now_ms)?;
        self.dispatch.metrics.held_back(held.is_stopped);
        self.dispatch.queue.hold(self.destination.id, held.until_ms);
        Some(held.until_ms)
    }

    async fn deliver_one(
        &mut self,
        open: &mut Option<Open<'a>>,
        message: &Message,
        deliveries: &[Delivery],
        number: u32,
        now_ms: u64,
    ) -> Told {
        let open = match open {
            Some(open) => open,
            None => match Open::new(self.dispatch, self.destination).await {
                Ok(opened) => open.insert(opened),
                Err(told) => return told,
            },
        };
        let zone = &self.destination.zone;
        let first_ms = deliveries.iter().filter_map(|one| one.first_ms).min().unwrap_or(now_ms);
        let this = Try { number, now_ms, first_ms, zone, purpose: kind::Purpose::Live };
        let told = open.delivering.call(message, deliveries, &open.settings, this).await;
        self.delivers.add(open.delivering.take_used());
        told
    }

    fn parcel(&self, draft: Draft, group: &[Delivery]) -> Parcel {
        let deliveries: Vec<_> = draft.alerts.iter().map(|at| group[*at].clone()).collect();
        let members = ids(&deliveries);
        let message = Message {
            id: MessageId::of(members.iter().copied()),
            members,
            summary: draft.summary,
            content_type: draft.content_type,
            body: draft.body,
            notes: draft.notes,
            repeat_safe_ms: draft.repeat_safe_ms,
            carry: None,
            component: self.destination.endpoint.kind.digest,
            settings: self.destination.settings_sha256,
        };
        (message, deliveries)
    }

    /// Records a delivery that no message was made for.
    fn refuse(&mut self, lease: &Lease, delivery: &Delivery, refusal: Refusal<'_>) {
        let empty = Draft {
            alerts: vec![0],
            summary: delivery.alert.title.clone(),
            content_type: String::new(),
            body: Vec::new(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
        };
        let alone = std::slice::from_ref(delivery);
        let (message, _) = self.parcel(empty, alone);
        let tried = self.tried(alone, self.dispatch.clock.now_ms());
        let judged = undelivered(refusal, message, tried, &self.dispatch.policy);
        self.settle(lease, judged);
    }

    fn settle(&mut self, lease: &Lease, judged: Judged) {
        let Judged { settlement, pause, misconfigured } = judged;
        let attempt = &settlement.attempt;
        if let Some(origin) = &attempt.seen.origin {
            self.health.went_to(origin);
            let (by, status) = (self.destination.by(), attempt.seen.status);
            let now_ms = self.dispatch.clock.now_ms();
            self.changes.extend(self.dispatch.guard.saw(origin, by, status, now_ms));
        }
        let kind = &self.destination.endpoint.kind.name;
        self.dispatch.metrics.tried(kind, attempt.outcome, settlement.fates.len());
        if attempt.outcome == OutcomeKind::Delivered {
            self.health.succeeded();
            debug!(message.id = %settlement.message.id, "Delivered.");
        } else {
            warn!(
                message.id = %settlement.message.id,
                outcome = attempt.outcome.name(),
                code = attempt.code,
                attempt = attempt.number,
                fate = fate_name(&settlement.fates),
                "A message was not delivered."
            );
        }
        self.settled.push(Box::pin(lease.settle(settlement)));
        if let Some(found) = misconfigured {
            // The lane takes nothing more, whatever else is under way.
            self.health.stop();
            self.stopped = Some(self.dispatch.clock.now_ms());
            self.misconfigured.get_or_insert(found);
        } else if let Some(pause) = pause {
            self.pause(pause);
        }
    }

    /// Leaves the service alone: for as long as it asked, else longer with each failure in a row.
    fn pause(&mut self, pause: Pause) {
        let queue = &self.dispatch.queue;
        if pause.asked {
            match pause.scope {
                PauseScope::Recipient => queue.hold(self.destination.id, pause.until_ms),
                PauseScope::Endpoint => self
                    .dispatch
                    .roster
                    .live()
                    .destinations
                    .values()
                    .filter(|one| one.endpoint.id == self.destination.endpoint.id)
                    .for_each(|one| queue.hold(one.id, pause.until_ms)),
            }
            self.stopped = Some(pause.until_ms);
            return;
        }
        // One failure, however many alerts it concerned.
        if self.stopped.is_some() {
            return;
        }
        let backoff = Backoff {
            max: self.dispatch.policy.backoff.max.min(COOL_MAX),
            ..self.dispatch.policy.backoff
        };
        let wait = backoff.wait(self.health.failed(), None, self.jitter);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let until_ms = self.dispatch.clock.now_ms().saturating_add(wait_ms);
        queue.hold(self.destination.id, until_ms);
        self.stopped = Some(until_ms);
    }

    fn count_calls(&self) {
        let kind = &self.destination.endpoint.kind.name;
        for (call, calls) in [("format", &self.formats), ("deliver", &self.delivers)] {
            if calls.count > 0 {
                self.dispatch.metrics.called(kind, call, calls.count, calls.used);
            }
        }
    }

    fn busy_until(&self, lease: &Lease, deliveries: &[Delivery]) -> u64 {
        let until_ms = self.dispatch.clock.now_ms().saturating_add(BUSY_WAIT_MS);
        lease.give_back(&ids(deliveries), Some(until_ms));
        until_ms
    }

    fn tried(&self, deliveries: &[Delivery], at_ms: u64) -> Tried {
        Tried {
            number: number(deliveries),
            forgiven: deliveries.iter().map(|one| one.forgiven).max().unwrap_or(0),
            at_ms,
            now_ms: self.dispatch.clock.now_ms(),
            jitter: self.jitter,
        }
    }
}
