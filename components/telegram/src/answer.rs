//! Reads Telegram's answers.
//!
//! The verdict is in the body: `ok`, and where that is false a code and a description in words. The
//! server makes 400 of many errors, so the words count beside the code. One `match`, every branch
//! visible.

use campanile_guest::{
    Attempt, Ending, HttpError, Outcome, Proof, Response, Scope, Verdict, retry_after,
};
use serde::Deserialize;

/// A wait of more than so many seconds is one for the whole bot, and not for one chat.
const CHAT_WAIT_S_MAX: u64 = 30;

/// What the server said.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Said {
    ok: Option<bool>,
    #[serde(default)]
    result: Option<serde_json::Value>,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    retry_after: Option<u64>,
    #[serde(default)]
    migrate_to_chat_id: Option<i64>,
}

impl Said {
    pub(crate) fn read(answer: &Response) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// What was asked for; `None`: it was refused.
    pub(crate) fn result(&self) -> Option<&serde_json::Value> {
        self.result.as_ref().filter(|_| self.ok == Some(true))
    }

    /// The number of the group that this one became.
    pub(crate) fn migrated_to(&self) -> Option<i64> {
        self.parameters.migrate_to_chat_id.filter(|_| self.ok == Some(false))
    }

    pub(crate) fn cannot_parse(&self) -> bool {
        self.is_refused_for(&["can't parse entities", "can't parse message text"])
    }

    /// The message to change is gone, is another's, or is too old; or its group is another now.
    pub(crate) fn may_not_edit(&self) -> bool {
        self.migrated_to().is_some()
            || self.is_refused_for(&[
                "message to edit not found",
                "message can't be edited",
                "message_id_invalid",
                "there is no text in the message to edit",
            ])
    }

    fn is_unchanged(&self) -> bool {
        self.is_refused_for(&["message is not modified"])
    }

    fn is_refused_for(&self, words: &[&str]) -> bool {
        let description = self.description.to_lowercase();
        self.ok == Some(false) && words.iter().any(|one| description.contains(one))
    }
}

/// What a description says that stands for the recipient: the chat, the topic, or the bot's rights
/// there. In lower case.
const OF_CHAT: [&str; 20] = [
    "chat not found",
    "chat_id is empty",
    "user not found",
    "peer_id_invalid",
    "message thread not found",
    "message_thread_invalid",
    "topic_closed",
    "topic_deleted",
    "topic_id_invalid",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_admin_required",
    "chat_restricted",
    "channel_private",
    "group chat was deactivated",
    "bot was kicked",
    "bot is not a member",
    "member list is inaccessible",
];

/// What the answer to a new message means.
pub(crate) fn judge(answer: Result<Response, HttpError>, attempt: &Attempt) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    let said = Said::read(&answer);
    match said.result() {
        Some(message) => named(Outcome::delivered(Proof::Confirmed), remote_id(message).as_deref()),
        None => failure(&answer, &said, Some(attempt.now.unix_ms)),
    }
}

/// What the answer to a changed message means.
pub(crate) fn judge_edit(answer: Result<Response, HttpError>, attempt: &Attempt) -> Outcome {
    if let Ok(answer) = &answer
        && Said::read(answer).is_unchanged()
    {
        let previous = attempt.deliveries.first().and_then(|one| one.previous.as_deref());
        return named(Outcome::duplicate(), previous);
    }
    judge(answer, attempt)
}

/// What an answer means that is no success. `now_ms`: the time of the attempt, where that is known.
pub(crate) fn failure(answer: &Response, said: &Said, now_ms: Option<u64>) -> Outcome {
    let excerpt = answer.excerpt();
    let Some(ok) = said.ok else {
        return strange(answer, now_ms);
    };
    let status = said.error_code.unwrap_or(answer.status);
    let recipient =
        |what: &str| Outcome::misconfigured(Scope::Recipient, format!("{excerpt}; {what}"));
    let endpoint =
        |what: &str| Outcome::misconfigured(Scope::Endpoint, format!("{excerpt}; {what}"));
    let wait_ms = wait_ms(answer, said, now_ms);
    let outcome = match status {
        _ if ok => endpoint("this is no answer of the Bot API: check `api_base`"),
        400 if said.migrated_to().is_some() => {
            recipient("the group became another: set `chat_id` to its new number")
        }
        400 if said.is_refused_for(&OF_CHAT) => {
            recipient("check `chat_id`, the topic, and the bot's rights there")
        }
        // A token that is not like one is no path of theirs.
        401 | 404 => endpoint("the token is not that of a bot any more: set `bot_token`"),
        403 => recipient("the bot may not write there: add or start it again, or set another chat"),
        408 | 425 => Outcome::unavailable(excerpt).after(wait_ms),
        413 => Outcome::too_large(excerpt),
        429 => {
            let seconds = wait_ms.unwrap_or_default() / 1000;
            let is_whole = u64::from(seconds) > CHAT_WAIT_S_MAX;
            let scope = if is_whole { Scope::Endpoint } else { Scope::Recipient };
            Outcome::rate_limited(wait_ms, scope)
        }
        500.. => Outcome::unavailable(excerpt).after(wait_ms).concerning(Scope::Endpoint),
        // Its text is too long or empty, its markup cannot be read even as plain text, ...
        _ => Outcome::rejected(excerpt),
    };
    outcome.coded(&status)
}

/// Somebody else answered: a proxy, mostly.
fn strange(answer: &Response, now_ms: Option<u64>) -> Outcome {
    let excerpt = answer.excerpt();
    let wait_ms = now_ms.and_then(|now_ms| answer.retry_after_ms(now_ms));
    let elsewhere = || {
        let detail = format!("{excerpt}; this is no answer of the Bot API: check `api_base`");
        Outcome::misconfigured(Scope::Endpoint, detail)
    };
    let outcome = match answer.status {
        // It broke off before what proves that the message was taken.
        200..300 if answer.ending == Ending::Cut => Outcome::uncertain(excerpt),
        300..400 => {
            let detail = format!("{excerpt}; redirects are not followed: set `api_base`");
            Outcome::misconfigured(Scope::Endpoint, detail)
        }
        408 | 425 => Outcome::unavailable(excerpt).after(wait_ms),
        413 => Outcome::too_large(excerpt),
        429 => Outcome::rate_limited(wait_ms, Scope::Endpoint),
        500.. => Outcome::unavailable(excerpt).after(wait_ms).concerning(Scope::Endpoint),
        _ => elsewhere(),
    };
    outcome.coded(&answer.status)
}

/// The wait asked for: in the body, else in the header.
fn wait_ms(answer: &Response, said: &Said, now_ms: Option<u64>) -> Option<u32> {
    let of_body = said.parameters.retry_after.map(|seconds| {
        let wait_ms = u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX);
        wait_ms.min(retry_after::WAIT_MS_MAX)
    });
    of_body.or_else(|| answer.retry_after_ms(now_ms?))
}

/// With the service's name for what it stored.
pub(crate) fn named(mut outcome: Outcome, remote_id: Option<&str>) -> Outcome {
    for verdict in &mut outcome.verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            receipt.remote_id = remote_id.map(str::to_owned);
        }
    }
    outcome
}

/// All that a later change or reply needs: `-1001234567890:42`, the chat and the message.
fn remote_id(message: &serde_json::Value) -> Option<String> {
    let chat = message["chat"]["id"].as_i64()?;
    let message_id = message["message_id"].as_i64()?;
    Some(format!("{chat}:{message_id}"))
}

/// Chat and message of a `remote-id`.
pub(crate) fn parts(remote_id: &str) -> Option<(i64, i64)> {
    let (chat, message_id) = remote_id.split_once(':')?;
    Some((chat.parse().ok()?, message_id.parse().ok()?))
}

#[cfg(test)]
mod tests;
