//! The lanes of all recipients, as the roster changes: begun, replaced, ended.
//!
//! Promise: a recipient has one lane that takes what is due, for its newest settings; the one
//! before it only ends what it holds. What a removed recipient is owed ends as dead, after that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Destination, Dispatch, lane};
use crate::ids::RecipientId;
use crate::roster::Live;
use crate::store::StoreError;

/// So that a lane that panics at once does not spin.
const PANIC_WAIT: Duration = Duration::from_secs(1);

pub(super) struct Lanes {
    dispatch: Arc<Dispatch>,
    stop: CancellationToken,
    taking: HashMap<RecipientId, Taking>,
    /// Lanes that have not ended, by recipient: the one that takes, and those that drain.
    alive: HashMap<RecipientId, usize>,
    /// Removed recipients whose deliveries are to be ended, or were.
    removed: HashSet<RecipientId>,
    pub(super) tasks: JoinSet<Ended>,
}

/// The lane that takes what is due of a recipient.
struct Taking {
    destination: Arc<Destination>,
    stop: CancellationToken,
}

/// How a task ended, and of whom it was; `None`: of nobody whose lane it was.
type Ended = (Option<RecipientId>, Result<(), StoreError>);

impl Lanes {
    pub(super) fn new(dispatch: &Arc<Dispatch>, stop: &CancellationToken) -> Self {
        Self {
            dispatch: Arc::clone(dispatch),
            stop: stop.clone(),
            taking: HashMap::new(),
            alive: HashMap::new(),
            removed: HashSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Makes the lanes be those of `live`.
    pub(super) fn follow(&mut self, live: &Live) {
        self.taking.retain(|id, taking| {
            let now = live.destinations.get(id);
            let stays = now.is_some_and(|now| Arc::ptr_eq(now, &taking.destination));
            if !stays {
                taking.stop.cancel();
            }
            stays
        });
        for (id, destination) in &live.destinations {
            if !self.taking.contains_key(id) {
                self.begin(*id, destination);
            }
        }
        for id in live.removed() {
            if self.removed.insert(id) && !self.alive.contains_key(&id) {
                self.abandon(id);
            }
        }
    }

    /// Whose lane ended, and how.
    pub(super) fn joined(&mut self, joined: Result<Ended, JoinError>) -> Result<(), StoreError> {
        // `keep` lets no panic through.
        let Ok((of, result)) = joined else { return Ok(()) };
        if let Some(id) = of
            && let Some(alive) = self.alive.get_mut(&id)
        {
            *alive -= 1;
            if *alive == 0 {
                self.alive.remove(&id);
                if self.removed.contains(&id) {
                    self.abandon(id);
                }
            }
        }
        result
    }

    fn begin(&mut self, id: RecipientId, destination: &Arc<Destination>) {
        let stop = self.stop.child_token();
        let taking = Taking { destination: Arc::clone(destination), stop: stop.clone() };
        self.taking.insert(id, taking);
        *self.alive.entry(id).or_default() += 1;
        let (dispatch, destination) = (Arc::clone(&self.dispatch), Arc::clone(destination));
        self.tasks.spawn(async move { (Some(id), keep(dispatch, destination, stop).await) });
    }

    fn abandon(&mut self, id: RecipientId) {
        let dispatch = Arc::clone(&self.dispatch);
        self.tasks.spawn(async move {
            let ended = dispatch.queue.abandon(id).await;
            if let Ok(count @ 1..) = ended {
                info!(recipient.id = %id, count, "What a removed recipient was owed is dead.");
            }
            (None, ended.map(drop))
        });
    }
}

/// Runs one recipient's lane; if it panics, again.
async fn keep(
    dispatch: Arc<Dispatch>,
    destination: Arc<Destination>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    loop {
        let mut lane = JoinSet::new();
        lane.spawn(lane::run(Arc::clone(&dispatch), Arc::clone(&destination), stop.clone()));
        match lane.join_next().await {
            Some(Ok(ended)) => return ended,
            // What it held was dropped with it, and is due again.
            Some(Err(panic)) if panic.is_panic() => {
                error!(error = %panic, recipient.name = %destination.name, "A lane panicked; it begins anew.");
                tokio::time::sleep(PANIC_WAIT).await;
            }
            Some(Err(_)) | None => return Ok(()),
        }
    }
}
