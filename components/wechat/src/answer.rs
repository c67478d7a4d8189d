//! Reads WeCom's answers. One `match`, every branch visible.
//!
//! The verdict is in the body, mostly of a 200: a number, `errcode`, which becomes the code. The
//! numbers are those that copies of the documentation and clients of others agree on.

use campanile_guest::{
    Attempt, Certainty, Ending, Failure, Finding, HttpError, Outcome, Proof, Response, Scope,
    Verdict, cut, plain,
};
use serde::Deserialize;

/// A robot that was told too often is to be left alone for so long, in milliseconds.
const PAUSE_MS: u32 = 60_000;

const DETAIL_BYTES_MAX: usize = 300;

const BUSY: i64 = -1;
const INVALID_PARAMETER: i64 = 40_058;
const EMPTY_CONTENT: i64 = 44_004;
const TOO_LONG: i64 = 45_002;
const TOO_OFTEN: i64 = 45_009;
const TOO_MANY_AT_ONCE: i64 = 45_033;
const FORBIDDEN: i64 = 48_002;
const ADDRESS_NOT_ALLOWED: i64 = 60_020;

/// What WeCom says of a message.
#[derive(Deserialize)]
struct Said {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// What the answer to a message about so many alerts means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    alerts: usize,
    attempt: &Attempt,
) -> Outcome {
    match answer {
        Ok(answer) => verdict(&answer, alerts, answer.retry_after_ms(attempt.now.unix_ms)),
        Err(error) => error.into(),
    }
}

/// What the answer to an empty message shows. That a live robot refuses it with these numbers is
/// how WeCom behaves, and nowhere promised.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    let said = said(&answer);
    let facts = vec![
        ("status".into(), answer.status.to_string()),
        ("errcode".into(), said.as_ref().map_or("none".into(), |said| said.errcode.to_string())),
        ("heuristic".into(), "true".into()),
    ];
    let finding = |certainty, summary: String| Ok(Finding { certainty, summary, facts });
    match said.as_ref().map(|said| said.errcode) {
        Some(INVALID_PARAMETER | EMPTY_CONTENT) => {
            let summary = "the robot refused an empty message as a live one does; a heuristic, \
                           nothing was posted";
            return finding(Certainty::Likely, summary.into());
        }
        Some(0) => {
            let summary = "the server took an empty message, which a robot of WeCom does not; a \
                           heuristic";
            return finding(Certainty::Reachable, summary.into());
        }
        _ => {}
    }
    match verdict(&answer, 1, None).verdicts.pop() {
        Some(Verdict::Failed(
            failure @ (Failure::Misconfigured(_)
            | Failure::Unavailable(_)
            | Failure::RateLimited(_)
            | Failure::Uncertain(_)),
        )) => Err(failure),
        _ => {
            let told = told(&answer, said.as_ref());
            let summary = format!(
                "the server is there, but did not answer an empty message as a robot of WeCom \
                 does; a heuristic: {told}"
            );
            finding(Certainty::Reachable, summary)
        }
    }
}

fn verdict(answer: &Response, alerts: usize, wait_ms: Option<u32>) -> Outcome {
    let said = said(answer);
    let number = said.as_ref().map(|said| said.errcode);
    let told = told(answer, said.as_ref());
    let outcome = match (answer.status, number) {
        (200..300, Some(0)) => Outcome::delivered(Proof::Confirmed),
        // It broke off before the number that is the verdict.
        (200..300, None) if answer.ending == Ending::Cut => Outcome::uncertain(told),
        // A page of something in between.
        (200..300, None) => Outcome::unavailable(format!("{told}; expected JSON with `errcode`"))
            .concerning(Scope::Endpoint),
        (200..300, Some(number)) => refused(number, told, alerts, wait_ms),
        (401 | 403 | 404 | 407 | 410, _) => Outcome::misconfigured(Scope::Endpoint, told),
        (300..400, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{told}; redirects are not followed: set `webhook_url` to where it is now"),
        ),
        (408 | 425, _) => Outcome::unavailable(told).after(wait_ms),
        (413, _) => Outcome::too_large(told),
        (429, _) => Outcome::rate_limited(wait_ms.or(Some(PAUSE_MS)), Scope::Endpoint),
        (400..500, _) => Outcome::rejected(told),
        (500.., _) => Outcome::unavailable(told).after(wait_ms).concerning(Scope::Endpoint),
        // An upgrade that nobody asked for.
        (..200, _) => Outcome::misconfigured(Scope::Endpoint, told),
    };
    match number.filter(|number| *number != 0) {
        Some(number) => outcome.coded(&number),
        None => outcome.coded(&answer.status),
    }
}

/// A number that is not 0.
fn refused(number: i64, told: String, alerts: usize, wait_ms: Option<u32>) -> Outcome {
    match number {
        BUSY | TOO_MANY_AT_ONCE => {
            Outcome::unavailable(told).after(wait_ms).concerning(Scope::Endpoint)
        }
        // It does not say for how long.
        TOO_OFTEN => {
            let wait_ms = wait_ms.unwrap_or_default().max(PAUSE_MS);
            Outcome::rate_limited(Some(wait_ms), Scope::Endpoint)
        }
        // The key is wrong, or the robot was removed, disabled or is not in the group.
        93_000..94_000 => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{told}; see whether the robot is in the group, and set its URL or key again"),
        ),
        FORBIDDEN | ADDRESS_NOT_ALLOWED => Outcome::misconfigured(Scope::Endpoint, told),
        // One of the alerts spoils it for the others: alone it is seen which.
        INVALID_PARAMETER | EMPTY_CONTENT | TOO_LONG if alerts > 1 => Outcome::too_large(told),
        _ => Outcome::rejected(told),
    }
}

fn said(answer: &Response) -> Option<Said> {
    // A list would be read as one, too.
    let is_object = answer.body.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(&answer.body).ok().filter(|_| is_object)
}

/// For people: the status, and WeCom's number and words.
fn told(answer: &Response, said: Option<&Said>) -> String {
    let Some(said) = said else { return answer.excerpt() };
    let words = plain::line(&said.errmsg);
    let blank = if words.is_empty() { "" } else { ": " };
    let told = format!("answered {}, errcode {}{blank}{words}", answer.status, said.errcode);
    cut::bytes(&told, DETAIL_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests;
