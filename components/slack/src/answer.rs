//! Reads Slack's answer. One `match`, every branch visible.

use campanile_guest::{
    Certainty, Failure, Fault, Finding, HttpError, Outcome, Proof, Response, Scope, cut,
};

use crate::settings::Settings;

/// Where Slack asks for time and does not say how much.
const WAIT_MS: u32 = 1_000;

/// What the answer to a message means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    settings: &Settings,
    now_ms: u64,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let wait_ms = answer.retry_after_ms(now_ms);
    let said = answer.excerpt();
    let word = word(&answer);
    let outcome = match (answer.status, word.as_str()) {
        (200, "ok") => delivered(settings),
        // The status is good, and Slack did not say that it shows the message.
        (200, _) => Outcome::rejected(said),
        (400, "user_not_found") => Outcome::misconfigured(Scope::Recipient, said),
        (400, _) => Outcome::rejected(said),
        (403 | 404 | 410, _) => Outcome::misconfigured(Scope::Endpoint, said),
        (408, _) => Outcome::unavailable(said).after(wait_ms),
        (413, _) => Outcome::too_large(said),
        (429, _) => Outcome::rate_limited(wait_ms.or(Some(WAIT_MS)), Scope::Endpoint),
        (401 | 407, _) | (300..400, _) => Outcome::misconfigured(Scope::Endpoint, said),
        (401..500, _) => Outcome::rejected(said),
        (500.., _) => Outcome::unavailable(said).after(wait_ms),
        (..300, _) => Outcome::misconfigured(Scope::Endpoint, said),
    };
    let code = if word.is_empty() || word == "ok" { answer.status.to_string() } else { word };
    outcome.coded(&code)
}

fn delivered(settings: &Settings) -> Outcome {
    let outcome = Outcome::delivered(Proof::Confirmed);
    match settings.sender_username {
        Some(_) => outcome.warned(
            "the webhook of an app ignores `sender_username`: only legacy webhooks take it",
        ),
        None => outcome,
    }
}

/// The answer in one word, such as `no_service`; empty where it is something else.
fn word(answer: &Response) -> String {
    let text = answer.text();
    let text = text.trim();
    let is_word = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { cut::bytes(text, 64).to_owned() } else { String::new() }
}

/// What the answer to an empty message shows. No document says so: that a live webhook refuses it
/// and a dead one is not there is what it does.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    let word = word(&answer);
    let facts = vec![("status".into(), answer.status.to_string()), ("answer".into(), word.clone())];
    match (answer.status, word.as_str()) {
        (400, "no_text" | "invalid_payload") => Ok(Finding {
            certainty: Certainty::Likely,
            summary: "the webhook is there: it refuses an empty message, as live ones do".into(),
            facts,
        }),
        (401 | 403 | 404 | 410, _) => {
            let code = if word.is_empty() { answer.status.to_string() } else { word };
            Err(Failure::Misconfigured(Fault::new(Scope::Endpoint, code, answer.excerpt())))
        }
        (status, _) => Ok(Finding {
            certainty: Certainty::Reachable,
            summary: format!("the server is there and answers an empty message with {status}"),
            facts,
        }),
    }
}
