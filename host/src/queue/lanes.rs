//! The lanes of all recipients, and what they share: bounds, counts, memory for alerts.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;

use super::QueueLimits;
use super::lane::{Entry, Lane, refill_count};
use crate::alert::Alert;
use crate::clock::Clock;
use crate::ids::RecipientId;
use crate::store::{Wakes, locked};

/// A lane comes to be when it is first asked for, so recipients nobody serves take no memory.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) limits: QueueLimits,
    pub(super) clock: Arc<Clock>,
    pub(super) pending: Pending,
    pub(super) bodies: Arc<Bodies>,
    cells: RwLock<HashMap<RecipientId, Arc<Cell>>>,
    /// Recipients that were removed: nothing becomes owed to them any more.
    closed: RwLock<HashSet<RecipientId>>,
}

#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) recipient: Option<RecipientId>,
    pub(super) lane: Mutex<Lane>,
    /// Told whenever something may have become due.
    pub(super) changed: Arc<Notify>,
}

impl Lanes {
    pub(super) fn new(limits: QueueLimits, clock: Arc<Clock>) -> Self {
        let bodies = Arc::new(Bodies { bytes: AtomicUsize::new(0), bytes_max: limits.body_bytes });
        Self {
            limits,
            clock,
            pending: Pending::default(),
            bodies,
            cells: RwLock::default(),
            closed: RwLock::default(),
        }
    }

    pub(super) fn close(&self, recipient: RecipientId) {
        self.closed.write().unwrap_or_else(PoisonError::into_inner).insert(recipient);
    }

    /// Takes out of `recipients` those that were removed since they were chosen.
    pub(super) fn leave_closed_out(&self, recipients: &mut Cow<'_, [RecipientId]>) {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if !closed.is_empty() && recipients.iter().any(|one| closed.contains(one)) {
            recipients.to_mut().retain(|one| !closed.contains(one));
        }
    }

    /// Drops the lane of a recipient to whom nothing is owed any more.
    pub(super) fn forget(&self, recipient: RecipientId) {
        self.cells.write().unwrap_or_else(PoisonError::into_inner).remove(&recipient);
    }

    pub(super) fn cell(&self, recipient: RecipientId) -> Arc<Cell> {
        self.known(recipient).unwrap_or_else(|| {
            let mut cells = self.cells.write().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Cell { recipient: Some(recipient), ..Cell::default() });
            cells.entry(recipient).or_insert_with(new).clone()
        })
    }

    /// Tells the lane of a recipient what was committed for it, in order.
    pub(super) fn feed(
        &self,
        recipient: RecipientId,
        entries: impl Iterator<Item = Entry>,
        wakes: &mut Wakes,
    ) {
        let Some(cell) = self.known(recipient) else { return };
        let mut lane = locked(&cell.lane);
        for mut entry in entries {
            // Without its body it is worth its place only where the lane is nearly empty.
            let count_max = match &mut entry.body {
                Some(body) if body.is_counted() => self.limits.lane_count,
                body => {
                    *body = None;
                    refill_count(self.limits.lane_count)
                }
            };
            lane.feed(entry, count_max);
        }
        wakes.add(&cell.changed);
    }

    /// Leased and waiting, over all lanes.
    pub(super) fn totals(&self) -> (u64, u64) {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.values().fold((0, 0), |(all_leased, all_waiting), cell| {
            let (_, leased, waiting) = locked(&cell.lane).counts();
            (all_leased + leased as u64, all_waiting + waiting as u64)
        })
    }

    fn known(&self, recipient: RecipientId) -> Option<Arc<Cell>> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).get(&recipient).cloned()
    }
}

/// Deliveries without a final outcome.
#[derive(Debug, Default)]
pub(super) struct Pending(AtomicU64);

impl Pending {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many bytes of alerts the lanes keep.
#[derive(Debug)]
pub(super) struct Bodies {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Bodies {
    pub(super) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < self.bytes_max
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// An alert in memory, counted until the last lane lets go of it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) alert: Arc<Alert>,
    weight: usize,
    bodies: Option<Arc<Bodies>>,
}

impl Body {
    /// Counted where there is room; else it must not be kept.
    pub(super) fn new(alert: Arc<Alert>, weight: usize, bodies: &Arc<Bodies>) -> Self {
        let bodies = bodies.has_room().then(|| bodies.clone());
        if let Some(bodies) = &bodies {
            bodies.bytes.fetch_add(weight, Ordering::Relaxed);
        }
        Self { alert, weight, bodies }
    }

    /// In bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    fn is_counted(&self) -> bool {
        self.bodies.is_some()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(bodies) = &self.bodies {
            bodies.bytes.fetch_sub(self.weight, Ordering::Relaxed);
        }
    }
}
