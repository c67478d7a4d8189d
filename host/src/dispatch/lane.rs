//! One recipient's lane: takes what is due while there is a slot, and drains when told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, error, info_span};

use super::{Destination, Dispatch, batch};
use crate::queue::Lease;
use crate::store::StoreError;

/// How the recipient's service has fared lately.
#[derive(Debug, Default)]
pub(super) struct Health(AtomicU32);

impl Health {
    /// A failure of the service; how many there were in a row.
    pub(super) fn failed(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    pub(super) fn succeeded(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

pub(super) async fn run(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let health = Arc::new(Health::default());
    let mut in_flight = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(joined) = in_flight.join_next() => finish(joined)?,
            // Both futures are safe to drop: nothing is leased before both are ready, so that a
            // batch gathers while all slots are taken.
            slot = slot(&dispatch, &destination), if in_flight.len() < destination.concurrency => {
                let Some(lease) = dispatch.queue.lease(destination.id, dispatch.batch_max).await? else {
                    continue;
                };
                let attempt = attempt(
                    Arc::clone(&dispatch),
                    Arc::clone(&destination),
                    Arc::clone(&health),
                    lease,
                    slot,
                );
                in_flight.spawn(attempt.instrument(span(&destination)));
            }
        }
    }
    while let Some(joined) = in_flight.join_next().await {
        finish(joined)?;
    }
    Ok(())
}

/// Waits until something is due and a slot is free.
async fn slot(
    dispatch: &Dispatch,
    destination: &Destination,
) -> Option<tokio::sync::OwnedSemaphorePermit> {
    dispatch.queue.due(destination.id).await;
    // `None` only if the semaphore were closed, which nobody does.
    Arc::clone(&dispatch.slots).acquire_owned().await.ok()
}

async fn attempt(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    health: Arc<Health>,
    lease: Lease,
    slot: Option<tokio::sync::OwnedSemaphorePermit>,
) -> Result<(), StoreError> {
    let settled = batch::send(&dispatch, &destination, &health, lease).await;
    // The slot is for calls; waiting for the disk needs none.
    drop(slot);
    for settled in settled? {
        settled.await?;
    }
    Ok(())
}

fn finish(joined: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
    joined.unwrap_or_else(|panic| {
        // Its lease was dropped, so what it held is due again and nothing is lost.
        error!(error = %panic, "A batch task panicked.");
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
