//! Who asks.
//!
//! Promise: nothing here is a credential. The settings hold placeholders, the engine's answers are
//! placeholders, and what they stand for is filled in when the request has left this component.

use campanile_guest::secrets::{Encoding, Piece, SecretError, compose};
use campanile_guest::{Fault, Scope, settings};

use crate::settings::{Auth, Settings};

/// The value of `Authorization`, where the settings ask for one.
pub(crate) fn authorization(settings: &Settings) -> Result<Option<String>, Fault> {
    let missing = |name, what_to_do| settings::missing(Scope::Endpoint, name, what_to_do);
    match settings.auth {
        Auth::None => Ok(None),
        Auth::Basic => {
            let name = settings.username.as_ref();
            let name = name.ok_or_else(|| missing("username", "`auth` is `basic`"))?;
            let mut pieces = vec![Piece::Text(format!("{name}:"))];
            if settings.has_password {
                pieces.push(Piece::Secret("password".into()));
            }
            let pair = compose(&pieces, Encoding::Base64).map_err(|error| fault(&error))?;
            Ok(Some(format!("Basic {pair}")))
        }
        Auth::ApiKey => {
            let key = settings.api_key.as_ref();
            let key = key.ok_or_else(|| missing("api_key", "`auth` is `api_key`"))?;
            Ok(Some(format!("ApiKey {key}")))
        }
        Auth::Bearer => {
            let token = settings.bearer_token.as_ref();
            let token = token.ok_or_else(|| missing("bearer_token", "`auth` is `bearer`"))?;
            Ok(Some(format!("Bearer {token}")))
        }
    }
}

fn fault(error: &SecretError) -> Fault {
    let why = match error {
        SecretError::Unknown => "the engine knows no such secret",
        SecretError::Denied(detail) | SecretError::Other(detail) => detail,
    };
    Fault::new(Scope::Endpoint, "credentials", format!("setting `password`: {why}"))
}
