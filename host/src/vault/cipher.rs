//! One value into what is stored of it, and back: pure, but for the random nonce.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::keys::Key;
use super::{About, Owner, Sealed, VaultError};
use crate::ids::Secret;

/// Begins what is authenticated beside the value. Another form of it needs another beginning.
const FORM: &[u8] = b"campanile-secret-1";
const TAG_BYTES: usize = 16;

pub(super) fn seal(
    key: &Key,
    about: About,
    value: &Secret,
    now_ms: u64,
) -> Result<Sealed, VaultError> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
    let value = value.expose().as_bytes();
    // Large enough from the start: a buffer that grows leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len() + TAG_BYTES));
    bytes.extend_from_slice(value);
    let tag = cipher(key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &associated(&about),
            bytes.as_mut_slice().into(),
        )
        .map_err(|_| VaultError::TooLong)?;
    bytes.extend_from_slice(&tag);
    let bytes = std::mem::take(&mut *bytes);
    Ok(Sealed { about, key_id: key.id(), nonce, bytes, changed_ms: now_ms })
}

pub(super) fn open(key: &Key, sealed: &Sealed) -> Result<Secret, VaultError> {
    let altered = || VaultError::altered(sealed);
    let split = sealed.bytes.len().checked_sub(TAG_BYTES).ok_or_else(altered)?;
    let (value, tag) = sealed.bytes.split_at(split);
    let tag = Tag::try_from(tag).map_err(|_| altered())?;
    let mut value = Zeroizing::new(value.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &XNonce::from(sealed.nonce),
            &associated(&sealed.about),
            value.as_mut_slice().into(),
            &tag,
        )
        .map_err(|_| altered())?;
    match String::from_utf8(std::mem::take(&mut *value)) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(altered())
        }
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

/// Everything about a value, so written that different things never look alike: numbers have their
/// width, texts their length before them.
fn associated(about: &About) -> Vec<u8> {
    let About { tenant, owner, field, version, bound_to } = about;
    let sort: u8 = match owner {
        Owner::Endpoint(_) => 1,
        Owner::Recipient(_) => 2,
    };
    let mut all = Vec::with_capacity(FORM.len() + 33 + field.len() + bound_to.len());
    all.extend_from_slice(FORM);
    all.extend_from_slice(&tenant.0.to_be_bytes());
    all.push(sort);
    all.extend_from_slice(&owner.number().to_be_bytes());
    all.extend_from_slice(&version.to_be_bytes());
    for text in [field, bound_to] {
        all.extend_from_slice(&(text.len() as u64).to_be_bytes());
        all.extend_from_slice(text.as_bytes());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EndpointId, RecipientId, TenantId};
    use crate::vault::KeyId;

    fn about() -> About {
        About {
            tenant: TenantId(1),
            owner: Owner::Endpoint(EndpointId(7)),
            field: "password".into(),
            version: 3,
            bound_to: "https://a.example:443".into(),
        }
    }

    #[test]
    fn a_value_opens_as_it_was_and_its_stored_form_does_not_show_it() {
        let key = Key::generate().unwrap();
        for value in ["", "hunter2", "äöü\0\n", &"x".repeat(100_000)] {
            let sealed = seal(&key, about(), &Secret::new(value.into()), 5).unwrap();
            assert_eq!(open(&key, &sealed).unwrap().expose(), value);
            assert_eq!(sealed.bytes.len(), value.len() + TAG_BYTES);
            let shown =
                sealed.bytes.windows(value.len().max(1)).any(|part| part == value.as_bytes());
            assert!(!shown);
        }
        let [one, other] =
            [(); 2].map(|()| seal(&key, about(), &Secret::new("x".into()), 5).unwrap());
        assert_ne!(one.nonce, other.nonce);
    }

    #[test]
    fn whatever_is_changed_about_a_value_it_does_not_open() {
        let key = Key::generate().unwrap();
        let sealed = seal(&key, about(), &Secret::new("hunter2".into()), 5).unwrap();
        type Edit = fn(&mut Sealed);
        let edits: [(&str, Edit); 11] = [
            ("tenant", |it| it.about.tenant = TenantId(2)),
            ("owner", |it| it.about.owner = Owner::Endpoint(EndpointId(8))),
            ("sort of owner", |it| it.about.owner = Owner::Recipient(RecipientId(7))),
            ("field", |it| it.about.field = "token".into()),
            ("version", |it| it.about.version = 4),
            ("binding", |it| it.about.bound_to = "https://b.example:443".into()),
            ("border between texts", |it| {
                it.about.field = "passwordh".into();
                it.about.bound_to = "ttps://a.example:443".into();
            }),
            ("nonce", |it| it.nonce[23] ^= 1),
            ("value", |it| it.bytes[0] ^= 1),
            ("tag", |it| *it.bytes.last_mut().unwrap() ^= 128),
            ("length", |it| it.bytes.truncate(15)),
        ];
        for (what, edit) in edits {
            let mut edited = sealed.clone();
            edit(&mut edited);
            let told = open(&key, &edited).unwrap_err().to_string();
            assert!(told.contains("was changed in the store"), "{what}: {told}");
        }
        assert!(open(&Key::generate().unwrap(), &sealed).is_err(), "another key");
        assert_eq!(open(&key, &sealed).unwrap().expose(), "hunter2");
    }

    /// The test vector of draft-irtf-cfrg-xchacha-03, A.3.1, so that the cipher is the one it says.
    #[test]
    fn the_cipher_is_xchacha20_poly1305() {
        let key: Vec<u8> = (0x80..=0x9f).collect();
        let key = Key::new(<&[u8; 32]>::try_from(key.as_slice()).unwrap());
        let nonce: Vec<u8> = (0x40..=0x57).collect();
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only \
            one tip for the future, sunscreen would be it.";
        let nonce = XNonce::try_from(nonce.as_slice()).unwrap();
        let tag = cipher(&key)
            .encrypt_inout_detached(&nonce, &associated, text.as_mut_slice().into())
            .unwrap();
        assert_eq!(text[..4], [0xbd, 0x6d, 0x17, 0x9d]);
        assert_eq!(tag[..4], [0xc0, 0x87, 0x59, 0x24]);
        assert_ne!(key.id(), KeyId([0; 8]));
    }
}
