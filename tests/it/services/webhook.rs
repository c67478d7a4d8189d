//! Webhooks that sign, at a receiver that makes each signature anew from what it was sent, as
//! Standard Webhooks has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use campanile_tests::capture::{Capture, Request};
use campanile_tests::site::Site;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::{alerts, probes};

const SECRET: &[u8] = &[1; 24];
/// As long as a block of the hash, the most that there may be.
const PREVIOUS_SECRET: &[u8] = &[2; 64];
const SEED: [u8; 32] = [3; 32];
const PREVIOUS_SEED: [u8; 32] = [4; 32];

#[tokio::test]
async fn what_is_sent_is_signed_with_each_key_as_it_is_sent() {
    let service = Capture::answering([503]).await;
    let key = |prefix: &str, bytes: &[u8]| format!("{prefix}{}", BASE64_STANDARD.encode(bytes));
    let endpoint = json!({
        "url": service.url(),
        "signing_secret": key("whsec_", SECRET),
        "previous_signing_secret": key("whsec_", PREVIOUS_SECRET),
        "signing_key": key("whsk_", &SEED),
        "previous_signing_key": key("whsk_", &PREVIOUS_SEED),
        "shared_secret": "gr\u{fc}n\"",
        "probe_posts": true,
    });
    let recipient = json!({"payload": "standard_webhooks"});
    let site = Site::new().await.endpoint("hook", "webhook", &endpoint);
    let engine = site.recipient("ops", "hook", &recipient).start().await;
    let id = engine.accepts(&alerts()[2]).await.swap_remove(0);
    engine.reaches(&id, "delivered").await;
    let (certainty, found) = probes(&engine).await;
    assert_eq!(certainty, "proven", "{found}");

    let sent = service.requests();

    assert_eq!(sent.len(), 3, "two attempts and a probe: {sent:?}");
    for request in &sent {
        // The engine puts it in after the component has asked for the signatures.
        assert_eq!(request.json()["sharedsecret"], "gr\u{fc}n\"");
        let given: Vec<_> = header(request, "webhook-signature").split(' ').collect();
        assert_eq!(given, signatures(request), "{request:?}");
    }
    assert_eq!(sent[0].webhook_id(), sent[1].webhook_id());
    assert!(sent[2].webhook_id().starts_with("probe_") && sent[2].json()["type"] == "ping");
}

/// What a receiver that knows all four keys expects of what it was sent.
fn signatures(request: &Request) -> [String; 4] {
    let (id, seconds) = (request.webhook_id(), header(request, "webhook-timestamp"));
    let signed = [format!("{id}.{seconds}.").as_bytes(), &request.body].concat();
    let told = |version: &str, bytes: &[u8]| format!("{version},{}", BASE64_STANDARD.encode(bytes));
    [
        told("v1", &hmac(SECRET, &signed)),
        told("v1", &hmac(PREVIOUS_SECRET, &signed)),
        told("v1a", &ed25519(&SEED, &signed)),
        told("v1a", &ed25519(&PREVIOUS_SEED, &signed)),
    ]
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.header(name).unwrap_or_else(|| panic!("no {name} in {request:?}"))
}

/// RFC 2104, of a key that is no longer than a block.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let pad = |with: u8| -> [u8; 64] {
        std::array::from_fn(|at| key.get(at).copied().unwrap_or_default() ^ with)
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

/// Deterministic (RFC 8032), so equal bytes are a signature that holds.
fn ed25519(seed: &[u8; 32], text: &[u8]) -> Vec<u8> {
    // RFC 8410, 7: a private key without its public one.
    let head = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    let key = PrivatePkcs8KeyDer::from([&head[..], seed].concat());
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519).expect("a key");
    pair.sign(text).expect("a signature")
}

#[test]
fn the_receiver_makes_signatures_as_the_standards_have_them() {
    // RFC 4231, test case 2.
    let mac = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    // RFC 8032, 7.1, test 1.
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let seed: [u8; 32] = BASE64_STANDARD.decode(seed).expect("base64").try_into().expect("a seed");
    assert_eq!(ed25519(&seed, b"")[..4], [0xe5, 0x56, 0x43, 0x00]);
}
