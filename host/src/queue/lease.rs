//! What one worker holds: taken from a lane, and given back to it unless it is settled.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::lane::{Entry, Taken};
use super::lanes::{Cell, Lanes};
use super::settle::{Answer, Settle};
use super::{Settlement, Work, load};
use crate::alert::Alert;
use crate::delivery::{Delivery, Message};
use crate::ids::{DeliveryId, MessageId, TenantId};
use crate::store::{Prepared, Store, StoreError, locked};

/// Deliveries that nobody else is handed while it lives. Dropping it makes due again what is
/// neither settled nor given back.
#[derive(Debug)]
pub struct Lease {
    work: Work,
    held: Held,
}

impl Lease {
    /// What is to be done. The second time there is nothing in it.
    pub fn work(&mut self) -> Work {
        std::mem::replace(&mut self.work, Work::Fresh(Vec::new()))
    }

    /// Hands the record of a try to the writer, at once; the future says when it is on disk. It
    /// may be dropped: the record is written all the same.
    pub fn settle(
        &self,
        settlement: Settlement,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let handed = self.held.settle(settlement);
        async move { handed?.await.map_or(Err(StoreError::Closed), |(result, _job)| result) }
    }

    /// These were not attempted: due again, not before `not_before_ms` if it is given. Of a message
    /// that is to be sent again all members go back.
    pub fn give_back(&self, deliveries: &[DeliveryId], not_before_ms: Option<u64>) {
        self.held.give_back(|entry| deliveries.contains(&entry.id), not_before_ms);
    }

    pub(super) async fn load(
        store: &Store,
        lanes: &Arc<Lanes>,
        cell: Arc<Cell>,
        taken: Taken,
    ) -> Result<Self, StoreError> {
        let again = taken.message;
        let bodies = taken
            .entries
            .iter()
            .map(|entry| entry.body.as_ref().map(|body| body.alert.clone()))
            .collect();
        // From here on a drop gives back, also that of this future.
        let mut held = Held {
            store: store.clone(),
            lanes: lanes.clone(),
            cell,
            tenant: TenantId::DEFAULT,
            again,
            open: Mutex::default(),
        };
        let entries = taken.entries.clone();
        *locked(&held.open) = taken.entries;
        let (message, deliveries) = complete(store, again, entries, bodies).await?;
        if let Some(first) = deliveries.first() {
            held.tenant = first.alert.tenant;
        }
        let work = match message {
            Some(message) => Work::Again { message, deliveries },
            None => Work::Fresh(deliveries),
        };
        Ok(Self { work, held })
    }
}

/// The part of a lease that is owed back.
struct Held {
    store: Store,
    lanes: Arc<Lanes>,
    cell: Arc<Cell>,
    tenant: TenantId,
    again: Option<MessageId>,
    /// Neither settled nor given back.
    open: Mutex<Vec<Entry>>,
}

impl Held {
    fn settle(&self, settlement: Settlement) -> Result<oneshot::Receiver<Answer>, StoreError> {
        let members = &settlement.message.members;
        if members.len() != settlement.fates.len() {
            return Err(StoreError::Mismatched {
                message: settlement.message.id,
                members: members.len(),
                fates: settlement.fates.len(),
            });
        }
        if let Some(message) = self.again
            && (message != settlement.message.id || members.len() != locked(&self.open).len())
        {
            return Err(StoreError::NotWhole { message });
        }
        let entries = self.close(members)?;
        let (reply, answer) = oneshot::channel();
        let is_again = self.again.is_some();
        let job = Settle {
            tenant: self.tenant,
            settlement,
            entries,
            is_again,
            attempt: 0,
            lanes: self.lanes.clone(),
            cell: self.cell.clone(),
            reply: Some(reply),
        };
        let weight = job.weight();
        self.store.settle(Box::new(job), weight)?;
        Ok(answer)
    }

    /// Takes `members` out of what is open, all or none, in their order.
    fn close(&self, members: &[DeliveryId]) -> Result<Vec<Entry>, StoreError> {
        let mut open = locked(&self.open);
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            let place = open.iter().position(|entry| entry.id == *member);
            match place.filter(|place| !places.contains(place)) {
                Some(place) => places.push(place),
                None => return Err(StoreError::NotLeased { delivery: *member }),
            }
        }
        let entries = places.iter().map(|&place| open[place].clone()).collect();
        places.sort_unstable();
        places.iter().rev().for_each(|&place| drop(open.swap_remove(place)));
        Ok(entries)
    }

    fn give_back(&self, is_meant: impl Fn(&Entry) -> bool, not_before_ms: Option<u64>) {
        let mut open = locked(&self.open);
        if !open.iter().any(&is_meant) {
            return;
        }
        let now_ms = self.lanes.clock.now_ms();
        let mut lane = locked(&self.cell.lane);
        match self.again {
            Some(message) => {
                open.clear();
                lane.give_back_message(message, not_before_ms, now_ms);
            }
            None => {
                let given: Vec<_> = open.extract_if(.., |entry| is_meant(entry)).collect();
                let keys: Vec<_> =
                    given.iter().map(|entry| (entry.seq, entry.fingerprint)).collect();
                lane.give_back(&keys, not_before_ms, now_ms);
            }
        }
        drop(lane);
        self.cell.changed.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(|_| true, None);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("open", &locked(&self.open).len()).finish()
    }
}

/// Reads what is missing, if anything is.
async fn complete(
    store: &Store,
    again: Option<MessageId>,
    entries: Vec<Entry>,
    bodies: Vec<Option<Arc<Alert>>>,
) -> Result<(Option<Message>, Vec<Delivery>), StoreError> {
    let is_complete = again.is_none()
        && entries.iter().zip(&bodies).all(|(entry, body)| {
            body.as_ref().is_some_and(|alert| load::engage_of(alert, entry.id.recipient).is_none())
        });
    if is_complete {
        let deliveries = entries
            .iter()
            .zip(bodies)
            .filter_map(|(entry, body)| Some(delivery(entry, body?, None)));
        return Ok((None, deliveries.collect()));
    }
    let (reply, answer) = oneshot::channel();
    store.read_first(move |db| _ = reply.send(read(db, again, &entries, bodies)))?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

fn read(
    db: &Prepared<'_>,
    again: Option<MessageId>,
    entries: &[Entry],
    bodies: Vec<Option<Arc<Alert>>>,
) -> Result<(Option<Message>, Vec<Delivery>), StoreError> {
    let mut deliveries = Vec::with_capacity(entries.len());
    for (entry, body) in entries.iter().zip(bodies) {
        let alert = body.map_or_else(|| load::alert(db, entry.id.alert), Ok)?;
        let previous = match load::engage_of(&alert, entry.id.recipient) {
            Some(engage) => load::remote_id(db, engage)?,
            None => None,
        };
        deliveries.push(delivery(entry, alert, previous));
    }
    let message = again.map(|id| load::message(db, id)).transpose()?;
    if let Some(message) = &message {
        deliveries.sort_by_key(|one| message.members.iter().position(|member| *member == one.id));
    }
    Ok((message, deliveries))
}

fn delivery(entry: &Entry, alert: Arc<Alert>, previous: Option<String>) -> Delivery {
    Delivery {
        id: entry.id,
        alert,
        attempts: entry.attempts,
        forgiven: entry.forgiven,
        first_ms: entry.first_ms,
        previous,
    }
}
