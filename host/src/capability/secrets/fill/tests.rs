use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::credential::tests::credential;
use super::super::{Credentials, Decoding, Form, Template};
use super::*;
use crate::runtime::bindings::secrets::{Algorithm, Encoding, Piece, Signed};

const ORIGIN: &str = "https://hooks.example:443";
const HERE: Toward<'static> = Toward { to: ORIGIN, is_safe: true };

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The headers of a request with a body of this sort.
fn said(sort: &str) -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), sort.to_owned())]
}

/// A keyring over `password`, `token` and a secret URL, and what the component sees of them.
fn ring(password: &str) -> (Keyring, Value) {
    let mut url = credential("url", "https://hooks.example/T0/a%2Fb?sig=%26x", &["path", "query"]);
    url.form = Form::Url;
    let places = ["path", "query:key", "header:authorization", "json:/a/key", "form:key", "sasl"];
    let mut elsewhere = credential("elsewhere", "another secret", &places);
    elsewhere.bound_to = vec!["https://other.example:443".to_owned()];
    let mut signing = credential("signing", "key-1-key-1", &["key"]);
    signing.form = Form::Key;
    signing.signs_into = vec!["header:webhook-signature".parse().unwrap()];
    let list = vec![
        url,
        credential("password", password, &places),
        credential("token", "token-2-token", &["header:x-token"]),
        credential("headers.X-Own", "own-3-own-3", &["header:*"]),
        elsewhere,
        signing,
    ];
    let credentials = Arc::new(Credentials::new(list).unwrap());
    let keyring = Keyring::mint(Arc::clone(&credentials));
    let settings = json!({"headers": {"X-Own": {"secret": "stored"}}});
    let template = Template::new(settings.as_object().unwrap(), &credentials);
    let seen = serde_json::from_str(&keyring.settings(&template)).unwrap();
    (keyring, seen)
}

fn text<'a>(seen: &'a Value, name: &str) -> &'a str {
    seen[name].as_str().unwrap()
}

#[test]
fn a_secret_is_filled_in_as_its_place_wants_it() {
    let (mut keyring, seen) = ring("p/?&=\"\\ é");
    let password = text(&seen, "password").to_owned();
    let url = text(&seen, "url").strip_prefix("https://hooks.example").unwrap().to_owned();
    let path = |keyring: &mut Keyring, path: &str| {
        Fill::new(keyring, HERE).path(path).unwrap().unwrap().to_string()
    };
    assert_eq!(path(&mut keyring, &url), "/T0/a%2Fb?sig=%26x");
    assert_eq!(path(&mut keyring, &url.replace('?', "/more?")), "/T0/a%2Fb/more?sig=%26x");
    let in_path = path(&mut keyring, &format!("/bot{password}/send"));
    assert_eq!(in_path, "/botp%2F%3F%26%3D%22%5C%20%C3%A9/send");
    let in_query = path(&mut keyring, &format!("/send?a=b&key={password}&c=d"));
    assert_eq!(in_query, "/send?a=b&key=p%2F%3F%26%3D%22%5C%20%C3%A9&c=d");

    let body = format!(r#"{{"a": {{"key" :"{password}"}}, "b": 1}}"#);
    let filled =
        Fill::new(&mut keyring, HERE).body(body.as_bytes(), Filling::Json, &said(JSON)).unwrap();
    let filled = String::from_utf8(filled.unwrap().to_vec()).unwrap();
    assert_eq!(filled, r#"{"a": {"key" :"p/?&=\"\\ é"}, "b": 1}"#);

    let body = format!("b=1&key={password}");
    let filled =
        Fill::new(&mut keyring, HERE).body(body.as_bytes(), Filling::Form, &said(FORM)).unwrap();
    assert_eq!(&filled.unwrap()[..], b"b=1&key=p%2F%3F%26%3D%22%5C%20%C3%A9");

    let value = format!("Bearer {password}");
    let filled = Fill::new(&mut keyring, HERE).header("Authorization", &value, b"").unwrap();
    assert_eq!(&filled.unwrap()[..], "Bearer p/?&=\"\\ é".as_bytes());
    let own = seen["headers"]["X-Own"].as_str().unwrap();
    let filled = Fill::new(&mut keyring, HERE).header("x-own", own, b"").unwrap();
    assert_eq!(&filled.unwrap()[..], b"own-3-own-3");
}

#[test]
fn what_is_composed_goes_where_its_secrets_may() {
    let (mut keyring, _) = ring("open sesame");
    let pieces = vec![Piece::Text("Aladdin:".into()), Piece::Secret("password".into())];
    let basic = keyring.compose(pieces.clone(), Encoding::Base64).unwrap();
    let value = format!("Basic {basic}");
    let filled = Fill::new(&mut keyring, HERE).header("authorization", &value, b"").unwrap();
    assert_eq!(&filled.unwrap()[..], b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let line = format!("AUTH PLAIN {basic}\r\n");
    let mut login = Login::default();
    let filled = Fill::new(&mut keyring, HERE).connection(line.as_bytes(), &mut login).unwrap();
    assert_eq!(&filled.unwrap()[..], b"AUTH PLAIN QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    let line = format!("MAIL FROM:<a>\r\nDATA\r\nAUTH PLAIN {basic}\r\n");
    let refused = Fill::new(&mut keyring, HERE).connection(line.as_bytes(), &mut login);
    assert_eq!(refused.unwrap_err().why, Why::Place, "a line of a message");
    let answer = b"you said QWxhZGRpbjpvcGVuIHNlc2FtZQ==, no";
    let shown = keyring.redacted(answer).unwrap();
    assert_eq!(String::from_utf8(shown).unwrap(), "you said [redacted], no");

    let mut both = pieces;
    both.push(Piece::Secret("token".into()));
    let mixed = keyring.compose(both, Encoding::Hex).unwrap();
    for header in ["authorization", "x-token"] {
        let refused = Fill::new(&mut keyring, HERE).header(header, &mixed, b"").unwrap_err();
        assert_eq!(refused.why, Why::Place, "no place is common to both");
    }
    for name in ["signing", "url"] {
        let refused = keyring.compose(vec![Piece::Secret(name.into())], Encoding::Plain);
        assert!(refused.is_err(), "{name}");
    }
    assert!(keyring.compose(vec![Piece::Secret("none".into())], Encoding::Plain).is_err());
}

#[test]
fn a_signature_is_over_the_body_that_is_sent() {
    let list = [("v1", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Decoding::Whsec)].map(
        |(name, value, decode)| {
            let mut one = credential(name, value, &["key"]);
            (one.form, one.decode) = (Form::Key, decode);
            one.signs_into = vec!["header:webhook-signature".parse().unwrap()];
            one
        },
    );
    let mut keyring = Keyring::mint(Arc::new(Credentials::new(list.into()).unwrap()));
    // The example of the Standard Webhooks specification.
    let signed =
        vec![Signed::Bytes(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.".to_vec()), Signed::Body];
    let sign = |keyring: &mut Keyring| {
        keyring.sign("v1", Algorithm::HmacSha256, signed.clone(), Encoding::Base64).unwrap()
    };
    let value = format!("v1,{}", sign(&mut keyring));
    let body = br#"{"test": 2432232314}"#;
    let filled = Fill::new(&mut keyring, HERE).header("webhook-signature", &value, body).unwrap();
    assert_eq!(&filled.unwrap()[..], b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

    let value = sign(&mut keyring);
    let refused = Fill::new(&mut keyring, HERE).header("x-other", &value, body).unwrap_err();
    assert_eq!(refused.why, Why::Place);
    let refused = keyring.sign("v1", Algorithm::Ed25519, vec![], Encoding::Base64);
    assert!(refused.is_err(), "a symmetric key");
}

#[test]
fn an_ed25519_signature_holds_against_its_public_key() {
    use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
    let seed = [7; 32];
    let mut one = credential("k", &format!("whsk_{}", STANDARD.encode(seed)), &["key"]);
    (one.form, one.decode) = (Form::Key, Decoding::Whsk);
    one.signs_into = vec!["header:webhook-signature".parse().unwrap()];
    let mut keyring = Keyring::mint(Arc::new(Credentials::new(vec![one]).unwrap()));
    let pieces = vec![Signed::Bytes(b"msg_1.1.".to_vec()), Signed::Body];
    let value = keyring.sign("k", Algorithm::Ed25519, pieces, Encoding::Base64).unwrap();
    let filled = Fill::new(&mut keyring, HERE).header("webhook-signature", &value, b"{}").unwrap();
    let signature = STANDARD.decode(&filled.unwrap()[..]).unwrap();
    let public = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref().to_vec();
    UnparsedPublicKey::new(&ED25519, public).verify(b"msg_1.1.{}", &signature).unwrap();
}

#[test]
fn a_placeholder_anywhere_else_is_misuse_and_is_noted() {
    type Try = fn(&mut Fill<'_>, &Value) -> Result<(), Misuse>;
    #[expect(clippy::needless_pass_by_value, reason = "what is made for it")]
    fn body(fill: &mut Fill<'_>, body: String, filling: Filling) -> Result<(), Misuse> {
        let sort = if filling == Filling::Json { JSON } else { FORM };
        fill.body(body.as_bytes(), filling, &said(sort)).map(drop)
    }
    let table: [(&str, Try, Why); 18] = [
        (
            "its own token as message text",
            |f, s| body(f, json!({"text": s["password"]}).to_string(), Filling::Json),
            Why::Place,
        ),
        (
            "within a text at its place",
            |f, s| {
                body(
                    f,
                    json!({"a": {"key": format!("x{}", text(s, "password"))}}).to_string(),
                    Filling::Json,
                )
            },
            Why::Place,
        ),
        (
            "doubled within a text",
            |f, s| {
                let twice = text(s, "password").repeat(2);
                body(f, json!({"a": {"key": twice}}).to_string(), Filling::Json)
            },
            Why::Place,
        ),
        (
            "as a key",
            |f, s| body(f, format!(r#"{{"{}":1}}"#, text(s, "password")), Filling::Json),
            Why::Place,
        ),
        (
            "in what is no JSON",
            |f, s| body(f, text(s, "password").to_owned(), Filling::Json),
            Why::Place,
        ),
        (
            "another field of a form",
            |f, s| body(f, format!("text={}", text(s, "password")), Filling::Form),
            Why::Place,
        ),
        (
            "within a field of a form",
            |f, s| body(f, format!("key={}x", text(s, "password")), Filling::Form),
            Why::Place,
        ),
        (
            "another header",
            |f, s| f.header("x-note", text(s, "password"), b"").map(drop),
            Why::Place,
        ),
        (
            "another's own header",
            |f, s| f.header("x-other", s["headers"]["X-Own"].as_str().unwrap(), b"").map(drop),
            Why::Place,
        ),
        (
            "glued to letters in a header",
            |f, s| {
                f.header("authorization", &format!("Bearer{}", text(s, "password")), b"").map(drop)
            },
            Why::Place,
        ),
        ("a header's name", |f, s| f.header(text(s, "password"), "x", b"").map(drop), Why::Place),
        (
            "the host name",
            |f, s| f.authority(&format!("https://{}.hooks.example", text(s, "password"))),
            Why::Place,
        ),
        (
            "another parameter",
            |f, s| f.path(&format!("/?k={}", text(s, "password"))).map(drop),
            Why::Place,
        ),
        (
            "a path's secret in another header",
            |f, s| {
                let path = text(s, "url").split(['/', '?']).nth(3).unwrap();
                f.header("authorization", path, b"").map(drop)
            },
            Why::Place,
        ),
        (
            "a path's secret not at its beginning",
            |f, s| {
                let path = text(s, "url").split(['/', '?']).nth(3).unwrap();
                f.path(&format!("/log/{path}")).map(drop)
            },
            Why::Place,
        ),
        (
            "a key itself",
            |f, s| f.header("webhook-signature", text(s, "signing"), b"").map(drop),
            Why::Place,
        ),
        (
            "twice in one request",
            |f, s| {
                let value = format!("Bearer {}", text(s, "password"));
                f.header("authorization", &value, b"").map(drop)?;
                f.header("authorization", &value, b"").map(drop)
            },
            Why::Again,
        ),
        (
            "a secret of another origin",
            |f, s| f.header("authorization", text(s, "elsewhere"), b"").map(drop),
            Why::Origin,
        ),
    ];
    for (name, attempt, why) in table {
        let (mut keyring, seen) = ring("open sesame");
        let refused = attempt(&mut Fill::new(&mut keyring, HERE), &seen);
        let refused = refused.expect_err(name);
        assert_eq!(refused.why, why, "{name}: {refused}");
        assert!(!refused.to_string().contains("sesame"), "{name}: {refused}");
        assert_eq!(keyring.take_misuses(), [refused], "{name}");
        assert!(keyring.take_misuses().is_empty());
    }
}

#[test]
fn a_body_is_filled_only_as_what_it_is_said_to_be() {
    let utf8 = "Application/JSON; charset=\"UTF-8\"; x=y";
    let table: [(Filling, &[&str], bool); 13] = [
        (Filling::Json, &[JSON], true),
        (Filling::Json, &[utf8], true),
        (Filling::Json, &["application/problem+json"], true),
        (Filling::Form, &[FORM], true),
        (Filling::Json, &[], false),
        (Filling::Json, &[FORM], false),
        (Filling::Form, &[JSON], false),
        (Filling::Json, &["text/plain"], false),
        (Filling::Json, &["text/application/x+json"], false),
        (Filling::Json, &["application/json; charset=utf-16"], false),
        (Filling::Form, &["application/x-www-form-urlencoded; charset=utf-7"], false),
        (Filling::Json, &[JSON, FORM], false),
        (Filling::Json, &["application/json, text/plain"], false),
    ];
    for (filling, sorts, expected) in table {
        let (mut keyring, seen) = ring("open sesame");
        let password = text(&seen, "password");
        let body = match filling {
            Filling::Form => format!("key={password}"),
            _ => json!({"a": {"key": password}}).to_string(),
        };
        let headers: Vec<_> = sorts.iter().flat_map(|sort| said(sort)).collect();
        let filled = Fill::new(&mut keyring, HERE).body(body.as_bytes(), filling, &headers);
        assert_eq!(filled.is_ok(), expected, "{filling:?} {sorts:?}");
        assert_eq!(keyring.take_misuses().len(), usize::from(!expected));
        let plain = Fill::new(&mut keyring, HERE).body(b"x=1", filling, &headers);
        assert_eq!(plain.ok(), Some(None), "without a placeholder it is nobody's business");
    }
}

#[test]
fn look_alikes_and_changed_placeholders_are_text() {
    let (mut keyring, seen) = ring("open sesame");
    let (_, other) = ring("open sesame");
    let own = text(&seen, "password");
    let beyond = format!("{}77", &own[..own.len() - 2]);
    let table = [
        ("an earlier store's, or another tenant's", text(&other, "password").to_owned()),
        ("one that was not minted", beyond),
        ("upper case", own.to_uppercase()),
        ("base64", STANDARD.encode(own)),
        ("split", format!("{} {}", &own[..10], &own[10..])),
    ];
    for (name, text) in table {
        let value = format!("Bearer {text}");
        let filled = Fill::new(&mut keyring, HERE).header("authorization", &value, b"");
        assert_eq!(filled, Ok(None), "{name}");
    }
}

#[test]
fn nothing_is_filled_toward_another_origin_or_in_clear_text() {
    let (mut keyring, seen) = ring("open sesame");
    let value = format!("Bearer {}", text(&seen, "password"));
    for (to, is_safe, why) in [
        ("https://other.example:443", true, Why::Origin),
        ("https://hooks.example:8443", true, Why::Origin),
        ("http://hooks.example:443", true, Why::Origin),
        (ORIGIN, false, Why::ClearText),
    ] {
        let mut fill = Fill::new(&mut keyring, Toward { to, is_safe });
        let refused = fill.header("authorization", &value, b"").unwrap_err();
        assert_eq!((refused.why, refused.why.code()), (why, why.code()), "{to}");
    }
}

proptest! {
    #[test]
    fn a_value_comes_out_as_it_is_and_nothing_else_changes(
        value in "\\PC{1,40}",
        before in "[ -~é]{0,20}",
        after in "[ -~é]{0,20}",
    ) {
        let (mut keyring, seen) = ring(&value);
        let placeholder = text(&seen, "password");
        let body = json!({"x": before, "a": {"key": placeholder}, "z": after}).to_string();
        let filled = Fill::new(&mut keyring, HERE).body(body.as_bytes(), Filling::Json, &said(JSON));
        let filled: Value = serde_json::from_slice(&filled.unwrap().unwrap()).unwrap();
        prop_assert_eq!(&filled, &json!({"x": before, "a": {"key": value}, "z": after}));

        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("x", &before).append_pair("key", placeholder).append_pair("z", &after);
        let form = form.finish();
        let filled = Fill::new(&mut keyring, HERE).body(form.as_bytes(), Filling::Form, &said(FORM));
        let filled = filled.unwrap().unwrap();
        let pairs: Vec<_> = url::form_urlencoded::parse(&filled).into_owned().collect();
        let expected = [("x", &before), ("key", &value), ("z", &after)];
        prop_assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.clone())));

        let path = Fill::new(&mut keyring, HERE).path(&format!("/a{placeholder}/b")).unwrap();
        let url = url::Url::parse(&format!("https://h{}", path.unwrap().as_str())).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 2);
        let query = format!("key={}", &segments[0][1..]);
        let (_, read) = url::form_urlencoded::parse(query.as_bytes()).into_owned().next().unwrap();
        prop_assert_eq!(read, value);
    }
}
