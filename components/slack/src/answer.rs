//! Reads a webhook's answer. One `match`, every branch visible.
//!
//! The verdict is in the body: a word such as `no_service`, which becomes the code.

use campanile_guest::{
    Attempt, Certainty, Ending, Failure, Finding, HttpError, Outcome, Proof, Response, Scope,
    Verdict,
};

use crate::settings::Settings;

/// What the answer to a message means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    settings: &Settings,
    attempt: &Attempt,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let outcome = verdict(&answer, answer.retry_after_ms(attempt.now.unix_ms));
    if settings.is_sender_ignored {
        return outcome.warned(
            "the sender's name and icon were not sent: the webhook of a Slack app always posts \
             under the app's; remove `sender_username`, `username` and `icon_emoji`, or use the \
             `mode` `bot`",
        );
    }
    outcome
}

/// What the answer to an empty message shows. That a live webhook refuses it in these words is
/// how Slack behaves, and nowhere promised.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    let facts = vec![
        ("status".into(), answer.status.to_string()),
        ("answer".into(), code(&answer)),
        ("heuristic".into(), "true".into()),
    ];
    if let (400, "no_text" | "invalid_payload") = (answer.status, answer.text().trim()) {
        let summary = "the webhook refused an empty message as a live one does; a heuristic, \
                       nothing was posted";
        return Ok(Finding { certainty: Certainty::Likely, summary: summary.into(), facts });
    }
    match verdict(&answer, None).verdicts.pop() {
        Some(Verdict::Failed(
            failure @ (Failure::Misconfigured(_)
            | Failure::Unavailable(_)
            | Failure::RateLimited(_)
            | Failure::Uncertain(_)),
        )) => Err(failure),
        _ => {
            let summary = format!(
                "the server is there, but did not answer an empty message as a webhook of Slack \
                 does; a heuristic: {}",
                answer.excerpt()
            );
            Ok(Finding { certainty: Certainty::Reachable, summary, facts })
        }
    }
}

fn verdict(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let said = answer.excerpt();
    let outcome = match (answer.status, answer.text().trim()) {
        // It broke off before the word that is the verdict.
        (200, _) if answer.ending == Ending::Cut => Outcome::uncertain(said),
        (200, "ok") => Outcome::delivered(Proof::Confirmed),
        (400, "user_not_found") => Outcome::misconfigured(Scope::Recipient, said),
        (404, "no_service" | "no_active_hooks") => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; the webhook was removed: make a new one and set `webhook_url`"),
        ),
        (401 | 403 | 404 | 407 | 410, _) => Outcome::misconfigured(Scope::Endpoint, said),
        (300..400, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; redirects are not followed: set `webhook_url` to where it is now"),
        ),
        (408 | 425, _) => Outcome::unavailable(said).after(wait_ms),
        (413, _) => Outcome::too_large(said),
        (429, _) => Outcome::rate_limited(wait_ms, Scope::Endpoint),
        // `invalid_payload`, `no_text`, `too_many_attachments`, `invalid_blocks`, and what is new.
        (400..500, _) => Outcome::rejected(said),
        (500.., _) => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
        // Slack says 200 and `ok`, and nothing else.
        (200..300, _) => Outcome::rejected(format!("{said}; expected 200 and `ok`")),
        // An upgrade that nobody asked for.
        (..200, _) => Outcome::misconfigured(Scope::Endpoint, said),
    };
    outcome.coded(&code(answer))
}

/// Slack's word where the body is one, else the status.
fn code(answer: &Response) -> String {
    word(&answer.text()).map_or_else(|| answer.status.to_string(), str::to_owned)
}

/// `text`, if it is one of Slack's words.
pub(crate) fn word(text: &str) -> Option<&str> {
    let word = text.trim();
    let is_of_word = |one: u8| one.is_ascii_lowercase() || one == b'_';
    ((1..=64).contains(&word.len()) && word.bytes().all(is_of_word)).then_some(word)
}

#[cfg(test)]
mod tests;
