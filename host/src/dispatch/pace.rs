//! Published limits of services, kept before they have to refuse: so many messages in so long.
//!
//! Promise: in no span of a pace's length are more messages begun than it allows, over all
//! recipients that its scope has in common. A restart forgets what was sent before it. Memory is
//! bounded.
//!
//! Not here: what a service says of its limits in its answers (`record`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Destination;
use crate::ids::{EndpointId, RecipientId, TenantId};
use crate::runtime::bindings::kind::{Pace, Scope};

/// What a component may ask for; more is cut to it.
const PACES_MAX: usize = 8;
const COUNT_MAX: u32 = 2_000;
const PER_MS_MAX: u32 = 86_400_000;

/// The audit log is never cut, so that no component changes a recipient's settings more often.
const CORRECTIONS: Pace = Pace { scope: Scope::Recipient, count: 1, per_ms: 60_000 };

/// Whoever is remembered; those whose last message is longest ago make room.
const KEYS_MAX: usize = 20_000;

/// Whose messages count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Recipient(RecipientId),
    Endpoint(TenantId, EndpointId),
    /// A service as a whole, by kind and normal form of its origin.
    Origin(String, String),
    /// Corrections of a recipient's settings.
    Correction(RecipientId),
}

/// The moments of the last messages, milliseconds since the Unix epoch, by whom and by which pace.
#[derive(Debug, Default)]
pub struct Paces {
    begun: Mutex<HashMap<(Whose, usize), VecDeque<u64>>>,
}

impl Paces {
    /// Takes a turn under each pace of the kind. `Err`: until when there is none.
    pub(super) fn take(&self, of: &Destination, now_ms: u64) -> Result<(), u64> {
        let paces = &of.endpoint.kind.descriptor.paces;
        if paces.is_empty() {
            return Ok(());
        }
        self.turn(paces, now_ms, |scope| match scope {
            Scope::Recipient => Whose::Recipient(of.id),
            Scope::Endpoint => Whose::Endpoint(of.endpoint.tenant, of.endpoint.id),
            Scope::Origin => {
                let origin = of.grant.origins().first().map(|one| one.origin.to_string());
                Whose::Origin(of.endpoint.kind.name.clone(), origin.unwrap_or_default())
            }
        })
    }

    /// Whether settings of this recipient may be corrected now.
    pub(super) fn correct(&self, of: &Destination, now_ms: u64) -> bool {
        self.turn(&[CORRECTIONS], now_ms, |_| Whose::Correction(of.id)).is_ok()
    }

    fn turn(&self, paces: &[Pace], now_ms: u64, whose: impl Fn(Scope) -> Whose) -> Result<(), u64> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let paces = || paces.iter().take(PACES_MAX).enumerate();
        let mut until_ms = now_ms;
        for (at, pace) in paces() {
            let (count, per_ms) = bounds(pace);
            let Some(moments) = begun.get_mut(&(whose(pace.scope), at)) else { continue };
            while moments.front().is_some_and(|first| first.saturating_add(per_ms) <= now_ms) {
                moments.pop_front();
            }
            if let Some(first) = moments.front().filter(|_| moments.len() >= count) {
                until_ms = until_ms.max(first.saturating_add(per_ms));
            }
        }
        if until_ms > now_ms {
            return Err(until_ms);
        }
        for (at, pace) in paces() {
            begun.entry((whose(pace.scope), at)).or_default().push_back(now_ms);
        }
        if begun.len() > KEYS_MAX {
            let mut last: Vec<_> = begun.values().filter_map(|one| one.back().copied()).collect();
            let half = last.len() / 2;
            let middle = *last.select_nth_unstable(half).1;
            begun.retain(|_, moments| moments.back().is_some_and(|last| *last > middle));
        }
        Ok(())
    }
}

fn bounds(pace: &Pace) -> (usize, u64) {
    let count = usize::try_from(pace.count.clamp(1, COUNT_MAX)).unwrap_or(1);
    (count, u64::from(pace.per_ms.clamp(1, PER_MS_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(scope: Scope, count: u32, per_ms: u32) -> Pace {
        Pace { scope, count, per_ms }
    }

    fn of(recipient: u32) -> impl Fn(Scope) -> Whose {
        move |scope| match scope {
            Scope::Recipient => Whose::Recipient(RecipientId(recipient)),
            _ => Whose::Endpoint(TenantId(1), EndpointId(1)),
        }
    }

    #[test]
    fn no_span_of_a_pace_has_more_messages_than_it_allows() {
        let (paces, three) = (Paces::default(), [pace(Scope::Endpoint, 3, 1000)]);
        let mut sent = Vec::new();
        let mut now_ms = 10_000;
        while sent.len() < 50 {
            match paces.turn(&three, now_ms, of(1)) {
                Ok(()) => sent.push(now_ms),
                Err(until_ms) => {
                    assert!(until_ms > now_ms && until_ms <= now_ms + 1000);
                    now_ms = until_ms;
                    continue;
                }
            }
            now_ms += 70;
        }
        for four in sent.windows(4) {
            assert!(four[3] - four[0] >= 1000, "{four:?}");
        }
        assert!(sent[49] < 10_000 + 18_000, "no slower than allowed: {}", sent[49]);
    }

    #[test]
    fn recipients_share_their_endpoints_pace_and_have_their_own() {
        let paces = Paces::default();
        let both = [pace(Scope::Recipient, 1, 100), pace(Scope::Endpoint, 2, 1000)];
        assert_eq!(paces.turn(&both, 0, of(1)), Ok(()));
        assert_eq!(paces.turn(&both, 10, of(1)), Err(100), "its own");
        assert_eq!(paces.turn(&both, 10, of(2)), Ok(()));
        assert_eq!(paces.turn(&both, 200, of(2)), Err(1000), "the endpoint's");
        assert_eq!(paces.turn(&both, 1000, of(3)), Ok(()), "what was refused took no turn");
    }

    #[test]
    fn what_a_component_asks_for_is_cut_and_memory_has_an_end() {
        let paces = Paces::default();
        let odd = [pace(Scope::Recipient, 0, 0)];
        assert_eq!(paces.turn(&odd, 0, of(1)), Ok(()));
        assert_eq!(paces.turn(&odd, 0, of(1)), Err(1));
        for recipient in 0..50_000 {
            assert_eq!(paces.turn(&odd, u64::from(recipient) + 10, of(recipient)), Ok(()));
        }
        assert!(paces.begun.lock().unwrap().len() <= KEYS_MAX + 1);
    }
}
