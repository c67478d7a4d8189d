//! Keeps this machine's address from being banned: counts what an origin refuses, over all tenants,
//! and holds back first those that cause it.
//!
//! Promise: what counts is the status that the host saw, whatever a component says of it. An
//! endpoint that caused no more than its part is never stopped, only slowed; and it is told nothing
//! of the others. Memory is bounded.
//!
//! Not here: what one endpoint does about its own answers (`record`, `roster`), and how the operator
//! is told (`tell`).

pub(super) mod tell;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::{EndpointId, TenantId};

/// What counts as a refusal: unauthorized, forbidden, too many requests.
const REFUSALS: [u16; 3] = [401, 403, 429];

/// An endpoint that caused so many of a window's refusals is held back,
const CAUSED_MIN: usize = 5;

/// and so is one that caused such a part of them, in percent.
const PART_PERCENT: usize = 10;

/// Who is slowed sends once in so many milliseconds.
const SPACING_MS: u64 = 1_000;

/// Origins that are watched at once; the one that has been quiet for longest makes room.
const ORIGINS_MAX: usize = 1_024;

/// Endpoints of one origin whose turns are remembered.
const TURNS_MAX: usize = 10_000;

/// When an origin is near a ban.
#[derive(Clone, Copy, Debug)]
pub struct GuardRules {
    /// For how long a refusal counts.
    pub window_ms: u64,
    /// From so many refusals on, whoever caused them is slowed.
    pub slow_count: usize,
    /// From so many on, whoever caused them is stopped, and the rest is slowed.
    pub stop_count: usize,
}

/// One endpoint of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct By {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
}

/// How near a ban an origin is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Calm,
    /// Those that caused the refusals are slowed.
    Slowing,
    /// They are stopped, and all others are slowed.
    Stopping,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Slowing => "slowing",
            Self::Stopping => "stopping",
        }
    }
}

/// Something that the operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub origin: String,
    pub level: Level,
    /// Refusals in the present window.
    pub refusals: usize,
    /// Who caused more than its part, and how many.
    pub causes: Vec<(By, usize)>,
}

/// Why nothing may be sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// It caused the refusals; else it is merely not its turn.
    pub is_stopped: bool,
}

/// Watches every origin that refuses. Times are milliseconds since the Unix epoch.
#[derive(Debug)]
pub struct BanGuard {
    rules: GuardRules,
    watched: Mutex<HashMap<String, Watch>>,
}

impl BanGuard {
    pub fn new(rules: GuardRules) -> Self {
        debug_assert!(0 < rules.slow_count && rules.slow_count <= rules.stop_count);
        Self { rules, watched: Mutex::default() }
    }

    /// `origin` answered `by` with `status`.
    pub fn saw(&self, origin: &str, by: By, status: Option<u16>, now_ms: u64) -> Option<Change> {
        if !status.is_some_and(|status| REFUSALS.contains(&status)) {
            return None;
        }
        let mut watched = self.lock();
        if !watched.contains_key(origin) && watched.len() >= ORIGINS_MAX {
            make_room(&mut watched);
        }
        let watch = watched.entry(origin.to_owned()).or_default();
        watch.add(by, now_ms, &self.rules);
        watch.change(origin, now_ms, &self.rules)
    }

    /// What keeps `by` from sending to `origin`; takes no turn.
    pub fn held(&self, origin: &str, by: By, now_ms: u64) -> Option<Held> {
        self.lock().get_mut(origin)?.held(by, now_ms, &self.rules)
    }

    /// As [`held`](Self::held); where nothing does, the turn is taken.
    pub fn admit(&self, origin: &str, by: By, now_ms: u64) -> Option<Held> {
        self.lock().get_mut(origin)?.admit(by, now_ms, &self.rules)
    }

    /// Forgets what is over. The operator is told about each origin that is calm again.
    pub fn sweep(&self, now_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        self.lock().retain(|origin, watch| {
            watch.turns.retain(|_, next_ms| *next_ms > now_ms);
            changes.extend(watch.change(origin, now_ms, &self.rules));
            !watch.refusals.is_empty() || watch.level != Level::Calm
        });
        changes
    }

    /// How many origins are at each level.
    pub fn levels(&self) -> [(Level, usize); 2] {
        let watched = self.lock();
        [Level::Slowing, Level::Stopping]
            .map(|level| (level, watched.values().filter(|one| one.told == level).count()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Watch>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the origin that is least near a ban, and of these the one that refused longest ago.
fn make_room(watched: &mut HashMap<String, Watch>) {
    let least = watched
        .iter()
        .min_by_key(|(_, watch)| (watch.level, watch.refusals.back().map(|(at_ms, _)| *at_ms)))
        .map(|(origin, _)| origin.clone());
    if let Some(origin) = least {
        watched.remove(&origin);
    }
}

/// One origin.
#[derive(Debug, Default)]
struct Watch {
    /// Oldest first; as many as matter.
    refusals: VecDeque<(u64, By)>,
    /// How many of them each caused; never 0.
    caused: HashMap<By, usize>,
    level: Level,
    /// What the operator was told last: the level, and who is stopped.
    told: Level,
    told_stopped: BTreeSet<By>,
    /// When each that is slowed may send again.
    turns: HashMap<By, u64>,
}

impl Watch {
    fn add(&mut self, by: By, now_ms: u64, rules: &GuardRules) {
        // More than these change nothing but the memory they take.
        if self.refusals.len() >= rules.stop_count.saturating_mul(4) {
            self.forget_oldest();
        }
        self.refusals.push_back((now_ms, by));
        *self.caused.entry(by).or_default() += 1;
    }

    fn forget_oldest(&mut self) {
        let Some((_, by)) = self.refusals.pop_front() else { return };
        if let Some(caused) = self.caused.get_mut(&by) {
            *caused -= 1;
            if *caused == 0 {
                self.caused.remove(&by);
            }
        }
    }

    /// Brings the window and the level to `now_ms`. Once stopped it stays so until the window has
    /// cleared, or the next few refusals would switch it back and forth.
    fn advance(&mut self, now_ms: u64, rules: &GuardRules) {
        while let Some((at_ms, _)) = self.refusals.front()
            && at_ms.saturating_add(rules.window_ms) <= now_ms
        {
            self.forget_oldest();
        }
        let count = self.refusals.len();
        self.level = match self.level {
            _ if count >= rules.stop_count => Level::Stopping,
            _ if count < rules.slow_count => Level::Calm,
            Level::Stopping => Level::Stopping,
            Level::Calm | Level::Slowing => Level::Slowing,
        };
    }

    fn is_cause(&self, by: By) -> bool {
        let caused = self.caused.get(&by).copied().unwrap_or(0);
        caused >= CAUSED_MIN || caused * 100 >= (self.refusals.len() * PART_PERCENT).max(1)
    }

    /// When the origin is calm again, if it refuses nothing more.
    fn clears_ms(&self, rules: &GuardRules) -> u64 {
        let last = self.refusals.len().saturating_sub(rules.slow_count);
        self.refusals.get(last).map_or(0, |(at_ms, _)| at_ms.saturating_add(rules.window_ms))
    }

    fn held(&mut self, by: By, now_ms: u64, rules: &GuardRules) -> Option<Held> {
        self.advance(now_ms, rules);
        match (self.level, self.is_cause(by)) {
            (Level::Calm, _) | (Level::Slowing, false) => None,
            (Level::Stopping, true) => {
                Some(Held { until_ms: self.clears_ms(rules), is_stopped: true })
            }
            (Level::Slowing, true) | (Level::Stopping, false) => {
                let next_ms = self.turns.get(&by).copied().filter(|next_ms| *next_ms > now_ms)?;
                Some(Held { until_ms: next_ms, is_stopped: false })
            }
        }
    }

    fn admit(&mut self, by: By, now_ms: u64, rules: &GuardRules) -> Option<Held> {
        let held = self.held(by, now_ms, rules);
        let is_slowed = match self.level {
            Level::Calm => false,
            Level::Slowing => self.is_cause(by),
            Level::Stopping => true,
        };
        if held.is_none() && is_slowed {
            if self.turns.len() >= TURNS_MAX {
                self.turns.clear();
            }
            self.turns.insert(by, now_ms.saturating_add(SPACING_MS));
        }
        held
    }

    /// What is to be told, if it was not told yet.
    fn change(&mut self, origin: &str, now_ms: u64, rules: &GuardRules) -> Option<Change> {
        self.advance(now_ms, rules);
        let mut causes: Vec<_> = self
            .caused
            .iter()
            .filter(|(by, _)| self.level != Level::Calm && self.is_cause(**by))
            .map(|(by, caused)| (*by, *caused))
            .collect();
        causes.sort_unstable();
        let stopped: BTreeSet<_> = match self.level {
            Level::Stopping => causes.iter().map(|(by, _)| *by).collect(),
            Level::Calm | Level::Slowing => BTreeSet::new(),
        };
        let is_news = self.level != self.told || !stopped.is_subset(&self.told_stopped);
        if !is_news {
            return None;
        }
        self.told = self.level;
        match self.level {
            Level::Stopping => self.told_stopped.extend(stopped),
            Level::Calm | Level::Slowing => self.told_stopped.clear(),
        }
        let refusals = self.refusals.len();
        Some(Change { origin: origin.to_owned(), level: self.level, refusals, causes })
    }
}

#[cfg(test)]
mod tests;
