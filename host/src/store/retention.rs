//! Forgets what is over: alerts of which nothing is owed any more, once they are old enough, with
//! their deliveries, attempts and messages.
//!
//! Promise: oldest first, in turns that end when they are told to; an alert with a pending delivery
//! is left whole. Alerts are walked along once, and again from the first only once an hour, for
//! those that were still owed then.
//!
//! The newest alert, and the alert of the newest delivery, stay whatever their age: the store
//! numbers by the largest number there is, and lanes count on numbers that rise.

use std::time::{Duration, Instant};

use super::Prepared;
use super::row::{Id, Whole};

/// How often those are looked at again that were still owed.
const AGAIN_MS: u64 = 3_600_000;
/// Alerts that are looked up at once.
const STEP: i64 = 32;

pub(super) struct Retention {
    keep_ms: u64,
    /// Every alert up to here was looked at since the walk began.
    after: i64,
    /// When the walk begins anew.
    again_ms: u64,
}

struct Old {
    seq: i64,
    received_ms: u64,
    tenant: u32,
    id: Id,
    fingerprint: Id,
}

/// How far a turn came.
enum Walk {
    /// To where nothing is old enough.
    End,
    OutOfTime,
}

impl Retention {
    pub(super) fn new(keep: Duration) -> Self {
        let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        Self { keep_ms, after: 0, again_ms: 0 }
    }

    /// Forgets one alert or more, until `until`. True when there is nothing left to forget now.
    pub(super) fn turn(
        &mut self,
        db: &Prepared<'_>,
        now_ms: u64,
        until: Instant,
    ) -> rusqlite::Result<bool> {
        if now_ms >= self.again_ms {
            self.again_ms = now_ms.saturating_add(AGAIN_MS);
            self.after = 0;
        }
        if !self.is_due(db, now_ms)? {
            return Ok(true);
        }
        let began_after = self.after;
        let walked = db
            .execute("begin immediate", [])
            .and_then(|_| self.walk(db, now_ms, until))
            .and_then(|walk| db.execute("commit", []).map(|_| walk));
        match walked {
            Ok(walk) => Ok(matches!(walk, Walk::End)),
            Err(error) => {
                // Some errors have rolled back already.
                if !db.connection().is_autocommit() {
                    _ = db.execute("rollback", []);
                }
                self.after = began_after;
                Err(error)
            }
        }
    }

    /// Whether the next alert is old enough, so that most turns need no transaction.
    fn is_due(&self, db: &Prepared<'_>, now_ms: u64) -> rusqlite::Result<bool> {
        let next = next(db, self.after, 1)?;
        Ok(next.first().is_some_and(|next| self.is_passed(next, now_ms)))
    }

    /// Old enough, or received under a clock that was ahead: those are for a later walk, and must
    /// not hold up the ones behind them.
    fn is_passed(&self, alert: &Old, now_ms: u64) -> bool {
        alert.received_ms > now_ms || self.is_old(alert, now_ms)
    }

    fn is_old(&self, alert: &Old, now_ms: u64) -> bool {
        alert.received_ms.saturating_add(self.keep_ms) <= now_ms
    }

    fn walk(&mut self, db: &Prepared<'_>, now_ms: u64, until: Instant) -> rusqlite::Result<Walk> {
        const NEWEST: &str = "select coalesce((select max(seq) from alert), 0),
            coalesce((select alert from delivery order by seq desc limit 1), 0)";
        let newest = db.first(NEWEST, [], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?]))?;
        let newest = newest.unwrap_or_default();
        loop {
            let step = next(db, self.after, STEP)?;
            if step.is_empty() {
                return Ok(Walk::End);
            }
            for alert in step {
                if !self.is_passed(&alert, now_ms) {
                    return Ok(Walk::End);
                }
                if self.is_old(&alert, now_ms) && !newest.contains(&alert.seq) {
                    forget_unless_owed(db, &alert)?;
                }
                self.after = alert.seq;
                if Instant::now() >= until {
                    return Ok(Walk::OutOfTime);
                }
            }
        }
    }
}

fn next(db: &Prepared<'_>, after: i64, count: i64) -> rusqlite::Result<Vec<Old>> {
    const NEXT: &str = "select seq, received_ms, tenant, id, fingerprint from alert
        where seq > ?1 order by seq limit ?2";
    db.all(NEXT, [after, count], |row| {
        Ok(Old {
            seq: row.get(0)?,
            received_ms: row.get::<_, Whole>(1)?.0,
            tenant: row.get(2)?,
            id: row.get(3)?,
            fingerprint: row.get(4)?,
        })
    })
}

fn forget_unless_owed(db: &Prepared<'_>, alert: &Old) -> rusqlite::Result<()> {
    const DELIVERIES: &str = "select seq, state, attempt from delivery where alert = ?1";
    /// Of a condition that is still open: its release will stand for itself.
    const ENGAGED: &str =
        "delete from engaged where tenant = ?1 and fingerprint = ?2 and alert = ?3";
    const ALERT: &str = "delete from alert where seq = ?1";
    let deliveries: Vec<(i64, i64, Option<i64>)> =
        db.all(DELIVERIES, [alert.seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if deliveries.iter().any(|(_, state, _)| *state == super::row::PENDING) {
        return Ok(());
    }
    for (delivery, _, attempt) in deliveries {
        forget_delivery(db, delivery, attempt)?;
    }
    db.execute(ENGAGED, rusqlite::params![alert.tenant, alert.fingerprint, alert.id])?;
    db.execute(ALERT, [alert.seq]).map(drop)
}

fn forget_delivery(db: &Prepared<'_>, delivery: i64, attempt: Option<i64>) -> rusqlite::Result<()> {
    const BEFORE: &str = "select attempt from attempt_before where delivery = ?1";
    const FORGET_BEFORE: &str = "delete from attempt_before where delivery = ?1";
    const FORGET: &str = "delete from delivery where seq = ?1";
    let before: Vec<i64> = db.all(BEFORE, [delivery], |row| row.get(0))?;
    for attempt in before.into_iter().chain(attempt) {
        leave_attempt(db, attempt)?;
    }
    db.execute(FORGET_BEFORE, [delivery])?;
    db.execute(FORGET, [delivery]).map(drop)
}

/// One delivery refers to the attempt no more. All attempts of a message have the same members, so
/// whoever leaves the last of them is the last of the message, too.
fn leave_attempt(db: &Prepared<'_>, attempt: i64) -> rusqlite::Result<()> {
    const LEAVE: &str =
        "update attempt set members = members - 1 where seq = ?1 returning members, message";
    const FORGET: &str = "delete from attempt where seq = ?1";
    const FORGET_MESSAGE: &str = "delete from message where id = ?1";
    let left =
        db.first(LEAVE, [attempt], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Id>(1)?)))?;
    if let Some((..=0, message)) = left {
        db.execute(FORGET, [attempt])?;
        db.execute(FORGET_MESSAGE, [message])?;
    }
    Ok(())
}
