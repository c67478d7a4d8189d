use proptest::prelude::*;

use super::super::credential::tests::credential;
use super::super::derived::{PIECES_BYTES_MAX, PIECES_MAX};
use super::super::fill::{Fill, Toward};
use super::super::{Credential, Form};
use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const HERE: &str = "https://hooks.example:443";
const THERE: &str = "https://links.example:443";

fn ring(list: Vec<Credential>) -> Keyring {
    Keyring::mint(Arc::new(Credentials::new(list).unwrap()))
}

fn password(value: &str) -> Credential {
    credential("password", value, &["header:authorization", "header:x-sum"])
}

fn key(value: &str) -> Credential {
    let mut key = credential("key", value, &["key"]);
    key.form = Form::Key;
    key.signs_into = vec!["header:x-sum".parse().unwrap()];
    key
}

/// Sends a header, as a request would.
fn sent(keyring: &mut Keyring, value: &str) -> String {
    let toward = Toward { to: HERE, is_safe: true };
    let filled = Fill::new(keyring, toward).header("x-sum", value, b"the body").unwrap();
    String::from_utf8(filled.unwrap().to_vec()).unwrap()
}

fn answered(keyring: &Keyring, peer: &str, answer: &str) -> String {
    let redacted = keyring.redacted_from(peer, answer.as_bytes());
    String::from_utf8(redacted.unwrap_or_else(|| answer.into())).unwrap()
}

#[test]
fn macs_are_those_of_the_standards() {
    // RFC 2202 and RFC 4231, test case 2.
    let table = [
        (Algorithm::HmacSha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (Algorithm::HmacSha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            Algorithm::HmacSha512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ];
    for (algorithm, expected) in table {
        let mut keyring = ring(vec![key("Jefe")]);
        let pieces = vec![
            Signed::Bytes(b"what do ya ".to_vec()),
            Signed::Bytes(b"want for nothing?".to_vec()),
        ];
        let value = keyring.sign("key", algorithm, pieces, Encoding::Hex).unwrap();
        assert_eq!(sent(&mut keyring, &value), expected, "{algorithm:?}");
        assert_eq!(answered(&keyring, HERE, &format!("<{expected}>")), "<[redacted]>");
    }
}

#[test]
fn text_that_was_composed_of_no_secret_is_no_secret() {
    let mut keyring = ring(vec![password("open sesame")]);
    for text in ["", "a", "a long enough text"] {
        let value = keyring.compose(vec![Piece::Text(text.into())], Encoding::Plain).unwrap();
        assert_eq!(sent(&mut keyring, &value), text);
        assert_eq!(answered(&keyring, HERE, "a long enough text"), "a long enough text");
        let mut body = b"a long enough text, and more of it that makes it longer".to_vec();
        keyring.redact_body(HERE, &mut body, false);
        assert!(keyring.stream(HERE).push(&body).starts_with(b"a long"));
    }
    let none = keyring.compose(vec![], Encoding::Plain).unwrap();
    assert_eq!(sent(&mut keyring, &none), "");
}

#[test]
fn each_call_has_room_for_its_own_values() {
    let mut keyring = ring(vec![password("open sesame"), key("a key")]);
    let sign = |keyring: &mut Keyring| {
        keyring.sign("key", Algorithm::HmacSha256, vec![Signed::Body], Encoding::Base64)
    };
    let first = sign(&mut keyring).unwrap();
    let mac = sent(&mut keyring, &first);
    for _ in 1..DERIVED_MAX {
        sign(&mut keyring).unwrap();
    }
    assert!(sign(&mut keyring).is_err(), "a bound");
    keyring.begin();
    let found = keyring.find(first.as_bytes()).count();
    assert_eq!(found, 0, "an earlier call's");
    sign(&mut keyring).unwrap();
    assert_eq!(answered(&keyring, HERE, &mac), "[redacted]", "it was sent all the same");
}

#[test]
fn what_costs_too_much_is_not_signed_nor_composed() {
    let mut keyring = ring(vec![password("open sesame"), key("a key")]);
    let table = [
        vec![Signed::Body, Signed::Body],
        vec![Signed::Bytes(vec![0; PIECES_BYTES_MAX + 1])],
        vec![Signed::Bytes(vec![]); PIECES_MAX + 1],
    ];
    for pieces in table {
        let signed = keyring.sign("key", Algorithm::HmacSha256, pieces, Encoding::Hex);
        assert!(matches!(signed, Err(SecretError::Denied(_))), "{signed:?}");
    }
    let many = vec![Piece::Secret("password".into()); PIECES_MAX + 1];
    assert!(keyring.compose(many, Encoding::Plain).is_err());
    assert!(matches!(
        keyring.sign("password", Algorithm::HmacSha256, vec![], Encoding::Hex),
        Err(SecretError::Denied(_))
    ));
    assert!(matches!(
        keyring.sign("none", Algorithm::HmacSha256, vec![], Encoding::Hex),
        Err(SecretError::Unknown)
    ));
}

#[test]
fn only_who_may_have_a_secret_is_searched_for_it() {
    let mut other = credential("other", "another secret", &["header:x-other"]);
    other.bound_to = vec![THERE.to_owned()];
    let mut keyring = ring(vec![password("open sesame"), other]);
    let pieces = vec![Piece::Text("u:".into()), Piece::Secret("password".into())];
    let basic = keyring.compose(pieces, Encoding::Base64).unwrap();
    let basic = sent(&mut keyring, &basic);
    let answer = format!("open sesame, another secret, {basic}");
    let table = [
        (HERE, "[redacted], another secret, [redacted]".to_owned()),
        // A server that was never given a secret would be asked what it thinks of guesses.
        (THERE, format!("open sesame, [redacted], {basic}")),
        ("https://elsewhere.example:443", answer.clone()),
    ];
    for (peer, expected) in table {
        assert_eq!(answered(&keyring, peer, &answer), expected, "{peer}");
    }
    assert_eq!(keyring.redact_text(answer), "[redacted], [redacted], [redacted]", "in records");
}

#[test]
fn a_cut_answer_does_not_tell_how_a_secret_begins() {
    let keyring = ring(vec![password("xoxb-correct-horse")]);
    let cut = |tail: &str| {
        let mut body = format!("{}{tail}", "x".repeat(200)).into_bytes();
        keyring.redact_body(HERE, &mut body, false);
        String::from_utf8(body).unwrap()
    };
    let right = cut("xoxb-correct-hors");
    assert_eq!(right, cut("xoxb-wrong-guess!"));
    assert!(right.ends_with("xx[redacted]") && !right.contains("xoxb"), "{right}");
    let whole = "xoxb-correct-horse";
    let after = "z".repeat(100);
    assert!(cut(&format!("{whole}{after}")).contains("xx[redacted]zz"));
    // It began before the end that is left out.
    assert!(!cut(&format!("{whole}zz")).contains("horse"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a value is, and however an echo is cut, no spelling of it comes through.
    #[test]
    fn no_spelling_comes_through_whole_or_in_pieces(
        value in "[!-~é ]{6,30}",
        before in "[a-z ]{0,9}",
        user in "[a-z]{0,4}",
        cuts in proptest::collection::vec(1_usize..9, 0..60),
    ) {
        let mut keyring = ring(vec![password(&value)]);
        let pieces = vec![Piece::Text(format!("{user}:")), Piece::Secret("password".into())];
        let basic = keyring.compose(pieces, Encoding::Base64).unwrap();
        let basic = sent(&mut keyring, &basic);
        let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let quoted = serde_json::Value::from(value.as_str()).to_string();
        let mut url = url::Url::parse("https://h/").unwrap();
        url.path_segments_mut().unwrap().push(&value);
        let segment = url.path()[1..].to_owned();
        let spellings = [
            value.clone(), basic, form, segment,
            quoted[1..quoted.len() - 1].to_owned(),
            STANDARD.encode(&value).trim_end_matches('=').to_owned(),
        ];
        for spelled in spellings {
            let answer = format!("{before}|{spelled}|end");
            let shown = answered(&keyring, HERE, &answer);
            prop_assert!(!shown.contains(&spelled), "{} in {}", spelled, shown);
            let (mut stream, mut shown) = (keyring.stream(HERE), Vec::new());
            let mut rest = answer.as_bytes();
            for cut in &cuts {
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                shown.extend(stream.push(piece));
                rest = more;
            }
            shown.extend(stream.push(rest));
            shown.extend(stream.finish());
            let shown = String::from_utf8_lossy(&shown).into_owned();
            prop_assert!(!shown.contains(&spelled), "{} in {}", spelled, shown);
        }
    }
}
