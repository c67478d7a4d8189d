//! The thread that reads: what the queue needs before what people ask for.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::{Prepared, StoreError, locked};

/// Record queries that may wait.
const RECORD_COUNT: usize = 256;

pub(super) type Read = Box<dyn FnOnce(&Prepared<'_>) + Send>;

pub(super) struct Reader(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    /// Bounded by its callers: a lane asks once at a time.
    first: VecDeque<Read>,
    records: VecDeque<Read>,
    ended: bool,
}

impl Reader {
    pub(super) fn start(connection: Connection) -> std::io::Result<(Self, JoinHandle<()>)> {
        let shared = Arc::new(Shared::default());
        let reader = Self(shared.clone());
        let thread = std::thread::Builder::new().name("store-reader".into()).spawn(move || {
            let _end = End(&shared);
            let db = Prepared::new(&connection);
            while let Some(read) = shared.next() {
                read(&db);
            }
        })?;
        Ok((reader, thread))
    }

    pub(super) fn first(&self, read: Read) -> Result<(), StoreError> {
        self.push(|state| state.first.push_back(read))
    }

    pub(super) fn record(&self, read: Read) -> Result<(), StoreError> {
        if locked(&self.0.state).records.len() >= RECORD_COUNT {
            return Err(StoreError::Busy);
        }
        self.push(|state| state.records.push_back(read))
    }

    pub(super) fn end(&self) {
        self.0.end();
    }

    fn push(&self, push: impl FnOnce(&mut State)) -> Result<(), StoreError> {
        let mut state = locked(&self.0.state);
        if state.ended {
            return Err(StoreError::Closed);
        }
        push(&mut state);
        self.0.filled.notify_one();
        Ok(())
    }
}

impl Shared {
    fn next(&self) -> Option<Read> {
        let idle =
            |state: &mut State| state.first.is_empty() && state.records.is_empty() && !state.ended;
        let mut state = self
            .filled
            .wait_while(locked(&self.state), idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        state.first.pop_front().or_else(|| state.records.pop_front())
    }

    /// Whoever waits is told by the loss of the read.
    fn end(&self) {
        let mut state = locked(&self.state);
        state.ended = true;
        let lost = (std::mem::take(&mut state.first), std::mem::take(&mut state.records));
        drop(state);
        self.filled.notify_one();
        drop(lost);
    }
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
