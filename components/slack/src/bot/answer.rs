//! Reads an answer of the Web API. The verdict is in the body: `ok`, and the word in `error`.
//!
//! Source: the errors on the page of each method.

use campanile_guest::{
    Attempt, Certainty, Ending, Failure, Finding, HttpError, Outcome, Proof, Reason, Receipt,
    Response, Scope, Verdict, cut, plain,
};
use serde_json::Value;

use super::Token;
use crate::answer::word;

/// Where Slack names no time.
const WAIT_MS: u32 = 60_000;

const FACT_BYTES_MAX: usize = 256;

/// The message that was to be changed or answered cannot be: for this reason.
pub(super) fn gone(answer: &Response) -> Option<&'static str> {
    const WORDS: [&str; 7] = [
        "message_not_found",
        "thread_not_found",
        "cant_update_message",
        "edit_window_closed",
        "cannot_reply_to_message",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
    ];
    let said = Said::of(answer)?;
    WORDS.into_iter().find(|word| !said.is_ok() && said.error() == Some(word))
}

/// What the answer to a message means. `thread`: the first message of the thread it went into.
pub(super) fn judge(
    answer: Result<Response, HttpError>,
    thread: Option<&str>,
    attempt: &Attempt,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let wait_ms = answer.retry_after_ms(attempt.now.unix_ms);
    match Said::of(&answer) {
        Some(said) if said.is_ok() && (200..300).contains(&answer.status) => {
            Outcome::of(Verdict::Delivered(said.receipt(thread)))
        }
        said => failed(&answer, said.as_ref(), wait_ms),
    }
}

/// Whether the token is good, and what it may do.
pub(super) fn token(answer: Result<Response, HttpError>) -> Result<Token, Failure> {
    let answer = answer?;
    let said = match Said::of(&answer) {
        Some(said) if said.is_ok() => said,
        said => return Err(failure(failed(&answer, said.as_ref(), None))),
    };
    let scopes = answer.header("x-oauth-scopes");
    let scopes: Option<Vec<String>> =
        scopes.map(|list| list.split(',').map(|one| one.trim().to_owned()).collect());
    let mut facts = said.facts(&["team", "user", "url"]);
    facts.extend(scopes.as_ref().map(|scopes| fact("scopes", &scopes.join(", "))));
    let token = Token { scopes, facts };
    if token.scopes.is_some() && !token.has("chat:write") {
        let detail = "the token lacks the scope `chat:write`; give it to the app, install it \
                      again, and set `bot_token`";
        return Err(failure(
            Outcome::misconfigured(Scope::Endpoint, detail).coded("missing_scope"),
        ));
    }
    Ok(token)
}

/// Whether the channel takes messages of this token.
pub(super) fn channel(
    answer: Result<Response, HttpError>,
    mut token: Token,
) -> Result<Finding, Failure> {
    let answer = answer?;
    let said = Said::of(&answer);
    let channel = match &said {
        Some(said) if said.is_ok() => &said.0["channel"],
        Some(said) if said.error() == Some("missing_scope") => {
            let summary = "the token works; whether it may post to the channel it cannot be asked \
                           without the scope `channels:read` (`groups:read` for a private one)";
            let found = token.found(summary);
            return Ok(Finding { certainty: Certainty::Likely, ..found });
        }
        said => return Err(failure(failed(&answer, said.as_ref(), None))),
    };
    token.facts.extend(channel["name"].as_str().map(|name| fact("channel", name)));
    let is = |name: &str| channel[name].as_bool().unwrap_or(false);
    let is_open = !is("is_private") && token.has("chat:write.public");
    let why = if is("is_archived") {
        "is_archived"
    } else if channel["is_member"] == false && !is("is_im") && !is_open {
        "not_in_channel"
    } else {
        return Ok(token.found("the token works, and may post to the channel"));
    };
    Err(failure(Outcome::misconfigured(Scope::Recipient, advice(why)).coded(why)))
}

/// A body that is an object with `ok`.
struct Said(Value);

impl Said {
    fn of(answer: &Response) -> Option<Self> {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        body["ok"].is_boolean().then_some(Self(body))
    }

    fn is_ok(&self) -> bool {
        self.0["ok"] == true
    }

    fn error(&self) -> Option<&str> {
        self.0["error"].as_str().and_then(word)
    }

    fn receipt(&self, thread: Option<&str>) -> Receipt {
        let remote_id = match (self.0["channel"].as_str(), self.0["ts"].as_str()) {
            (Some(channel), Some(ts)) => Some(match thread {
                Some(thread) => format!("{channel}:{ts}:{thread}"),
                None => format!("{channel}:{ts}"),
            }),
            _ => None,
        };
        let warning = self.0["warning"].as_str().filter(|one| *one != "missing_charset");
        Receipt {
            remote_id,
            duplicate: false,
            proof: Proof::Confirmed,
            warning: warning.map(|one| format!("Slack warns: {}", short(one))),
            detail: String::new(),
        }
    }

    fn facts(&self, names: &[&str]) -> Vec<(String, String)> {
        let told = names.iter().filter_map(|name| Some(fact(name, self.0[*name].as_str()?)));
        told.collect()
    }
}

/// `said`: the body, if it is one of the Web API.
fn failed(answer: &Response, said: Option<&Said>, wait_ms: Option<u32>) -> Outcome {
    let error = said.filter(|said| !said.is_ok()).and_then(Said::error);
    let Some(error) = error else { return by_status(answer, wait_ms) };
    let detail = match said.and_then(|said| said.0["needed"].as_str()) {
        Some(needed) => format!("{error}: the token lacks the scope `{}`", short(needed)),
        None => advice(error),
    };
    let outcome = match (error, answer.status) {
        ("rate_limited" | "ratelimited" | "message_limit_exceeded", _) | (_, 429) => {
            Outcome::rate_limited(wait_ms.or(Some(WAIT_MS)), Scope::Endpoint)
        }
        (
            "invalid_auth"
            | "account_inactive"
            | "token_revoked"
            | "token_expired"
            | "not_authed"
            | "not_allowed_token_type"
            | "missing_scope"
            | "no_permission"
            | "access_denied"
            | "accesslimited"
            | "org_login_required"
            | "ekm_access_denied"
            | "enterprise_is_restricted"
            | "two_factor_setup_required"
            | "team_access_not_granted"
            | "unknown_method"
            | "deprecated_endpoint"
            | "method_deprecated",
            _,
        ) => Outcome::misconfigured(Scope::Endpoint, detail),
        ("channel_not_found" | "not_in_channel" | "is_archived" | "messages_tab_disabled", _) => {
            Outcome::misconfigured(Scope::Recipient, detail)
        }
        (error, _) if error.starts_with("restricted_action") => {
            Outcome::misconfigured(Scope::Recipient, detail)
        }
        // "It's possible some aspect of the operation succeeded before the error was raised."
        ("fatal_error", _) => Outcome::uncertain(detail),
        ("internal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org", _)
        | (_, 500..) => Outcome::unavailable(detail).after(wait_ms).concerning(Scope::Endpoint),
        // `msg_too_long`, `msg_blocks_too_long`, `invalid_blocks`, `invalid_arguments`, `no_text`,
        // `too_many_attachments`, and what is new.
        _ => Outcome::rejected(detail),
    };
    outcome.coded(error)
}

/// What answers so is no Web API, or something before it.
fn by_status(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let said = answer.excerpt();
    let outcome = match answer.status {
        200..300 if answer.ending != Ending::Complete => Outcome::uncertain(said),
        200..300 | 300..400 | ..200 => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{said}; expected an answer of Slack's Web API: correct `api_base`"),
        ),
        401 | 403 | 404 | 405 | 407 | 410 => Outcome::misconfigured(Scope::Endpoint, said),
        408 | 425 => Outcome::unavailable(said).after(wait_ms),
        413 => Outcome::too_large(said),
        429 => Outcome::rate_limited(wait_ms.or(Some(WAIT_MS)), Scope::Endpoint),
        400..500 => Outcome::rejected(said),
        500.. => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
    };
    outcome.coded(&answer.status)
}

/// Slack's word, and what to do about it.
fn advice(error: &str) -> String {
    let to_do = match error {
        "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired" | "not_authed" => {
            "set `bot_token` to a token that is valid"
        }
        "not_allowed_token_type" => "set `bot_token` to the token of a bot (xoxb-...)",
        "missing_scope" => "give the app the scope `chat:write` and install it again",
        "channel_not_found" => "set `channel` to the id of a channel that the app can see",
        "not_in_channel" => {
            "invite the app to the channel, or give it the scope `chat:write.public`"
        }
        "is_archived" => "the channel is archived: set `channel` to another one",
        _ => return error.to_owned(),
    };
    format!("{error}; {to_do}")
}

fn failure(mut outcome: Outcome) -> Failure {
    match outcome.verdicts.pop() {
        Some(Verdict::Failed(failure)) => failure,
        _ => Failure::Other(Reason { code: "answer".into(), detail: String::new() }),
    }
}

fn fact(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), short(value))
}

/// Text that came with an answer, fit to be shown.
fn short(text: &str) -> String {
    cut::bytes(&plain::line(text), FACT_BYTES_MAX).to_owned()
}
