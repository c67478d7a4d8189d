//! Keeps the write-ahead log short without making commits wait for it.
//!
//! A log starts anew only when all of it has been copied into the file at the moment of a write.
//! So a thread of its own copies the bulk, and the writer copies the little that came meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use rusqlite::Connection;
use tracing::warn;

use super::Prepared;
use super::inbox::Inbox;

/// Pages of 8 KiB. From here on the log is copied.
const LONG: i64 = 4096;
/// What the writer copies by itself between two transactions.
const SHORT: i64 = 256;
/// From here on the writer copies whatever there is.
const TOO_LONG: i64 = 4 * LONG;
/// Looking costs a few microseconds, so it is not done after each transaction.
const LOOK_EVERY: u32 = 8;

pub(super) struct Checkpointer {
    /// Closing it ends the thread.
    start: Option<SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    is_copying: Arc<AtomicBool>,
    turns: u32,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, inbox: Arc<Inbox>) -> std::io::Result<Self> {
        let (start, started) = sync_channel::<()>(1);
        let is_copying = Arc::new(AtomicBool::new(false));
        let copying = is_copying.clone();
        let thread =
            std::thread::Builder::new().name("store-checkpoint".into()).spawn(move || {
                while started.recv().is_ok() {
                    if let Err(error) =
                        connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))
                    {
                        warn!(error = %error, "The store's log was not copied; will retry.");
                    }
                    copying.store(false, Ordering::Release);
                    inbox.nudge();
                }
            })?;
        Ok(Self { start: Some(start), thread: Some(thread), is_copying, turns: 0 })
    }

    /// Called by the writer between transactions.
    pub(super) fn keep_short(&mut self, db: &Prepared<'_>) {
        self.turns += 1;
        if !self.turns.is_multiple_of(LOOK_EVERY) || self.is_copying.load(Ordering::Acquire) {
            return;
        }
        let look =
            db.first("pragma wal_checkpoint(noop)", [], |row| Ok((row.get(1)?, row.get(2)?)));
        let Ok(Some((length, copied))) = look else { return };
        let (length, copied): (i64, i64) = (length, copied);
        if length < LONG || copied >= length {
            return;
        }
        if length - copied <= SHORT || length >= TOO_LONG {
            copy(db, "pragma wal_checkpoint(passive)");
        } else if let Some(start) = &self.start {
            self.is_copying.store(true, Ordering::Release);
            if let Err(TrySendError::Disconnected(())) = start.try_send(()) {
                self.start = None;
            }
        }
    }

    /// Copies all, so that the next start finds a whole file.
    pub(super) fn finish(&mut self, db: &Prepared<'_>) {
        self.stop();
        copy(db, "pragma wal_checkpoint(truncate)");
    }

    fn stop(&mut self) {
        self.start = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by the thread itself.
            _ = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn copy(db: &Prepared<'_>, sql: &'static str) {
    if let Err(error) = db.first(sql, [], |_| Ok(())) {
        warn!(error = %error, "The store's log was not copied; will retry.");
    }
}
