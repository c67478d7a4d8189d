//! The identity of a condition: what an engage, its release, and its next time have in common.
//!
//! Promise: equal parts give an equal fingerprint in every process and version; different parts,
//! however they are cut, give different ones.
//!
//! Not here: which fields of an alert are its parts. Each producer's reader in `ingest` knows.

use sha2::{Digest, Sha256};

use crate::ids::{Fingerprint, TenantId};

/// The first 16 bytes of SHA-256 over the tenant and, each with its length before it, the producer
/// and the parts.
///
/// Parts come in a fixed order, an absent one as an empty text. Neither times nor the action may
/// be among them: those differ between an engage and its release.
pub fn of(tenant: TenantId, producer: &str, parts: &[&str]) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(tenant.0.to_be_bytes());
    for part in std::iter::once(&producer).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&hash.finalize()[..16]);
    Fingerprint(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_stays_what_it_was_in_earlier_versions() {
        // Written down once: stored episodes are found again by these bytes.
        let fingerprint = of(TenantId(1), "ntopng", &["0", "host", "192.168.1.29@0", "20", ""]);
        assert_eq!(fingerprint.to_string(), "f59539ee50eda4dc05fad0d49e8e4335");
    }

    #[test]
    fn moving_a_boundary_between_parts_gives_another_fingerprint() {
        let one = TenantId(1);
        let table = [
            of(one, "ntopng", &["ab", "c"]),
            of(one, "ntopng", &["a", "bc"]),
            of(one, "ntopng", &["abc"]),
            of(one, "ntopng", &["abc", ""]),
            of(one, "ntopngabc", &[]),
            of(TenantId(2), "ntopng", &["ab", "c"]),
        ];
        for (at, left) in table.iter().enumerate() {
            for right in &table[at + 1..] {
                assert_ne!(left, right, "row {at}");
            }
        }
    }
}
