//! Asks the server, without a post: is it there, does the token work, is the channel open to it?

use campanile_guest::{
    Certainty, Failure, Fault, Finding, HttpError, Response, Scope, Verdict, http, settings,
};
use serde::Deserialize;

use crate::answer;
use crate::request::{Server, ping};
use crate::settings::{Mode, Settings, is_id};

#[derive(Debug, Default, Deserialize)]
struct Ping {
    #[serde(default)]
    status: String,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
    #[serde(default)]
    is_bot: bool,
}

#[derive(Debug, Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    display_name: String,
    /// Milliseconds since the Unix epoch; 0: it is not archived.
    #[serde(default)]
    delete_at: u64,
}

pub(crate) fn find(settings: &Settings, scope: Scope) -> Result<Finding, Failure> {
    let base = settings.base().map_err(Failure::Misconfigured)?;
    let pong = ask(http::send(&ping(base)))?;
    let status = serde_json::from_slice::<Ping>(&pong.body).unwrap_or_default().status;
    if status.is_empty() {
        let fault = Fault::new(
            Scope::Endpoint,
            pong.status.to_string(),
            "this is no answer of Mattermost: check `url`",
        );
        return Err(Failure::Misconfigured(fault));
    }
    let mut facts = vec![("server".to_owned(), status)];
    if settings.mode == Mode::Webhook {
        settings.webhook_url().map_err(Failure::Misconfigured)?;
        let summary = "the server is there; whether the webhook works, only a message shows";
        return Ok(Finding { certainty: Certainty::Reachable, summary: summary.into(), facts });
    }

    let token = settings.token().map_err(Failure::Misconfigured)?;
    let server = Server { base, token, agent: None };
    let me = ask(http::send(&server.get("/users/me")))?;
    let me: User = parsed(&me)?;
    facts.push(("user".into(), me.username.clone()));
    facts.push(("is_bot".into(), me.is_bot.to_string()));
    let has_channel = settings.check_channel().is_ok();
    if scope != Scope::Recipient && !has_channel {
        let summary = format!("the token works, it is that of {}", me.username);
        return Ok(Finding { certainty: Certainty::Likely, summary, facts });
    }
    find_channel(settings, &server, &me, facts)
}

fn find_channel(
    settings: &Settings,
    server: &Server<'_>,
    me: &User,
    mut facts: Vec<(String, String)>,
) -> Result<Finding, Failure> {
    settings.check_channel().map_err(Failure::Misconfigured)?;
    let request = match (&settings.channel_id, &settings.team, &settings.channel) {
        (Some(id), _, _) => server.get(&format!("/channels/{id}")),
        (None, Some(team), Some(channel)) => server.channel_by_name(team, channel),
        _ => {
            let fault = settings::missing(Scope::Recipient, "channel_id", "set it");
            return Err(Failure::Misconfigured(fault));
        }
    };
    let answer = ask(http::send(&request))?;
    // It goes into an address.
    let channel = parsed::<Channel>(&answer)?;
    if !is_id(&channel.id) {
        return Err(odd(answer.status));
    }
    let name = [&channel.display_name, &channel.name].into_iter().find(|name| !name.is_empty());
    let name = name.unwrap_or(&channel.id).clone();
    facts.push(("channel".into(), name.clone()));
    facts.push(("channel_id".into(), channel.id.clone()));
    if channel.delete_at != 0 {
        let detail = format!("the channel {name} is archived: unarchive it, or set another");
        return Err(Failure::Misconfigured(Fault::new(Scope::Recipient, "archived", detail)));
    }
    let member = server.get(&format!("/channels/{}/members/me", channel.id));
    let (certainty, summary) = match http::send(&member) {
        Ok(answer) if answer.status == 200 => (
            Certainty::Proven,
            format!("the token works, and {} is in the channel {name}", me.username),
        ),
        // To a public channel it may be let post all the same.
        Ok(answer) if matches!(answer.status, 403 | 404) => (
            Certainty::Likely,
            format!("the token works, but {} is not in the channel {name}: add it", me.username),
        ),
        answer => return Err(ask(answer).err().unwrap_or_else(|| odd(200))),
    };
    facts.push(("is_member".into(), (certainty == Certainty::Proven).to_string()));
    Ok(Finding { certainty, summary, facts })
}

/// An answer of 200, or what another one means.
fn ask(answer: Result<Response, HttpError>) -> Result<Response, Failure> {
    match answer {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(answer) => {
            let status = answer.status;
            match answer::failure(&answer, None).verdicts.pop() {
                Some(Verdict::Failed(failure)) => Err(failure),
                _ => Err(odd(status)),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn parsed<'a, T: Deserialize<'a>>(answer: &'a Response) -> Result<T, Failure> {
    serde_json::from_slice(&answer.body).map_err(|_| odd(answer.status))
}

fn odd(status: u16) -> Failure {
    let detail = "this is no answer of Mattermost: check `url`";
    Failure::Misconfigured(Fault::new(Scope::Endpoint, status.to_string(), detail))
}
