//! What waits for the writer: bounded, settles apart from ingests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Prepared, StoreError, StoreLimits, locked};

/// The most alerts that go into one transaction, so that the first of them is not kept waiting.
const GROUP_COUNT: usize = 2048;

/// Something to be written, as a part of a transaction.
pub(crate) trait WriteJob: Send {
    /// Called inside a transaction; called again, from the start, where that transaction failed.
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()>;

    /// Called once: it is on disk, or it is not and will not be.
    fn done(self: Box<Self>, result: Result<(), StoreError>, wakes: &mut Wakes);

    /// True once nobody waits for the answer, so that it need not be begun.
    fn is_withdrawn(&self) -> bool {
        false
    }
}

/// Whom to wake when a whole group is done: each once.
#[derive(Default)]
pub(crate) struct Wakes(Vec<Arc<Notify>>);

impl Wakes {
    pub(crate) fn add(&mut self, who: &Arc<Notify>) {
        if !self.0.iter().any(|one| Arc::ptr_eq(one, who)) {
            self.0.push(who.clone());
        }
    }

    pub(super) fn wake(self) {
        self.0.iter().for_each(|who| who.notify_waiters());
    }
}

/// What a job counts for in the bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

/// Why an ingest was not even queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too much waits already.
    Crowded,
    /// The disk is nearly full.
    DiskFull,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Settle,
    Ingest,
}

pub(super) struct Queued {
    pub(super) job: Box<dyn WriteJob>,
    pub(super) class: Class,
    weight: Weight,
}

/// How the store ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// What waits is written first.
    Drain,
    /// As a crash: nothing more is written.
    Abandon,
}

pub(super) struct Inbox {
    limits: StoreLimits,
    state: Mutex<State>,
    filled: Condvar,
    settles: Load,
    room: Notify,
    disk_full: AtomicBool,
}

#[derive(Default)]
struct State {
    settles: VecDeque<Queued>,
    ingests: VecDeque<Queued>,
    ingest: (usize, usize),
    ending: Option<Ending>,
    nudged: bool,
}

/// Settles from when they are handed over until they are on disk.
#[derive(Default)]
struct Load {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

impl Inbox {
    pub(super) fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            filled: Condvar::new(),
            settles: Load::default(),
            room: Notify::new(),
            disk_full: AtomicBool::new(false),
        }
    }

    pub(super) fn ingest(&self, job: Box<dyn WriteJob>, weight: Weight) -> Result<(), Refusal> {
        if self.disk_full.load(Ordering::Relaxed) {
            return Err(Refusal::DiskFull);
        }
        let mut state = locked(&self.state);
        if state.ending.is_some() {
            return Err(Refusal::Closed);
        }
        let (count, bytes) = (state.ingest.0 + weight.count, state.ingest.1 + weight.bytes);
        // What is larger than the bounds is taken when it is the only one.
        let fits = count <= self.limits.ingest_count && bytes <= self.limits.ingest_bytes;
        if !fits && !state.ingests.is_empty() {
            return Err(Refusal::Crowded);
        }
        state.ingest = (count, bytes);
        state.ingests.push_back(Queued { job, class: Class::Ingest, weight });
        self.filled.notify_one();
        Ok(())
    }

    pub(super) fn settle(&self, job: Box<dyn WriteJob>, weight: Weight) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        if state.ending.is_some() {
            return Err(StoreError::Closed);
        }
        self.settles.count.fetch_add(weight.count, Ordering::Relaxed);
        self.settles.bytes.fetch_add(weight.bytes, Ordering::Relaxed);
        state.settles.push_back(Queued { job, class: Class::Settle, weight });
        self.filled.notify_one();
        Ok(())
    }

    pub(super) fn is_backed_up(&self) -> bool {
        self.settles.count.load(Ordering::Relaxed) >= self.limits.settle_count
            || self.settles.bytes.load(Ordering::Relaxed) >= self.limits.settle_bytes
    }

    pub(super) async fn has_room(&self) {
        loop {
            let freed = self.room.notified();
            if !self.is_backed_up() {
                return;
            }
            freed.await;
        }
    }

    /// Waits until something is there or `patience` is over, and takes all settles and as many
    /// ingests as make a group, appended to `group`. How the store ends, if it does.
    pub(super) fn take(&self, group: &mut Vec<Queued>, patience: Duration) -> Option<Ending> {
        let state = locked(&self.state);
        let idle = |state: &mut State| {
            state.settles.is_empty()
                && state.ingests.is_empty()
                && state.ending.is_none()
                && !state.nudged
        };
        let waited = self.filled.wait_timeout_while(state, patience, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.nudged = false;
        if state.ending == Some(Ending::Abandon) {
            return state.ending;
        }
        group.extend(state.settles.drain(..));
        let mut count = 0;
        while count < GROUP_COUNT
            && let Some(one) = state.ingests.pop_front()
        {
            state.ingest.0 -= one.weight.count;
            state.ingest.1 -= one.weight.bytes;
            if !one.job.is_withdrawn() {
                count += one.weight.count.max(1);
                group.push(one);
            }
        }
        state.ending.filter(|_| group.is_empty() && state.ingests.is_empty())
    }

    /// A settle is on disk, or given up.
    pub(super) fn release(&self, one: &Queued) {
        if one.class == Class::Settle {
            let was_backed_up = self.is_backed_up();
            self.settles.count.fetch_sub(one.weight.count, Ordering::Relaxed);
            self.settles.bytes.fetch_sub(one.weight.bytes, Ordering::Relaxed);
            if was_backed_up && !self.is_backed_up() {
                self.room.notify_waiters();
            }
        }
    }

    /// Makes the writer look around although nothing is to be written.
    pub(super) fn nudge(&self) {
        locked(&self.state).nudged = true;
        self.filled.notify_one();
    }

    /// Nothing is accepted from here on.
    pub(super) fn end(&self, ending: Ending) {
        let mut state = locked(&self.state);
        state.ending.get_or_insert(ending);
        self.filled.notify_one();
    }

    /// The writer is gone: those who wait are told by the loss of their job.
    pub(super) fn shut(&self) {
        self.end(Ending::Abandon);
        let mut state = locked(&self.state);
        let lost = (std::mem::take(&mut state.settles), std::mem::take(&mut state.ingests));
        drop(state);
        drop(lost);
    }

    pub(super) fn set_disk_full(&self, full: bool) -> bool {
        self.disk_full.swap(full, Ordering::Relaxed)
    }
}
