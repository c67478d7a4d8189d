//! One recipient's deliveries in memory: which may go now, which must wait, and for what.
//!
//! Promise: no I/O and no clock. Deliveries of one fingerprint stand in a line, and only the first
//! of a line is ever due, waiting for its time, or leased; so order needs no further rule.
//!
//! A lane is caught up when everything pending of its recipient is in memory. Only then does it
//! take what was just committed; else the newer wait on disk until it is refilled.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::lanes::Body;
use crate::ids::{DeliveryId, Fingerprint, MessageId};
use crate::store::StoreError;

/// One pending delivery.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its number in the store: the order in which deliveries were committed.
    pub(super) seq: u64,
    pub(super) id: DeliveryId,
    pub(super) fingerprint: Fingerprint,
    pub(super) due_ms: u64,
    pub(super) attempts: u32,
    /// Of them, those before it was sent again by hand.
    pub(super) forgiven: u32,
    pub(super) first_ms: Option<u64>,
    /// Number of its newest attempt in the store.
    pub(super) attempt: Option<i64>,
    /// The stored message that it goes again as.
    pub(super) message: Option<MessageId>,
    /// Absent where memory was short; then the alert is read when it is leased.
    pub(super) body: Option<Arc<Body>>,
}

/// What a lease takes.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) message: Option<MessageId>,
    pub(super) entries: Vec<Entry>,
}

/// When something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    Now,
    At(u64),
    /// Not before something changes.
    Unknown,
}

/// What becomes of a leased delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Final,
    Again { due_ms: u64, first_ms: u64, attempt: i64, message: Option<MessageId> },
}

/// Where a refill goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) after: u64,
    pub(super) count: usize,
    /// The newest delivery when it was asked: surely part of what is read.
    newest: u64,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    lines: HashMap<Fingerprint, Line>,
    ready: BTreeMap<u64, Spot>,
    waiting: BTreeMap<(u64, u64), Spot>,
    /// Members of the stored messages that go again, each the first of its line.
    messages: HashMap<MessageId, Vec<(u64, Fingerprint)>>,
    count: usize,
    leased: usize,
    hold_until_ms: u64,
    reading: Reading,
    /// Why the last refill failed; for the next `lease` to report.
    pub(super) fault: Option<StoreError>,
}

/// Never empty.
#[derive(Debug)]
struct Line {
    first: Entry,
    rest: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
enum Spot {
    One(Fingerprint),
    Message(MessageId),
}

/// How far the lane has read its part of the store.
#[derive(Debug, Default)]
struct Reading {
    /// Everything pending up to here is in memory.
    cursor: u64,
    /// The newest committed delivery that the lane was told of.
    newest: u64,
    /// False until a refill has found the end once.
    started: bool,
    is_refilling: bool,
    /// Read before their turn, as members of a message.
    ahead: BTreeSet<u64>,
}

impl Lane {
    /// Takes one that was just committed. False: it stays on disk until a refill.
    pub(super) fn feed(&mut self, entry: Entry, count_max: usize) -> bool {
        let reading = &mut self.reading;
        let is_caught_up = reading.started && reading.cursor >= reading.newest;
        let is_known = entry.seq <= reading.cursor;
        reading.newest = reading.newest.max(entry.seq);
        if is_known || !is_caught_up || self.count >= count_max {
            return false;
        }
        reading.cursor = entry.seq;
        self.admit(entry);
        true
    }

    /// What is to be read next, if it is time to. The caller answers with `refilled`.
    pub(super) fn ask(&mut self, count_max: usize) -> Option<Ask> {
        let reading = &mut self.reading;
        let is_caught_up = reading.started && reading.cursor >= reading.newest;
        let count = refill_count(count_max);
        let is_low = self.ready.len() <= count / 4 && self.count + count <= count_max;
        if is_caught_up || reading.is_refilling || !is_low {
            return None;
        }
        reading.is_refilling = true;
        Some(Ask { after: reading.cursor, count, newest: reading.newest })
    }

    /// Takes what was read: `rows` in order, and `ahead`, members of the messages of `rows`.
    pub(super) fn refilled(&mut self, ask: Ask, rows: Vec<Entry>, ahead: Vec<Entry>) {
        let is_last = rows.len() < ask.count;
        let newest_read = rows.last().map_or(ask.after, |last| last.seq);
        let mut messages = BTreeMap::new();
        for entry in rows.into_iter().chain(ahead) {
            // Those ahead come again in their turn, when they may be settled already.
            if self.reading.ahead.contains(&entry.seq) {
                continue;
            }
            if entry.seq > newest_read {
                self.reading.ahead.insert(entry.seq);
            }
            match entry.message {
                Some(message) => {
                    messages.entry(message.to_bytes()).or_insert((entry.due_ms, entry.seq));
                    self.messages.entry(message).or_default().push((entry.seq, entry.fingerprint));
                    self.stand_first(entry);
                }
                None => self.admit(entry),
            }
        }
        for (message, (due_ms, seq)) in messages {
            self.waiting.insert((due_ms, seq), Spot::Message(MessageId::from_bytes(message)));
        }
        let reading = &mut self.reading;
        reading.cursor = if is_last { newest_read.max(ask.newest) } else { newest_read };
        reading.ahead = reading.ahead.split_off(&(reading.cursor + 1));
        reading.started |= is_last;
        reading.is_refilling = false;
    }

    /// The refill could not be read; the next `ask` begins it again.
    pub(super) fn refill_failed(&mut self, error: StoreError) {
        self.reading.is_refilling = false;
        self.fault = Some(error);
    }

    pub(super) fn readiness(&mut self, now_ms: u64) -> Readiness {
        if self.fault.is_some() {
            return Readiness::Now;
        }
        if self.count == self.leased {
            return Readiness::Unknown;
        }
        if self.hold_until_ms > now_ms {
            return Readiness::At(self.hold_until_ms);
        }
        self.promote(now_ms);
        match self.waiting.first_key_value() {
            _ if !self.ready.is_empty() => Readiness::Now,
            Some((&(due_ms, _), _)) => Readiness::At(due_ms),
            None => Readiness::Unknown,
        }
    }

    /// The oldest that are due: one message, or at most `max` deliveries.
    pub(super) fn take(&mut self, now_ms: u64, max: usize) -> Option<Taken> {
        if self.hold_until_ms > now_ms || max == 0 {
            return None;
        }
        self.promote(now_ms);
        let (&seq, &spot) = self.ready.first_key_value()?;
        let taken = match spot {
            Spot::Message(message) => {
                self.ready.remove(&seq);
                let members = self.messages.get(&message)?;
                let entries =
                    members.iter().filter_map(|(_, fingerprint)| self.first(fingerprint)).collect();
                Taken { message: Some(message), entries }
            }
            Spot::One(_) => Taken { message: None, entries: self.take_single(max) },
        };
        self.leased += taken.entries.len();
        Some(taken)
    }

    /// Ends the lease of one delivery that was settled.
    pub(super) fn settle(&mut self, seq: u64, fingerprint: &Fingerprint, next: Next, now_ms: u64) {
        let Some(line) = self.lines.get_mut(fingerprint) else { return };
        debug_assert_eq!(line.first.seq, seq, "only the first of a line is leased");
        self.leased -= 1;
        match next {
            Next::Final => self.leave(fingerprint, now_ms),
            Next::Again { due_ms, first_ms, attempt, message } => {
                let first = &mut line.first;
                first.due_ms = due_ms;
                first.attempts += 1;
                first.first_ms.get_or_insert(first_ms);
                first.attempt = Some(attempt);
                first.message = message;
                // It may wait for hours, and memory is for what goes soon.
                first.body = None;
                if message.is_none() {
                    self.place(due_ms, seq, Spot::One(*fingerprint), now_ms);
                }
            }
        }
    }

    /// The message of settled deliveries does not go again.
    pub(super) fn forget_message(&mut self, message: &MessageId) {
        self.messages.remove(message);
    }

    /// The settled members go again as `message`.
    pub(super) fn keep_message(
        &mut self,
        message: MessageId,
        members: Vec<(u64, Fingerprint)>,
        due_ms: u64,
        now_ms: u64,
    ) {
        let Some(seq) = members.iter().map(|(seq, _)| *seq).min() else { return };
        self.messages.insert(message, members);
        self.place(due_ms, seq, Spot::Message(message), now_ms);
    }

    /// Ends the lease of deliveries that were not attempted.
    pub(super) fn give_back(
        &mut self,
        keys: &[(u64, Fingerprint)],
        not_before_ms: Option<u64>,
        now_ms: u64,
    ) {
        for (seq, fingerprint) in keys {
            let Some(line) = self.lines.get_mut(fingerprint) else { continue };
            self.leased -= 1;
            line.first.due_ms = not_before_ms.unwrap_or(line.first.due_ms);
            let due_ms = line.first.due_ms;
            self.place(due_ms, *seq, Spot::One(*fingerprint), now_ms);
        }
    }

    /// Ends the lease of a message that was not attempted.
    pub(super) fn give_back_message(
        &mut self,
        message: MessageId,
        not_before_ms: Option<u64>,
        now_ms: u64,
    ) {
        let Some(members) = self.messages.get(&message) else { return };
        self.leased -= members.len();
        let Some(seq) = members.iter().map(|(seq, _)| *seq).min() else { return };
        self.place(not_before_ms.unwrap_or(now_ms), seq, Spot::Message(message), now_ms);
    }

    pub(super) fn hold(&mut self, until_ms: u64) {
        self.hold_until_ms = self.hold_until_ms.max(until_ms);
    }

    /// In memory, leased, and waiting for their time.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let waiting = self.waiting.values().map(|spot| match spot {
            Spot::One(_) => 1,
            Spot::Message(message) => self.messages.get(message).map_or(0, Vec::len),
        });
        (self.count, self.leased, waiting.sum())
    }

    fn take_single(&mut self, max: usize) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(max.min(self.ready.len()));
        let mut passed = Vec::new();
        while entries.len() < max
            && let Some((seq, spot)) = self.ready.pop_first()
        {
            match spot {
                Spot::One(fingerprint) => entries.extend(self.first(&fingerprint)),
                Spot::Message(_) => passed.push((seq, spot)),
            }
        }
        self.ready.extend(passed);
        entries
    }

    fn first(&self, fingerprint: &Fingerprint) -> Option<Entry> {
        self.lines.get(fingerprint).map(|line| line.first.clone())
    }

    fn admit(&mut self, entry: Entry) {
        let (due_ms, seq, fingerprint) = (entry.due_ms, entry.seq, entry.fingerprint);
        self.count += 1;
        match self.lines.entry(fingerprint) {
            Slot::Occupied(line) => line.into_mut().rest.push_back(entry),
            Slot::Vacant(place) => {
                place.insert(Line { first: entry, rest: VecDeque::new() });
                self.place(due_ms, seq, Spot::One(fingerprint), 0);
            }
        }
    }

    /// A member of a message was the first of its line when it was attempted, so it still is.
    fn stand_first(&mut self, entry: Entry) {
        self.count += 1;
        let line = Line { first: entry, rest: VecDeque::new() };
        let displaced = self.lines.insert(line.first.fingerprint, line);
        debug_assert!(displaced.is_none(), "a member of a message is the oldest of its line");
    }

    /// Takes the first of a line out, and lets the next one come.
    fn leave(&mut self, fingerprint: &Fingerprint, now_ms: u64) {
        self.count -= 1;
        let Some(line) = self.lines.get_mut(fingerprint) else { return };
        match line.rest.pop_front() {
            Some(next) => {
                let (due_ms, seq) = (next.due_ms, next.seq);
                line.first = next;
                self.place(due_ms, seq, Spot::One(*fingerprint), now_ms);
            }
            None => drop(self.lines.remove(fingerprint)),
        }
    }

    fn place(&mut self, due_ms: u64, seq: u64, spot: Spot, now_ms: u64) {
        if due_ms <= now_ms {
            self.ready.insert(seq, spot);
        } else {
            self.waiting.insert((due_ms, seq), spot);
        }
    }

    fn promote(&mut self, now_ms: u64) {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now_ms
        {
            let ((_, seq), spot) = first.remove_entry();
            self.ready.insert(seq, spot);
        }
    }
}

/// How many deliveries are read at once.
pub(super) fn refill_count(count_max: usize) -> usize {
    (count_max / 2).clamp(1, 512)
}
