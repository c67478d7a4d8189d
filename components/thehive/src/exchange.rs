//! Requests to TheHive, and in which order.
//!
//! An alert is created with one request. TheHive may say that it has it already: then it is looked
//! for, so that its end can be told, and a release that was about to create it changes it instead.

use campanile_guest::{
    Attempt, Coding, Failure, Filling, Finding, HttpError, Message, Method, Outcome, Proof,
    Request, Response, Verdict,
};

use crate::answer::{self, Created};
use crate::message::{ALERT_ID, QUERY, UPDATE, USER_AGENT};
use crate::settings::Server;

/// How long to wait for the whole of one answer, in milliseconds.
const TIMEOUT_MS: u32 = 18_000;

/// Hands a message over.
pub(crate) fn deliver(
    message: &Message,
    server: &Server,
    attempt: &Attempt,
    send: impl Fn(&Request) -> Result<Response, HttpError>,
) -> Outcome {
    let note = |name: &str| {
        message.notes.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone())
    };
    let agent = note(USER_AGENT);
    let ask = |method, path: &str, body: Vec<u8>| {
        let mut request = bare(method, path, server);
        request.headers.push(("content-type".into(), "application/json".into()));
        request.headers.extend(agent.clone().map(|agent| (USER_AGENT.to_owned(), agent)));
        send(&Request { body, ..request })
    };
    let change = |id: &str, body: Vec<u8>| {
        answer::changed(ask(Method::Patch, &format!("/api/v1/alert/{id}"), body), id, attempt)
    };
    if let Some(id) = note(ALERT_ID) {
        return change(&id, message.body.clone());
    }
    let created = ask(Method::Post, "/api/v1/alert", message.body.clone());
    match answer::created(created, attempt) {
        Created::Told(outcome) => outcome,
        Created::IsThere => {
            let query = note(QUERY).unwrap_or_default().into_bytes();
            let found = answer::found(ask(Method::Post, "/api/v1/query", query));
            match (note(UPDATE), found) {
                (Some(update), Some(id)) => change(&id, update.into_bytes()),
                (Some(_), None) => Outcome::unavailable(
                    "TheHive has the alert, but did not say under which id: that it is over \
                     could not be told",
                )
                .coded("not-found"),
                (None, id) => duplicate(id.as_deref()),
            }
        }
    }
}

/// Is it there, and may the user create alerts? Changes nothing.
pub(crate) fn probe(
    server: &Server,
    send: impl Fn(&Request) -> Result<Response, HttpError>,
) -> Result<Finding, Failure> {
    // Without the key: what is not TheHive need not see it.
    let mut public = bare(Method::Get, "/api/v1/status/public", server);
    public.headers.clear();
    let version = answer::version(send(&public))?;
    let user = send(&bare(Method::Get, "/api/v1/user/current", server));
    answer::user(user, version.as_deref())
}

fn duplicate(id: Option<&str>) -> Outcome {
    let mut outcome = Outcome::delivered(Proof::Confirmed);
    for verdict in &mut outcome.verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            receipt.duplicate = true;
            receipt.remote_id = id.map(str::to_owned);
        }
    }
    outcome
}

fn bare(method: Method, path: &str, server: &Server) -> Request {
    let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", server.api_key))];
    let organisation = server.organisation.clone();
    headers.extend(organisation.map(|name| ("x-organisation".to_owned(), name)));
    Request {
        method,
        url: format!("{}{path}", server.base),
        headers,
        body: vec![],
        filling: Filling::None,
        coding: Coding::Identity,
        timeout_ms: Some(TIMEOUT_MS),
    }
}
