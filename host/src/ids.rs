//! Identities, each a type of its own, and the secret that cannot be printed.
//!
//! Promise: ids of alerts are unique, and rise in the order in which they were made by one
//! process. Ids of tenants, endpoints and recipients are given by the store and never reused.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use ulid::{Generator, Ulid};
use zeroize::Zeroizing;

/// Identifies one alert from ingest to record. Assigned once, at ingest; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(Ulid);

impl AlertId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AlertId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Ulid::from_string(text).map(Self).map_err(|_| IdError::Alert)
    }
}

impl Serialize for AlertId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Makes alert ids that rise, also within one millisecond.
#[derive(Default)]
pub struct AlertIds(Mutex<Generator>);

impl AlertIds {
    /// A new id for an alert received at `now_ms` (milliseconds since the Unix epoch).
    pub fn next(&self, now_ms: u64) -> AlertId {
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(now_ms);
        // `Err` means 2^80 ids within one millisecond.
        AlertId(generator.generate_from_datetime(at).unwrap_or_else(|_| Ulid::generate()))
    }
}

impl fmt::Debug for AlertIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertIds")
    }
}

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numbered!(
    /// An owner of endpoints, recipients and alerts.
    TenantId
);
numbered!(
    /// One configured account or server of a kind.
    EndpointId
);
numbered!(
    /// One destination at an endpoint.
    RecipientId
);

impl TenantId {
    /// The tenant of whoever runs the machine, named `default`.
    pub const DEFAULT: Self = Self(1);
}

/// One alert owed to one recipient; written `<alert>-<recipient>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    pub alert: AlertId,
    pub recipient: RecipientId,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.alert, self.recipient)
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (alert, recipient) = text.split_once('-').ok_or(IdError::Delivery)?;
        let alert = alert.parse().map_err(|_| IdError::Delivery)?;
        let recipient = recipient.parse().map(RecipientId).map_err(|_| IdError::Delivery)?;
        Ok(Self { alert, recipient })
    }
}

impl Serialize for DeliveryId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The condition an alert is about: equal for an engage, its release, and its next time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// One message, the same over all of its attempts: the idempotency key toward the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId([u8; 16]);

impl MessageId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The id of the message that tells exactly these deliveries. Made from them alone, so that a
    /// message whose outcome a crash swallowed goes out again under the id it had.
    pub fn of(deliveries: impl IntoIterator<Item = DeliveryId>) -> Self {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for delivery in deliveries {
            hash.update(delivery.alert.to_bytes());
            hash.update(delivery.recipient.0.to_be_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "msg_{}", Ulid::from_bytes(self.0))
    }
}

/// A text that is not an id of the sort that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    #[error("expected the id of an alert: 26 characters such as `01JD8Q5W3V9T6Z0M4K2N7P1R5S`")]
    Alert,
    #[error("expected the id of a delivery, such as `01JD8Q5W3V9T6Z0M4K2N7P1R5S-7`")]
    Delivery,
}

/// A value that must never reach a log, an error, or a page.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// All that `from` gives, at most `bytes_max` bytes, in memory that is ours and is wiped. It never
    /// grows: a text that has to move leaves a copy of itself behind.
    pub fn read(from: impl Read, bytes_max: usize) -> io::Result<Self> {
        // The reader looks for room even where there is nothing more to come.
        const SPARE: usize = 64;
        let mut text = Zeroizing::new(String::with_capacity(bytes_max.saturating_add(SPARE)));
        let room = text.capacity();
        from.take(u64::try_from(bytes_max).unwrap_or(u64::MAX)).read_to_string(&mut text)?;
        debug_assert_eq!(text.capacity(), room, "it was moved");
        Ok(Self(text))
    }

    /// The only way out. Call it where the bytes go on the wire, nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration where the difference is.
    pub fn equals(&self, other: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_ids_rise_within_one_millisecond() {
        let ids = AlertIds::default();
        let made: Vec<_> = (0..1000).map(|_| ids.next(1_790_000_000_000)).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_delivery_id_reads_back_what_it_wrote() {
        let id = DeliveryId { alert: AlertIds::default().next(1), recipient: RecipientId(7) };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "7", "-7", "01JD-7", "01JD8Q5W3V9T6Z0M4K2N7P1R5S", "01JD8Q5W3V9T6Z0M4K2N7P1R5S-x"]
        {
            assert_eq!(wrong.parse::<DeliveryId>(), Err(IdError::Delivery), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_that_is_read_is_cut_at_its_bound_and_never_moves() {
        let text = "s".repeat(100_000);
        for (bytes_max, expected) in
            [(0, 0), (1, 1), (4096, 4096), (100_000, 100_000), (200_000, 100_000)]
        {
            let secret = Secret::read(text.as_bytes(), bytes_max).unwrap();
            assert_eq!(secret.expose().len(), expected, "{bytes_max}");
        }
        let wrong = Secret::read(&b"\xff"[..], 10).unwrap_err();
        assert_eq!(wrong.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert!(secret.equals("hunter2") && !secret.equals("hunter") && !secret.equals(""));
    }
}
