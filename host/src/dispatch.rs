//! Sends what is due: takes micro-batches from the queue, has them formatted and delivered, and
//! records each message as its `deliver` returns.
//!
//! Promise: a message, once attempted, keeps its bytes, members and id until it is settled; one
//! recipient's trouble holds up nobody else.
//!
//! Not here: what is owed to whom (`route`), and keeping it (`queue`).

pub mod backoff;
mod batch;
mod destination;
pub mod guard;
mod lane;
mod lanes;
mod members;
pub(crate) mod offenses;
mod open;
mod outdated;
pub mod pace;
pub mod record;
mod slots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::capability::http::HttpGate;
use crate::capability::net::NetGate;
use crate::capability::secrets::oauth2::Tokens;
use crate::clock::Clock;
use crate::queue::Queue;
use crate::records::Records;
use crate::roster::Roster;
use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::telemetry::Metrics;

use guard::{BanGuard, tell};
use lanes::Lanes;
use pace::Paces;

pub use destination::{Destination, Endpoint, Own, Site};
pub(crate) use open::{TOKEN_MAX, without_token};
pub use record::RetryPolicy;
pub use slots::{Slot, Slots};

/// All that the lanes share.
#[derive(Debug)]
pub struct Dispatch {
    pub queue: Queue,
    pub runtime: Arc<Runtime>,
    pub gate: Arc<HttpGate>,
    pub net: Arc<NetGate>,
    pub tokens: Tokens,
    pub clock: Arc<Clock>,
    pub metrics: Arc<Metrics>,
    pub policy: RetryPolicy,
    /// Most deliveries that share one store.
    pub batch_max: usize,
    /// Calls that may run or wait at once, over all lanes.
    pub slots: Arc<Slots>,
    /// Which components were told of lately.
    pub told: offenses::Told,
    /// Who is held back, so that no origin bans this machine.
    pub guard: Arc<BanGuard>,
    /// Who has to wait, so that no published limit is passed.
    pub paces: Paces,
    pub records: Records,
    /// Who is sent to, and through which endpoint, as it is now.
    pub roster: Roster,
}

/// How often connections that nobody uses any more are closed.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Sends what is due until `stop` is cancelled, then waits for what is in flight.
/// `Err` only if the queue's storage fails; a failed delivery is not an error here.
pub async fn run(dispatch: Arc<Dispatch>, stop: CancellationToken) -> Result<(), StoreError> {
    let mut changes = dispatch.roster.watch();
    let mut lanes = Lanes::new(&dispatch, &stop);
    lanes.follow(&changes.borrow_and_update());
    let mut ended = Ok(());
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            biased;
            Some(joined) = lanes.tasks.join_next() => {
                if let Err(error) = lanes.joined(joined) {
                    // Without its store the engine cannot go on: the others drain, and it ends.
                    stop.cancel();
                    ended = Err(error);
                }
            }
            // Without recipients there is nothing to send, and no reason to end.
            () = stop.cancelled(), if lanes.tasks.is_empty() => return ended,
            // `Err` means that the roster is gone, which this holds a handle to.
            Ok(()) = changes.changed(), if !stop.is_cancelled() => {
                lanes.follow(&changes.borrow_and_update());
            }
            _ = sweep.tick() => {
                dispatch.gate.pool.sweep(Instant::now());
                dispatch.net.parked.sweep();
                let changes = dispatch.guard.sweep(dispatch.clock.now_ms());
                tell::tell(&dispatch, changes).await;
                dispatch.metrics.guarded(dispatch.guard.levels());
            }
        }
    }
}
