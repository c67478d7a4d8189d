//! What a micro-batch has open of a kind: a store of its component, or the native kind itself.

use std::sync::Arc;
use std::time::Duration;

use super::catalog::{Implementation, Kind};
use super::guest::{Guest, Moment};
use super::native::Native;
use super::session::Session;
use super::{Fault, Runtime};
use crate::capability::doors::Doors;

pub(super) enum Opened {
    Component(Session),
    Native(Native),
}

impl Opened {
    pub(super) async fn to_format(runtime: &Arc<Runtime>, kind: &Kind) -> Result<Self, Fault> {
        match &kind.implementation {
            Implementation::Component(linked) => {
                let guest = Guest::new(&runtime.limits, &runtime.limit_hits, Moment::Still, None);
                Session::open(runtime, &linked.format, guest).await.map(Self::Component)
            }
            Implementation::Native(native) => Ok(Self::Native(Native::new(runtime, native))),
        }
    }

    /// A native kind has no use for doors: what it may reach, its helper knows.
    pub(super) async fn to_deliver(
        runtime: &Arc<Runtime>,
        kind: &Kind,
        doors: Doors,
    ) -> Result<Self, Fault> {
        match &kind.implementation {
            Implementation::Component(linked) => {
                let (limits, hits) = (&runtime.limits, &runtime.limit_hits);
                let guest = Guest::new(limits, hits, Moment::Live, Some(doors));
                Session::open(runtime, &linked.deliver, guest).await.map(Self::Component)
            }
            Implementation::Native(native) => Ok(Self::Native(Native::new(runtime, native))),
        }
    }

    /// CPU used since the last time this was asked.
    pub(super) fn take_used(&self) -> Duration {
        match self {
            Self::Component(session) => session.take_used(),
            Self::Native(native) => native.take_used(),
        }
    }
}
