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
mod lane;
pub mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::capability::http::HttpGate;
use crate::clock::Clock;
use crate::queue::Queue;
use crate::runtime::Runtime;
use crate::store::StoreError;
use crate::telemetry::Metrics;

pub use destination::{Destination, Endpoint, Site};
pub use record::RetryPolicy;

/// All that the lanes share.
#[derive(Debug)]
pub struct Dispatch {
    pub queue: Queue,
    pub runtime: Arc<Runtime>,
    pub gate: Arc<HttpGate>,
    pub clock: Arc<Clock>,
    pub metrics: Arc<Metrics>,
    pub policy: RetryPolicy,
    /// Most deliveries that share one store.
    pub batch_max: usize,
    /// Calls that may run or wait at once, over all lanes.
    pub slots: Arc<Semaphore>,
    pub destinations: Vec<Arc<Destination>>,
}

/// How often connections that nobody uses any more are closed.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// So that a lane that panics at once does not spin.
const PANIC_WAIT: Duration = Duration::from_secs(1);

/// Sends what is due until `stop` is cancelled, then waits for what is in flight.
/// `Err` only if the queue's storage fails; a failed delivery is not an error here.
pub async fn run(dispatch: Arc<Dispatch>, stop: CancellationToken) -> Result<(), StoreError> {
    let mut lanes = JoinSet::new();
    for destination in &dispatch.destinations {
        lanes.spawn(keep(Arc::clone(&dispatch), Arc::clone(destination), stop.child_token()));
    }
    let mut ended = Ok(());
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            biased;
            Some(joined) = lanes.join_next() => {
                if let Ok(Err(error)) = joined {
                    // Without its store the engine cannot go on: the others drain, and it ends.
                    stop.cancel();
                    ended = Err(error);
                }
            }
            // Without recipients there is nothing to send, and no reason to end.
            () = stop.cancelled(), if lanes.is_empty() => return ended,
            _ = sweep.tick() => dispatch.gate.pool.sweep(Instant::now()),
        }
    }
}

/// Runs one recipient's lane; if it panics, again.
async fn keep(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    loop {
        let mut lane = JoinSet::new();
        lane.spawn(lane::run(Arc::clone(&dispatch), Arc::clone(&destination), stop.clone()));
        match lane.join_next().await {
            Some(Ok(ended)) => return ended,
            // What it held was dropped with it, and is due again.
            Some(Err(panic)) if panic.is_panic() => {
                error!(error = %panic, recipient.name = %destination.name, "A lane panicked; it begins anew.");
                tokio::time::sleep(PANIC_WAIT).await;
            }
            Some(Err(_)) | None => return Ok(()),
        }
    }
}
