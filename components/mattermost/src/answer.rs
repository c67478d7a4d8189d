//! Reads Mattermost's answers.
//!
//! What went wrong is in the body: `id`, such as `api.context.permissions.app_error`, which becomes
//! the code. One `match`, every branch visible.

use campanile_guest::{
    Attempt, Budget, Ending, HttpError, Outcome, Proof, Response, Scope, Verdict, retry_after,
};
use serde::Deserialize;

use crate::settings::is_id;

/// The server is saving a post with this key right now.
const PENDING: &str = "api.post.deduplicate_create_post.pending";
/// By then it is saved, and the same request answers with it.
const PENDING_MS: u32 = 1000;

/// An object of the server: a post, a channel, or what went wrong.
#[derive(Debug, Default, Deserialize)]
struct Object {
    #[serde(default)]
    id: String,
    #[serde(default)]
    root_id: String,
}

impl Object {
    fn read(answer: &Response) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The word for what went wrong, which has dots; empty where this is no error of Mattermost.
    fn error(&self) -> &str {
        if self.id.contains('.') { &self.id } else { "" }
    }
}

/// What the answer to a post, or to a change of one, means.
pub(crate) fn judge(answer: Result<Response, HttpError>, attempt: &Attempt) -> Outcome {
    conclude(answer, attempt, |answer, object| match answer.status {
        200 | 201 if is_id(&object.id) => {
            let mut outcome = Outcome::delivered(Proof::Confirmed);
            for verdict in &mut outcome.verdicts {
                if let Verdict::Delivered(receipt) = verdict {
                    receipt.remote_id = Some(remote_id(object));
                }
            }
            Some(outcome)
        }
        _ => None,
    })
}

/// What the answer of a webhook means. It tells no id.
pub(crate) fn judge_hook(answer: Result<Response, HttpError>, attempt: &Attempt) -> Outcome {
    let answer = answer.map_err(|error| match error {
        HttpError::Denied(mut problem) => {
            problem.detail.push_str("; `webhook_url` must lead to the server that `url` names");
            HttpError::Denied(problem)
        }
        other => other,
    });
    conclude(answer, attempt, |answer, _| {
        let is_ok = answer.status == 200 && answer.text().trim() == "ok";
        is_ok.then(|| Outcome::delivered(Proof::Confirmed))
    })
}

/// The id of the channel that was asked for, or why there is none.
pub(crate) fn channel_id(
    answer: Result<Response, HttpError>,
    attempt: &Attempt,
) -> Result<String, Outcome> {
    if let Ok(answer) = &answer
        && answer.status == 200
    {
        let object = Object::read(answer);
        if is_id(&object.id) {
            return Ok(object.id);
        }
    }
    match answer {
        // Nothing was posted yet.
        Err(HttpError::NoAnswer(problem)) => Err(Outcome::unavailable(problem.detail)
            .concerning(Scope::Endpoint)
            .coded(&problem.code)),
        answer => Err(conclude(answer, attempt, |_, _| None)),
    }
}

/// The thread's first post is gone, or is in another channel.
pub(crate) fn is_thread_gone(answer: &Response) -> bool {
    let object = Object::read(answer);
    answer.status >= 400
        && matches!(
            object.error(),
            "api.post.create_post.root_id.app_error"
                | "api.post.create_post.channel_root_id.app_error"
        )
}

/// The post to change is gone, or is not ours to change: the server says 403 to both. A real lack of
/// rights shows again when a new post is made.
pub(crate) fn is_post_gone(answer: &Response) -> bool {
    matches!(answer.status, 403 | 404) || (answer.status == 400 && is_edit_refused(answer))
}

/// The time in which posts may be changed is over.
fn is_edit_refused(answer: &Response) -> bool {
    Object::read(answer).error().starts_with("api.post.update_post.")
}

/// The server takes no priorities, or its license has no acknowledgements.
pub(crate) fn is_priority_refused(answer: &Response) -> bool {
    let object = Object::read(answer);
    let id = object.error();
    answer.status >= 400
        && (id.starts_with("api.post.post_priority.") || id.starts_with("license_error."))
}

/// Of a `remote-id`: the post, and the post that begins its thread.
pub(crate) fn parts(remote_id: &str) -> Option<(&str, &str)> {
    let (post_id, root_id) = remote_id.split_once(':').unwrap_or((remote_id, remote_id));
    (is_id(post_id) && is_id(root_id)).then_some((post_id, root_id))
}

/// All that a later change or reply needs: the post, and the thread it is in.
fn remote_id(post: &Object) -> String {
    if is_id(&post.root_id) { format!("{}:{}", post.id, post.root_id) } else { post.id.clone() }
}

fn conclude(
    answer: Result<Response, HttpError>,
    attempt: &Attempt,
    success: impl FnOnce(&Response, &Object) -> Option<Outcome>,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let object = Object::read(&answer);
    let mut outcome = match success(&answer, &object) {
        Some(outcome) => outcome,
        // It broke off before what proves that a post was made.
        None if (200..300).contains(&answer.status) && answer.ending == Ending::Cut => {
            Outcome::uncertain(answer.excerpt()).coded(&answer.status)
        }
        None => failure(&answer, Some(attempt.now.unix_ms)),
    };
    outcome.budgets = budget(&answer).into_iter().collect();
    outcome
}

/// What an answer means that is no success. `now_ms`: the time of the attempt, where that is known.
pub(crate) fn failure(answer: &Response, now_ms: Option<u64>) -> Outcome {
    let object = Object::read(answer);
    // Empty where somebody else answered.
    let id = object.error();
    let said = answer.excerpt();
    let wait_ms = now_ms.and_then(|now_ms| answer.retry_after_ms(now_ms));
    let recipient =
        |what: &str| Outcome::misconfigured(Scope::Recipient, format!("{said}; {what}"));
    let endpoint = |what: &str| Outcome::misconfigured(Scope::Endpoint, format!("{said}; {what}"));
    let outcome = match (answer.status, id) {
        (_, PENDING) => Outcome::unavailable(said).after(Some(PENDING_MS)),
        (400, "api.post.create_post.can_not_post_to_deleted.error") => {
            recipient("the channel is archived: unarchive it, or set another")
        }
        (400, "web.incoming_webhook.invalid.app_error") => {
            endpoint("the webhook was removed: make a new one and set `webhook_url`")
        }
        (401, _) => {
            endpoint("the token is not valid any more, or the bot is disabled: set `token`")
        }
        // Of Mattermost itself, it is about the channel; else the address leads elsewhere.
        (403, "") => endpoint("this is no answer of Mattermost: check `url`"),
        (403, _) => recipient("the bot or the webhook may not post there: add it to the channel"),
        (404, "") => endpoint("this is no answer of Mattermost: check `url`"),
        (404, _) => recipient("there is no such channel for the bot: check it, and its membership"),
        (407, _) => endpoint("a proxy asks who this is"),
        (501, _) => endpoint("the server has this turned off: enable incoming webhooks"),
        (300..400, _) => endpoint("redirects are not followed: set `url` to where it is now"),
        (408 | 425, _) => Outcome::unavailable(said).after(wait_ms),
        (413, _) => Outcome::too_large(said),
        // The limit is one for all that comes from this address.
        (429, _) => Outcome::rate_limited(wait_ms.or_else(|| reset_ms(answer)), Scope::Origin),
        (400..500, _) => Outcome::rejected(said),
        (500.., _) => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
        (..300, _) => endpoint("this is no answer of Mattermost: check `url`"),
    };
    if id.is_empty() { outcome.coded(&answer.status) } else { outcome.coded(id) }
}

/// What the server says that is left of its limit.
fn budget(answer: &Response) -> Option<Budget> {
    let remaining = answer.header("x-ratelimit-remaining")?.trim().parse().ok()?;
    Some(Budget { scope: Scope::Origin, remaining, reset_ms: reset_ms(answer)? })
}

/// In seconds from now, and not a time.
fn reset_ms(answer: &Response) -> Option<u32> {
    let seconds: u32 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000).min(retry_after::WAIT_MS_MAX))
}

#[cfg(test)]
mod tests;
