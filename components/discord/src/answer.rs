//! Reads Discord's answers. One `match`, every branch visible.
//!
//! A refusal has a number of Discord's own in its body, which says more than the status:
//! <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>.

use campanile_guest::{
    Attempt, Certainty, Ending, Failure, Fault, Finding, HttpError, Outcome, Proof, Response,
    Scope, Verdict, cut, plain,
};
use serde_json::Value;

use crate::request;
use crate::settings::Settings;
use crate::wait;

const UNKNOWN_CHANNEL: u64 = 10_003;
const UNKNOWN_MESSAGE: u64 = 10_008;
const UNKNOWN_WEBHOOK: u64 = 10_015;
const SLOWMODE: u64 = 20_016;
const OF_ANOTHER_AUTHOR: u64 = 50_005;
const EMPTY_MESSAGE: u64 = 50_006;
const INVALID_TOKEN: u64 = 50_027;
const INVALID_FORM: u64 = 50_035;
const THREAD_ARCHIVED: u64 = 50_083;
const THREAD_LOCKED: u64 = 160_005;

/// Keys of a message that come from the recipient's settings, and not from an alert.
const OF_SETTINGS: [&str; 6] =
    ["username", "avatar_url", "thread_id", "thread_name", "applied_tags", "allowed_mentions"];

/// A webhook of a channel, and not one that passes on what another channel publishes.
const INCOMING: u64 = 1;

const DETAIL_BYTES_MAX: usize = 500;
const FACT_CHARS_MAX: usize = 100;
/// The most faults of a form that are told.
const FAULTS_MAX: usize = 5;

/// What the answer to a message about so many alerts means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    alerts: usize,
    settings: &Settings,
    attempt: &Attempt,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let mut outcome = verdict(&answer, alerts, settings, attempt.now.unix_ms);
    outcome.budgets.extend(wait::budget(&answer));
    outcome
}

/// The message, or the thread, that a request referred to is not there any more, or is closed.
pub(crate) fn is_gone(answer: &Result<Response, HttpError>) -> bool {
    let Ok(answer) = answer else { return false };
    let gone =
        [UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, OF_ANOTHER_AUTHOR, THREAD_ARCHIVED, THREAD_LOCKED];
    (400..500).contains(&answer.status)
        && said(answer).is_some_and(|said| gone.contains(&number(&said)))
}

/// What the answer about the webhook shows. That has the token in it, and is never quoted.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    let said = said(&answer);
    if answer.status == 200 {
        let text = |key: &str| {
            let text = said.as_ref().and_then(|said| said[key].as_str()).unwrap_or_default();
            (key.to_owned(), cut::chars(&plain::line(text), FACT_CHARS_MAX).to_owned())
        };
        let mut facts = vec![text("name"), text("channel_id"), text("guild_id")];
        facts.retain(|(_, value)| !value.is_empty());
        return match said.as_ref().and_then(|said| said["type"].as_u64()) {
            Some(INCOMING) => Ok(Finding {
                certainty: Certainty::Proven,
                summary: "Discord knows the webhook; nothing was posted".into(),
                facts,
            }),
            Some(_) => {
                let what = "this webhook takes no messages: make one under the channel's \
                            Integrations, Webhooks, and set `webhook_url`";
                Err(Failure::Misconfigured(Fault::new(Scope::Endpoint, "webhook-type", what)))
            }
            None => Ok(Finding {
                certainty: Certainty::Reachable,
                summary: "the server is there, but did not answer as Discord does".into(),
                facts: vec![("status".into(), "200".into())],
            }),
        };
    }
    match verdict(&answer, 1, &Settings::default(), 0).verdicts.pop() {
        Some(Verdict::Failed(
            failure @ (Failure::Misconfigured(_)
            | Failure::Unavailable(_)
            | Failure::RateLimited(_)
            | Failure::Uncertain(_)),
        )) => Err(failure),
        _ => Ok(Finding {
            certainty: Certainty::Reachable,
            summary: format!("the server is there, but says: {}", told(&answer, said.as_ref())),
            facts: vec![("status".into(), answer.status.to_string())],
        }),
    }
}

fn verdict(answer: &Response, alerts: usize, settings: &Settings, now_ms: u64) -> Outcome {
    let said = said(answer);
    let (number, told) = (said.as_ref().map_or(0, number), told(answer, said.as_ref()));
    let wait_ms = || match &said {
        Some(said) => wait::wait_ms(answer, said, now_ms),
        None => answer.retry_after_ms(now_ms),
    };
    // Whose it is that a channel is not there.
    let of_channel = if settings.thread.is_some() { Scope::Recipient } else { Scope::Endpoint };
    let outcome = match (answer.status, number) {
        (200..300, _) => return stored(answer, said.as_ref(), settings),
        (_, SLOWMODE) => Outcome::rate_limited(wait_ms(), Scope::Recipient),
        (429, _) => wait::limited(answer, said.as_ref(), now_ms),
        (_, UNKNOWN_WEBHOOK) => Outcome::misconfigured(
            Scope::Endpoint,
            format!(
                "{told}; the webhook was removed, and Discord bans who goes on using it: make a \
                 new one and set `webhook_url`"
            ),
        ),
        (_, INVALID_TOKEN) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{told}; copy the webhook's URL again and set `webhook_url`"),
        ),
        (400..500, UNKNOWN_CHANNEL | THREAD_ARCHIVED | THREAD_LOCKED) => {
            Outcome::misconfigured(of_channel, told)
        }
        (400, 220_001..=220_004) => Outcome::misconfigured(
            Scope::Recipient,
            format!(
                "{told}; a forum or media channel needs `thread_id` or `thread_name`, with \
                 `applied_tags` where it asks for tags, and any other channel takes no `thread_name`"
            ),
        ),
        (400, INVALID_FORM) if is_of_settings(said.as_ref()) => {
            Outcome::misconfigured(Scope::Recipient, told)
        }
        // One of the alerts spoils it for the others: alone it is seen which.
        (400, INVALID_FORM | EMPTY_MESSAGE) if alerts > 1 => Outcome::too_large(told),
        (401 | 403 | 404 | 407 | 410, _) => Outcome::misconfigured(Scope::Endpoint, told),
        (300..400, _) => Outcome::misconfigured(
            Scope::Endpoint,
            format!("{told}; redirects are not followed: set `webhook_url` to where it is now"),
        ),
        (408 | 425, _) => Outcome::unavailable(told).after(wait_ms()),
        (413, _) => Outcome::too_large(told),
        (400..500, _) => Outcome::rejected(told),
        (500.., _) => Outcome::unavailable(told).after(wait_ms()).concerning(Scope::Endpoint),
        // An upgrade that nobody asked for.
        (..200, _) => Outcome::misconfigured(Scope::Endpoint, told),
    };
    outcome.coded(&if number == 0 { answer.status.into() } else { number })
}

/// A 2xx: the message itself, whose id a later edit needs.
fn stored(answer: &Response, said: Option<&Value>, settings: &Settings) -> Outcome {
    let id = |key: &str| said.and_then(|said| said[key].as_str());
    match (answer.status, answer.ending, id("id")) {
        (_, Ending::Cut, None) => Outcome::uncertain("the answer breaks off").coded(&200),
        (_, _, Some(message)) => {
            let thread = id("channel_id").filter(|_| settings.thread.is_some());
            let mut outcome = Outcome::delivered(Proof::Confirmed);
            if let Some(Verdict::Delivered(receipt)) = outcome.verdicts.first_mut() {
                receipt.remote_id = Some(request::handle(thread, message));
            }
            outcome
        }
        // Something in between left out `wait`: taken in, and no word whether it was stored.
        (204, ..) => Outcome::delivered(Proof::Accepted),
        // More than is let in: only the message can be that long.
        (200, Ending::Capped, None) => Outcome::delivered(Proof::Confirmed),
        _ => Outcome::uncertain(format!(
            "{}; expected the message that was stored",
            answer.excerpt()
        ))
        .coded(&answer.status),
    }
}

/// The body, if it is a JSON object.
fn said(answer: &Response) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok().filter(Value::is_object)
}

/// Discord's number for what is wrong; 0 where there is none.
fn number(said: &Value) -> u64 {
    said["code"].as_u64().unwrap_or_default()
}

/// For people: the status, Discord's words and number, and what is wrong with which key.
fn told(answer: &Response, said: Option<&Value>) -> String {
    let Some((said, words)) = said.and_then(|said| Some((said, said["message"].as_str()?))) else {
        return answer.excerpt();
    };
    let mut told = format!("answered {}: {}", answer.status, plain::line(words));
    if number(said) != 0 {
        told.push_str(&format!(" ({})", number(said)));
    }
    let mut faults = vec![];
    collect(&said["errors"], &mut String::new(), &mut faults);
    for (at, fault) in faults.iter().enumerate() {
        told.push_str(if at == 0 { ": " } else { "; " });
        told.push_str(fault);
    }
    cut::bytes(&told, DETAIL_BYTES_MAX).to_owned()
}

/// Each fault in a form as `embeds.0.title: Must be 256 or fewer in length.`
fn collect(errors: &Value, path: &mut String, faults: &mut Vec<String>) {
    for (key, value) in errors.as_object().into_iter().flatten() {
        if key == "_errors" {
            for one in value.as_array().into_iter().flatten() {
                let words = plain::line(one["message"].as_str().unwrap_or("is wrong"));
                if faults.len() < FAULTS_MAX {
                    faults.push(format!("{path}: {words}"));
                }
            }
            continue;
        }
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(&plain::line(key));
        collect(value, path, faults);
        path.truncate(before);
    }
}

fn is_of_settings(said: Option<&Value>) -> bool {
    let errors = said.and_then(|said| said["errors"].as_object());
    errors.is_some_and(|errors| {
        !errors.is_empty() && errors.keys().all(|key| OF_SETTINGS.contains(&key.as_str()))
    })
}

#[cfg(test)]
mod tests;
