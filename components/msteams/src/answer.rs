//! Reads the answer of a Workflows webhook. One `match`, every branch visible.
//!
//! What it says is that a run of the flow began, or why not. Whether the flow then posted the card
//! nobody tells us: `accepted` is the most that is ever claimed.

use campanile_guest::{
    Attempt, Certainty, Fault, Finding, HttpError, Outcome, Proof, Response, Scope,
};
use serde_json::Value;

use crate::settings::Settings;

/// What connectors said in the body of a 200, and servers that stand in for them may.
const THROTTLED: &str = "returned HTTP error 429";

const UNKNOWN_HOST: &str = "`webhook_url` is at no host by which Workflows is known \
                            (*.logic.azure.com, *.api.powerplatform.com): check that cards arrive";

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
    if settings.is_known_host() { outcome } else { outcome.warned(UNKNOWN_HOST) }
}

/// What can be known without posting: that the settings are such as a webhook has.
pub(crate) fn find(settings: &Settings) -> Result<Finding, Fault> {
    settings.url()?;
    let is_known = settings.is_known_host();
    let mut summary = "the URL is such as a webhook has; nothing was sent, since a webhook of \
                       Workflows has no test that posts nothing: send a test alert"
        .to_owned();
    if !is_known {
        summary.push_str("; ");
        summary.push_str(UNKNOWN_HOST);
    }
    let facts = vec![("known_host".into(), is_known.to_string())];
    Ok(Finding { certainty: Certainty::Unchecked, summary, facts })
}

fn verdict(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let said = answer.excerpt();
    let code = code(answer);
    let outcome = match (answer.status, code.as_str()) {
        (200, _) if answer.text().contains(THROTTLED) => {
            return Outcome::rate_limited(wait_ms, Scope::Endpoint).coded(&429);
        }
        (200 | 202, _) => Outcome::delivered(Proof::Accepted),
        (400, "WorkflowTriggerIsNotEnabled") => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; the flow is off: turn it on in Power Automate"),
        ),
        (401 | 403 | 407, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!(
                "{said}; copy the URL of the webhook again, and let anyone trigger the flow: one \
                 for users of the tenant alone takes nothing from here"
            ),
        ),
        (404 | 410, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; the flow is gone: make a new one and set `webhook_url`"),
        ),
        (300..400, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; redirects are not followed: set `webhook_url` to where it is now"),
        ),
        (408 | 425, _) => Outcome::unavailable(said).after(wait_ms),
        (413, _) => Outcome::too_large(said),
        (429, _) => Outcome::rate_limited(wait_ms, Scope::Endpoint),
        // `InvalidRequestContent`, `TriggerInputSchemaMismatch`, and what is new.
        (400..500, _) => Outcome::rejected(said),
        (500.., _) => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
        // Something else than Workflows is there.
        (..300, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; Workflows answers 202: check `webhook_url`"),
        ),
    };
    outcome.coded(&code)
}

/// The word in `{"error":{"code":...}}`, else the status.
fn code(answer: &Response) -> String {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    answer.code(body.as_ref().and_then(|body| body["error"]["code"].as_str()))
}
