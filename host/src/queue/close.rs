//! Ends what a removed recipient was owed: dead, with the cause, in steps that hold up nobody.

use std::sync::Arc;

use rusqlite::params;
use tokio::sync::oneshot;

use super::lanes::Lanes;
use crate::ids::RecipientId;
use crate::store::{Prepared, Store, StoreError, Wakes, Weight, WriteJob};

/// Deliveries of one transaction.
const STEP: u32 = 500;

/// How many there were.
pub(super) async fn abandon(
    store: &Store,
    lanes: &Arc<Lanes>,
    recipient: RecipientId,
) -> Result<u64, StoreError> {
    let mut ended = 0;
    loop {
        let (reply, answer) = oneshot::channel();
        let job = Abandon { recipient, lanes: Arc::clone(lanes), count: 0, reply };
        store.settle(Box::new(job), Weight { count: 1, bytes: 0 })?;
        let count = answer.await.unwrap_or(Err(StoreError::Closed))?;
        ended += count;
        if count < u64::from(STEP) {
            lanes.forget(recipient);
            return Ok(ended);
        }
    }
}

struct Abandon {
    recipient: RecipientId,
    lanes: Arc<Lanes>,
    count: u64,
    reply: oneshot::Sender<Result<u64, StoreError>>,
}

impl WriteJob for Abandon {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        const END: &str = "update delivery set state = 3, cause = 'recipient-removed' where seq in
            (select seq from delivery where state = 0 and recipient = ?1 order by seq limit ?2)";
        self.count = db.execute(END, params![self.recipient.0, STEP])? as u64;
        Ok(())
    }

    fn apply(&mut self, _wakes: &mut Wakes) {
        self.lanes.pending.subtract(self.count);
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // The next start ends the rest, if whoever asked has gone.
        _ = self.reply.send(result.map(|()| self.count));
    }
}
