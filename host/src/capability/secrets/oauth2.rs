//! Access tokens that the engine fetches by itself (RFC 6749): with client credentials, or with a
//! refresh token.
//!
//! Promise: one fetch at a time for each endpoint, however many ask; a refresh token that the server
//! exchanged is on disk before what came with it is used, and is not lost if whoever asked has gone
//! meanwhile. No error says more of a token than that there is one.
//!
//! Not here: how a token is filled in (`keyring`), and what becomes of a delivery without one
//! (`dispatch`).

mod exchange;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::{Credential, Decoding, Form, Place};
use crate::capability::egress::Grant;
use crate::capability::http::HttpGate;
use crate::ids::{EndpointId, Secret, TenantId};
use exchange::Granted;
use slot::{Ask, Held, Slot, Step};

/// Longest that one fetch may take. Nobody has to wait as long.
const FETCH_MAX: Duration = Duration::from_secs(20);

/// Endpoints whose tokens are kept at once; beyond, those that have run out are forgotten.
const SLOTS_MAX: usize = 4096;

/// One access token of one endpoint: how it is got, and where it may go.
#[derive(Clone, Debug)]
pub struct Client {
    /// The setting under which the component uses the token.
    pub name: String,
    /// Of this endpoint; it leads to the token URL and nowhere else.
    pub grant: Grant,
    pub token_url: String,
    /// The operator allows credentials on unencrypted connections of this endpoint.
    pub clear_text: bool,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    /// With one, it is exchanged; without, the client's own credentials are.
    pub refresh_token: Option<Refresh>,
    pub scope: Option<String>,
    pub places: Vec<Place>,
    pub bound_to: Vec<String>,
}

/// A refresh token as it is stored.
#[derive(Clone, Debug)]
pub struct Refresh {
    pub setting: String,
    pub value: Secret,
}

/// A refresh token that stands instead of another from now on, to be stored.
#[derive(Clone, Debug)]
pub struct Rotated {
    pub tenant: TenantId,
    pub endpoint: EndpointId,
    pub setting: String,
    /// Whoever stores it leaves alone what is neither this nor the new one: somebody set another.
    pub before: Secret,
    pub value: Secret,
}

/// An access token, good for at least this call.
#[derive(Clone, Debug)]
pub struct Token {
    pub value: Secret,
    /// Another for each token of an endpoint.
    serial: u64,
    /// Fetched for whoever has it; else it was there already.
    pub is_new: bool,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    #[error("the token server refuses the client's credentials or its grant: {code}")]
    Refused { code: String },
    #[error("the token server cannot be asked: {detail}")]
    Denied { code: String, detail: String },
    #[error("the token server has no answer now: {detail}")]
    Unavailable { detail: String, after: Option<Duration> },
    #[error("the token server's answer cannot be used: expected {expected}")]
    Answer { expected: &'static str },
    #[error("the token server changed the refresh token, and the new one could not be stored")]
    NotKept,
}

impl TokenError {
    /// A stable word for records and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "token-refused",
            Self::Denied { .. } => "token-denied",
            Self::Unavailable { .. } => "token-unavailable",
            Self::Answer { .. } => "token-answer",
            Self::NotKept => "token-not-kept",
        }
    }

    /// Nothing but a change of settings or grants will help.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Denied { .. } | Self::Answer { .. })
    }

    /// How long the server asked to be left alone.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { after, .. } => *after,
            _ => None,
        }
    }
}

/// What went wrong with the storage; it has said so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

/// Stores a refresh token; it is on disk when this ends well.
pub type Keep =
    Box<dyn Fn(Rotated) -> Pin<Box<dyn Future<Output = Result<(), NotKept>> + Send>> + Send + Sync>;

/// All access tokens, and the fetches under way.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    gate: Arc<HttpGate>,
    keep: Keep,
    slots: Mutex<HashMap<Key, Slot>>,
    numbers: AtomicU64,
    /// A fetch outlives whoever asked for it: with its answer the refresh token would be lost.
    fetches: TaskTracker,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    endpoint: EndpointId,
    name: String,
}

type Flight = watch::Receiver<Option<Result<Token, TokenError>>>;

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub fn new(gate: Arc<HttpGate>, keep: Keep) -> Self {
        let (slots, numbers, fetches) = Default::default();
        Self(Arc::new(Inner { gate, keep, slots, numbers, fetches }))
    }

    /// The token that is kept, or a new one.
    pub async fn get(&self, client: &Client, deadline: Instant) -> Result<Token, TokenError> {
        let mut flight = match self.board(client) {
            Ok(token) => return Ok(token),
            Err(flight) => flight,
        };
        let landed = timeout_at(deadline, flight.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(landed)) => landed.clone().unwrap_or_else(|| Err(lost())),
            Ok(Err(_)) => Err(lost()),
            Err(_) => Err(unavailable("no token came in time")),
        }
    }

    /// The service answered 401 to this token: it is not given out again. `true`: it had been kept
    /// for a while, so that another try with a new one is worth it.
    pub fn refused(&self, client: &Client, token: &Token) -> bool {
        if let Some(slot) = self.slots().get_mut(&Key::of(client)) {
            slot.forget(token.serial);
        }
        !token.is_new
    }

    /// Ends when no fetch is under way.
    pub async fn close(&self) {
        self.0.fetches.close();
        self.0.fetches.wait().await;
    }

    /// A token that is there, or the fetch that brings one.
    fn board(&self, client: &Client) -> Result<Token, Flight> {
        let key = Key::of(client);
        let mut slots = self.slots();
        if slots.len() >= SLOTS_MAX && !slots.contains_key(&key) {
            let now = Instant::now();
            slots.retain(|_, slot| slot.is_of_use(now));
        }
        let fresh = || Slot::new(client, self.number());
        let slot = slots.entry(key.clone()).or_insert_with(fresh);
        if !slot.is_for(client) {
            *slot = fresh();
        }
        if let Some(token) = slot.token(Instant::now()) {
            return Ok(token);
        }
        if let Some(flight) = slot.flight() {
            return Err(flight);
        }
        let (land, flight) = watch::channel(None);
        let step = slot.depart(flight.clone(), Instant::now());
        let trip = Trip { tokens: self.clone(), key, slot: slot.id(), client: client.clone() };
        self.0.fetches.spawn(async move {
            let landed = trip.make(step).await;
            trip.slot(Slot::land);
            // Nobody may be waiting any more.
            let _ = land.send(Some(landed));
        });
        Err(flight)
    }

    /// Another one each time.
    fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One fetch.
struct Trip {
    tokens: Tokens,
    key: Key,
    /// It may stand for other settings when the answer comes.
    slot: u64,
    client: Client,
}

impl Trip {
    async fn make(&self, step: Step) -> Result<Token, TokenError> {
        if let Some(rotated) = step.unkept {
            self.keep(rotated).await?;
        }
        if let Some(ask) = step.ask {
            let gate = Arc::clone(&self.tokens.0.gate);
            let until = Instant::now() + FETCH_MAX;
            let granted = exchange::ask(gate, &self.client, &ask, until).await?;
            let rotated = self.rotated(&ask, &granted);
            let held = Held::new(&granted, self.tokens.number(), Instant::now());
            let token = held.token(true);
            let brought = self.slot(|slot| slot.bring(held, rotated.clone(), granted.in_body));
            if let Some(rotated) = rotated {
                self.keep(rotated).await?;
            }
            if brought.is_none() {
                // Whoever waits has asked with the settings of then.
                return Ok(token);
            }
        }
        self.slot(Slot::kept).flatten().ok_or_else(lost)
    }

    /// The refresh token that came instead of the one that was sent.
    fn rotated(&self, ask: &Ask, granted: &Granted) -> Option<Rotated> {
        let (before, value) = (ask.refresh.as_ref()?, granted.refresh_token.as_ref()?);
        let refresh = self.client.refresh_token.as_ref()?;
        (!before.equals(value.expose())).then(|| Rotated {
            tenant: self.key.tenant,
            endpoint: self.key.endpoint,
            setting: refresh.setting.clone(),
            before: before.clone(),
            value: value.clone(),
        })
    }

    async fn keep(&self, rotated: Rotated) -> Result<(), TokenError> {
        let kept = (self.tokens.0.keep)(rotated).await;
        kept.map_err(|NotKept| TokenError::NotKept)?;
        self.slot(Slot::stored);
        Ok(())
    }

    /// `None`: the slot stands for other settings now.
    fn slot<T>(&self, work: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let mut slots = self.tokens.slots();
        slots.get_mut(&self.key).filter(|slot| slot.id() == self.slot).map(work)
    }
}

impl Client {
    /// The token as a credential; `None`: one that stands for it in settings.
    pub fn credential(&self, token: Option<&Token>) -> Credential {
        let blank = || Secret::new(String::new());
        Credential {
            setting: self.name.clone(),
            value: token.map_or_else(blank, |token| token.value.clone()),
            form: Form::Text,
            places: self.places.clone(),
            signs_into: Vec::new(),
            decode: Decoding::Raw,
            bound_to: self.bound_to.clone(),
        }
    }
}

impl Key {
    fn of(client: &Client) -> Self {
        let Client { grant, name, .. } = client;
        Self { tenant: grant.tenant, endpoint: grant.endpoint, name: name.clone() }
    }
}

fn unavailable(detail: &str) -> TokenError {
    TokenError::Unavailable { detail: detail.to_owned(), after: None }
}

/// A fetch ended without a word, or its token was refused before it was seen.
fn lost() -> TokenError {
    unavailable("the token that came was of no use any more")
}

#[cfg(test)]
mod tests;
