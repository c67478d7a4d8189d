//! What waits for the writer: bounded, settles apart from ingests.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Prepared, StoreError, StoreLimits, locked};

/// The most alerts that go into one transaction, so that the first of them is not kept waiting.
const GROUP_COUNT: usize = 2048;

/// How long a settle waits for company, unless an ingest takes it along: nobody waits for its
/// outcome, and a larger group costs less for each, since each page is written once per group.
const SETTLE_WAIT: Duration = Duration::from_millis(5);

/// So many settles need no more company.
const SETTLE_GROUP: usize = 256;

/// Something to be written, as a part of a transaction.
pub(crate) trait WriteJob: Send {
    /// Called inside a transaction; called again, from the start, where that transaction failed.
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()>;

    /// Called once, when it is on disk and before anyone is answered, in the order of the runs.
    fn apply(&mut self, _wakes: &mut Wakes) {}

    /// Called last: it is on disk, or it is not and will not be.
    fn answer(self: Box<Self>, result: Result<(), StoreError>);

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
    /// When the oldest of `settles` came.
    settles_since: Option<Instant>,
    /// Telling the writer costs a system call, so it is told only of what it waits for.
    awaited: Awaited,
}

/// What the writer sleeps for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    /// It is at work.
    #[default]
    Nothing,
    Anything,
    /// It has settles, and gives them time for company.
    Company,
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
        self.tell(&mut state);
        Ok(())
    }

    /// Why no ingest would be queued, whatever waits.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        if locked(&self.state).ending.is_some() {
            return Some(Refusal::Closed);
        }
        self.disk_full.load(Ordering::Relaxed).then_some(Refusal::DiskFull)
    }

    pub(super) fn settle(&self, job: Box<dyn WriteJob>, weight: Weight) -> Result<(), StoreError> {
        let mut state = locked(&self.state);
        if state.ending.is_some() {
            return Err(StoreError::Closed);
        }
        self.settles.count.fetch_add(weight.count, Ordering::Relaxed);
        self.settles.bytes.fetch_add(weight.bytes, Ordering::Relaxed);
        state.settles.push_back(Queued { job, class: Class::Settle, weight });
        if state.settles_since.is_none() {
            state.settles_since = Some(Instant::now());
        }
        if state.awaited != Awaited::Company || state.settles.len() >= SETTLE_GROUP {
            self.tell(&mut state);
        }
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
        let mut state = self.wait(Instant::now() + patience);
        if state.ending == Some(Ending::Abandon) {
            return state.ending;
        }
        group.extend(state.settles.drain(..));
        state.settles_since = None;
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

    /// Waits until there is enough to write, something else to do, or `until` is over.
    fn wait(&self, until: Instant) -> MutexGuard<'_, State> {
        let mut state = locked(&self.state);
        loop {
            let now = Instant::now();
            let company = state.settles_since.map(|since| since + SETTLE_WAIT);
            let is_due = !state.ingests.is_empty()
                || state.settles.len() >= SETTLE_GROUP
                || state.ending.is_some()
                || state.nudged
                || company.is_some_and(|at| at <= now);
            if is_due || until <= now {
                (state.nudged, state.awaited) = (false, Awaited::Nothing);
                return state;
            }
            state.awaited = if company.is_some() { Awaited::Company } else { Awaited::Anything };
            let next = company.map_or(until, |at| at.min(until));
            let waited = self.filled.wait_timeout(state, next - now);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
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
        let mut state = locked(&self.state);
        state.nudged = true;
        self.tell(&mut state);
    }

    /// Nothing is accepted from here on.
    pub(super) fn end(&self, ending: Ending) {
        let mut state = locked(&self.state);
        state.ending.get_or_insert(ending);
        self.tell(&mut state);
    }

    fn tell(&self, state: &mut MutexGuard<'_, State>) {
        if std::mem::take(&mut state.awaited) != Awaited::Nothing {
            self.filled.notify_one();
        }
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
