//! The calls of the Bot API that are made here.

use campanile_guest::{Coding, Filling, Method, Request};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::message::USER_AGENT;
use crate::settings::{Chat, Settings};

/// How long to wait for one whole answer, in milliseconds. A message takes six calls at most:
/// three parts, a change that cannot be made, one whose markup is not taken, and one to a group that
/// is another by now.
const TIMEOUT_MS: u32 = 11_000;

/// Whom to call, and as whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bot<'a> {
    /// Without a slash at its end.
    base: &'a str,
    token: &'a str,
    is_test: bool,
    agent: Option<&'a str>,
}

impl<'a> Bot<'a> {
    pub(crate) fn new(settings: &'a Settings, token: &'a str, agent: Option<&'a str>) -> Self {
        Self { base: &settings.api_base, token, is_test: settings.test_env, agent }
    }

    /// A new message: what `format` made, and where it goes.
    pub(crate) fn send(&self, body: &Map<String, Value>, to: &Target<'_>) -> Request {
        let mut body = body.clone();
        body.insert("chat_id".into(), json!(to.chat));
        if let Some(topic) = to.topic {
            body.insert("message_thread_id".into(), topic.into());
        }
        if let Some(answered) = to.answers {
            // The message to answer may be gone; what is over is told all the same.
            let reply = json!({ "message_id": answered, "allow_sending_without_reply": true });
            body.insert("reply_parameters".into(), reply);
        }
        self.call("sendMessage", &body)
    }

    /// Puts what `format` made in the place of what a message says.
    pub(crate) fn edit(&self, body: &Map<String, Value>, chat: &Chat, message_id: i64) -> Request {
        let mut body = body.clone();
        // A change notifies nobody, and changes nothing but the text.
        body.remove("disable_notification");
        body.remove("protect_content");
        body.insert("chat_id".into(), json!(chat));
        body.insert("message_id".into(), message_id.into());
        self.call("editMessageText", &body)
    }

    pub(crate) fn call<T: Serialize>(&self, method: &str, body: &T) -> Request {
        let test = if self.is_test { "/test" } else { "" };
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(self.agent.map(|agent| (USER_AGENT.to_owned(), agent.to_owned())));
        Request {
            method: Method::Post,
            url: format!("{}/bot{}{test}/{method}", self.base, self.token),
            headers,
            body: serde_json::to_vec(body).unwrap_or_default(),
            filling: Filling::None,
            coding: Coding::Identity,
            timeout_ms: Some(TIMEOUT_MS),
        }
    }
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) chat: &'a Chat,
    pub(crate) topic: Option<u32>,
    /// The message that it answers.
    pub(crate) answers: Option<i64>,
}
