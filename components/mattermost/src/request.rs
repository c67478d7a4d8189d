//! The calls of Mattermost's API that are made here.

use campanile_guest::{Coding, Filling, Message, Method, Request, json};

use crate::message::USER_AGENT;

/// How long to wait for one whole answer, in milliseconds. A post takes four calls at most.
const TIMEOUT_MS: u32 = 11_000;

/// Whom to call, and as whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'a> {
    /// Without a slash at its end.
    pub(crate) base: &'a str,
    pub(crate) token: &'a str,
    pub(crate) agent: Option<&'a str>,
}

/// Where a post goes, and how the server knows it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address<'a> {
    pub(crate) channel_id: &'a str,
    /// A second post with this key within 30 s is the first one.
    pub(crate) pending_post_id: &'a str,
    /// The post that begins the thread.
    pub(crate) root_id: Option<&'a str>,
}

impl Server<'_> {
    /// A new post: what `format` made, and before it the address.
    pub(crate) fn post(&self, body: &[u8], address: &Address<'_>) -> Request {
        let mut addressed = String::from("{");
        let root = address.root_id.map(|id| ("root_id", id));
        let parts =
            [("channel_id", address.channel_id), ("pending_post_id", address.pending_post_id)];
        for (name, value) in parts.into_iter().chain(root) {
            json::push_string(&mut addressed, name);
            addressed.push(':');
            json::push_string(&mut addressed, value);
            addressed.push(',');
        }
        let mut whole = addressed.into_bytes();
        whole.extend_from_slice(body.strip_prefix(b"{").unwrap_or(body));
        Request { body: whole, ..self.call(Method::Post, "/posts") }
    }

    /// Puts what `format` made in the place of what a post says.
    pub(crate) fn patch(&self, post_id: &str, body: &[u8]) -> Request {
        Request {
            body: body.to_vec(),
            ..self.call(Method::Put, &format!("/posts/{post_id}/patch"))
        }
    }

    pub(crate) fn channel_by_name(&self, team: &str, channel: &str) -> Request {
        self.get(&format!("/teams/name/{team}/channels/name/{channel}"))
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.call(Method::Get, path)
    }

    fn call(&self, method: Method, path: &str) -> Request {
        let mut request = bare(method, &format!("{}/api/v4{path}", self.base), self.agent);
        request.headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        request
    }
}

/// Whether anything is there that is a Mattermost; needs no token.
pub(crate) fn ping(base: &str) -> Request {
    bare(Method::Get, &format!("{base}/api/v4/system/ping"), None)
}

/// A post by a webhook.
pub(crate) fn hook(url: &str, message: &Message) -> Request {
    Request { body: message.body.clone(), ..bare(Method::Post, url, agent(message)) }
}

pub(crate) fn agent(message: &Message) -> Option<&str> {
    let found = message.notes.iter().find(|(name, _)| name == USER_AGENT);
    found.map(|(_, agent)| agent.as_str())
}

fn bare(method: Method, url: &str, agent: Option<&str>) -> Request {
    let mut headers = vec![];
    if method != Method::Get {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    headers.extend(agent.map(|agent| (USER_AGENT.to_owned(), agent.to_owned())));
    Request {
        method,
        url: url.to_owned(),
        headers,
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}
