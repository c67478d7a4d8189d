//! Credentials of a request: who asks, and who signs.
//!
//! Promise: nothing here is a credential. The settings hold placeholders, the engine's answers are
//! placeholders, and what they stand for is filled in when the request has left this component.

use campanile_guest::secrets::{Algorithm, Encoding, Piece, SecretError, Signed, compose, sign};
use campanile_guest::{Fault, Scope};

use crate::settings::{Settings, SigningKey};

/// The value of `Authorization`, where the settings ask for one.
pub(crate) fn authorization(settings: &Settings) -> Result<Option<String>, Fault> {
    if let Some(token) = &settings.bearer_token {
        return Ok(Some(format!("Bearer {token}")));
    }
    let Some(username) = &settings.username else { return Ok(None) };
    let mut pieces = vec![Piece::Text(format!("{username}:"))];
    if settings.has_password {
        pieces.push(Piece::Secret("password".into()));
    }
    let pair = compose(&pieces, Encoding::Base64).map_err(|error| fault("password", &error))?;
    Ok(Some(format!("Basic {pair}")))
}

/// The value of `webhook-signature` over the body that is sent: one signature for each key that
/// receivers may know. `None`: the settings have no key.
pub(crate) fn signatures(
    settings: &Settings,
    message_id: &str,
    seconds: u64,
) -> Result<Option<String>, Fault> {
    let mut signatures = Vec::with_capacity(settings.signing_keys.len());
    for key in &settings.signing_keys {
        let (version, algorithm) = match key {
            SigningKey::Symmetric(_) => ("v1", Algorithm::HmacSha256),
            SigningKey::Ed25519(_) => ("v1a", Algorithm::Ed25519),
        };
        let signed = [Signed::Bytes(format!("{message_id}.{seconds}.").into_bytes()), Signed::Body];
        let name = key.setting();
        let signature = sign(name, algorithm, &signed, Encoding::Base64)
            .map_err(|error| fault(name, &error))?;
        signatures.push(format!("{version},{signature}"));
    }
    Ok(if signatures.is_empty() { None } else { Some(signatures.join(" ")) })
}

fn fault(setting: &str, error: &SecretError) -> Fault {
    let why = match error {
        SecretError::Unknown => "the engine knows no such secret",
        SecretError::Denied(detail) | SecretError::Other(detail) => detail,
    };
    Fault::new(Scope::Endpoint, "credentials", format!("setting `{setting}`: {why}"))
}
