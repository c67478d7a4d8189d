//! Keys: how they are written, and which opens what.
//!
//! A key's id is made from it, so that a stored value can name its key, and nobody can find the key
//! from the name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::VaultError;

const KEY_BYTES: usize = 32;
/// Begins each line of a file with keys.
const LABEL: &str = "campanile-key-1 ";
/// Largest text of keys: 67 of them.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;

/// Names a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

pub(super) struct Key {
    /// On the heap, so that it is moved nowhere.
    bytes: Box<Zeroizing<[u8; KEY_BYTES]>>,
    id: KeyId,
}

impl Key {
    pub(super) fn generate() -> Result<Self, VaultError> {
        let mut bytes = Box::new(Zeroizing::new([0; KEY_BYTES]));
        getrandom::fill(&mut **bytes).map_err(VaultError::Random)?;
        Ok(Self::of(bytes))
    }

    pub(super) fn new(given: &[u8; KEY_BYTES]) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; KEY_BYTES]));
        bytes.copy_from_slice(given);
        Self::of(bytes)
    }

    fn of(bytes: Box<Zeroizing<[u8; KEY_BYTES]>>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"campanile-key-id-1");
        hash.update(bytes.as_slice());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.finalize()[..8]);
        Self { bytes, id: KeyId(id) }
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        Self::new(&self.bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The newest seals; each opens what it sealed. Never empty.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    newest: Key,
    older: Vec<Key>,
}

impl Keys {
    pub(super) fn of(newest: Key) -> Self {
        Self { newest, older: Vec::new() }
    }

    /// What `text` says: `campanile-key-1 BASE64` lines, the newest first; or one key alone, as
    /// base64, hexadecimal digits, or its 32 bytes. `None`: none of these.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        // A password that happens to be 32 characters long is no key.
        let is_text = text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        if let (Ok(bytes), false) = (text.try_into(), is_text) {
            return Some(Self::of(Key::new(bytes)));
        }
        let text = std::str::from_utf8(text).ok()?.trim();
        let mut keys = if text.starts_with(LABEL) {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(|line| key(line.strip_prefix(LABEL)?)).collect::<Option<Vec<_>>>()?
        } else {
            vec![key(text)?]
        };
        let newest = keys.remove(0);
        let mut all = Self::of(newest);
        keys.into_iter().for_each(|key| all.add(key));
        Some(all)
    }

    /// As `parse` reads it.
    pub(super) fn text(&self) -> Zeroizing<String> {
        // A line is 60 bytes long; a buffer that grows leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(64 * (1 + self.older.len())));
        for key in self.iter() {
            text.push_str(LABEL);
            let mut line = Zeroizing::new([0; 44]);
            // 32 bytes are 44 characters of base64, always.
            if STANDARD.encode_slice(key.bytes(), &mut *line).is_ok() {
                text.push_str(std::str::from_utf8(&*line).unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }

    pub(super) fn newest(&self) -> &Key {
        &self.newest
    }

    pub(super) fn get(&self, id: KeyId) -> Option<&Key> {
        self.iter().find(|key| key.id == id)
    }

    pub(super) fn ids(&self) -> Vec<KeyId> {
        self.iter().map(Key::id).collect()
    }

    /// With `newest` before all of these.
    pub(super) fn led_by(&self, newest: Key) -> Self {
        let mut all = Self::of(newest);
        self.iter().for_each(|key| all.add(key.clone()));
        all
    }

    /// The newest, and those older ones that are still needed.
    pub(super) fn only(&self, is_needed: impl Fn(KeyId) -> bool) -> Self {
        let older = self.older.iter().filter(|key| is_needed(key.id)).cloned().collect();
        Self { newest: self.newest.clone(), older }
    }

    /// As the oldest, unless it is here.
    pub(super) fn add(&mut self, key: Key) {
        if self.get(key.id).is_none() {
            self.older.push(key);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

/// One key as text.
fn key(text: &str) -> Option<Key> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if text.len() == 2 * KEY_BYTES {
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * at..2 * at + 2).filter(|two| !two.contains('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(Key::new(&bytes));
    }
    let mut decoded = Zeroizing::new([0_u8; KEY_BYTES + 1]);
    let plain = text.trim_end_matches('=');
    let is_padded = text.len() == 44 || text.len() == plain.len();
    let length = STANDARD_NO_PAD.decode_slice(plain, &mut *decoded).ok()?;
    if length != KEY_BYTES || !is_padded {
        return None;
    }
    bytes.copy_from_slice(&decoded[..KEY_BYTES]);
    let key = Key::new(&bytes);
    decoded.zeroize();
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_were_written() {
        let mut keys = Keys::of(Key::generate().unwrap());
        for _ in 0..3 {
            keys = keys.led_by(Key::generate().unwrap());
        }
        let text = keys.text();
        assert_eq!(text.lines().count(), 4);
        let read = Keys::parse(text.as_bytes()).unwrap();
        assert_eq!(read.ids(), keys.ids());
        assert_eq!(read.newest().bytes(), keys.newest().bytes());
        let shown = format!("{keys:?}");
        assert!(!text.lines().any(|line| shown.contains(&line[LABEL.len()..])), "{shown}");
    }

    #[test]
    fn one_key_alone_may_be_base64_hexadecimal_or_its_bytes() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7 % 256).unwrap());
        let id = Key::new(&bytes).id();
        let base64 = STANDARD.encode(bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let table: [(&str, Vec<u8>, bool); 16] = [
            ("bytes", bytes.to_vec(), true),
            ("base64", base64.clone().into(), true),
            ("with line end", format!("{base64}\r\n").into(), true),
            ("without padding", base64.trim_end_matches('=').into(), true),
            ("hexadecimal", hex.clone().into(), true),
            ("in capitals", hex.to_uppercase().into(), true),
            ("labeled", format!("{LABEL}{base64}").into(), true),
            ("labeled twice", format!("{LABEL}{base64}\n\n{LABEL}{base64}\n").into(), true),
            ("nothing", vec![], false),
            ("31 bytes", vec![200; 31], false),
            ("33 bytes", vec![200; 33], false),
            ("a password of 32", "correct-horse-battery-staple-123".into(), false),
            ("wrong padding", format!("{base64}=").into(), false),
            ("signs among digits", hex.replacen("00", "+1", 1).into(), false),
            ("two bare ones", format!("{base64}\n{base64}").into(), false),
            ("another label", format!("campanile-key-2 {base64}").into(), false),
        ];
        for (what, text, is_good) in table {
            let read = Keys::parse(&text).map(|keys| keys.ids());
            assert_eq!(read, is_good.then(|| vec![id]), "{what}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_file_holds_it_is_read_or_refused(
            text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            lines in proptest::collection::vec("campanile-key-1 [A-Za-z0-9+/]{43}=", 1..4),
        ) {
            for text in [text, lines.join("\n").into_bytes()] {
                if let Some(keys) = Keys::parse(&text) {
                    let again = Keys::parse(keys.text().as_bytes()).unwrap();
                    proptest::prop_assert_eq!(again.ids(), keys.ids());
                }
            }
        }
    }
}
