//! Requests to TheHive, and in which order.
//!
//! An alert is created with one request. TheHive may say that it has it already: then it is looked
//! for, so that its end can be told, and a release that was about to create it changes it instead.

use campanile_guest::{
    Attempt, Coding, Failure, Filling, Finding, HttpError, Message, Method, Outcome, Request,
    Response,
};

use serde_json::{Value, json};

use crate::answer::{self, Created};
use crate::message::{ALERT_ID, UPDATE, USER_AGENT};
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
            let create: Value = serde_json::from_slice(&message.body).unwrap_or_default();
            let found = ask(Method::Post, "/api/v1/query", query(&create));
            let found = answer::found(found, &create["sourceRef"]);
            match (note(UPDATE), found) {
                (Some(update), Some(id)) => change(&id, update.into_bytes()),
                (Some(_), None) => Outcome::unavailable(
                    "TheHive has the alert, but did not say under which id: that it is over \
                     could not be told",
                )
                .coded("not-found"),
                (None, id) => answer::known_by(id.as_deref(), Outcome::duplicate()),
            }
        }
    }
}

/// Finds the alert that TheHive says it has. `create`: what was to create it.
fn query(create: &Value) -> Vec<u8> {
    let same = ["type", "source", "sourceRef"]
        .map(|field| json!({ "_field": field, "_value": create[field] }));
    let steps = json!({ "query": [
        { "_name": "listAlert" },
        { "_name": "filter", "_and": same },
        { "_name": "page", "from": 0, "to": 1, "extraData": [] },
    ] });
    steps.to_string().into_bytes()
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
