//! Who is not banned because of what only the engine knows: who sends it alerts, who looks after it,
//! and where its messages go.
//!
//! Promise: bounded; an address is forgotten a day after it was last seen. A restart forgets all, and
//! the networks of the policy's `never_ban` are what holds always.

use std::collections::HashMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are kept.
const ADDRESSES_MAX: usize = 16_384;
/// For how long.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Whoever knows who is not to be banned.
pub trait Spared: Debug + Send + Sync {
    /// Why this address is not banned; `None`: it may be.
    fn spares(&self, address: IpAddr) -> Option<&'static str>;
}

/// Why an address was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// An endpoint's name led to it.
    Endpoint,
    /// Somebody with an ingest token was there.
    Sender,
    /// Somebody with an admin token was there.
    Admin,
    /// A proxy of the configuration.
    Proxy,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint-address",
            Self::Sender => "alert-sender",
            Self::Admin => "admin-session",
            Self::Proxy => "proxy",
        }
    }
}

/// What API and egress have seen.
#[derive(Debug, Default)]
pub struct Noted(Mutex<HashMap<IpAddr, (Reason, Instant)>>);

impl Noted {
    pub fn note(&self, address: IpAddr, reason: Reason) {
        self.note_at(address, reason, Instant::now());
    }

    fn note_at(&self, address: IpAddr, reason: Reason, now: Instant) {
        let address = address.to_canonical();
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= ADDRESSES_MAX && !noted.contains_key(&address) {
            noted.retain(|_, (_, until)| *until > now);
            // A name can have ever new addresses; those push out one another, and nobody else.
            let oldest = noted.iter().filter(|(_, (of, _))| *of <= reason);
            let oldest = oldest.min_by_key(|(_, (of, until))| (*of, *until)).map(|(it, _)| *it);
            if noted.len() >= ADDRESSES_MAX {
                match oldest {
                    Some(oldest) => _ = noted.remove(&oldest),
                    None => return,
                }
            }
        }
        let entry = noted.entry(address).or_insert((reason, now));
        let is_over = entry.1 <= now;
        *entry = (if is_over { reason } else { entry.0.max(reason) }, now + KEPT);
    }

    fn spares_at(&self, address: IpAddr, now: Instant) -> Option<&'static str> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (reason, until) = noted.get(&address.to_canonical())?;
        (*until > now).then(|| reason.name())
    }
}

impl Spared for Noted {
    fn spares(&self, address: IpAddr) -> Option<&'static str> {
        self.spares_at(address, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn who_was_seen_is_spared_for_a_day_and_by_the_strongest_reason() {
        let (noted, now) = (Noted::default(), Instant::now());
        let one: IpAddr = "192.0.2.8".parse().unwrap();
        assert_eq!(noted.spares_at(one, now), None);
        noted.note_at("::ffff:192.0.2.8".parse().unwrap(), Reason::Admin, now);
        noted.note_at(one, Reason::Endpoint, now);
        assert_eq!(noted.spares_at(one, now), Some("admin-session"));
        assert_eq!(
            noted.spares_at(one, now + KEPT - Duration::from_secs(1)),
            Some("admin-session")
        );
        assert_eq!(noted.spares_at(one, now + KEPT), None);
        noted.note_at(one, Reason::Sender, now + KEPT);
        assert_eq!(noted.spares_at(one, now + KEPT), Some("alert-sender"));
    }

    #[test]
    fn a_name_with_ever_new_addresses_pushes_out_no_one_else() {
        let (noted, now) = (Noted::default(), Instant::now());
        let admin: IpAddr = "192.0.2.8".parse().unwrap();
        noted.note_at(admin, Reason::Admin, now);
        let address =
            |at: usize| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + u32::try_from(at).unwrap()));
        for at in 0..ADDRESSES_MAX + 100 {
            let later = now + Duration::from_millis(at as u64);
            noted.note_at(address(at), Reason::Endpoint, later);
        }
        assert_eq!(noted.0.lock().unwrap().len(), ADDRESSES_MAX);
        assert!(noted.spares_at(admin, now).is_some());
        assert!(noted.spares_at(address(0), now).is_none());
        assert!(noted.spares_at(address(ADDRESSES_MAX + 99), now).is_some());
    }
}
