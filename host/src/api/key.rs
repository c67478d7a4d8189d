//! How a repeat of a batch is known: the sender's key, else the body itself.

use hyper::header::HeaderMap;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::queue::BatchKey;
use crate::tenant::Caller;

pub(super) const HEADER: &str = "idempotency-key";

/// The key of a batch that `caller` sends through the door of `producer`. Keys of other tokens
/// and other doors never meet.
pub(super) fn of(
    headers: &HeaderMap,
    body: &[u8],
    caller: &Caller,
    producer: &str,
) -> Result<BatchKey, Problem> {
    let body = Sha256::digest(body).into();
    let mut given = headers.get_all(HEADER).iter();
    let key = match (given.next(), given.next()) {
        (None, _) => body,
        (Some(key), None) if is_key(key.as_bytes()) => Sha256::digest(key.as_bytes()).into(),
        _ => {
            return Err(Problem::bad_request(
                "expected one `Idempotency-Key` of 1 to 255 visible ASCII characters; correct it, \
                 or leave it out, and the body itself is the key",
            ));
        }
    };
    let mut sender = [0; 16];
    let hash = Sha256::new().chain_update(caller.token).chain_update(producer).finalize();
    sender.copy_from_slice(&hash[..16]);
    Ok(BatchKey { sender, key, body })
}

fn is_key(key: &[u8]) -> bool {
    (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;
    use crate::tenant::Role;

    #[test]
    fn a_key_is_one_header_of_visible_ascii() {
        let long = "k".repeat(255);
        let longer = "k".repeat(256);
        let table: [(&[&str], bool); 8] = [
            (&[], true),
            (&["a"], true),
            (&["!~"], true),
            (&[&long], true),
            (&[&longer], false),
            (&[""], false),
            (&["two words"], false),
            (&["a", "a"], false),
        ];
        for (given, expected) in table {
            let mut headers = HeaderMap::new();
            for key in given {
                headers.append(HEADER, key.parse().unwrap());
            }
            assert_eq!(of(&headers, b"[]", &caller(1), "native").is_ok(), expected, "{given:?}");
        }
    }

    #[test]
    fn keys_differ_by_token_door_key_and_body_and_by_nothing_else() {
        let key = |key: Option<&str>, body: &[u8], token, door| {
            let mut headers = HeaderMap::new();
            if let Some(key) = key {
                headers.insert(HEADER, key.parse().unwrap());
            }
            of(&headers, body, &caller(token), door).unwrap()
        };
        let base = key(Some("k"), b"1", 1, "native");
        assert_eq!(base, key(Some("k"), b"1", 1, "native"));
        assert_ne!(base.sender, key(Some("k"), b"1", 2, "native").sender);
        assert_ne!(base.sender, key(Some("k"), b"1", 1, "ntopng").sender);
        assert_ne!(base.key, key(Some("l"), b"1", 1, "native").key);
        let other = key(Some("k"), b"2", 1, "native");
        assert_eq!((base.sender, base.key), (other.sender, other.key), "one key");
        assert_ne!(base.body, other.body);
        let bare = key(None, b"1", 1, "native");
        assert_eq!(bare.key, bare.body);
        assert_ne!(bare.key, key(None, b"2", 1, "native").key);
    }

    fn caller(token: u8) -> Caller {
        Caller { tenant: TenantId::DEFAULT, role: Role::Ingest, token: [token; 32], may_ban: false }
    }
}
