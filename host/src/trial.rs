//! Trials: what would be sent, whether a service is there, and one test alert, all beside the queue.
//!
//! Promise: nothing is stored, and a preview reaches no network. A trial takes the same way as a
//! delivery: the same stores, doors, grants and slots; settings that are not saved get no more than
//! saved ones would.

mod preview;
mod target;
mod test;

use std::sync::Arc;

/// What is told of an endpoint's reach without trying it.
pub use crate::capability::egress::{Line, Standing};
use crate::capability::http::HttpGate;
use crate::capability::secrets::oauth2::Tokens;
use crate::clock::Clock;
pub use crate::dispatch::Endpoint;
use crate::dispatch::{RetryPolicy, Slots};
use crate::records::Records;
use crate::roster::Roster;
use crate::runtime::Runtime;
use crate::telemetry::Metrics;

pub use preview::{Decided, LeftOut, Preview, Previewed, SAMPLE};
pub use target::{Target, TargetError};
pub use test::{Probed, Sent, Tested};

/// The parts of the engine that a trial needs.
#[derive(Debug)]
pub struct Trial {
    pub runtime: Arc<Runtime>,
    pub gate: Arc<HttpGate>,
    pub tokens: Tokens,
    pub clock: Arc<Clock>,
    pub policy: RetryPolicy,
    /// Shared with deliveries, so that trials are bounded with them.
    pub slots: Arc<Slots>,
    pub batch_max: usize,
    pub roster: Roster,
    pub records: Records,
    pub metrics: Arc<Metrics>,
}
