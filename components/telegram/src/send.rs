//! One message, and the calls that it takes: one, mostly.
//!
//! Another call only where the one before is known to have changed nothing: the group has another
//! number now, the markup was not taken, the message to change is gone. Each happens once at most.

use campanile_guest::{
    Attempt, Fault, HttpError, Message, Outcome, Response, http, telegram_html as html,
};
use serde_json::{Map, Value};

use crate::answer::{self, Said};
use crate::message::{ON_RELEASE, TEXT_MAX, USER_AGENT};
use crate::request::{Bot, Target};
use crate::settings::{Chat, Settings};

pub(crate) fn send(
    message: &Message,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Outcome, Fault> {
    let chat = settings.chat()?;
    let note = |name| message.notes.iter().find(|(one, _)| one == name).map(|(_, it)| it.as_str());
    let Ok(body) = serde_json::from_slice(&message.body) else {
        return Ok(Outcome::rejected("the message is no JSON object"));
    };
    let bot = Bot::new(settings, settings.bot_token()?, note(USER_AGENT));
    let mut sending = Sending { bot, body, attempt, is_moved: None, is_plain: false };
    let previous = note(ON_RELEASE).zip(previous(attempt, chat));
    let outcome = match previous {
        Some(("edit", message_id)) => {
            let answer = sending.edit(chat, message_id);
            if let Ok(answer) = &answer
                && Said::read(answer).may_not_edit()
            {
                sending.post(chat, settings.message_thread_id, None)
            } else {
                answer::judge_edit(answer, attempt)
            }
        }
        Some((_, message_id)) => sending.post(chat, settings.message_thread_id, Some(message_id)),
        None => sending.post(chat, settings.message_thread_id, None),
    };
    Ok(sending.corrected(outcome))
}

struct Sending<'a> {
    bot: Bot<'a>,
    body: Map<String, Value>,
    attempt: &'a Attempt,
    /// The chat's new number.
    is_moved: Option<i64>,
    /// The markup was not taken.
    is_plain: bool,
}

impl Sending<'_> {
    fn post(&mut self, chat: &Chat, topic: Option<u32>, answers: Option<i64>) -> Outcome {
        let moved = self.is_moved.map(Chat::Id);
        let target = match &moved {
            // Neither its topics nor its messages are those of the old one.
            Some(chat) => Target { chat, topic: None, answers: None },
            None => Target { chat, topic, answers },
        };
        let answer = http::send(&self.bot.send(&self.body, &target));
        let Ok(said) = answer.as_ref().map(Said::read) else {
            return answer::judge(answer, self.attempt);
        };
        if let (Some(moved), None) = (said.migrated_to(), self.is_moved) {
            self.is_moved = Some(moved);
            return self.post(chat, topic, answers);
        }
        if said.cannot_parse() && self.strip() {
            return self.post(chat, topic, answers).warned(
                "Telegram could not read the markup of this message, so it went as plain text",
            );
        }
        answer::judge(answer, self.attempt)
    }

    fn edit(&mut self, chat: &Chat, message_id: i64) -> Result<Response, HttpError> {
        let answer = http::send(&self.bot.edit(&self.body, chat, message_id));
        let Ok(said) = answer.as_ref().map(Said::read) else { return answer };
        if let Some(moved) = said.migrated_to() {
            self.is_moved = Some(moved);
        } else if said.cannot_parse() && self.strip() {
            return self.edit(chat, message_id);
        }
        answer
    }

    /// Makes plain text of it; `false`: it is that already.
    fn strip(&mut self) -> bool {
        let Some(text) = self.body.get("text").and_then(Value::as_str) else { return false };
        if self.is_plain || !self.body.contains_key("parse_mode") {
            return false;
        }
        let text = html::shown(text, TEXT_MAX);
        self.body.insert("text".into(), text.into());
        self.body.remove("parse_mode");
        self.is_plain = true;
        true
    }

    /// With the chat's new number, so that the next message goes there.
    fn corrected(&self, mut outcome: Outcome) -> Outcome {
        let moved = self.is_moved.map(|id| ("/chat_id".to_owned(), id.to_string()));
        outcome.corrections.extend(moved);
        outcome
    }
}

/// The message that told of the beginning, if it is in this chat still.
fn previous(attempt: &Attempt, chat: &Chat) -> Option<i64> {
    let remote_id = attempt.deliveries.first()?.previous.as_deref()?;
    let (in_chat, message_id) = answer::parts(remote_id)?;
    match chat {
        Chat::Id(id) if *id != in_chat => None,
        // A name may stand for another chat by now, in which the message is not found.
        Chat::Id(_) | Chat::Name(_) => Some(message_id),
    }
}
