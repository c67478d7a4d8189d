//! One request to a token server, and what its answer says (RFC 6749, 4.4, 5 and 6).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::slot::Ask;
use super::{Client, TokenError, unavailable};
use crate::capability::http::{HttpDoor, HttpGate};
use crate::ids::Secret;
use crate::runtime::bindings::http as contract;

/// Longest token that a header has room for.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Longest wait that a server is believed to ask for.
const AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// What a token server gave.
pub(super) struct Granted {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    pub(super) lives: Option<Duration>,
    /// How the client proved itself.
    pub(super) in_body: bool,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("lives", &self.lives).finish_non_exhaustive()
    }
}

/// Asks for a token. A client proves itself in a header, which every server must take (RFC 6749,
/// 2.3.1); where one refuses it all the same, in the body.
pub(super) async fn ask(
    gate: Arc<HttpGate>,
    client: &Client,
    ask: &Ask,
    until: Instant,
) -> Result<Granted, TokenError> {
    let url = Url::parse(&client.token_url).ok();
    if url.is_none_or(|url| url.scheme() != "https" && !client.clear_text) {
        let detail = "its URL is not `https://`, and clear text is not granted to this endpoint";
        return Err(TokenError::Denied { code: "clear-text".into(), detail: detail.into() });
    }
    let mut door = HttpDoor::new(gate, client.grant.clone());
    door.begin(until);
    let has_secret = client.client_secret.is_some();
    let mut in_body = ask.in_body || !has_secret;
    loop {
        let sent = door.ask(request(client, ask.refresh.as_ref(), in_body)).await;
        let answer = sent.map_err(failed)?;
        match read(&answer, in_body) {
            // The header was not understood, or the secret is wrong: the body will tell.
            Err(TokenError::Refused { code }) if has_secret && in_body == ask.in_body => {
                let is_about_client = answer.status == 401 || code == "invalid_client";
                if !is_about_client {
                    return Err(TokenError::Refused { code });
                }
                in_body = !in_body;
            }
            read => return read,
        }
    }
}

fn request(client: &Client, refresh: Option<&Secret>, in_body: bool) -> contract::Request {
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
    ];
    let mut form = Serializer::new(String::new());
    match refresh {
        Some(refresh) => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", refresh.expose());
        }
        None => {
            form.append_pair("grant_type", "client_credentials");
        }
    }
    if let Some(scope) = &client.scope {
        form.append_pair("scope", scope);
    }
    match &client.client_secret {
        Some(secret) if !in_body => {
            headers.push(("authorization".to_owned(), basic(client, secret)))
        }
        secret => {
            form.append_pair("client_id", &client.client_id);
            if let Some(secret) = secret {
                form.append_pair("client_secret", secret.expose());
            }
        }
    }
    contract::Request {
        method: contract::Method::Post,
        url: client.token_url.clone(),
        headers,
        body: form.finish().into_bytes(),
        filling: contract::Filling::None,
        coding: contract::Coding::Identity,
        timeout_ms: None,
    }
}

/// Both halves are encoded as in a form, before all else.
fn basic(client: &Client, secret: &Secret) -> String {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(byte_serialize(client.client_id.as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(secret.expose().as_bytes()));
    format!("Basic {}", STANDARD.encode(pair.as_bytes()))
}

/// The parts of an answer that matter; servers add others.
#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "secret")]
    access_token: Option<Secret>,
    token_type: Option<String>,
    /// A number, which some servers write as a text.
    expires_in: Option<Value>,
    #[serde(default, deserialize_with = "secret")]
    refresh_token: Option<Secret>,
    error: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(Secret::new))
}

fn read(answer: &contract::Response, in_body: bool) -> Result<Granted, TokenError> {
    let parsed = serde_json::from_slice::<Answer>(&answer.body).ok();
    if answer.status != 200 {
        return Err(refusal(answer, parsed.and_then(|parsed| parsed.error)));
    }
    let wrong = |expected| Err(TokenError::Answer { expected });
    let Some(parsed) = parsed.filter(|_| answer.ending == contract::Ending::Complete) else {
        return wrong("a JSON object");
    };
    // Some servers have no other status than 200.
    if let Some(error) = parsed.error {
        return Err(refusal(answer, Some(error)));
    }
    if parsed.token_type.is_some_and(|sort| !sort.eq_ignore_ascii_case("bearer")) {
        return wrong("`token_type` to be `Bearer`");
    }
    let is_token = |token: &Secret| {
        let token = token.expose();
        let is_short = (1..=TOKEN_BYTES_MAX).contains(&token.len());
        is_short && token.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
    };
    let Some(access_token) = parsed.access_token.filter(is_token) else {
        return wrong("an `access_token` of 1 to 8,192 visible characters");
    };
    let refresh_token = parsed.refresh_token.filter(|token| !token.expose().is_empty());
    if refresh_token.as_ref().is_some_and(|token| !is_token(token)) {
        return wrong("a `refresh_token` of 1 to 8,192 visible characters");
    }
    let lives = parsed.expires_in.and_then(|lives| match lives {
        Value::Number(number) => number.as_u64().or_else(|| {
            let lives = Duration::try_from_secs_f64(number.as_f64()?);
            lives.ok().map(|lives| lives.as_secs())
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    Ok(Granted { access_token, refresh_token, lives: lives.map(Duration::from_secs), in_body })
}

/// What an answer means that brings no token. Only the word for it is told on: descriptions repeat
/// what was sent.
fn refusal(answer: &contract::Response, error: Option<String>) -> TokenError {
    let status = answer.status;
    let is_word = |error: &String| {
        error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let code = error.filter(is_word).unwrap_or_else(|| format!("status {status}"));
    let is_passing = matches!(status, 408 | 429 | 500..)
        || matches!(code.as_str(), "server_error" | "temporarily_unavailable" | "slow_down");
    if !is_passing {
        return TokenError::Refused { code };
    }
    let after = answer.headers.iter().find(|(name, _)| name == "retry-after");
    let after = after.and_then(|(_, value)| value.parse().ok()).map(Duration::from_secs);
    TokenError::Unavailable { detail: code, after: after.map(|after| after.min(AFTER_MAX)) }
}

/// What kept a request from being answered.
fn failed(error: contract::HttpError) -> TokenError {
    match error {
        contract::HttpError::Denied(problem) | contract::HttpError::Untrusted(problem) => {
            TokenError::Denied { code: problem.code, detail: problem.detail }
        }
        contract::HttpError::Busy(busy) => {
            let after = busy.retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
            TokenError::Unavailable { detail: busy.detail, after }
        }
        contract::HttpError::Unreachable(problem)
        | contract::HttpError::NoAnswer(problem)
        | contract::HttpError::Other(problem) => unavailable(&problem.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> contract::Response {
        contract::Response {
            status,
            headers: vec![("retry-after".into(), "7".into())],
            body: body.into(),
            ending: contract::Ending::Complete,
        }
    }

    #[test]
    fn an_answer_is_a_token_or_says_why_not() {
        let refused = |code: &str| Some(TokenError::Refused { code: code.into() });
        let later = |detail: &str| {
            let after = Some(Duration::from_secs(7));
            Some(TokenError::Unavailable { detail: detail.into(), after })
        };
        let unusable = |expected| Some(TokenError::Answer { expected });
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(TOKEN_BYTES_MAX + 1));
        let table = [
            (200, r#"{"access_token":"t","token_type":"bearer","expires_in":3600}"#, None),
            (200, r#"{"access_token":"t","expires_in":"3600","extra":[1]}"#, None),
            (200, r#"{"access_token":"t","expires_in":3600.5}"#, None),
            (
                200,
                r#"{"access_token":"t","token_type":"mac"}"#,
                unusable("`token_type` to be `Bearer`"),
            ),
            (200, "{}", unusable("an `access_token` of 1 to 8,192 visible characters")),
            (
                200,
                r#"{"access_token":"a\r\nb"}"#,
                unusable("an `access_token` of 1 to 8,192 visible characters"),
            ),
            (200, &long, unusable("an `access_token` of 1 to 8,192 visible characters")),
            (200, "<html>", unusable("a JSON object")),
            (200, r#"{"error":"invalid_grant"}"#, refused("invalid_grant")),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"secret"}"#,
                refused("invalid_grant"),
            ),
            (400, r#"{"error":"a secret"}"#, refused("status 400")),
            (401, "", refused("status 401")),
            (302, "", refused("status 302")),
            (400, r#"{"error":"temporarily_unavailable"}"#, later("temporarily_unavailable")),
            (429, "", later("status 429")),
            (503, "", later("status 503")),
        ];
        for (status, body, expected) in table {
            let read = read(&answer(status, body), false);
            if let Ok(granted) = &read {
                assert_eq!(granted.access_token.expose(), "t", "{body}");
                assert_eq!(granted.lives, Some(Duration::from_secs(3600)), "{body}");
            }
            assert_eq!(read.err(), expected, "{status} {body}");
        }
    }

    #[test]
    fn what_came_in_part_is_no_token() {
        let mut cut = answer(200, r#"{"access_token":"t"}"#);
        cut.ending = contract::Ending::Cut;
        assert!(read(&cut, false).is_err());
    }
}
