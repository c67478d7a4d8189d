//! `format`: alerts into messages, through the linker that leads nowhere.
//!
//! Promise: what comes back names each alert exactly once, and is within bounds.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::debug;

use super::bindings::{EveryKindPre, kind};
use super::catalog::Kind;
use super::guest::{Guest, Moment};
use super::native::NativeSubject;
use super::opened::Opened;
use super::session::Session;
use super::{Fault, Runtime, Withheld, convert};
use crate::capability::log::printable;
use crate::delivery::Delivery;

pub type Context = kind::Context;

/// What is pure has nobody to wait for.
const WALL_MAX: Duration = Duration::from_secs(60);
const SUMMARY_BYTES_MAX: usize = 1 << 10;
const DETAIL_BYTES_MAX: usize = 1 << 10;
const NOTES_COUNT_MAX: usize = 64;
const SCHEMA_BYTES_MAX: usize = 64 << 10;
const REACH_COUNT_MAX: usize = 32;

/// What alerts of one micro-batch are formatted in.
pub struct Formatting {
    opened: Opened,
    batch_max: usize,
    wall: Duration,
    withheld: Withheld,
}

impl std::fmt::Debug for Formatting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Formatting")
    }
}

/// What one call made of the alerts it was given; positions count from 0.
#[derive(Debug, Default)]
pub struct Made {
    pub drafts: Vec<Draft>,
    /// Position, and why there is nothing to say.
    pub skipped: Vec<(usize, String)>,
    /// Position, and why the service would never take it.
    pub rejected: Vec<(usize, String)>,
}

/// A message that has no id yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Positions of the alerts it tells about; never empty.
    pub alerts: Vec<usize>,
    pub summary: String,
    pub content_type: String,
    pub body: Vec<u8>,
    pub notes: Vec<(String, String)>,
    pub repeat_safe_ms: u32,
}

impl Formatting {
    pub async fn open(runtime: &Arc<Runtime>, kind: &Kind) -> Result<Self, Fault> {
        Ok(Self {
            opened: Opened::to_format(runtime, kind).await?,
            batch_max: kind.batch_max(),
            wall: runtime.limits.call_wall.min(WALL_MAX),
            withheld: kind.withheld,
        })
    }

    /// CPU used since the last time this was asked.
    pub fn take_used(&self) -> Duration {
        self.opened.take_used()
    }

    /// The most alerts that one call takes.
    pub fn batch_max(&self) -> usize {
        self.batch_max
    }

    /// `Ok(Err(_))`: the component says that its settings are wrong. After `Err` the store is spent.
    pub async fn call(
        &mut self,
        deliveries: &[Delivery],
        context: &Context,
        zone: &TimeZone,
    ) -> Result<Result<Made, kind::Fault>, Fault> {
        debug_assert!(!deliveries.is_empty() && deliveries.len() <= self.batch_max);
        let withheld = self.withheld;
        let subjects: Vec<_> = deliveries.iter().map(|one| subject(one, zone, withheld)).collect();
        let made = match &mut self.opened {
            Opened::Component(session) => call(session, self.wall, &subjects, context).await?,
            Opened::Native(native) => {
                let senders = deliveries.iter().map(|one| one.alert.may_ban);
                let subjects = subjects.iter().zip(senders);
                let subjects: Vec<_> =
                    subjects.map(|(subject, may_ban)| NativeSubject { subject, may_ban }).collect();
                native.format(&subjects, context)?
            }
        };
        match made {
            Ok(formatted) => Ok(Ok(checked(formatted, subjects.len())?)),
            Err(fault) => Ok(Err(kind::Fault {
                detail: printable(&fault.detail, DETAIL_BYTES_MAX),
                code: printable(&fault.code, 64),
                scope: fault.scope,
            })),
        }
    }
}

async fn call(
    session: &mut Session,
    wall: Duration,
    subjects: &[kind::Subject],
    context: &Context,
) -> Result<Result<kind::Formatted, kind::Fault>, Fault> {
    let made = session
        .call(wall, |instance, store| {
            instance.campanile_endpoint_kind().call_format(store, subjects, context)
        })
        .await
        .map_err(|end| session.fault(end));
    tell_log(session, "format");
    made
}

impl Kind {
    /// The most alerts that one call of `format` takes.
    pub fn batch_max(&self) -> usize {
        usize::try_from(self.descriptor.batch_max).unwrap_or(usize::MAX).clamp(1, 1000)
    }
}

/// Runs `describe` in a store without grants.
pub(super) async fn describe(
    runtime: &Arc<Runtime>,
    pre: &EveryKindPre<Guest>,
) -> Result<kind::Descriptor, Fault> {
    let guest = Guest::new(&runtime.limits, &runtime.limit_hits, Moment::Still, None);
    let mut session = Session::open(runtime, pre, guest).await?;
    let wall = runtime.limits.call_wall.min(WALL_MAX);
    let descriptor = session
        .call(wall, |instance, store| instance.campanile_endpoint_kind().call_describe(store))
        .await
        .map_err(|end| session.fault(end))?;
    described(descriptor)
}

/// A description that is within bounds.
pub(super) fn described(descriptor: kind::Descriptor) -> Result<kind::Descriptor, Fault> {
    let bounded = descriptor.endpoint_schema.len() <= SCHEMA_BYTES_MAX
        && descriptor.recipient_schema.len() <= SCHEMA_BYTES_MAX
        && descriptor.reach.len() <= REACH_COUNT_MAX
        && descriptor.paces.len() <= REACH_COUNT_MAX
        && descriptor.extra.len() <= NOTES_COUNT_MAX;
    if bounded {
        Ok(descriptor)
    } else {
        Err(Fault::Contract("`describe` gave more than its bounds".to_owned()))
    }
}

fn subject(delivery: &Delivery, zone: &TimeZone, withheld: Withheld) -> kind::Subject {
    kind::Subject {
        alert: convert::alert(&delivery.alert, zone, withheld),
        previous: delivery.previous.clone(),
    }
}

/// Each position exactly once over the three lists; else the component is at fault.
fn checked(formatted: kind::Formatted, count: usize) -> Result<Made, Fault> {
    let mut seen = vec![false; count];
    let mut claim = |position: u32| {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        match seen.get_mut(position) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(contract("names an alert twice", position)),
            None => return Err(contract("names an alert that was not given", position)),
        }
        Ok(position)
    };
    let mut made = Made::default();
    for message in formatted.messages {
        let alerts = message.alerts.iter().map(|at| claim(*at)).collect::<Result<Vec<_>, _>>()?;
        if alerts.is_empty() {
            return Err(Fault::Contract("`format` made a message about no alert".to_owned()));
        }
        if message.notes.len() > NOTES_COUNT_MAX {
            return Err(Fault::Contract("`format` made more than 64 notes".to_owned()));
        }
        made.drafts.push(Draft {
            alerts,
            summary: printable(&message.summary, SUMMARY_BYTES_MAX),
            content_type: message.content_type,
            body: message.body,
            notes: message.notes,
            repeat_safe_ms: message.repeat_safe_ms,
        });
    }
    for (refusals, into) in
        [(formatted.skipped, &mut made.skipped), (formatted.rejected, &mut made.rejected)]
    {
        for refusal in refusals {
            into.push((claim(refusal.alert)?, printable(&refusal.detail, DETAIL_BYTES_MAX)));
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(position) => Err(contract("leaves out an alert", position)),
        None => Ok(made),
    }
}

fn contract(what: &str, position: usize) -> Fault {
    Fault::Contract(format!("`format` {what}: position {position}"))
}

/// What the guest wrote goes to the engine's own log, at `debug`: a guest does not choose how loud
/// the engine is.
pub(super) fn tell_log(session: &Session, call: &'static str) {
    let (lines, dropped) = session.take_log();
    for line in lines {
        debug!(call, guest.level = %line.level, guest.line = line.text, "A component wrote.");
    }
    if dropped > 0 {
        debug!(call, dropped, "A component wrote more than its bounds.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(alerts: &[u32]) -> kind::Message {
        kind::Message {
            alerts: alerts.to_vec(),
            summary: String::new(),
            content_type: "text/plain".to_owned(),
            body: Vec::new(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
        }
    }

    #[test]
    fn each_alert_is_named_exactly_once_or_the_component_is_at_fault() {
        let skip = |alert| kind::Refusal { alert, detail: String::new() };
        type Row<'a> = (&'a [&'a [u32]], &'a [u32], Option<&'a str>);
        let table: [Row<'_>; 6] = [
            (&[&[0, 1, 2]], &[], None),
            (&[&[2], &[0]], &[1], None),
            (&[&[0, 1]], &[], Some("leaves out an alert: position 2")),
            (&[&[0, 1, 2], &[1]], &[], Some("names an alert twice: position 1")),
            (&[&[0, 1, 2]], &[2], Some("names an alert twice: position 2")),
            (&[&[0, 1, 3]], &[2], Some("names an alert that was not given: position 3")),
        ];
        for (messages, skipped, expected) in table {
            let formatted = kind::Formatted {
                messages: messages.iter().map(|alerts| message(alerts)).collect(),
                skipped: skipped.iter().map(|at| skip(*at)).collect(),
                rejected: Vec::new(),
            };
            match (checked(formatted, 3), expected) {
                (Ok(_), None) => {}
                (Err(Fault::Contract(text)), Some(expected)) => {
                    assert!(text.ends_with(expected), "{messages:?} {skipped:?}: {text}");
                }
                (other, _) => panic!("{messages:?} {skipped:?}: {other:?}"),
            }
        }
        assert!(
            checked(
                kind::Formatted { messages: vec![message(&[])], skipped: vec![], rejected: vec![] },
                0
            )
            .is_err()
        );
    }
}
