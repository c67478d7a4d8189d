//! The component `thief`, which does step by step what a row of a table says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Map, Value, json};

/// Settings of an endpoint that goes nowhere, and beside them what a row wants.
pub(super) fn settings(wanted: &Value) -> Value {
    let mut settings = Map::from_iter(
        [
            ("url", "https://127.0.0.1:1/"),
            ("other", "http://127.0.0.1:1/"),
            ("hook", "https://127.0.0.1:1/"),
            ("mail", "tcp://127.0.0.1:1"),
            ("datagrams", "udp://127.0.0.1:1"),
        ]
        .map(|(name, value)| (name.to_owned(), json!(value))),
    );
    settings.extend(wanted.as_object().cloned().unwrap_or_default());
    Value::Object(settings)
}

/// A site that has the thief.
pub(super) async fn site() -> Site {
    Site::new().await.with_hostile("thief").set("retry.attempts_max", "2")
}

/// Lets the thief act with these settings, which nobody saves: what it reports, or why it cannot.
pub(super) async fn acts(engine: &Engine, wanted: &Value) -> String {
    let endpoint = json!({"kind": "thief", "endpoint_settings": settings(wanted), "send": false});
    let answer = engine.call("POST", "/v1/test", &endpoint).await;
    match answer.status {
        200 => {
            let probe = answer.json()["probe"].clone();
            probe["summary"].as_str().map_or_else(|| probe.to_string(), str::to_owned)
        }
        422 => format!("refused: {}", answer.text()),
        _ => panic!("{endpoint}: {}", answer.text()),
    }
}

/// The usual spellings of a secret, and one that no honest service uses: backwards, so that what a
/// component was shown can be told from what was taken out of its report.
pub(super) fn spellings(secret: &str) -> impl Iterator<Item = String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let inner = &secret[1..secret.len() - 1];
    // At each position that base64 may begin at, without the characters that others share.
    let base64 = (0..3).map(|skipped| {
        let text = STANDARD_NO_PAD.encode(&secret[skipped..]);
        text[..text.len() - 2].to_owned()
    });
    let backwards = inner.chars().rev().collect();
    [inner.to_owned(), hex.to_ascii_uppercase(), hex, backwards].into_iter().chain(base64)
}
