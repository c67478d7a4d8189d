//! One recipient's lane: takes what is due while there is a slot, and drains when told to stop.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info_span};

use super::guard::Held;
use super::{Destination, Dispatch, Slot, batch};
use crate::queue::Lease;
use crate::store::StoreError;

/// How the recipient's service has fared lately.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: AtomicU32,
    /// Something is misconfigured, and a pause is being written.
    stopped: AtomicBool,
    changed: Notify,
    /// Where the last request went.
    origin: Mutex<Option<Arc<str>>>,
}

impl Health {
    /// A failure of the service; how many there were in a row.
    pub(super) fn failed(&self) -> u32 {
        self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    pub(super) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    pub(super) fn went_to(&self, origin: &str) {
        let mut last = self.origin.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_deref() != Some(origin) {
            *last = Some(origin.into());
        }
    }

    /// Where the last request went, and the next one very likely goes.
    pub(super) fn origin(&self) -> Option<Arc<str>> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns while nothing is misconfigured. Safe to drop.
    async fn is_well(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.stopped.load(Ordering::Relaxed) {
                return;
            }
            changed.await;
        }
    }
}

const PANIC_WAIT_MS: u64 = 1_000;

pub(super) async fn run(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let health = Arc::new(Health::default());
    let turns = Arc::new(Semaphore::new(destination.concurrency));
    let mut in_flight = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(joined) = in_flight.join_next() => finish(&dispatch, &destination, joined)?,
            // Safe to drop: nothing is leased before all of it is ready, so that a batch gathers
            // while all slots are taken.
            right = right(&dispatch, &destination, &health, &turns) => {
                // Whoever was told that it is paused or changed may count on it, even before this
                // lane is told to stop.
                if !is_current(&dispatch, &destination) {
                    break;
                }
                // Else it would be formatted only to be given back.
                if let Some(held) = held(&dispatch, &destination, &health) {
                    dispatch.metrics.held_back(held.is_stopped);
                    dispatch.queue.hold(destination.id, held.until_ms);
                    continue;
                }
                let Some(lease) = dispatch.queue.lease(destination.id, dispatch.batch_max).await? else {
                    continue;
                };
                let attempt = attempt(
                    Arc::clone(&dispatch),
                    Arc::clone(&destination),
                    Arc::clone(&health),
                    lease,
                    right,
                );
                in_flight.spawn(attempt.instrument(span(&destination)));
            }
        }
    }
    while let Some(joined) = in_flight.join_next().await {
        finish(&dispatch, &destination, joined)?;
    }
    Ok(())
}

fn is_current(dispatch: &Dispatch, destination: &Arc<Destination>) -> bool {
    let live = dispatch.roster.live();
    live.destinations.get(&destination.id).is_some_and(|now| Arc::ptr_eq(now, destination))
}

/// What keeps it from sending where it sent last.
fn held(dispatch: &Dispatch, destination: &Destination, health: &Health) -> Option<Held> {
    dispatch.guard.held(&health.origin()?, destination.by(), dispatch.clock.now_ms())
}

/// The right to call: one of this recipient's, one of all.
struct Right {
    _turn: OwnedSemaphorePermit,
    _slot: Slot,
}

/// Waits until something is due, and until this recipient and the engine have a slot for it.
async fn right(
    dispatch: &Dispatch,
    destination: &Destination,
    health: &Health,
    turns: &Arc<Semaphore>,
) -> Right {
    dispatch.queue.due(destination.id).await;
    let turn = acquire(turns).await;
    let slot = dispatch.slots.acquire(destination.endpoint.tenant).await;
    health.is_well().await;
    Right { _turn: turn, _slot: slot }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match Arc::clone(semaphore).acquire_owned().await {
        Ok(permit) => permit,
        // Only a closed semaphore refuses, and nobody closes these.
        Err(_) => std::future::pending().await,
    }
}

async fn attempt(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    health: Arc<Health>,
    lease: Lease,
    right: Right,
) -> Result<(), StoreError> {
    let settled = batch::send(&dispatch, &destination, &health, lease).await;
    // Waiting for the disk takes no slot; the store bounds how much may wait for it.
    drop(right);
    for settled in settled? {
        settled.await?;
    }
    Ok(())
}

fn finish(
    dispatch: &Dispatch,
    destination: &Destination,
    joined: Result<Result<(), StoreError>, JoinError>,
) -> Result<(), StoreError> {
    joined.unwrap_or_else(|panic| {
        // Its lease was dropped, so what it held is due again and nothing is lost; not at once, or
        // what panics every time would keep a core busy.
        error!(error = %panic, recipient.name = %destination.name, "A batch task panicked.");
        let until_ms = dispatch.clock.now_ms().saturating_add(PANIC_WAIT_MS);
        dispatch.queue.hold(destination.id, until_ms);
        Ok(())
    })
}

fn span(destination: &Destination) -> Span {
    info_span!(
        "batch",
        recipient.name = %destination.name,
        endpoint.name = %destination.endpoint.name,
    )
}
