//! Records the try of one message: the attempt, what becomes of each member, and the message
//! itself where it is needed again.

use std::sync::Arc;

use rusqlite::params;
use tokio::sync::oneshot;

use super::Settlement;
use super::lane::{Entry, Next};
use super::lanes::{Cell, Lanes};
use crate::delivery::{Fate, Message, State};
use crate::ids::TenantId;
use crate::store::row::{Id, Whole, members_bytes, number_of};
use crate::store::{Prepared, StoreError, Wakes, Weight, WriteJob, locked};

pub(super) struct Settle {
    pub(super) tenant: TenantId,
    pub(super) settlement: Settlement,
    /// The members of the message, in its order, as they were leased.
    pub(super) entries: Vec<Entry>,
    /// The message is a stored one that was sent again.
    pub(super) is_again: bool,
    /// The attempt's number in the store.
    pub(super) attempt: i64,
    pub(super) lanes: Arc<Lanes>,
    pub(super) cell: Arc<Cell>,
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

/// The job goes back with its answer, to be freed by who made it.
pub(super) type Answer = (Result<(), StoreError>, Box<Settle>);

impl Settle {
    pub(super) fn weight(&self) -> Weight {
        let Settlement { attempt, message, .. } = &self.settlement;
        let output = attempt.seen.output.as_ref().map_or(0, String::len);
        Weight { count: 1, bytes: message.body.len() + output + 1024 }
    }

    /// When the members go again as this message, if they do.
    fn kept_due_ms(&self) -> Option<u64> {
        let is_whole = self.settlement.fates.iter().all(|fate| matches!(fate, Fate::Retry { .. }));
        match self.settlement.fates.first() {
            Some(Fate::Retry { due_ms }) if self.settlement.keep_message && is_whole => {
                Some(*due_ms)
            }
            _ => None,
        }
    }

    fn store_message(&self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        const CARRY: &str = "update message set carry = ?2 where id = ?1";
        const FORGET: &str = "delete from message where id = ?1";
        let Settlement { message, fates, .. } = &self.settlement;
        let id = Id::from(message.id);
        if fates.iter().any(|fate| matches!(fate, Fate::Retry { .. } | Fate::Dead)) {
            if self.is_again {
                db.execute(CARRY, params![id, message.carry])?;
            } else {
                insert_message(db, self.tenant, message)?;
            }
        } else if self.entries.iter().any(|entry| entry.attempts > 0) {
            db.execute(FORGET, params![id])?;
        }
        Ok(())
    }
}

impl WriteJob for Settle {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        let message = self.settlement.message.id;
        self.attempt = insert_attempt(db, self, message.into())?;
        let kept_due_ms = self.kept_due_ms();
        for (entry, fate) in self.entries.iter().zip(&self.settlement.fates) {
            update_delivery(db, self, entry, fate, kept_due_ms)?;
        }
        self.store_message(db)
    }

    fn apply(&mut self, wakes: &mut Wakes) {
        self.end_leases();
        wakes.add(&self.cell.changed);
    }

    fn answer(mut self: Box<Self>, result: Result<(), StoreError>) {
        if let Some(reply) = self.reply.take() {
            // Whoever settled need not wait for it.
            _ = reply.send((result, self));
        }
    }
}

impl Settle {
    fn end_leases(&self) {
        let kept_due_ms = self.kept_due_ms();
        let message = self.settlement.message.id;
        let now_ms = self.lanes.clock.now_ms();
        let mut finals = 0;
        let mut lane = locked(&self.cell.lane);
        if self.is_again {
            lane.forget_message(&message);
        }
        for (entry, fate) in self.entries.iter().zip(&self.settlement.fates) {
            let next = match fate {
                Fate::Retry { due_ms } => Next::Again {
                    due_ms: kept_due_ms.unwrap_or(*due_ms),
                    first_ms: self.settlement.attempt.at_ms,
                    attempt: self.attempt,
                    message: kept_due_ms.map(|_| message),
                },
                Fate::Delivered { .. } | Fate::Skipped | Fate::Dead => {
                    finals += 1;
                    Next::Final
                }
            };
            lane.settle(entry.seq, &entry.fingerprint, next, now_ms);
        }
        if let Some(due_ms) = kept_due_ms {
            let members = self.entries.iter().map(|entry| (entry.seq, entry.fingerprint)).collect();
            lane.keep_message(message, members, due_ms, now_ms);
        }
        drop(lane);
        self.lanes.pending.subtract(finals);
    }
}

fn insert_attempt(db: &Prepared<'_>, settle: &Settle, message: Id) -> rusqlite::Result<i64> {
    const SQL: &str =
        "insert into attempt (tenant, message, number, at_ms, took_ms, outcome, code, detail,
            origin, status, sent_bytes, received_bytes, answer_sha256, unanswered, members,
            output, program_sha256)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let attempt = &settle.settlement.attempt;
    let seen = &attempt.seen;
    db.insert(
        SQL,
        params![
            settle.tenant.0,
            message,
            attempt.number,
            Whole(attempt.at_ms),
            attempt.took_ms,
            attempt.outcome.name(),
            attempt.code,
            attempt.detail,
            seen.origin,
            seen.status,
            Whole(seen.sent_bytes),
            Whole(seen.received_bytes),
            seen.answer_sha256,
            seen.unanswered,
            Whole(settle.entries.len() as u64),
            seen.output,
            seen.program_sha256,
        ],
    )
}

fn update_delivery(
    db: &Prepared<'_>,
    settle: &Settle,
    entry: &Entry,
    fate: &Fate,
    kept_due_ms: Option<u64>,
) -> rusqlite::Result<()> {
    const BEFORE: &str = "insert into attempt_before (delivery, attempt) values (?1, ?2)";
    const UPDATE: &str =
        "update delivery set state = ?2, due_ms = ?3, attempts = ?4, first_ms = ?5,
        attempt = ?6, message = ?7, remote_id = ?8 where seq = ?1";
    if let Some(before) = entry.attempt {
        db.execute(BEFORE, params![Whole(entry.seq), before])?;
    }
    let message = Id::from(settle.settlement.message.id);
    let (state, due_ms, message, remote_id) = match fate {
        Fate::Delivered { remote_id } => (State::Delivered, 0, None, remote_id.as_deref()),
        Fate::Skipped => (State::Skipped, 0, None, None),
        Fate::Dead => (State::Dead, 0, Some(message), None),
        Fate::Retry { due_ms } => {
            (State::Pending, kept_due_ms.unwrap_or(*due_ms), kept_due_ms.map(|_| message), None)
        }
    };
    let first_ms = entry.first_ms.unwrap_or(settle.settlement.attempt.at_ms);
    let values = params![
        Whole(entry.seq),
        number_of(state),
        Whole(due_ms),
        entry.attempts + 1,
        Whole(first_ms),
        settle.attempt,
        message,
        remote_id
    ];
    db.execute(UPDATE, values).map(drop)
}

/// The same members formatted anew have the same id and other bytes: the newest are kept.
fn insert_message(db: &Prepared<'_>, tenant: TenantId, message: &Message) -> rusqlite::Result<()> {
    const SQL: &str =
        "insert or replace into message (tenant, id, members, summary, content_type, body, notes,
            repeat_safe_ms, carry, component, settings)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    // Pairs of texts are always JSON.
    let notes = serde_json::to_string(&message.notes).unwrap_or_default();
    let values = params![
        tenant.0,
        Id::from(message.id),
        members_bytes(&message.members),
        message.summary,
        message.content_type,
        message.body,
        notes,
        message.repeat_safe_ms,
        message.carry,
        message.component,
        message.settings
    ];
    db.execute(SQL, values).map(drop)
}
