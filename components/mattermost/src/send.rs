//! One message, and the calls that it takes: one, mostly.
//!
//! A second call only where the first is known to have changed nothing: the thread is gone, the
//! post to change is gone, or the server takes no priorities. An alert is not lost for its looks.

use campanile_guest::{
    Attempt, Fault, HttpError, Message, OnRelease, Outcome, Response, Scope, http, settings,
};

use crate::answer;
use crate::request::{self, Address, Server};
use crate::settings::{Mode, Settings};

pub(crate) fn send(
    message: &Message,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Outcome, Fault> {
    match settings.mode {
        Mode::Rest => post(message, settings, attempt),
        Mode::Webhook => {
            let answer = http::send(&request::hook(settings.webhook_url()?, message));
            Ok(answer::judge_hook(answer, attempt))
        }
    }
}

fn post(message: &Message, settings: &Settings, attempt: &Attempt) -> Result<Outcome, Fault> {
    settings.check_channel()?;
    let agent = request::agent(message);
    let server = Server { base: settings.base()?, token: settings.token()?, agent };
    let previous = Previous::of(message, attempt);
    if let Some(Previous::Edit { post_id }) = previous {
        let answer = http::send(&server.patch(post_id, &message.body));
        if !is(&answer, answer::is_post_gone) {
            return Ok(answer::judge(answer, attempt));
        }
    }
    let found;
    let channel_id = match &settings.channel_id {
        Some(id) => id,
        None => match find_channel(&server, settings, attempt) {
            Ok(id) => {
                found = id;
                &found
            }
            Err(outcome) => return Ok(outcome),
        },
    };
    let root_id = match previous {
        Some(Previous::Reply { root_id }) => Some(root_id),
        _ => None,
    };
    let address = Address { channel_id, pending_post_id: &attempt.message_id, root_id };
    Ok(post_to(&server, &message.body, address, attempt))
}

fn post_to(server: &Server<'_>, body: &[u8], address: Address<'_>, attempt: &Attempt) -> Outcome {
    let answer = http::send(&server.post(body, &address));
    if address.root_id.is_some() && is(&answer, answer::is_thread_gone) {
        return post_to(server, body, Address { root_id: None, ..address }, attempt);
    }
    if is(&answer, answer::is_priority_refused)
        && let Some(body) = without_metadata(body)
    {
        let outcome = post_to(server, &body, address, attempt);
        return outcome.warned(
            "the server refused the priority of the post, so it went without; allow message \
             priorities in Mattermost, or set `priority` to an empty text and `requested_ack` to \
             false",
        );
    }
    answer::judge(answer, attempt)
}

fn find_channel(
    server: &Server<'_>,
    settings: &Settings,
    attempt: &Attempt,
) -> Result<String, Outcome> {
    let (Some(team), Some(channel)) = (&settings.team, &settings.channel) else {
        return Err(settings::missing(Scope::Recipient, "channel_id", "set it").into());
    };
    let answer = http::send(&server.channel_by_name(team, channel));
    answer::channel_id(answer, attempt)
}

/// The post without its priority; `None`: it has none.
fn without_metadata(body: &[u8]) -> Option<Vec<u8>> {
    let mut post: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
    post.remove("metadata")?;
    serde_json::to_vec(&post).ok()
}

/// What becomes of the post that told of the beginning.
#[derive(Clone, Copy)]
enum Previous<'a> {
    Reply { root_id: &'a str },
    Edit { post_id: &'a str },
}

impl<'a> Previous<'a> {
    fn of(message: &Message, attempt: &'a Attempt) -> Option<Self> {
        let way = OnRelease::of_notes(&message.notes)?;
        let previous = attempt.deliveries.first()?.previous.as_deref()?;
        let (post_id, root_id) = answer::parts(previous)?;
        match way {
            OnRelease::Reply => Some(Self::Reply { root_id }),
            OnRelease::Edit => Some(Self::Edit { post_id }),
            OnRelease::New | OnRelease::None => None,
        }
    }
}

fn is(answer: &Result<Response, HttpError>, what: fn(&Response) -> bool) -> bool {
    answer.as_ref().is_ok_and(what)
}
