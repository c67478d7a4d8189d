//! The thread that writes: everything that waits goes into one transaction, then is answered.
//!
//! Promise: a settle is tried until it is on disk. Upkeep takes turns of at most 5 ms.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracing::{error, info, warn};

use super::checkpoint::Checkpointer;
use super::inbox::{Class, Ending, Inbox, Queued, Wakes};
use super::retention::Retention;
use super::row::Whole;
use super::{Prepared, StoreError, StoreLimits};
use crate::clock::Clock;

/// A group of this many jobs is followed by another. Then they are begun in paces: larger groups
/// cost less for each, since each page is written once per group.
const BUSY_COUNT: usize = 32;
const PACE: Duration = Duration::from_millis(2);
/// How long what failed is left alone.
const RETRY: Duration = Duration::from_secs(1);
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
const UPKEEP_TURN: Duration = Duration::from_millis(5);
/// For how long a batch is known by its key.
pub(crate) const KEY_LIFE_MS: u64 = 600_000;

pub(super) struct Writer {
    inbox: Arc<Inbox>,
    clock: Arc<Clock>,
    checkpointer: Checkpointer,
    data_dir: PathBuf,
    free_bytes_min: u64,
    retention: Retention,
    /// Settles whose transaction failed, and when they are tried again.
    ailing: Vec<Queued>,
    retry_at: Option<Instant>,
    is_ailing: bool,
    upkeep_at: Instant,
    next_group_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        inbox: Arc<Inbox>,
        clock: Arc<Clock>,
        checkpointer: Checkpointer,
        data_dir: &Path,
        limits: &StoreLimits,
    ) -> Self {
        let data_dir = data_dir.to_path_buf();
        let upkeep_at = Instant::now();
        Self {
            inbox,
            clock,
            checkpointer,
            data_dir,
            free_bytes_min: limits.free_bytes_min,
            retention: Retention::new(limits.keep),
            ailing: vec![],
            retry_at: None,
            is_ailing: false,
            upkeep_at,
            next_group_at: None,
        }
    }

    pub(super) fn run(mut self, connection: &Connection) {
        let shut = Shut(self.inbox.clone());
        let db = Prepared::new(connection);
        let mut group = Vec::new();
        loop {
            if let Some(at) = self.next_group_at.take() {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
            }
            let next = self.retry_at.map_or(self.upkeep_at, |at| at.min(self.upkeep_at));
            let ending =
                self.inbox.take(&mut group, next.saturating_duration_since(Instant::now()));
            if ending == Some(Ending::Abandon) {
                return;
            }
            if ending.is_some() || self.retry_at.is_some_and(|at| at <= Instant::now()) {
                self.retry_at = None;
                // They were first, and go first.
                let later = std::mem::replace(&mut group, std::mem::take(&mut self.ailing));
                group.extend(later);
            }
            if !group.is_empty() {
                let pace = (group.len() >= BUSY_COUNT).then(|| Instant::now() + PACE);
                self.write(&db, &mut group);
                self.next_group_at = pace;
            }
            if ending.is_some() {
                self.give_up_ailing();
                self.checkpointer.finish(&db);
                drop(shut);
                return;
            }
            self.upkeep(&db);
        }
    }

    /// Leaves `group` empty: each is on disk, refused, or among the ailing.
    fn write(&mut self, db: &Prepared<'_>, group: &mut Vec<Queued>) {
        match commit(db, group) {
            Ok(()) => self.finish_all(group),
            // One of them may be at fault: the others must not suffer for it.
            Err(error) if group.len() > 1 && !error.is_of_the_disk() => {
                for one in group.drain(..) {
                    let mut alone = vec![one];
                    match commit(db, &mut alone) {
                        Ok(()) => self.finish_all(&mut alone),
                        Err(error) => {
                            alone.drain(..).for_each(|one| self.refuse(one, error.clone()))
                        }
                    }
                }
            }
            Err(error) => group.drain(..).for_each(|one| self.refuse(one, error.clone())),
        }
    }

    fn finish_all(&mut self, group: &mut Vec<Queued>) {
        let mut wakes = Wakes::default();
        if self.is_ailing
            && self.ailing.is_empty()
            && group.iter().any(|one| one.class == Class::Settle)
        {
            self.is_ailing = false;
            info!("Outcomes of deliveries are recorded again.");
        }
        for one in group.iter_mut() {
            one.job.apply(&mut wakes);
            self.inbox.release(one);
        }
        wakes.wake();
        // Who waits for several answers waits for the first of them first. Answered backwards, it
        // wakes once and finds all the others.
        group.drain(..).rev().for_each(|one| one.job.answer(Ok(())));
    }

    fn refuse(&mut self, one: Queued, error: StoreError) {
        if one.class == Class::Ingest {
            one.job.answer(Err(error));
            return;
        }
        if !std::mem::replace(&mut self.is_ailing, true) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            error!(error = %error, cause, "Outcomes of deliveries are not recorded; trying every second.");
        }
        self.ailing.push(one);
        self.retry_at.get_or_insert_with(|| Instant::now() + RETRY);
    }

    /// At the end nobody can wait for a disk that does not take writes. What is lost are outcomes:
    /// those deliveries are due again after the next start.
    fn give_up_ailing(&mut self) {
        if !self.ailing.is_empty() {
            error!(
                settlements.count = self.ailing.len(),
                "Stopping with outcomes that were not recorded."
            );
        }
        for one in std::mem::take(&mut self.ailing) {
            self.inbox.release(&one);
            one.job.answer(Err(StoreError::Closed));
        }
    }

    fn upkeep(&mut self, db: &Prepared<'_>) {
        self.checkpointer.keep_short(db);
        if Instant::now() < self.upkeep_at {
            return;
        }
        self.upkeep_at = Instant::now() + UPKEEP_EVERY;
        self.look_at_free_space();
        let until = Instant::now() + UPKEEP_TURN;
        let forgotten = self.forget_keys(db, until).and_then(|all_keys| {
            Ok(all_keys && self.retention.turn(db, self.clock.now_ms(), until)?)
        });
        match forgotten {
            Ok(true) => {}
            Ok(false) => self.upkeep_at = Instant::now(),
            Err(error) => {
                warn!(error = %error, "Old batch keys or alerts were not deleted; will retry.");
            }
        }
    }

    fn look_at_free_space(&self) {
        let Ok(space) = rustix::fs::statvfs(&self.data_dir) else { return };
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let full = free < self.free_bytes_min;
        if self.inbox.set_disk_full(full) != full {
            if full {
                error!(
                    free_bytes = free,
                    "The disk is nearly full: no alert is taken in until there is space."
                );
            } else {
                info!(free_bytes = free, "There is space again: alerts are taken in.");
            }
        }
    }

    /// True when no expired key is left.
    fn forget_keys(&self, db: &Prepared<'_>, until: Instant) -> rusqlite::Result<bool> {
        const EXPIRED: &str = "delete from batch_key where seq in
            (select seq from batch_key order by seq limit 100) and at_ms <= ?1";
        let before_ms = self.clock.now_ms().saturating_sub(KEY_LIFE_MS);
        while Instant::now() < until {
            if db.execute(EXPIRED, [Whole(before_ms)])? < 100 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Runs `group` in one transaction.
fn commit(db: &Prepared<'_>, group: &mut [Queued]) -> Result<(), StoreError> {
    let written = db
        .execute("begin immediate", [])
        .and_then(|_| group.iter_mut().try_for_each(|one| one.job.run(db)))
        .and_then(|()| db.execute("commit", []));
    written.map(drop).map_err(|error| {
        // Some errors have rolled back already.
        if !db.connection().is_autocommit() {
            _ = db.execute("rollback", []);
        }
        StoreError::sqlite("commit")(error)
    })
}

/// Tells the inbox when the writer ends, however it does.
struct Shut(Arc<Inbox>);

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.shut();
    }
}
