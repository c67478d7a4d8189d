//! One message, and the calls that it takes: one, mostly; one for each part of a long text.
//!
//! Promise: a part that is known to have been taken is not sent again. Where a later one is not, the
//! outcome carries how many were, and which was the first; the next attempt goes on from there.
//!
//! Else another call only where the one before is known to have changed nothing: the group has
//! another number now, the markup was not taken, the message to change is gone. Each happens once at
//! most.

use campanile_guest::{
    Attempt, Failure, Fault, HttpError, Message, OnRelease, Outcome, Proof, Response, Verdict,
    http, telegram_html as html,
};
use serde_json::{Map, Value};

use crate::answer::{self, Said};
use crate::message::{MORE, TEXT_MAX, USER_AGENT};
use crate::request::{Bot, Target};
use crate::settings::{Chat, Settings};

pub(crate) fn send(
    message: &Message,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Outcome, Fault> {
    let chat = settings.chat()?;
    let note = |name| message.notes.iter().find(|(one, _)| one == name).map(|(_, it)| it.as_str());
    let Ok(mut body) = serde_json::from_slice::<Map<String, Value>>(&message.body) else {
        return Ok(Outcome::rejected("the message is no JSON object"));
    };
    let bot = Bot::new(settings, settings.bot_token()?, note(USER_AGENT));
    let more = body.remove(MORE);
    let topic = settings.message_thread_id;
    let mut sending =
        Sending { bot, body, chat, topic, attempt, is_moved: None, is_plain: false, warning: None };
    let way = OnRelease::of_notes(&message.notes);
    let outcome = sending.parts(more.as_ref().and_then(Value::as_array), way);
    Ok(sending.finished(outcome))
}

struct Sending<'a> {
    bot: Bot<'a>,
    body: Map<String, Value>,
    chat: &'a Chat,
    topic: Option<u32>,
    attempt: &'a Attempt,
    /// The chat's new number.
    is_moved: Option<i64>,
    /// The markup was not taken, and is taken away.
    is_plain: bool,
    /// What an operator should know of a message that was delivered.
    warning: Option<String>,
}

impl Sending<'_> {
    /// Whatever is not there yet, of the text and of what else is to be told.
    fn parts(&mut self, more: Option<&Vec<Value>>, way: Option<OnRelease>) -> Outcome {
        let mut sent = match self.attempt.carry.as_deref().and_then(Sent::read) {
            Some(sent) => sent,
            None => match Sent::first(self.first(way)) {
                Ok(sent) => sent,
                Err(outcome) => return outcome,
            },
        };
        for part in more.into_iter().flatten().skip(sent.count - 1) {
            let text = part.as_str().unwrap_or_default();
            let text = if self.is_plain { &html::shown(text, TEXT_MAX) } else { text };
            self.body.insert("text".into(), text.into());
            self.body.insert("disable_notification".into(), true.into());
            let mut outcome = self.post(sent.remote_id.as_deref().and_then(answer::parts));
            match &outcome.verdicts[..] {
                [Verdict::Delivered(_)] => sent.count += 1,
                // The alert is told; a new message would tell it twice.
                [Verdict::Failed(Failure::Rejected(reason) | Failure::TooLarge(reason))] => {
                    let what = "Telegram took the beginning of the text and refused the rest";
                    self.warning = Some(format!("{what}: {}", reason.detail));
                    break;
                }
                _ => {
                    outcome.carry = Some(sent.to_carry());
                    return outcome;
                }
            }
        }
        sent.outcome
    }

    /// The message itself, or the change of the one that told of the beginning.
    fn first(&mut self, way: Option<OnRelease>) -> Outcome {
        let previous = self.attempt.deliveries.first().and_then(|one| one.previous.as_deref());
        let previous = previous.and_then(answer::parts).filter(|one| is_in(self.chat, one.0));
        match way.zip(previous) {
            Some((OnRelease::Edit, (_, message_id))) => {
                let answer = self.edit(message_id);
                if let Ok(answer) = &answer
                    && Said::read(answer).may_not_edit()
                {
                    return self.post(None);
                }
                answer::judge_edit(answer, self.attempt)
            }
            way => self.post(way.and(previous)),
        }
    }

    /// `answers`: a chat, and the message in it that this one answers.
    fn post(&mut self, answers: Option<(i64, i64)>) -> Outcome {
        let moved = self.is_moved.map(Chat::Id);
        let chat = moved.as_ref().unwrap_or(self.chat);
        // A group has neither the topics nor the messages of the one that became it.
        let topic = self.topic.filter(|_| moved.is_none());
        let in_chat = answers.filter(|one| is_in(chat, one.0)).map(|(_, message_id)| message_id);
        let answer =
            http::send(&self.bot.send(&self.body, &Target { chat, topic, answers: in_chat }));
        let Ok(said) = answer.as_ref().map(Said::read) else {
            return answer::judge(answer, self.attempt);
        };
        if let (Some(moved), None) = (said.migrated_to(), self.is_moved) {
            self.is_moved = Some(moved);
            return self.post(answers);
        }
        if said.cannot_parse() && self.strip() {
            return self.post(answers);
        }
        answer::judge(answer, self.attempt)
    }

    fn edit(&mut self, message_id: i64) -> Result<Response, HttpError> {
        let answer = http::send(&self.bot.edit(&self.body, self.chat, message_id));
        let Ok(said) = answer.as_ref().map(Said::read) else { return answer };
        if let Some(moved) = said.migrated_to() {
            self.is_moved = Some(moved);
        } else if said.cannot_parse() && self.strip() {
            return self.edit(message_id);
        }
        answer
    }

    /// Makes plain text of it; `false`: it is that already.
    fn strip(&mut self) -> bool {
        let Some(text) = self.body.get("text").and_then(Value::as_str) else { return false };
        if !self.body.contains_key("parse_mode") {
            return false;
        }
        let text = html::shown(text, TEXT_MAX);
        self.body.insert("text".into(), text.into());
        self.body.remove("parse_mode");
        self.is_plain = true;
        let what = "Telegram could not read the markup of this message, so it went as plain text";
        self.warning = Some(what.into());
        true
    }

    /// With what an operator should know, and the chat's new number, so that the next message goes
    /// there.
    fn finished(self, mut outcome: Outcome) -> Outcome {
        let moved = self.is_moved.map(|id| ("/chat_id".to_owned(), id.to_string()));
        outcome.corrections.extend(moved);
        match self.warning {
            Some(warning) => outcome.warned(warning),
            None => outcome,
        }
    }
}

/// Parts that were taken, from the first on.
struct Sent {
    /// 1 at least.
    count: usize,
    /// Of the first.
    remote_id: Option<String>,
    /// What the first one's answer means.
    outcome: Outcome,
}

impl Sent {
    /// The outcome itself where the first was not taken.
    fn first(outcome: Outcome) -> Result<Self, Outcome> {
        match &outcome.verdicts[..] {
            [Verdict::Delivered(receipt)] => {
                Ok(Self { count: 1, remote_id: receipt.remote_id.clone(), outcome })
            }
            _ => Err(outcome),
        }
    }

    /// `carry`: what the attempt before handed on, such as `2 -1001234567890:42`.
    fn read(carry: &str) -> Option<Self> {
        let (count, remote_id) = carry.split_once(' ')?;
        let count = count.parse().ok().filter(|count| *count >= 1)?;
        let remote_id = answer::parts(remote_id).map(|_| remote_id.to_owned());
        let outcome = answer::named(Outcome::delivered(Proof::Confirmed), remote_id.as_deref());
        Some(Self { count, remote_id, outcome })
    }

    fn to_carry(&self) -> String {
        format!("{} {}", self.count, self.remote_id.as_deref().unwrap_or_default())
    }
}

/// A name may stand for another chat by now, in which a message is not found.
fn is_in(chat: &Chat, in_chat: i64) -> bool {
    match chat {
        Chat::Id(id) => *id == in_chat,
        Chat::Name(_) => true,
    }
}
