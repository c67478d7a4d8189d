//! The embedded store: one SQLite file in the data folder, one thread that writes it.
//!
//! Promise: what a write reported as done is on disk. Whatever waits to be written goes into one
//! transaction, settles before ingests. One process holds the data folder at a time.
//!
//! Not here: what is written and read (`queue`, `records`).

mod checkpoint;
mod error;
mod inbox;
mod prepared;
mod reader;
mod retention;
pub(crate) mod row;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::checkpoint::Checkpointer;
pub use self::error::StoreError;
use self::inbox::{Ending, Inbox};
pub(crate) use self::inbox::{Refusal, Wakes, Weight, WriteJob};
pub(crate) use self::prepared::Prepared;
use self::reader::Reader;
pub(crate) use self::writer::KEY_LIFE_MS;
use self::writer::Writer;
use crate::clock::Clock;

/// How long an engine that was killed may take to be gone, before it counts as another.
const LOCK_WITHIN: Duration = Duration::from_secs(3);

/// Bounds of what waits for the disk, and of what stays there.
#[derive(Clone, Copy, Debug)]
pub struct StoreLimits {
    /// Alerts that may wait to be committed. Default 4096.
    pub ingest_count: usize,
    /// Bytes of the alerts that may wait to be committed. Default 16 MiB.
    pub ingest_bytes: usize,
    /// Settlements that may wait to be committed before nothing more is leased. Default 8192.
    pub settle_count: usize,
    /// Bytes of their messages. Default 16 MiB.
    pub settle_bytes: usize,
    /// Free space of the file system under which nothing more is taken in. Default 64 MiB.
    pub free_bytes_min: u64,
    /// For how long an alert is kept of which nothing is owed any more. Default 30 days.
    pub keep: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            ingest_count: 4096,
            ingest_bytes: 16 << 20,
            settle_count: 8192,
            settle_bytes: 16 << 20,
            free_bytes_min: 64 << 20,
            keep: Duration::from_hours(30 * 24),
        }
    }
}

/// A handle to the open store. Dropping the last one without `close` is as a crash: what waits to
/// be written is not.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    inbox: Arc<Inbox>,
    reader: Reader,
    clock: Arc<Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held for as long as a thread may touch the file.
    _lock: File,
}

impl Store {
    /// Opens the store in `data_dir`, and makes folder and file where there are none.
    pub fn open(
        data_dir: &Path,
        clock: Arc<Clock>,
        limits: StoreLimits,
    ) -> Result<Self, StoreError> {
        let unusable =
            |source| StoreError::Folder { path: data_dir.into(), source: Arc::new(source) };
        DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(unusable)?;
        let lock = lock(data_dir)?;
        let file = data_dir.join("campanile.db");
        // SQLite gives its side files the mode of the file that it finds.
        owner_only(&file).map_err(unusable)?;
        let connection = schema::open(&file)?;

        let inbox = Arc::new(Inbox::new(limits));
        let checkpointer =
            Checkpointer::start(schema::open_beside(&file)?, inbox.clone()).map_err(unusable)?;
        let (reader, reading) = Reader::start(schema::open_to_read(&file)?).map_err(unusable)?;
        let writer = Writer::new(inbox.clone(), clock.clone(), checkpointer, data_dir, &limits);
        let writing = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run(&connection))
            .map_err(unusable)?;
        let threads = Mutex::new(vec![writing, reading]);
        Ok(Self(Arc::new(Inner { inbox, reader, clock, threads, _lock: lock })))
    }

    /// Writes what waits, and stops. Blocks until that is done; later writes answer `Closed`.
    pub fn close(&self) {
        self.0.stop(Ending::Drain);
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.0.clock
    }

    /// Hands over a job that is answered when it is on disk, or refuses it at once.
    pub(crate) fn ingest(&self, job: Box<dyn WriteJob>, weight: Weight) -> Result<(), Refusal> {
        self.0.inbox.ingest(job, weight)
    }

    /// Why nothing can be taken in, whatever waits: the writer is gone, or the disk is full.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.0.inbox.refusal()
    }

    /// Hands over a job that goes before all ingests, and is tried until it succeeds.
    pub(crate) fn settle(&self, job: Box<dyn WriteJob>, weight: Weight) -> Result<(), StoreError> {
        self.0.inbox.settle(job, weight)
    }

    /// True while so many settlements wait that none should be added.
    pub(crate) fn is_backed_up(&self) -> bool {
        self.0.inbox.is_backed_up()
    }

    /// Returns when `is_backed_up` is false. Safe to drop.
    pub(crate) async fn has_room(&self) {
        self.0.inbox.has_room().await;
    }

    /// Calls `read` on the reader thread, before all record queries.
    pub(crate) fn read_first(
        &self,
        read: impl FnOnce(&Prepared<'_>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.0.reader.first(Box::new(read))
    }

    /// What `read` finds, on the reader thread.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Prepared<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.0.reader.record(Box::new(move |db| _ = reply.send(read(db))))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Inner {
    fn stop(&self, ending: Ending) {
        self.inbox.end(ending);
        self.reader.end();
        for thread in std::mem::take(&mut *locked(&self.threads)) {
            // The last handle may be dropped by a job, on one of these threads.
            if thread.thread().id() != std::thread::current().id() {
                // A panic has been reported by the thread itself.
                _ = thread.join();
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(Ending::Abandon);
    }
}

/// A mutex whose holder panicked still guards whole values here: every change is one assignment,
/// or is made by a thread whose end closes the store.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("lock");
    let unusable = |source| StoreError::Folder { path: path.clone(), source: Arc::new(source) };
    let file = owner_only(&path).map_err(unusable)?;
    let until = Instant::now() + LOCK_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Nobody is told when it is let go.
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: data_dir.into() });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
    }
}

fn owner_only(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
