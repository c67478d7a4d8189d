//! What is kept of one endpoint's token.
//!
//! Promise: a token is given out only once the refresh token that came with it is stored, and not
//! in its last minute.

use std::collections::VecDeque;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::exchange::Granted;
use super::{Client, Flight, Rotated, Token};
use crate::ids::Secret;

/// What a token's life is shortened by: for clocks that differ, and calls that take their time.
const MARGIN: Duration = Duration::from_secs(60);

/// Of tokens that do not say how long they live.
const LIFE: Duration = Duration::from_secs(5 * 60);

/// Longer is not believed.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Refresh tokens that are remembered as exchanged: settings that were read before still have them.
const EXCHANGED_MAX: usize = 8;

pub(super) struct Slot {
    id: u64,
    settings: [u8; 32],
    /// The newest refresh token, stored or not.
    refresh: Option<Secret>,
    /// SHA-256 of those before it.
    exchanged: VecDeque<[u8; 32]>,
    held: Option<Held>,
    /// Waits until `unkept` is stored.
    pending: Option<Held>,
    unkept: Option<Rotated>,
    flight: Option<Flight>,
    /// The server takes the client's credentials in the body alone.
    in_body: bool,
}

/// What a fetch has to do.
pub(super) struct Step {
    /// To be stored, before all else.
    pub(super) unkept: Option<Rotated>,
    /// `None`: there is a token that waits for that alone.
    pub(super) ask: Option<Ask>,
}

/// What the token server is asked with.
pub(super) struct Ask {
    pub(super) refresh: Option<Secret>,
    pub(super) in_body: bool,
}

/// A token, and when it is of no more use.
pub(super) struct Held {
    value: Secret,
    serial: u64,
    until: Instant,
}

impl Held {
    pub(super) fn new(granted: &Granted, serial: u64, now: Instant) -> Self {
        let until = now + of_use(granted.lives);
        Self { value: granted.access_token.clone(), serial, until }
    }

    pub(super) fn token(&self, is_new: bool) -> Token {
        Token { value: self.value.clone(), serial: self.serial, is_new }
    }
}

impl Slot {
    pub(super) fn new(client: &Client, id: u64) -> Self {
        Self {
            id,
            settings: settings(client),
            refresh: client.refresh_token.as_ref().map(|refresh| refresh.value.clone()),
            exchanged: VecDeque::new(),
            held: None,
            pending: None,
            unkept: None,
            flight: None,
            in_body: false,
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether it stands for these settings, or for what was made of their refresh token.
    pub(super) fn is_for(&self, client: &Client) -> bool {
        let refresh = match (&client.refresh_token, &self.refresh) {
            (None, None) => true,
            (Some(theirs), Some(ours)) => {
                let theirs = theirs.value.expose();
                ours.equals(theirs) || self.exchanged.contains(&digest(theirs))
            }
            _ => false,
        };
        refresh && self.settings == settings(client)
    }

    pub(super) fn is_of_use(&self, now: Instant) -> bool {
        let lives = |held: &Option<Held>| held.as_ref().is_some_and(|held| now < held.until);
        self.flight.is_some() || self.unkept.is_some() || lives(&self.held)
    }

    pub(super) fn token(&self, now: Instant) -> Option<Token> {
        self.held.as_ref().filter(|held| now < held.until).map(|held| held.token(false))
    }

    pub(super) fn flight(&self) -> Option<Flight> {
        self.flight.clone()
    }

    pub(super) fn depart(&mut self, flight: Flight, now: Instant) -> Step {
        self.flight = Some(flight);
        self.held = None;
        self.pending = self.pending.take().filter(|held| now < held.until);
        let ask = Ask { refresh: self.refresh.clone(), in_body: self.in_body };
        Step { unkept: self.unkept.clone(), ask: self.pending.is_none().then_some(ask) }
    }

    pub(super) fn land(&mut self) {
        self.flight = None;
    }

    /// What came is remembered at once: a refresh token that was exchanged is worth nothing now.
    pub(super) fn bring(&mut self, held: Held, rotated: Option<Rotated>, in_body: bool) {
        if let Some(rotated) = &rotated {
            self.exchanged.truncate(EXCHANGED_MAX - 1);
            self.exchanged.push_front(digest(rotated.before.expose()));
            self.refresh = Some(rotated.value.clone());
        }
        self.pending = Some(held);
        self.unkept = rotated;
        self.in_body = in_body;
    }

    /// The new refresh token is on disk.
    pub(super) fn stored(&mut self) {
        self.unkept = None;
    }

    /// The token that came may be used from now on.
    pub(super) fn kept(&mut self) -> Option<Token> {
        self.held = self.pending.take();
        self.held.as_ref().map(|held| held.token(true))
    }

    pub(super) fn forget(&mut self, serial: u64) {
        self.held = self.held.take().filter(|held| held.serial != serial);
    }
}

/// How long a token is used that lives so long.
fn of_use(lives: Option<Duration>) -> Duration {
    let lives = lives.unwrap_or(LIFE).min(LIFE_MAX);
    lives - MARGIN.min(lives / 2)
}

/// All that a token depends on beside the refresh token.
fn settings(client: &Client) -> [u8; 32] {
    let secret = client.client_secret.as_ref().map_or("", |secret| secret.expose());
    let scope = client.scope.as_deref().unwrap_or_default();
    let mut hash = Sha256::new();
    for one in [&client.token_url, &client.client_id, secret, scope] {
        hash.update(one.len().to_be_bytes());
        hash.update(one);
    }
    hash.finalize().into()
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_used_in_its_last_minute_nor_in_the_second_half_of_a_short_life() {
        let secs = Duration::from_secs;
        let table = [
            (Some(secs(3600)), secs(3540)),
            (Some(secs(120)), secs(60)),
            (Some(secs(90)), secs(45)),
            (Some(secs(1)), Duration::from_millis(500)),
            (Some(secs(0)), secs(0)),
            (Some(secs(u64::MAX)), LIFE_MAX - MARGIN),
            (None, secs(240)),
        ];
        for (lives, expected) in table {
            assert_eq!(of_use(lives), expected, "{lives:?}");
        }
    }
}
