//! Reads TheHive's answers. Each has its `match`, every branch visible.
//!
//! A refusal has a body: `{"type":"CreateError","message":"..."}`. The type becomes the code.

use campanile_guest::{
    Attempt, Certainty, Failure, Fault, Finding, HttpError, Outcome, Proof, Response, Scope,
    Verdict, plain,
};
use serde_json::Value;

use crate::message::is_id;

/// What a user needs to create alerts.
const PERMISSION: &str = "manageAlert/create";

/// What the answer to a new alert says.
pub(crate) enum Created {
    Told(Outcome),
    /// TheHive has an alert of this type, source and `sourceRef`.
    IsThere,
}

/// What the answer to a new alert means.
pub(crate) fn created(answer: Result<Response, HttpError>, attempt: &Attempt) -> Created {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Created::Told(error.into()),
    };
    let body = body(&answer);
    // One of its observables may be there twice, too: then it is not taken.
    let is_there = body["type"] == "CreateError"
        && body["message"].as_str().is_some_and(|message| {
            message.contains("already exist") && !message.starts_with("Observable")
        });
    match answer.status {
        400 if is_there => Created::IsThere,
        201 => Created::Told(match id(&body) {
            Some(id) => known_by(Some(id), Outcome::delivered(Proof::Confirmed)),
            None => Outcome::delivered(Proof::Confirmed)
                .warned("TheHive answered 201, but no `_id` came whole with it"),
        }),
        _ => Created::Told(failed(&answer, answer.retry_after_ms(attempt.now.unix_ms))),
    }
}

/// What the answer to a change of the alert `id` means.
pub(crate) fn changed(answer: Result<Response, HttpError>, id: &str, attempt: &Attempt) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    match answer.status {
        200 | 204 => known_by(Some(id), Outcome::delivered(Proof::Confirmed)),
        // Somebody deleted it: there is nothing to mark.
        404 if body(&answer)["type"] == "NotFoundError" => {
            Outcome::skipped(format!("{}; the alert is no longer in TheHive", answer.excerpt()))
        }
        _ => failed(&answer, answer.retry_after_ms(attempt.now.unix_ms)),
    }
}

/// The id of the alert that a query for it found. `None`: whatever went wrong, it is not known.
pub(crate) fn found(answer: Result<Response, HttpError>, source_ref: &Value) -> Option<String> {
    let answer = answer.ok().filter(|answer| answer.status == 200)?;
    let body = body(&answer);
    // An alert that is not ours is not to be changed, whatever the server made of the query.
    Some(&body[0]).filter(|found| &found["sourceRef"] == source_ref).and_then(id).map(str::to_owned)
}

/// The version that TheHive tells everybody.
pub(crate) fn version(answer: Result<Response, HttpError>) -> Result<Option<String>, Failure> {
    let answer = answer?;
    if answer.status == 200 {
        let body = body(&answer);
        let version = body["versions"]["TheHive"].as_str().or(body["version"].as_str());
        return Ok(version.map(plain::line));
    }
    Err(why(&answer))
}

/// What the answer to "who am I" shows.
pub(crate) fn user(
    answer: Result<Response, HttpError>,
    version: Option<&str>,
) -> Result<Finding, Failure> {
    let answer = answer?;
    if answer.status != 200 {
        return Err(why(&answer));
    }
    let body = body(&answer);
    let Some(permissions) = body["permissions"].as_array() else {
        let detail = "answered 200 without `permissions`; is this TheHive 5? check `url`";
        return Err(Failure::Misconfigured(Fault::new(Scope::Endpoint, "200", detail)));
    };
    if !permissions.iter().any(|one| one == PERMISSION) {
        let detail = format!(
            "the user of `api_key` lacks the permission `{PERMISSION}`: give it a profile that has \
             it, in the organisation of `organisation`"
        );
        return Err(Failure::Misconfigured(Fault::new(Scope::Endpoint, "permission", detail)));
    }
    let fact =
        |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), plain::line(value)));
    let facts = [
        fact("version", version),
        fact("login", body["login"].as_str()),
        fact("organisation", body["organisation"].as_str()),
    ];
    Ok(Finding {
        certainty: Certainty::Proven,
        summary: format!("TheHive knows the key, and its user has `{PERMISSION}`"),
        facts: facts.into_iter().flatten().collect(),
    })
}

/// Delivered, and under which id.
pub(crate) fn known_by(id: Option<&str>, mut outcome: Outcome) -> Outcome {
    for verdict in &mut outcome.verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            receipt.remote_id = id.map(str::to_owned);
        }
    }
    outcome
}

fn id(alert: &Value) -> Option<&str> {
    alert["_id"].as_str().filter(|id| is_id(id))
}

/// What is neither stored nor there already.
fn failed(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let said = answer.excerpt();
    let misconfigured =
        |what: &str| Outcome::misconfigured(Scope::Endpoint, format!("{said}; {what}"));
    let outcome = match answer.status {
        401 | 407 => misconfigured("set `api_key` to a key that TheHive knows"),
        403 => misconfigured(
            "the user needs `manageAlert/create` and must not be locked, and TheHive's license \
             must allow writing; check `organisation`, too",
        ),
        404 | 405 | 410 => {
            misconfigured("is this TheHive 5? check `url`; it stands without `/api`")
        }
        300..400 => misconfigured("redirects are not followed: set `url` to where TheHive is now"),
        408 | 425 => Outcome::unavailable(&said).after(wait_ms),
        413 => Outcome::too_large(&said),
        429 => Outcome::rate_limited(wait_ms, Scope::Endpoint),
        // `BadRequest`, `InvalidFormatAttributeError`, and what is new.
        400..500 => Outcome::rejected(&said),
        // 500 `GenericError` may be this alert's own.
        500 => Outcome::unavailable(&said).after(wait_ms),
        501.. => Outcome::unavailable(&said).after(wait_ms).concerning(Scope::Endpoint),
        ..300 => misconfigured("that is no answer of TheHive; check `url`"),
    };
    outcome.coded(&code(answer))
}

/// The same, for a probe.
fn why(answer: &Response) -> Failure {
    match failed(answer, None).verdicts.pop() {
        Some(Verdict::Failed(failure)) if !matches!(failure, Failure::Rejected(_)) => failure,
        _ => {
            let detail = format!("{}; is this TheHive 5? check `url`", answer.excerpt());
            Failure::Misconfigured(Fault::new(Scope::Endpoint, code(answer), detail))
        }
    }
}

/// TheHive's word where the body has one, else the status.
fn code(answer: &Response) -> String {
    answer.code(body(answer)["type"].as_str())
}

/// `null` where it is no JSON.
fn body(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
