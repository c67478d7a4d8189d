//! The credentials of one recipient at its endpoint, as the stores of its calls may use them.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::Ed25519KeyPair;
use url::Url;
use zeroize::Zeroizing;

use super::redact::Redactor;
use super::{Decoding, Form, Place};
use crate::ids::Secret;

/// Secrets of one recipient.
const CREDENTIALS_MAX: usize = 256;

/// One secret, and where it may go.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Name of the setting; `headers.X-Key` for one value of an object of headers.
    pub setting: String,
    pub value: Secret,
    pub form: Form,
    pub places: Vec<Place>,
    /// For a key: where signatures made with it may stand.
    pub signs_into: Vec<Place>,
    pub decode: Decoding,
    /// Normal forms of the origins and targets that it may be sent to.
    pub bound_to: Vec<String>,
}

/// All credentials of one recipient at its endpoint. Made once for each version of them.
#[derive(Default)]
pub struct Credentials {
    pub(super) held: Vec<Held>,
    redactor: Arc<Redactor>,
    /// By what they are bound to: whoever was never given a secret cannot show it, and must not be
    /// used to try guesses out.
    redactors: Vec<(String, Arc<Redactor>)>,
}

/// A credential with what is made of its value.
pub(super) struct Held {
    pub(super) credential: Credential,
    pub(super) sort: Sort,
    /// Number of its first placeholder in a keyring.
    pub(super) first: usize,
}

pub(super) enum Sort {
    Text,
    Url(Parts),
    Key(Key),
}

/// A secret URL, taken apart.
pub(super) struct Parts {
    /// `https://host` or `https://host:port`, without what is secret.
    pub(super) origin: String,
    /// After the `/` that follows the origin.
    pub(super) path: Secret,
    /// After the `?`.
    pub(super) query: Option<Secret>,
}

pub(super) enum Key {
    Symmetric(Zeroizing<Vec<u8>>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A secret whose value cannot be what its manifest says. Never shows the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{setting}`: {expected}")]
pub struct CredentialError {
    pub setting: String,
    pub expected: &'static str,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} of them)", self.held.len())
    }
}

impl Credentials {
    pub fn new(credentials: Vec<Credential>) -> Result<Self, CredentialError> {
        let (mut held, mut first) = (Vec::with_capacity(credentials.len()), 0);
        for credential in credentials {
            let sort = match credential.form {
                Form::Text => Sort::Text,
                Form::Url => Sort::Url(parts(&credential)?),
                Form::Key => Sort::Key(key(&credential)?),
            };
            let count = 1 + usize::from(matches!(&sort, Sort::Url(parts) if parts.query.is_some()));
            held.push(Held { credential, sort, first });
            first += count;
        }
        // So many have room in a placeholder, beside those that are composed and signed.
        if let Some(beyond) = held.get(CREDENTIALS_MAX) {
            let expected = "expected at most 256 secrets at one recipient";
            return Err(CredentialError { setting: beyond.credential.setting.clone(), expected });
        }
        let redactor = Arc::new(Redactor::new(held.iter()));
        let mut redactors: Vec<(String, Arc<Redactor>)> = Vec::new();
        for to in held.iter().flat_map(|one| &one.credential.bound_to) {
            if redactors.iter().all(|(known, _)| known != to) {
                let is_bound = |one: &&Held| one.credential.bound_to.contains(to);
                let made = match held.iter().all(|one| is_bound(&one)) {
                    true => Arc::clone(&redactor),
                    false => Arc::new(Redactor::new(held.iter().filter(is_bound))),
                };
                redactors.push((to.clone(), made));
            }
        }
        Ok(Self { held, redactor, redactors })
    }

    /// These and others, behind them.
    pub fn with(&self, more: Vec<Credential>) -> Result<Self, CredentialError> {
        let held = self.held.iter().map(|held| held.credential.clone());
        Self::new(held.chain(more).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Finds these values, in every usual spelling, where they must not be shown.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Finds those that are bound to `to`; `None`: there are none.
    pub(super) fn redactor_toward(&self, to: &str) -> Option<&Arc<Redactor>> {
        self.redactors.iter().find(|(bound, _)| bound == to).map(|(_, redactor)| redactor)
    }

    pub(super) fn position(&self, setting: &str) -> Option<usize> {
        self.held.iter().position(|one| one.credential.setting == setting)
    }
}

fn parts(credential: &Credential) -> Result<Parts, CredentialError> {
    let expected = "expected an http or https URL with a host, without user and fragment";
    let wrong = || CredentialError { setting: credential.setting.clone(), expected };
    let url = Url::parse(credential.value.expose()).map_err(|_| wrong())?;
    let is_good = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    if !is_good {
        return Err(wrong());
    }
    let path = url.path();
    let parts = Parts {
        origin: url[..url::Position::BeforePath].to_owned(),
        path: Secret::new(path.strip_prefix('/').unwrap_or(path).to_owned()),
        query: url.query().map(|query| Secret::new(query.to_owned())),
    };
    // The text of the URL was parsed into a buffer of its own.
    drop(Zeroizing::new(String::from(url)));
    Ok(parts)
}

fn key(credential: &Credential) -> Result<Key, CredentialError> {
    let wrong = |expected| CredentialError { setting: credential.setting.clone(), expected };
    let text = credential.value.expose();
    let base64 = |text: &str, expected| {
        STANDARD.decode(text).map(Zeroizing::new).map_err(|_| wrong(expected))
    };
    match credential.decode {
        Decoding::Raw if text.is_empty() => Err(wrong("expected a key that is not empty")),
        Decoding::Raw => Ok(Key::Symmetric(Zeroizing::new(text.as_bytes().to_vec()))),
        Decoding::Base64 => base64(text, "expected a key in base64").map(Key::Symmetric),
        Decoding::Hex => hexadecimal(text)
            .map(Key::Symmetric)
            .ok_or_else(|| wrong("expected a key in hexadecimal")),
        Decoding::Whsec => {
            let expected = "expected `whsec_` and base64 of 24 to 64 bytes";
            let text = text.strip_prefix("whsec_").ok_or_else(|| wrong(expected))?;
            let key = base64(text, expected)?;
            if !(24..=64).contains(&key.len()) {
                return Err(wrong(expected));
            }
            Ok(Key::Symmetric(key))
        }
        Decoding::Whsk => {
            let expected = "expected `whsk_` and base64 of the 32 bytes of an Ed25519 seed, or of seed and public key";
            let text = text.strip_prefix("whsk_").ok_or_else(|| wrong(expected))?;
            let bytes = base64(text, expected)?;
            let pair = match bytes.split_at_checked(32) {
                Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
                Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
                None => return Err(wrong(expected)),
            };
            pair.map(|pair| Key::Ed25519(Box::new(pair))).map_err(|_| wrong(expected))
        }
    }
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |one: u8| char::from(one).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?));
    bytes.collect::<Option<Vec<_>>>().map(Zeroizing::new)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn credential(setting: &str, value: &str, places: &[&str]) -> Credential {
        Credential {
            setting: setting.to_owned(),
            value: Secret::new(value.to_owned()),
            form: Form::Text,
            places: places.iter().map(|place| place.parse().unwrap()).collect(),
            signs_into: Vec::new(),
            decode: Decoding::Raw,
            bound_to: vec!["https://hooks.example:443".to_owned()],
        }
    }

    #[test]
    fn a_key_is_read_as_its_manifest_says_and_never_shown() {
        let seed = STANDARD.encode([7; 32]);
        let table = [
            (Decoding::Raw, "x".to_owned(), true),
            (Decoding::Raw, String::new(), false),
            (Decoding::Hex, "00fF".into(), true),
            (Decoding::Hex, "0".into(), false),
            (Decoding::Hex, "0g".into(), false),
            (Decoding::Base64, "aGk=".into(), true),
            (Decoding::Base64, "hunter2!".into(), false),
            (Decoding::Whsec, format!("whsec_{}", STANDARD.encode([1; 24])), true),
            (Decoding::Whsec, format!("whsec_{}", STANDARD.encode([1; 64])), true),
            (Decoding::Whsec, format!("whsec_{}", STANDARD.encode([1; 23])), false),
            (Decoding::Whsec, format!("whsec_{}", STANDARD.encode([1; 65])), false),
            (Decoding::Whsec, STANDARD.encode([1; 24]), false),
            (Decoding::Whsk, format!("whsk_{seed}"), true),
            (Decoding::Whsk, format!("whsk_{}", STANDARD.encode([7; 64])), false),
            (Decoding::Whsk, format!("whsk_{}", STANDARD.encode([7; 31])), false),
        ];
        for (decode, value, is_good) in table {
            let mut one = credential("signing_key", &value, &["key"]);
            (one.form, one.decode) = (Form::Key, decode);
            let made = Credentials::new(vec![one]);
            assert_eq!(made.is_ok(), is_good, "{decode:?} {value}");
            if let Err(error) = made {
                assert_eq!(error.setting, "signing_key");
                assert!(value.is_empty() || !error.to_string().contains(&value));
            }
        }
    }

    #[test]
    fn a_secret_url_is_an_origin_that_is_shown_and_two_secrets() {
        let mut one = credential("url", "https://Hooks.example/a/b?c=d", &["path", "query"]);
        one.form = Form::Url;
        let made = Credentials::new(vec![one, credential("password", "x", &[])]).unwrap();
        let Sort::Url(parts) = &made.held[0].sort else { panic!("a URL") };
        assert_eq!(parts.origin, "https://hooks.example");
        assert_eq!(parts.path.expose(), "a/b");
        assert_eq!(parts.query.as_ref().unwrap().expose(), "c=d");
        assert_eq!(made.held[1].first, 2, "the URL has two placeholders");
        let mut odd = credential("url", "https://h//a//b", &["path"]);
        odd.form = Form::Url;
        let made = Credentials::new(vec![odd]).unwrap();
        let Sort::Url(parts) = &made.held[0].sort else { panic!("a URL") };
        assert_eq!(parts.path.expose(), "/a//b", "no slash is lost");
        for wrong in ["hooks.example", "ftp://h/", "https://u:p@h/", "https://h/#f"] {
            let mut one = credential("url", wrong, &["path"]);
            one.form = Form::Url;
            assert!(Credentials::new(vec![one]).is_err(), "{wrong}");
        }
    }
}
