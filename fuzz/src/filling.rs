//! Placeholders in what components ask to be sent.

use std::sync::Arc;

use bolero::TypeGenerator;
use campanile::capability::secrets::{
    Credential, Credentials, Decoding, Fill, Form, Keyring, Template, Toward,
};
use campanile::ids::Secret;
use campanile::runtime::bindings::http::Filling;
use serde_json::{Map, Value};

use crate::ITERATIONS;

const PEER: &str = "https://hooks.example:443";
/// It has what every encoding escapes.
const VALUE: &str = "a\"b\\c&d=e f/g%h";

/// A text with placeholders in it.
type Pieces = Vec<Piece>;

#[derive(Debug, TypeGenerator)]
enum Piece {
    Bytes(Vec<u8>),
    /// What JSON, forms and paths are made of.
    Syntax(Syntax),
    Placeholder,
}

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Syntax {
    Open,
    Key,
    Close,
    Quote,
    Escape,
    And,
    FormKey,
    Slash,
    Question,
}

impl Syntax {
    fn text(self) -> &'static str {
        match self {
            Self::Open => "{",
            Self::Key => "\"key\":",
            Self::Close => "}",
            Self::Quote => "\"",
            Self::Escape => "\\",
            Self::And => "&",
            Self::FormKey => "key=",
            Self::Slash => "/",
            Self::Question => "?",
        }
    }
}

/// A store with one secret, and its placeholder.
fn store() -> (Keyring, String) {
    let places = ["path", "query:key", "header:authorization", "json:/key", "form:key"];
    let credential = Credential {
        setting: "key".into(),
        value: Secret::new(VALUE.into()),
        form: Form::Text,
        places: places.iter().map(|place| place.parse().expect("a place")).collect(),
        signs_into: Vec::new(),
        decode: Decoding::Raw,
        bound_to: vec![PEER.into()],
    };
    let credentials = Arc::new(Credentials::new(vec![credential]).expect("one of a kind"));
    let keyring = Keyring::mint(Arc::clone(&credentials));
    let settings = keyring.settings(&Template::new(&Map::new(), &credentials));
    let settings: Value = serde_json::from_str(&settings).expect("settings are JSON");
    (keyring, settings["key"].as_str().expect("a placeholder").to_owned())
}

fn joined(pieces: &Pieces, placeholder: &str) -> Vec<u8> {
    let mut joined = Vec::new();
    for piece in pieces {
        joined.extend_from_slice(match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Syntax(syntax) => syntax.text().as_bytes(),
            Piece::Placeholder => placeholder.as_bytes(),
        });
    }
    joined
}

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn a_body_of_json_is_filled_in_one_whole_string_or_not_at_all() {
    let said = [("content-type".to_owned(), "application/json".to_owned())];
    bolero::check!().with_iterations(ITERATIONS).with_type::<Pieces>().for_each(|pieces| {
        let (mut keyring, placeholder) = store();
        let body = joined(pieces, &placeholder);
        let mut fill = Fill::new(&mut keyring, Toward { to: PEER, is_safe: true });
        let Ok(Some(filled)) = fill.body(&body, Filling::Json, &said) else { return };
        assert!(!holds(&filled, &placeholder));
        // Whoever reads it finds the same document, with the secret in place of the placeholder.
        let asked: Value = serde_json::from_slice(&body).expect("it was taken as JSON");
        let mut sent: Value = serde_json::from_slice(&filled).expect("it is still JSON");
        assert_eq!(sent["key"], VALUE);
        sent["key"] = placeholder.into();
        assert_eq!(sent, asked);
    });
}

#[test]
fn a_form_is_filled_in_one_whole_value_or_not_at_all() {
    let said = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    bolero::check!().with_iterations(ITERATIONS).with_type::<Pieces>().for_each(|pieces| {
        let (mut keyring, placeholder) = store();
        let body = joined(pieces, &placeholder);
        let mut fill = Fill::new(&mut keyring, Toward { to: PEER, is_safe: true });
        let Ok(Some(filled)) = fill.body(&body, Filling::Form, &said) else { return };
        assert!(!holds(&filled, &placeholder));
        let values = |body: &[u8]| -> Vec<(String, String)> {
            url::form_urlencoded::parse(body).into_owned().collect()
        };
        let asked = values(&body).into_iter().map(|(name, value)| {
            let value = if value == placeholder { VALUE.to_owned() } else { value };
            (name, value)
        });
        assert_eq!(values(&filled), asked.collect::<Vec<_>>());
    });
}

#[test]
fn a_path_and_a_header_keep_every_byte_around_the_secret() {
    bolero::check!().with_iterations(ITERATIONS).with_type::<Pieces>().for_each(|pieces| {
        let (mut keyring, placeholder) = store();
        let text = String::from_utf8_lossy(&joined(pieces, &placeholder)).into_owned();
        let mut fill = Fill::new(&mut keyring, Toward { to: PEER, is_safe: true });
        if let Ok(Some(filled)) = fill.path(&text) {
            let in_url = "a%22b%5Cc%26d%3De%20f%2Fg%25h";
            assert_eq!(*filled, text.replace(&placeholder, in_url));
        }
        let mut fill = Fill::new(&mut keyring, Toward { to: PEER, is_safe: true });
        if let Ok(Some(filled)) = fill.header("authorization", &text, b"") {
            assert_eq!(&filled[..], text.replace(&placeholder, VALUE).as_bytes());
        }
    });
}

#[test]
fn nothing_is_filled_toward_another_peer_or_in_clear() {
    bolero::check!().with_iterations(ITERATIONS).with_type::<Pieces>().for_each(|pieces| {
        for toward in [
            Toward { to: "https://hooks.example.evil:443", is_safe: true },
            Toward { to: PEER, is_safe: false },
        ] {
            let (mut keyring, placeholder) = store();
            let body = joined(pieces, &placeholder);
            let text = String::from_utf8_lossy(&body).into_owned();
            let mut fill = Fill::new(&mut keyring, toward);
            assert!(!matches!(fill.path(&text), Ok(Some(_))));
            assert!(!matches!(fill.header("authorization", &text, b""), Ok(Some(_))));
            for filling in [Filling::Json, Filling::Form] {
                let sort = match filling {
                    Filling::Form => "application/x-www-form-urlencoded",
                    _ => "application/json",
                };
                let said = [("content-type".to_owned(), sort.to_owned())];
                assert!(!matches!(fill.body(&body, filling, &said), Ok(Some(_))));
            }
        }
    });
}

#[test]
fn an_answer_that_was_searched_does_not_hold_the_secret() {
    bolero::check!().with_iterations(ITERATIONS).with_type::<Pieces>().for_each(|pieces| {
        let (keyring, _) = store();
        let answer = joined(pieces, VALUE);
        if let Some(redacted) = keyring.redacted(&answer) {
            assert!(!holds(&redacted, VALUE));
        } else {
            assert!(!holds(&answer, VALUE));
        }
    });
}
