//! Durable queue (seam 1): holds a delivery until its outcome is recorded.
//!
//! Promise: a delivery is handed out at least once, and never to two workers at the same time: a
//! [`Lease`] owns what it was handed, and what is not settled when it is dropped is due again.
//! Order is kept per (recipient, fingerprint), not beyond: a delivery is not leased while an
//! earlier one of the same recipient and fingerprint is pending.
//!
//! Not here: deciding when to retry (`dispatch::backoff`) and what to send (`format`).

mod again;
mod close;
mod ingest;
mod lane;
mod lanes;
mod lease;
mod load;
mod refill;
mod settle;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use self::ingest::Ingest;
use self::lane::Readiness;
use self::lanes::{Cell, Lanes};
pub use self::lease::Lease;
use crate::alert::Alert;
use crate::audit::Entry;
use crate::delivery::{Attempt, Delivery, Fate, Message};
use crate::ids::{DeliveryId, RecipientId, TenantId};
use crate::store::{Refusal, Store, StoreError, locked};

/// A handle to the queue of a store. There is one queue per store; handles are clones of it.
#[derive(Clone, Debug)]
pub struct Queue {
    store: Store,
    lanes: Arc<Lanes>,
}

/// Bounds of what is owed, and of what of it is in memory.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Deliveries that may be pending before nothing more is taken in. Default 1,000,000.
    pub pending_count: u64,
    /// Pending deliveries of one recipient in memory; the others wait on disk. Default 4096.
    pub lane_count: usize,
    /// Bytes of alerts in memory, over all recipients. Default 16 MiB.
    pub body_bytes: usize,
    /// How long `commit` waits for the disk before it answers `Slow`. Default 800 ms: ntopng waits
    /// one second for its answer.
    pub commit_wait: Duration,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            pending_count: 1_000_000,
            lane_count: 4096,
            body_bytes: 16 << 20,
            commit_wait: Duration::from_millis(800),
        }
    }
}

/// Why a batch was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    #[error("more alerts come in than can be kept; send the same batch again in {} s", retry_after.as_secs())]
    Overloaded { retry_after: Duration },

    #[error(
        "the disk did not answer in time, and may have the batch: send the same again in {} s, which is known by its key",
        retry_after.as_secs()
    )]
    Slow { retry_after: Duration },

    #[error("the batch was not stored")]
    Store(#[source] StoreError),
}

impl CommitError {
    fn refused(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Crowded => overloaded(1),
            Refusal::DiskFull => overloaded(30),
            Refusal::Closed => Self::Store(StoreError::Closed),
        }
    }
}

/// What is owed right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Deliveries without a final outcome, those on disk included.
    pub pending: u64,
    /// Of them, held by a lease or by a settlement that is being written.
    pub leased: u64,
    /// Of them, in memory and not due yet.
    pub waiting: u64,
    /// How long ago the oldest pending one was received.
    pub oldest_age_ms: Option<u64>,
}

impl Queue {
    /// The queue of `store`. What was leased when the store was last closed is due again.
    pub async fn open(store: &Store, limits: QueueLimits) -> Result<Self, StoreError> {
        let lanes = Arc::new(Lanes::new(limits, store.clock().clone()));
        let pending = store.read(load::count_pending).await?;
        lanes.pending.add(pending);
        Ok(Self { store: store.clone(), lanes })
    }

    /// Takes in a batch. After `Ok` it is on disk; after `Slow` it may be too, and then the same
    /// batch with its key is answered `Repeated`.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        let owed: u64 = batch.alerts.iter().map(|one| one.recipients.len() as u64).sum();
        if self.lanes.pending.count().saturating_add(owed) > self.lanes.limits.pending_count {
            return Err(overloaded(5));
        }
        let (job, weight, answer) = Ingest::new(batch, self.lanes.clone());
        self.store.ingest(Box::new(job), weight).map_err(CommitError::refused)?;
        // Past the wait the job is withdrawn, unless the writer has begun it.
        let Ok(answered) = tokio::time::timeout(self.lanes.limits.commit_wait, answer).await else {
            return Err(CommitError::Slow { retry_after: Duration::from_secs(1) });
        };
        let (result, mut job) = answered.map_err(|_| CommitError::Store(StoreError::Closed))?;
        match result {
            Ok(()) => Ok(job.committed()),
            Err(error) if error.is_of_the_disk() => {
                tracing::error!(error = %error, "A batch was not stored; its sender is told to retry.");
                Err(overloaded(30))
            }
            Err(error) => Err(CommitError::Store(error)),
        }
    }

    /// Why no batch would be taken in now, however few wait: for whoever watches the engine.
    pub fn problem(&self) -> Option<&'static str> {
        match self.store.refusal()? {
            Refusal::Closed => Some("the store has stopped writing; the log says why: restart"),
            Refusal::DiskFull => {
                Some("the disk of `data_dir` is nearly full, and no alert is taken in; free space")
            }
            // It passes as fast as the disk writes.
            Refusal::Crowded => None,
        }
    }

    /// Returns when `lease` would give something. Safe to drop.
    pub async fn due(&self, recipient: RecipientId) {
        let cell = self.lanes.cell(recipient);
        loop {
            self.store.has_room().await;
            let changed = cell.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.readiness(&cell) {
                Readiness::Now => return,
                Readiness::At(at_ms) => tokio::select! {
                    () = changed => {}
                    () = self.store.clock().sleep_until(at_ms) => {}
                },
                Readiness::Unknown => changed.await,
            }
        }
    }

    /// What is due of one recipient: at most `max` deliveries, at most one per fingerprint, or one
    /// message that is to be sent again. `None` where nothing is due. Safe to drop.
    pub async fn lease(
        &self,
        recipient: RecipientId,
        max: usize,
    ) -> Result<Option<Lease>, StoreError> {
        let cell = self.lanes.cell(recipient);
        if self.store.is_backed_up() {
            return Ok(None);
        }
        let taken = {
            let mut lane = locked(&cell.lane);
            if let Some(fault) = lane.fault.take() {
                return Err(fault);
            }
            lane.take(self.store.clock().now_ms(), max)
        };
        refill::ask(&self.store, &self.lanes, &cell);
        match taken {
            Some(taken) => Lease::load(&self.store, &self.lanes, cell, taken).await.map(Some),
            None => Ok(None),
        }
    }

    /// The recipient was removed: from now on nothing becomes owed to it.
    pub fn close(&self, recipient: RecipientId) {
        self.lanes.close(recipient);
    }

    /// Ends what a removed recipient was still owed, as dead; how much. To be called when nothing of
    /// it is leased any more.
    pub async fn abandon(&self, recipient: RecipientId) -> Result<u64, StoreError> {
        close::abandon(&self.store, &self.lanes, recipient).await
    }

    /// Makes dead deliveries pending again, behind all that waits. Each is formatted anew, and has
    /// the tries of a new one. Those that are not dead any more, or not of `tenant`, are left out.
    /// `entry` tells of it in the audit log.
    pub async fn retry(
        &self,
        tenant: TenantId,
        deliveries: Vec<DeliveryId>,
        entry: Entry,
    ) -> Result<Vec<DeliveryId>, CommitError> {
        let count = deliveries.len() as u64;
        if self.lanes.pending.count().saturating_add(count) > self.lanes.limits.pending_count {
            return Err(overloaded(5));
        }
        again::retry(&self.store, &self.lanes, tenant, deliveries, entry).await
    }

    /// Nothing of this recipient is due before `until_ms`, milliseconds since the Unix epoch. The
    /// latest of several holds counts.
    pub fn hold(&self, recipient: RecipientId, until_ms: u64) {
        locked(&self.lanes.cell(recipient).lane).hold(until_ms);
    }

    pub async fn stats(&self) -> Result<QueueStats, StoreError> {
        let oldest_ms = self.store.read(load::oldest_pending).await?;
        let now_ms = self.store.clock().now_ms();
        let (leased, waiting) = self.lanes.totals();
        Ok(QueueStats {
            pending: self.lanes.pending.count(),
            leased,
            waiting,
            oldest_age_ms: oldest_ms.map(|at_ms| now_ms.saturating_sub(at_ms)),
        })
    }

    fn readiness(&self, cell: &Arc<Cell>) -> Readiness {
        let readiness = locked(&cell.lane).readiness(self.store.clock().now_ms());
        refill::ask(&self.store, &self.lanes, cell);
        readiness
    }
}

fn overloaded(seconds: u64) -> CommitError {
    CommitError::Overloaded { retry_after: Duration::from_secs(seconds) }
}

/// Alerts to be taken in by one commit, all or none.
pub struct Batch {
    pub tenant: TenantId,
    pub alerts: Vec<Owed>,
    /// How a repeat of the same batch is known; `None`: never.
    pub key: Option<BatchKey>,
    /// What the sender is answered; remembered with the key.
    pub answer: String,
    /// Asked where an alert turns out to belong to an episode that is known: only the commit sees
    /// the episodes of the batches before it.
    pub within: Option<Within>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("alerts", &self.alerts.len()).finish_non_exhaustive()
    }
}

/// Who is owed an alert of a known episode.
pub type Within = Arc<dyn Fn(&Alert, Known<'_>) -> Vec<RecipientId> + Send + Sync>;

/// What is known of the episode that an alert belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// The alert is a release, and its engage was owed to these.
    Told(&'a [RecipientId]),
    /// The alert is an engage like the one that is open: the same thing, since the same time.
    Repeated,
}

/// One alert and whom it is owed to (may be nobody), as long as nothing is known of its episode.
#[derive(Debug)]
pub struct Owed {
    pub alert: Alert,
    pub recipients: Vec<RecipientId>,
}

/// Identifies a batch for ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchKey {
    /// Who sent it and through which door: a hash of token and producer.
    pub sender: [u8; 16],
    /// SHA-256 of the Idempotency-Key, or of the body where there is none.
    pub key: [u8; 32],
    /// SHA-256 of the body.
    pub body: [u8; 32],
}

/// How `commit` ended. In the last two cases nothing was taken in.
#[derive(Debug, PartialEq, Eq)]
pub enum Committed {
    Fresh,
    /// The same batch was taken in within the last ten minutes, and was answered this.
    Repeated {
        answer: String,
    },
    /// The key was used within the last ten minutes for another body.
    KeyReused,
}

/// What a lease holds: deliveries that have no message yet, or one message to be sent again.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per lease, and it is moved once")]
pub enum Work {
    Fresh(Vec<Delivery>),
    /// `deliveries` are the members of `message`, in their order.
    Again {
        message: Message,
        deliveries: Vec<Delivery>,
    },
}

/// The record of one message's try: what becomes of each member.
#[derive(Debug)]
pub struct Settlement {
    pub attempt: Attempt,
    pub message: Message,
    /// One per member of the message, in order.
    pub fates: Vec<Fate>,
    /// All members go again as this message, bytes and id unchanged, at the due time of the first.
    /// Else each member that is to be retried starts anew, without a message; so it is, too, where
    /// the fate of any member is not `Retry`.
    pub keep_message: bool,
}
