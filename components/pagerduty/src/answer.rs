//! Reads PagerDuty's answer. One `match`, every branch visible.
//!
//! 202 says that the event was taken in, not that there is an incident: `accepted` is the most that
//! is ever claimed.

use campanile_guest::{
    Attempt, Certainty, Failure, Finding, HttpError, Outcome, Proof, Response, Scope, Verdict,
};
use serde_json::Value;

/// "Of a few minutes", PagerDuty says, and names no time in its answer.
const WAIT_MS: u32 = 120_000;

/// What the answer to an event means. `key`: what the event was sent with.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    key: Option<&str>,
    attempt: &Attempt,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let mut outcome = verdict(&answer, answer.retry_after_ms(attempt.now.unix_ms));
    for verdict in &mut outcome.verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            let said = body(&answer);
            receipt.remote_id = said["dedup_key"].as_str().or(key).map(str::to_owned);
            if said["status"] != "success" {
                let odd = "answered 202 in other words than PagerDuty's: check `base_url`";
                receipt.warning = Some(odd.into());
            }
        }
    }
    outcome
}

/// What the answer to the end of an unknown alert shows.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    let facts =
        vec![("status".into(), answer.status.to_string()), ("heuristic".into(), "true".into())];
    let found = |certainty, summary: String| Ok(Finding { certainty, summary, facts });
    if answer.status == 202 && body(&answer)["status"] == "success" {
        let summary = "PagerDuty took the end of an alert that was never triggered, which it drops: \
                       nobody was paged; a heuristic, since a key of the right form that belongs \
                       to no service may be answered like that, too: send a test alert";
        return found(Certainty::Likely, summary.into());
    }
    match verdict(&answer, None).verdicts.pop() {
        Some(Verdict::Failed(
            failure @ (Failure::Misconfigured(_)
            | Failure::Unavailable(_)
            | Failure::RateLimited(_)
            | Failure::Uncertain(_)),
        )) => Err(failure),
        _ => {
            let said = answer.excerpt();
            let summary = format!(
                "the server is there, but did not take the end of an unknown alert as PagerDuty \
                 does; a heuristic: {said}"
            );
            found(Certainty::Reachable, summary)
        }
    }
}

fn verdict(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let said = answer.excerpt();
    let outcome = match answer.status {
        202 => Outcome::delivered(Proof::Accepted),
        // The key may be the recipient's own: others of this endpoint need not suffer for it.
        400 if speaks_of_key(answer) => {
            let what = "set `routing_key` to the integration key of an Events API v2 integration";
            return Outcome::misconfigured(Scope::Recipient, format!("{said}; {what}"))
                .coded("routing_key");
        }
        401 | 403 | 404 | 407 | 410 => {
            let what = "check `base_url`, and that the integration is of the type Events API v2";
            Outcome::misconfigured(Scope::Endpoint, format!("{said}; {what}"))
        }
        300..400 => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; redirects are not followed: set `base_url` to where it is now"),
        ),
        408 | 425 => Outcome::unavailable(said).after(wait_ms),
        413 => Outcome::too_large(said),
        // The limit is one of the key.
        429 => Outcome::rate_limited(Some(wait_ms.unwrap_or(WAIT_MS)), Scope::Recipient),
        // `invalid event`: the same again is never taken.
        400..500 => Outcome::rejected(said),
        500.. => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
        // Something else than PagerDuty is there.
        ..300 => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; PagerDuty answers 202: check `base_url`"),
        ),
    };
    outcome.coded(&answer.status)
}

/// One of `errors`, or the message, says something of the routing key.
fn speaks_of_key(answer: &Response) -> bool {
    let said = body(answer);
    let errors = said["errors"].as_array().into_iter().flatten().chain([&said["message"]]);
    errors.filter_map(Value::as_str).any(|error| {
        let error = error.to_lowercase();
        error.contains("routing_key") || error.contains("routing key")
    })
}

/// `null` where it is no JSON.
fn body(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
